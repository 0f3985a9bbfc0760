//! Lines about what follows the journal: kept journals of every version, and checkpoints of a whole daemon. Whole test
//! targets; what they tell while they run is the figure of the line.

use super::lines::{passed_tests, program};
use super::{Check, Line, Work};

/// Test targets that are run whole.
struct Targets {
    name: &'static str,
    shows: &'static str,
    words: &'static [&'static str],
    /// Tests in them; fewer means that one was lost.
    tests: u64,
    /// What the lines to show have in them.
    tells: &'static str,
}

const TARGETS: [Targets; 3] = [
    Targets {
        name: "corpus",
        shows: "kept journals of every version replay; starts from checkpoints come to the same state",
        words: &["--package", "wcs-engine", "--test", "corpus", "--test", "checkpoints"],
        tests: 12,
        tells: "corpus:",
    },
    Targets {
        name: "checkpoint-restart",
        shows: "a stop saves, the next start replays nothing; a flipped byte of a checkpoint is named by replay",
        words: &["--package", "wcs-tests", "--test", "checkpoint_restart"],
        tests: 2,
        tells: "checkpoints:",
    },
    Targets {
        name: "shadow",
        shows: "one chute less in the plant file: the shadow over a day lists the decisions that chose it, only those",
        words: &["--package", "wcs-tests", "--test", "shadow", "--", "--nocapture"],
        tests: 3,
        tells: "shadow:",
    },
];

/// The lines, in the order they run.
pub(super) fn lines() -> impl Iterator<Item = Line> {
    TARGETS.iter().map(|targets| {
        let check: Check = Box::new(|ran| {
            let printed = &ran[0].must_succeed()?.printed;
            let passed = passed_tests(printed);
            if passed < targets.tests {
                return Err(format!("{passed} tests passed, there are {}", targets.tests));
            }
            let told = printed.lines().filter_map(|line| line.split_once(targets.tells));
            let told: Vec<&str> = told.map(|(_, figure)| figure.trim()).collect();
            let figure = format!("{passed} tests passed");
            Ok(if told.is_empty() { figure } else { format!("{figure}; {}", told.join("; ")) })
        });
        let words = [&["env", "WCS_FULL_SIZE=1", "cargo", "test"][..], targets.words].concat();
        let work = Work::Commands(vec![program(&words)], check);
        Line { name: targets.name.to_owned(), shows: targets.shows, work }
    })
}
