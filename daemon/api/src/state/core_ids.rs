//! Ids of started batches in the journal, remembered so that a batch can be paused and closed while the store is down.
//! The store is the source; what is forgotten here is asked there again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use wcs_types::BatchId;

/// Batches remembered. More: the oldest is forgotten.
const KEPT_MAX: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct CoreIds(Mutex<BTreeMap<i64, BatchId>>);

impl CoreIds {
    pub(crate) fn note(&self, batch: i64, core: BatchId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(batch, core);
        if known.len() > KEPT_MAX {
            known.pop_first();
        }
    }

    pub(crate) fn get(&self, batch: i64) -> Option<BatchId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&batch).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let ids = CoreIds::default();
        for batch in 0..=1024_u32 {
            ids.note(i64::from(batch), BatchId(batch));
        }
        assert_eq!((ids.get(0), ids.get(1), ids.get(1024)), (None, Some(BatchId(1)), Some(BatchId(1024))));
    }
}
