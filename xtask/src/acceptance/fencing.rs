//! Lines about who commands a sorter, and about its other side made by others: whole tests of `tests/`, run at full
//! size. What they tell while they run is the figure of the line.

use super::lines::{passed_tests, program};
use super::{Check, Line, Work};

/// A test target that is run whole.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) shows: &'static str,
    pub(super) target: &'static str,
    /// Tests in it; fewer means that one was lost.
    pub(super) tests: u64,
    /// What the lines to show have in them.
    pub(super) tells: &'static [&'static str],
}

const TARGETS: [Target; 3] = [
    Target {
        name: "fencing",
        shows: "an owner that was paused, replaced, doubled or out of time changes nothing and exits with 4",
        target: "fencing",
        tests: 7,
        tells: &["refused with 7", "gave way"],
    },
    Target {
        name: "second-plc",
        shows: "10 000 loads with a PLC in Python: restarts of both sides, a wrap, torn slots, difference 0",
        target: "second_plc",
        tests: 2,
        tells: &["second PLC:", "ledger_difference 0"],
    },
    Target {
        name: "recorded-image",
        shows: "a server on libmodbus holding a recorded register image is decoded to what was recorded",
        target: "recorded_image",
        tests: 1,
        tells: &["recorded events"],
    },
];

/// The lines, in the order they run.
pub(super) fn lines() -> impl Iterator<Item = Line> {
    TARGETS.iter().map(line_of)
}

/// The line that runs a target.
pub(super) fn line_of(target: &'static Target) -> Line {
    let check: Check = Box::new(|ran| {
        let printed = &ran[0].must_succeed()?.printed;
        let passed = passed_tests(printed);
        if passed < target.tests {
            return Err(format!("{passed} tests passed, there are {}", target.tests));
        }
        let told = told(printed, target.tells);
        Ok(if told.is_empty() { format!("{passed} tests passed") } else { told.join("; ") })
    });
    let words =
        ["env", "WCS_FULL_SIZE=1", "cargo", "test", "--package", "wcs-tests", "--test", target.target];
    Line {
        name: target.name.to_owned(),
        shows: target.shows,
        work: Work::Commands(vec![program(&words)], check),
    }
}

/// Lines that tell a figure, without the name of the test that the harness may have put in front.
fn told<'a>(printed: &'a str, tells: &[&str]) -> Vec<&'a str> {
    let lines = printed.lines().filter(|line| tells.iter().any(|part| line.contains(part)));
    lines.map(|line| line.rsplit_once(" ... ").map_or(line, |(_, figure)| figure)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_the_name_of_the_test() {
        let printed = "test a ... 1 block was refused with 7\nok\n2 blocks were refused with 7\nother";
        assert_eq!(
            told(printed, &["refused with 7"]),
            ["1 block was refused with 7", "2 blocks were refused with 7"]
        );
    }
}
