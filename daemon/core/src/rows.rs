//! The rows of every table: what the core believes and wants. Data only; each table's rules live in the file
//! named after it. Every row is hashed and serialised, so a change here is a change of the journal's hashes.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use wcs_types::limits::LANES_PER_CHUTE_MAX;
use wcs_types::{
    BatchSpec, BeltMm, ChuteId, ChuteKind, Code, Destination, Epoch, EventSeq, LaneNo, LaneSet, LineId,
    LoadKey, MachineState, Millimeters, MonoTime, OrderKey, Outcome, Pieces, Read, Reason, Seq, StartToken,
};

/// Life of the link to a line's device.
///
/// ```text
/// Offline --Met--> Attaching --Attached--> Draining --Drained--> Ready
///    ^                 |                       |                    |
///    |_________________|____Offline/Faulted____|____________________|      any --Fenced--> Fenced
///    |___________________________________________________________________________________NewProcess____|
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) enum LinkPhase {
    Offline,
    Attaching,
    Draining,
    Ready,
    Faulted,
    Fenced,
}

/// A line: its link and what its device told about itself.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct LineRow {
    pub(crate) phase: LinkPhase,
    /// The PLC life this journal knows.
    pub(crate) plc_epoch: Epoch,
    /// First event sequence of that life's FIFO that is not in this journal.
    pub(crate) evt_next: EventSeq,
    /// Dropped events of that life, as last heard.
    pub(crate) evt_lost: u16,
    /// Newest owner epoch this journal has given out.
    pub(crate) owner: Epoch,
    pub(crate) max_recirc: u16,
    pub(crate) lane_noread: LaneNo,
    pub(crate) lane_exception: LaneNo,
    pub(crate) lane_overflow: [LaneNo; 2],
    pub(crate) loop_mm: Millimeters,
    pub(crate) path_mm: Millimeters,
    pub(crate) machine: MachineState,
    /// The permit last sent: bit 0 for the line, bit i for induction i; 0 is none.
    pub(crate) permit: u16,
    /// A person withdrew the permission to feed it.
    pub(crate) is_held: bool,
    /// Inductions whose permission a person withdrew: bit i for induction i.
    pub(crate) held_inductions: u16,
    /// Belt mark the session was asked to watch for.
    pub(crate) watch: Option<BeltMm>,
    /// Belt mark at which loads of an earlier PLC life count as lost.
    pub(crate) uncertain_until: Option<BeltMm>,
    /// Loads of an earlier PLC life still without an end.
    pub(crate) uncertain_count: u32,
}

/// Lanes of a line: reported and desired.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct LaneRow {
    pub(crate) ready: LaneSet,
    pub(crate) full: LaneSet,
    pub(crate) fault: LaneSet,
    /// Lanes we want closed.
    pub(crate) closed: LaneSet,
}

/// Life of an order chute.
///
/// ```text
/// Free --bind--> Bound --class complete--> Complete --no load in flight--> Closing --emptied--> Free
///                  |________batch ended________^                              (lanes held closed)
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) enum ChuteLife {
    Free,
    Bound,
    Complete,
    Closing,
    /// What it is bound to is in doubt; a person has to empty it.
    Blocked,
}

/// A chute.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct ChuteRow {
    pub(crate) line: LineId,
    pub(crate) kind: ChuteKind,
    pub(crate) lanes: heapless::Vec<LaneNo, LANES_PER_CHUTE_MAX>,
    pub(crate) life: ChuteLife,
    /// Row of the class it is bound to.
    pub(crate) class: Option<u32>,
    /// Record that made the binding.
    pub(crate) bound_in: Seq,
    /// Loads that have it as destination and have not ended.
    pub(crate) in_flight: u32,
    /// Per lane (bit = position in `lanes`): a person was seen working there since it was closed.
    pub(crate) worked: u8,
    /// Per lane: it was put back into service after that.
    pub(crate) emptied: u8,
    /// It has had a class before.
    pub(crate) was_bound: bool,
    /// A person took it out of use.
    pub(crate) is_out: bool,
    /// Its box was closed before its class was complete, and no new one stands there yet.
    pub(crate) is_box_closed: bool,
    /// What the box that stands there is known by; empty when nobody said.
    pub(crate) box_code: Code,
}

