//! Lines about crashes and failing disks. Each is a whole-daemon test at full size: the test is in
//! `tests/tests/crash_*.rs` and says in one sentence what it came to.

use super::outcome::Ran;
use super::{Check, Invocation, Line, Work};

/// One test that is run at full size.
struct Crash {
    name: &'static str,
    target: &'static str,
    shows: &'static str,
    /// Words of the line of output that holds the figure.
    figure: &'static str,
}

const CRASHES: &[Crash] = &[
    Crash {
        name: "crash-kills",
        target: "crash_kills",
        shows: "300 kills of `wcs run` under load on real files: no acknowledged fact lost, none doubled",
        figure: " kills in ",
    },
    Crash {
        name: "crash-images",
        target: "crash_images",
        shows: "every state of the disk in which the power could go is recovered, 200 of them by the binary",
        figure: " images of ",
    },
    Crash {
        name: "crash-trace",
        target: "crash_trace",
        shows: "under strace no acknowledgement leaves before the sync and the directory sync that cover it",
        figure: " acknowledgements of ",
    },
    Crash {
        name: "crash-disk",
        target: "crash_disk",
        shows: "a full disk and a failing one: acknowledgements and permits stop, motion goes on, nothing is lost",
        figure: " pieces settled",
    },
    Crash {
        name: "flipped-bytes",
        target: "bad_journal",
        shows: "a flipped byte anywhere in a journal is named by `wcs replay`",
        figure: " flipped bytes of ",
    },
];

/// The lines.
pub(super) fn lines() -> Vec<Line> {
    CRASHES.iter().map(line).collect()
}

fn line(crash: &'static Crash) -> Line {
    let words =
        ["WCS_FULL_SIZE=1", "cargo", "test", "--release", "--package", "wcs-tests", "--test", crash.target];
    let arguments = words.iter().chain(&["--", "--nocapture"]).map(|word| (*word).to_owned()).collect();
    let invocation = Invocation { program: "env".to_owned(), arguments, report: None };
    let check: Check = Box::new(|ran: &[Ran]| figure_of(&ran[0].must_succeed()?.printed, crash.figure));
    Line { name: crash.name.to_owned(), shows: crash.shows, work: Work::Commands(vec![invocation], check) }
}

/// The sentence with the figure; a test that did not say it did not run.
fn figure_of(printed: &str, words: &str) -> Result<String, String> {
    let said = printed.lines().rev().find(|line| line.contains(words));
    said.map(str::to_owned).ok_or_else(|| format!("no test said a figure with `{words}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_is_the_last_sentence_with_the_words() {
        let printed = "running 1 test\n3 kills in 1 shifts\n300 kills in 7 shifts: difference 0\ntest ok";
        assert_eq!(figure_of(printed, " kills in "), Ok("300 kills in 7 shifts: difference 0".to_owned()));
        assert!(figure_of("test result: ok. 0 passed", " kills in ").is_err());
    }
}
