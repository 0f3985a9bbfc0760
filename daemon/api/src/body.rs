//! Bodies of requests: bounded in size and time, of the right type, and JSON read strictly, with a pointer to the
//! place that is wrong.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;

use crate::objects::Objects;
use crate::problem::{Problem, ProblemCode};
use crate::state::Api;

/// Bytes of JSON that are read at once; more are read where nobody waits behind them.
const SIZE_AT_ONCE: usize = 64 * 1024;

/// A JSON body. Types for it deny unknown fields.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        need_type(request.headers(), &["application/json"])?;
        let bytes = read(request, api, api.limits().json_size_max).await?;
        if bytes.len() < SIZE_AT_ONCE {
            return parse(&bytes).map(Self);
        }
        let parsed = tokio::task::spawn_blocking(move || parse(&bytes)).await;
        parsed.map_err(|_| Problem::new(ProblemCode::Internal))?.map(Self)
    }
}

/// A JSON body that may be left out with all its fields.
#[derive(Clone, Debug)]
pub struct MaybeJson<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let kind = need_type(request.headers(), &["application/json"]);
        let bytes = read(request, api, api.limits().json_size_max).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        kind?;
        parse(&bytes).map(Self)
    }
}

/// For handlers that take no body: one that comes all the same is refused.
#[derive(Clone, Copy, Debug)]
pub struct NoBody;

impl FromRequest<Api> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let bytes = read(request, api, api.limits().json_size_max).await?;
        if bytes.is_empty() { Ok(Self) } else { Err(Problem::new(ProblemCode::BodyUnexpected)) }
    }
}

/// Refuses a body of another media type; parameters of the type do not matter here.
///
/// # Errors
/// `media_type.unsupported`.
pub fn need_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = sent.split(';').next().unwrap_or_default().trim();
    if accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::MediaTypeUnsupported).with("accepted", accepted.join(", ")))
}

/// The whole body, at most `most` bytes, in the time a body may take.
///
/// # Errors
/// `body.too_large`, `body.slow`, `body.broken`.
pub async fn read(request: Request, api: &Api, most: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(ProblemCode::BodyTooLarge).with("most", most);
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if told.and_then(|text| text.parse::<u64>().ok()).is_some_and(|told| told > most as u64) {
        return Err(too_large());
    }
    let longest = api.limits().body_time_max;
    match tokio::time::timeout(longest, collect(request.into_body(), most)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large()),
        Ok(Err(error)) => Err(Problem::new(ProblemCode::BodyBroken).with("cause", error.to_string())),
        Err(_) => Err(Problem::new(ProblemCode::BodySlow).with("seconds", longest.as_secs())),
    }
}

/// The body, or nothing when it is longer.
async fn collect(body: Body, most: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut parts = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part?;
        if whole.len() + part.len() > most {
            return Ok(None);
        }
        whole.extend_from_slice(&part);
    }
    Ok(Some(whole.into()))
}

/// Reads JSON strictly.
///
/// # Errors
/// `body.not_text`, `body.malformed`, `body.invalid` with a pointer.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Problem::new(ProblemCode::BodyNotText).with("offset", error.valid_up_to()))?;
    if has_zero(text) {
        let detail = "no text may hold the letter \\u0000: databases do not take it";
        return Err(Problem::new(ProblemCode::BodyInvalid).at(String::new(), detail));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(Objects(&mut reader)).map_err(|error| {
        let mut pointer = pointer_of(error.path());
        let error = error.into_inner();
        let cause = error.to_string();
        if error.classify() != Category::Data {
            return Problem::new(ProblemCode::BodyMalformed).with("cause", cause.as_str()).at(pointer, cause);
        }
        if let Some(field) = unknown_field(&cause) {
            let named = format!("/{}", escaped(field));
            if !pointer.ends_with(&named) {
                pointer.push_str(&named);
            }
        }
        Problem::new(ProblemCode::BodyInvalid).at(pointer, cause)
    })?;
    reader.end().map_err(|error| {
        let cause = error.to_string();
        Problem::new(ProblemCode::BodyMalformed).with("cause", cause.as_str()).at(String::new(), cause)
    })?;
    Ok(value)
}

/// A text in this JSON holds the letter with the number 0.
fn has_zero(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        let before = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before.is_multiple_of(2)
    })
}

/// The field a message of serde says is unknown.
fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split_once('`').map(|(field, _)| field)
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(rename = "a/b")]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        quantity: u32,
    }

    #[test]
    fn faults_carry_the_pointer_of_their_place() {
        let cases = [
            (r#"{"a/b":[{"quantity":1},{"quantity":"x"}]}"#, "body.invalid", "/a~1b/1/quantity"),
            (r#"{"a/b":[{"quantity":1,"more":2}]}"#, "body.invalid", "/a~1b/0/more"),
            (r#"{"a/b":[{"quantity":-1}]}"#, "body.invalid", "/a~1b/0/quantity"),
            (r#"{"a/b":[{}]}"#, "body.invalid", "/a~1b/0"),
            (r#"{"a/b":[}"#, "body.malformed", "/a~1b/0"),
            (r#"{"a/b":[]} x"#, "body.malformed", ""),
        ];
        for (text, code, pointer) in cases {
            let problem = parse::<Order>(text.as_bytes()).unwrap_err();
            assert_eq!(problem.code().as_str(), code, "{text}");
            assert_eq!(problem.errors()[0].pointer, pointer, "{text}");
        }
        let good = parse::<Order>(br#"{"a/b":[{"quantity":1}]}"#).unwrap();
        assert_eq!(good.lines[0].quantity, 1);
    }

    #[test]
    fn the_letter_zero_is_found_and_not_a_text_about_it() {
        assert!(has_zero(r#"{"a":"\u0000"}"#) && has_zero(r#"{"a":"\\\u0000"}"#));
        assert!(!has_zero(r#"{"a":"\\u0000"}"#) && !has_zero(r#"{"a":"\u0001"}"#));
    }

    #[test]
    fn deep_nesting_and_other_encodings_are_refused() {
        let deep = "[".repeat(10_000);
        let problem = parse::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert_eq!(problem.code().as_str(), "body.malformed");
        assert_eq!(parse::<Order>(b"{\"a/b\xff").unwrap_err().code().as_str(), "body.not_text");
    }
}
