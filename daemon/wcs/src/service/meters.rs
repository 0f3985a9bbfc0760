//! Distributions and gauges that threads of the daemon keep for others to read: counted without a lock and without
//! allocating, so that the core thread can count each of its turns.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// Everything that is counted beside the journal.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Work of a turn of the core thread, without the time its links took.
    pub(crate) turn: Spans,
    /// Time a destination had left when it was decided.
    pub(crate) slack: Spans,
    /// Destinations that were decided when it was too late.
    pub(crate) without_slack: AtomicU64,
    /// From the first record of a batch until the batch was on disk: the longest anything in it waited at the gate.
    pub(crate) gate_wait: Spans,
    /// Writing and syncing one batch.
    pub(crate) fsync: Spans,
    /// Outputs that wait for the disk.
    pub(crate) gated: AtomicU64,
    /// Inputs that wait for the core.
    pub(crate) inputs_waiting: AtomicU64,
    /// Verbs that wait for the core, or for their record.
    pub(crate) verbs_waiting: AtomicU64,
    /// Room in the fullest ring to a link.
    pub(crate) ring_headroom: AtomicU64,
    /// Last record the follower has proven.
    pub(crate) follower_seq: AtomicU64,
    pub(crate) follower_checkpoints: AtomicU64,
    pub(crate) follower_faults: AtomicU64,
    /// 1 while the store can be used.
    pub(crate) store_up: AtomicU64,
    /// Last record the store reflects.
    pub(crate) projector_seq: AtomicU64,
    pub(crate) projector_failures: AtomicU64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_in_every_class_that_holds_it() {
        let spans = Spans::default();
        for us in [1, 5, 6, 20_000_000] {
            spans.add_us(us);
        }
        let read = spans.read();
        assert_eq!((read.buckets[0], read.buckets[1]), ((5e-6, 2), (1e-5, 3)));
        assert_eq!(read.buckets.last(), Some(&(10.0, 3)));
        assert_eq!((read.count, read.sum), (4, 20.000_012));
    }
}
