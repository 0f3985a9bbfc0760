//! `wcs smoke`: asks a running daemon for everything it must answer, one line each. It changes nothing.

use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use crate::client::http::{Answer, Service};
use crate::client::options::SmokeOptions;
use crate::exit::Failure;
use crate::shown::{Shown, table};

/// What is asked and what must come of it.
struct Check {
    name: &'static str,
    path: &'static str,
    wanted: fn(&Answer) -> Result<(), String>,
}

const CHECKS: &[Check] = &[
    Check { name: "lives", path: "/health/live", wanted: success },
    Check { name: "is ready", path: "/health/ready", wanted: success },
    Check { name: "describes itself", path: "/api/openapi.json", wanted: openapi },
    Check { name: "has a viewer", path: "/api/docs/", wanted: success },
    Check { name: "counts", path: "/metrics", wanted: metrics },
    Check { name: "answers older scripts", path: "/actuator/health", wanted: success },
    Check { name: "lists orders", path: "/api/orders?limit=1", wanted: list },
    Check { name: "lists batches", path: "/api/batches?limit=1", wanted: list },
    Check { name: "lists lines", path: "/api/lines", wanted: list },
    Check { name: "lists chutes", path: "/api/chutes?limit=1", wanted: list },
    Check { name: "lists loads", path: "/api/loads?limit=1", wanted: list },
    Check { name: "lists exceptions", path: "/api/exceptions?limit=1", wanted: list },
    Check { name: "lists alarms", path: "/api/alarms", wanted: list },
    Check { name: "knows the shift", path: "/api/shifts", wanted: json },
    Check { name: "reports shifts", path: "/api/reports/shifts?limit=1", wanted: list },
    Check { name: "refuses what is not there", path: "/api/no-such-path", wanted: not_found },
    Check { name: "reads queries strictly", path: "/api/orders?no_such_key=1", wanted: bad_query },
];

/// How a check ended.
#[derive(Debug, Serialize)]
struct Outcome {
    name: &'static str,
    path: &'static str,
    ok: bool,
    /// Status of the answer; 0 when there was none.
    status: u16,
    ms: u64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

pub(super) fn smoke(options: &SmokeOptions, shown: Shown) -> Result<(), Failure> {
    let service = Service::at(&options.url)?;
    let outcomes: Vec<Outcome> = CHECKS.iter().map(|check| carry_out(&service, check)).collect();
    let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
    let document =
        serde_json::json!({ "url": service.base(), "ok": failed == 0, "failed": failed, "checks": outcomes });
    shown.print(&document, || table(&outcomes.iter().map(row).collect::<Vec<_>>()))?;
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::not_ok(format!("{failed} of {} checks of {} failed", outcomes.len(), service.base())))
    }
}

fn carry_out(service: &Service, check: &Check) -> Outcome {
    let began = Instant::now();
    let answer = service.get(check.path);
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, found) = match &answer {
        Ok(answer) => (answer.status, (check.wanted)(answer)),
        Err(failure) => (0, Err(failure.to_string())),
    };
    Outcome { name: check.name, path: check.path, ok: found.is_ok(), status, ms, cause: found.err() }
}

fn row(outcome: &Outcome) -> Vec<String> {
    let word = if outcome.ok { "ok" } else { "NOT OK" };
    let mut row = vec![word.to_owned(), outcome.name.to_owned(), outcome.path.to_owned()];
    row.push(format!("{} in {} ms", outcome.status, outcome.ms));
    row.extend(outcome.cause.clone());
    row
}

fn success(answer: &Answer) -> Result<(), String> {
    if answer.is_success() { Ok(()) } else { Err(answer.failure().to_string()) }
}

fn json(answer: &Answer) -> Result<(), String> {
    success(answer)?;
    answer.json().map(|_| ()).map_err(|failure| failure.to_string())
}

fn list(answer: &Answer) -> Result<(), String> {
    success(answer)?;
    let document = answer.json().map_err(|failure| failure.to_string())?;
    if document["items"].is_array() { Ok(()) } else { Err("it has no list `items`".to_owned()) }
}

fn openapi(answer: &Answer) -> Result<(), String> {
    success(answer)?;
    let document = answer.json().map_err(|failure| failure.to_string())?;
    let is_whole = document["openapi"].is_string()
        && document["paths"].as_object().is_some_and(|paths| paths.contains_key("/api/orders"));
    if is_whole { Ok(()) } else { Err("it is no OpenAPI document with /api/orders in it".to_owned()) }
}

fn metrics(answer: &Answer) -> Result<(), String> {
    success(answer)?;
    // The check before this one was counted.
    let has = answer.body.lines().any(|line| line.starts_with("http_requests_total{"));
    if has { Ok(()) } else { Err("http_requests_total is missing".to_owned()) }
}

fn not_found(answer: &Answer) -> Result<(), String> {
    problem(answer, 404)
}

fn bad_query(answer: &Answer) -> Result<(), String> {
    problem(answer, 400)
}

fn problem(answer: &Answer, status: u16) -> Result<(), String> {
    let document = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let is_problem = answer.media_type == "application/problem+json" && document["code"].is_string();
    if answer.status == status && is_problem {
        Ok(())
    } else {
        Err(format!("a problem document with status {status} was wanted"))
    }
}
