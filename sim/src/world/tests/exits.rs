//! Every row of the EXIT table, and what the PLC does by itself.

use wcs_types::{ExitResult, LaneNo, Nanos};

use super::bench::{Bench, small};
use crate::world::{Knob, LedgerKind, SorterSetup};

/// Feeds one load through a sorter and gives its last EXIT.
fn one_exit(setup: SorterSetup, knobs: &[Knob], command: impl FnOnce(&mut Bench, u32)) -> (Bench, [u16; 4]) {
    let mut bench = Bench::ready(setup, 1);
    for knob in knobs {
        assert!(bench.sorter.apply(bench.now, *knob, None));
    }
    let scan = bench.next_scan();
    command(&mut bench, scan.item);
    let mut exit = bench.next_exit();
    while bench.exit_of(&exit).0 == ExitResult::Recirculated {
        exit = bench.next_exit();
    }
    let map = bench.map.event;
    let found =
        [map.exit_requested, map.exit_actual, map.exit_result, map.exit_turns].map(|at| exit.words[at]);
    (bench, found)
}

const ALWAYS: u32 = 1_000_000;

fn line() -> SorterSetup {
    SorterSetup { loop_mm: 0, ..small() }
}

#[test]
fn first_choice_and_alternative() {
    let (bench, found) = one_exit(small(), &[], |bench, item| bench.direct(item, 4));
    assert_eq!(found, [4, 4, 1, 0]);
    assert_eq!(bench.ledger.last().unwrap().event, LedgerKind::Exit);
    let (_, found) = one_exit(small(), &[Knob::LaneFault { lane: LaneNo(4) }], |bench, item| {
        let map = bench.map.command;
        bench.command(item, 4, |slot| (slot[map.alternative_1], slot[map.alternative_2]) = (2, 6));
    });
    assert_eq!(found, [4, 6, 2, 0], "alternatives upstream are skipped");
}

#[test]
fn missed_recirculates_without_leave_then_leaves() {
    let knobs = [Knob::Missed { per_million: ALWAYS }];
    let mut bench = Bench::ready(SorterSetup { max_recirc: 1, ..small() }, 1);
    assert!(bench.sorter.apply(bench.now, knobs[0], None));
    let item = bench.next_scan().item;
    bench.direct(item, 3);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Recirculated, LaneNo(0), 3));
    let again = bench.next_scan();
    assert_eq!(again.item, item, "the item keeps its number");
    assert_eq!(again.words[bench.map.event.scan_read] >> 8, 1, "one turn");
    bench.direct(item, 3);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Missed, LaneNo(14), 0));
    let (_, found) = one_exit(line(), &knobs, |bench, item| bench.direct(item, 3));
    assert_eq!(found, [3, 14, 3, 0], "a line has nowhere to go round");
}

#[test]
fn full_and_faulty_lanes() {
    let full = [Knob::LaneFull { lane: LaneNo(5) }];
    let (bench, found) = one_exit(small(), &full, |bench, item| bench.direct(item, 5));
    assert_eq!(found, [5, 14, 4, 0], "without leave to recirculate");
    assert_eq!(bench.sorter.touched(full[0].kind()).len(), 1);
    let fault = [Knob::LaneFault { lane: LaneNo(5) }];
    let (_, found) = one_exit(small(), &fault, |bench, item| bench.direct(item, 5));
    assert_eq!(found, [5, 14, 5, 0]);
    let (_, found) = one_exit(small(), &[], |bench, item| {
        bench.block[bench.map.control.lane_closing] = 1 << 4;
        bench.write_long_block();
        bench.direct(item, 5);
    });
    assert_eq!(found, [5, 14, 5, 0], "closed by the WCS");
}

#[test]
fn full_lane_recirculates_with_leave() {
    let mut bench = Bench::ready(small(), 1);
    bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(5) }, None);
    let item = bench.next_scan().item;
    let options = bench.map.command.options;
    bench.command(item, 5, |slot| slot[options] = 1);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Recirculated, LaneNo(0), 4));
}

#[test]
fn lost_removed_and_gap() {
    let lost = Knob::Lost { per_million: ALWAYS, is_silent: false };
    let (bench, found) = one_exit(small(), &[lost], |bench, item| bench.direct(item, 5));
    assert_eq!(found[1..3], [0, 6]);
    assert_eq!(bench.ledger.last().unwrap().event, LedgerKind::Lost);
    let removed = Knob::Removed { per_million: ALWAYS };
    let (bench, found) = one_exit(small(), &[removed], |bench, item| bench.direct(item, 5));
    assert_eq!(found[1..3], [0, 11]);
    assert_eq!(bench.ledger.last().unwrap().event, LedgerKind::Removed);
    assert!(bench.sorter.counts().is_idle);
    let (_, found) =
        one_exit(small(), &[Knob::Gap { per_million: ALWAYS }], |bench, item| bench.direct(item, 5));
    assert_eq!(found, [5, 14, 12, 0], "the destination is kept but not followed");
}

#[test]
fn silently_lost_load_gives_no_exit() {
    let mut bench = Bench::ready(small(), 1);
    bench.sorter.apply(bench.now, Knob::Lost { per_million: ALWAYS, is_silent: true }, None);
    let item = bench.next_scan().item;
    bench.direct(item, 5);
    bench.wait(Nanos::from_secs(60));
    assert!(bench.shown().iter().all(|event| event.kind != bench.words.events.exit));
    assert_eq!(bench.sorter.counts().items, 0);
    assert!(bench.sorter.counts().is_idle);
}

