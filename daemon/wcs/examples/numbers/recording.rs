//! Histograms of what is measured, and how they are written into the figures.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Longest span told apart: ten seconds, in whatever unit up to nanoseconds.
const LONGEST: u64 = 10_000_000_000;

/// An empty histogram.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

/// Records a span in nanoseconds, at least one.
pub(crate) fn record_nanos(into: &mut Histogram<u64>, span: Duration) {
    into.saturating_record(u64::try_from(span.as_nanos()).unwrap_or(LONGEST).max(1));
}

/// Records a span in whole microseconds, as sessions do.
pub(crate) fn record_micros(into: &mut Histogram<u64>, span: Duration) {
    into.saturating_record(u64::try_from(span.as_micros()).unwrap_or(LONGEST).max(1));
}

/// The figures of a histogram in its unit.
pub(crate) fn figures(of: &Histogram<u64>) -> Value {
    json!({
        "p50": of.value_at_quantile(0.5),
        "p95": of.value_at_quantile(0.95),
        "p99": of.value_at_quantile(0.99),
        "p99_9": of.value_at_quantile(0.999),
        "max": of.max(),
        "mean": of.mean(),
        "count": of.len(),
    })
}
