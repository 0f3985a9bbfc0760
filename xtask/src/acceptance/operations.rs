//! Lines about running the daemon as a service: who is told that it lives, where its threads run, what its unit lets
//! it do, and its journal as text.

use std::path::Path;

use super::fencing::{Target, line_of};
use super::lines::wcs;
use super::{Check, Line, Work};

const TARGETS: [Target; 3] = [
    Target {
        name: "watchdog",
        shows: "the core thread stopped alone stops the signs of life and the readiness; a watchdog kill costs nothing",
        target: "watchdog",
        tests: 4,
        tells: &["timed out ", "after the watchdog: ", "core stopped: "],
    },
    Target {
        name: "realtime",
        shows: "policy, CPUs and locked memory of the real threads are those of the site file",
        target: "realtime",
        tests: 4,
        tells: &["Task {", "locked:", "does not grant"],
    },
    Target {
        name: "service-unit",
        shows: "systemd knows every word of the unit, and little is left that the service could do",
        target: "service_unit",
        tests: 3,
        tells: &["exposure level"],
    },
];

/// The lines, in the order they run.
pub(super) fn lines(days: &Path) -> impl Iterator<Item = Line> {
    TARGETS.iter().map(line_of).chain([export(days)])
}

/// The journal of a real day as text: every record once, in order, and a range of it.
fn export(days: &Path) -> Line {
    let orders = days.join("2010-12-01.csv").display().to_string();
    let commands = vec![
        wcs(&["demo", "--virtual", "--orders", &orders, "--data", "data"], Some("report.json")),
        wcs(&["journal", "export", "data"], None),
        wcs(&["journal", "export", "data", "--from", "1000", "--to", "1999"], None),
    ];
    let check: Check = Box::new(|ran| {
        let records = ran[0].must_succeed()?.report()?.count("/journal/records")?;
        let whole: Vec<&str> = ran[1].must_succeed()?.printed.lines().collect();
        if whole.len() as u64 != records {
            return Err(format!("{} lines of {records} records", whole.len()));
        }
        for (number, line) in (1_u64..).zip(&whole) {
            let record: serde_json::Value =
                serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
            if record["seq"].as_u64() != Some(number) {
                return Err(format!("line {number} is record {}", record["seq"]));
            }
        }
        let part: Vec<&str> = ran[2].must_succeed()?.printed.lines().collect();
        if whole.get(999..1_999) != Some(&part) {
            return Err("records 1000 to 1999 are not those of the whole".to_owned());
        }
        Ok(format!("{records} records as lines of JSON"))
    });
    Line {
        name: "journal-export".to_owned(),
        shows: "the journal of a real day as JSON: every record once, in order, and any range",
        work: Work::Commands(commands, check),
    }
}
