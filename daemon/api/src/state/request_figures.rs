//! Figures of requests: how many, how they were answered, how long they took. Who counts them is in `requests`.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Bounds of the buckets, seconds.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// The figures, by method and route.
pub(crate) struct RequestFigures {
    /// Requests answered; also by status.
    pub(crate) count: IntCounterVec,
    /// Seconds to the head of an answer.
    pub(crate) duration: HistogramVec,
}

impl RequestFigures {
    /// Figures that `registry` shows. It must be new: a name stands in it once.
    pub(crate) fn registered(registry: &Registry) -> Self {
        let count = Opts::new("http_requests_total", "Requests answered.");
        let count = IntCounterVec::new(count, &["method", "route", "status"]);
        let duration = HistogramOpts::new("http_request_duration_seconds", "Time to the head of an answer.")
            .buckets(BUCKETS.to_vec());
        let duration = HistogramVec::new(duration, &["method", "route"]);
        let figures = Self {
            count: count.expect("name and labels are well formed"),
            duration: duration.expect("name and labels are well formed"),
        };
        registry.register(Box::new(figures.count.clone())).expect("the registry is new");
        registry.register(Box::new(figures.duration.clone())).expect("the registry is new");
        figures
    }
}
