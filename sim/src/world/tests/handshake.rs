//! The handshake: who is obeyed, which pointers are taken, what is shown, what is refused.

use wcs_sessions::exchange::Request;
use wcs_types::{Code, LaneNo, Nanos};

use super::bench::{Bench, load, small};
use crate::plc::event::get32;
use crate::world::{ClientId, FeedLoad, Knob, ReplyBody, SorterSetup};

#[test]
fn header_and_statics_of_an_unowned_plc() {
    let mut bench = Bench::new(small());
    bench.wait(Nanos::from_millis(1_234));
    let (header, map) = (bench.header(), bench.map.header);
    assert_eq!((header[map.magic], header[map.version]), (bench.map.magic, bench.map.version));
    assert_eq!((header[map.link_state], header[map.owner_epoch], header[map.state]), (0, 0, 6));
    assert_eq!(header[map.plc_life], 12);
    assert_eq!(get32(&header, map.plc_tick), 1_230, "of the last cycle");
    assert_eq!(get32(&header, map.belt_mm), 2_460);
    let (statics, map) = (bench.read_block(bench.map.statics_block), bench.map.statics);
    assert_eq!(
        (statics[map.lane_count], statics[map.lane_noread], statics[map.lane_exception]),
        (14, 13, 14)
    );
    assert_eq!((statics[map.lane_overflow_1], statics[map.lane_overflow_2]), (11, 12));
    assert_eq!(get32(&statics, map.path_mm), 33_500);
    let items = 60_000 / 500 + 1;
    assert_eq!(statics[map.fifo_size], 8 * items + 1_024);
    let lanes = bench.read_block(bench.map.lanes_block);
    assert_eq!(lanes[bench.map.lanes.lane_ready], (1 << 14) - 1);
}

#[test]
fn addresses_outside_the_blocks_are_exceptions() {
    let mut bench = Bench::new(small());
    let map = bench.map;
    let past_window = map.events_block.start + 64 * map.event_slot_count;
    let past_ring = map.commands_block.start + 64 * map.command_slot_count;
    let mut answer = |request: Request| bench.request(&request).body;
    let read = |address, count| Request::Read { address, count };
    let write = |address, count: usize| Request::Write { address, words: vec![0; count] };
    for (request, code) in [
        (read(400, 1), 2),
        (read(past_window - 1, 2), 2),
        (read(past_ring - 1, 2), 2),
        (read(u16::MAX, 2), 2),
        (read(0, 0), 3),
        (read(0, 126), 3),
        (write(map.header_block.start, 1), 2),
        (write(past_ring - 1, 2), 2),
        (write(u16::MAX, 2), 2),
        (write(map.control_block.start, 0), 3),
        (write(map.control_block.start, 124), 3),
        (write(map.control_block.start + 1, 16), 3),
    ] {
        assert_eq!(answer(request.clone()), ReplyBody::Exception(code), "{request:?}");
    }
    assert!(matches!(answer(read(0, 125)), ReplyBody::Registers(_)), "neighbouring blocks read as one");
    let other_unit = bench.sorter.handle(bench.now, 2, ClientId(1), &read(0, 1));
    assert_eq!(other_unit.body, ReplyBody::Silence);
}

#[test]
fn block_is_obeyed_only_from_the_newest_owner_of_this_life() {
    let mut bench = Bench::new(small());
    bench.own(5);
    let map = bench.map.header;
    assert_eq!((bench.head(map.link_state), bench.head(map.owner_epoch)), (1, 5));
    let tag = bench.read_block(bench.map.statics_block)[bench.map.statics.owner_tag];
    assert_eq!(tag, 0x1234);
    let refused = bench.head(map.rej_count);
    let control = bench.map.control;
    let faults: [(&str, &[(usize, u16)]); 5] = [
        ("older epoch", &[(control.wcs_epoch, 4), (control.epoch_copy, 4)]),
        ("torn epoch", &[(control.epoch_copy, 6)]),
        ("other life", &[(control.plc_epoch, 9)]),
        ("other tag", &[(control.owner_tag, 7)]),
        ("other major version", &[(control.version, 0x0200)]),
    ];
    let in_force = bench.read_block(bench.map.control_block);
    for (count, (name, edits)) in (1..).zip(faults) {
        let good = bench.block.clone();
        for (offset, value) in edits {
            bench.block[*offset] = *value;
        }
        bench.block[control.permit] = 3;
        bench.write_block();
        let header = bench.header();
        assert_eq!(header[map.rej_count], refused.wrapping_add(count), "{name}");
        assert_eq!((header[map.rej_seq], header[map.rej_code]), (0, 7), "{name}");
        assert_eq!(header[map.status] & 2, 0, "{name} sets no permit");
        assert_eq!(header[map.link_state], 1, "{name}");
        assert_eq!(bench.read_block(bench.map.control_block), in_force, "{name} changes nothing");
        bench.block = good;
    }
    assert!(bench.shown().is_empty(), "refused blocks are no events");
}

