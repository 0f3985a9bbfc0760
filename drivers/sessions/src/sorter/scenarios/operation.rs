//! Steady operation: scans, destinations, acknowledgements, lanes, watches, and the bounds of each.

use wcs_types::{
    BeltMm, Epoch, EventBody, EventSeq, Input, LaneNo, LinkChange, MonoTime, Nanos, Read, Refusal,
    SorterCommand, UnitCommand,
};

use super::super::plc_image::write_text;
use super::bench::Bench;

#[test]
fn scan_is_answered_in_the_ring() {
    let mut bench = Bench::ready();
    bench.plc.scan(9, "ABC");
    bench.run_ms(20);
    let event = &bench.events()[0];
    let EventBody::Scan(scan) = &event.body else { panic!("{event:?}") };
    assert_eq!((scan.read, scan.codes[0].as_bytes(), scan.point), (Read::Good, &b"ABC"[..], BeltMm(21_000)));
    assert_eq!((scan.length, scan.weight), (None, None));
    let left = scan.decide_by.since(bench.now);
    assert!(left < Nanos::from_secs(10) - Nanos::from_millis(20), "two PLC cycles are kept: {left:?}");
    assert!(left > Nanos::from_secs(10) - Nanos::from_millis(60), "{left:?}");
    let command = bench.destination(9, event.seq.0, scan.point.0);
    bench.command(SorterCommand::Destination(command));
    bench.run_ms(5);
    let at = bench.plc.map.command;
    let slot = &bench.plc.commands[0];
    assert_eq!((slot[at.kind], slot[at.item + 1], slot[at.lane], slot[at.alternative_1]), (1, 9, 7, 8));
    assert_eq!((slot[at.options], slot[at.answers]), (1, event.seq.0));
    assert!(slot[at.ms_left] > 9_900 && slot[at.ms_left] < 9_990);
    assert_eq!(bench.session.stats().scan_to_destination_us.len(), 1);
    bench.command(SorterCommand::Cancel { plc_epoch: Epoch(5), item: 9 });
    bench.run_ms(5);
    assert_eq!(bench.plc.commands[1][at.kind], 2);
}

#[test]
fn codes_that_span_slots_are_joined() {
    let mut bench = Bench::ready();
    let (at, kinds) = (bench.plc.map.event, bench.plc.words.events);
    let long = "0123456789012345678901234567890123456X";
    let more = |bench: &mut Bench, item, index, flags, text: &str| {
        bench.plc.event(kinds.scan_more, item, |slot| {
            slot[at.more_index] = index;
            slot[at.flags] |= flags;
            write_text(slot, at.more_text_length, at.more_text, text);
        });
    };
    let scan = |bench: &mut Bench, item, flags, text: &str| {
        bench.plc.event(kinds.scan, item, |slot| {
            slot[at.flags] |= flags;
            write_text(slot, at.scan_text_length, at.scan_text, text);
        });
    };
    scan(&mut bench, 1, 1, long);
    more(&mut bench, 1, 0, 2, "YZ");
    more(&mut bench, 1, 1, 0, "second");
    scan(&mut bench, 2, 2, "broken off");
    bench.plc.exit(3, 1);
    scan(&mut bench, 4, 1, long);
    more(&mut bench, 4, 0, 1, long);
    more(&mut bench, 4, 0, 0, "too long");
    scan(&mut bench, 5, 2, "1");
    (2..=6).for_each(|index| more(&mut bench, 5, index, if index < 6 { 2 } else { 0 }, "n"));
    more(&mut bench, 6, 1, 0, "stray");
    bench.run_ms(200);
    let events = bench.events();
    let reads: Vec<_> = events
        .iter()
        .map(|event| match &event.body {
            EventBody::Scan(scan) => (event.item, Some(scan.read), scan.codes.len()),
            _ => (event.item, None, 0),
        })
        .collect();
    let expected = [
        (1, Some(Read::Good), 2),
        (2, Some(Read::Multi), 1),
        (3, None, 0),
        (4, Some(Read::BadFormat), 1),
        (5, Some(Read::Multi), 4),
        (6, None, 0),
    ];
    assert_eq!(reads, expected);
    assert_eq!((events[0].seq, events[0].seq_last), (EventSeq(0), EventSeq(2)));
    let EventBody::Scan(first) = &events[0].body else { panic!("a scan") };
    assert_eq!(first.codes[0].as_bytes(), format!("{long}YZ").as_bytes());
    assert_eq!(events[5].body, EventBody::Unknown { kind: kinds.scan_more });
    assert_eq!(bench.session.stats().unknown_events, 1);
}

