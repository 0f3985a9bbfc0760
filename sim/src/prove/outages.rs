//! When the daemon of a run goes down, how, and what is different when it comes back: drawn from the seed. Every phase
//! of its work is among them, every way to lose what was not synced, and wall clocks that were set meanwhile.

use serde::{Deserialize, Serialize};
use wcs_types::Nanos;

use super::lots::Lots;
use crate::stack::{CrashPoint, PowerOff, Return};

/// Changes of the disk a recovery or a checkpoint makes at most before its power goes.
const CHANGES_MAX: u64 = 7;
/// By how much somebody sets the wall clock, in milliseconds: a second, a minute, an hour, three days, a month.
const CLOCK_MS: [i64; 5] = [1_000, 60_000, 3_600_000, 259_200_000, 2_592_000_000];

/// How the daemon goes down.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// The power goes at this instant.
    PowerLoss,
    /// The process is killed, its machine goes on.
    Kill,
    /// A clean stop.
    Stop,
    /// A clean stop; another daemon takes the line, and ours takes it back when it is started again.
    OwnerChange,
    /// The power goes when an input was taken and the core has not seen it.
    BeforeAdmit,
    /// The power goes after a step, before anything of it left.
    AfterStep,
    /// The power goes while a batch is being filled.
    BatchFilling,
    /// The power goes when a batch is written and not synced.
    Written,
    /// The power goes when a batch is synced and nothing that waited for it was released.
    Synced,
    /// The power goes while a checkpoint is written.
    Checkpoint,
    /// The power goes, and again while the journal is recovered.
    Recovery,
}

impl OutageKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::PowerLoss,
        Self::Kill,
        Self::Stop,
        Self::OwnerChange,
        Self::BeforeAdmit,
        Self::AfterStep,
        Self::BatchFilling,
        Self::Written,
        Self::Synced,
        Self::Checkpoint,
        Self::Recovery,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerLoss => "power_loss",
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::OwnerChange => "owner_change",
            Self::BeforeAdmit => "crash_before_admit",
            Self::AfterStep => "crash_after_step",
            Self::BatchFilling => "crash_batch_filling",
            Self::Written => "crash_written",
            Self::Synced => "crash_synced",
            Self::Checkpoint => "crash_checkpoint",
            Self::Recovery => "crash_recovery",
        }
    }
}

/// Names under which set clocks are reported.
pub(super) const CLOCK_FORWARD: &str = "clock_forward";
/// See [`CLOCK_FORWARD`].
pub(super) const CLOCK_BACK: &str = "clock_back";

/// One time the daemon is down.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Since the start of the run.
    pub at: Nanos,
    /// For how long.
    pub down: Nanos,
    /// How it goes.
    pub kind: OutageKind,
    /// What becomes of bytes that were not synced.
    #[serde(with = "super::wide")]
    pub seed: u64,
    /// Changes of the disk before the power goes, where that is asked.
    #[serde(default)]
    pub changes: u64,
    /// By how much the wall clock is set while it is down, in milliseconds.
    #[serde(default)]
    pub clock_ms: i64,
}

impl Outage {
    /// The point of the daemon's work at which it goes, where it is one.
    pub(super) fn point(&self) -> Option<CrashPoint> {
        match self.kind {
            OutageKind::BeforeAdmit => Some(CrashPoint::BeforeAdmit),
            OutageKind::AfterStep => Some(CrashPoint::AfterStep),
            OutageKind::BatchFilling => Some(CrashPoint::BatchFilling),
            OutageKind::Written => Some(CrashPoint::Written),
            OutageKind::Synced => Some(CrashPoint::Synced),
            OutageKind::Checkpoint => Some(CrashPoint::Checkpoint { changes: self.changes }),
            OutageKind::PowerLoss
            | OutageKind::Kill
            | OutageKind::Stop
            | OutageKind::OwnerChange
            | OutageKind::Recovery => None,
        }
    }

    /// What is different when the daemon comes back.
    pub(super) fn back(&self) -> Return {
        let power_off = PowerOff { changes: self.changes, seed: self.seed.rotate_left(17) };
        Return {
            clock_ms: self.clock_ms,
            has_newcomer: self.kind == OutageKind::OwnerChange,
            power_off: (self.kind == OutageKind::Recovery).then_some(power_off),
        }
    }
}

/// So many outages within `horizon`, in order.
pub(super) fn draw(lots: &mut Lots, count: u64, horizon: Nanos) -> Vec<Outage> {
    let mut outages: Vec<Outage> = (0..count)
        .map(|_| Outage {
            at: Nanos::from_millis(lots.within(1_000..=horizon.as_millis().max(2_000))),
            down: Nanos::from_millis(if lots.percent(50) {
                lots.within(50..=1_500)
            } else {
                lots.within(50..=20_000)
            }),
            kind: lots.pick(&OutageKind::ALL),
            seed: lots.number(),
            changes: lots.within(1..=CHANGES_MAX),
            clock_ms: match lots.within(1..=10) {
                1..=2 => lots.pick(&CLOCK_MS),
                3..=4 => -lots.pick(&CLOCK_MS),
                _ => 0,
            },
        })
        .collect();
    outages.sort_by_key(|outage| outage.at);
    outages
}
