//! The stalled disk: a switch between the fault schedule and whoever owns the storage of the journal, which may
//! live in another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The switch. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DiskStall(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_stalled: AtomicBool,
    applied: AtomicU64,
}

impl DiskStall {
    /// True while a sync must not come back.
    pub fn is_stalled(&self) -> bool {
        self.0.is_stalled.load(Ordering::Acquire)
    }

    /// The owner of the storage reports that a sync was held back.
    pub fn count_applied(&self) {
        self.0.applied.fetch_add(1, Ordering::Relaxed);
    }

    /// Syncs that were held back so far.
    pub fn applied(&self) -> u64 {
        self.0.applied.load(Ordering::Relaxed)
    }

    /// Turns the stall on or off.
    pub fn set(&self, is_stalled: bool) {
        self.0.is_stalled.store(is_stalled, Ordering::Release);
    }
}
