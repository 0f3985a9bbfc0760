//! Losing the device, the connection or the ownership, and finding the way back.

use wcs_types::{
    DeviceFault, Epoch, Input, LinkChange, MonoTime, Nanos, OfflineReason, Refusal, SorterCommand,
};

use super::bench::Bench;
use crate::exchange::{Answer, Request};

#[test]
fn reconnect_takes_a_new_epoch_and_delivers_nothing_twice() {
    let mut bench = Bench::ready();
    bench.acknowledges = false;
    (1..=20).for_each(|item| bench.plc.scan(item, "A"));
    bench.run_ms(100);
    bench.session.handle_disconnected(bench.now);
    (21..=25).for_each(|item| bench.plc.scan(item, "A"));
    bench.session.handle_connected(bench.now);
    let reconnected_at = bench.now;
    bench.run_ms(1_500);
    assert_eq!(bench.items(), (1..=25).collect::<Vec<_>>());
    assert_eq!(bench.offline(), [OfflineReason::Closed]);
    assert_eq!(bench.owner, Epoch(2));
    assert!(matches!(bench.changes().last(), Some(LinkChange::Drained { .. })));
    assert_eq!(bench.last_block(bench.plc.map.control.evt_taken), 25);
    assert!(bench.now.since(reconnected_at) > Nanos::from_millis(300), "three echoes take their time");
    assert_eq!(bench.session.stats().reconnects, 1);
}

#[test]
fn plc_restart_is_met_anew_on_the_same_connection() {
    let mut bench = Bench::ready();
    bench.plc.scan(1, "A");
    bench.run_ms(50);
    bench.plc.restart();
    bench.plc.scan(1, "A");
    bench.run_ms(500);
    assert_eq!(bench.offline(), [OfflineReason::PlcRestarted]);
    let events = bench.events();
    assert_eq!((events[0].plc_epoch, events[1].plc_epoch), (Epoch(5), Epoch(6)));
    assert!(matches!(bench.changes().last(), Some(LinkChange::Drained { .. })));
}

#[test]
fn retained_events_keep_their_epoch_and_are_never_answered() {
    let mut bench = Bench::with(|plc| {
        plc.set_static(plc.map.statics.flags, plc.words.static_flags.fifo_retentive);
        let at = plc.map.event;
        plc.event(plc.words.events.scan, 8, |slot| slot[at.flags] = 4 << 8);
        plc.scan(9, "A");
    });
    bench.session.handle_connected(bench.now);
    bench.run_ms(500);
    let events = bench.events();
    assert_eq!((events[0].plc_epoch, events[0].fifo_epoch), (Epoch(4), Epoch(5)));
    let wcs_types::EventBody::Scan(scan) = &events[0].body else { panic!("a scan") };
    assert_eq!((scan.is_retained, scan.decide_by), (true, MonoTime::ZERO));
    assert_eq!((events[1].plc_epoch, events[1].fifo_epoch), (Epoch(5), Epoch(5)));
}

#[test]
fn newer_owner_fences_for_good() {
    let mut bench = Bench::ready();
    let blocks = bench.plc.blocks.len();
    bench.plc.set_header(bench.plc.map.header.owner_epoch, 2);
    bench.run_ms(1_000);
    assert_eq!(bench.changes(), [LinkChange::Fenced { owner: Epoch(2) }]);
    let written = bench.plc.blocks.len();
    assert!(written <= blocks + 1);
    let command = bench.destination(1, 0, 90_000);
    bench.command(SorterCommand::Destination(command));
    bench.reconnect();
    bench.run_ms(1_000);
    assert_eq!(bench.plc.blocks.len(), written);
    let last = bench.inputs.last();
    assert_eq!(
        last,
        Some(&Input::Refused { line: wcs_types::LineId(0), refusal: Refusal::NotReady(command) })
    );
}

