//! Alarms: codes with what is fixed for each (priority, cause, delays), what an alarm is about, where it stands in its
//! life with people, and which alarms stand for others. What raises and clears them is the core's; what a person does
//! about each is told by the service.

use alloc::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ChuteId, LineId};
use crate::outcome::named;
use crate::serial::Seq;
use crate::units::Nanos;

named! {
    /// Stable alarm codes. Append only. One operator action per code.
    AlarmCode {
        /// The link to a device is down.
        LinkDown = "link_down",
        /// A device answers, but not as its profile demands.
        DeviceFaulted = "device_faulted",
        /// A newer owner commands the device; this process stopped commanding.
        FencedOff = "fenced_off",
        /// The device forgot events that this process acknowledged, or the journal lacks them.
        RecordsMissing = "records_missing",
        /// The device dropped events before they were acknowledged.
        EventsLost = "events_lost",
        /// The journal cannot keep up or cannot be written.
        JournalStalled = "journal_stalled",
        /// A chute is blocked: what it is bound to is in doubt.
        ChuteConflict = "chute_conflict",
        /// An alarm of the device's own table.
        Device = "device",
        /// A safety signal stopped the machine. Information: a person resets it at the machine.
        SafetyStop = "safety_stop",
        /// No chute is free for a class that has loads on the belt.
        NoChute = "no_chute",
        /// A load was given more room in tables than there is.
        TableFull = "table_full",
        /// This process was late; the equipment is not to blame.
        SelfStall = "self_stall",
        /// An input that stopped this program again and again was put aside: its load comes to the exception lane.
        Quarantined = "quarantined",
        /// More alarms of a line came up at once than a person can read: this one stands for all of them.
        AlarmFlood = "alarm_flood",
        /// So many alarms are up that one more could not be listed: the list is not whole.
        AlarmListFull = "alarm_list_full",
    }
}

named! {
    /// How urgent an alarm is; the most urgent first. Append only.
    AlarmPriority {
        /// At once: somebody may be hurt, or two programs command one machine.
        Critical = "critical",
        /// Soon: a line or the whole program stands.
        High = "high",
        /// Today: work is getting lost or stuck.
        Medium = "medium",
        /// When there is time.
        Low = "low",
    }
}

named! {
    /// What alarms of one line may come of together: the first of them is the one to act on. Append only.
    AlarmCause {
        /// The machine of a line.
        Machine = "machine",
        /// The link to its controller.
        Link = "link",
        /// This program and the computer it runs on.
        Program = "program",
    }
}

named! {
    /// Where an alarm stands in its life (ISA-18.2); one that is in none of these is normal and not listed.
    ///
    /// ```text
    /// normal --raised--> unacknowledged --acknowledged--> acknowledged --gone--> normal
    ///                      |     ^ raised again
    ///                      v gone |
    ///                     returned --acknowledged--> normal
    /// any of these --shelved--> shelved --unshelved, or time over--> unacknowledged (if it is up), else normal
    /// ```
    AlarmState {
        /// Up, and nobody has said that they know.
        Unacknowledged = "unacknowledged",
        /// Up, and a person knows.
        Acknowledged = "acknowledged",
        /// Gone again before anybody said that they know.
        Returned = "returned",
        /// Put away by a person for a time.
        Shelved = "shelved",
    }
}

/// What is fixed for a code: a row of the table below.
struct Rule {
    priority: AlarmPriority,
    cause: Option<AlarmCause>,
    /// How long it must last before it is raised, in milliseconds.
    on_ms: u64,
    /// How long it must be away before it counts as gone, in milliseconds.
    off_ms: u64,
}

const fn rule(priority: AlarmPriority, cause: Option<AlarmCause>, on_ms: u64, off_ms: u64) -> Rule {
    Rule { priority, cause, on_ms, off_ms }
}

