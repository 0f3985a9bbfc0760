//! Shapes of an explanation: what stands in the answer, and nothing of how it is found.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Sentence;

/// One thing that happened to a load.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// The record.
    pub position: u64,
    /// When the record was written.
    pub at: String,
    /// Milliseconds of core time since the first entry.
    pub after_ms: u64,
    /// `scan`, `decision`, `binding`, `exit`, `checkpoint`, `rejected`, `refused`, or the name of an event.
    pub kind: &'static str,
    /// What it was.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// The explanation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Why {
    /// Each pass of the scanner, with what was decided and what came of it.
    pub passes: Vec<Pass>,
    /// How it ended; null while it is on the belt.
    pub outcome: Option<OutcomeView>,
    /// What would have changed where it went, by what was considered and passed over.
    pub otherwise: Vec<OtherwiseView>,
    /// The same in sentences.
    pub sentences: Vec<Sentence>,
    /// All sentences in one.
    pub text: Sentence,
}

/// One pass of the scanner.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Pass {
    /// What was read; null when no record of the scan is there.
    pub scan: Option<ScanView>,
    /// What was considered and passed over.
    pub rejected: Vec<RejectedView>,
    /// The rule that chose.
    pub rule: Option<RuleView>,
    /// Lanes that were in question, as they were reported then.
    pub lanes: Vec<LaneView>,
    /// What was chosen.
    pub chosen: Option<ChosenView>,
    /// The record that bound the class to the chute.
    pub binding: Option<BindingView>,
    /// The last useful instant.
    pub deadline: Option<DeadlineView>,
    /// What became of the destination on its way to the machine.
    pub actuation: Option<ActuationView>,
    /// How the load left, or passed on.
    pub exit: Option<ExitView>,
}

/// The rule a destination was chosen by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RuleView {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub text: Sentence,
}

/// A lane as it was reported last before a decision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[schema(as = WhyLane)]
pub struct LaneView {
    /// The lane.
    pub lane: u16,
    /// Its state.
    pub state: &'static str,
    /// The record that reported it.
    pub position: u64,
    /// When.
    pub at: String,
    /// Milliseconds of core time from there to the decision.
    pub before_ms: u64,
}

/// A destination on its way to the machine.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActuationView {
    /// `applied`, `other_applied` or `not_applied` as the exit told; `refused` by the machine; `not_written`; or `sent`
    /// while nothing has told more.
    pub state: &'static str,
    /// The record that tells so.
    pub position: u64,
    /// The record that had to be on disk before it left, where that was the record of the decision itself.
    pub waited_for: Option<u64>,
    /// Why it was refused or not written.
    pub cause: Option<String>,
}

/// Something that would have changed where a load went.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OtherwiseView {
    /// What it is about: `earlier`, `read`, `chute`, `lane`, `job`, `machine`, `person`, or `nothing`.
    pub kind: &'static str,
    /// In words.
    pub text: Sentence,
}

/// A scan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScanView {
    /// The record.
    pub position: u64,
    /// Station the device names.
    pub station: u16,
    /// Quality of the read.
    pub read: &'static str,
    /// Codes read.
    pub codes: Vec<String>,
    /// Rounds made before.
    pub turns: u16,
}

/// Something passed over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RejectedView {
    /// `job`, `chute` or `lane`.
    pub kind: &'static str,
    /// Number of the batch in the journal, of a job.
    pub core_id: Option<u32>,
    /// Number of the job.
    pub job: Option<u32>,
    /// The chute.
    pub chute: Option<String>,
    /// The lane.
    pub lane: Option<u16>,
    /// Why.
    pub reason: &'static str,
}

/// What was chosen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChosenView {
    /// The record.
    pub position: u64,
    /// `chute`, `recirculate`, `overflow`, `exception` or `unanswered`.
    pub destination: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Number of the batch in the journal.
    pub core_id: Option<u32>,
    /// Number of the job.
    pub job: Option<u32>,
    /// Number of the order, where it is known.
    pub order: Option<String>,
    /// The chute.
    pub chute: Option<String>,
    /// First lane.
    pub lane: Option<u16>,
    /// Other lanes of the same chute.
    pub alternatives: Vec<u16>,
}

/// A binding.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BindingView {
    /// The record.
    pub position: u64,
    /// When.
    pub at: String,
    /// Milliseconds of core time from there to the decision; 0 in the record of the decision itself.
    pub before_ms: u64,
    /// Owner of the order.
    pub owner: String,
    /// The order.
    pub order: String,
    /// The chute.
    pub chute: String,
}

/// A deadline and how it was met.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct DeadlineView {
    /// Milliseconds left when it was decided; null while the belt stood, and where it had passed before the scan was read.
    pub slack_ms: Option<i64>,
    /// The answer came too late to be applied.
    pub is_late: bool,
    /// Because this process stood still.
    pub is_late_by_self_stall: bool,
    /// Milliseconds after the last useful instant at which it was told that the destination had not been written.
    pub late_ms: Option<u64>,
}

/// An exit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExitView {
    /// The record.
    pub position: u64,
    /// Lane of the command the device applied; 0 for none.
    pub requested: u16,
    /// Lane it left at; 0 for none.
    pub lane: u16,
    /// How, in the words of the device.
    pub result: &'static str,
    /// Milliseconds from scan to exit.
    pub since_scan_ms: u32,
}

/// An end.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OutcomeView {
    /// The record.
    pub position: u64,
    /// Where.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Lane it left at; 0 for none.
    pub lane: u16,
    /// Chute that a person put it into.
    pub chute: Option<String>,
    /// What it was judged by: `exit_report`, `travel`, `next_scan`, `controller`, `person` or `put_aside`.
    pub judged_by: &'static str,
    /// Outcome and reason before a person took a hand in it.
    pub before: Option<String>,
}