/// Life of a batch.
///
/// ```text
/// Staging --Start--> Running <--> Paused
///    |                  |_____Close____|--> Closing --last load ended--> Ended
///    +--Unstage--> gone <--CancelStart--+
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) enum BatchLife {
    Staging,
    Running,
    Paused,
    Closing,
    Ended,
}

/// A batch.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct BatchRow {
    pub(crate) spec: BatchSpec,
    pub(crate) life: BatchLife,
    pub(crate) is_forced: bool,
    pub(crate) token: StartToken,
    /// Running hash of everything staged.
    pub(crate) content: u64,
    pub(crate) planned: Pieces,
    pub(crate) done: Pieces,
    /// Open loads that belong to one of its jobs.
    pub(crate) loads_open: u32,
}

/// A closing batch whose missing pieces are being listed.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct ListingRow {
    pub(crate) batch: u32,
    /// The first of its jobs that was not looked at yet.
    pub(crate) next: u32,
}

/// The parts of a batch that only grow while it is staged; covered by its content hash.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct BatchLists {
    /// Hash of each staged part, in order: a repeated part is recognised.
    pub(crate) parts: Vec<u64>,
    /// Rows of its jobs, by `JobId`.
    pub(crate) jobs: Vec<u32>,
    /// Rows of its classes, in order of their first job.
    pub(crate) classes: Vec<u32>,
    /// Hash of each staged part of its table, in order.
    pub(crate) table_parts: Vec<u64>,
    /// Its table, until it is started.
    pub(crate) table: Vec<(OrderKey, ChuteId)>,
}

/// A class of a batch: here an order.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct ClassRow {
    pub(crate) batch: u32,
    /// Position in the batch.
    pub(crate) index: u32,
    pub(crate) order: OrderKey,
    pub(crate) planned: Pieces,
    pub(crate) done: Pieces,
    pub(crate) chute: Option<ChuteId>,
    /// What was still to come was cancelled.
    pub(crate) is_cancelled: bool,
}

/// What changes of a job.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct JobRow {
    pub(crate) batch: u32,
    pub(crate) class: u32,
    /// Position in the batch.
    pub(crate) index: u32,
    pub(crate) planned: Pieces,
    pub(crate) done: Pieces,
    pub(crate) in_flight: Pieces,
    /// Pieces one load carries.
    pub(crate) portion: Pieces,
    pub(crate) priority: u8,
    /// Due time in Unix seconds; `u64::MAX` when it has none, so that smaller is more urgent.
    pub(crate) due_rank: u64,
    /// The last load of this job that ended elsewhere than in its chute.
    pub(crate) last_miss: Option<(LoadKey, LaneNo, Reason)>,
}

/// What never changes of a job; covered by the content hash of its batch.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct JobText {
    pub(crate) sku_owner: String,
    pub(crate) sku_code: String,
    pub(crate) codes: Vec<Code>,
}

/// Belief about a load that has not ended.
///
/// ```text
///   scan -> Waiting (link draining) -> Routed -> (exit 7) Recirculating -> scan ...
///                                        | exit              any --PLC restart--> Uncertain
///                                        v
///                                      ended
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) enum LoadBelief {
    Waiting,
    Routed,
    Recirculating,
    Uncertain,
}

/// A load on the belt.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct LoadRow {
    pub(crate) key: LoadKey,
    pub(crate) belief: LoadBelief,
    pub(crate) label: Code,
    pub(crate) read: Read,
    /// Row of the job whose pieces are reserved for it.
    pub(crate) job: Option<u32>,
    pub(crate) destination: Destination,
    pub(crate) reason: Reason,
    /// Sequence and belt position of its last scan.
    pub(crate) scan_seq: EventSeq,
    pub(crate) point: BeltMm,
    pub(crate) decide_by: MonoTime,
    pub(crate) turns: u16,
    pub(crate) generation: u32,
    /// Belt position at which silence means it is lost.
    pub(crate) mark: BeltMm,
}

/// A load that has ended.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct EndedRow {
    pub(crate) key: LoadKey,
    pub(crate) label: Code,
    pub(crate) job: Option<u32>,
    pub(crate) pieces: Pieces,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
    pub(crate) lane: LaneNo,
    /// Replaced by hand_sorted or superseded: not again.
    pub(crate) is_replaced: bool,
    /// The PLC reported that it left.
    pub(crate) has_exit: bool,
}
