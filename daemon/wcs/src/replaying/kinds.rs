//! What a record is about, read off its serialised form: the kinds of its input, decisions and facts, the loads and
//! lines it names. A variant that is added to an enum needs nothing here.

use std::collections::BTreeSet;

use serde_json::Value;
use wcs_types::{Code, EventBody, Fact, Input, LineId, LoadKey, Record, Refusal, SorterEvent};

/// The kinds of a record, as people name them: `sorter` and `scan` for a scan, `verb` and `start` for a start, and the
/// names of its decisions and facts.
pub(super) fn kinds_of(record: &Value) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    add_input(&mut kinds, &record["input"]);
    for key in ["decisions", "facts"] {
        for item in record[key].as_array().into_iter().flatten() {
            kinds.extend(variant(item).map(|(name, _)| name));
        }
    }
    kinds
}

fn add_input(kinds: &mut BTreeSet<String>, input: &Value) {
    let Some((name, body)) = variant(input) else { return };
    let inner = match name.as_str() {
        "sorter" => &body["event"]["body"],
        "link" => &body["change"],
        "verb" => &body["verb"],
        "refused" => &body["refusal"],
        "quarantined" => &body["suspect"],
        _ => &Value::Null,
    };
    if name == "quarantined" {
        add_input(kinds, inner);
    } else {
        kinds.extend(variant(inner).map(|(name, _)| name));
    }
    kinds.insert(name);
}

/// Name and body of a serialised enum.
fn variant(value: &Value) -> Option<(String, &Value)> {
    match value {
        Value::String(name) => Some((snake(name), &Value::Null)),
        Value::Object(map) => map.iter().next().map(|(name, body)| (snake(name), body)),
        _ => None,
    }
}

/// `LoadEnded` as `load_ended`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// True when the record names this load anywhere.
pub(super) fn names_load(record: &Record, value: &Value, load: LoadKey) -> bool {
    let is_of_input = match &record.input {
        Input::Sorter { line, event } => event.item != 0 && key_of(*line, event) == load,
        Input::Refused { line, refusal } => {
            let (Refusal::Late(command) | Refusal::QueueFull(command) | Refusal::NotReady(command)) = refusal;
            LoadKey { line: *line, plc_epoch: command.plc_epoch, item: command.item } == load
        }
        _ => false,
    };
    is_of_input || holds(value, &|found| load_in(found) == Some(load))
}

/// True when the record is about this line.
pub(super) fn names_line(record: &Record, value: &Value, line: LineId) -> bool {
    let own = match &record.input {
        Input::Sorter { line, .. } | Input::Link { line, .. } | Input::Refused { line, .. } => Some(*line),
        _ => None,
    };
    own == Some(line)
        || holds(value, &|found| found.get("line").and_then(Value::as_u64) == Some(u64::from(line.0)))
}

/// The load of a sorter event.
fn key_of(line: LineId, event: &SorterEvent) -> LoadKey {
    LoadKey { line, plc_epoch: event.plc_epoch, item: event.item }
}

/// The load of a record that says it has this label.
pub(super) fn load_with_label(record: &Record, label: &str) -> Option<LoadKey> {
    let is_it = |code: &Code| code.to_string() == label;
    if let Input::Sorter { line, event } = &record.input
        && let EventBody::Scan(scan) = &event.body
        && scan.codes.iter().any(is_it)
    {
        return Some(key_of(*line, event));
    }
    record.facts.iter().find_map(|fact| match fact {
        Fact::LoadSeen { load, label, .. } if is_it(label) => Some(*load),
        _ => None,
    })
}

fn load_in(value: &Value) -> Option<LoadKey> {
    let number = |key| value.get(key).and_then(Value::as_u64);
    let (line, epoch, item) = (number("line")?, number("plc_epoch")?, number("item")?);
    Some(LoadKey {
        line: LineId(u16::try_from(line).ok()?),
        plc_epoch: wcs_types::Epoch(u16::try_from(epoch).ok()?),
        item: u32::try_from(item).ok()?,
    })
}

fn holds(value: &Value, is_it: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::Object(map) => is_it(value) || map.values().any(|inner| holds(inner, is_it)),
        Value::Array(items) => items.iter().any(|inner| holds(inner, is_it)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_names_of_variants() {
        let record = serde_json::json!({
            "input": { "Sorter": { "line": 0, "event": { "body": { "Scan": {} } } } },
            "decisions": [{ "Route": {} }],
            "facts": [{ "LoadSeen": {} }, "Odd"],
        });
        let kinds: Vec<String> = kinds_of(&record).into_iter().collect();
        assert_eq!(kinds, ["load_seen", "odd", "route", "scan", "sorter"]);
        let put_aside = serde_json::json!({
            "input": { "Quarantined": { "suspect": { "Verb": { "verb": { "Start": {} } } } } },
        });
        let kinds: Vec<String> = kinds_of(&put_aside).into_iter().collect();
        assert_eq!(kinds, ["quarantined", "start", "verb"]);
        assert_eq!(snake("Exit"), "exit");
    }
}
