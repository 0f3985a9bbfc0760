//! The closed set of fault kinds, with the keys each needs and may have. The table is the grammar of a fault
//! file; adding a kind is a row here and a line in the parser's `disturbance`.

use serde::{Deserialize, Serialize};

use super::SpanClock;

/// Kinds of faults. The name in files and reports is the snake case of the variant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum FaultKind {
    BadFormat,
    DiskError,
    DiskFull,
    DiskStall,
    DoubleOwner,
    DriveStop,
    #[serde(rename = "exception_06")]
    Exception06,
    FifoReset,
    FifoStall,
    FrozenLife,
    Gap,
    HalfOpen,
    LaneFault,
    LaneFull,
    LateReplies,
    Lost,
    Missed,
    Missort,
    MultiRead,
    NoRead,
    OldOwner,
    OneRequestPerCycle,
    PlcRestart,
    PurgeAtReset,
    Removed,
    ReplyDelay,
    SafetyStop,
    ScannerDown,
    StaleEcho,
    StoreOutage,
    TcpCut,
    TornSlots,
    Wrap,
}

/// What an entry of one kind looks like.
pub(super) struct Rule {
    pub(super) kind: FaultKind,
    pub(super) name: &'static str,
    pub(super) clock: SpanClock,
    /// Keys it must have, beside `kind`.
    pub(super) required: &'static [&'static str],
    /// Keys it may have.
    pub(super) optional: &'static [&'static str],
}

const fn rule(
    kind: FaultKind,
    name: &'static str,
    clock: SpanClock,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Rule {
    Rule { kind, name, clock, required, optional }
}

const BEGIN: &[&str] = &["at", "after_loads"];
const BEGIN_AND_FOR: &[&str] = &["at", "after_loads", "for"];

pub(super) const RULES: &[Rule] = {
    use FaultKind as K;
    use SpanClock::{Plant, Wall};
    &[
        rule(K::BadFormat, "bad_format", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::DiskError, "disk_error", Wall, &["count"], BEGIN),
        rule(K::DiskFull, "disk_full", Wall, &["for"], BEGIN),
        rule(K::DiskStall, "disk_stall", Wall, &["for"], BEGIN),
        rule(K::DoubleOwner, "double_owner", Wall, &["for"], BEGIN),
        rule(K::DriveStop, "drive_stop", Plant, &["for"], BEGIN),
        rule(K::Exception06, "exception_06", Wall, &[], &["at", "after_loads", "for", "count"]),
        rule(K::FifoReset, "fifo_reset", Wall, &[], &["at", "after_loads", "may_lose_events"]),
        rule(K::FifoStall, "fifo_stall", Wall, &["for"], BEGIN),
        rule(K::FrozenLife, "frozen_life", Wall, &["for"], BEGIN),
        rule(K::Gap, "gap", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::HalfOpen, "half_open", Wall, &["for"], &["at", "after_loads", "link"]),
        rule(K::LaneFault, "lane_fault", Plant, &["lane", "for"], BEGIN),
        rule(K::LaneFull, "lane_full", Plant, &["lane", "for"], BEGIN),
        rule(
            K::LateReplies,
            "late_replies",
            Wall,
            &["every", "delay"],
            &["at", "after_loads", "for", "link"],
        ),
        rule(K::Lost, "lost", Plant, &["rate"], &["at", "after_loads", "for", "silent"]),
        rule(K::Missed, "missed", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::Missort, "missort", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::MultiRead, "multi_read", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::NoRead, "no_read", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::OldOwner, "old_owner", Wall, &["for"], BEGIN),
        rule(K::OneRequestPerCycle, "one_request_per_cycle", Wall, &[], BEGIN_AND_FOR),
        rule(K::PlcRestart, "plc_restart", Wall, &["person"], &["at", "after_loads", "may_lose_events"]),
        rule(K::PurgeAtReset, "purge_at_reset", Plant, &[], BEGIN_AND_FOR),
        rule(K::Removed, "removed", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::ReplyDelay, "reply_delay", Wall, &["delay"], &["at", "after_loads", "for", "jitter"]),
        rule(K::SafetyStop, "safety_stop", Plant, &["for", "person"], BEGIN),
        rule(K::ScannerDown, "scanner_down", Plant, &["rate"], BEGIN_AND_FOR),
        rule(K::StaleEcho, "stale_echo", Wall, &["for"], BEGIN),
        rule(K::StoreOutage, "store_outage", Wall, &["for"], BEGIN),
        rule(K::TcpCut, "tcp_cut", Wall, &["for"], &["at", "after_loads", "link"]),
        rule(K::TornSlots, "torn_slots", Wall, &["rate"], BEGIN_AND_FOR),
        rule(K::Wrap, "wrap", Wall, &[], &["first"]),
    ]
};

impl FaultKind {
    /// Every kind, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        RULES.iter().map(|rule| rule.kind)
    }

    pub(super) fn rule(self) -> &'static Rule {
        RULES.iter().find(|rule| rule.kind == self).expect("every kind has a rule")
    }

    /// Name in fault files and reports.
    pub fn name(self) -> &'static str {
        self.rule().name
    }
}

/// The word of `words` that `found` was probably meant to be.
pub(super) fn nearest<'a>(found: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words.map(|word| (edits(found, word), word)).min().map(|(_, word)| word)
}

/// Letters to insert, delete or replace to turn one word into the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 1..row.len() {
            let replaced = diagonal + usize::from(letter != to[column - 1]);
            diagonal = row[column];
            row[column] = replaced.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[to.len()]
}