#[test]
fn version_mismatch_shows_only_before_an_owner() {
    let mut bench = Bench::new(small());
    bench.block[bench.map.control.version] = 0x0200;
    bench.write_block();
    assert_eq!(bench.head(bench.map.header.link_state), 3);
    bench.own(1);
    assert_eq!(bench.head(bench.map.header.link_state), 1);
}

#[test]
fn pointers_are_judged_one_by_one() {
    let mut bench = Bench::ready(small(), 3);
    for _ in 0..3 {
        bench.next_scan();
    }
    let (control, map) = (bench.map.control, bench.map.header);
    bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(1) }, None);
    bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(2) }, None);
    bench.cycle();
    let header = bench.header();
    let (head, taken, ack) = (header[map.evt_head], header[map.evt_taken_echo], header[map.evt_ack_echo]);
    assert_eq!(head.wrapping_sub(taken), 2, "two lanes changed");
    let refused = header[map.rej_count];
    for (name, edit, expected) in [
        ("taken beyond head", (control.evt_taken, head.wrapping_add(1)), (taken, ack)),
        ("taken goes back", (control.evt_taken, taken.wrapping_sub(1)), (taken, ack)),
        ("ack beyond taken", (control.evt_ack, taken.wrapping_add(1)), (taken, ack)),
        ("ack goes back", (control.evt_ack, ack.wrapping_sub(1)), (taken, ack)),
        ("ring overrun", (control.cmd_head, bench.cmd_head.wrapping_add(65)), (taken, ack)),
    ] {
        let good = bench.block.clone();
        bench.block[edit.0] = edit.1;
        bench.write_block();
        let header = bench.header();
        assert_eq!((header[map.evt_taken_echo], header[map.evt_ack_echo]), expected, "{name}");
        assert_eq!(header[map.rej_code], 6, "{name}");
        assert_eq!(header[map.wcs_life_echo], bench.block[control.wcs_life], "{name}: the rest counts");
        let life = bench.block[control.wcs_life];
        bench.block = good;
        bench.block[control.wcs_life] = life;
    }
    assert_eq!(bench.head(map.rej_count), refused.wrapping_add(5));
    bench.block[control.evt_taken] = head;
    bench.write_block();
    assert_eq!(bench.head(map.evt_taken_echo), head);
    assert_eq!(bench.head(map.evt_ack_echo), ack, "taken is not acknowledged");
}

#[test]
fn newer_epoch_sees_again_what_is_not_durable() {
    let mut bench = Bench::ready(small(), 2);
    let first = bench.next_scan();
    bench.next_scan();
    bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(1) }, None);
    bench.cycle();
    let lane = bench.shown().pop().unwrap();
    bench.block[bench.map.control.evt_taken] = lane.seq.wrapping_add(1);
    bench.write_block();
    assert!(bench.shown().is_empty(), "taken");
    bench.write_slot(first.item, 3, |_| {});
    bench.own(2);
    let map = bench.map.header;
    assert_eq!(bench.head(map.owner_epoch), 2);
    assert_eq!(bench.shown().first().unwrap().seq, lane.seq, "shown again");
    let tail = bench.head(map.cmd_tail);
    bench.block[bench.map.control.cmd_head] = tail.wrapping_add(1);
    bench.cmd_head = tail.wrapping_add(1);
    bench.write_block();
    assert_eq!(bench.next_reject(), 7, "a slot of the old owner");
}

