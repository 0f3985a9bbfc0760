//! What one input made of the core: outputs, decisions, facts, and, when decisions were imposed, where the core
//! would have chosen otherwise. Buffers are reused from step to step; nothing here decides anything.

use alloc::vec::Vec;

use wcs_types::output::OutputKind;
use wcs_types::{Decision, Fact, LineId, Output, Seq, SorterCommand, Target};

/// A decision that differs from the recorded one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// What this core would have chosen.
    pub own: Decision,
    /// What was recorded and therefore adopted; `None` when nothing was recorded in its place.
    pub recorded: Option<Decision>,
}

impl core::fmt::Display for Difference {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.recorded {
            Some(recorded) => {
                write!(f, "recorded and adopted {recorded:?}, this version chooses {:?}", self.own)
            }
            None => write!(f, "nothing recorded, this version chooses {:?}", self.own),
        }
    }
}

/// Everything that came of one input. Cleared by the core at the start of each step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// What leaves, each when its `after` is durable.
    pub outputs: Vec<Output>,
    /// What was chosen.
    pub decisions: Vec<Decision>,
    /// What came of it.
    pub facts: Vec<Fact>,
    /// Where an imposed decision differs from the core's own.
    pub differences: Vec<Difference>,
}

impl Step {
    pub(crate) fn clear(&mut self) {
        self.outputs.clear();
        self.decisions.clear();
        self.facts.clear();
        self.differences.clear();
    }

    /// Settles a choice: the core's own, or the recorded one in its place.
    pub(crate) fn settle(&mut self, imposed: Option<&[Decision]>, own: Decision) -> Decision {
        let Some(recorded) = imposed else {
            self.decisions.push(own.clone());
            return own;
        };
        let adopted = match recorded.get(self.decisions.len()) {
            Some(decision) if same_question(decision, &own) => {
                if *decision != own {
                    self.differences.push(Difference { own, recorded: Some(decision.clone()) });
                }
                decision.clone()
            }
            other => {
                self.differences.push(Difference { own: own.clone(), recorded: other.cloned() });
                own
            }
        };
        self.decisions.push(adopted.clone());
        adopted
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// A command to the device of a line.
    pub(crate) fn command(&mut self, line: LineId, after: Seq, generation: u32, command: SorterCommand) {
        let what = OutputKind::Sorter(command);
        self.outputs.push(Output { target: Target::Line(line), generation, after, what });
    }
}

fn same_question(a: &Decision, b: &Decision) -> bool {
    match (a, b) {
        (Decision::Bind { batch, class, .. }, Decision::Bind { batch: b, class: c, .. }) => {
            batch == b && class == c
        }
        (Decision::Route { load, .. }, Decision::Route { load: l, .. }) => load == l,
        (Decision::Bind { .. } | Decision::Route { .. }, _) => false,
    }
}
