//! Events and commands of the device class *sorter*: what any sorter PLC can report and be told, in terms of
//! belts, lanes and items. No register, no transport: those belong to a profile's session.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::ids::LaneNo;
use crate::lanes::LaneSet;
use crate::limits::CODES_PER_READ_MAX;
use crate::serial::{CommandSeq, Epoch, EventSeq};
use crate::units::{BeltMm, Grams, Millimeters, MonoTime};

/// One event of a sorter.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct SorterEvent {
    /// The life of the PLC the event belongs to.
    pub plc_epoch: Epoch,
    /// The life of the PLC in whose FIFO it stands; differs from `plc_epoch` for an event kept over a restart.
    pub fifo_epoch: Epoch,
    /// Sequence of the event. A scan with further codes spans `seq` to `seq_last`.
    pub seq: EventSeq,
    /// Last sequence the event spans; the acknowledgement names the one after it.
    pub seq_last: EventSeq,
    /// Item concerned; 0 is none.
    pub item: u32,
    /// Station number the PLC names.
    pub station: u16,
    /// Clock of the PLC at the event: milliseconds since its start, wrapping.
    pub plc_tick_ms: u32,
    /// Belt position at the event.
    pub belt: BeltMm,
    /// What happened.
    pub body: EventBody,
}

/// What a sorter reports. Append only.
#[expect(
    clippy::large_enum_variant,
    reason = "events live in bounded queues; a box would allocate for every scan"
)]
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum EventBody {
    /// An item passed the scan tunnel. Each pass is a new scan and voids the item's destination.
    Scan(ScanEvent),
    /// An item left the sorter, or passed on (`ExitResult::Recirculated`).
    Exit {
        /// First choice of the command the PLC applied, or 0.
        requested: LaneNo,
        /// Where it left; 0 is nowhere.
        actual: LaneNo,
        /// How it left.
        result: ExitResult,
        /// Why, for a recirculated item: 0 commanded, else an exit result.
        detail: u16,
        /// Turns the item made.
        turns: u16,
        /// Command the PLC applied, where it knows.
        applied: Option<CommandSeq>,
        /// Milliseconds from scan to exit.
        since_scan_ms: u32,
    },
    /// A lane changed state.
    Lane {
        /// The lane.
        lane: LaneNo,
        /// State before.
        old: LaneState,
        /// State now.
        new: LaneState,
        /// Fill in percent, where measured.
        fill_percent: Option<u16>,
    },
    /// An item passed a check point.
    Checkpoint {
        /// The check point.
        checkpoint: u16,
        /// Deviation from the expected position, mm.
        deviation_mm: i16,
    },
    /// An alarm of the PLC's own table was raised or went.
    Alarm {
        /// Code in the PLC's table.
        code: u16,
        /// Raised (true) or gone.
        is_raised: bool,
        /// 1 to 4.
        severity: u16,
        /// Lane or zone.
        place: u16,
    },
    /// The machine changed state.
    State {
        /// State before.
        old: MachineState,
        /// State now.
        new: MachineState,
        /// Cause: 0 command, 1 operator, 2 alarm, 3 safety, 4 WCS lost.
        cause: u16,
    },
    /// The PLC refused a command.
    CommandRejected {
        /// Sequence of the command.
        command: CommandSeq,
        /// Why.
        code: RejectCode,
        /// Owner epoch the command carried.
        owner_epoch: Epoch,
    },
    /// A type this version does not know: journaled, counted, acknowledged.
    Unknown {
        /// Type number on the wire.
        kind: u16,
    },
}

/// A pass of the scan tunnel.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct ScanEvent {
    /// Quality of the read.
    pub read: Read,
    /// Codes read, in the order reported.
    pub codes: heapless::Vec<Code, CODES_PER_READ_MAX>,
    /// Turns the item has made already.
    pub turns: u16,
    /// Belt position at which the first decision point of any lane is reached.
    pub point: BeltMm,
    /// Core time by which an answer must have left; `NEVER` while the belt stands.
    pub decide_by: MonoTime,
    /// True when the event was kept over a restart of the PLC: it is never answered.
    pub is_retained: bool,
    /// Measured length, where measured.
    pub length: Option<Millimeters>,
    /// Measured weight, where measured.
    pub weight: Option<Grams>,
}

