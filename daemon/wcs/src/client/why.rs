//! `wcs why`: what became of a load, of every load of a label, or of an order, and why. Asked of a running daemon, or
//! read from the journal of a data directory when everything is down; both tell the same.

use serde_json::{Value, json};
use wcs_api::event::parse_load;

use crate::client::http::{Answer, Service, escaped};
use crate::client::offline;
use crate::client::options::WhyOptions;
use crate::exit::Failure;
use crate::shown::Shown;

/// Loads that are told. Of more the last are.
pub(super) const LOADS_TOLD_MAX: usize = 20;
/// Owner of an order where none is named.
const OWNER_DEFAULT: &str = "-";

/// What was found.
pub(super) struct Found {
    /// The order, where the subject is one.
    pub(super) order: Value,
    /// Loads with time line and why, oldest first.
    pub(super) loads: Vec<Value>,
    /// Loads that are not told.
    pub(super) left_out: usize,
}

pub(super) fn why(options: &WhyOptions, shown: Shown) -> Result<(), Failure> {
    let subject = options.subject.as_str();
    let found = match &options.data {
        Some(data) => offline::find(data, subject)?,
        None => ask(&Service::at(&options.service.url)?, subject)?,
    };
    let found =
        found.ok_or_else(|| Failure::not_ok(format!("no load, label or order `{subject}` is known")))?;
    let document = json!({
        "subject": subject,
        "order": found.order,
        "loads": found.loads,
        "left_out": found.left_out,
    });
    shown.print(&document, || told(&found))
}

/// Owner and number an order is named by.
pub(super) fn order_name(subject: &str) -> (&str, &str) {
    subject.split_once('/').unwrap_or((OWNER_DEFAULT, subject))
}

fn ask(service: &Service, subject: &str) -> Result<Option<Found>, Failure> {
    if parse_load(subject).is_some()
        && let Some(load) = known(service.get(&format!("/api/loads/{}", escaped(subject)))?)?
    {
        return Ok(Some(Found { order: Value::Null, loads: vec![load], left_out: 0 }));
    }
    let mut ids = Vec::new();
    let mut path = format!("/api/loads?limit=500&label={}", escaped(subject));
    // A subject that is no label is an order.
    while let Some(page) = known(service.get(&path)?)? {
        ids.extend(ids_of(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/loads?limit=500&label={}&cursor={}", escaped(subject), escaped(cursor));
    }
    if !ids.is_empty() {
        return details(service, Value::Null, &ids).map(Some);
    }
    let (owner, number) = order_name(subject);
    let order = format!("/api/orders/{}/{}", escaped(owner), escaped(number));
    let Some(found) = known(service.get(&order)?)? else { return Ok(None) };
    let loads = service.json(&format!("{order}/loads"))?;
    details(service, found, &ids_of(&loads)).map(Some)
}

/// The document, or nothing where the daemon knows of no such thing. Everything else is a failure.
fn known(answer: Answer) -> Result<Option<Value>, Failure> {
    match answer.status {
        400 | 404 => Ok(None),
        _ if answer.is_success() => answer.json().map(Some),
        _ => Err(answer.failure()),
    }
}

fn ids_of(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
}

fn details(service: &Service, order: Value, ids: &[String]) -> Result<Found, Failure> {
    let left_out = ids.len().saturating_sub(LOADS_TOLD_MAX);
    let loads = ids[left_out..].iter().map(|id| service.json(&format!("/api/loads/{}", escaped(id))));
    Ok(Found { order, loads: loads.collect::<Result<_, _>>()?, left_out })
}

fn told(found: &Found) -> String {
    let mut text = String::new();
    if !found.order.is_null() {
        let (order, pieces) = (&found.order, &found.order["pieces"]);
        text += &format!(
            "order {}/{}: {}",
            order["owner"].as_str().unwrap_or_default(),
            order["number"].as_str().unwrap_or_default(),
            order["state"].as_str().unwrap_or("state not known")
        );
        text += &format!(", {} of {} pieces in a chute", pieces["picked"], pieces["ordered"]);
        if pieces["short"].as_i64().is_some_and(|short| short > 0) {
            text += &format!(", {} missing", pieces["short"]);
        }
        text += &order["batch"].as_i64().map_or_else(String::new, |batch| format!(", batch {batch}"));
        text.push('\n');
        if found.loads.is_empty() {
            text += "no load of it was seen yet\n";
        }
    }
    if found.left_out > 0 {
        text += &format!("{} earlier loads are left out\n", found.left_out);
    }
    for load in &found.loads {
        let id = load["id"].as_str().unwrap_or_default();
        let outcome = &load["why"]["outcome"];
        match (outcome["outcome"].as_str(), outcome["reason"].as_str()) {
            (Some(outcome), Some(reason)) => text += &format!("load {id}: {outcome}, {reason}\n"),
            _ => text += &format!("load {id}: on the belt\n"),
        }
        for sentence in load["why"]["sentences"].as_array().into_iter().flatten() {
            text += &format!("  {}\n", sentence["en"].as_str().unwrap_or_default());
        }
    }
    text
}
