//! A whole shift at a small sorter: a scripted WCS sorts orders through the registers alone, and the ledger is the
//! judge.

use std::collections::BTreeMap;

use wcs_types::{LaneNo, Nanos};

use super::bench::{Bench, load};
use crate::people::PersonRequest;
use crate::world::{Knob, KnobKind, LedgerEvent, LedgerKind, SorterSetup};

const ORDERS: usize = 60;

fn setup(seed: u64) -> SorterSetup {
    let mut setup = SorterSetup { seed, speed: 2, lane_capacity: 6, ..SorterSetup::demo() };
    setup.people.may_hand_sort = true;
    setup.plc.first_event_seq = 65_450;
    setup.plc.first_command_seq = 65_500;
    setup
}

/// The lane of the order a scanned text names.
fn lane_of(words: &[u16], text: usize, length: u16) -> u16 {
    let bytes: Vec<u8> =
        words[text..].iter().flat_map(|word| word.to_be_bytes()).take(length.into()).collect();
    let text = String::from_utf8(bytes).unwrap();
    text.split('/').next().unwrap().parse().unwrap()
}

/// Answers every scan until all loads are final, and gives what the WCS learned: exits by lane.
fn run(bench: &mut Bench) -> BTreeMap<u16, u32> {
    let mut sorted = BTreeMap::new();
    let map = bench.map.event;
    let (events, exits) = (bench.words.events, bench.words.exits);
    for _ in 0..60_000 {
        let seen = bench.take();
        for event in seen {
            if event.kind == events.scan && event.words[map.scan_read] & 0xFF == 0 {
                let lane = lane_of(&event.words, map.scan_text, event.words[map.scan_text_length]);
                let options = bench.map.command.options;
                bench.command(event.item, lane, |slot| slot[options] = 1);
            } else if event.kind == events.exit && event.words[map.exit_result] != exits.recirculated {
                *sorted.entry(event.words[map.exit_actual]).or_insert(0) += 1;
            }
        }
        while let Some(PersonRequest::HandSort { label }) = bench.sorter.poll_person() {
            let lane = label.to_string().split('/').next().unwrap().parse().unwrap();
            assert!(bench.sorter.person_answer(&label, Some(LaneNo(lane))));
        }
        if bench.sorter.counts().is_idle {
            bench.take();
            return sorted;
        }
        bench.write_block();
        bench.wait(Nanos::from_millis(40));
    }
    panic!("the shift does not end: {:?}", bench.sorter.counts());
}

fn begin(setup: SorterSetup, loads: usize) -> Bench {
    let mut bench = Bench::new(setup);
    bench.own(1);
    let group = (0..loads).map(|index| load(&(index % ORDERS + 1).to_string(), index / ORDERS + 1)).collect();
    bench.sorter.feed(group);
    bench.permit(true);
    bench
}

#[test]
fn five_hundred_loads_end_in_their_lanes() {
    let mut bench = begin(setup(7), 500);
    let sorted = run(&mut bench);
    let mut ledger: BTreeMap<u16, u32> = BTreeMap::new();
    for event in bench.ledger.iter().filter(|event| event.event == LedgerKind::Exit) {
        assert_eq!(event.order, event.lane.to_string(), "{event:?}");
        *ledger.entry(event.lane.0).or_insert(0) += 1;
    }
    assert_eq!(ledger.values().sum::<u32>(), 500);
    assert_eq!(sorted, ledger, "what the WCS was told is what happened");
    let header = bench.header();
    assert_eq!((header[bench.map.header.evt_lost], header[bench.map.header.items_on_sorter]), (0, 0));
    let swapped = bench.ledger.iter().filter(|event| event.event == LedgerKind::Swapped).count();
    assert!(swapped >= ORDERS, "eight loads per lane fill a box of six");
}

#[test]
fn faulty_shift_still_ends_every_load_once() {
    let mut bench = begin(setup(11), 500);
    for knob in [
        Knob::NoRead { per_million: 20_000 },
        Knob::Missed { per_million: 20_000 },
        Knob::Lost { per_million: 5_000, is_silent: false },
        Knob::Gap { per_million: 5_000 },
        Knob::Removed { per_million: 5_000 },
        Knob::TornSlots { per_million: 0 },
        Knob::LaneFault { lane: LaneNo(9) },
    ] {
        assert!(bench.sorter.apply(bench.now, knob, Some(bench.now + Nanos::from_secs(60))));
    }
    run(&mut bench);
    let mut ends: BTreeMap<String, LedgerKind> = BTreeMap::new();
    let is_end = |event: &LedgerEvent| match event.event {
        LedgerKind::Exit => event.lane.0 as usize <= ORDERS,
        LedgerKind::Lost | LedgerKind::Removed | LedgerKind::HandSorted => true,
        LedgerKind::Inducted | LedgerKind::Swapped | LedgerKind::Purged => false,
    };
    for event in bench.ledger.iter().filter(|event| is_end(event)) {
        assert_eq!(ends.insert(event.label.clone(), event.event), None, "{} ended twice", event.label);
    }
    assert_eq!(ends.len(), 500);
    let lost = ends.values().filter(|end| **end == LedgerKind::Lost).count() as u64;
    assert_eq!(lost, bench.sorter.applied(KnobKind::Lost));
    for kind in [KnobKind::NoRead, KnobKind::Missed, KnobKind::LaneFault] {
        assert!(bench.sorter.applied(kind) > 0 && !bench.sorter.touched(kind).is_empty(), "{kind:?}");
    }
}

#[test]
fn same_seed_gives_the_same_ledger() {
    let ledger = |seed| {
        let mut bench = begin(setup(seed), 150);
        bench.sorter.apply(bench.now, Knob::NoRead { per_million: 50_000 }, None);
        run(&mut bench);
        bench.ledger
    };
    let first = ledger(3);
    assert_eq!(first, ledger(3));
    assert_ne!(first, ledger(4));
}

#[test]
fn restart_in_the_middle_loses_no_load() {
    let mut bench = begin(setup(5), 200);
    for _ in 0..60 {
        let scan = bench.next_scan();
        let map = bench.map.event;
        let lane = lane_of(&scan.words, map.scan_text, scan.words[map.scan_text_length]);
        bench.direct(scan.item, lane);
    }
    let restart = Knob::PlcRestart { person: Nanos::from_secs(5), may_lose_events: true };
    bench.sorter.apply(bench.now, restart, None);
    bench.cycle();
    bench.cycle();
    bench.own(2);
    bench.permit(true);
    run(&mut bench);
    let exits = bench
        .ledger
        .iter()
        .filter(|event| event.event == LedgerKind::Exit && event.lane.0 as usize <= ORDERS);
    assert_eq!(exits.count(), 200);
    assert!(bench.ledger.iter().any(|event| event.plc_epoch == 2));
}
