//! Proof by seeds: from each seed a whole run is drawn (plant, orders, faults, crashes of the daemon), run in virtual
//! time through the real stack, and held against a table of checkers. Everything follows from the seed: no clock, no
//! unordered map, no thread inside of a run; the same seed twice gives the same bytes. Several seeds run side by side,
//! and their reports are joined in the order of the seeds.
//!
//! ```text
//! seed -> RunPlan (course, fault_mix, outages, meddling) -> trial (Stack with a bystander) -> Evidence
//!                                                        -> CHECKERS, coverage -> ProofReport
//! ```

mod account;
mod books;
mod checkers;
mod course;
mod coverage;
mod evidence;
mod fault_mix;
mod lots;
mod meddling;
mod outages;
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

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

pub use account::{Account, Sums};
pub use books::Books;
pub use checkers::{CHECKERS, Checker, Finding, Panel};
pub use course::{RunPlan, RunSize};
pub use coverage::{Counter, Coverage};
pub use evidence::{Endings, Evidence, Takeover};
pub use lots::Lots;
pub use meddling::Meddling;
pub use outages::{Outage, OutageKind};
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

/// Runs seeds on so many threads; `see` is shown each report in the order of the seeds. The joined report does not
/// depend on the number of threads.
pub fn prove(
    seeds: Range<u64>,
    size: RunSize,
    panel: Panel,
    threads: usize,
    mut see: impl FnMut(u64, &ProofReport),
) -> ProofReport {
    let mut whole = ProofReport::default();
    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        let (sender, reports) = mpsc::channel();
        for _ in 0..threads.max(1) {
            let (sender, next, end) = (sender.clone(), &next, seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // Nobody listens any more when the one who asked is gone.
                    if seed >= end || sender.send((seed, prove_seed(seed, size, panel))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = seeds.start;
        for (seed, report) in reports {
            waiting.insert(seed, report);
            while let Some(report) = waiting.remove(&due) {
                see(due, &report);
                whole.merge(report);
                due += 1;
            }
        }
    });
    whole.judge();
    whole
}