impl AlarmCode {
    const fn rule(self) -> Rule {
        use AlarmCause::{Link, Machine, Program};
        use AlarmPriority::{Critical, High, Low, Medium};
        match self {
            // A link that is down for less is not worth an alarm: every restart of ours would raise one.
            Self::LinkDown => rule(High, Some(Link), 2_000, 0),
            Self::DeviceFaulted => rule(High, Some(Link), 0, 0),
            Self::FencedOff => rule(Critical, Some(Link), 0, 0),
            Self::RecordsMissing => rule(High, Some(Link), 0, 0),
            Self::EventsLost => rule(Medium, None, 0, 0),
            // How far behind is too far, and when it has caught up, is the engine's to say.
            Self::JournalStalled => rule(High, Some(Program), 0, 0),
            Self::ChuteConflict => rule(Medium, None, 0, 0),
            // A contact that bounces is one alarm.
            Self::Device => rule(Medium, Some(Machine), 0, 2_000),
            Self::SafetyStop => rule(Critical, Some(Machine), 0, 0),
            Self::NoChute => rule(Medium, None, 0, 0),
            Self::TableFull => rule(Medium, None, 0, 0),
            // How long a stall is remembered is part of what a stall is.
            Self::SelfStall => rule(Low, Some(Program), 0, 0),
            Self::Quarantined => rule(Medium, None, 0, 0),
            Self::AlarmFlood => rule(High, None, 0, 0),
            Self::AlarmListFull => rule(High, None, 0, 0),
        }
    }

    /// How urgent it is.
    pub const fn priority(self) -> AlarmPriority {
        self.rule().priority
    }

    /// What it may come of together with others; `None` stands alone, because each needs its own action.
    pub const fn cause(self) -> Option<AlarmCause> {
        self.rule().cause
    }

    /// How long it must last before it is raised.
    pub const fn on_delay(self) -> Nanos {
        Nanos::from_millis(self.rule().on_ms)
    }

    /// How long it must be away before it counts as gone.
    pub const fn off_delay(self) -> Nanos {
        Nanos::from_millis(self.rule().off_ms)
    }

    /// True for what has happened and cannot end by itself: it goes when a person acknowledges it.
    pub const fn ends_when_acknowledged(self) -> bool {
        matches!(self, Self::EventsLost | Self::TableFull | Self::AlarmListFull)
    }

    /// True for the few that are listed although the list is full: at most one of each for a line, and that it is full.
    pub const fn is_always_listed(self) -> bool {
        matches!(self.priority(), AlarmPriority::Critical) || matches!(self, Self::AlarmListFull)
    }

    /// True when a person may put it away for a time.
    pub const fn may_be_shelved(self) -> bool {
        !matches!(self.priority(), AlarmPriority::Critical)
    }
}

/// Names one life of an alarm, from normal to normal: the record that raised it, and its place among the alarms that this
/// record raised. Later ones are larger.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AlarmId(pub u64);

impl AlarmId {
    const INDEX_BITS: u32 = 10;

    /// The alarm that record `seq` raised as its `index`th.
    pub const fn new(seq: Seq, index: u32) -> Self {
        Self(seq.0 << Self::INDEX_BITS | (index & ((1 << Self::INDEX_BITS) - 1)) as u64)
    }

    /// Its place among the alarms that record raised.
    pub const fn index(self) -> u32 {
        (self.0 & ((1 << Self::INDEX_BITS) - 1)) as u32
    }

    /// The record that raised it.
    pub const fn seq(self) -> Seq {
        Seq(self.0 >> Self::INDEX_BITS)
    }
}

impl core::fmt::Display for AlarmId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What an alarm is about: at most one alarm is up for one key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AlarmKey {
    /// The code.
    pub code: AlarmCode,
    /// The line concerned, if one is.
    pub line: Option<LineId>,
    /// The chute concerned, if one is.
    pub chute: Option<ChuteId>,
    /// The number in the device's own alarm table; 0 for our own alarms.
    pub detail: u16,
}

/// Which listed alarms stand in front and which are shown under them: first-out. The first alarm of a line and a cause is
/// the headline; what comes after it and is not more urgent is a consequence of it. What is acknowledged stands for
/// nothing that comes later: it is grouped by itself. While a line is flooded, its `alarm_flood` stands for everything of
/// that line that is not critical.
///
/// Alarms are told in order of their ids, without those that are shelved.
#[derive(Clone, Debug, Default)]
pub struct FirstOut {
    heads: BTreeMap<(Option<LineId>, AlarmCause, bool), (AlarmPriority, AlarmId)>,
    floods: BTreeMap<Option<LineId>, AlarmId>,
}

