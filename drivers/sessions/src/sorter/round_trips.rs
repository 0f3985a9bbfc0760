//! The slow end of the last write round trips. A deadline has to leave room for a write that is slow.

use wcs_types::Nanos;

const KEPT: usize = 128;

/// The last round trips and their 99th percentile.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundTrips {
    spans: Vec<Nanos>,
    next: usize,
    p99: Nanos,
}

impl RoundTrips {
    /// Adds one round trip; the oldest beyond the last 128 is forgotten.
    pub(super) fn record(&mut self, span: Nanos) {
        if self.spans.len() < KEPT {
            self.spans.push(span);
        } else {
            self.spans[self.next] = span;
        }
        self.next = (self.next + 1) % KEPT;
        // Sorting 128 numbers for every write would cost more than the writes: a higher value counts at once,
        // a lower one within 16 writes.
        if span > self.p99 || self.next.is_multiple_of(16) {
            self.refresh();
        }
    }

    /// 99th percentile of what is kept; zero before the first write.
    pub(super) fn p99(&self) -> Nanos {
        self.p99
    }

    fn refresh(&mut self) {
        let mut sorted = self.spans.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
        self.p99 = sorted.get(rank).copied().unwrap_or(Nanos::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_write_among_many_does_not_rule() {
        let mut trips = RoundTrips::default();
        trips.record(Nanos(500));
        assert_eq!(trips.p99(), Nanos(500));
        for _ in 0..127 {
            trips.record(Nanos(100));
        }
        assert_eq!(trips.p99(), Nanos(100));
        trips.record(Nanos(900));
        trips.record(Nanos(901));
        assert_eq!(trips.p99(), Nanos(900));
    }
}
