//! A small blocking client of the HTTP service: every status is an answer, nothing waits for ever, no proxy and no
//! redirect. It knows no path of the service.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};

use crate::exit::Failure;

/// Longest time one answer may take. Order files are large.
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// Longest time until somebody takes the call.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const ANSWER_SIZE_MAX: u64 = 64 << 20;

/// A daemon to be asked.
pub(crate) struct Service {
    agent: Agent,
    base: String,
}

/// An answer that came whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Media type without its parameters.
    pub(crate) media_type: String,
    pub(crate) body: String,
}

impl Service {
    /// The daemon at `url`. Nothing is asked yet.
    pub(crate) fn at(url: &str) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/');
        let is_url = base.strip_prefix("http://").is_some_and(|host| !host.is_empty() && !host.contains('/'));
        if !is_url {
            return Err(Failure::bad_input(format!(
                "`{url}` is not where a daemon listens: write http://127.0.0.1:9500"
            )));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(ANSWER_MAX))
            .build();
        Ok(Self { agent: Agent::new_with_config(config), base: base.to_owned() })
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for a path, whatever comes of it.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Method::GET, path, None)
    }

    /// Posts bytes of a media type.
    pub(crate) fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Result<Answer, Failure> {
        self.ask(Method::POST, path, Some((media_type, body)))
    }

    /// Asks for JSON; an answer that is no success is a failure.
    pub(crate) fn json(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.get(path)?;
        if answer.is_success() { answer.json() } else { Err(answer.failure()) }
    }

    fn ask(&self, method: Method, path: &str, body: Option<(&str, &[u8])>) -> Result<Answer, Failure> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let unreachable = |error: ureq::Error| {
            Failure::not_ok(format!("no answer from {}{path}: {error}; is the daemon running?", self.base))
        };
        let answered = match body {
            Some((media_type, body)) => self
                .agent
                .run(request.header("content-type", media_type).body(body).map_err(Failure::bad_input)?),
            None => self.agent.run(request.body(()).map_err(Failure::bad_input)?),
        };
        let mut answered = answered.map_err(unreachable)?;
        let sent = answered.headers().get("content-type").and_then(|value| value.to_str().ok());
        let media_type = sent.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        let body = answered.body_mut().with_config().limit(ANSWER_SIZE_MAX).read_to_string();
        Ok(Answer { status: answered.status().as_u16(), media_type, body: body.map_err(unreachable)? })
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status) && self.media_type != "application/problem+json"
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.body).map_err(|error| {
            Failure::not_ok(format!("the daemon answered something that is not JSON: {error}"))
        })
    }

    /// The code of a problem document; empty when it is none.
    pub(crate) fn code(&self) -> String {
        let document = serde_json::from_str::<Value>(&self.body).unwrap_or_default();
        document["code"].as_str().unwrap_or_default().to_owned()
    }

    /// What went wrong, in the words of the daemon. What it cannot do now is no fault of what was asked.
    pub(crate) fn failure(&self) -> Failure {
        let document = serde_json::from_str::<Value>(&self.body).unwrap_or_default();
        let (title, detail) = (document["title"].as_str(), document["detail"].as_str());
        let mut text = match (title, detail) {
            (Some(title), Some(detail)) => format!("{title}: {detail} ({}, {})", self.code(), self.status),
            _ => format!("the daemon answered with status {}", self.status),
        };
        for fault in document["errors"].as_array().into_iter().flatten() {
            let (pointer, detail) = (fault["pointer"].as_str(), fault["detail"].as_str());
            text += &format!("\n  {}: {}", pointer.unwrap_or_default(), detail.unwrap_or_default());
        }
        match self.status {
            404 | 409 | 500.. | 202 => Failure::NotOk(text),
            _ => Failure::BadInput(text),
        }
    }
}

/// A word of a path or a query, with everything that means something there written as `%xx`.
pub(crate) fn escaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, media_type: "application/problem+json".to_owned(), body: body.to_owned() }
    }

    #[test]
    fn words_are_escaped_for_paths() {
        assert_eq!(escaped("A-1.b_~"), "A-1.b_~");
        assert_eq!(escaped("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }

    #[test]
    fn only_addresses_of_a_service_are_taken() {
        assert!(Service::at("http://127.0.0.1:9500/").is_ok());
        for bad in ["127.0.0.1:9500", "https://x", "http://", "http://host/api", "ftp://host"] {
            assert_eq!(Service::at(bad).err().map(|failure| failure.code()), Some(2), "{bad}");
        }
    }

    #[test]
    fn problems_are_told_with_their_places() {
        let problem = answer(
            422,
            r#"{"title":"T","detail":"D","code":"body.invalid","errors":[{"pointer":"/a","detail":"no"}]}"#,
        );
        let failure = problem.failure();
        assert_eq!(failure.to_string(), "T: D (body.invalid, 422)\n  /a: no");
        assert_eq!(failure.code(), 2);
        assert_eq!(answer(503, "{}").failure().code(), 1);
        assert_eq!(answer(404, "not json").failure().to_string(), "the daemon answered with status 404");
    }
}
