//! The acceptance line of the mutations: every way of breaking the product is caught within fifty seeds.

use super::lines::program;
use super::{Check, Line, Work};

pub(super) fn lines() -> [Line; 1] {
    let check: Check = Box::new(|ran| {
        let printed = &ran[0].must_succeed()?.printed;
        let last = printed.lines().next_back().unwrap_or_default();
        if last.contains("mutations caught") { Ok(last.to_owned()) } else { Err("no table came".to_owned()) }
    });
    [Line {
        name: "mutations".to_owned(),
        shows: "each way of breaking the product on purpose is caught within 50 seeds, and none is found without",
        work: Work::Commands(vec![program(&["cargo", "xtask", "mutate"])], check),
    }]
}
