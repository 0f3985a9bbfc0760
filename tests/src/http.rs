//! A small blocking HTTP client for tests: one connection for each request, no proxy, no redirects, a time limit on
//! everything, and every status is an answer. It knows no path of the service.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use ureq::http::{HeaderMap, Method, Request};
use ureq::{Agent, Body};

/// JSON.
pub const JSON: &str = "application/json";
/// A table.
pub const CSV: &str = "text/csv";
/// Longest time one answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Largest answer.
const ANSWER_SIZE_MAX: u64 = 64 << 20;

/// One service.
#[derive(Clone, Debug)]
pub struct Http {
    agent: Agent,
    /// Where it is, as `http://host:port`.
    pub base: String,
}

/// An answer that came whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body as text.
    pub body: String,
    headers: HeaderMap,
    asked: String,
}

impl Http {
    /// The service at `address`. Nothing is asked yet.
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_idle_connections(0)
            .timeout_global(Some(ANSWER_LIMIT))
            .build();
        Self { agent: Agent::new_with_config(config), base: format!("http://{address}") }
    }

    /// Asks for `path`.
    ///
    /// # Errors
    /// No whole answer came.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.ask(Method::GET, path, &[], None)
    }

    /// Posts JSON to `path`.
    ///
    /// # Errors
    /// No whole answer came: it may have been carried out all the same.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(path, JSON, body.to_string().as_bytes(), &[])
    }

    /// Posts nothing to `path`.
    ///
    /// # Errors
    /// No whole answer came: it may have been carried out all the same.
    pub fn press(&self, path: &str) -> Result<Answer> {
        self.ask(Method::POST, path, &[], Some(&[]))
    }

    /// Posts bytes of a content type to `path`.
    ///
    /// # Errors
    /// No whole answer came: it may have been carried out all the same.
    pub fn send(&self, path: &str, content_type: &str, body: &[u8], more: &[(&str, &str)]) -> Result<Answer> {
        let mut headers = vec![("content-type", content_type)];
        headers.extend(more);
        self.ask(Method::POST, path, &headers, Some(body))
    }

    fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer> {
        let asked = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        };
        let mut answer = answer.with_context(|| asked.clone())?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_SIZE_MAX)
            .read_to_string()
            .with_context(|| asked.clone())?;
        Ok(Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body, asked })
    }

    /// Opens a stream at `path`: the answer has begun with 200 and does not end by itself.
    ///
    /// # Errors
    /// Another status, or no answer.
    pub fn stream(&self, path: &str, more: &[(&str, &str)]) -> Result<Body> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        // The limit of other requests does not hold here: a stream goes on for as long as the service does.
        let answer = request.config().timeout_global(None).build().call()?;
        ensure!(answer.status().as_u16() == 200, "GET {path}: {}", answer.status());
        Ok(answer.into_body())
    }
}

impl Answer {
    /// Gives itself back when the status is one of `wanted`.
    ///
    /// # Errors
    /// Another status, with what the service said.
    pub fn expect(self, wanted: &[u16]) -> Result<Self> {
        if !wanted.contains(&self.status) {
            bail!("{self} instead of {wanted:?}");
        }
        Ok(self)
    }

    /// True for 200 to 299: what was asked is done and durable.
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| self.to_string())
    }

    /// A header, when it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.asked, self.status, self.body)
    }
}
