//! Figures of requests: how many, how they were answered, how long they took. Routes are named by their pattern, so
//! that the number of series is bounded.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::state::Api;

/// Bounds of the buckets, seconds.
const BUCKETS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

pub(crate) struct RequestFigures {
    count: IntCounterVec,
    duration: HistogramVec,
}

impl RequestFigures {
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

/// Counts and times each request.
pub(crate) async fn measure(State(api): State<Api>, request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let figures = api.requests();
    let timer = figures.duration.with_label_values(&[&method, &route]).start_timer();
    let response = next.run(request).await;
    let took = timer.stop_and_record();
    let status = response.status();
    figures.count.with_label_values(&[method.as_str(), route.as_str(), status.as_str()]).inc();
    if status.is_server_error() {
        tracing::warn!(%method, route, status = status.as_u16(), took, "request failed");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), took, "request");
    }
    response
}
