//! Two states of the core, held against each other row by row: which row of which table has which field other. Works
//! on the serialised snapshot, so that a table or field that is added is told without a change here. Which of the two
//! is right is not known here.

use serde_json::Value;
use wcs_core::Core;

/// Differences that are told one by one.
pub(crate) const DIFFERENCES_TOLD_MAX: usize = 40;
/// What a row carries beside its content: the sums over it, and which ids are free.
const DERIVED: [&str; 3] = ["hash", "free", "kind"];

/// What is other in `own` than in `recorded`, in words; empty when the states are the same.
pub(crate) fn state_difference(recorded: &Core, own: &Core) -> Result<Vec<String>, serde_json::Error> {
    let (recorded, own) = (serde_json::to_value(recorded.snapshot())?, serde_json::to_value(own.snapshot())?);
    let mut told = Told::default();
    for name in keys(&recorded, &own) {
        if !DERIVED.contains(&name) && name != "plant" {
            told.table(name, &recorded, &own);
        }
    }
    if told.count > DIFFERENCES_TOLD_MAX {
        told.lines.push(format!("{} more", told.count - DIFFERENCES_TOLD_MAX));
    }
    Ok(told.lines)
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    count: usize,
}

impl Told {
    fn say(&mut self, line: String) {
        self.count += 1;
        if self.lines.len() < DIFFERENCES_TOLD_MAX {
            self.lines.push(line);
        }
    }

    fn table(&mut self, name: &str, recorded: &Value, own: &Value) {
        let (a, b) = (&recorded[name], &own[name]);
        if a == b {
            return;
        }
        let rows = |value: &Value| ["slots", "rows"].iter().find_map(|key| value[key].as_array().cloned());
        match (rows(a).or(a.as_array().cloned()), rows(b).or(b.as_array().cloned())) {
            (Some(a), Some(b)) => {
                for at in 0..a.len().max(b.len()) {
                    let place =
                        format!("{name} row {at}{}", row_name(name, at, recorded, a.get(at).or(b.get(at))));
                    self.row(&place, row_of(a.get(at)), row_of(b.get(at)));
                }
                for key in keys(&recorded[name], &own[name]) {
                    if !DERIVED.contains(&key) && !["slots", "rows"].contains(&key) {
                        self.field(name, key, &recorded[name][key], &own[name][key]);
                    }
                }
            }
            _ => self.field(name, "", a, b),
        }
    }

    fn row(&mut self, place: &str, recorded: &Value, own: &Value) {
        match (recorded.is_null(), own.is_null()) {
            (true, true) => {}
            (true, false) => self.say(format!("{place}: is there in the replay, not in what was recorded")),
            (false, true) => self.say(format!("{place}: is missing in the replay")),
            (false, false) => self.field(place, "", recorded, own),
        }
    }

    fn field(&mut self, place: &str, path: &str, recorded: &Value, own: &Value) {
        if recorded == own {
            return;
        }
        if recorded.is_object() && own.is_object() {
            for key in keys(recorded, own) {
                if !DERIVED.contains(&key) {
                    let inner = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                    self.field(place, &inner, &recorded[key], &own[key]);
                }
            }
            return;
        }
        let what = if path.is_empty() { String::new() } else { format!("{path} ") };
        self.say(format!("{place}: {what}is {}, recorded was {}", shown(own), shown(recorded)));
    }
}

/// Keys of either of two objects, each once.
fn keys<'a>(a: &'a Value, b: &'a Value) -> Vec<&'a str> {
    let of = |value: &'a Value| value.as_object().into_iter().flat_map(|map| map.keys().map(String::as_str));
    let mut keys: Vec<&str> = of(a).chain(of(b)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The content of a slot.
fn row_of(slot: Option<&Value>) -> &Value {
    match slot {
        Some(Value::Object(map)) if map.contains_key("row") => &map["row"],
        Some(value) => value,
        None => &Value::Null,
    }
}

/// What people call a row, where they have a name for it.
fn row_name(table: &str, at: usize, state: &Value, row: Option<&Value>) -> String {
    match table {
        "lines" | "chutes" => {
            let id = state["plant"][table][at]["id"].as_str();
            id.map_or_else(String::new, |id| format!(" ({id})"))
        }
        "alarms" => {
            let code = row.and_then(|row| row["key"]["code"].as_str());
            code.map_or_else(String::new, |code| format!(" ({code})"))
        }
        "loads" | "ended" => {
            let key = &row_of(row)["key"];
            let number = |name: &str| key[name].as_u64();
            match (number("line"), number("plc_epoch"), number("item")) {
                (Some(line), Some(epoch), Some(item)) => format!(" (load {line}-{epoch}-{item})"),
                _ => String::new(),
            }
        }
        _ => String::new(),
    }
}

/// A value on one line; printable bytes as the code they are.
fn shown(value: &Value) -> String {
    let bytes: Option<Vec<u8>> = value.as_array().and_then(|items| {
        let byte = |item: &Value| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
        items.iter().map(byte).collect()
    });
    if let Some(bytes) = bytes.filter(|bytes| bytes.len() > 2 && bytes.iter().all(u8::is_ascii_graphic)) {
        return format!("`{}`", bytes.iter().map(|byte| char::from(*byte)).collect::<String>());
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn row_and_field_are_named() {
        let state = |closed: u32, label: &[u8], loads: Value| {
            json!({
                "plant": { "chutes": [{ "id": "order-1" }] },
                "chutes": { "slots": [{ "row": { "in_flight": closed, "lanes": [1] }, "hash": closed }] },
                "ended": { "first": 0, "rows": [{ "key": { "line": 0, "plc_epoch": 1, "item": 7 }, "label": label }] },
                "loads": { "slots": loads, "hash": 3 },
                "now": 5,
                "hash": 9,
            })
        };
        let recorded = state(2, b"A-17", json!([null, { "row": { "turns": 1 } }]));
        let own = state(3, b"A-18", json!([{ "row": { "turns": 0 } }, null]));
        let mut told = Told::default();
        for name in keys(&recorded, &own) {
            if !DERIVED.contains(&name) && name != "plant" {
                told.table(name, &recorded, &own);
            }
        }
        assert_eq!(
            told.lines,
            [
                "chutes row 0 (order-1): in_flight is 3, recorded was 2",
                "ended row 0 (load 0-1-7): label is `A-18`, recorded was `A-17`",
                "loads row 0: is there in the replay, not in what was recorded",
                "loads row 1: is missing in the replay",
            ]
        );
    }
}
