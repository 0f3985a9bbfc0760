//! The answer of a verb of a batch: where the batch is now, and the record in which it got there.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A batch after a verb.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// Id of the batch.
    pub(crate) id: i64,
    /// Its state.
    pub(crate) state: String,
    /// Record of the journal; 0 when the store alone did it.
    pub(crate) position: u64,
}

impl BatchAnswer {
    /// A batch in a state, by the store alone.
    pub(crate) fn stored(id: i64, state: &str) -> Self {
        Self { id, state: state.to_owned(), position: 0 }
    }
}

impl IntoResponse for BatchAnswer {
    fn into_response(self) -> Response {
        at(self.position, StatusCode::OK, self)
    }
}

/// An answer with its position as a header.
pub(crate) fn at(position: u64, status: StatusCode, body: impl Serialize) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    response.headers_mut().insert("wcs-position", HeaderValue::from(position));
    response
}
