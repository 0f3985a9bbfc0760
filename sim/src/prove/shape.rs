//! Shape of the report of `sim prove`. Field names are part of the command's interface. Nothing in it depends on the
//! machine or on how long a run took.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::course::RunSize;
use super::coverage::{Counter, Coverage, FAULT_DEMAND, LOADS_PER_SEED, SEEDS_JUDGED_MIN};
use super::evidence::Evidence;
use super::outages::{CLOCK_BACK, CLOCK_FORWARD, OutageKind};
use crate::faults::FaultKind;
use crate::stack::RecoveryCase;

/// What a series of seeds showed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProofReport {
    /// No checker found anything, and a whole series met what it has to meet.
    pub ok: bool,
    /// Seeds run.
    pub seeds: u64,
    /// Loads put on the belt, each attempt counted.
    pub loads: u64,
    /// Times a daemon went down.
    pub crashes: u64,
    /// Planned and applied faults by kind; ways the daemon went down are among them.
    pub faults: BTreeMap<String, FaultFigures>,
    /// Loads by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Loads by reason.
    pub reasons: BTreeMap<String, u64>,
    /// What daemons found when they came up again.
    pub recoveries: Recoveries,
    /// What was met, each with its demand.
    pub coverage: Coverage,
    /// What of it is below its demand.
    pub coverage_missing: Vec<String>,
    /// What is not asked for, and why.
    pub coverage_not_asked: BTreeMap<String, String>,
    /// The series is long enough for its coverage to count.
    pub is_coverage_judged: bool,
    /// Things looked at, by checker.
    pub checks: BTreeMap<String, u64>,
    /// What does not hold.
    pub failures: Vec<Failure>,
    /// The runs, in order.
    pub runs: Vec<RunFigures>,
}

/// Faults of one kind.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FaultFigures {
    /// Drawn.
    pub planned: u64,
    /// Times they took effect.
    pub applied: u64,
}

/// What was found at the ends of journals.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Recoveries {
    /// The last batch was cut off.
    pub torn: u64,
    /// Stopped cleanly.
    pub sealed: u64,
    /// Whole, not sealed.
    pub clean: u64,
}

/// One run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RunFigures {
    /// Its seed.
    pub seed: u64,
    /// Loads put on the belt.
    pub loads: u64,
    /// Records in its journal.
    pub records: u64,
    /// Virtual time it took.
    pub simulated_ms: u64,
    /// State its journal replays to.
    pub state: String,
}

/// Something that does not hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Failure {
    /// Seed of the run.
    pub seed: u64,
    /// Who found it.
    pub checker: String,
    /// What it found.
    pub what: String,
    /// Command that shows it again.
    pub reproduce: String,
}

impl Failure {
    pub(super) fn new(seed: u64, size: RunSize, checker: &str, what: String) -> Self {
        // One line, whatever was said.
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let size = if size == RunSize::Full { "" } else { " --size small" };
        Self {
            seed,
            checker: checker.to_owned(),
            what,
            reproduce: format!("wcs sim prove --seed {seed}{size}"),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {}: {}: {} -- {}", self.seed, self.checker, self.what, self.reproduce)
    }
}

impl ProofReport {
    pub(super) fn add_evidence(&mut self, seed: u64, evidence: &Evidence) {
        let loads = &evidence.reconciled.loads;
        self.loads += loads.inducted;
        self.crashes += evidence.outages;
        for (kind, count) in &evidence.faults {
            let figures = self.faults.entry(kind.name().to_owned()).or_default();
            figures.planned += count.planned;
            figures.applied += count.applied;
        }
        for (kind, count) in &evidence.outage_kinds {
            self.faults.insert((*kind).to_owned(), *count);
        }
        self.coverage.add_sightings(&evidence.encounters);
        self.outcomes = loads.outcomes.clone();
        self.reasons = loads.reasons.clone();
        for case in &evidence.recoveries {
            match case {
                RecoveryCase::Torn => self.recoveries.torn += 1,
                RecoveryCase::Sealed => self.recoveries.sealed += 1,
                RecoveryCase::Clean => self.recoveries.clean += 1,
            }
        }
        self.runs.push(RunFigures {
            seed,
            loads: loads.inducted,
            records: evidence.replay.records,
            simulated_ms: evidence.simulated.as_millis(),
            state: format!("{:016x}", evidence.replay.hash),
        });
    }

    /// The series is over: holds what it met against what it has to meet.
    pub(super) fn judge(&mut self) {
        let kinds = FaultKind::all().map(FaultKind::name);
        let names = kinds.chain(OutageKind::ALL.map(OutageKind::name)).chain([CLOCK_FORWARD, CLOCK_BACK]);
        for name in names {
            let count = self.faults.entry(name.to_owned()).or_default().applied;
            self.coverage.set(&format!("fault {name}"), Counter { count, demand: FAULT_DEMAND });
        }
        let count = self.loads / self.seeds.max(1);
        self.coverage.set("loads per seed", Counter { count, demand: LOADS_PER_SEED });
        self.coverage_missing = self.coverage.missing();
        self.coverage_not_asked = Coverage::not_asked();
        self.is_coverage_judged = self.seeds >= SEEDS_JUDGED_MIN;
        let is_covered = !self.is_coverage_judged || self.coverage_missing.is_empty();
        self.ok = is_covered && self.failures.is_empty();
    }

    /// Adds the report of further seeds.
    pub(super) fn merge(&mut self, other: Self) {
        self.ok &= other.ok;
        self.seeds += other.seeds;
        self.loads += other.loads;
        self.crashes += other.crashes;
        for (kind, figures) in other.faults {
            let sum = self.faults.entry(kind).or_default();
            sum.planned += figures.planned;
            sum.applied += figures.applied;
        }
        self.coverage.merge(other.coverage);
        add(&mut self.outcomes, other.outcomes);
        add(&mut self.reasons, other.reasons);
        add(&mut self.checks, other.checks);
        self.recoveries.torn += other.recoveries.torn;
        self.recoveries.sealed += other.recoveries.sealed;
        self.recoveries.clean += other.recoveries.clean;
        self.failures.extend(other.failures);
        self.runs.extend(other.runs);
    }
}

fn add(sums: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (key, count) in more {
        *sums.entry(key).or_default() += count;
    }
}