#[test]
fn late_foreign_and_old_commands_are_not_written() {
    let mut bench = Bench::ready();
    bench.plc.set_belt(50_000, 2_000);
    bench.run_ms(20);
    let passed = bench.destination(1, 0, 49_000);
    let mut foreign = bench.destination(2, 0, 90_000);
    foreign.plc_epoch = Epoch(4);
    let good = bench.destination(3, 0, 90_000);
    bench.command(SorterCommand::Destination(passed));
    bench.command(SorterCommand::Destination(foreign));
    bench.session.handle_command(bench.now, 5, SorterCommand::Destination(good));
    bench.session.handle_command(bench.now, 4, SorterCommand::Destination(good));
    bench.run_ms(20);
    assert_eq!(bench.plc.commands.len(), 1);
    assert_eq!(bench.inputs, [Input::Refused { line: wcs_types::LineId(0), refusal: Refusal::Late(passed) }]);
    let stats = bench.session.stats();
    assert_eq!((stats.late, stats.stale_commands, stats.destinations), (1, 2, 1));
}

#[test]
fn standing_belt_makes_nothing_late() {
    let mut bench = Bench::ready();
    bench.plc.set_belt(50_000, 0);
    bench.run_ms(20);
    let mut command = bench.destination(1, 0, 50_001);
    command.decide_by = MonoTime(1);
    bench.command(SorterCommand::Destination(command));
    bench.run_ms(20);
    assert_eq!(bench.plc.commands.len(), 1);
}

#[test]
fn ring_never_runs_ahead_of_the_plc() {
    let mut bench = Bench::ready();
    bench.plc.takes_commands = false;
    for item in 0..40 {
        let command = bench.destination(item, 0, 90_000);
        bench.command(SorterCommand::Destination(command));
    }
    bench.run_ms(500);
    assert_eq!(bench.last_block(bench.plc.map.control.cmd_head), 16, "the image asserts the same");
    bench.plc.resume_commands();
    bench.run_ms(100);
    let items: Vec<_> = bench.plc.commands.iter().map(|slot| slot[bench.plc.map.command.item + 1]).collect();
    assert_eq!(items, (0..40).collect::<Vec<_>>());
}

#[test]
fn commands_that_wait_too_long_for_a_place_come_back_late() {
    let mut bench = Bench::ready();
    bench.plc.takes_commands = false;
    for item in 0..20 {
        let command = bench.destination(item, 0, 3_000);
        bench.command(SorterCommand::Destination(command));
    }
    bench.run_ms(100);
    bench.plc.set_belt(3_100, 2_000);
    bench.run_ms(100);
    assert_eq!(bench.session.stats().late, 4);
}

#[test]
fn command_queue_has_a_bound() {
    let mut bench = Bench::ready();
    bench.plc.takes_commands = false;
    for item in 0..4_100 {
        let command = bench.destination(item, 0, 90_000);
        bench.command(SorterCommand::Destination(command));
    }
    bench.run_ms(1);
    let full = bench
        .inputs
        .iter()
        .filter(|input| matches!(input, Input::Refused { refusal: Refusal::QueueFull(_), .. }));
    assert_eq!(full.count(), 4);
}

#[test]
fn refused_slot_of_ours_is_written_again() {
    let mut bench = Bench::ready();
    for item in [1, 2] {
        let command = bench.destination(item, 0, 90_000);
        bench.command(SorterCommand::Destination(command));
    }
    bench.run_ms(20);
    let (at, owner) = (bench.plc.map.event, bench.owner.0);
    let older = owner.wrapping_sub(1);
    // The epoch is the one found in the slot: where an old owner wrote over ours it is the old one, in a torn slot any.
    for (command, code, epoch) in [(0, 7, older), (1, 3, owner), (1, 5, 0x5A5A), (9, 7, older)] {
        bench.plc.event(bench.plc.words.events.command_reject, 1, |slot| {
            slot[at.reject_command] = command;
            slot[at.reject_code] = code;
            slot[at.reject_owner_epoch] = epoch;
        });
    }
    bench.run_ms(50);
    let items: Vec<_> = bench.plc.commands.iter().map(|slot| slot[bench.plc.map.command.item + 1]).collect();
    assert_eq!(items, [1, 2, 1, 2], "not what was refused for its lane, nor what was never sent");
    assert_eq!(bench.session.stats().rewritten, 2);
    assert_eq!(bench.bodies().len(), 4, "the core sees every refusal");
}

