//! What a run left behind, for the checkers: figures and texts, nothing that still runs.

use std::collections::{BTreeMap, BTreeSet};

use wcs_engine::BootError;
use wcs_types::{Code, Fact, LoadKey, Nanos, Outcome, Record};

use super::books::Books;
use super::coverage::Encounters;
use super::reasons::Reasons;
use super::repeats::Repeats;
use super::shape::FaultFigures;
use crate::faults::{FaultCount, FaultKind};
use crate::report::{Reconciled, Tally};
use crate::stack::{Breach, RecoveryCase, StackError, Watch, WatchRule};

/// Everything about one run.
#[derive(Debug, Default)]
pub struct Evidence {
    /// How it ended.
    pub end: End,
    /// The first thing that does not add up in the account of every record.
    pub account_broken: Option<String>,
    /// Times the daemon went down.
    pub outages: u64,
    /// What it found each time it came up.
    pub recoveries: Vec<RecoveryCase>,
    /// Starts that began with a checkpoint.
    pub restored: u64,
    /// Checkpoints that should have served at a start and did not.
    pub checkpoints_refused: Vec<String>,
    /// Virtual time.
    pub simulated: Nanos,
    /// Loads handed to the feed.
    pub loads_fed: u64,
    /// What the bystander saw.
    pub watched: Option<Sightings>,
    /// Several loads carry the same label: the sku.
    pub are_labels_shared: bool,
    /// Labels about which the PLC gave up an event that no journal has.
    pub labels_given_up: BTreeSet<Code>,
    /// Labels of loads that were put into another lane on purpose.
    pub labels_missorted: BTreeSet<Code>,
    /// Faults by kind.
    pub faults: BTreeMap<FaultKind, FaultCount>,
    /// Ways the daemon went down, and wall clocks that were set meanwhile, by name.
    pub outage_kinds: BTreeMap<&'static str, FaultFigures>,
    /// What the run met, for the coverage of a series.
    pub encounters: Encounters,
    /// Events the PLC dropped because its FIFO was full.
    pub evt_lost: u64,
    /// Pieces of the order file by the simulator's own reading.
    pub expected_pieces: i64,
    /// The daemon's side.
    pub tally: Tally,
    /// Ends of loads one by one.
    pub endings: Endings,
    /// The replay of the journal.
    pub replay: Replayed,
    /// Daemon against ledger.
    pub reconciled: Reconciled,
    /// What another daemon saw that took the line at the end.
    pub takeover: Option<Takeover>,
    /// Reasons held against what the PLC and the scanner said.
    pub reasons: Reasons,
    /// Events that were taken more than once.
    pub repeats: Repeats,
    /// Chutes, labels, jobs and batches by the facts alone.
    pub books: Books,
}

/// How the line went to another daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Takeover {
    /// Ours noticed and stopped.
    pub is_fenced: bool,
    /// The PLC obeys the newcomer still.
    pub is_kept: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum End {
    /// Everything was done.
    #[default]
    Done,
    /// An invariant of the core failed.
    Invariant(String),
    /// The daemon did not come up.
    NotStarted(String),
    /// The follower, or a start, found a record that does not come out again.
    Diverged(String),
    /// It came to no end.
    Stuck(String),
}

impl End {
    pub(super) fn of(result: Result<bool, StackError>) -> Self {
        match result {
            Ok(true) => Self::Done,
            Ok(false) => Self::Stuck("the work is not done at the end of the longest run".into()),
            Err(error @ (StackError::Invariant { .. } | StackError::Broken { .. })) => {
                Self::Invariant(error.to_string())
            }
            Err(error @ StackError::Boot(BootError::Diverged(_))) => Self::Diverged(error.to_string()),
            Err(error @ StackError::Boot(_)) => Self::NotStarted(error.to_string()),
            Err(error @ StackError::Follower(_)) => Self::Diverged(error.to_string()),
            Err(error @ StackError::Stuck { .. }) => Self::Stuck(error.to_string()),
        }
    }
}

/// What the bystander at the wire saw.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// How often each rule was held against what happened.
    pub checked: BTreeMap<WatchRule, u64>,
    /// What did not hold.
    pub breaches: Vec<Breach>,
}

impl From<&Watch> for Sightings {
    fn from(watch: &Watch) -> Self {
        let checked = WatchRule::ALL.into_iter().map(|rule| (rule, watch.checked(rule))).collect();
        Self { checked, breaches: watch.breaches().to_vec() }
    }
}

/// Replay of the journal of a run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Replayed {
    /// Records followed.
    pub records: u64,
    /// Records followed once more from a checkpoint.
    pub resumed: u64,
    /// Last durable record of the run.
    pub durable: u64,
    /// State at the end of the replay.
    pub hash: u64,
    /// State of the core that ran; `None` when it was ahead of the disk.
    pub live_hash: Option<u64>,
    /// Why the journal cannot be read or followed.
    pub broken: Option<String>,
}

/// One end a load was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ending {
    /// The outcome.
    pub outcome: Outcome,
    /// The PLC said so.
    pub has_exit: bool,
}

/// Outcomes each load was given, in turn.
#[derive(Clone, Debug, Default)]
pub struct Endings {
    outcomes: BTreeMap<LoadKey, Vec<Ending>>,
}

impl Endings {
    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        for fact in &record.facts {
            match fact {
                Fact::LoadEnded(end) => {
                    self.note(end.load, end.outcome, end.result.is_some());
                }
                Fact::LoadHandSorted { load, .. } => {
                    self.note(*load, Outcome::HandSorted, false);
                }
                _ => {}
            }
        }
    }

    pub(super) fn note(&mut self, load: LoadKey, outcome: Outcome, has_exit: bool) {
        self.outcomes.entry(load).or_default().push(Ending { outcome, has_exit });
    }

    /// Loads that ended.
    pub fn count(&self) -> u64 {
        self.outcomes.len() as u64
    }

    /// The first load whose outcomes do not follow each other as they may.
    pub fn first_broken(&self) -> Option<(LoadKey, &[Ending])> {
        let broken = self.outcomes.iter().find(|(_, outcomes)| !is_allowed(outcomes));
        broken.map(|(load, outcomes)| (*load, outcomes.as_slice()))
    }
}

/// One outcome, replaced at most by a person, by the exit of a load that silence had given up, or because a load
/// that was lost in a restart turned up again.
fn is_allowed(endings: &[Ending]) -> bool {
    let is_first_good = endings.first().is_some_and(|first| first.outcome != Outcome::HandSorted);
    is_first_good && endings.windows(2).all(|pair| may_follow(pair[0], pair[1]))
}

fn may_follow(before: Ending, after: Ending) -> bool {
    let was_given_up = before.outcome == Outcome::Lost && !before.has_exit;
    match after.outcome {
        Outcome::HandSorted => before.outcome.may_be_hand_sorted(),
        Outcome::Superseded => was_given_up,
        _ => was_given_up && after.has_exit,
    }
}
