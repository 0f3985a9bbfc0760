//! Replay: the core steps through recorded inputs again. In the version that made the records everything must
//! come out as recorded; another version has the recorded decisions imposed and lists where it differs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wcs_core::{Core, Difference, Step};
use wcs_types::{CORE_VERSION, Decision, Fact, MonoTime, Plant, Record, Seq, StateHash};

use crate::poison::{invariant_of, words};

/// A core that follows records.
#[derive(Debug)]
pub struct Replay {
    core: Core,
    step: Step,
    is_same_version: bool,
    records: u64,
    differences: Vec<(Seq, Difference)>,
    difference_count: u64,
    imposed: u64,
}

/// How many differing decisions are kept; further ones are counted only.
const DIFFERENCES_KEPT_MAX: usize = 10_000;

/// Where a replay in the same version leaves the record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Divergence {
    /// The record does not follow the one before it.
    #[error("record {found} follows record {before}", found = .found.0, before = .before.0)]
    Order {
        /// The record before.
        before: Seq,
        /// The record found.
        found: Seq,
    },
    /// Core time goes back.
    #[error("record {seq}: core time goes back", seq = .seq.0)]
    Time {
        /// The record.
        seq: Seq,
    },
    /// The core, which took this input once, stops at it.
    #[error("record {seq}: the core stops at {what}: {invariant}", seq = .seq.0)]
    Invariant {
        /// The record.
        seq: Seq,
        /// Its input.
        what: String,
        /// The invariant that does not hold.
        invariant: String,
    },
    /// Another choice.
    #[error("record {seq}: decision {index} was {recorded:?}, replay chooses {own:?}", seq = .seq.0)]
    Decision {
        /// The record.
        seq: Seq,
        /// Position in the record.
        index: usize,
        /// As recorded.
        recorded: Option<Box<Decision>>,
        /// As replayed.
        own: Option<Box<Decision>>,
    },
    /// Another fact.
    #[error("record {seq}: fact {index} was {recorded:?}, replay finds {own:?}", seq = .seq.0)]
    Fact {
        /// The record.
        seq: Seq,
        /// Position in the record.
        index: usize,
        /// As recorded.
        recorded: Option<Box<Fact>>,
        /// As replayed.
        own: Option<Box<Fact>>,
    },
    /// Same decisions and facts, another state.
    #[error("record {seq}: the state hash was {recorded:016x}, replay comes to {own:016x}",
        seq = .seq.0, recorded = .recorded.0, own = .own.0)]
    Hash {
        /// The record.
        seq: Seq,
        /// As recorded.
        recorded: StateHash,
        /// As replayed.
        own: StateHash,
    },
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E> {
    /// A record could not be read.
    #[error(transparent)]
    Read(E),
    /// The first divergence.
    #[error(transparent)]
    Diverged(#[from] Divergence),
}

impl Replay {
    /// A replay from the beginning of a journal that `core_version` wrote.
    pub fn new(plant: Plant, core_version: u32) -> Self {
        Self::from_core(Core::new(plant), core_version)
    }

    /// A replay that goes on from a restored core.
    pub fn from_core(core: Core, core_version: u32) -> Self {
        let is_same_version = core_version == CORE_VERSION;
        Self {
            core,
            step: Step::default(),
            is_same_version,
            records: 0,
            differences: Vec::new(),
            difference_count: 0,
            imposed: 0,
        }
    }

    /// The next records were made by this version of the core.
    pub fn set_recorded_version(&mut self, core_version: u32) {
        self.is_same_version = core_version == CORE_VERSION;
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// The first divergence; the replay cannot go on after it.
    pub fn follow(&mut self, record: &Record) -> Result<(), Divergence> {
        if record.seq != self.core.seq().next() {
            return Err(Divergence::Order { before: self.core.seq(), found: record.seq });
        }
        if record.now < self.core.now() {
            return Err(Divergence::Time { seq: record.seq });
        }
        let imposed = (!self.is_same_version).then_some(record.decisions.as_slice());
        let (core, step) = (&mut self.core, &mut self.step);
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            core.handle(record.now, record.gap, &record.input, imposed, step);
        }));
        stepped.map_err(|panic| Divergence::Invariant {
            seq: record.seq,
            what: words(&record.input),
            invariant: invariant_of(&*panic),
        })?;
        self.records += 1;
        if self.is_same_version {
            return self.compare(record);
        }
        self.imposed += 1;
        self.difference_count += self.step.differences.len() as u64;
        let room = DIFFERENCES_KEPT_MAX.saturating_sub(self.differences.len());
        let seq = record.seq;
        self.differences
            .extend(self.step.differences.drain(..).take(room).map(|difference| (seq, difference)));
        Ok(())
    }

    fn compare(&self, record: &Record) -> Result<(), Divergence> {
        let seq = record.seq;
        if let Some((index, recorded, own)) = first_difference(&record.decisions, &self.step.decisions) {
            return Err(Divergence::Decision {
                seq,
                index,
                recorded: recorded.map(Box::new),
                own: own.map(Box::new),
            });
        }
        if let Some((index, recorded, own)) = first_difference(&record.facts, &self.step.facts) {
            return Err(Divergence::Fact {
                seq,
                index,
                recorded: recorded.map(Box::new),
                own: own.map(Box::new),
            });
        }
        let own = self.core.state_hash();
        if own == record.hash { Ok(()) } else { Err(Divergence::Hash { seq, recorded: record.hash, own }) }
    }

    /// Records followed.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Core time of the last record.
    pub fn now(&self) -> MonoTime {
        self.core.now()
    }

    /// Records followed that another version made.
    pub fn imposed(&self) -> u64 {
        self.imposed
    }

    /// How many decisions this version would have made otherwise.
    pub fn difference_count(&self) -> u64 {
        self.difference_count
    }

    /// Where this version would have chosen otherwise: the first of them.
    pub fn differences(&self) -> &[(Seq, Difference)] {
        &self.differences
    }

    /// Takes the differences out.
    pub(crate) fn take_differences(&mut self) -> Vec<(Seq, Difference)> {
        std::mem::take(&mut self.differences)
    }

    /// The core as it is now.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The core, to go on with.
    pub fn into_core(self) -> Core {
        self.core
    }
}

fn first_difference<T: Clone + PartialEq>(
    recorded: &[T],
    own: &[T],
) -> Option<(usize, Option<T>, Option<T>)> {
    let index = (0..recorded.len().max(own.len())).find(|index| recorded.get(*index) != own.get(*index))?;
    Some((index, recorded.get(index).cloned(), own.get(index).cloned()))
}

/// Follows every record.
///
/// # Errors
/// The first record that cannot be read, or the first divergence.
pub fn replay<E>(
    mut replay: Replay,
    records: impl IntoIterator<Item = Result<Record, E>>,
) -> Result<Replay, ReplayError<E>> {
    for record in records {
        replay.follow(&record.map_err(ReplayError::Read)?)?;
    }
    Ok(replay)
}