/// Quality of a read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Read {
    /// One or more codes of the expected form.
    Good,
    /// Nothing was read.
    NoRead,
    /// Several different codes, said so by the scanner, or more than this version keeps.
    Multi,
    /// A code of unexpected form, or longer than this version keeps.
    BadFormat,
    /// The scanner does not work.
    ScannerDown,
}

/// How an item left. Numbers of `wcs-sorter-hs` section 4.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[allow(missing_docs)]
pub enum ExitResult {
    FirstChoice,
    Alternative,
    Missed,
    LaneFull,
    LaneFault,
    Lost,
    /// Still on the sorter: the only result that is not final.
    Recirculated,
    Late,
    NoRead,
    InvalidDestination,
    Removed,
    Gap,
    Unexpected,
    Purged,
    OtherExit,
}

impl ExitResult {
    /// Every result; the wire number is the position plus one.
    pub const ALL: [Self; 15] = [
        Self::FirstChoice,
        Self::Alternative,
        Self::Missed,
        Self::LaneFull,
        Self::LaneFault,
        Self::Lost,
        Self::Recirculated,
        Self::Late,
        Self::NoRead,
        Self::InvalidDestination,
        Self::Removed,
        Self::Gap,
        Self::Unexpected,
        Self::Purged,
        Self::OtherExit,
    ];

    /// The result a wire number stands for.
    pub fn from_wire(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// The number on the wire.
    pub fn to_wire(self) -> u16 {
        Self::ALL.iter().position(|result| *result == self).map_or(0, |index| index as u16 + 1)
    }

    /// True when the item is gone for good.
    pub fn is_final(self) -> bool {
        self != Self::Recirculated
    }
}

/// State of a lane, wire numbers 0 to 5.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[allow(missing_docs)]
pub enum LaneState {
    Unavailable,
    Ready,
    HalfFull,
    Full,
    Fault,
    /// Closed at the lane: a person works there.
    Closed,
}

impl LaneState {
    /// Every state; the wire number is the position.
    pub const ALL: [Self; 6] =
        [Self::Unavailable, Self::Ready, Self::HalfFull, Self::Full, Self::Fault, Self::Closed];

    /// The state a wire number stands for; an unknown number means the lane cannot be used.
    pub fn from_wire(number: u16) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Unavailable)
    }

    /// The number on the wire.
    pub fn to_wire(self) -> u16 {
        Self::ALL.iter().position(|state| *state == self).map_or(0, |index| index as u16)
    }
}

/// PackML state of the machine, by its standard number.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct MachineState(pub u16);

impl MachineState {
    /// PackML 2.
    pub const STOPPED: Self = Self(2);
    /// PackML 4.
    pub const IDLE: Self = Self(4);
    /// PackML 6.
    pub const EXECUTE: Self = Self(6);
    /// PackML 9.
    pub const ABORTED: Self = Self(9);
}

/// Why a PLC refused a command. Numbers of `wcs-sorter-hs` section 5.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[allow(missing_docs)]
pub enum RejectCode {
    Late,
    UnknownItem,
    InvalidLane,
    WrongState,
    MalformedSlot,
    PointerOutOfRange,
    ForeignEpoch,
    Unknown,
}

impl RejectCode {
    /// The code a wire number stands for.
    pub fn from_wire(number: u16) -> Self {
        match number {
            1 => Self::Late,
            2 => Self::UnknownItem,
            3 => Self::InvalidLane,
            4 => Self::WrongState,
            5 => Self::MalformedSlot,
            6 => Self::PointerOutOfRange,
            7 => Self::ForeignEpoch,
            _ => Self::Unknown,
        }
    }
}

