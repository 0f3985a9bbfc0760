//! Problem documents (RFC 9457): every answer that is no success. A problem is a code of the [`catalogue`], the members
//! that fill its detail, and pointers to what is wrong in a body. It is rendered in English, and once more in Korean by
//! [`localise`] where the request prefers that.

mod catalogue;
mod responses;

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use catalogue::{ProblemCode, Texts};
pub use responses::{Reads, Writes};

/// Media type of problem documents.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Languages problems are told in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Language {
    /// English.
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// The one a request prefers; English where it says nothing of the two.
    pub fn of(headers: &HeaderMap) -> Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let mut best = (Self::English, 0.0_f32);
        for range in asked.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let language = match tag.split('-').next() {
                Some("ko") => Self::Korean,
                Some("en") => Self::English,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }
}

/// One place in a body and what is wrong with it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct FieldFault {
    /// JSON pointer into the body.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// A problem document. Problems have further members, such as `difference`, `state`, `unfinished`, `position`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short text; the same for every problem of the code.
    pub title: String,
    /// Status of the answer.
    pub status: u16,
    /// Stable code, for programs.
    pub code: String,
    /// What happened here.
    pub detail: String,
    /// Places in the body that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldFault>,
    /// Further members.
    #[serde(flatten)]
    #[schema(ignore)]
    pub members: Map<String, Value>,
}

/// Why a request has no success for its answer.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: ProblemCode,
    members: Map<String, Value>,
    errors: Vec<FieldFault>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of this code.
    pub fn new(code: ProblemCode) -> Self {
        Self(Box::new(Inner { code, members: Map::new(), errors: Vec::new(), retry_after: None }))
    }

    /// Adds a member; `{name}` in the detail of the code becomes its value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a place in the body that is wrong.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(FieldFault { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// When to ask again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Its code.
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// Places in the body that are wrong.
    pub fn errors(&self) -> &[FieldFault] {
        &self.0.errors
    }

    /// Its members beside the usual ones.
    pub fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }

    /// The document in a language.
    pub fn body(&self, language: Language) -> ProblemBody {
        let Inner { code, members, errors, .. } = self.0.as_ref();
        let texts = code.texts(language);
        ProblemBody {
            kind: format!("/api/problems/{}", code.as_str()),
            title: texts.title.to_owned(),
            status: code.status().as_u16(),
            code: code.as_str().to_owned(),
            detail: filled(texts.detail, members),
            errors: errors.clone(),
            members: members.clone(),
        }
    }

    fn response(&self, language: Language) -> Response {
        let body =
            serde_json::to_vec(&self.body(language)).expect("texts and numbers can be written as JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        if let Some(after) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.0.code.as_str(),
            filled(self.0.code.texts(Language::English).detail, &self.0.members)
        )
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.response(Language::English);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<wcs_store::StoreError> for Problem {
    fn from(error: wcs_store::StoreError) -> Self {
        match error {
            wcs_store::StoreError::Unavailable { why, retry_after } => {
                Self::new(ProblemCode::StoreUnavailable).with("cause", why).retry_after(retry_after)
            }
            other => {
                tracing::error!(error = %other, "the store failed");
                Self::new(ProblemCode::Internal)
            }
        }
    }
}

/// A member that is a list or an object.
pub fn shown(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("texts and numbers can be written as JSON")
}

/// Members put into the places `{name}` of a text; a place without a member stays empty.
fn filled(text: &str, members: &Map<String, Value>) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        shown.push_str(before);
        let Some((name, after)) = behind.split_once('}') else { break };
        match members.get(name) {
            Some(Value::String(value)) => shown.push_str(value),
            Some(value) => shown.push_str(&value.to_string()),
            None => {}
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Tells problems in the language the request prefers.
pub(crate) async fn localise(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if language == Language::English {
        return response;
    }
    let told = problem.response(language);
    // Headers that others put on the answer stay; the length is that of another text.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    for (name, value) in told.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    *response.body_mut() = told.into_body();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_the_heaviest_known() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(text).unwrap());
            Language::of(&headers)
        };
        assert_eq!(of("ko"), Language::Korean);
        assert_eq!(of("ko-KR,ko;q=0.9,en;q=0.8"), Language::Korean);
        assert_eq!(of("en,ko;q=0.9"), Language::English);
        assert_eq!(of("de, ko;q=0.2"), Language::Korean);
        assert_eq!(of("de"), Language::English);
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }

    #[test]
    fn every_code_has_both_languages_with_the_same_members() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ProblemCode::ALL {
            assert!(seen.insert(code.as_str()), "{code:?} twice");
            let [english, korean] = [Language::English, Language::Korean].map(|l| code.texts(l));
            for text in [english.title, english.detail, korean.title, korean.detail] {
                assert!(!text.is_empty(), "{code:?}");
            }
            let is_hangul = |letter: char| ('가'..='힣').contains(&letter);
            assert!(korean.title.chars().any(is_hangul) && korean.detail.chars().any(is_hangul), "{code:?}");
            assert!(!english.title.chars().any(is_hangul), "{code:?}");
            let places = |text: &str| {
                let names = text.split('{').skip(1).map(|part| part.split('}').next().unwrap().to_owned());
                names.collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(places(english.detail), places(korean.detail), "{code:?}");
        }
    }

    #[test]
    fn members_fill_the_detail() {
        let problem = Problem::new(ProblemCode::BodyTooLarge).with("most", 17);
        assert!(problem.body(Language::English).detail.contains("17"));
        assert!(problem.body(Language::Korean).detail.contains("17"));
    }
}
