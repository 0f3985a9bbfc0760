//! The faults of one run, drawn as the text of a fault file. A run has some kinds and not the others, so that what two of
//! them do together is not always drowned by a third. Rates and spans stay within what the machine must get over: no
//! fault may outlast what the people wait for, hide events for longer than the search for a lost load takes, or drop
//! events on purpose.

use std::fmt::Write;

use wcs_types::Nanos;

use super::course::RunSize;
use super::lots::Lots;
use super::outages::Outage;
use crate::faults::FaultKind;

/// Kinds that are drawn: all but those that hold for a whole run, and safety stops, which are drawn apart. Those that lose
/// events by themselves are drawn without that permission.
const KINDS: &[FaultKind] = &[
    FaultKind::BadFormat,
    FaultKind::DiskError,
    FaultKind::DiskFull,
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
    FaultKind::MultiRead,
    FaultKind::NoRead,
    FaultKind::OldOwner,
    FaultKind::OneRequestPerCycle,
    FaultKind::PlcRestart,
    FaultKind::Removed,
    FaultKind::ReplyDelay,
    FaultKind::ScannerDown,
    FaultKind::StaleEcho,
    FaultKind::StoreOutage,
    FaultKind::TcpCut,
    FaultKind::TornSlots,
];
/// Sets the lots of a standstill apart from those of the run.
const STANDSTILL: u64 = 0x5354_414E_4453_5449;
/// Sets the lots of safety stops apart from those of the run.
const SAFETY_STOPS: u64 = 0x5341_4645_5459_0000;
/// One in a thousand, as a share per million.
const PER_MILLE: u64 = 1_000;

/// The text of a fault file with faults that begin within `horizon`, for a sorter with `order_lanes` order lanes. In a run
/// whose belt is cleared at the reset the PLC restarts once, and is never reset otherwise.
pub(super) fn draw(
    lots: &mut Lots,
    size: RunSize,
    horizon: Nanos,
    order_lanes: u64,
    is_purged: bool,
) -> String {
    let (share, count) = match size {
        RunSize::Full => (lots.within(20..=100), lots.within(6..=36)),
        RunSize::Small => (100, lots.within(0..=6)),
    };
    let mut mix: Vec<FaultKind> = KINDS.iter().copied().filter(|_| lots.percent(share)).collect();
    if is_purged {
        mix.retain(|kind| !matches!(kind, FaultKind::PlcRestart | FaultKind::FifoReset));
    }
    if mix.is_empty() {
        mix.push(FaultKind::NoRead);
    }
    let mut text = draw_whole_run(lots);
    if is_purged {
        write_fault(&mut text, FaultKind::PurgeAtReset, "");
        let at = lots.within(horizon.as_millis() / 8..=horizon.as_millis() / 2);
        let keys = keys(lots, size, FaultKind::PlcRestart, order_lanes);
        write_fault(&mut text, FaultKind::PlcRestart, &format!("at = \"{at}ms\"\n{keys}"));
    }
    for _ in 0..count {
        let kind = lots.pick(&mix);
        let keys = keys(lots, size, kind, order_lanes);
        let at = lots.within(0..=horizon.as_millis());
        write_fault(&mut text, kind, &format!("at = \"{at}ms\"\n{keys}"));
    }
    text
}

/// What holds from the start: numbers close to their wrap, and a store that is down when the first batch is to be handed
/// over.
fn draw_whole_run(lots: &mut Lots) -> String {
    let mut text = String::new();
    if lots.percent(40) {
        write_fault(&mut text, FaultKind::Wrap, &format!("first = {}", lots.within(65_300..=65_535)));
    }
    if lots.percent(25) {
        write_fault(&mut text, FaultKind::StoreOutage, &lasting(lots, 100, 30 * 1_000));
    }
    text
}

