//! Gauges and distributions that threads of the daemon keep for others to read.

use std::sync::atomic::AtomicU64;

use super::spans::Spans;

/// Everything that is counted beside the journal.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Work of a turn of the core thread, without the time its links took.
    pub(crate) turn: Spans,
    /// Time a destination had left when it was decided.
    pub(crate) slack: Spans,
    /// Destinations that were decided when it was too late.
    pub(crate) without_slack: AtomicU64,
    /// Last record in the index of the journal.
    pub(crate) index_seq: AtomicU64,
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
