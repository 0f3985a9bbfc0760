//! An input that broke an invariant of the core in processes before this one. It is put aside: the core never sees it as
//! what it was, only this envelope, which holds all of it as evidence. Whether and when belongs to the engine.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::ids::{LineId, OperatorId, Ticket};
use crate::input::{LinkChange, Refusal};
use crate::sorter::SorterEvent;
use crate::verb::Verb;

/// What makes two meetings of an input the same: a fixed, versioned hash of what it says, without when it came.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct InputDigest(pub u64);

impl core::fmt::Display for InputDigest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// An input that was put aside.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Quarantined {
    /// What it is known by.
    pub digest: InputDigest,
    /// Text of the invariant it broke, at most `limits::INVARIANT_SIZE_MAX` bytes.
    pub invariant: String,
    /// Putting it aside broke an invariant as well: it is only acknowledged now, and its load is left to the belt.
    pub is_bare: bool,
    /// The input.
    pub suspect: Suspect,
}

/// The inputs that can be put aside. The state of the journal is not among them: it comes from the engine itself.
/// Append only.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Suspect {
    /// An event: acknowledged, and its load goes to the exception lane.
    Sorter {
        /// The line.
        line: LineId,
        /// The event.
        event: SorterEvent,
    },
    /// A change of a link: what the life of the link rests on takes the line down, the rest is passed over.
    Link {
        /// The line.
        line: LineId,
        /// The change.
        change: LinkChange,
    },
    /// A verb: refused.
    Verb {
        /// Who asked.
        operator: OperatorId,
        /// Ties the reply to it.
        ticket: Ticket,
        /// What was asked.
        verb: Verb,
    },
    /// Deadlines that are due: dropped.
    Timeout,
    /// A refused output: passed over.
    Refused {
        /// The line.
        line: LineId,
        /// What was refused.
        refusal: Refusal,
    },
}
