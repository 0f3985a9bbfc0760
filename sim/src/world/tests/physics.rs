//! Belt, gaps, lanes, boxes and people.

use wcs_types::{LaneNo, MonoTime, Nanos};

use super::bench::{Bench, load, small};
use crate::people::PersonRequest;
use crate::world::{Knob, LedgerKind, SetupError, SorterSetup};

fn travel_gaps(bench: &Bench) -> Vec<i64> {
    let origins: Vec<i64> = bench.sorter.occupancy.keys().map(|origin| origin.0).collect();
    origins.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn setups_that_cannot_exist_are_refused() {
    let refused = |setup: SorterSetup| crate::world::Sorter::new(setup).err();
    assert!(matches!(
        refused(SorterSetup { lanes: vec![], ..small() }),
        Some(SetupError::LaneCount { found: 0 })
    ));
    let order_only = SorterSetup { lanes: vec![wcs_types::ChuteKind::Order], ..small() };
    assert!(matches!(refused(order_only), Some(SetupError::NoExceptionLane)));
    let short = refused(SorterSetup { loop_mm: 30_000, ..small() });
    assert!(matches!(short, Some(SetupError::LoopTooShort { .. })));
    assert!(matches!(refused(SorterSetup { speed: 0, ..small() }), Some(SetupError::OutOfRange { .. })));
    let mut odd = small();
    odd.plc.evt_slots = 48;
    assert!(matches!(refused(odd), Some(SetupError::NotPowerOfTwo { found: 48, .. })));
    let large = SorterSetup { lanes: SorterSetup::lanes_of(1_020, 2), loop_mm: 2_000_000, ..small() };
    assert!(refused(large).is_none());
}

#[test]
fn feed_keeps_its_rate_and_the_gap() {
    let mut bench = Bench::ready(small(), 1_000);
    bench.wait(Nanos::from_millis(1_990));
    let inducted = bench.sorter.counts().inducted;
    assert!((5..=7).contains(&inducted), "10 000 per hour, not {inducted} in 2 s");
    let mut fast = Bench::ready(SorterSetup { feed_per_hour: 100_000, ..small() }, 1_000);
    fast.wait(Nanos::from_millis(1_990));
    assert!(travel_gaps(&fast).iter().all(|gap| *gap >= 500_000), "{:?}", travel_gaps(&fast));
    let inducted = fast.sorter.counts().inducted;
    assert!((7..=9).contains(&inducted), "one load per 500 mm of belt, not {inducted}");
}

#[test]
fn recirculating_loads_keep_their_place() {
    let setup = SorterSetup { feed_per_hour: 100_000, ..small() };
    let mut bench = Bench::ready(setup, 400);
    for _ in 0..9_000 {
        bench.write_block();
        assert!(travel_gaps(&bench).iter().all(|gap| *gap >= 500_000));
    }
    let counts = bench.sorter.counts();
    assert!(counts.recirculated > 100, "nobody answered");
    assert!(counts.inducted >= 119, "the loop is filled once, not {}", counts.inducted);
    assert_eq!(counts.unfinished, counts.queued + counts.on_belt + counts.waiting);
}

#[test]
fn stopped_drive_keeps_loads_and_order() {
    let mut bench = Bench::ready(small(), 8);
    let mut scans = Vec::new();
    for lane in 1..=8 {
        let scan = bench.next_scan();
        bench.direct(scan.item, lane);
        scans.push(scan.item);
    }
    let order: Vec<_> = bench.sorter.occupancy.clone().into_iter().collect();
    bench.sorter.apply(bench.now, Knob::DriveStop, Some(bench.now + Nanos::from_secs(600)));
    bench.cycle();
    let belt = bench.sorter.counts().belt;
    for _ in 0..59_000 {
        bench.write_block();
    }
    assert_eq!(bench.sorter.counts().belt, belt);
    assert_eq!(bench.head(bench.map.header.speed_mm_s), 0);
    assert_eq!(bench.head(bench.map.header.alarms_active), 1);
    assert_eq!(bench.sorter.occupancy.clone().into_iter().collect::<Vec<_>>(), order);
    let actual = bench.map.event.exit_actual;
    let exits: Vec<(u32, u16)> =
        (0..8).map(|_| bench.next_exit()).map(|exit| (exit.item, exit.words[actual])).collect();
    let expected: Vec<(u32, u16)> = scans.into_iter().zip(1..=8).collect();
    assert_eq!(exits, expected);
}

#[test]
fn an_alarm_of_the_plc_is_told_and_counted() {
    let mut bench = Bench::ready(small(), 1);
    let (map, kind) = (bench.map.event, bench.words.events.alarm);
    for (number, is_raised, active) in [(7, true, 1), (9, true, 2), (7, false, 1), (8, false, 1)] {
        bench.sorter.set_alarm(bench.now, number, 2, is_raised);
        let told = bench.next(kind).words;
        let found = [told[map.alarm_code], told[map.alarm_raised], told[map.alarm_severity]];
        assert_eq!(found, [number, u16::from(is_raised), 2]);
        assert_eq!(bench.head(bench.map.header.alarms_active), active);
    }
    bench.next_scan();
    assert!(bench.sorter.plc.is_permitted(), "an alarm stops nothing by itself");
}

#[test]
fn full_lane_gets_a_new_box() {
    let mut bench = Bench::ready(SorterSetup { lane_capacity: 3, ..small() }, 3);
    for _ in 0..3 {
        let scan = bench.next_scan();
        bench.direct(scan.item, 2);
    }
    let lane_kind = bench.words.events.lane;
    let map = bench.map.event;
    let full = bench.next(lane_kind);
    assert_eq!([full.words[map.lane_lane], full.words[map.lane_old], full.words[map.lane_new]], [2, 1, 3]);
    assert_eq!(full.words[map.lane_fill], 100);
    let lanes = bench.read_block(bench.map.lanes_block);
    assert_eq!(lanes[bench.map.lanes.lane_full], 0b10);
    let at = bench.now;
    let ready = bench.next(lane_kind);
    assert_eq!([ready.words[map.lane_old], ready.words[map.lane_new]], [3, 1]);
    let waited = bench.now.since(at);
    assert!(waited > Nanos::from_secs(19) && waited < Nanos::from_secs(21), "{waited:?}");
    let swapped: Vec<_> = bench.ledger.iter().filter(|event| event.event == LedgerKind::Swapped).collect();
    assert_eq!((swapped.len(), swapped[0].lane), (1, LaneNo(2)));
}

#[test]
fn closed_lane_is_emptied_once_per_closing() {
    let mut bench = Bench::ready(small(), 1);
    let scan = bench.next_scan();
    bench.direct(scan.item, 2);
    bench.next_exit();
    let (map, lane_kind) = (bench.map.event, bench.words.events.lane);
    for closing in 1..=2 {
        bench.block[bench.map.control.lane_closing] = 0b10;
        bench.write_long_block();
        for (old, new) in [(1, 5), (5, 1)] {
            let event = bench.next(lane_kind);
            assert_eq!([event.words[map.lane_old], event.words[map.lane_new]], [old, new]);
        }
        for _ in 0..6_000 {
            bench.write_long_block();
        }
        assert!(
            bench.shown().iter().all(|event| event.kind != lane_kind),
            "the lamp stays on, the work is done"
        );
        let swapped = bench.ledger.iter().filter(|event| event.event == LedgerKind::Swapped).count();
        assert_eq!(swapped, closing);
        bench.block[bench.map.control.lane_closing] = 0;
        bench.write_long_block();
    }
}

#[test]
fn moment_of_closing_is_not_seen() {
    let mut bench = Bench::ready(small(), 1);
    bench.block[bench.map.control.lane_closing] = 0b10;
    bench.write_long_block();
    bench.block[bench.map.control.lane_closing] = 0;
    bench.write_long_block();
    for _ in 0..3_000 {
        bench.write_block();
    }
    assert!(bench.ledger.iter().all(|event| event.event != LedgerKind::Swapped));
}

#[test]
fn closing_a_full_lane_takes_one_swap() {
    let mut bench = Bench::ready(SorterSetup { lane_capacity: 1, ..small() }, 1);
    let scan = bench.next_scan();
    bench.direct(scan.item, 2);
    let (map, lane_kind) = (bench.map.event, bench.words.events.lane);
    bench.next(lane_kind);
    bench.block[bench.map.control.lane_closing] = 0b10;
    bench.write_long_block();
    let states: Vec<u16> = (0..2).map(|_| bench.next(lane_kind).words[map.lane_new]).collect();
    assert_eq!(states, [5, 1]);
    for _ in 0..6_000 {
        bench.write_long_block();
    }
    assert_eq!(bench.ledger.iter().filter(|event| event.event == LedgerKind::Swapped).count(), 1);
}

#[test]
fn exception_operator_brings_back_then_sorts_by_hand() {
    let mut setup = small();
    setup.people.may_hand_sort = true;
    let mut bench = Bench::ready(setup, 1);
    let exception = bench.words.numbers.lane_to_exception;
    for attempt in 1..=3 {
        let scan = bench.next_scan();
        assert_eq!(scan.item, attempt, "each attempt is a new item");
        bench.direct(scan.item, exception);
        bench.next_exit();
    }
    let mut request = None;
    for _ in 0..6_000 {
        bench.write_block();
        request = request.or_else(|| bench.sorter.poll_person());
    }
    let label = load("A", 1).label;
    assert_eq!(request, Some(PersonRequest::HandSort { label: label.clone() }));
    assert!(!bench.sorter.counts().is_idle);
    assert!(!bench.sorter.person_answer(&label, Some(LaneNo(14))), "not an order lane");
    assert!(bench.sorter.person_answer(&label, Some(LaneNo(6))));
    assert!(!bench.sorter.person_answer(&label, Some(LaneNo(6))), "once");
    bench.cycle();
    let last = bench.ledger.last().unwrap();
    assert_eq!((last.event, last.lane, last.attempt), (LedgerKind::HandSorted, LaneNo(6), 3));
    assert!(bench.sorter.counts().is_idle);
}

#[test]
fn load_that_keeps_coming_ends_on_the_shelf() {
    let mut bench = Bench::ready(small(), 1);
    let exception = bench.words.numbers.lane_to_exception;
    for _ in 0..6 {
        let scan = bench.next_scan();
        bench.direct(scan.item, exception);
        bench.next_exit();
    }
    for _ in 0..4_000 {
        bench.write_block();
    }
    assert!(bench.sorter.counts().is_idle);
    assert_eq!(bench.sorter.counts().reinducted, 5);
}

#[test]
fn next_group_waits_for_the_permit_to_rise() {
    let mut bench = Bench::ready(small(), 1);
    bench.sorter.feed(vec![load("B", 1)]);
    let scan = bench.next_scan();
    bench.direct(scan.item, 1);
    bench.next_exit();
    bench.wait(Nanos::from_secs(1));
    assert_eq!(bench.sorter.counts().inducted, 1);
    bench.permit(false);
    bench.permit(true);
    bench.wait(Nanos::from_secs(1));
    assert_eq!(bench.sorter.counts().inducted, 2);
}

#[test]
fn next_event_is_never_late() {
    let mut bench = Bench::ready(small(), 20);
    let mut last = bench.sorter.counts();
    for _ in 0..2_000 {
        let next = bench.sorter.next_event();
        if next == MonoTime::NEVER {
            break;
        }
        if next.0 > bench.now.0 + 1 {
            bench.sorter.advance(MonoTime(next.0 - 1));
            let before = bench.sorter.counts();
            assert_eq!(
                (before.inducted, before.items, before.on_belt),
                (last.inducted, last.items, last.on_belt)
            );
        }
        bench.now = next.later(bench.now);
        bench.sorter.advance(next);
        last = bench.sorter.counts();
    }
    assert_eq!(last.inducted, 6, "without its owner the sorter stops inducting after two seconds");
}
