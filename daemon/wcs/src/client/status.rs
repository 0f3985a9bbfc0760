//! `wcs status`: what a running daemon does now, on one page. 0 when it is ready, be it degraded; 1 when it is not, or
//! nobody answers.

use serde_json::{Value, json};

use crate::client::http::Service;
use crate::client::options::ServiceOptions;
use crate::exit::Failure;
use crate::shown::Shown;

/// Exceptions that are counted.
const EXCEPTIONS_MAX: usize = 500;

pub(super) fn status(options: &ServiceOptions, shown: Shown) -> Result<(), Failure> {
    let service = Service::at(&options.url)?;
    // Not ready is an answer with a body of its own.
    let ready = service.get("/health/ready")?;
    let (is_ready, ready) = (ready.status == 200, ready.json()?);
    let (lines, alarms) = (service.json("/api/lines")?, service.json("/api/alarms?headline=true")?);
    let exceptions = service.json(&format!("/api/exceptions?limit={EXCEPTIONS_MAX}"))?;
    let shifts = service.json("/api/shifts")?;
    let count = exceptions["items"].as_array().map_or(0, Vec::len);
    let document = json!({
        "url": service.base(),
        "ok": is_ready,
        "ready": ready,
        "shifts": shifts,
        "lines": lines["items"],
        "alarms": alarms["items"],
        "exceptions": { "count": count, "are_more": !exceptions["next_cursor"].is_null() },
    });
    shown.print(&document, || page(&document))?;
    if is_ready { Ok(()) } else { Err(Failure::not_ok("the daemon is not ready")) }
}

fn page(document: &Value) -> String {
    let ready = &document["ready"];
    let mut text = format!(
        "daemon: {} at {}, record {}, store reflects {}\n",
        word(&ready["status"]),
        word(&document["url"]),
        ready["durable"],
        ready["projected"].as_u64().map_or("nothing, it is not open".to_owned(), |seq| seq.to_string())
    );
    for part in list(&ready["parts"]).iter().filter(|part| part["status"] != "up") {
        text +=
            &format!("  {} is {}: {}\n", word(&part["part"]), word(&part["status"]), word(&part["cause"]));
    }
    text += &shift(&document["shifts"]);
    for line in list(&document["lines"]) {
        text += &line_lines(line);
    }
    for alarm in list(&document["alarms"]) {
        text += &alarm_line(alarm);
    }
    let exceptions = &document["exceptions"];
    let more = if exceptions["are_more"] == true { " or more" } else { "" };
    text + &format!(
        "alarms: {}, loads that wait for a person: {}{more}\n",
        list(&document["alarms"]).len(),
        exceptions["count"]
    )
}

fn shift(shifts: &Value) -> String {
    let current = &shifts["current"];
    let day = word(&shifts["business_day"]["date"]);
    if current.is_null() {
        let next = &shifts["next"];
        return format!(
            "shift: none; business day {day}; {} begins {}\n",
            word(&next["shift"]),
            word(&next["start"])
        );
    }
    let closed = if current["is_closed"] == true { ", closed" } else { "" };
    format!(
        "shift: {} until {}{closed}; business day {day}\n",
        word(&current["shift"]),
        word(&current["end"])
    )
}

fn line_lines(line: &Value) -> String {
    let mut words = vec![format!("link {}", word(&line["link"]["state"]))];
    words.extend(line["link"]["cause"].as_str().map(|cause| format!("({cause})")));
    words.push(format!("machine {}", word(&line["machine"]["state"])));
    words.push(if line["is_permitted"] == true { "fed" } else { "not fed" }.to_owned());
    if line["is_held"] == true {
        words.push("held by a person".to_owned());
    }
    let mut text = format!(
        "line {}: {}; {} loads on the belt",
        word(&line["id"]),
        words.join(" "),
        line["loads_on_belt"]
    );
    text += &format!(", {} sorted an hour\n", line["rates"]["sorted_per_hour"]);
    for batch in list(&line["batches"]) {
        text += &format!(
            "  batch {}: {}, {} of {} pieces, {} of {} orders\n",
            batch["core_id"],
            word(&batch["state"]),
            batch["done"],
            batch["planned"],
            batch["classes_complete"],
            batch["classes"]
        );
    }
    text
}

fn alarm_line(alarm: &Value) -> String {
    let mut text = format!("alarm {}", word(&alarm["code"]));
    for key in ["line", "chute"] {
        text += &alarm[key].as_str().map_or_else(String::new, |name| format!(", {key} {name}"));
    }
    if alarm["detail"].as_u64().is_some_and(|detail| detail != 0) {
        text += &format!(", number {}", alarm["detail"]);
    }
    if alarm["grouped"].as_u64().is_some_and(|grouped| grouped != 0) {
        text += &format!(", and {} more of the same cause", alarm["grouped"]);
    }
    format!(
        "{text}, {} since {}: {}\n",
        word(&alarm["state"]),
        word(&alarm["since"]),
        word(&alarm["action"]["en"])
    )
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_is_not_well() {
        let document = json!({
            "url": "http://127.0.0.1:9500",
            "ready": { "status": "degraded", "durable": 12, "projected": null, "parts": [
                { "part": "core", "status": "up", "cause": "" },
                { "part": "store", "status": "down", "cause": "locked" },
            ]},
            "shifts": { "business_day": { "date": "2026-11-25" }, "current": null,
                "next": { "shift": "late", "start": "2026-11-25T14:00:00Z" } },
            "lines": [{ "id": "s1", "link": { "state": "offline", "cause": "timeout" },
                "machine": { "state": "idle" }, "is_permitted": false, "is_held": true, "loads_on_belt": 3,
                "rates": { "sorted_per_hour": 9 }, "batches": [{ "core_id": 4, "state": "running", "done": 1,
                "planned": 7, "classes_complete": 0, "classes": 2 }] }],
            "alarms": [{ "code": "device", "line": "s1", "chute": null, "detail": 17,
                "state": "returned", "grouped": 3, "since": "2026-11-25T13:00:00Z", "action": { "en": "look" } }],
            "exceptions": { "count": 500, "are_more": true },
        });
        assert_eq!(
            page(&document),
            "daemon: degraded at http://127.0.0.1:9500, record 12, store reflects nothing, it is not open\n  \
             store is down: locked\n\
             shift: none; business day 2026-11-25; late begins 2026-11-25T14:00:00Z\n\
             line s1: link offline (timeout) machine idle not fed held by a person; 3 loads on the belt, 9 sorted an hour\n  \
             batch 4: running, 1 of 7 pieces, 0 of 2 orders\n\
             alarm device, line s1, number 17, and 3 more of the same cause, returned since 2026-11-25T13:00:00Z: look\n\
             alarms: 1, loads that wait for a person: 500 or more\n"
        );
    }
}
