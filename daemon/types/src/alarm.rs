//! Alarm codes and what an alarm is about. Here an alarm is a code raised or gone; its life cycle with people
//! (acknowledge, shelve) is built on top of these two facts.

use serde::{Deserialize, Serialize};

use crate::ids::{ChuteId, LineId};
use crate::outcome::named;

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
