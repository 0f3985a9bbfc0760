//! Distributions that one thread adds to and others read: counted without a lock and without allocating, so that the
//! core thread can count each of its turns. `tests/interleavings.rs` compiles this file against the atomics of loom.

use crate::atomics::{AtomicU64, Ordering};

/// Upper bounds of the classes, microseconds: 1, 2 and 5 in each decade from 5 us to 10 s.
const BOUNDS_US: [u64; 20] = [
    5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// A distribution of spans that one thread adds to and others read.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    classes: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

/// What a distribution was when it was read.
pub(crate) struct SpansRead {
    /// Bound in seconds and how many were at most that.
    pub(crate) buckets: Vec<(f64, u64)>,
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

impl Spans {
    pub(crate) fn add_us(&self, us: u64) {
        let class = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> SpansRead {
        let mut below = 0;
        let buckets = BOUNDS_US.iter().zip(&self.classes).map(|(bound, class)| {
            below += class.load(Ordering::Relaxed);
            (*bound as f64 / 1e6, below)
        });
        let buckets = buckets.collect();
        // Read last, so that a distribution never has fewer members than its classes say.
        let count = self.count.load(Ordering::Relaxed).max(below);
        SpansRead { buckets, count, sum: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}
