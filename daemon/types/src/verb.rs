//! What people and other systems can ask of the core, and the answers. Every verb gets exactly one reply.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::batch::{BatchSpec, JobSpec};
use crate::code::Code;
use crate::ids::{BatchId, ChuteId, LineId, StartToken};
use crate::quarantine::InputDigest;
use crate::sorter::UnitCommand;

/// A request. Append only.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Verb {
    /// Hand over one part of a batch (at most `JOBS_PER_PART_MAX` jobs). Parts come in order from 0; the same
    /// part again is a no-op.
    Stage {
        /// The batch and how it is to be sorted; the same in every part.
        spec: BatchSpec,
        /// Number of the part.
        part: u16,
        /// Its jobs.
        jobs: Vec<JobSpec>,
    },
    /// Start a staged batch. The same token again is a no-op.
    Start {
        /// The batch.
        batch: BatchId,
        /// Token of this start.
        token: StartToken,
        /// How many parts were staged.
        parts: u16,
        /// `batch::batch_content` of everything staged.
        content_hash: u64,
    },
    /// Stop taking loads for a batch; its loads on the belt recirculate, then go to exception.
    Pause {
        /// The batch.
        batch: BatchId,
    },
    /// Go on with a paused batch.
    Resume {
        /// The batch.
        batch: BatchId,
    },
    /// End a batch: no new decisions; ended when none of its loads is on the belt.
    Close {
        /// The batch.
        batch: BatchId,
        /// End it even with unfinished work; what is missing is listed.
        is_forced: bool,
    },
    /// Book a load from the exception station as put into its chute by a person.
    HandSort {
        /// The line.
        line: LineId,
        /// Its label.
        label: Code,
        /// Where it was put.
        chute: ChuteId,
    },
    /// A closed chute was emptied and has a new box.
    ConfirmEmpty {
        /// The chute.
        chute: ChuteId,
    },
    /// A machine command to a line.
    Line {
        /// The line.
        line: LineId,
        /// The command.
        command: UnitCommand,
    },
}

/// The answer to a verb.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Reply {
    /// Done, or done already.
    Done,
    /// Not done, and nothing changed.
    Refused(VerbRefusal),
}

/// Why a verb was refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum VerbRefusal {
    /// No such batch.
    UnknownBatch,
    /// No such line.
    UnknownLine,
    /// No such chute.
    UnknownChute,
    /// No load with that label waits for a person.
    UnknownLabel,
    /// The state of the batch does not allow it.
    WrongState,
    /// Part `expected` comes next.
    PartOutOfOrder {
        /// The part that is missing.
        expected: u16,
    },
    /// A part of the same number but another content was staged before.
    PartDiffers,
    /// Parts or content are not what was staged.
    ContentDiffers,
    /// A table is full: end other batches first.
    TooMany,
    /// A job has no code, no quantity, or more codes than allowed.
    BadJob {
        /// Position in the part.
        index: u16,
    },
    /// More classes than usable chutes.
    TooFewChutes {
        /// Classes of the batch.
        classes: u32,
        /// Chutes that could be used.
        chutes: u32,
    },
    /// Work is unfinished; close it forced to list what is missing.
    Unfinished {
        /// Jobs with missing pieces.
        jobs: u32,
    },
    /// The chute is not bound to the class of the load.
    WrongChute,
    /// The chute is not waiting to be emptied.
    NotClosing,
    /// This request stopped the program again and again: it is not tried any more before another version runs.
    Quarantined {
        /// What it is known by in the log.
        digest: InputDigest,
    },
}
