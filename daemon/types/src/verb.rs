//! What people and other systems can ask of the core, and the answers. Every verb gets exactly one reply.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::alarm::AlarmId;
use crate::batch::{BatchSpec, JobSpec, OrderKey};
use crate::code::Code;
use crate::ids::{BatchId, ChuteId, LineId, OperatorId, StartToken};
use crate::quarantine::InputDigest;
use crate::sorter::UnitCommand;
use crate::units::{Nanos, Pieces};

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
    /// A person withdraws the permission to feed a line, whatever batches run: it sorts until it is empty. Held
    /// already: no change.
    Hold {
        /// The line.
        line: LineId,
    },
    /// A person gives the permission back.
    Release {
        /// The line.
        line: LineId,
    },
    /// A person withdraws the permission of one induction.
    HoldInduction {
        /// The line.
        line: LineId,
        /// The induction, from 1.
        induction: u8,
    },
    /// A person gives the permission of one induction back.
    ReleaseInduction {
        /// The line.
        line: LineId,
        /// The induction, from 1.
        induction: u8,
    },
    /// The box of a chute is full although its class is not complete: its lanes are held closed until a new box
    /// stands there (`BindBox`, `ConfirmEmpty`, or a person seen at its lanes). The class keeps the chute.
    CloseBox {
        /// The chute.
        chute: ChuteId,
    },
    /// A box with this code stands at the chute now. The code is unique among the boxes that stand at chutes.
    BindBox {
        /// The chute.
        chute: ChuteId,
        /// What the box is known by.
        code: Code,
    },
    /// A person takes a chute out of use: its lanes are held closed and it gets no class. A class it has stays.
    CloseChute {
        /// The chute.
        chute: ChuteId,
    },
    /// A person puts a chute back into use.
    OpenChute {
        /// The chute.
        chute: ChuteId,
    },
    /// Drop a batch that was staged and never started.
    Unstage {
        /// The batch.
        batch: BatchId,
    },
    /// More jobs for a batch that runs or is paused: whole orders. Parts go on behind those that were staged; the same
    /// part again is a no-op. Classes that get their chutes at the start get free ones now.
    Add {
        /// The batch.
        batch: BatchId,
        /// Number of the part.
        part: u16,
        /// Its jobs.
        jobs: Vec<JobSpec>,
    },
    /// Cancel what is still to come of an order in a batch that runs or is paused. Pieces in a chute stay, pieces on
    /// the belt end where they were sent, and the box is closed for removal. Again is a no-op.
    CancelOrder {
        /// The batch.
        batch: BatchId,
        /// The order.
        order: OrderKey,
    },
    /// Take a start back, as long as nothing of the batch was sorted and none of its loads is on the belt. The batch
    /// is dropped.
    CancelStart {
        /// The batch.
        batch: BatchId,
    },
    /// Hand over one part of the table of a batch whose chutes are `Assign::Fixed` (at most `JOBS_PER_PART_MAX` pairs),
    /// behind its jobs. The same part again is a no-op.
    StageTable {
        /// The batch.
        batch: BatchId,
        /// Number of the part, from 0.
        part: u16,
        /// Classes and their chutes.
        pairs: Vec<(OrderKey, ChuteId)>,
    },
    /// A person knows of an alarm and of those it stands for. Known already: no change.
    AcknowledgeAlarm {
        /// The alarm.
        alarm: AlarmId,
    },
    /// A person puts an alarm away for a time; again: for this time from now on.
    ShelveAlarm {
        /// The alarm.
        alarm: AlarmId,
        /// For how long.
        span: Nanos,
    },
    /// A person takes it out again. Not shelved: no change.
    UnshelveAlarm {
        /// The alarm.
        alarm: AlarmId,
    },
    /// A person says whose an alarm is.
    AssignAlarm {
        /// The alarm.
        alarm: AlarmId,
        /// Whose; `None`: nobody's.
        to: Option<OperatorId>,
    },
    /// A person writes something about an alarm.
    CommentAlarm {
        /// The alarm.
        alarm: AlarmId,
        /// What: at least one byte, at most `limits::ALARM_COMMENT_SIZE_MAX`.
        text: String,
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
    /// The line has no such induction.
    UnknownInduction {
        /// Highest number there can be.
        highest: u8,
    },
    /// The chute has no class, so there is no box to be closed.
    NoBox,
    /// Another box stands there: close it first.
    BoxStands,
    /// A box with this code stands at another chute.
    BoxTaken {
        /// The chute.
        chute: ChuteId,
    },
    /// A box needs a code.
    NoCode,
    /// The batch has no such order.
    UnknownOrder,
    /// The order was cancelled.
    OrderCancelled,
    /// The order is complete, or its chute is being emptied: nothing can be added to it.
    OrderComplete,
    /// Nothing is left to be cancelled.
    AlreadyPicked {
        /// Pieces in chutes.
        pieces: Pieces,
        /// Loads on the belt.
        loads: u32,
    },
    /// The table names no chute for some classes.
    NotInTable {
        /// How many classes.
        classes: u32,
    },
    /// The table names a chute that cannot be had: taken, out of use, or of another kind or line.
    ChuteNotFree {
        /// The chute.
        chute: ChuteId,
    },
    /// The table names a chute, or a class, twice.
    TwiceInTable {
        /// The chute.
        chute: ChuteId,
    },
    /// Chutes for what cannot be read or needs a person stay open: the sorter has nowhere else to put those loads.
    MustStayOpen,
    /// No such alarm is listed: it has gone and was acknowledged.
    UnknownAlarm,
    /// The alarm is shelved: take it out first.
    AlarmShelved,
    /// An alarm this urgent is never put away.
    MayNotBeShelved,
    /// Longer than an alarm may be shelved, or no time at all.
    BadShelfTime {
        /// How many minutes it may be.
        minutes_max: u16,
    },
    /// A comment has at least one byte and at most this many.
    BadComment {
        /// How many.
        size_max: u16,
    },
    /// The alarm has as many comments as are kept.
    TooManyComments,
}
