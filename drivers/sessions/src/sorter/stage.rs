//! Where a session stands with its device, what it asked for last, and what the core was told.

use wcs_types::{DeviceFault, Epoch, EventSeq, MonoTime};

use super::control::Block;

/// Stage of a session; the diagram stands at the head of the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// No connection.
    Down,
    /// Header, static block and lanes are read and checked; the device has to show that it lives.
    Checking {
        /// It has shown it already.
        is_alive: bool,
    },
    /// The core was told and has to answer. Reads go on.
    Meeting,
    /// The first block of our epoch is being written and looked for.
    Attaching(Attaching),
    /// Events that were waiting are delivered.
    Draining {
        /// One past the last of them.
        to: EventSeq,
    },
    /// Everything runs.
    Ready,
    /// The device was ours and is judged dead; blocks without permit go on until it echoes them.
    Lost {
        /// Matching echoes so far.
        echoes: u16,
        /// Life word that matched last.
        matched: Option<u16>,
        /// Life changes of the PLC seen when it was lost.
        changes: u32,
    },
    /// The device must not be operated; a new connection will be tried.
    Faulted,
    /// A newer owner commands. Final.
    Fenced,
}

/// Progress of an attachment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Attaching {
    pub(super) plc_epoch: Epoch,
    pub(super) owner: Epoch,
    pub(super) evt_ack: EventSeq,
    pub(super) since: MonoTime,
    /// The block has to be written (again).
    pub(super) is_block_due: bool,
    /// A header shows our epoch; the static block has to confirm our tag.
    pub(super) is_tag_due: bool,
}

/// What an exchange under way is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Header,
    Statics,
    Lanes,
    Window { first: EventSeq },
    Slots,
    Control(Block),
}

/// The exchange under way.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) id: u64,
    pub(super) purpose: Purpose,
    pub(super) address: u16,
    pub(super) count: u16,
    pub(super) sent_at: MonoTime,
    pub(super) deadline: MonoTime,
}

/// What the core was last told about the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reported {
    Nothing,
    Offline,
    Online,
    Faulted(DeviceFault),
}
