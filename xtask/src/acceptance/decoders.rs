//! Lines about what comes from outside: every decoder against spoilt inputs with fresh seeds, and our lock-free code in
//! every order in which threads can meet.

use super::lines::{passed_tests, program};
use super::{Check, Line, Work};

/// Decoders there are at least.
const DECODERS_MIN: usize = 17;

/// The lines, in the order they run.
pub(super) fn lines() -> [Line; 2] {
    let decoders = Line {
        name: "decoders".to_owned(),
        shows: "every decoder takes or refuses spoilt inputs of fresh seeds for 10 s each: no panic, bounded, with a place",
        work: Work::Commands(vec![program(&["cargo", "xtask", "fuzz", "--for", "10s"])], tried()),
    };
    let interleavings = Line {
        name: "interleavings".to_owned(),
        shows: "our lock-free code holds in every order in which its threads can meet",
        work: Work::Commands(vec![program(&["cargo", "xtask", "loom"])], held()),
    };
    [decoders, interleavings]
}

/// Each decoder told what was tried on it; the figure is the sum.
fn tried() -> Check {
    Box::new(|ran| {
        let printed = &ran[0].must_succeed()?.printed;
        let told: Vec<u64> = printed.lines().filter_map(inputs_of).collect();
        if told.len() < DECODERS_MIN {
            return Err(format!("{} decoders told what was tried, there are {DECODERS_MIN}", told.len()));
        }
        Ok(format!("{} decoders, {} inputs, nothing found", told.len(), told.iter().sum::<u64>()))
    })
}

/// The number in `decoder NAME NUMBER inputs, ...`.
fn inputs_of(line: &str) -> Option<u64> {
    let mut words = line.strip_prefix("decoder ")?.split_whitespace().skip(1);
    let number = words.next()?.parse().ok()?;
    (words.next()? == "inputs,").then_some(number)
}

fn held() -> Check {
    Box::new(|ran| match passed_tests(&ran[0].must_succeed()?.printed) {
        0 => Err("no test ran".to_owned()),
        passed => Ok(format!("{passed} models hold")),
    })
}
