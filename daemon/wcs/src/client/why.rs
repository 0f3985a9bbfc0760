//! `wcs why`: what became of a load, of every load of a label, of an order or of a job, and why. Asked of a running
//! daemon, or read from the journal of a data directory when everything is down; both tell the same.

use serde_json::{Value, json};

use crate::client::http::{Answer, Service, escaped};
use crate::client::offline;
use crate::client::options::WhyOptions;
use crate::exit::Failure;
use crate::shown::Shown;

pub(super) fn why(options: &WhyOptions, shown: Shown) -> Result<(), Failure> {
    let subject = options.subject.as_str();
    let found = match &options.data {
        Some(data) => {
            let found = offline::find(data, subject)?;
            found.map(|answer| serde_json::to_value(&answer)).transpose().map_err(Failure::not_ok)?
        }
        None => ask(&Service::at(&options.service.url)?, subject)?,
    };
    let found =
        found.ok_or_else(|| Failure::not_ok(format!("no load, label, order or job `{subject}` is known")))?;
    shown.print(&found, || found["text"]["en"].as_str().unwrap_or_default().to_owned())
}

fn ask(service: &Service, subject: &str) -> Result<Option<Value>, Failure> {
    if let Some(found) = known(service.get(&format!("/api/why?subject={}", escaped(subject)))?)? {
        return Ok(Some(found));
    }
    // An order that no batch has taken yet is known to the store alone.
    let name = subject.strip_prefix("order:").unwrap_or(subject);
    let (owner, number) = name.split_once('/').unwrap_or(("-", name));
    let found = known(service.get(&format!("/api/orders/{}/{}", escaped(owner), escaped(number)))?)?;
    Ok(found.map(|order| {
        let state = order["state"].as_str().unwrap_or("state not known");
        let text = format!("order {owner}/{number}: {state}\nno batch has taken it yet\n");
        json!({ "subject": subject, "kind": "order", "order": order, "job": null, "loads": [], "left_out": 0,
            "text": { "en": text } })
    }))
}

/// The document, or nothing where the daemon knows of no such thing. Everything else is a failure.
fn known(answer: Answer) -> Result<Option<Value>, Failure> {
    match answer.status {
        400 | 404 => Ok(None),
        _ if answer.is_success() => answer.json().map(Some),
        _ => Err(answer.failure()),
    }
}
