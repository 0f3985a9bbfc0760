//! `wcs sim prove`: runs seeds in virtual time and says what does not hold. The proof itself stands in `wcs_sim`.

use wcs_sim::prove::{CHECKERS, Panel, ProofReport, RunPlan, RunSize, prove as prove_seeds};

use crate::arguments::{ProveOptions, SizeOption};
use crate::exit::Failure;
use crate::json_file::write_json;
use crate::kept_plans;
use crate::shown::Shown;

/// Seeds run when neither flag is given.
const SEEDS: u64 = 50;

pub(crate) fn prove(options: &ProveOptions, shown: Shown) -> Result<(), Failure> {
    let first = options.seed.unwrap_or(1);
    // `--seed` alone is one run, shown with everything that was drawn for it.
    let count = options.seeds.unwrap_or(if options.seed.is_some() { 1 } else { SEEDS });
    let end = first.checked_add(count).ok_or_else(|| Failure::bad_input("there are no seeds that large"))?;
    let panel = panel(options.without.as_deref())?;
    let size = match options.size {
        SizeOption::Full => RunSize::Full,
        SizeOption::Small => RunSize::Small,
    };
    if let Some(path) = &options.plan {
        return finish(&kept_plans::run(path, panel)?, options, panel, shown);
    }
    if count == 1 && shown == Shown::Lines {
        print_plan(first, size);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = prove_seeds(first..end, size, panel, threads, |_, report| {
        for failure in report.failures.iter().filter(|_| shown == Shown::Lines) {
            println!("{failure}");
        }
    });
    if let Some(folder) = &options.shrink {
        kept_plans::shrink_failures(&report, size, folder)?;
    }
    finish(&report, options, panel, shown)
}

fn finish(report: &ProofReport, options: &ProveOptions, panel: Panel, shown: Shown) -> Result<(), Failure> {
    if let Some(path) = &options.report {
        write_json(path, report)?;
    }
    match shown {
        Shown::Json => shown.print(report, String::new)?,
        Shown::Lines => print_gist(report, panel),
    }
    if report.ok {
        Ok(())
    } else if report.failures.is_empty() {
        Err(Failure::NotOk(format!("{} things were met too seldom", report.coverage_missing.len())))
    } else {
        Err(Failure::NotOk(format!("{} failures", report.failures.len())))
    }
}

fn panel(without: Option<&str>) -> Result<Panel, Failure> {
    let Some(name) = without else { return Ok(Panel::default()) };
    Panel::without(name).ok_or_else(|| {
        let names: Vec<&str> = CHECKERS.iter().map(|checker| checker.name).collect();
        Failure::bad_input(format!("there is no checker {name}; there are {}", names.join(", ")))
    })
}

fn print_plan(seed: u64, size: RunSize) {
    let plan = RunPlan::draw(seed, size);
    println!(
        "{} loads in {} groups, {} lanes, {} loads/h, {} outages",
        plan.groups.load_count(),
        plan.groups.groups.len(),
        plan.setup.lanes.len(),
        plan.setup.feed_per_hour,
        plan.outages.len()
    );
    println!("{} questions of people", plan.meddling.script.len());
    for outage in &plan.outages {
        println!(
            "{} at {} ms for {} ms, clock set by {} ms",
            outage.kind.name(),
            outage.at.as_millis(),
            outage.down.as_millis(),
            outage.clock_ms
        );
    }
    print!("{}", plan.fault_text);
}

fn print_gist(report: &ProofReport, panel: Panel) {
    println!("{} seeds, {} loads, {} outages", report.seeds, report.loads, report.crashes);
    let found = &report.recoveries;
    println!("journals found: {} torn, {} sealed, {} clean", found.torn, found.sealed, found.clean);
    for (kind, figures) in &report.faults {
        println!("fault {kind}: {} planned, {} applied", figures.planned, figures.applied);
    }
    for checker in panel.checkers() {
        let checked = report.checks.get(checker.name).copied().unwrap_or(0);
        let broken = report.failures.iter().filter(|failure| failure.checker == checker.name).count();
        println!("{}: {checked} checked, {broken} broken ({})", checker.name, checker.demand);
    }
    print_coverage(report);
    println!("{}", if report.ok { "ok" } else { "NOT OK" });
}

fn print_coverage(report: &ProofReport) {
    let asked = report.coverage.counters().values().filter(|counter| counter.demand > 0).count();
    println!("coverage: {} of {asked} counters at their demand", asked - report.coverage_missing.len());
    for missing in &report.coverage_missing {
        println!("too seldom: {missing}");
    }
    if !report.is_coverage_judged {
        println!("coverage is stated and not judged: the series is short of 200 seeds");
    }
}
