//! Percentiles out of a histogram, as reports state them.

use hdrhistogram::Histogram;
use wcs_sim::report::Percentiles;

pub(crate) fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    Percentiles {
        p50: histogram.value_at_quantile(0.5),
        p99: histogram.value_at_quantile(0.99),
        max: histogram.max(),
        count: histogram.len(),
    }
}
