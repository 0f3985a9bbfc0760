//! Why a load went where it went: its records, told as a time line, as structured data pass by pass, and as sentences
//! people can read. It explains what stands in the records and computes nothing anew; it needs no store.
//!
//! [`answer()`] takes what people ask for, a load, a label, an order or a job, and finds the records by their [`keys`];
//! the service and the command that reads a journal by itself both answer with it.

mod answer;
pub(crate) mod asked;
mod evidence;
pub mod keys;
mod orders;
mod otherwise;
mod rules;
mod sentences;
mod story;
mod views;

use wcs_types::{Decision, Fact, Input, LoadKey, MonoTime, Plant, Refusal, SorterEvent};

use crate::event::line_name;
use crate::ports::Told;

use self::story::Story;

pub use answer::{Answer, LOADS_TOLD_MAX, LoadAnswer, answer, answer_of_load};
pub use evidence::{Evidence, gather, last_of_label};
pub use orders::{JobView, OrderView, PiecesView};
pub use sentences::Sentence;
pub use views::{
    ActuationView, BindingView, ChosenView, DeadlineView, ExitView, LaneView, OtherwiseView, OutcomeView,
    Pass, RejectedView, RuleView, ScanView, TimelineEntry, Why,
};

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

/// Explains a load from what was gathered about it.
pub fn explain(key: LoadKey, evidence: &Evidence, plant: &Plant) -> (Vec<TimelineEntry>, Why) {
    let mut story = Story {
        key,
        plant,
        start: evidence.records.iter().find(|told| concerns(told, key)).map(|told| told.record.now),
        timeline: Vec::new(),
        passes: Vec::new(),
        outcome: None,
        decide_by: MonoTime::NEVER,
        scans: Vec::new(),
        at: 0,
    };
    for told in &evidence.records {
        story.add(told);
    }
    story.bind(&evidence.records);
    story.set_lanes(evidence);
    let otherwise = otherwise::of(&story.passes, story.outcome.as_ref(), plant);
    let sentences = sentences::of(
        &story.passes,
        story.outcome.as_ref(),
        &otherwise,
        &story.timeline,
        &line_name(plant, key.line),
    );
    let text = Sentence::joined(&sentences);
    (story.timeline, Why { passes: story.passes, outcome: story.outcome, otherwise, sentences, text })
}
