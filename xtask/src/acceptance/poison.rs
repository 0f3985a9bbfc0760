//! Lines about our own failures: an input that breaks the core, and a process that stands still. Whole tests of
//! `tests/`; the first runs against a build that can be broken on purpose, in a target folder of its own.

use super::lines::{passed_tests, program};
use super::{Check, Line, Work};

/// The lines, in the order they run.
pub(super) fn lines() -> [Line; 2] {
    let build =
        ["--release", "--package", "wcs", "--features", "mutations", "--target-dir", "target/mutations"];
    let poisoned = Line {
        name: "poison".to_owned(),
        shows: "an event that breaks the core costs one load and two restarts, not a crash loop",
        work: Work::Commands(
            vec![
                program(&[&["cargo", "build"][..], &build[..]].concat()),
                test("poison", &["--features", "mutations"]),
            ],
            told("2 restarts"),
        ),
    };
    let stalled = Line {
        name: "self-stall".to_owned(),
        shows: "10 s SIGSTOP at 40 000 loads/h: of the daemon one self-alarm and late counted late; of the PLC one of its own",
        work: Work::Commands(vec![test("self_stall", &[])], told("self stall: ")),
    };
    [poisoned, stalled]
}

fn test(target: &str, more: &[&str]) -> super::Invocation {
    let words = ["env", "WCS_FULL_SIZE=1", "cargo", "test", "--package", "wcs-tests", "--test", target];
    program(&[&words[..], more, &["--", "--nocapture"]].concat())
}

/// The last command passed its tests; what it told about itself is the figure.
fn told(word: &'static str) -> Check {
    Box::new(move |ran| {
        let ran = ran.iter().map(super::Ran::must_succeed).collect::<Result<Vec<_>, _>>()?;
        let printed = ran.last().map_or("", |last| last.printed.as_str());
        match passed_tests(printed) {
            0 => Err("no test of this name ran".to_owned()),
            passed => {
                // The harness may have put the name of the test in front.
                let told = printed.lines().filter(|line| line.contains(word));
                let figures: Vec<&str> =
                    told.map(|line| line.rsplit_once(" ... ").map_or(line, |(_, figure)| figure)).collect();
                Ok(format!("{passed} tests passed: {}", figures.join("; ")))
            }
        }
    })
}
