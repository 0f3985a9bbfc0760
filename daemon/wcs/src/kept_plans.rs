//! Plans that are kept as files: running one, and writing what is left of seeds that failed. The search for what can
//! be left out stands in `wcs_sim`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wcs_sim::prove::{Panel, PlanFile, ProofReport, RunPlan, RunSize, prove_plan, shrink};

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
    let named = |error: std::io::Error| Failure::bad_input(format!("{}: {error}", folder.display()));
    let mut seeds = BTreeSet::new();
    for failure in &report.failures {
        if seeds.len() >= SEEDS_MAX || !seeds.insert(failure.seed) {
            continue;
        }
        let shrunk = shrink(RunPlan::draw(failure.seed, size), &failure.checker, RUNS_MAX);
        // What is left fails by the same checker, mostly with another load at another instant: the note says which.
        let found = prove_plan(&shrunk.plan, Panel::default()).failures;
        let found = found.into_iter().find(|found| found.checker == failure.checker);
        let note = found.map_or_else(|| failure.what.clone(), |found| found.what);
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
