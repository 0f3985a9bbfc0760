//! The acceptance line of the races: people cancel, add and close at random moments while loads are scanned.

use super::lines::{passed_tests, program};
use super::{Check, Line, Work};

pub(super) fn lines() -> [Line; 1] {
    let check: Check = Box::new(|ran| {
        let printed = &ran[0].must_succeed()?.printed;
        let told = printed.lines().find_map(|line| line.split_once("races: "));
        match (passed_tests(printed), told) {
            (passed, Some((_, figure))) if passed >= 2 => Ok(figure.to_owned()),
            (passed, _) => Err(format!("{passed} tests passed, there are 2")),
        }
    });
    let words =
        ["env", "WCS_FULL_SIZE=1", "cargo", "test", "--release", "--package", "wcs-sim", "--test", "races"];
    let command = program(&[&words[..], &["--", "--nocapture"]].concat());
    [Line {
        name: "races".to_owned(),
        shows: "10 000 interleavings of cancel, add and close with scans: one answer each, every piece accounted for",
        work: Work::Commands(vec![command], check),
    }]
}
