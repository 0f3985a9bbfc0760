//! A storm of requests and knobs without sense: nothing panics, and loads neither appear nor disappear.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wcs_sessions::exchange::Request;
use wcs_types::{LaneNo, Nanos};

use super::bench::{Bench, small};
use crate::world::{Knob, SorterSetup};

fn knob(rng: &mut ChaCha8Rng) -> Knob {
    let per_million = rng.next_u32() % 500_000;
    let lane = LaneNo((rng.next_u32() % 16) as u16);
    let may_lose_events = rng.next_u32().is_multiple_of(2);
    let person = Nanos::from_millis(u64::from(rng.next_u32() % 5_000));
    match rng.next_u32() % 21 {
        0 => Knob::NoRead { per_million },
        1 => Knob::Missed { per_million },
        2 => Knob::Lost { per_million, is_silent: may_lose_events },
        3 => Knob::Missort { per_million },
        4 => Knob::Gap { per_million },
        5 => Knob::Removed { per_million },
        6 => Knob::LaneFull { lane },
        7 => Knob::LaneFault { lane },
        8 => Knob::TornSlots { per_million },
        9 => Knob::FrozenLife,
        10 => Knob::StaleEcho,
        11 => Knob::Exception06 { requests: 1 + per_million % 5 },
        12 => Knob::OneRequestPerCycle,
        13 => Knob::PlcRestart { person, may_lose_events },
        14 => Knob::FifoReset { may_lose_events },
        15 => Knob::DriveStop,
        16 => Knob::FifoStall,
        17 => Knob::OldOwner,
        18 => Knob::DoubleOwner,
        19 => Knob::SafetyStop { person },
        _ => Knob::PurgeAtReset,
    }
}

fn request(bench: &mut Bench, rng: &mut ChaCha8Rng) -> Request {
    let (ring, control) = (bench.map.commands_block.start, bench.map.control_block.start);
    let count = (rng.next_u32() % 130) as u16;
    match rng.next_u32() % 4 {
        0 => Request::Read { address: rng.next_u32() as u16, count },
        1 => Request::Read { address: (rng.next_u32() % 4_000) as u16, count },
        2 => {
            let address = ring + (rng.next_u32() % 700) as u16;
            let words = (0..count).map(|_| (rng.next_u32() % 30) as u16).collect();
            Request::Write { address, words }
        }
        _ => {
            let map = bench.map.control;
            let mut words = bench.block.clone();
            let offset = rng.next_u32() as usize % words.len();
            words[offset] = words[offset].wrapping_add(rng.next_u32() as u16 % 3);
            words[map.plc_epoch] = bench.sorter.plc.epoch;
            words[map.permit] = 3;
            words[map.wcs_life] = rng.next_u32() as u16;
            words[map.evt_taken] = bench.sorter.plc.fifo.taken().wrapping_add((rng.next_u32() % 3) as u16);
            words[map.evt_ack] = bench.sorter.plc.fifo.ack().wrapping_add((rng.next_u32() % 3) as u16);
            words[map.cmd_head] = bench.sorter.plc.ring.tail().wrapping_add((rng.next_u32() % 3) as u16);
            let epoch = words[map.wcs_epoch].wrapping_add(u16::from(rng.next_u32().is_multiple_of(8)));
            (words[map.wcs_epoch], words[map.epoch_copy]) = (epoch, epoch);
            bench.block = words.clone();
            Request::Write { address: control, words }
        }
    }
}

fn storm(setup: SorterSetup, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::ready(setup, 2_000);
    for _ in 0..6_000 {
        let request = request(&mut bench, &mut rng);
        bench.request(&request);
        if rng.next_u32().is_multiple_of(50) {
            let until = bench.now + Nanos::from_millis(u64::from(rng.next_u32() % 20_000));
            let knob = knob(&mut rng);
            bench.sorter.apply(bench.now, knob, Some(until));
        }
        bench.wait(Nanos::from_micros(u64::from(rng.next_u32() % 60_000)));
        let counts = bench.sorter.counts();
        assert_eq!(counts.unfinished, counts.queued + counts.on_belt + counts.waiting);
        assert_eq!(counts.inducted + counts.queued, counts.fed, "a load is queued or has come on once");
        let fifo = &bench.sorter.plc.fifo;
        assert!(fifo.head().wrapping_sub(fifo.taken()) <= 64, "the window holds 64");
    }
    assert!(bench.sorter.counts().inducted > 20, "the storm moved loads: {:?}", bench.sorter.counts());
}

#[test]
fn loop_survives_a_storm() {
    for seed in 0..4 {
        storm(small(), seed);
    }
}

#[test]
fn line_with_a_keeping_plc_survives_a_storm() {
    let mut setup = SorterSetup { loop_mm: 0, speed: 3, ..small() };
    setup.plc.is_fifo_retentive = true;
    setup.plc.are_items_retentive = true;
    for seed in 0..4 {
        storm(setup.clone(), seed);
    }
}

#[test]
fn plc_without_a_cycle_survives_a_storm() {
    let mut setup = small();
    setup.plc.cycle_ms = 0;
    storm(setup, 9);
}