#[test]
fn acknowledgement_never_runs_ahead_nor_back() {
    let mut bench = Bench::ready();
    bench.acknowledges = false;
    (1..=5).for_each(|item| bench.plc.scan(item, "A"));
    bench.run_ms(50);
    let at = bench.plc.map.control;
    assert_eq!((bench.last_block(at.evt_taken), bench.last_block(at.evt_ack)), (5, 0));
    for (plc_epoch, next, expected) in [(5, 3, 3), (5, 2, 3), (4, 5, 3), (5, 9, 3), (5, 5, 5)] {
        bench.command(SorterCommand::Ack { plc_epoch: Epoch(plc_epoch), next: EventSeq(next) });
        bench.run_ms(5);
        assert_eq!(bench.last_block(at.evt_ack), expected);
    }
}

#[test]
fn core_that_takes_nothing_stops_the_window() {
    let mut bench = Bench::ready();
    (0..400).for_each(|item| bench.plc.scan(item, "A"));
    // The core does not poll its inputs.
    for _ in 0..2_000 {
        if let Some(exchange) = bench.session.poll_exchange(bench.now) {
            let answer = bench.plc.answer(&exchange.request);
            bench.session.handle_answer(bench.now, exchange.id, answer);
        }
        bench.now += Nanos::from_millis(1);
        bench.plc.tick(bench.now);
    }
    let taken = bench.last_block(bench.plc.map.control.evt_taken);
    assert!((250..=256).contains(&taken), "{taken}");
    bench.run_ms(500);
    assert_eq!(bench.items(), (0..400).collect::<Vec<_>>());
}

#[test]
fn torn_slot_is_read_again_and_three_cycles_are_enough() {
    let mut bench = Bench::ready();
    bench.plc.torn_reads = 2;
    bench.plc.scan(1, "A");
    bench.run_ms(50);
    assert_eq!(bench.items(), [1]);
    assert_eq!(bench.session.stats().torn_slots, 2);
    bench.plc.torn_reads = 3;
    bench.plc.scan(2, "A");
    bench.run_ms(50);
    assert_eq!(bench.changes(), [LinkChange::Offline(wcs_types::OfflineReason::WindowTorn)]);
    assert!(bench.session.must_disconnect());
    bench.reconnect();
    bench.run_ms(1_000);
    assert_eq!(bench.items(), [1, 2]);
}

#[test]
fn scan_of_an_item_that_left_faults_the_device() {
    let mut bench = Bench::ready();
    bench.plc.scan(1, "A");
    bench.plc.exit(1, 7);
    bench.plc.scan(1, "A");
    bench.plc.exit(1, 1);
    bench.plc.scan(1, "A");
    bench.run_ms(100);
    assert_eq!(bench.items(), [1, 1, 1, 1]);
    let fault = LinkChange::Faulted(wcs_types::DeviceFault::ScanAfterExit { item: 1 });
    assert_eq!(bench.changes(), [fault]);
    assert!(bench.session.must_disconnect());
}

#[test]
fn events_the_plc_dropped_are_told_and_passed_over() {
    let mut bench = Bench::ready();
    bench.acknowledges = false;
    (1..=3).for_each(|item| bench.plc.scan(item, "A"));
    (0..2).for_each(|_| bench.plc.drop_oldest());
    bench.run_ms(50);
    assert_eq!(bench.items(), [3]);
    assert!(bench.changes().contains(&LinkChange::EventsLost { evt_lost: 2 }));
    assert_eq!(bench.session.stats().evt_lost, 2);
    assert_eq!(bench.last_block(bench.plc.map.control.evt_ack), 2);
}

#[test]
fn lanes_are_told_when_they_change() {
    let mut bench = Bench::ready();
    bench.plc.set_lane_word(bench.plc.map.lanes.lane_fault + 3, 0x8000);
    bench.run_ms(30);
    let Some(LinkChange::Lanes { fault, .. }) = bench.changes().pop() else { panic!("{:?}", bench.inputs) };
    assert!(fault.contains(LaneNo(64)));
    bench.run_ms(3_000);
    assert_eq!(bench.changes().len(), 1);
}

#[test]
fn watch_waits_for_events_that_came_before() {
    let mut bench = Bench::ready();
    bench.command(SorterCommand::Watch { plc_epoch: Epoch(5), at: BeltMm(2_000) });
    bench.run_ms(50);
    assert_eq!(bench.changes(), []);
    bench.plc.scan(1, "A");
    bench.plc.set_belt(2_000, 2_000);
    bench.run_ms(50);
    assert!(matches!(bench.inputs[0], Input::Sorter { .. }));
    assert_eq!(bench.changes(), [LinkChange::Travelled { plc_epoch: Epoch(5), belt: BeltMm(2_000) }]);
}

