//! Counts each request: how it was answered and how long it took. Routes are named by their pattern, so
//! that the number of series is bounded.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::state::Api;

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