#[test]
fn unread_commands_of_the_old_owner_are_void_across_the_wrap() {
    let mut setup = small();
    (setup.plc.first_event_seq, setup.plc.first_command_seq) = (65_534, 65_534);
    let mut bench = Bench::ready(setup, 3);
    let (map, control) = (bench.map.header, bench.map.control);
    let item = bench.next_scan().item;
    bench.next_scan();
    let (ack, tail) = (bench.head(map.evt_ack_echo), bench.head(map.cmd_tail));
    assert_eq!((ack, tail), (0, 65_534), "events have wrapped, commands have not");
    for lane in 1..=2 {
        bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(lane) }, None);
    }
    bench.cycle();
    let waiting: Vec<u16> = bench.shown().iter().map(|event| event.seq).collect();
    assert_eq!(waiting, [0, 1]);
    // The old owner has taken both, writes four commands and publishes them; in the same cycle another takes over.
    bench.block[control.evt_taken] = 2;
    (3..=6).for_each(|lane| bench.write_slot(item, lane, |_| {}));
    bench.block[control.cmd_head] = bench.cmd_head;
    bench.send_block(usize::from(bench.map.control_count));
    let old = bench.block.clone();
    bench.own_with_tag(2, 0x4321);
    let header = bench.header();
    assert_eq!((header[map.owner_epoch], header[map.cmd_tail]), (2, tail), "none of them was read");
    assert_eq!((header[map.evt_taken_echo], header[map.evt_ack_echo]), (ack, ack));
    assert_eq!(bench.shown().iter().map(|event| event.seq).collect::<Vec<_>>(), waiting, "shown again");
    // The old owner comes back once more, then the new one sends its first command over the slots of the old.
    let new = std::mem::replace(&mut bench.block, old);
    bench.write_block();
    assert_eq!((bench.head(map.rej_code), bench.head(map.cmd_tail)), (7, tail));
    bench.block = new;
    bench.cmd_head = tail;
    bench.direct(item, 9);
    assert_eq!(bench.head(map.cmd_tail), 65_535);
    let rejected = bench.head(map.rej_count);
    let exit = bench.next_exit();
    assert_eq!((bench.exit_of(&exit).1, exit.words[bench.map.event.exit_command]), (LaneNo(9), tail));
    assert_eq!(bench.head(map.rej_count), rejected);
}

#[test]
fn newer_epoch_with_a_wrong_ack_is_adopted_all_the_same() {
    let mut bench = Bench::ready(small(), 1);
    bench.next_scan();
    let map = bench.map.header;
    let ack = bench.head(map.evt_ack_echo);
    let control = bench.map.control;
    (bench.block[control.wcs_epoch], bench.block[control.epoch_copy]) = (2, 2);
    bench.block[control.evt_ack] = ack.wrapping_sub(1);
    bench.block[control.unit_cmd] = bench.words.unit_commands.stop;
    bench.block[control.unit_cmd_cnt] = 9;
    bench.write_long_block();
    let header = bench.header();
    assert_eq!((header[map.owner_epoch], header[map.evt_ack_echo], header[map.rej_code]), (2, ack, 6));
    assert_eq!(header[map.state], 6, "a unit command seen with a new epoch executes nothing");
    bench.block[control.evt_ack] = ack;
    bench.block[control.unit_cmd_cnt] = 10;
    bench.write_block();
    assert_eq!(bench.head(map.state), 2);
    assert_eq!(bench.head(map.speed_mm_s), 0);
}

#[test]
fn newer_epoch_opens_lanes_its_block_does_not_close() {
    let mut bench = Bench::ready(small(), 1);
    bench.block[bench.map.control.lane_closing] = 0b1010;
    bench.write_long_block();
    assert!(bench.sorter.plc.owner.is_closed(2) && bench.sorter.plc.owner.is_closed(4));
    bench.own(2);
    assert!(!bench.sorter.plc.owner.is_closed(2));
}