#[test]
fn machine_commands_get_a_block_each_and_are_never_replayed() {
    let mut bench = Bench::ready();
    bench.command(SorterCommand::Unit(UnitCommand::Reset));
    bench.command(SorterCommand::Unit(UnitCommand::Start));
    bench.run_ms(20);
    let at = bench.plc.map.control;
    let units: Vec<_> =
        bench.plc.blocks.iter().map(|block| (block[at.unit_cmd_cnt], block[at.unit_cmd])).collect();
    assert!(units.contains(&(1, 1)) && units.contains(&(2, 2)), "{units:?}");
    bench.session.handle_disconnected(bench.now);
    bench.command(SorterCommand::Unit(UnitCommand::Stop));
    bench.session.handle_connected(bench.now);
    bench.run_ms(1_000);
    assert_eq!((bench.last_block(at.unit_cmd_cnt), bench.last_block(at.unit_cmd)), (2, 2));
}

#[test]
fn idle_session_polls_and_says_which_polls_can_wait() {
    let mut bench = Bench::ready();
    bench.run_ms(20);
    let mut idle = 0;
    for _ in 0..50 {
        let wake = bench.session.next_wake();
        assert!(wake.latest.since(bench.now) <= Nanos::from_millis(100), "life words are not skipped");
        idle += u32::from(wake.is_idle_poll);
        bench.now = bench.now.later(wake.at);
        bench.plc.tick(bench.now);
        let exchange = bench.session.poll_exchange(bench.now).unwrap();
        let answer = bench.plc.answer(&exchange.request);
        bench.session.handle_answer(bench.now, exchange.id, answer);
    }
    assert!((35..50).contains(&idle), "{idle}");
}

#[test]
fn long_block_comes_at_least_every_five_seconds() {
    let mut bench = Bench::ready();
    let before = bench.plc.blocks.len();
    bench.run_ms(10_500);
    let long = bench.plc.blocks[before..].iter().filter(|block| block.len() == 80).count();
    assert!((2..=3).contains(&long), "{long}");
    let blocks = bench.plc.blocks.len() - before;
    assert!((100..=110).contains(&blocks), "one block per 100 ms: {blocks}");
}

#[test]
fn backlog_beyond_the_window_withdraws_the_permit_until_it_is_gone() {
    let mut bench = Bench::ready();
    let before = bench.plc.blocks.len();
    (1..=60).for_each(|item| bench.plc.scan(item, "A"));
    bench.run_ms(200);
    let at = bench.plc.map.control;
    let blocks = &bench.plc.blocks[before..];
    let withheld: Vec<_> =
        blocks.iter().filter(|block| block[at.permit] == 0).map(|block| block[at.evt_taken]).collect();
    assert!(withheld.contains(&16), "while more waits than the window shows: {withheld:?}");
    assert_eq!(bench.last_block(at.permit), 3, "and back when nothing waits");
    assert_eq!(bench.items().len(), 60);
}

#[test]
fn slots_are_written_around_the_end_of_the_ring() {
    let mut bench = Bench::ready();
    for burst in [0..5, 5..19, 19..30, 30..45] {
        for item in burst {
            let command = bench.destination(item, 0, 90_000);
            bench.command(SorterCommand::Destination(command));
        }
        bench.run_ms(50);
    }
    let items: Vec<_> = bench.plc.commands.iter().map(|slot| slot[bench.plc.map.command.item + 1]).collect();
    assert_eq!(items, (0..45).collect::<Vec<_>>());
}

#[test]
fn commanding_is_told_when_the_device_has_shown_permit_and_destination() {
    let mut bench = Bench::with(|plc| plc.set_belt(1_000, 2_000));
    let permitted = bench.plc.words.status.induct_permitted;
    bench.plc.scan(9, "ABC");
    bench.session.handle_connected(bench.now);
    bench.run_ms(500);
    let event = bench.events()[0].clone();
    let EventBody::Scan(scan) = &event.body else { panic!("{event:?}") };
    assert_eq!(bench.session.poll_commanding(), None, "this PLC does not show the permit");
    let command = bench.destination(9, event.seq.0, scan.point.0);
    bench.plc.takes_commands = false;
    bench.command(SorterCommand::Destination(command));
    let status = bench.plc.map.header.status;
    let shown = bench.plc.header(status) | permitted;
    bench.plc.set_header(status, shown);
    bench.run_ms(100);
    assert_eq!(bench.session.poll_commanding(), None, "the destination was written and is not taken");
    bench.plc.resume_commands();
    bench.run_ms(100);
    let proven = bench.session.poll_commanding().unwrap();
    assert!(proven.first_taken_at.unwrap() > proven.permit_accepted_at, "{proven:?}");
    bench.run_ms(100);
    assert_eq!(bench.session.poll_commanding(), None, "told once");
}
