//! `cargo xtask mutate`: breaks the product on purpose, one way after the other, and shows which checker of `wcs sim
//! prove` notices, and how many seeds that took. A mutation that survives every seed is a checker that is missing, or
//! a situation that is never drawn. The same build without a mutation must be clean on all those seeds.
//!
//! `cargo xtask mutate --checkers` is the other table: for each checker a mutation that nobody else notices, so that it
//! survives when that checker is left out. A checker without one would be there for nothing.

mod breakable;
mod witnesses;

use anyhow::{Result, bail};
use wcs_types::mutation::Mutation;

use self::breakable::{Breakable, Size, Verdict, two_at_a_time};
use self::witnesses::witness;
use crate::workspace::Workspace;

/// Seeds after which a mutation has survived.
const SEEDS_MAX: u64 = 50;
/// The label that is poison: the first line of the first order of most seeds.
const POISON_LABEL: &str = "600001/1";

/// Prints the mutations; always true.
pub(crate) fn list() -> bool {
    for (_, name, breaks) in Mutation::ALL {
        println!("{name:<24} {breaks}");
    }
    true
}

/// The mutation as `wcs --mutate` takes it.
fn argument(name: &str) -> String {
    if name == "poison" { format!("{name}:{POISON_LABEL}") } else { name.to_owned() }
}

/// Runs every mutation whose name starts with `name`; true when all are caught and nothing is found without one.
pub(crate) fn run(workspace: &Workspace, name: Option<&str>) -> Result<bool> {
    let chosen = Mutation::ALL.iter().filter(|(_, known, _)| name.is_none_or(|name| known.starts_with(name)));
    let chosen: Vec<_> = chosen.collect();
    if chosen.is_empty() {
        bail!("no mutation starts with this name; `cargo xtask mutate --list` shows them");
    }
    let breakable = Breakable::build(workspace)?;
    let clean = breakable.clean(Size::Full, SEEDS_MAX)?;
    println!("{:<24} {:<24} {:>5}  what is broken", "mutation", "caught by", "seeds");
    let first = clean.first_checker().unwrap_or("nothing");
    println!("{:<24} {first:<24} {SEEDS_MAX:>5}  nothing", "none");
    let found = two_at_a_time(&chosen, |(_, name, _)| breakable.first_seed(&argument(name), SEEDS_MAX));
    let mut caught = 0;
    for ((_, name, breaks), found) in chosen.iter().zip(found) {
        let found = found?;
        caught += usize::from(found.is_some());
        let (checker, seed) = found.unwrap_or_else(|| ("NOTHING: it survives".to_owned(), SEEDS_MAX));
        println!("{name:<24} {checker:<24} {seed:>5}  {breaks}");
    }
    println!(
        "{caught} of {} mutations caught, {}",
        chosen.len(),
        if clean.ok { "none clean" } else { "NOT CLEAN without one" }
    );
    Ok(clean.ok && caught == chosen.len())
}

/// Shows for every checker a mutation that only it notices; true when each has one.
pub(crate) fn check_checkers(workspace: &Workspace) -> Result<bool> {
    let breakable = Breakable::build(workspace)?;
    let clean = breakable.clean(Size::Small, SEEDS_MAX)?;
    let checkers: Vec<&str> = clean.checks.keys().map(String::as_str).collect();
    let shown = two_at_a_time(&checkers, |checker| match witness(checker) {
        Some((mutation, size)) => breakable.show_need(checker, &argument(mutation), size, SEEDS_MAX),
        None => Ok(Verdict::NoWitness),
    });
    println!("{:<24} {:<24} {:>5}  without it", "checker", "mutation only it notices", "seed");
    let mut needed = 0;
    for (checker, verdict) in checkers.iter().zip(shown) {
        let mutation = witness(checker).map_or("-", |(mutation, _)| mutation);
        let (seed, words) = match verdict? {
            Verdict::Needed { seed } => {
                needed += 1;
                (seed.to_string(), format!("survives {SEEDS_MAX} seeds"))
            }
            Verdict::Unnoticed => ("-".to_owned(), "NOT NOTICED with it".to_owned()),
            Verdict::NoticedBy { checker, seed } => (seed.to_string(), format!("NOTICED by {checker}")),
            Verdict::NoWitness => ("-".to_owned(), "NO MUTATION named".to_owned()),
        };
        println!("{checker:<24} {mutation:<24} {seed:>5}  {words}");
    }
    println!(
        "{needed} of {} checkers are needed, {}",
        checkers.len(),
        if clean.ok { "nothing found without a mutation" } else { "NOT CLEAN without a mutation" }
    );
    Ok(clean.ok && needed == checkers.len())
}