#[test]
fn each_refusal_of_a_command() {
    let mut bench = Bench::ready(SorterSetup { max_recirc: 0, ..small() }, 1);
    let item = bench.next_scan().item;
    let map = bench.map.command;
    bench.direct(item + 1, 3);
    assert_eq!(bench.next_reject(), 2, "unknown item");
    bench.direct(item, 0);
    assert_eq!(bench.next_reject(), 3, "no lane");
    bench.command(item, 3, |slot| slot[map.alternative_1] = 99);
    assert_eq!(bench.next_reject(), 3, "no such alternative");
    bench.command(item, 3, |slot| slot[map.seq_copy] ^= 1);
    assert_eq!(bench.next_reject(), 5, "torn slot");
    bench.command(item, 3, |slot| slot[map.kind] = 9);
    assert_eq!(bench.next_reject(), 5, "unknown type");
    bench.command(item, 3, |slot| slot[map.wcs_epoch] = 77);
    let event = bench.next(bench.words.events.command_reject);
    let at = bench.map.event;
    assert_eq!((event.words[at.reject_code], event.words[at.reject_owner_epoch]), (7, 77));
    assert_eq!(event.item, item);
    bench.sorter.plc.machine.mode = bench.words.modes.maintenance;
    bench.direct(item, 3);
    assert_eq!(bench.next_reject(), 4, "wrong mode");
    bench.sorter.plc.machine.mode = bench.words.modes.production;
    bench.direct(item, 9);
    let last = bench.cmd_head.wrapping_sub(1);
    bench.wait(Nanos::from_millis(11_400));
    bench.direct(item, 3);
    let event = bench.next(bench.words.events.command_reject);
    assert_eq!((event.words[at.reject_code], event.words[at.reject_command]), (1, last.wrapping_add(1)));
    let exit = bench.next_exit();
    assert_eq!(exit.words[at.exit_command], last, "the earlier destination still holds");
    bench.direct(item, 3);
    assert_eq!(bench.next_reject(), 2, "the item has left");
}

#[test]
fn long_label_continues_in_a_second_slot() {
    let mut bench = Bench::new(small());
    bench.own(1);
    let text = [b'x'; 51];
    let label = Code::from_bytes(&text).unwrap();
    bench.sorter.feed(vec![FeedLoad { label, order: "A".into(), sku: "S".into(), qty: 1 }]);
    bench.permit(true);
    for _ in 0..400 {
        bench.write_block();
    }
    let events = bench.take();
    let map = bench.map.event;
    assert_eq!([events[0].kind, events[1].kind], [bench.words.events.scan, bench.words.events.scan_more]);
    assert_eq!(events[0].words[map.scan_text_length] + events[1].words[map.more_text_length], 51);
    assert_eq!((events[0].words[map.flags] & 3, events[1].words[map.flags] & 3), (1, 0));
    assert_eq!(events[0].words[map.flags] >> 8, 1, "epoch byte");
    assert_eq!(get32(&events[0].words, map.scan_deadline_mm), 20_000);
}

#[test]
fn watchdog_stops_induction_until_the_owner_is_back() {
    let mut bench = Bench::ready(small(), 100);
    let map = bench.map.header;
    assert_eq!(bench.head(map.status) & 1, 1);
    bench.wait(Nanos::from_millis(1_900));
    assert_eq!(bench.head(map.link_state), 1);
    bench.wait(Nanos::from_millis(200));
    assert_eq!(bench.head(map.link_state), 2);
    assert_eq!(bench.head(map.status) & 1, 0, "induction stands");
    let inducted = bench.sorter.counts().inducted;
    bench.wait(Nanos::from_secs(2));
    assert_eq!(bench.sorter.counts().inducted, inducted);
    bench.write_block();
    assert_eq!(bench.head(map.link_state), 1);
    bench.wait(Nanos::from_secs(1));
    assert!(bench.sorter.counts().inducted > inducted);
}

#[test]
fn unchanged_life_feeds_no_watchdog() {
    let mut bench = Bench::ready(small(), 1);
    let life = bench.map.control.wcs_life;
    for _ in 0..30 {
        bench.block[life] = bench.block[life].wrapping_sub(1);
        bench.write_block();
        bench.wait(Nanos::from_millis(90));
    }
    assert_eq!(bench.head(bench.map.header.link_state), 2);
}

