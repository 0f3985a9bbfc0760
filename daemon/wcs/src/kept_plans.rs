//! Plans that are kept as files: running one, and writing what is left of seeds that failed. The search for what can
//! be left out stands in `wcs_sim`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wcs_sim::prove::{self, Panel, PlanFile, ProofReport, RunPlan, RunSize, prove_plan, shrink};

use crate::exit::Failure;

/// Seeds that are shrunk: further ones most likely fail for the same reason.
const SEEDS_MAX: usize = 4;
/// Runs spent on one of them.
const RUNS_MAX: u32 = 200;

/// Runs the plan of a file.
pub(crate) fn run(path: &Path, panel: Panel) -> Result<ProofReport, Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::bad_input(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| named(&error))?;
    let file = PlanFile::parse(&text).map_err(|error| named(&error))?;
    let plan = file.plan().map_err(|error| named(&error))?;
    println!("{}", file.note);
    let mut report = prove_plan(&plan, panel);
    for failure in &mut report.failures {
        failure.reproduce = format!("wcs sim prove --plan {}", path.display());
        println!("{failure}");
    }
    Ok(report)
}

/// Writes what is left of the first seeds that failed, one file for each, and says how to run it.
pub(crate) fn shrink_failures(report: &ProofReport, size: RunSize, folder: &Path) -> Result<(), Failure> {
    shrink_by(report, size, folder, &|plan| prove_plan(plan, Panel::default()).failures)
}

/// The same with another way to find what is wrong with a plan.
fn shrink_by(
    report: &ProofReport,
    size: RunSize,
    folder: &Path,
    find: &dyn Fn(&RunPlan) -> Vec<prove::Failure>,
) -> Result<(), Failure> {
    let named = |error: std::io::Error| Failure::bad_input(format!("{}: {error}", folder.display()));
    let mut seeds = BTreeSet::new();
    for failure in &report.failures {
        if seeds.len() >= SEEDS_MAX || !seeds.insert(failure.seed) {
            continue;
        }
        let find = |plan: &RunPlan| find(plan).into_iter().find(|found| found.checker == failure.checker);
        let shrunk = shrink(RunPlan::draw(failure.seed, size), RUNS_MAX, |plan| find(plan).is_some());
        // What is left fails by the same checker, mostly with another load at another instant: the note says which.
        let note = find(&shrunk.plan).map_or_else(|| failure.what.clone(), |found| found.what);
        let file = PlanFile::of(&shrunk.plan, &failure.checker, note);
        fs::create_dir_all(folder).map_err(named)?;
        let path = folder.join(format!("seed-{}-{}.toml", failure.seed, failure.checker));
        fs::write(&path, file.text()).map_err(named)?;
        println!(
            "seed {}: {}: {} loads, {} faults, {} outages are left after {} runs -- wcs sim prove --plan {}",
            failure.seed,
            failure.checker,
            shrunk.plan.groups.load_count(),
            shrunk.plan.faults.faults.len(),
            shrunk.plan.outages.len(),
            shrunk.runs,
            path.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKER: &str = "ledger";

    fn failure(seed: u64, checker: &str, what: String) -> prove::Failure {
        prove::Failure { seed, checker: checker.to_owned(), what, reproduce: String::new() }
    }

    /// What a plan fails by, in words that no other plan has.
    fn words(plan: &RunPlan) -> String {
        format!("load of {}, with {} faults", plan.groups.load_count(), plan.faults.faults.len())
    }

    #[test]
    fn the_note_tells_what_the_plan_that_is_left_fails_by() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = RunPlan::draw(7, RunSize::Small);
        // Two failures of one seed are one plan; another seed has its own.
        let failures = [(7, words(&drawn)), (7, "another load".to_owned()), (8, "of seed 8".to_owned())];
        let failures = failures.map(|(seed, what)| failure(seed, CHECKER, what));
        let report = ProofReport { failures: failures.to_vec(), ..ProofReport::default() };
        // Seed 8 does not fail again, so nothing can be left out of it.
        let find = |plan: &RunPlan| match plan.seed {
            7 => vec![failure(7, "answers", "not its checker".to_owned()), failure(7, CHECKER, words(plan))],
            _ => vec![failure(8, "answers", "not its checker".to_owned())],
        };
        shrink_by(&report, RunSize::Small, folder.path(), &find).unwrap();
        let read = |seed: u64| {
            let path = folder.path().join(format!("seed-{seed}-{CHECKER}.toml"));
            PlanFile::parse(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let kept = read(7);
        let left = kept.plan().unwrap();
        assert_eq!((kept.note, kept.checker.as_str()), (words(&left), CHECKER));
        assert_ne!(words(&left), words(&drawn), "something was left out");
        assert_eq!(read(8).note, "of seed 8");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
