//! Loads that have ended and are kept for a while: to recognise late and doubled events, to link a label's next
//! attempt to the one before, and to book what a person did with it. Bounded per plant; the oldest is forgotten.

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use wcs_types::limits::LOADS_ENDED_KEPT_MAX;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{Code, LineId, LoadKey, Outcome, Reason, StateHash, StateHasher};

use crate::control::load_hash;
use crate::index::Index;
use crate::rows::EndedRow;

/// The ring of ended loads. `first` numbers the oldest; rows are addressed by that running number.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Ended {
    first: u32,
    rows: VecDeque<EndedRow>,
    hash: StateHash,
    #[serde(skip)]
    by_key: Index,
    #[serde(skip)]
    unsorted_by_label: Index,
}

impl Ended {
    pub(crate) fn hash(&self) -> StateHash {
        self.hash
    }

    pub(crate) fn full_hash(&self) -> StateHash {
        let mut hash = StateHash::default();
        for (at, row) in self.rows.iter().enumerate() {
            hash.add(row_hash(self.first.wrapping_add(at as u32), row));
        }
        hash
    }

    /// Whether what the rows do not tell fits them, as it does unless they were read from somewhere.
    pub(crate) fn is_sound(&self) -> bool {
        self.first < ID_COUNT && self.rows.len() <= LOADS_ENDED_KEPT_MAX && self.hash == self.full_hash()
    }

    pub(crate) fn push(&mut self, row: EndedRow) {
        if self.rows.len() >= LOADS_ENDED_KEPT_MAX {
            self.forget_oldest();
        }
        // Ids wrap below the reserved value of the index.
        let id = (self.first + self.rows.len() as u32) % ID_COUNT;
        self.hash.add(row_hash(id, &row));
        self.link(id, &row);
        self.rows.push_back(row);
    }

    pub(crate) fn find(&self, key: LoadKey) -> Option<u32> {
        self.by_key.find(load_hash(key), |id| self.row(id).key == key)
    }

    /// The latest load of this label on this line that did not end in its chute.
    pub(crate) fn find_unsorted(&self, line: LineId, label: &Code) -> Option<u32> {
        if label.is_empty() {
            return None;
        }
        // Several attempts share a label: take the one that ended last.
        let mut latest = None;
        self.unsorted_by_label.find(label_hash(label), |id| {
            let row = self.row(id);
            if row.key.line == line
                && row.label == *label
                && latest.is_none_or(|found| self.age(id) < self.age(found))
            {
                latest = Some(id);
            }
            false
        });
        latest
    }

    /// The latest load of this label that a restart of the PLC has made lost and that has not turned up since.
    pub(crate) fn find_given_up(&self, line: LineId, label: &Code) -> Option<u32> {
        let mut latest = None;
        self.unsorted_by_label.find(label_hash(label), |id| {
            let row = self.row(id);
            let is_given_up =
                row.outcome == Outcome::Lost && row.reason == Reason::PlcRestart && !row.is_replaced;
            let is_same = is_given_up && row.key.line == line && row.label == *label;
            if is_same && latest.is_none_or(|found| self.age(id) < self.age(found)) {
                latest = Some(id);
            }
            false
        });
        latest
    }

    /// The oldest load on this line without a label that a person may book.
    pub(crate) fn find_unlabelled(&self, line: LineId) -> Option<u32> {
        let found = self.rows.iter().position(|row| {
            row.key.line == line
                && row.label.is_empty()
                && !row.is_replaced
                && row.outcome == Outcome::NoReadLane
        })?;
        Some((self.first + found as u32) % ID_COUNT)
    }

    pub(crate) fn row(&self, id: u32) -> &EndedRow {
        &self.rows[self.position(id)]
    }

    pub(crate) fn edit(&mut self, id: u32, change: impl FnOnce(&mut EndedRow)) {
        let at = self.position(id);
        self.hash.remove(row_hash(id, &self.rows[at]));
        let row = &mut self.rows[at];
        let (key, label) = (row.key, row.label.clone());
        change(row);
        assert!(row.key == key && row.label == label, "the key and label of an ended load never change");
        self.hash.add(row_hash(id, &self.rows[at]));
    }

    /// Rows whose job is going away keep their end, but name no job any more.
    pub(crate) fn forget_jobs(&mut self, is_going: impl Fn(u32) -> bool) {
        for at in 0..self.rows.len() {
            if self.rows[at].job.is_some_and(&is_going) {
                self.edit((self.first + at as u32) % ID_COUNT, |row| row.job = None);
            }
        }
    }

    pub(crate) fn rebuild(&mut self) {
        self.by_key = Index::default();
        self.unsorted_by_label = Index::default();
        for at in 0..self.rows.len() {
            let (id, row) = ((self.first + at as u32) % ID_COUNT, self.rows[at].clone());
            if is_on(Mutation::LookupUnrebuilt) {
                self.by_key.insert(load_hash(row.key), id);
            } else {
                self.link(id, &row);
            }
        }
    }

    fn link(&mut self, id: u32, row: &EndedRow) {
        self.by_key.insert(load_hash(row.key), id);
        if row.outcome != Outcome::Sorted && !row.label.is_empty() {
            self.unsorted_by_label.insert(label_hash(&row.label), id);
        }
    }

    fn forget_oldest(&mut self) {
        let id = self.first;
        let row = self.rows.pop_front().expect("the ring is full, so it has an oldest row");
        self.hash.remove(row_hash(id, &row));
        self.by_key.remove(load_hash(row.key), id);
        if row.outcome != Outcome::Sorted && !row.label.is_empty() {
            self.unsorted_by_label.remove(label_hash(&row.label), id);
        }
        self.first = (self.first + 1) % ID_COUNT;
    }

    fn position(&self, id: u32) -> usize {
        ((id + ID_COUNT - self.first) % ID_COUNT) as usize
    }

    fn age(&self, id: u32) -> usize {
        self.rows.len() - self.position(id)
    }
}

const ID_COUNT: u32 = 1 << 30;

fn label_hash(label: &Code) -> u64 {
    StateHasher::of_bytes(label.as_bytes())
}

fn row_hash(id: u32, row: &EndedRow) -> StateHash {
    let mut hasher = StateHasher::new(12);
    hasher.write_u32(id);
    row.hash(&mut hasher);
    StateHash(hasher.finish())
}
