//! Registry of ids. One newtype per kind of thing, so that a lane can never be taken for a chute.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::serial::Epoch;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($raw:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub struct $name(pub $raw);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// A batch: a set of orders sorted together. Chosen by whoever stages the batch.
    BatchId(u32)
}
id! {
    /// A chute: index into `Plant::chutes`.
    ChuteId(u16)
}
id! {
    /// One planned piece of work of a batch: index into its jobs, in staging order.
    JobId(u32)
}
id! {
    /// A lane of a sorter as the PLC numbers it: 1 to lane_count, 0 is none.
    LaneNo(u16)
}
id! {
    /// A line: index into `Plant::lines`.
    LineId(u16)
}
id! {
    /// A link to a device: index into `Plant::links`.
    LinkId(u16)
}
id! {
    /// Who asked for a verb; 0 is the system itself.
    OperatorId(u32)
}
id! {
    /// Token of one start of a batch; makes a repeated `Start` idempotent.
    StartToken(u64)
}
id! {
    /// Ties a reply to the verb that asked for it.
    Ticket(u64)
}

impl LaneNo {
    /// No lane.
    pub const NONE: Self = Self(0);
}

/// Key of a load: item ids are unique only within one life of one PLC.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct LoadKey {
    /// The line that carries the load.
    pub line: LineId,
    /// The life of the PLC that numbered it.
    pub plc_epoch: Epoch,
    /// The number the PLC gave it.
    pub item: u32,
}

impl fmt::Display for LoadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.line, self.plc_epoch.0, self.item)
    }
}
