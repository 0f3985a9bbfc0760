//! Knobs that act on registers and requests.

use wcs_sessions::exchange::Request;
use wcs_types::{LaneNo, MonoTime, Nanos};

use super::bench::{Bench, small};
use crate::world::{Knob, KnobKind, ReplyBody};

const HEADER: Request = Request::Read { address: 0, count: 32 };

#[test]
fn torn_slot_heals_in_one_cycle() {
    let mut bench = Bench::ready(small(), 1);
    bench.sorter.apply(bench.now, Knob::TornSlots { per_million: 1_000_000 }, None);
    bench.sorter.apply(bench.now, Knob::LaneFull { lane: LaneNo(1) }, None);
    bench.cycle();
    let seq = bench.head(bench.map.header.evt_head).wrapping_sub(1);
    let size = bench.map.event_slot_count;
    let address = bench.map.events_block.start + seq % 64 * size;
    let slot = bench.read(address, size);
    assert_eq!(slot[bench.map.event.seq_copy], seq);
    assert_eq!(slot[bench.map.event.seq], seq.wrapping_sub(64));
    bench.cycle();
    assert_eq!(bench.read(address, size)[bench.map.event.seq], seq);
    assert_eq!(bench.sorter.applied(KnobKind::TornSlots), 1);
}

#[test]
fn frozen_life_and_stale_echo() {
    let mut bench = Bench::ready(small(), 1);
    let map = bench.map.header;
    bench.wait(Nanos::from_millis(500));
    bench.sorter.apply(bench.now, Knob::FrozenLife, Some(bench.now + Nanos::from_secs(1)));
    let life = bench.head(map.plc_life);
    bench.wait(Nanos::from_millis(900));
    assert_eq!(bench.head(map.plc_life), life);
    bench.wait(Nanos::from_millis(200));
    assert!(bench.head(map.plc_life) > life, "withdrawn by itself");
    bench.write_block();
    let echo = bench.head(map.wcs_life_echo);
    bench.sorter.apply(bench.now, Knob::StaleEcho, None);
    for _ in 0..30 {
        bench.write_block();
        bench.wait(Nanos::from_millis(90));
    }
    assert_eq!((bench.head(map.wcs_life_echo), bench.head(map.link_state)), (echo, 2));
    assert!(bench.head(map.plc_life) > life, "the life counter goes on");
    assert_eq!(bench.sorter.applied(KnobKind::StaleEcho), 30);
    assert!(bench.sorter.withdraw(bench.now, &Knob::StaleEcho));
    bench.write_block();
    assert_eq!(bench.head(map.link_state), 1);
}

#[test]
fn busy_for_a_number_of_requests() {
    let mut bench = Bench::new(small());
    bench.sorter.apply(bench.now, Knob::Exception06 { requests: 2 }, None);
    let answers: Vec<ReplyBody> = (0..3).map(|_| bench.request(&HEADER).body).collect();
    assert_eq!(answers[..2], [ReplyBody::Exception(6), ReplyBody::Exception(6)]);
    assert!(matches!(answers[2], ReplyBody::Registers(_)));
    assert_eq!(bench.sorter.applied(KnobKind::Exception06), 2);
    bench.sorter.apply(bench.now, Knob::Exception06 { requests: 0 }, Some(bench.now + Nanos::from_secs(1)));
    bench.wait(Nanos::from_millis(999));
    assert_eq!(bench.request(&HEADER).body, ReplyBody::Exception(6));
    bench.wait(Nanos::from_millis(1));
    assert!(matches!(bench.request(&HEADER).body, ReplyBody::Registers(_)));
}

#[test]
fn replies_take_their_time() {
    let mut bench = Bench::new(small());
    let (base, jitter) = (Nanos::from_millis(3), Nanos::from_millis(2));
    bench.sorter.apply(bench.now, Knob::ReplyDelay { base, jitter }, None);
    let delays: Vec<Nanos> = (0..50).map(|_| bench.request(&HEADER).delay).collect();
    assert!(delays.iter().all(|delay| *delay >= base && *delay <= base + jitter));
    assert!(delays.iter().any(|delay| *delay != delays[0]));
}

#[test]
fn one_request_per_cycle_waits_its_turn() {
    let mut bench = Bench::new(small());
    bench.sorter.apply(bench.now, Knob::OneRequestPerCycle, None);
    bench.wait(Nanos::from_millis(42));
    let delays: Vec<u64> = (0..4).map(|_| bench.request(&HEADER).delay.as_millis()).collect();
    assert_eq!(delays, [0, 8, 18, 28]);
    bench.wait(Nanos::from_millis(100));
    assert_eq!(bench.request(&HEADER).delay, Nanos::ZERO);
    let busy = (0..200).map(|_| bench.request(&HEADER).body).filter(|body| *body == ReplyBody::Exception(6));
    assert!(busy.count() > 90, "what would wait for more than a second is refused");
}

#[test]
fn stalled_fifo_shows_its_events_later() {
    let mut bench = Bench::ready(small(), 1);
    bench.sorter.apply(bench.now, Knob::FifoStall, Some(bench.now + Nanos::from_secs(5)));
    for _ in 0..450 {
        bench.write_block();
        assert!(bench.shown().is_empty());
    }
    let scan = bench.next_scan();
    assert_eq!(scan.item, 1);
    assert!(bench.sorter.applied(KnobKind::FifoStall) > 0);
}

#[test]
fn second_clients_are_refused() {
    for (knob, code) in [(Knob::OldOwner, 7), (Knob::DoubleOwner, 7)] {
        let mut bench = Bench::ready(small(), 1);
        bench.own(3);
        bench.permit(true);
        bench.sorter.apply(bench.now, knob, None);
        let scan = bench.next_scan();
        let count = bench.head(bench.map.header.rej_count);
        bench.write_slot(scan.item, 4, |_| {});
        bench.cycle();
        bench.sorter.withdraw(bench.now, &knob);
        bench.block[bench.map.control.cmd_head] = bench.cmd_head;
        bench.write_block();
        assert_eq!(bench.head(bench.map.header.rej_code), code);
        assert!(count > 0);
        assert_eq!(bench.head(bench.map.header.owner_epoch), 3);
        assert!(bench.sorter.applied(knob.kind()) > 0);
    }
}

#[test]
fn old_owner_overwrites_an_unread_slot() {
    let mut bench = Bench::ready(small(), 1);
    bench.own(3);
    bench.permit(true);
    let scan = bench.next_scan();
    bench.write_slot(scan.item, 4, |_| {});
    bench.sorter.apply(bench.now, Knob::OldOwner, Some(bench.now + Nanos::from_millis(20)));
    bench.cycle();
    bench.cycle();
    bench.block[bench.map.control.cmd_head] = bench.cmd_head;
    bench.write_block();
    assert_eq!(bench.next_reject(), 7);
}

#[test]
fn knobs_refuse_lanes_that_do_not_exist_and_the_end_of_the_line() {
    let mut bench = Bench::new(small());
    for lane in [0, 14, 15, 2_000] {
        assert!(
            !bench.sorter.apply(MonoTime::ZERO, Knob::LaneFull { lane: LaneNo(lane) }, None),
            "lane {lane}"
        );
    }
    assert!(!bench.sorter.withdraw(MonoTime::ZERO, &Knob::FifoStall), "was not turned");
}
