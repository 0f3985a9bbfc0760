//! Loads that wait for a person: ended elsewhere than in their chute, and neither booked by hand nor put on the belt
//! again since.

use std::collections::BTreeMap;

use wcs_types::{BatchId, Code, JobId, LaneNo, LoadEnd, LoadKey, Outcome, Reason, Seq};

use super::loads::Stamp;

/// Exceptions kept open. More: the oldest is not shown any more (the store has it), and it is counted.
pub const EXCEPTIONS_OPEN_MAX: usize = 8_192;

/// One of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exception {
    /// The load.
    pub load: LoadKey,
    /// Its label; empty when it had none.
    pub label: Code,
    /// The job it was for, where it had one.
    pub job: Option<(BatchId, JobId)>,
    /// Where it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Lane it lies at.
    pub lane: LaneNo,
    /// The record that says so.
    pub opened: Stamp,
}

/// All that are open, bounded by [`EXCEPTIONS_OPEN_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    rows: BTreeMap<(Seq, LoadKey), Exception>,
    opened: BTreeMap<LoadKey, Seq>,
    dropped: u64,
}

impl Exceptions {
    /// Those opened behind a place, oldest first.
    pub fn after(&self, place: (Seq, LoadKey)) -> impl Iterator<Item = &Exception> {
        use std::ops::Bound;
        self.rows.range((Bound::Excluded(place), Bound::Unbounded)).map(|(_, row)| row)
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Exception> {
        self.rows.values()
    }

    /// The one of a load.
    pub fn find(&self, load: LoadKey) -> Option<&Exception> {
        self.rows.get(&(*self.opened.get(&load)?, load))
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// How many were too many to be kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn open(&mut self, end: &LoadEnd, at: Stamp) {
        self.close(end.load);
        self.opened.insert(end.load, at.seq);
        self.rows.insert(
            (at.seq, end.load),
            Exception {
                load: end.load,
                label: end.label.clone(),
                job: end.job,
                outcome: end.outcome,
                reason: end.reason,
                lane: end.lane.0,
                opened: at,
            },
        );
        if self.rows.len() > EXCEPTIONS_OPEN_MAX
            && let Some(((_, load), _)) = self.rows.pop_first()
        {
            self.opened.remove(&load);
            self.dropped += 1;
        }
    }

    pub(crate) fn close(&mut self, load: LoadKey) {
        if let Some(seq) = self.opened.remove(&load) {
            self.rows.remove(&(seq, load));
        }
    }
}