/// What a session learned when it met a PLC: enough for the core to decide whether and how to attach.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct PlcHello {
    /// The PLC's life.
    pub plc_epoch: Epoch,
    /// Newest owner the PLC has accepted; 0 is never.
    pub owner_epoch: Epoch,
    /// First sequence the PLC does not hold as durable.
    pub evt_ack_echo: EventSeq,
    /// Sequence of the next event to appear in the window.
    pub evt_head: EventSeq,
    /// Events dropped in this life of the PLC.
    pub evt_lost: u16,
    /// FIFO survives a restart of the PLC.
    pub is_fifo_retentive: bool,
    /// Turns an item may make.
    pub max_recirc: u16,
    /// Lane for what could not be read.
    pub lane_noread: LaneNo,
    /// Lane for what needs a person.
    pub lane_exception: LaneNo,
    /// Overflow lanes; 0 is none.
    pub lane_overflow: [LaneNo; 2],
    /// Travel of one loop, or 0 for a line that is not a loop.
    pub loop_mm: Millimeters,
    /// Travel from the scanner to the last exit.
    pub path_mm: Millimeters,
    /// Belt position now.
    pub belt: BeltMm,
    /// State of the machine.
    pub state: MachineState,
    /// Safety signals: bit 0 chain ok, 1 e-stop, 2 guard open, 3 local reset needed. Read only.
    pub safety: u16,
    /// Lanes that take loads.
    pub ready: LaneSet,
    /// Lanes that are full.
    pub full: LaneSet,
    /// Lanes with a fault.
    pub fault: LaneSet,
}

/// What a sorter can be told. Append only.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum SorterCommand {
    /// Take ownership of the PLC life `plc_epoch` as `owner`, with everything before `evt_ack` durable.
    Attach {
        /// Life of the PLC the core decided about.
        plc_epoch: Epoch,
        /// Our new owner epoch.
        owner: Epoch,
        /// First event sequence that is not durable here.
        evt_ack: EventSeq,
    },
    /// Do not operate the device.
    Stay {
        /// Life of the PLC the core decided about.
        plc_epoch: Epoch,
    },
    /// Events before `next` are durable.
    Ack {
        /// Life of the PLC whose FIFO is meant.
        plc_epoch: Epoch,
        /// First sequence that is not durable.
        next: EventSeq,
    },
    /// Where an item goes.
    Destination(DestinationCommand),
    /// Forget the destination of an item.
    Cancel {
        /// Life of the PLC that numbered the item.
        plc_epoch: Epoch,
        /// The item.
        item: u32,
    },
    /// Inductions allowed: bit 0 all, bit i induction i.
    Permit(u16),
    /// Lanes to hold closed: the whole desired set.
    CloseLanes(LaneSet),
    /// Tell when the belt has reached a position, judged on a header that hides no event.
    Watch {
        /// Life of the PLC whose belt counter is meant.
        plc_epoch: Epoch,
        /// The position.
        at: BeltMm,
    },
    /// A machine command; the PLC executes it once. Never clears a safety stop.
    Unit(UnitCommand),
}

/// Where an item goes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct DestinationCommand {
    /// Life of the PLC that numbered the item.
    pub plc_epoch: Epoch,
    /// The item.
    pub item: u32,
    /// First choice, or one of the special lanes below.
    pub lane: LaneNo,
    /// Alternatives of the same class; 0 is none.
    pub alternatives: [LaneNo; 2],
    /// The PLC may send the item round once more.
    pub may_recirculate: bool,
    /// The scan this answers.
    pub answers: EventSeq,
    /// Last useful instant in core time.
    pub decide_by: MonoTime,
    /// Belt position of the decision point.
    pub point: BeltMm,
}

impl DestinationCommand {
    /// Special lane: recirculate.
    pub const RECIRCULATE: LaneNo = LaneNo(0xFFFE);
    /// Special lane: exception lane.
    pub const EXCEPTION: LaneNo = LaneNo(0xFFFD);
}

/// PackML command. Safety functions are not among them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[allow(missing_docs)]
pub enum UnitCommand {
    Reset,
    Start,
    Stop,
    Hold,
    Unhold,
    Suspend,
    Unsuspend,
}

impl UnitCommand {
    /// The number on the wire, 1 to 7.
    pub const fn to_wire(self) -> u16 {
        match self {
            Self::Reset => 1,
            Self::Start => 2,
            Self::Stop => 3,
            Self::Hold => 4,
            Self::Unhold => 5,
            Self::Suspend => 6,
            Self::Unsuspend => 7,
        }
    }
}
