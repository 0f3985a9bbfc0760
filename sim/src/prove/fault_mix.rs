//! The faults of one run, drawn as the text of a fault file. Rates and spans stay within what the machine must get
//! over: no fault may outlast what the people wait for, hide events for longer than the search for a lost load takes,
//! or drop events on purpose.

use std::fmt::Write;

use wcs_types::Nanos;

use super::lots::Lots;
use crate::faults::FaultKind;

/// Kinds that are drawn. Those that lose events by themselves are drawn without that permission.
const KINDS: &[FaultKind] = &[
    FaultKind::DiskStall,
    FaultKind::DoubleOwner,
    FaultKind::DriveStop,
    FaultKind::Exception06,
    FaultKind::FifoReset,
    FaultKind::FifoStall,
    FaultKind::FrozenLife,
    FaultKind::Gap,
    FaultKind::HalfOpen,
    FaultKind::LaneFault,
    FaultKind::LaneFull,
    FaultKind::LateReplies,
    FaultKind::Lost,
    FaultKind::Missed,
    FaultKind::Missort,
    FaultKind::NoRead,
    FaultKind::OldOwner,
    FaultKind::OneRequestPerCycle,
    FaultKind::PlcRestart,
    FaultKind::Removed,
    FaultKind::ReplyDelay,
    FaultKind::StaleEcho,
    FaultKind::TcpCut,
    FaultKind::TornSlots,
    FaultKind::Wrap,
];
/// Sets the lots of a standstill apart from those of the run.
const STANDSTILL: u64 = 0x5354_414E_4453_5449;
/// Faults of one run.
const FAULTS_MAX: u64 = 6;
/// One in a thousand, as a share per million.
const PER_MILLE: u64 = 1_000;

/// The text of a fault file with zero to six faults that begin within `horizon`, for a sorter with `order_lanes`
/// order lanes.
pub(super) fn draw(lots: &mut Lots, horizon: Nanos, order_lanes: u64) -> String {
    let mut text = String::new();
    let mut has_wrap = false;
    for _ in 0..lots.within(0..=FAULTS_MAX) {
        let kind = lots.pick(KINDS);
        let is_second_wrap = kind == FaultKind::Wrap && has_wrap;
        has_wrap |= kind == FaultKind::Wrap;
        if !is_second_wrap {
            let keys = keys(lots, kind, order_lanes);
            let at = lots.within(0..=horizon.as_millis());
            write_fault(&mut text, kind, at, &keys).expect("a text takes every line");
        }
    }
    text
}

/// The text of a standstill, for two seeds in five: while a batch begins and chutes are bound, the disk stalls, and then
/// the drive stops before the belt has carried the loads that wait for their binding to their points. Deadlines that
/// are not judged by travel show here. Drawn apart, so that everything else a seed stands for stays as it is.
pub(super) fn draw_standstill(seed: u64) -> String {
    let mut lots = Lots::new(seed ^ STANDSTILL);
    let mut text = String::new();
    if lots.percent(40) {
        let stalled_at = lots.within(2_000..=10_000);
        let stopped_at = stalled_at + lots.within(2_000..=4_000);
        let stall = format!("for = \"{}ms\"", lots.within(11_000..=15_000));
        write_fault(&mut text, FaultKind::DiskStall, stalled_at, &stall).expect("a text takes every line");
        let stop = format!("for = \"{}ms\"", lots.within(20_000..=60_000));
        write_fault(&mut text, FaultKind::DriveStop, stopped_at, &stop).expect("a text takes every line");
    }
    text
}

fn write_fault(text: &mut String, kind: FaultKind, at_ms: u64, keys: &str) -> std::fmt::Result {
    writeln!(text, "[[fault]]\nkind = \"{}\"", kind.name())?;
    if kind != FaultKind::Wrap {
        writeln!(text, "at = \"{at_ms}ms\"")?;
    }
    writeln!(text, "{keys}")
}

/// What a fault of this kind needs beside its begin.
fn keys(lots: &mut Lots, kind: FaultKind, order_lanes: u64) -> String {
    use FaultKind as K;
    match kind {
        K::DiskStall => lasting(lots, 100, 10_000),
        K::DoubleOwner | K::OldOwner => lasting(lots, 500, 20_000),
        K::DriveStop => lasting(lots, 1_000, 60_000),
        K::Exception06 if lots.percent(50) => format!("count = {}", lots.within(1..=20)),
        K::Exception06 => lasting(lots, 100, 4_000),
        K::FifoReset => String::new(),
        // Events that come later than a lost load is looked for would make the search lie.
        K::FifoStall => lasting(lots, 100, 4_000),
        K::FrozenLife | K::StaleEcho => lasting(lots, 500, 8_000),
        K::Gap | K::Missed | K::Removed | K::Missort => rate(lots, 30 * PER_MILLE),
        K::Lost => format!("{}\nsilent = {}", rate(lots, 20 * PER_MILLE), lots.percent(50)),
        K::NoRead => rate(lots, 60 * PER_MILLE),
        K::HalfOpen => lasting(lots, 200, 15_000),
        K::TcpCut => lasting(lots, 50, 30 * 1_000),
        K::LaneFault | K::LaneFull => {
            format!("lane = {}\n{}", lots.within(1..=order_lanes), lasting(lots, 2_000, 90_000))
        }
        K::LateReplies => {
            let (every, delay) = (lots.within(20..=400), lots.within(50..=600));
            format!("every = {every}\ndelay = \"{delay}ms\"\n{}", lasting(lots, 1_000, 60_000))
        }
        K::OneRequestPerCycle => lasting(lots, 1_000, 60_000),
        K::PlcRestart => format!("person = \"{}ms\"", lots.within(1_000..=20_000)),
        K::ReplyDelay => {
            let (delay, jitter) = (lots.within(1..=20), lots.within(0..=60));
            format!("delay = \"{delay}ms\"\njitter = \"{jitter}ms\"\n{}", lasting(lots, 1_000, 60_000))
        }
        K::TornSlots => rate(lots, 200_000),
        K::Wrap => format!("first = {}", lots.within(65_300..=65_535)),
    }
}

fn lasting(lots: &mut Lots, least_ms: u64, most_ms: u64) -> String {
    format!("for = \"{}ms\"", lots.within(least_ms..=most_ms))
}

/// A share of at most so many per million.
fn rate(lots: &mut Lots, most: u64) -> String {
    format!("rate = 0.{:06}", lots.within(500..=most))
}
