//! Proof by seeds: from each seed a whole run is drawn (plant, orders, faults, crashes of the daemon), run in virtual
//! time through the real stack, and held against a table of checkers. Everything follows from the seed: no clock, no
//! thread, no unordered map; the same seed twice gives the same bytes.
//!
//! ```text
//! seed -> RunPlan (course, fault_mix) -> trial (Stack with a bystander) -> Evidence -> CHECKERS -> ProofReport
//! ```

mod books;
mod checkers;
mod course;
mod evidence;
mod fault_mix;
mod lots;
mod plan_file;
mod reasons;
mod repeats;
mod resumed;
mod shape;
mod shrink;
mod stalls;
mod trial;
mod wide;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use books::Books;
pub use checkers::{CHECKERS, Checker, Finding, Panel};
pub use course::{Outage, OutageKind, RunPlan, RunSize};
pub use evidence::{Endings, Evidence, Takeover};
pub use lots::Lots;
pub use plan_file::{PlanFile, PlanFileError};
pub use reasons::Reasons;
pub use repeats::Repeats;
pub use shape::{Failure, FaultFigures, ProofReport, Recoveries, RunFigures};
pub use shrink::{Shrunk, shrink};

/// Name under which a run that broke off without a result is reported.
const NO_PANIC: &str = "no_panic";

/// Runs one seed and says what it showed.
pub fn prove_seed(seed: u64, size: RunSize, panel: Panel) -> ProofReport {
    prove_plan(&RunPlan::draw(seed, size), panel)
}

/// Runs one plan and says what it showed.
pub fn prove_plan(plan: &RunPlan, panel: Panel) -> ProofReport {
    let failure = |checker: &str, what| Failure::new(plan.seed, plan.size, checker, what);
    // A broken assertion ends its seed, not the series.
    let evidence = catch_unwind(AssertUnwindSafe(|| trial::run(plan)));
    let mut report = ProofReport { seeds: 1, ..ProofReport::default() };
    match evidence {
        Ok(evidence) => {
            report.add_evidence(plan.seed, &evidence);
            for checker in panel.checkers() {
                let finding = (checker.check)(&evidence);
                *report.checks.entry(checker.name.to_owned()).or_default() += finding.checked;
                report.failures.extend(finding.broken.map(|what| failure(checker.name, what)));
            }
        }
        Err(cause) => {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let what = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no words");
            report.failures.push(failure(NO_PANIC, what.to_owned()));
        }
    }
    report.ok = report.failures.is_empty();
    report
}

/// Runs seeds one after the other; `see` is shown each as it ends.
pub fn prove(
    seeds: impl Iterator<Item = u64>,
    size: RunSize,
    panel: Panel,
    mut see: impl FnMut(u64, &ProofReport),
) -> ProofReport {
    let mut whole = ProofReport { ok: true, ..ProofReport::default() };
    for seed in seeds {
        let report = prove_seed(seed, size, panel);
        see(seed, &report);
        whole.merge(report);
    }
    whole
}
