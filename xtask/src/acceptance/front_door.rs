//! Lines about what strangers send to the HTTP service: whole tests of `tests/`, run at full size.

use super::Line;
use super::fencing::{Target, line_of};

const TARGETS: [Target; 2] = [
    Target {
        name: "schemathesis",
        shows: "five minutes of requests made from the OpenAPI document: no 5xx, no answer against it, rebuild equal",
        target: "schemathesis",
        tests: 1,
        tells: &["schemathesis: ", "a rebuild from "],
    },
    Target {
        name: "http-bad-input",
        shows: "too large, too slow, too deep, torn and injected requests are turned away; nothing of them is stored",
        target: "http_bad_input",
        tests: 5,
        tells: &["such bodies at once"],
    },
];

/// The lines, in the order they run.
pub(super) fn lines() -> impl Iterator<Item = Line> {
    TARGETS.iter().map(line_of)
}