/// What is wrong with the line when a daemon comes back: nobody answers, or nobody hears.
pub(super) fn draw_at_outage(lots: &mut Lots, outages: &[Outage]) -> String {
    let mut text = String::new();
    for outage in outages {
        let kind = match lots.within(1..=10) {
            1 => FaultKind::TcpCut,
            2 => FaultKind::StaleEcho,
            _ => continue,
        };
        let (at, down) = (outage.at.as_millis(), outage.down.as_millis());
        let longer = down + lots.within(2_000..=9_000);
        write_fault(&mut text, kind, &format!("at = \"{at}ms\"\nfor = \"{longer}ms\""));
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
        write_fault(&mut text, FaultKind::DiskStall, &format!("at = \"{stalled_at}ms\"\n{stall}"));
        let stop = format!("for = \"{}ms\"", lots.within(20_000..=60_000));
        write_fault(&mut text, FaultKind::DriveStop, &format!("at = \"{stopped_at}ms\"\n{stop}"));
    }
    text
}

/// The text of safety stops, for two seeds in five: one or two, of which the second may come while the chain is open, while
/// the machine waits for its reset, or later. Drawn apart, as a standstill is.
pub(super) fn draw_safety_stops(seed: u64, size: RunSize, horizon: Nanos) -> String {
    let mut lots = Lots::new(seed ^ SAFETY_STOPS);
    let mut text = String::new();
    if lots.percent(40) {
        let mut at = lots.within(1_000..=horizon.as_millis().max(2_000));
        for _ in 0..lots.within(1..=2) {
            let keys = keys(&mut lots, size, FaultKind::SafetyStop, 0);
            write_fault(&mut text, FaultKind::SafetyStop, &format!("at = \"{at}ms\"\n{keys}"));
            at += lots.within(100..=60_000);
        }
    }
    text
}

fn write_fault(text: &mut String, kind: FaultKind, keys: &str) {
    writeln!(text, "[[fault]]\nkind = \"{}\"\n{keys}", kind.name()).expect("a text takes every line");
}

/// What a fault of this kind needs beside its begin.
fn keys(lots: &mut Lots, size: RunSize, kind: FaultKind, order_lanes: u64) -> String {
    use FaultKind as K;
    match kind {
        K::BadFormat | K::MultiRead => rate(lots, size, 30 * PER_MILLE),
        K::ScannerDown => rate(lots, size, 200 * PER_MILLE),
        K::DiskError => format!("count = {}", lots.within(1..=5)),
        K::DiskFull => lasting(lots, 100, 8_000),
        K::DiskStall => lasting(lots, 100, 10_000),
        K::StoreOutage => lasting(lots, 1_000, 60_000),
        K::DoubleOwner | K::OldOwner => lasting(lots, 500, 20_000),
        K::DriveStop => lasting(lots, 1_000, 60_000),
        K::Exception06 if lots.percent(50) => format!("count = {}", lots.within(1..=20)),
        K::Exception06 => lasting(lots, 100, 4_000),
        K::FifoReset => String::new(),
        // Events that come later than a lost load is looked for would make the search lie.
        K::FifoStall => lasting(lots, 100, 4_000),
        K::FrozenLife | K::StaleEcho => lasting(lots, 500, 8_000),
        K::Gap | K::Missed | K::Removed | K::Missort => rate(lots, size, 30 * PER_MILLE),
        K::Lost => format!("{}\nsilent = {}", rate(lots, size, 20 * PER_MILLE), lots.percent(50)),
        K::NoRead => rate(lots, size, 60 * PER_MILLE),
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
        K::SafetyStop => {
            let person = lots.within(500..=20_000);
            format!("{}\nperson = \"{person}ms\"", lasting(lots, 100, 20_000))
        }
        K::TornSlots => rate(lots, size, 200 * PER_MILLE),
        K::PurgeAtReset | K::Wrap => unreachable!("drawn for a whole run"),
    }
}

fn lasting(lots: &mut Lots, least_ms: u64, most_ms: u64) -> String {
    format!("for = \"{}ms\"", lots.within(least_ms..=most_ms))
}

/// A share of at most so many per million; in a long run for a while only.
fn rate(lots: &mut Lots, size: RunSize, most: u64) -> String {
    let rate = format!("rate = 0.{:06}", lots.within(500..=most));
    match size {
        RunSize::Full => format!("{rate}\n{}", lasting(lots, 20_000, 400_000)),
        RunSize::Small => rate,
    }
}