#[test]
fn commanded_recirculation_and_its_limit() {
    let mut bench = Bench::ready(SorterSetup { max_recirc: 1, ..small() }, 1);
    let round = bench.words.numbers.lane_recirculate;
    let item = bench.next_scan().item;
    bench.direct(item, round);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Recirculated, LaneNo(0), 0));
    bench.next_scan();
    bench.direct(item, round);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Late, LaneNo(14), 0));
}

#[test]
fn no_command_recirculates_then_leaves_late() {
    let setup = SorterSetup { max_recirc: 1, ..small() };
    let mut bench = Bench::ready(setup, 1);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Recirculated, LaneNo(0), 8));
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Late, LaneNo(14), 0));
    let (_, found) = one_exit(line(), &[], |_, _| {});
    assert_eq!(found, [0, 14, 8, 0]);
}

#[test]
fn no_read_goes_to_its_lane_unless_commanded() {
    let unread = [Knob::NoRead { per_million: ALWAYS }];
    let (_, found) = one_exit(small(), &unread, |_, _| {});
    assert_eq!(found, [0, 13, 9, 0]);
    let (_, found) = one_exit(small(), &unread, |bench, item| bench.direct(item, 2));
    assert_eq!(found, [2, 2, 1, 0]);
    let blocked = [unread[0], Knob::LaneFault { lane: LaneNo(13) }];
    let (_, found) = one_exit(small(), &blocked, |_, _| {});
    assert_eq!(found, [0, 14, 9, 0], "its lane is out of order");
}

#[test]
fn invalid_lane_without_a_valid_destination() {
    let (_, found) = one_exit(small(), &[], |bench, item| {
        bench.direct(item, 15);
        assert_eq!(bench.next_reject(), 3);
    });
    assert_eq!(found, [0, 14, 10, 0]);
    let (_, found) = one_exit(small(), &[], |bench, item| {
        bench.direct(item, 15);
        bench.direct(item, 7);
    });
    assert_eq!(found, [7, 7, 1, 0], "a valid destination afterwards counts");
}

#[test]
fn commanded_exception_is_a_first_choice() {
    let (bench, found) = one_exit(small(), &[], |bench, item| {
        bench.direct(item, bench.words.numbers.lane_to_exception);
    });
    assert_eq!(found, [bench.words.numbers.lane_to_exception, 14, 1, 0]);
}

#[test]
fn another_exit_than_commanded() {
    let missort = Knob::Missort { per_million: ALWAYS };
    let (bench, found) = one_exit(small(), &[missort], |bench, item| bench.direct(item, 5));
    assert_eq!(found, [5, 6, 15, 0]);
    assert_eq!(bench.ledger.last().unwrap().lane, LaneNo(6));
    assert_eq!(bench.sorter.applied(missort.kind()), 1);
    let (_, found) = one_exit(small(), &[missort], |bench, item| bench.direct(item, 10));
    assert_eq!(found, [10, 10, 1, 0], "no order lane follows");
}

#[test]
fn unexpected_item_at_the_end_of_a_line() {
    let mut bench = Bench::ready(line(), 1);
    bench.next_scan();
    let restart = Knob::PlcRestart { person: Nanos::from_secs(1), may_lose_events: true };
    bench.sorter.apply(bench.now, restart, None);
    bench.wait(Nanos::from_secs(1));
    bench.own(2);
    let exit = bench.next_exit();
    assert_eq!(bench.exit_of(&exit), (ExitResult::Unexpected, LaneNo(14), 0));
}

#[test]
fn purge_at_reset_reports_kept_items() {
    let mut setup = small();
    setup.plc.are_items_retentive = true;
    let mut bench = Bench::ready(setup, 2);
    bench.next_scan();
    bench.sorter.apply(bench.now, Knob::PurgeAtReset, None);
    let restart = Knob::PlcRestart { person: Nanos::from_secs(1), may_lose_events: true };
    bench.sorter.apply(bench.now, restart, None);
    bench.cycle();
    bench.cycle();
    bench.own(2);
    for _ in 0..2 {
        let exit = bench.next_exit();
        assert_eq!(bench.exit_of(&exit).0, ExitResult::Purged);
    }
    assert_eq!(bench.ledger.iter().filter(|event| event.event == LedgerKind::Purged).count(), 2);
    assert!(bench.sorter.counts().is_idle);
}

#[test]
fn repeated_destination_and_cancel() {
    let (_, found) = one_exit(small(), &[], |bench, item| {
        bench.direct(item, 3);
        bench.direct(item, 8);
    });
    assert_eq!(found, [8, 8, 1, 0], "the last one counts");
    let (_, found) = one_exit(SorterSetup { max_recirc: 0, ..small() }, &[], |bench, item| {
        bench.direct(item, 3);
        let (kind, cancel) = (bench.map.command.kind, bench.words.commands.cancel);
        bench.command(item, 0, |slot| slot[kind] = cancel);
    });
    assert_eq!(found, [0, 14, 8, 0], "as if none had been given");
}