#[test]
fn full_fifo_throttles_then_drops_the_oldest() {
    let mut setup = small();
    setup.plc.fifo_size = Some(400);
    setup.plc.evt_slots = 16;
    setup.plc.first_event_seq = 65_500;
    let mut bench = Bench::ready(setup, 1_000);
    let map = bench.map.header;
    for _ in 0..3_000 {
        bench.write_block();
    }
    let header = bench.header();
    assert_eq!(header[map.status] & 0x80, 0x80, "throttled");
    assert_eq!(header[map.evt_head], 65_500_u16.wrapping_add(16), "the window is full");
    let inducted = bench.sorter.counts().inducted;
    bench.wait(Nanos::from_secs(1));
    assert_eq!(bench.sorter.counts().inducted, inducted);
    for round in 0..220 {
        for lane in 1..=2 {
            let knob = Knob::LaneFault { lane: LaneNo(lane) };
            if round % 2 == 0 {
                bench.sorter.apply(bench.now, knob, None);
            } else {
                bench.sorter.withdraw(bench.now, &knob);
            }
        }
        bench.cycle();
    }
    let header = bench.header();
    let lost = header[map.evt_lost];
    assert!(lost > 0);
    let ack = 65_500_u16.wrapping_add(lost);
    assert_eq!((header[map.evt_ack_echo], header[map.evt_taken_echo]), (ack, ack));
    assert_eq!(header[map.evt_head], ack.wrapping_add(16));
    assert_eq!(header[map.evt_backlog], 400 - 16);
}

#[test]
fn induction_resumes_when_the_fifo_is_half_empty() {
    let mut setup = small();
    setup.plc.fifo_size = Some(400);
    let mut bench = Bench::ready(setup, 1_000);
    let status = bench.map.header.status;
    for _ in 0..3_000 {
        bench.write_block();
    }
    assert_eq!(bench.head(status) & 0x80, 0x80);
    let before = bench.sorter.counts();
    let mut rounds = 0;
    while bench.head(status) & 0x80 != 0 {
        bench.take();
        bench.write_block();
        rounds += 1;
        assert!(rounds < 10_000, "taken events free the FIFO and loads leave in the end");
    }
    for _ in 0..800 {
        bench.take();
        bench.write_block();
    }
    let after = bench.sorter.counts();
    assert!(after.inducted + after.reinducted > before.inducted + before.reinducted);
}

#[test]
fn restart_begins_a_new_life_that_waits_for_people() {
    let mut bench = Bench::ready(small(), 5);
    let scan = bench.next_scan();
    bench.direct(scan.item, 3);
    let restart = Knob::PlcRestart { person: Nanos::from_secs(5), may_lose_events: true };
    bench.sorter.apply(bench.now, restart, None);
    bench.cycle();
    bench.cycle();
    let (header, map) = (bench.header(), bench.map.header);
    assert_eq!((header[map.plc_epoch], header[map.owner_epoch], header[map.link_state]), (2, 1, 0));
    assert_eq!((header[map.state], header[map.safety_status]), (2, 9), "local reset needed");
    assert_eq!((header[map.speed_mm_s], header[map.items_on_sorter]), (0, 0));
    assert_eq!(header[map.plc_life], 0);
    bench.write_block();
    assert_eq!(bench.head(map.link_state), 0, "the same owner is not obeyed in the new life");
    bench.own(2);
    let control = bench.map.control;
    bench.block[control.unit_cmd] = bench.words.unit_commands.reset;
    bench.block[control.unit_cmd_cnt] = 1;
    bench.write_block();
    assert_eq!(bench.head(map.state), 2, "the WCS cannot reset the machine");
    assert_eq!(bench.head(map.rej_code), 4);
    bench.permit(true);
    let again = bench.next_scan();
    assert_eq!(again.words[bench.map.event.flags] >> 8, 2, "epoch byte of the new life");
    assert_eq!(bench.head(map.state), 6, "a person has started it");
    assert!(!bench.sorter.touched(restart.kind()).is_empty());
    let map = bench.map.event;
    let labels: Vec<u16> = vec![again.words[map.scan_text], scan.words[map.scan_text]];
    assert_eq!(labels[0], labels[1], "both begin with the order");
}