#[test]
fn owner_that_slept_through_its_replacement_touches_no_slot() {
    let mut bench = Bench::ready();
    let command = bench.destination(1, 0, 90_000);
    bench.command(SorterCommand::Destination(command));
    // This process stands still before it writes; another one takes the line.
    bench.now += Nanos::from_secs(5);
    bench.plc.set_header(bench.plc.map.header.owner_epoch, 2);
    bench.plc.set_static(bench.plc.map.statics.owner_tag, 99);
    let (before, accepted) = (bench.plc.registers.clone(), bench.plc.blocks.len());
    bench.run_ms(1_000);
    assert_eq!(bench.changes(), [LinkChange::Fenced { owner: Epoch(2) }]);
    assert_eq!(bench.plc.refusals, 1, "what it still said was refused");
    assert_eq!(bench.plc.blocks.len(), accepted);
    let slots = usize::from(bench.plc.map.commands_block.start)..;
    assert!(bench.plc.registers[slots.clone()] == before[slots], "slots belong to the new owner");
}

#[test]
fn commands_that_waited_through_a_pause_are_written_once_the_device_was_seen() {
    let mut bench = Bench::ready();
    let command = bench.destination(1, 0, 90_000);
    bench.command(SorterCommand::Destination(command));
    bench.now += Nanos::from_secs(5);
    bench.run_ms(100);
    assert_eq!(bench.plc.commands.len(), 1);
    assert_eq!(bench.offline(), []);
}

#[test]
fn frozen_device_is_offline_and_comes_back_by_its_echoes() {
    type Freeze = fn(&mut Bench, bool);
    let table: [(Freeze, OfflineReason); 2] = [
        (|bench, on| bench.plc.is_life_frozen = on, OfflineReason::LifeFrozen),
        (
            |bench, on| {
                bench.plc.is_logic_frozen = on;
                // The life word of a frozen logic that is copied by the Modbus server goes on.
                let at = bench.plc.map.header.plc_life;
                for _ in 0..40 {
                    let life = bench.plc.header(at).wrapping_add(1);
                    bench.plc.set_header(at, life);
                    bench.run_ms(if on { 100 } else { 0 });
                }
            },
            OfflineReason::EchoStale,
        ),
    ];
    for (freeze, reason) in table {
        let mut bench = Bench::ready();
        freeze(&mut bench, true);
        bench.run_ms(2_500);
        assert_eq!(bench.offline(), [reason]);
        bench.requests.clear();
        bench.run_ms(300);
        let (start, at) = (bench.plc.map.control_block.start, bench.plc.map.control);
        let blocks: Vec<_> = bench
            .requests
            .iter()
            .filter_map(|request| match request {
                Request::Write { address, words } if *address == start => Some(words),
                _ => None,
            })
            .collect();
        assert!(blocks.len() >= 2, "it goes on writing");
        assert!(blocks.iter().all(|words| words[at.permit] == 0));
        freeze(&mut bench, false);
        bench.run_ms(1_500);
        assert!(matches!(bench.changes().last(), Some(LinkChange::Drained { .. })), "{reason:?}");
        assert_eq!(bench.owner, Epoch(2));
        assert_eq!(bench.last_block(at.permit), 3);
    }
}

#[test]
fn three_silences_or_three_times_busy_lose_the_device() {
    for (answer, count, expected) in [
        (Answer::Silence, 2, None),
        (Answer::Silence, 3, Some(OfflineReason::Timeouts)),
        (Answer::Exception(6), 2, None),
        (Answer::Exception(6), 3, Some(OfflineReason::Timeouts)),
    ] {
        let mut bench = Bench::ready();
        bench.plc.forced = vec![answer.clone(); count];
        bench.run_ms(1_000);
        assert_eq!(bench.offline().first().copied(), expected, "{answer:?} {count}");
        bench.run_ms(2_000);
        let is_back = matches!(bench.changes().last(), Some(LinkChange::Drained { .. }));
        assert_eq!(is_back, expected.is_some());
        assert_eq!(bench.last_block(bench.plc.map.control.permit), 3);
    }
}

#[test]
fn other_exceptions_fault_the_device() {
    let mut bench = Bench::ready();
    bench.plc.forced = vec![Answer::Exception(2)];
    bench.run_ms(100);
    let changes = bench.changes();
    assert!(
        matches!(changes[..], [LinkChange::Faulted(DeviceFault::Exception { code: 2, .. })]),
        "{changes:?}"
    );
    assert!(bench.session.must_disconnect());
    assert_eq!(bench.session.stats().exceptions[&2], 1);
}

