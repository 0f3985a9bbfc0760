//! Plans as files: what is left of a seed that failed, with a note what it found. Plant, sorter and orders follow from
//! the seed; what goes wrong is written out, so that a file stays what it is when other faults are drawn.
//!
//! ```toml
//! note = "what it found, and what became of that"
//! checker = "verb_answered"
//! seed = 17
//! size = "small"
//! loads = 40          # as many orders as make so many loads; none is as drawn
//! meddling = false    # whether people ask besides
//! faults = """..."""  # a fault file
//! stalls = []         # begin and length in nanoseconds
//! outages = []
//! ```

use serde::{Deserialize, Serialize};
use wcs_types::{MonoTime, Nanos};

use super::course::{RunPlan, RunSize, draw_orders, horizon};
use super::meddling::{self, Meddling};
use super::outages::Outage;
use crate::faults::{FaultPlan, Problems};

/// Head of an entry of a fault file.
const ENTRY: &str = "[[fault]]";

/// A plan as it stands in a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// What it found, and what became of that.
    pub note: String,
    /// The checker that noticed.
    pub checker: String,
    /// Seed of plant, sorter and orders.
    pub seed: u64,
    /// Size they are drawn for.
    pub size: RunSize,
    /// As many orders as make so many loads; `None` is as drawn.
    #[serde(default)]
    pub loads: Option<u64>,
    /// People ask besides what the seed says.
    #[serde(default)]
    pub meddling: bool,
    /// A fault file.
    #[serde(default)]
    pub faults: String,
    /// When the process of the daemon is stopped, and for how long, in order.
    #[serde(default)]
    pub stalls: Vec<(MonoTime, Nanos)>,
    /// When the daemon goes down, in order.
    #[serde(default)]
    pub outages: Vec<Outage>,
}

/// Why a file is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It does not follow the form.
    #[error("not a plan: {0}")]
    Form(#[from] toml::de::Error),
    /// The faults in it do not follow theirs.
    #[error("its faults: {0}")]
    Faults(#[from] Problems),
}

impl PlanFile {
    /// What is to be kept of a plan that `checker` finds something in.
    pub fn of(plan: &RunPlan, checker: &str, note: String) -> Self {
        Self {
            note,
            checker: checker.to_owned(),
            seed: plan.seed,
            size: plan.size,
            loads: Some(plan.loads_wanted),
            meddling: plan.is_meddled_with(),
            faults: plan.fault_text.clone(),
            stalls: plan.stalls.clone(),
            outages: plan.outages.clone(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// See [`PlanFileError`].
    pub fn parse(text: &str) -> Result<Self, PlanFileError> {
        Ok(toml::from_str(text)?)
    }

    /// The file.
    pub fn text(&self) -> String {
        toml::to_string_pretty(self).expect("a plan holds texts and numbers that a file can hold")
    }

    /// The plan to run.
    ///
    /// # Errors
    /// See [`PlanFileError`].
    pub fn plan(&self) -> Result<RunPlan, PlanFileError> {
        let drawn = RunPlan::draw(self.seed, self.size);
        let mut plan = drawn.with_orders(self.loads.unwrap_or(drawn.loads_wanted), self.meddling);
        plan.set_faults(self.faults.clone())?;
        plan.stalls.clone_from(&self.stalls);
        plan.outages.clone_from(&self.outages);
        Ok(plan)
    }
}

impl RunPlan {
    /// The same with as many orders as make so many loads, and with or without people who ask besides.
    pub(super) fn with_orders(&self, loads: u64, is_meddled_with: bool) -> Self {
        let (mut groups, batches) = draw_orders(self.order_seed, loads, self.feed);
        let meddling = if is_meddled_with {
            let horizon = horizon(&groups, &self.setup);
            meddling::draw(self.seed, self.size, &self.plant, &batches, &mut groups, horizon)
        } else {
            Meddling::default()
        };
        Self { groups, batches, meddling, loads_wanted: loads, ..self.clone() }
    }

    /// People ask besides.
    pub(super) fn is_meddled_with(&self) -> bool {
        !self.meddling.script.is_empty()
    }

    /// The same with the faults of a fault file.
    pub(super) fn set_faults(&mut self, text: String) -> Result<(), Problems> {
        self.faults = FaultPlan::parse(&text, "the faults of the plan")?;
        self.fault_text = text;
        let first = self.faults.first_sequence().unwrap_or(1);
        self.setup.plc.first_event_seq = first;
        self.setup.plc.first_command_seq = first;
        Ok(())
    }

    /// Keeps the faults of these indices.
    pub(super) fn keep_faults(&mut self, is_kept: impl Fn(usize) -> bool) {
        let entries = self.fault_text.split(ENTRY).skip(1).enumerate();
        let kept = entries.filter(|(index, _)| is_kept(*index));
        let text: String = kept.map(|(_, entry)| format!("{ENTRY}{entry}")).collect();
        self.set_faults(text).expect("an entry of a good fault file is good by itself");
    }
}
