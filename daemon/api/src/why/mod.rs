//! Why a load went where it went: its records, told as a time line, as structured data pass by pass, and as sentences
//! people can read. It explains what stands in the records and computes nothing anew; it needs no store.

mod sentences;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use wcs_types::{
    Candidate, Decision, Destination, EventBody, Fact, Input, LaneNo, LoadKey, MonoTime, OrderKey, Plant,
    Refusal, Rejected, SorterEvent,
};

use crate::event::{chute_name, describe, time_text};
use crate::ports::Told;
use crate::words;

pub use sentences::Sentence;

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
    /// What was chosen.
    pub chosen: Option<ChosenView>,
    /// The record that bound the class to the chute.
    pub binding: Option<BindingView>,
    /// The last useful instant.
    pub deadline: Option<DeadlineView>,
    /// How the load left, or passed on.
    pub exit: Option<ExitView>,
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
    /// Milliseconds left when it was decided; null while the belt stood.
    pub slack_ms: Option<i64>,
    /// The answer came too late to be applied.
    pub is_late: bool,
    /// Because this process stood still.
    pub is_late_by_self_stall: bool,
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
}

/// True when the record tells of the load.
pub fn concerns(told: &Told, key: LoadKey) -> bool {
    let of_event = |line, event: &SorterEvent| {
        line == key.line && event.plc_epoch == key.plc_epoch && event.item == key.item && key.item != 0
    };
    let by_input = match &told.record.input {
        Input::Sorter { line, event } => of_event(*line, event),
        Input::Refused { line, refusal } => {
            let (Refusal::Late(command) | Refusal::QueueFull(command) | Refusal::NotReady(command)) = refusal;
            *line == key.line && command.plc_epoch == key.plc_epoch && command.item == key.item
        }
        _ => false,
    };
    by_input
        || told.record.facts.iter().any(|fact| load_of(fact) == Some(key))
        || told.record.decisions.iter().any(|decision| is_route_of(decision, key))
}

/// The load a fact tells of.
pub fn load_of(fact: &Fact) -> Option<LoadKey> {
    match fact {
        Fact::LoadSeen { load, .. }
        | Fact::LoadRecirculated { load, .. }
        | Fact::LoadHandSorted { load, .. }
        | Fact::DecisionLate { load }
        | Fact::LateBySelfStall { load } => Some(*load),
        Fact::LoadEnded(end) => Some(end.load),
        _ => None,
    }
}

fn is_route_of(decision: &Decision, key: LoadKey) -> bool {
    matches!(decision, Decision::Route { load, .. } if *load == key)
}

/// Explains a load from its records, in order. Records before its first one tell of the binding it rests on; `order_of`
/// knows the order of a job where it is still held.
pub fn explain(
    key: LoadKey,
    records: &[Told],
    plant: &Plant,
    order_of: &dyn Fn(wcs_types::BatchId, wcs_types::JobId) -> Option<OrderKey>,
) -> (Vec<TimelineEntry>, Why) {
    let mut story = Story {
        key,
        plant,
        order_of,
        start: records.iter().find(|told| concerns(told, key)).map(|told| told.record.now),
        timeline: Vec::new(),
        passes: Vec::new(),
        outcome: None,
        decide_by: MonoTime::NEVER,
    };
    for told in records {
        story.add(told);
    }
    story.bind(records);
    let sentences = sentences::of(&story.passes, story.outcome.as_ref(), plant, key);
    let text = Sentence::joined(&sentences);
    (story.timeline, Why { passes: story.passes, outcome: story.outcome, sentences, text })
}

struct Story<'a> {
    key: LoadKey,
    plant: &'a Plant,
    order_of: &'a dyn Fn(wcs_types::BatchId, wcs_types::JobId) -> Option<OrderKey>,
    start: Option<MonoTime>,
    timeline: Vec<TimelineEntry>,
    passes: Vec<Pass>,
    outcome: Option<OutcomeView>,
    /// Last useful instant of the newest scan.
    decide_by: MonoTime,
}

