//! Hash index from a key to row ids: open addressing with linear probing and back-shift removal. Look-up only;
//! it is never iterated, so its layout is not part of behaviour. Derived state: rebuilt from the tables on
//! restore. Allocates only when it grows.

use alloc::vec;
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    /// Row id + 1; 0 marks a free slot.
    row: u32,
    /// What the caller wants to have at hand before it has read the row.
    hint: u32,
}

const FREE: Entry = Entry { hash: 0, row: 0, hint: 0 };

/// Index of rows by a 64-bit hash of their key. The caller compares the key itself.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    count: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { entries: vec![FREE; 64], count: 0 }
    }
}

impl Index {
    /// The row with this hash for which `is_match` holds.
    pub(crate) fn find(&self, hash: u64, is_match: impl FnMut(u32) -> bool) -> Option<u32> {
        self.find_hinted(hash, is_match).map(|(row, _)| row)
    }

    /// The same with the hint of the row.
    pub(crate) fn find_hinted(&self, hash: u64, mut is_match: impl FnMut(u32) -> bool) -> Option<(u32, u32)> {
        let mask = self.entries.len() - 1;
        let mut at = spread(hash) & mask;
        loop {
            let entry = self.entries[at];
            if entry.row == 0 {
                return None;
            }
            if entry.hash == hash && is_match(entry.row - 1) {
                return Some((entry.row - 1, entry.hint));
            }
            at = (at + 1) & mask;
        }
    }

    pub(crate) fn insert(&mut self, hash: u64, row: u32) {
        self.insert_hinted(hash, row, 0);
    }

    /// Changes the hint of a pair; the pair must be there.
    pub(crate) fn set_hint(&mut self, hash: u64, row: u32, hint: u32) {
        let at = self.position(hash, row);
        self.entries[at].hint = hint;
    }

    pub(crate) fn insert_hinted(&mut self, hash: u64, row: u32, hint: u32) {
        if (self.count + 1) * 4 > self.entries.len() * 3 {
            self.grow();
        }
        self.place(Entry { hash, row: row + 1, hint });
        self.count += 1;
    }

    /// Takes the pair out; the pair must be there.
    pub(crate) fn remove(&mut self, hash: u64, row: u32) {
        let mask = self.entries.len() - 1;
        // Close the hole: pull back every later entry of the run that may stand nearer to its home.
        let mut hole = self.position(hash, row);
        let mut next = (hole + 1) & mask;
        while self.entries[next].row != 0 {
            let home = spread(self.entries[next].hash) & mask;
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.entries[hole] = self.entries[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.entries[hole] = FREE;
        self.count -= 1;
    }

    fn position(&self, hash: u64, row: u32) -> usize {
        let mask = self.entries.len() - 1;
        let mut at = spread(hash) & mask;
        while self.entries[at].row != row + 1 || self.entries[at].hash != hash {
            assert!(self.entries[at].row != 0, "only pairs that are in the index are changed or removed");
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let larger = vec![FREE; self.entries.len() * 2];
        let old = core::mem::replace(&mut self.entries, larger);
        for entry in old {
            if entry.row != 0 {
                self.place(entry);
            }
        }
    }

    fn place(&mut self, entry: Entry) {
        let mask = self.entries.len() - 1;
        let mut at = spread(entry.hash) & mask;
        while self.entries[at].row != 0 {
            at = (at + 1) & mask;
        }
        self.entries[at] = entry;
    }
}

fn spread(hash: u64) -> usize {
    (hash ^ (hash >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn index_agrees_with_a_map(steps in proptest::collection::vec((0_u64..40, any::<bool>()), 1..400)) {
            let mut index = Index::default();
            let mut model = BTreeMap::new();
            for (key, is_insert) in steps {
                // Keys share homes on purpose: probing and back-shift must cope.
                let hash = key / 4;
                if is_insert && !model.contains_key(&key) {
                    index.insert(hash, key as u32);
                    model.insert(key, hash);
                } else if !is_insert && model.remove(&key).is_some() {
                    index.remove(hash, key as u32);
                }
                for probe in 0..40 {
                    let found = index.find(probe / 4, |row| u64::from(row) == probe);
                    prop_assert_eq!(found.is_some(), model.contains_key(&probe));
                }
                prop_assert_eq!(index.count, model.len());
            }
        }
    }
}
