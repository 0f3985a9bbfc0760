//! Answers every read and every write may have beside its own, for the OpenAPI document: handlers name one of them in
//! their `responses`, so that no status is undocumented.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

use super::PROBLEM_TYPE;

/// Problems of reads.
pub struct Reads;

/// Problems of requests that change something.
pub struct Writes;

impl IntoResponses for Reads {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (StatusCode::ACCEPTED, "The record named by `position` is not reflected yet."),
            (StatusCode::BAD_REQUEST, "Query, path or header is wrong."),
            (StatusCode::NOT_FOUND, "There is no such thing."),
            (StatusCode::INTERNAL_SERVER_ERROR, "A defect of this program; the log says more."),
            (StatusCode::SERVICE_UNAVAILABLE, "Not now; `Retry-After` says when."),
        ])
    }
}

impl IntoResponses for Writes {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (StatusCode::BAD_REQUEST, "Query, path, header or body is wrong."),
            (StatusCode::NOT_FOUND, "There is no such thing."),
            (StatusCode::REQUEST_TIMEOUT, "The body came too slowly."),
            (StatusCode::CONFLICT, "The state of things does not allow it; members say what is in the way."),
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of another media type."),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                "The body is not what is wanted; `errors` point to the places.",
            ),
            (StatusCode::INTERNAL_SERVER_ERROR, "A defect of this program; the log says more."),
            (StatusCode::SERVICE_UNAVAILABLE, "Not now; `Retry-After` says when."),
        ])
    }
}

fn problems(answers: &[(StatusCode, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let answer = |(status, description): &(StatusCode, &str)| {
        let content = Content::new(Some(Ref::from_schema_name("ProblemBody")));
        let response =
            ResponseBuilder::new().description(*description).content(PROBLEM_TYPE, content).build();
        (status.as_str().to_owned(), RefOr::T(response))
    };
    answers.iter().map(answer).collect()
}