#[test]
fn restart_waits_for_taken_events_unless_told_otherwise() {
    let mut bench = Bench::ready(small(), 1);
    bench.next_scan();
    bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(1) }, None);
    let restart = Knob::PlcRestart { person: Nanos::from_secs(1), may_lose_events: false };
    bench.sorter.apply(bench.now, restart, None);
    bench.cycle();
    bench.cycle();
    assert_eq!(bench.head(bench.map.header.plc_epoch), 1, "an event is shown");
    bench.take();
    bench.cycle();
    assert_eq!(bench.head(bench.map.header.plc_epoch), 2);
}

#[test]
fn retentive_fifo_keeps_events_under_their_own_epoch() {
    let mut setup = small();
    setup.plc.is_fifo_retentive = true;
    let mut bench = Bench::ready(setup, 1);
    for _ in 0..400 {
        bench.write_block();
    }
    let before = bench.shown();
    assert_eq!(before.len(), 1);
    let restart = Knob::PlcRestart { person: Nanos::from_secs(1), may_lose_events: true };
    bench.sorter.apply(bench.now, restart, None);
    bench.cycle();
    bench.cycle();
    bench.own(2);
    let after = bench.shown();
    assert_eq!(after[0].words, before[0].words);
    assert_eq!(bench.head(bench.map.header.plc_epoch), 2);
}

#[test]
fn fifo_reset_keeps_the_machine_running() {
    let mut bench = Bench::ready(small(), 3);
    bench.next_scan();
    bench.sorter.apply(bench.now, Knob::FifoReset { may_lose_events: true }, None);
    bench.cycle();
    bench.cycle();
    let (header, map) = (bench.header(), bench.map.header);
    assert_eq!((header[map.plc_epoch], header[map.state], header[map.link_state]), (2, 6, 0));
    assert_ne!(header[map.speed_mm_s], 0);
    bench.own(2);
    bench.permit(true);
    let (mut exits, kinds) = (Vec::new(), bench.words.events);
    for _ in 0..10_000 {
        for event in bench.take() {
            if event.kind == kinds.scan {
                bench.direct(event.item, 4);
            } else if event.kind == kinds.exit {
                exits.push(event.words[bench.map.event.exit_actual]);
            }
        }
        bench.write_block();
    }
    assert_eq!(exits, [4, 4, 4], "forgotten loads go round and are scanned again");
    assert!(bench.sorter.counts().is_idle);
}

#[test]
fn permits_name_their_induction() {
    let mut bench = Bench::new(small());
    bench.own(1);
    bench.sorter.feed(vec![load("A", 1)]);
    let status = bench.map.header.status;
    for (permit, is_on) in [(1, false), (2, false), (4, false), (3, true)] {
        bench.block[bench.map.control.permit] = permit;
        bench.write_block();
        assert_eq!(bench.head(status) & 3 == 3, is_on, "permit {permit:#b}");
    }
    bench.wait(Nanos::from_secs(1));
    assert_eq!(bench.sorter.counts().inducted, 1);
}

#[test]
fn hold_and_unhold_stop_and_start_the_belt() {
    let mut bench = Bench::ready(small(), 1);
    let (control, commands, header) = (bench.map.control, bench.words.unit_commands, bench.map.header);
    for (count, (command, state)) in (1..).zip([
        (commands.hold, 11),
        (commands.suspend, 11),
        (commands.unhold, 6),
        (commands.suspend, 5),
        (commands.unsuspend, 6),
        (commands.stop, 2),
        (commands.start, 2),
        (commands.reset, 4),
        (commands.start, 6),
    ]) {
        bench.block[control.unit_cmd] = command;
        bench.block[control.unit_cmd_cnt] = count;
        bench.write_block();
        bench.write_block();
        assert_eq!(bench.head(header.state), state, "step {count}");
        assert_eq!(bench.head(header.speed_mm_s) > 0, state == 5 || state == 6, "step {count}");
    }
}
