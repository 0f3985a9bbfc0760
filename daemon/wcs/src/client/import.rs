//! `wcs import`: an order file to a running daemon, and what became of its rows. 0: every row is stored, now or before; 1:
//! some are not, or nobody could say; 2: the file or its mapping cannot be taken.

use std::path::Path;

use serde_json::Value;
use wcs_intake::Mapping;

use crate::client::http::{Answer, Service, escaped};
use crate::client::options::ImportOptions;
use crate::exit::Failure;
use crate::feed_source::{read, read_text};
use crate::shown::Shown;

/// Refused rows, and orders, that are shown one by one. The JSON has them all.
const SHOWN_MAX: usize = 20;

pub(super) fn import(options: &ImportOptions, shown: Shown) -> Result<(), Failure> {
    let service = Service::at(&options.service.url)?;
    let file = read(&options.file)?;
    let query = mapping_query(options.mapping.as_deref())?;
    let answer = service.post(&format!("/api/orders/receive?{query}"), "text/csv", &file)?;
    if !answer.is_success() {
        return Err(refused(&options.file, &answer));
    }
    let document = answer.json()?;
    shown.print(&document, || lines(&options.file, &document))?;
    let left = number(&document["rows"]) - number(&document["rows_accepted"]);
    if answer.status == 200 {
        Ok(())
    } else {
        Err(Failure::not_ok(format!("{left} rows of {} are not stored", options.file.display())))
    }
}

/// A file is sent as it is, a name names a mapping of the daemon; without either the retail sample.
fn mapping_query(mapping: Option<&str>) -> Result<String, Failure> {
    let text = match mapping {
        None => Mapping::retail_text().to_owned(),
        Some(path) if Path::new(path).is_file() => read_text(Path::new(path))?,
        Some(name) => return Ok(format!("mapping={}", escaped(name))),
    };
    Ok(format!("mapping_text={}", escaped(&text)))
}

/// A file that is refused whole is bad input; a daemon that cannot take it now is not.
fn refused(file: &Path, answer: &Answer) -> Failure {
    let text = format!("{}: {}", file.display(), answer.failure());
    match answer.status {
        400..500 if ![408, 409].contains(&answer.status) => Failure::BadInput(text),
        _ => Failure::NotOk(text),
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn lines(file: &Path, document: &Value) -> String {
    let count = |key: &str| number(&document[key]);
    let mut text = format!(
        "{}: {} rows, {} accepted, {} pieces\n",
        file.display(),
        count("rows"),
        count("rows_accepted"),
        count("pieces")
    );
    text += &format!(
        "orders: {} stored, {} stored before, {} differ from what is stored, {} refused\n",
        count("stored"),
        count("repeated"),
        count("differing"),
        count("refused")
    );
    for (reason, rows) in document["refused_by_reason"].as_object().into_iter().flatten() {
        text += &format!("refused {reason}: {rows}\n");
    }
    let listed = |key: &str| document[key].as_array().map_or(&[][..], Vec::as_slice);
    for refusal in listed("refusals").iter().take(SHOWN_MAX) {
        let (row, reason) = (number(&refusal["row"]), word(&refusal["reason"]));
        text += &format!("  row {row}: {reason}");
        if !word(&refusal["column"]).is_empty() {
            text += &format!(", {} is `{}`", word(&refusal["column"]), word(&refusal["text"]));
        }
        text.push('\n');
    }
    more(&mut text, listed("refusals").len(), "rows");
    for order in listed("orders").iter().take(SHOWN_MAX) {
        text += &format!(
            "  order {}/{}: {}",
            word(&order["owner"]),
            word(&order["number"]),
            word(&order["result"])
        );
        text += &order["reason"].as_str().map_or_else(String::new, |reason| format!(", {reason}"));
        for field in order["difference"].as_array().into_iter().flatten() {
            let (stored, sent) = (word(&field["stored"]), word(&field["sent"]));
            text += &format!("; {} is `{stored}` there and `{sent}` here", word(&field["field"]));
        }
        text.push('\n');
    }
    more(&mut text, listed("orders").len(), "orders");
    text
}

fn more(text: &mut String, count: usize, what: &str) {
    if count > SHOWN_MAX {
        *text += &format!("  {} more {what}\n", count - SHOWN_MAX);
    }
}
