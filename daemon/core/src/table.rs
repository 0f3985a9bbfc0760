//! A table of rows with stable small ids and an incremental hash. Every change of a row goes through `edit`,
//! so the sum of row hashes always describes what the table holds. Knows nothing of what the rows mean.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use wcs_types::{StateHash, StateHasher};

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Slot<R> {
    row: R,
    hash: StateHash,
}

/// Rows by id; ids of removed rows are used again, last removed first.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Table<R> {
    kind: u64,
    slots: Vec<Option<Slot<R>>>,
    free: Vec<u32>,
    hash: StateHash,
}

impl<R: Hash> Table<R> {
    /// An empty table; `kind` keeps equal rows of different tables apart in the state hash.
    pub(crate) fn new(kind: u64) -> Self {
        Self { kind, slots: Vec::new(), free: Vec::new(), hash: StateHash::default() }
    }

    pub(crate) fn hash(&self) -> StateHash {
        self.hash
    }

    pub(crate) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, row: R) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("every table is bounded far below 2^32 rows")
        });
        let hash = self.row_hash(id, &row);
        self.hash.add(hash);
        let slot = &mut self.slots[id as usize];
        assert!(slot.is_none(), "a free id has no row");
        *slot = Some(Slot { row, hash });
        id
    }

    pub(crate) fn remove(&mut self, id: u32) -> R {
        let slot = self.slots[id as usize].take().expect("only rows that exist are removed");
        self.hash.remove(slot.hash);
        self.free.push(id);
        slot.row
    }

    pub(crate) fn get(&self, id: u32) -> &R {
        &self.slots[id as usize].as_ref().expect("ids held elsewhere name rows that exist").row
    }

    pub(crate) fn find(&self, id: u32) -> Option<&R> {
        self.slots.get(id as usize)?.as_ref().map(|slot| &slot.row)
    }

    /// Changes a row and keeps the hash in step.
    pub(crate) fn edit<T>(&mut self, id: u32, change: impl FnOnce(&mut R) -> T) -> T {
        let kind = self.kind;
        let slot = self.slots[id as usize].as_mut().expect("ids held elsewhere name rows that exist");
        let result = change(&mut slot.row);
        let hash = hash_of(kind, id, &slot.row);
        self.hash.remove(slot.hash);
        self.hash.add(hash);
        slot.hash = hash;
        result
    }

    /// Rows in order of id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &R)> {
        (0_u32..).zip(&self.slots).filter_map(|(id, slot)| slot.as_ref().map(|slot| (id, &slot.row)))
    }

    /// The hash, computed anew from every row.
    pub(crate) fn full_hash(&self) -> StateHash {
        let mut hash = StateHash::default();
        for (id, row) in self.iter() {
            hash.add(self.row_hash(id, row));
        }
        hash
    }

    /// Whether what the rows do not tell fits them: the kept hashes, and the free ids, each once. A table that was made
    /// by `new` and changed since always is; one that was read from somewhere need not be.
    pub(crate) fn is_sound(&self, kind: u64) -> bool {
        let mut is_free = vec![false; self.slots.len()];
        let is_each_once = self.free.iter().all(|id| {
            is_free.get_mut(*id as usize).is_some_and(|is_free| !core::mem::replace(is_free, true))
        });
        let mut hash = StateHash::default();
        let is_each_hashed =
            (0_u32..).zip(&self.slots).zip(&is_free).all(|((id, slot), is_free)| match slot {
                Some(slot) => {
                    hash.add(slot.hash);
                    !is_free && slot.hash == self.row_hash(id, &slot.row)
                }
                None => *is_free,
            });
        self.kind == kind && is_each_once && is_each_hashed && hash == self.hash
    }

    fn row_hash(&self, id: u32, row: &R) -> StateHash {
        hash_of(self.kind, id, row)
    }
}

fn hash_of<R: Hash>(kind: u64, id: u32, row: &R) -> StateHash {
    let mut hasher = StateHasher::new(kind);
    hasher.write_u32(id);
    row.hash(&mut hasher);
    StateHash(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_rows_do_not_tell_is_checked() {
        let mut table = Table::new(7);
        let x = table.insert(1_u32);
        table.insert(2);
        table.insert(3);
        table.remove(x);
        assert!(table.is_sound(7));
        assert!(!table.is_sound(8), "of another kind");
        let spoilt: [fn(&mut Table<u32>); 6] = [
            |table| table.free.push(0),
            |table| table.free.push(9),
            |table| table.free.clear(),
            |table| table.free[0] = 1,
            |table| table.hash = StateHash::default(),
            |table| table.slots[1].as_mut().unwrap().hash = StateHash::default(),
        ];
        for spoil in spoilt {
            let mut table = table.clone();
            spoil(&mut table);
            assert!(!table.is_sound(7));
        }
    }

    #[test]
    fn hash_depends_on_content_not_on_history() {
        let mut a = Table::new(7);
        let mut b = Table::new(7);
        let x = a.insert(1_u32);
        a.insert(2);
        a.edit(x, |row| *row = 5);
        b.insert(5);
        b.insert(2);
        assert_eq!(a.hash(), b.hash());
        assert_eq!(a.hash(), a.full_hash());
        a.remove(x);
        assert_ne!(a.hash(), b.hash());
        assert_eq!(a.hash(), a.full_hash());
    }
}
