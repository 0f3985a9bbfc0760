//! Lines about long runs in virtual time: a day without faults, and a month of shifts with its memory.

use super::lines::program;
use super::{Check, Line, Ran, Work};

/// The lines, in the order they run.
pub(super) fn lines() -> [Line; 2] {
    let day: Check = Box::new(|ran| {
        let printed = &ran[0].must_succeed()?.printed;
        let of = |what: &str| {
            let line = printed.lines().find(|line| line.trim_start().starts_with(what));
            line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .ok_or_else(|| format!("no {what}"))
        };
        Ok(format!("{}; {}; {}", of("plant time")?, of("hours of")?, of("mis-sorts")?))
    });
    let month: Check = Box::new(|ran| {
        let found = told(ran[0].must_succeed()?)?;
        // The control: what loses a little with each load must not pass.
        match ran[1].exit {
            Some(1) => Ok(format!("{found}; with 64 bytes lost for each load it fails: {}", told(&ran[1])?)),
            other => Err(format!("a leak on purpose ended with {other:?}")),
        }
    });
    [
        Line {
            name: "virtual-day".to_owned(),
            shows: "24 h at 400 chutes and 40 000 loads/h on one core: no mis-sort, at least 1 000 times real time",
            work: Work::Commands(
                vec![program(&["cargo", "xtask", "bench", "virtual-time", "--rounds", "1"])],
                day,
            ),
        },
        Line {
            name: "soak".to_owned(),
            shows: "a month of shifts with restarts: memory does not grow with the loads, and a leak is found",
            work: Work::Commands(
                vec![
                    program(&["cargo", "xtask", "soak"]),
                    program(&["cargo", "xtask", "soak", "--days", "10", "--leak", "64"]),
                ],
                month,
            ),
        },
    ]
}

fn told(ran: &Ran) -> Result<&str, String> {
    ran.printed.lines().find(|line| line.starts_with("soak: ")).ok_or_else(|| "it told nothing".to_owned())
}
