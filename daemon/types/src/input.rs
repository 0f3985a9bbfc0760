//! What goes into the control core. One closed enum by device class, journaled as it is: append variants at
//! the end, never reorder. A new profile touches neither this file nor the core.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use crate::ids::{LineId, OperatorId, Ticket};
use crate::lanes::LaneSet;
use crate::quarantine::Quarantined;
use crate::serial::{Epoch, EventSeq};
use crate::sorter::{DestinationCommand, PlcHello, SorterEvent};
use crate::units::BeltMm;
use crate::verb::Verb;

/// One input. The core sees nothing else.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Input {
    /// An event of a sorter.
    Sorter {
        /// The line.
        line: LineId,
        /// The event.
        event: SorterEvent,
    },
    /// Something changed about the link to a device.
    Link {
        /// The line.
        line: LineId,
        /// What changed.
        change: LinkChange,
    },
    /// A person or another system asks for something.
    Verb {
        /// Who asks.
        operator: OperatorId,
        /// Ties the reply to it.
        ticket: Ticket,
        /// What is asked.
        verb: Verb,
    },
    /// A deadline the core asked for has passed, or this process was late for its turn.
    Timeout,
    /// An output was not carried out.
    Refused {
        /// The line.
        line: LineId,
        /// What happened to which command.
        refusal: Refusal,
    },
    /// The state of the journal changed.
    Storage(StorageState),
    /// An input that broke an invariant in the processes before this one is put aside instead of taken.
    Quarantined(Box<Quarantined>),
}

/// Change of a link, as its session sees it.
///
/// ```text
/// Offline → Met → (Attach) → Attached → Drained → ready
///    ^______________________________________|
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum LinkChange {
    /// The device cannot be reached or is judged dead.
    Offline(OfflineReason),
    /// The device was met and checked; the core answers `Attach` or `Stay`.
    Met(PlcHello),
    /// The device obeys our epoch. Events that were waiting follow.
    Attached {
        /// Our owner epoch, as read back.
        owner: Epoch,
    },
    /// All events that were waiting at `Attached` have been delivered.
    Drained {
        /// Belt position now.
        belt: BeltMm,
    },
    /// The device answers, but must not be operated.
    Faulted(DeviceFault),
    /// A newer owner commands the device: this process stops commanding for good. The next one may take it up again.
    Fenced {
        /// The newer owner.
        owner: Epoch,
    },
    /// Lane bitmaps differ from what was reported last.
    Lanes {
        /// Lanes that take loads.
        ready: LaneSet,
        /// Lanes that are full.
        full: LaneSet,
        /// Lanes with a fault.
        fault: LaneSet,
    },
    /// The belt has reached a watched position and no event before it is outstanding.
    Travelled {
        /// Life of the PLC whose belt is meant.
        plc_epoch: Epoch,
        /// Belt position now.
        belt: BeltMm,
    },
    /// The PLC counted dropped events.
    EventsLost {
        /// Total in this life of the PLC.
        evt_lost: u16,
    },
}

/// Why a device is offline.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[allow(missing_docs)]
pub enum OfflineReason {
    ConnectFailed,
    Closed,
    Timeouts,
    LifeFrozen,
    EchoStale,
    PlcRestarted,
    /// Three cycles without a valid slot.
    WindowTorn,
    /// The owner epoch or tag was not taken over in time.
    NotAttached,
    /// The link or its task ended.
    Stopped,
    /// A process begins: what the one before it held of the link is gone, and so is the end it came to.
    NewProcess,
}

/// Why a device must not be operated.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum DeviceFault {
    /// The magic register does not hold the profile's value.
    WrongMagic {
        /// What it holds.
        found: u16,
    },
    /// Another major version of the profile.
    WrongVersion {
        /// What the device speaks.
        found: u16,
    },
    /// The plant file names more lanes than the PLC has.
    TooFewLanes {
        /// Lanes of the PLC.
        found: u16,
        /// Highest lane of the plant file.
        needed: u16,
    },
    /// A register holds a value the profile does not allow.
    BadStatics {
        /// Zero-based PDU address.
        address: u16,
        /// What it holds.
        found: u16,
    },
    /// The device answered with a Modbus exception that means misconfiguration.
    Exception {
        /// Modbus exception code.
        code: u8,
        /// Zero-based PDU address of the request.
        address: u16,
    },
    /// A scan arrived for an item that had already left.
    ScanAfterExit {
        /// The item.
        item: u32,
    },
    /// Records that the device holds as acknowledged are missing here.
    RecordsMissing {
        /// First sequence the device would send.
        evt_ack_echo: EventSeq,
        /// First sequence this journal lacks.
        expected: EventSeq,
    },
}

/// A command that was not carried out.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Refusal {
    /// The decision point had passed before the command could be written.
    Late(DestinationCommand),
    /// The queue to the link was full.
    QueueFull(DestinationCommand),
    /// The link was not ready.
    NotReady(DestinationCommand),
}

/// State of the journal, as the engine sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum StorageState {
    /// Keeps up.
    Good,
    /// Half of the reserved records are waiting: no new loads, please.
    Behind,
    /// Cannot be written.
    Failed,
}