#[test]
fn device_that_never_answers_makes_the_connection_new() {
    let mut bench = Bench::ready();
    bench.plc.forced = vec![Answer::Silence; 100];
    bench.run_ms(2_000);
    assert!(!bench.session.must_disconnect());
    bench.run_ms(2_000);
    assert!(bench.session.must_disconnect());
}

#[test]
fn commands_that_were_not_written_come_back_when_the_device_goes() {
    let mut bench = Bench::ready();
    let command = bench.destination(1, 0, 90_000);
    bench.command(SorterCommand::Destination(command));
    bench.session.handle_disconnected(bench.now);
    bench.run_ms(1);
    let refused = Input::Refused { line: wcs_types::LineId(0), refusal: Refusal::NotReady(command) };
    assert!(bench.inputs.contains(&refused));
    assert_eq!(bench.offline(), [OfflineReason::Closed]);
}

#[test]
fn unwritten_slots_are_written_again_after_a_silence() {
    let mut bench = Bench::ready();
    let command = bench.destination(1, 0, 90_000);
    bench.command(SorterCommand::Destination(command));
    bench.plc.forced = vec![Answer::Silence];
    bench.run_ms(400);
    assert_eq!(bench.plc.commands.len(), 1, "once, although the first write was in doubt");
    assert_eq!(bench.offline(), []);
}

#[test]
fn our_life_word_stands_still_when_the_core_does() {
    let mut bench = Bench::with(|_| {});
    bench.session = {
        let config = crate::sorter::SorterConfig::new(
            wcs_types::LineId(0),
            1,
            bench.plc.map,
            bench.plc.words,
            wcs_types::LaneNo(64),
            7,
        );
        crate::sorter::SorterSession::new(config)
    };
    bench.session.renew_alive(bench.now + Nanos::from_secs(2));
    bench.session.handle_connected(bench.now);
    bench.run_ms(2_500);
    let at = bench.plc.map.control.wcs_life;
    let life = bench.last_block(at);
    bench.run_ms(4_000);
    assert_eq!(bench.last_block(at), life, "blocks go on, the life word does not");
    assert_eq!(bench.offline(), [], "an echo of what we say is not stale");
    bench.session.renew_alive(MonoTime::NEVER);
    bench.run_ms(1_000);
    assert!(bench.last_block(at) >= life.wrapping_add(9));
}

#[test]
fn stall_of_ours_is_not_a_loss_of_theirs() {
    let mut bench = Bench::ready();
    bench.now += Nanos::from_secs(5);
    bench.plc.is_life_frozen = true;
    bench.run_ms(1_500);
    assert_eq!(bench.offline(), []);
    bench.run_ms(1_000);
    assert_eq!(bench.offline(), [OfflineReason::LifeFrozen]);
}

#[test]
fn connection_that_cannot_be_made_is_told_once() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.session.handle_connect_failed(bench.now);
        bench.run_ms(1);
    }
    assert_eq!(bench.offline(), [OfflineReason::ConnectFailed]);
}

#[test]
fn session_made_anew_after_a_panic_repeats_nothing_and_keeps_its_claim() {
    let mut bench = Bench::ready();
    bench.acknowledges = false;
    (1..=9).for_each(|item| bench.plc.scan(item, "A"));
    bench.run_ms(50);
    bench.session = bench.session.renewed();
    bench.session.renew_alive(MonoTime::NEVER);
    bench.session.handle_connected(bench.now);
    bench.plc.scan(10, "A");
    bench.run_ms(1_500);
    assert_eq!(bench.items(), (1..=10).collect::<Vec<_>>());
    assert_eq!(bench.offline(), [OfflineReason::Stopped]);
    assert_eq!(bench.last_block(bench.plc.map.control.permit), 3);
    bench.plc.set_header(bench.plc.map.header.owner_epoch, 9);
    bench.session = bench.session.renewed();
    bench.session.handle_connected(bench.now);
    bench.run_ms(100);
    assert_eq!(bench.changes().last(), Some(&LinkChange::Fenced { owner: Epoch(9) }));
}
