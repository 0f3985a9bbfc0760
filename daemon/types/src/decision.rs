//! Choices of the core. Each stands in the record of the input that caused it, with what was rejected and why,
//! so that it can be explained, compared on replay, and imposed on another version of the core.

use serde::{Deserialize, Serialize};

use crate::ids::{BatchId, ChuteId, JobId, LaneNo, LoadKey};
use crate::limits::REJECTED_KEPT_MAX;
use crate::outcome::Reason;

/// One choice. Append only.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Decision {
    /// A class gets a chute.
    Bind {
        /// The batch.
        batch: BatchId,
        /// Index of the class in the batch.
        class: u32,
        /// The chute, or none was free.
        chute: Option<ChuteId>,
        /// Chutes passed over.
        rejected: heapless::Vec<Rejected, REJECTED_KEPT_MAX>,
    },
    /// A load gets a destination.
    Route {
        /// The load.
        load: LoadKey,
        /// Where it goes.
        destination: Destination,
        /// Why there.
        reason: Reason,
        /// Jobs or lanes passed over.
        rejected: heapless::Vec<Rejected, REJECTED_KEPT_MAX>,
    },
}

/// Where a load is sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Destination {
    /// To the chute of its class.
    Chute {
        /// Batch of the job.
        batch: BatchId,
        /// The job whose pieces it is.
        job: JobId,
        /// The chute.
        chute: ChuteId,
        /// First choice.
        lane: LaneNo,
        /// Alternatives; 0 is none.
        alternatives: [LaneNo; 2],
    },
    /// Round once more; the job stays reserved where one was.
    Recirculate,
    /// To an overflow lane.
    Overflow {
        /// The lane.
        lane: LaneNo,
    },
    /// To the exception lane.
    Exception,
    /// No answer: the PLC does what it does without one.
    Unanswered,
}

/// Something that was considered and passed over.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Rejected {
    /// What was considered.
    pub candidate: Candidate,
    /// Why not.
    pub reason: Reason,
}

/// What can be considered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[allow(missing_docs)]
pub enum Candidate {
    Job { batch: BatchId, job: JobId },
    Chute(ChuteId),
    Lane(LaneNo),
}
