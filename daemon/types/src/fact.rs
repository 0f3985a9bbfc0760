//! What the core has decided or come to believe, in the past tense. Facts stand in the journal record, so that
//! the store, screens and reports need no core to know what happened. Append only.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::alarm::{AlarmId, AlarmKey};
use crate::batch::{OrderKey, SkuKey};
use crate::code::Code;
use crate::ids::{BatchId, ChuteId, JobId, LaneNo, LineId, LoadKey, OperatorId, StartToken};
use crate::outcome::{Outcome, Reason};
use crate::quarantine::InputDigest;
use crate::sorter::ExitResult;
use crate::units::{MonoTime, Nanos, Pieces};

/// One fact.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Fact {
    /// A batch was started.
    BatchStarted {
        /// The batch.
        batch: BatchId,
    },
    /// A batch was paused.
    BatchPaused {
        /// The batch.
        batch: BatchId,
    },
    /// A batch went on.
    BatchResumed {
        /// The batch.
        batch: BatchId,
    },
    /// A batch takes no more decisions.
    BatchClosing {
        /// The batch.
        batch: BatchId,
        /// Closed with unfinished work.
        is_forced: bool,
    },
    /// A batch ended. Short facts precede it.
    BatchEnded {
        /// The batch.
        batch: BatchId,
    },
    /// Pieces of a job that were missing when its batch ended. Never a remainder: one fact per load or line.
    PiecesShort {
        /// The batch.
        batch: BatchId,
        /// The job.
        job: JobId,
        /// Its order.
        order: OrderKey,
        /// Its article.
        sku: SkuKey,
        /// Its first code.
        label: Code,
        /// How many are missing.
        pieces: Pieces,
        /// Where they were seen last.
        last_seen: LastSeen,
        /// Why they are missing.
        reason: Reason,
    },
    /// A class was bound to a chute.
    ClassBound {
        /// The batch.
        batch: BatchId,
        /// The class: an order.
        order: OrderKey,
        /// The chute.
        chute: ChuteId,
        /// The chute had another class before, in this run of the journal.
        is_rebound: bool,
    },
    /// All pieces of a class were sorted.
    ClassCompleted {
        /// The batch.
        batch: BatchId,
        /// The class: an order.
        order: OrderKey,
        /// The chute it had.
        chute: ChuteId,
    },
    /// The box of a chute was changed.
    BoxSwapped {
        /// The chute.
        chute: ChuteId,
    },
    /// A chute has no class any more.
    ChuteFreed {
        /// The chute.
        chute: ChuteId,
    },
    /// A load was seen for the first time.
    LoadSeen {
        /// The load.
        load: LoadKey,
        /// The code it was found by; empty when it had none.
        label: Code,
        /// The load of the same label before it.
        previous: Option<LoadKey>,
    },
    /// A load passed all lanes and stays on the belt.
    LoadRecirculated {
        /// The load.
        load: LoadKey,
        /// Why.
        reason: Reason,
        /// Turns made.
        turns: u16,
    },
    /// A load ended.
    LoadEnded(LoadEnd),
    /// A load that had ended elsewhere was put into its chute by a person.
    LoadHandSorted {
        /// The load.
        load: LoadKey,
        /// Its label.
        label: Code,
        /// The batch.
        batch: BatchId,
        /// The job.
        job: JobId,
        /// Pieces credited.
        pieces: Pieces,
        /// The chute.
        chute: ChuteId,
    },
    /// A decision came too late to be applied.
    DecisionLate {
        /// The load.
        load: LoadKey,
    },
    /// An alarm came up.
    AlarmRaised(AlarmKey),
    /// An alarm went.
    AlarmGone(AlarmKey),
    /// A line may be fed (true) or not.
    PermitChanged {
        /// The line.
        line: LineId,
        /// May be fed.
        is_permitted: bool,
    },
    /// This process did not come to its turn for longer than `limits::OWN_GAP_MAX_MS`.
    SelfStalled {
        /// For how long.
        gap: Nanos,
    },
    /// A decision came too late because of a stall of ours; follows its `DecisionLate`.
    LateBySelfStall {
        /// The load.
        load: LoadKey,
    },
    /// An input that stopped this program again and again was put aside. Its record holds it.
    InputPutAside {
        /// What it is known by.
        digest: InputDigest,
        /// The line it came from, if it came from one.
        line: Option<LineId>,
    },
    /// A person withdrew the permission to feed a line.
    LineHeld {
        /// The line.
        line: LineId,
    },
    /// A person gave it back.
    LineReleased {
        /// The line.
        line: LineId,
    },
    /// A person withdrew the permission of one induction.
    InductionHeld {
        /// The line.
        line: LineId,
        /// The induction.
        induction: u8,
    },
    /// A person gave it back.
    InductionReleased {
        /// The line.
        line: LineId,
        /// The induction.
        induction: u8,
    },
    /// The box of a chute was closed before its class was complete. `BoxSwapped` follows when a new one stands there.
    BoxClosed {
        /// The chute.
        chute: ChuteId,
    },
    /// A box with this code stands at a chute.
    BoxBound {
        /// The chute.
        chute: ChuteId,
        /// What it is known by.
        code: Code,
    },
    /// A person took a chute out of use.
    ChuteTakenOut {
        /// The chute.
        chute: ChuteId,
    },
    /// A person put a chute back into use.
    ChutePutBack {
        /// The chute.
        chute: ChuteId,
    },
    /// A batch got more jobs while it ran.
    JobsAdded {
        /// The batch.
        batch: BatchId,
        /// Part they came in.
        part: u16,
        /// The first of them.
        first: JobId,
        /// How many.
        count: u32,
        /// Pieces planned in them.
        pieces: Pieces,
    },
    /// What was still to come of an order was cancelled.
    OrderCancelled {
        /// The batch.
        batch: BatchId,
        /// The order.
        order: OrderKey,
        /// The chute it has.
        chute: Option<ChuteId>,
        /// Pieces in the chute.
        picked: Pieces,
        /// Pieces on the belt.
        in_flight: Pieces,
        /// Jobs with the pieces that were cancelled.
        jobs: Vec<(JobId, Pieces)>,
    },
    /// Pieces of a cancelled order that were on the belt ended elsewhere than in its chute: cancelled too.
    PiecesCancelled {
        /// The batch.
        batch: BatchId,
        /// The job.
        job: JobId,
        /// How many.
        pieces: Pieces,
    },
    /// A start was taken back.
    StartCancelled {
        /// The batch.
        batch: BatchId,
        /// Token of that start.
        token: StartToken,
    },
    /// A person knows of an alarm, and of those it stands for.
    AlarmAcknowledged {
        /// The alarm.
        alarm: AlarmId,
        /// Those under it that nobody had acknowledged.
        with: Vec<AlarmId>,
        /// Who.
        operator: OperatorId,
    },
    /// A person put an alarm away for a time.
    AlarmShelved {
        /// The alarm.
        alarm: AlarmId,
        /// Until when.
        until: MonoTime,
        /// Who.
        operator: OperatorId,
    },
    /// A shelved alarm is shown again.
    AlarmUnshelved {
        /// The alarm.
        alarm: AlarmId,
        /// Who asked for it; `None` when its time was over.
        operator: Option<OperatorId>,
    },
    /// An alarm is somebody's now, or nobody's any more.
    AlarmAssigned {
        /// The alarm.
        alarm: AlarmId,
        /// Whose it is.
        to: Option<OperatorId>,
        /// Who said so.
        operator: OperatorId,
    },
    /// A person wrote something about an alarm.
    AlarmCommented {
        /// The alarm.
        alarm: AlarmId,
        /// At most `limits::ALARM_COMMENT_SIZE_MAX` bytes.
        text: String,
        /// Who.
        operator: OperatorId,
    },
    /// An alarm that had gone was dropped from the list to make room for another.
    AlarmForgotten {
        /// The alarm.
        alarm: AlarmId,
    },
}

/// How a load ended.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct LoadEnd {
    /// The load.
    pub load: LoadKey,
    /// The code it was found by; empty when it had none.
    pub label: Code,
    /// The job whose pieces it was, where it had one.
    pub job: Option<(BatchId, JobId)>,
    /// Pieces it carried, where known.
    pub pieces: Pieces,
    /// Where it ended.
    pub outcome: Outcome,
    /// Why there.
    pub reason: Reason,
    /// The lane it left at; `NONE` when it left at none.
    pub lane: ActualLane,
    /// What the PLC reported; `None` when it reported nothing.
    pub result: Option<ExitResult>,
}

/// The lane a load really left at.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct ActualLane(pub LaneNo);

/// Where pieces were seen last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum LastSeen {
    /// Never on this line.
    Never,
    /// On the belt, at the scanner.
    Scanner(LoadKey),
    /// At a lane.
    Lane(LoadKey, LaneNo),
}