impl Story<'_> {
    fn add(&mut self, told: &Told) {
        if !concerns(told, self.key) {
            return;
        }
        match &told.record.input {
            Input::Sorter { event, .. } if event.item == self.key.item => self.add_event(told, event),
            Input::Refused { refusal, .. } => {
                let word = match refusal {
                    Refusal::Late(_) => "late",
                    Refusal::QueueFull(_) => "queue_full",
                    Refusal::NotReady(_) => "not_ready",
                };
                self.note(told, "refused", json!({ "why": word }));
            }
            _ => {}
        }
        for decision in &told.record.decisions {
            self.add_decision(told, decision);
        }
        let key = self.key;
        for fact in told.record.facts.iter().filter(|fact| load_of(fact) == Some(key)) {
            let (name, data) = describe(fact, self.plant);
            self.note(told, name, data);
            self.add_fact(told, fact);
        }
    }

    fn note(&mut self, told: &Told, kind: &'static str, data: Value) {
        let start = self.start.unwrap_or(told.record.now);
        self.timeline.push(TimelineEntry {
            position: told.record.seq.0,
            at: time_text(told.unix_ms),
            after_ms: told.record.now.since(start).as_millis(),
            kind,
            data,
        });
    }

    fn add_event(&mut self, told: &Told, event: &SorterEvent) {
        match &event.body {
            EventBody::Scan(scan) => {
                let view = ScanView {
                    position: told.record.seq.0,
                    station: event.station,
                    read: words::read(scan.read),
                    codes: scan.codes.iter().map(ToString::to_string).collect(),
                    turns: scan.turns,
                };
                let data = json!({ "station": view.station, "read": view.read, "codes": view.codes,
                    "turns": view.turns, "length_mm": scan.length.map(|length| length.0),
                    "weight_g": scan.weight.map(|weight| weight.0) });
                self.note(told, "scan", data);
                self.decide_by = scan.decide_by;
                self.passes.push(Pass { scan: Some(view), ..Pass::default() });
            }
            EventBody::Exit { requested, actual, result, since_scan_ms, .. } => {
                let view = ExitView {
                    position: told.record.seq.0,
                    requested: requested.0,
                    lane: actual.0,
                    result: words::exit_result(*result),
                    since_scan_ms: *since_scan_ms,
                };
                let data = json!({ "requested": view.requested, "lane": view.lane, "result": view.result,
                    "since_scan_ms": view.since_scan_ms });
                self.note(told, "exit", data);
                self.pass().exit = Some(view);
            }
            EventBody::Checkpoint { checkpoint, deviation_mm } => {
                let data = json!({ "checkpoint": checkpoint, "deviation_mm": deviation_mm });
                self.note(told, "checkpoint", data);
            }
            EventBody::CommandRejected { code, .. } => {
                self.note(told, "rejected", json!({ "code": format!("{code:?}").to_lowercase() }));
            }
            _ => {}
        }
    }

    /// The newest pass; made when no scan was told.
    fn pass(&mut self) -> &mut Pass {
        if self.passes.is_empty() {
            self.passes.push(Pass::default());
        }
        self.passes.last_mut().expect("one was made if there was none")
    }

    fn add_decision(&mut self, told: &Told, decision: &Decision) {
        let (destination, reason, rejected) = match decision {
            Decision::Route { load, destination, reason, rejected } if *load == self.key => {
                (*destination, *reason, rejected)
            }
            // A chute that was looked for in the record that routes the load was looked for because of it.
            Decision::Bind { rejected, .. }
                if told.record.decisions.iter().any(|other| is_route_of(other, self.key)) =>
            {
                let views: Vec<RejectedView> = rejected.iter().map(|row| self.rejected(row)).collect();
                self.pass().rejected.extend(views);
                return;
            }
            Decision::Route { .. } | Decision::Bind { .. } => return,
        };
        let chosen = self.chosen(told, destination, reason.as_str());
        let views: Vec<RejectedView> = rejected.iter().map(|row| self.rejected(row)).collect();
        let data = json!({ "chosen": &chosen, "rejected": &views });
        self.note(told, "decision", data);
        let (now, decide_by) = (told.record.now.0, self.decide_by);
        let slack_ms = (decide_by != MonoTime::NEVER)
            .then(|| (i128::from(decide_by.0) - i128::from(now)) / 1_000_000)
            .and_then(|ms| i64::try_from(ms).ok());
        let pass = self.pass();
        pass.rejected.extend(views);
        pass.chosen = Some(chosen);
        pass.deadline.get_or_insert_default().slack_ms = slack_ms;
    }

    fn rejected(&self, row: &Rejected) -> RejectedView {
        let (mut view, reason) = (
            RejectedView { kind: "lane", core_id: None, job: None, chute: None, lane: None, reason: "" },
            row.reason.as_str(),
        );
        match row.candidate {
            Candidate::Job { batch, job } => {
                (view.kind, view.core_id, view.job) = ("job", Some(batch.0), Some(job.0));
            }
            Candidate::Chute(chute) => {
                (view.kind, view.chute) = ("chute", Some(chute_name(self.plant, chute)));
            }
            Candidate::Lane(lane) => view.lane = Some(lane.0),
        }
        RejectedView { reason, ..view }
    }

    fn chosen(&self, told: &Told, destination: Destination, reason: &'static str) -> ChosenView {
        let mut view = ChosenView {
            position: told.record.seq.0,
            destination: "unanswered",
            reason,
            core_id: None,
            job: None,
            order: None,
            chute: None,
            lane: None,
            alternatives: Vec::new(),
        };
        match destination {
            Destination::Chute { batch, job, chute, lane, alternatives } => {
                view.destination = "chute";
                view.core_id = Some(batch.0);
                view.job = Some(job.0);
                view.order = (self.order_of)(batch, job).map(|order| order.number);
                view.chute = Some(chute_name(self.plant, chute));
                view.lane = Some(lane.0);
                let others = alternatives.iter().filter(|lane| **lane != LaneNo::NONE);
                view.alternatives = others.map(|lane| lane.0).collect();
            }
            Destination::Recirculate => view.destination = "recirculate",
            Destination::Overflow { lane } => {
                view.destination = "overflow";
                view.lane = Some(lane.0);
            }
            Destination::Exception => view.destination = "exception",
            Destination::Unanswered => {}
        }
        view
    }

    fn add_fact(&mut self, told: &Told, fact: &Fact) {
        let position = told.record.seq.0;
        match fact {
            Fact::LoadEnded(end) => {
                self.outcome = Some(OutcomeView {
                    position,
                    outcome: end.outcome.as_str(),
                    reason: end.reason.as_str(),
                    lane: end.lane.0.0,
                    chute: None,
                });
            }
            Fact::LoadHandSorted { chute, .. } => {
                let lane = self.outcome.as_ref().map_or(0, |outcome| outcome.lane);
                self.outcome = Some(OutcomeView {
                    position,
                    outcome: wcs_types::Outcome::HandSorted.as_str(),
                    reason: wcs_types::Reason::ByHand.as_str(),
                    lane,
                    chute: Some(chute_name(self.plant, *chute)),
                });
            }
            // Seen again after silence: it goes on.
            Fact::LoadSeen { .. } => self.outcome = None,
            Fact::DecisionLate { .. } => self.pass().deadline.get_or_insert_default().is_late = true,
            Fact::LateBySelfStall { .. } => {
                self.pass().deadline.get_or_insert_default().is_late_by_self_stall = true;
            }
            _ => {}
        }
    }

    /// Says which record bound the chute each pass was sent to: the last before the decision.
    fn bind(&mut self, records: &[Told]) {
        for pass in &mut self.passes {
            let Some(chosen) = &mut pass.chosen else { continue };
            let bound =
                records.iter().rev().filter(|told| told.record.seq.0 <= chosen.position).find_map(|told| {
                    told.record.facts.iter().find_map(|fact| match fact {
                        Fact::ClassBound { order, chute, .. }
                            if chosen.chute.as_deref() == Some(&chute_name(self.plant, *chute)) =>
                        {
                            Some((told, order))
                        }
                        _ => None,
                    })
                });
            let Some((told, order)) = bound else { continue };
            chosen.order.get_or_insert_with(|| order.number.clone());
            pass.binding = Some(BindingView {
                position: told.record.seq.0,
                at: time_text(told.unix_ms),
                owner: order.owner.clone(),
                order: order.number.clone(),
                chute: chosen.chute.clone().unwrap_or_default(),
            });
        }
    }
}