impl FirstOut {
    /// With these lines flooded, each by this alarm.
    pub fn new(floods: impl Iterator<Item = (Option<LineId>, AlarmId)>) -> Self {
        Self { heads: BTreeMap::new(), floods: floods.collect() }
    }

    /// The alarm that stands for this one; `None` when it is a headline itself.
    pub fn head_of(&mut self, id: AlarmId, key: &AlarmKey, is_acknowledged: bool) -> Option<AlarmId> {
        let priority = key.code.priority();
        let first = key.code.cause().and_then(|cause| {
            let head = self.heads.entry((key.line, cause, is_acknowledged)).or_insert((priority, id));
            if priority < head.0 {
                *head = (priority, id);
            }
            (head.1 != id).then_some(head.1)
        });
        let is_held = key.code != AlarmCode::AlarmFlood && priority != AlarmPriority::Critical;
        let flood = self.floods.get(&key.line).copied().filter(|_| is_held);
        flood.or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: AlarmCode, line: u16, detail: u16) -> AlarmKey {
        AlarmKey { code, line: Some(LineId(line)), chute: None, detail }
    }

    #[test]
    fn the_first_of_a_line_and_cause_stands_for_what_is_not_more_urgent() {
        let mut first_out = FirstOut::default();
        let mut head = |id, code, line, detail| {
            first_out.head_of(AlarmId(id), &key(code, line, detail), false).map(|head| head.0)
        };
        assert_eq!(head(1, AlarmCode::Device, 0, 1), None);
        assert_eq!(head(2, AlarmCode::Device, 0, 2), Some(1));
        assert_eq!(head(3, AlarmCode::Device, 1, 2), None, "another line");
        assert_eq!(head(4, AlarmCode::LinkDown, 0, 0), None, "another cause");
        assert_eq!(head(5, AlarmCode::SafetyStop, 0, 0), None, "more urgent");
        assert_eq!(head(6, AlarmCode::Device, 0, 3), Some(5), "the most urgent one stands for what follows");
        assert_eq!(head(7, AlarmCode::ChuteConflict, 0, 0), None, "stands alone");
        assert_eq!(head(8, AlarmCode::ChuteConflict, 0, 1), None, "stands alone");
    }

    #[test]
    fn what_is_known_stands_for_nothing_that_comes_later() {
        let mut first_out = FirstOut::default();
        let mut head = |id, is_acknowledged| {
            let key = key(AlarmCode::Device, 0, id);
            first_out.head_of(AlarmId(u64::from(id)), &key, is_acknowledged).map(|head| head.0)
        };
        assert_eq!(head(1, true), None);
        assert_eq!(head(2, true), Some(1));
        assert_eq!(head(3, false), None);
        assert_eq!(head(4, true), Some(1));
        assert_eq!(head(5, false), Some(3));
    }

    #[test]
    fn a_flood_stands_for_all_of_its_line_but_the_critical() {
        let mut first_out = FirstOut::new([(Some(LineId(0)), AlarmId(9))].into_iter());
        let mut head =
            |id, code, line| first_out.head_of(AlarmId(id), &key(code, line, 0), false).map(|head| head.0);
        assert_eq!(head(1, AlarmCode::Device, 0), Some(9));
        assert_eq!(head(2, AlarmCode::ChuteConflict, 0), Some(9));
        assert_eq!(head(3, AlarmCode::SafetyStop, 0), None);
        assert_eq!(head(4, AlarmCode::LinkDown, 1), None);
        assert_eq!(head(9, AlarmCode::AlarmFlood, 0), None);
    }

    #[test]
    fn an_id_names_its_record() {
        let id = AlarmId::new(Seq(77), 3);
        assert_eq!(id.seq(), Seq(77));
        assert!(id < AlarmId::new(Seq(77), 4) && AlarmId::new(Seq(77), 4) < AlarmId::new(Seq(78), 0));
    }
}
