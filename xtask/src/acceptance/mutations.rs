//! The acceptance lines of the mutations: every way of breaking the product is caught within fifty seeds, and every
//! checker is there for something.

use super::lines::program;
use super::{Check, Line, Work};

pub(super) fn lines() -> [Line; 2] {
    [
        Line {
            name: "mutations".to_owned(),
            shows: "each way of breaking the product on purpose is caught within 50 seeds, and none is found without",
            work: Work::Commands(vec![program(&["cargo", "xtask", "mutate"])], last_line("mutations caught")),
        },
        Line {
            name: "checkers".to_owned(),
            shows: "each checker notices a way of breaking the product that survives 50 seeds without it",
            work: Work::Commands(
                vec![program(&["cargo", "xtask", "mutate", "--checkers"])],
                last_line("checkers are needed"),
            ),
        },
    ]
}

/// The command succeeded, and its last line is the sum of the table.
fn last_line(words: &'static str) -> Check {
    Box::new(move |ran| {
        let printed = &ran[0].must_succeed()?.printed;
        let last = printed.lines().next_back().unwrap_or_default();
        if last.contains(words) { Ok(last.to_owned()) } else { Err("no table came".to_owned()) }
    })
}
