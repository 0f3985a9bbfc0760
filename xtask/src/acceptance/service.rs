//! Lines about orders and batches over HTTP: whole tests of `tests/`, run at full size. What they tell while they run is
//! the figure of the line.

use super::Line;
use super::fencing::{Target, line_of};

const TARGETS: [Target; 7] = [
    Target {
        name: "walkthrough",
        shows: "the walk-through of the README with curl works as printed, from import to results and why",
        target: "walkthrough",
        tests: 1,
        tells: &["walk-through: "],
    },
    Target {
        name: "front-door",
        shows: "a real day through HTTP gives the table of virtual time; its results, summed by Python, are the file",
        target: "front_door",
        tests: 2,
        tells: &["front door: ", "summed by Python: "],
    },
    Target {
        name: "store-locked",
        shows: "the store locked for 90 s at speed 5: sorting never pauses, catch-up at 15 times the arrival rate",
        target: "store_locked",
        tests: 1,
        tells: &["largest gap", "catch-up of", "store locked with"],
    },
    Target {
        name: "store-kills",
        shows: "50 kills during imports, starts and closes: nothing acknowledged is lost or doubled, rebuild is equal",
        target: "store_kills",
        tests: 1,
        tells: &[" kills between store and core: "],
    },
    Target {
        name: "two-sorters",
        shows: "two sorters and three batches, one line stopped, one PLC dead: the others go on",
        target: "two_sorters",
        tests: 2,
        tells: &["two sorters: "],
    },
    Target {
        name: "stop-orderly",
        shows: "SIGTERM during imports and sorting: not ready first, and everything acknowledged is there",
        target: "stop_orderly",
        tests: 1,
        tells: &["stopped in an orderly way: "],
    },
    Target {
        name: "why",
        shows: "why for a mis-read, a recirculated, three late and a hand-sorted load, an order and a job: golden chains \
                alike with the store up, locked, never opened, and from the journal alone",
        target: "why",
        tests: 1,
        tells: &["why: "],
    },
];

/// The lines, in the order they run.
pub(super) fn lines() -> impl Iterator<Item = Line> {
    TARGETS.iter().map(line_of)
}
