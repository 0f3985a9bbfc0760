//! `Idempotency-Key` on POSTs: a client that did not hear the answer asks again under the same key and gets the answer
//! that was kept. And the rule that a request that changes something is carried through once it was read, whether or not
//! its client still listens.
//!
//! ```text
//! new -> carried out -> success: answer kept | no success: key free again
//! kept, same request -> the kept answer    kept, other request -> 409 idempotency.mismatch
//! open here -> 409 idempotency.open        open, but not here (its process died over it) -> carried out again
//! ```
//! Carrying out again is safe: orders are known by number, batches by reference, starts by token, and verbs by the state
//! they lead to. Where the store cannot be used a request goes through without a key's protection: what needs the store
//! says so itself, and a line can be stopped all the same.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use wcs_store::{Claim, Store};

use crate::body::read;
use crate::problem::{Problem, ProblemCode};
use crate::state::Api;

const KEY: &str = "idempotency-key";
/// Letters of a key.
const KEY_SIZE_MAX: usize = 128;
/// Bytes of an answer that is kept. Longer answers are given, and their requests carried out again when repeated.
const ANSWER_SIZE_MAX: usize = 8 * 1024 * 1024;

/// Carries a request that changes something through, once under its key.
pub(crate) async fn carry_through(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    // A task of its own: a client that goes away does not leave a start half way.
    match tokio::spawn(async move { once(&api, request, next).await }).await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => {
            tracing::error!("a handler panicked; its message stands before this in the log");
            Problem::new(ProblemCode::Internal).into_response()
        }
    }
}

async fn once(api: &Api, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = key_of(request.headers())? else { return Ok(next.run(request).await) };
    let Ok(store) = api.store() else { return Ok(next.run(request).await) };
    let Some(_open) = api.open_keys().open(&key) else {
        return Err(Problem::new(ProblemCode::IdempotencyOpen));
    };
    let (head, body) = request.into_parts();
    let limits = api.limits();
    let most = limits.json_size_max.max(limits.file_size_max);
    let mut for_body = Request::new(body);
    *for_body.headers_mut() = head.headers.clone();
    let bytes = read(for_body, api, most).await?;
    let kind = head.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let uri = head.uri.to_string();
    let asked = [uri.as_bytes(), kind, &bytes].join(&b'\n');
    let claim = match store.claim_token(&key, &asked, api.now_ms()).await {
        Ok(claim) => claim,
        Err(error) if error.is_passing() => {
            return Ok(next.run(Request::from_parts(head, Body::from(bytes))).await);
        }
        Err(error) => return Err(error.into()),
    };
    match claim {
        Claim::Differs => Err(Problem::new(ProblemCode::IdempotencyMismatch)),
        Claim::Answered { status, body } => Ok(kept(status, body)),
        Claim::New | Claim::Open => {
            let response = next.run(Request::from_parts(head, Body::from(bytes))).await;
            Ok(keep(store, &key, response).await)
        }
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let is_key = (1..=KEY_SIZE_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key {
        let cause =
            format!("Idempotency-Key must be 1 to {KEY_SIZE_MAX} printable ASCII letters without spaces");
        return Err(Problem::new(ProblemCode::HeaderInvalid).with("cause", cause));
    }
    Ok(Some(text.to_owned()))
}

/// Keeps a success under its key, and frees the key of anything else.
async fn keep(store: &Store, key: &str, response: Response) -> Response {
    if !response.status().is_success() {
        if let Err(error) = store.free_token(key).await {
            tracing::warn!(%error, "an idempotency key could not be freed; its request can be repeated all the same");
        }
        return response;
    }
    let (head, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "an answer could not be read");
            return Problem::new(ProblemCode::Internal).into_response();
        }
    };
    let stored = match bytes.len() {
        0..=ANSWER_SIZE_MAX => store.answer_token(key, head.status.as_u16(), &bytes).await,
        _ => store.free_token(key).await,
    };
    if let Err(error) = stored {
        tracing::warn!(%error, "an answer could not be kept; its request will be carried out again when repeated");
    }
    Response::from_parts(head, Body::from(bytes))
}

/// The answer that was kept, with the position it told.
fn kept(status: u16, body: Vec<u8>) -> Response {
    #[derive(Deserialize)]
    struct Told {
        position: u64,
    }
    let position = serde_json::from_slice::<Told>(&body).map(|told| told.position).ok();
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    if let Some(position) = position {
        headers.insert("wcs-position", HeaderValue::from(position));
    }
    response
}
