//! `cargo xtask soak`: a month of shifts in virtual time and what memory did meanwhile. The month is lived by the measuring
//! program (`daemon/wcs/examples/numbers/soak.rs`); here its figures are judged: the slope of resident memory after day 2 by
//! least squares, with the 95 % confidence interval of the slope.
//!
//! The bound is one pointer (8 bytes) for each load. What is kept for a load and never let go is at least that much, and
//! nothing else comes as often as loads: a slope whose whole interval lies above it is a leak, below it nothing that is
//! kept by the load. A step of the allocator in one direction or the other only makes the interval wider.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::bench;
use crate::workspace::{Workspace, cargo_command};

/// Bytes for each load, above which memory grows with the loads.
const BYTES_PER_LOAD: f64 = 8.0;
const MIB: f64 = 1_048_576.0;
/// Days that are left out: tables, pools and caches fill to their bounds.
const FILLING: usize = 2;
/// Days from which on there is an interval at all.
const DAYS_MIN: u16 = 5;
/// Two-sided 95 % points of the t distribution, by degrees of freedom from 1; more degrees take the last.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// What is asked for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SoakOptions {
    /// Days.
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// Hours of plant time in a shift, at 40 000 loads an hour; 0 is a short one.
    #[arg(long, default_value_t = 1)]
    hours: u64,
    /// Bytes to lose on purpose with each load: the control, which must fail.
    #[arg(long, default_value_t = 0)]
    leak: usize,
    /// Short shifts with the program as tests are built; the slope is not judged.
    #[arg(long)]
    reduced: bool,
}

/// What the measuring program counted.
#[derive(Debug, Deserialize, Serialize)]
struct Month {
    days: u16,
    shift_hours: u64,
    records: u64,
    loads: u64,
    batches_ended: u64,
    shifts_closed: u64,
    restarts: u64,
    checkpoints: u64,
    leaked_bytes: u64,
    /// At the end of each day.
    resident_mib: Vec<f64>,
}

/// A slope with its interval, MiB a day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Slope {
    slope: f64,
    low: f64,
    high: f64,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    #[serde(flatten)]
    month: &'a Month,
    /// MiB a day after day 2, with its 95 % confidence interval.
    growth_mib_per_day: Slope,
    bound_mib_per_day: f64,
}

/// Lives through the month and judges it; true when memory does not grow with the loads.
pub(crate) fn run(workspace: &Workspace, options: &SoakOptions) -> Result<bool> {
    if options.reduced {
        return run_reduced(workspace);
    }
    bench::build(workspace)?;
    let program = workspace.metadata.target_directory.join("release").join("examples").join("numbers");
    let folder = workspace.metadata.target_directory.join("soak");
    let month = live(&program, options, &folder)?;
    let slope = slope_of(&month.resident_mib)?;
    let bound = month.loads as f64 / f64::from(month.days) * BYTES_PER_LOAD / MIB;
    let ok = slope.low <= bound;
    let report = Report { ok, month: &month, growth_mib_per_day: slope, bound_mib_per_day: bound };
    let text = serde_json::to_string_pretty(&report)?;
    println!("{text}");
    fs::write(folder.join("soak.json"), &text).context("target/soak/soak.json")?;
    println!("{}, bound {bound:.4}", sentence(&month, slope));
    Ok(ok)
}

/// A few days of short shifts with the program as tests are built: everything of a month is in them but the loads, which
/// are too few to tell a leak from a page of the allocator. The slope is not judged.
fn run_reduced(workspace: &Workspace) -> Result<bool> {
    let built = cargo_command(workspace, &["build", "--package", "wcs", "--example", "numbers"]).status();
    ensure!(built.context("cargo cannot be started")?.success(), "the measuring program cannot be built");
    let program = workspace.metadata.target_directory.join("debug").join("examples").join("numbers");
    let options = SoakOptions { days: 9, hours: 0, leak: 0, reduced: true };
    let month = live(&program, &options, &workspace.metadata.target_directory.join("soak-reduced"))?;
    println!("{}", sentence(&month, slope_of(&month.resident_mib)?));
    Ok(true)
}

fn live(program: &Path, options: &SoakOptions, folder: &Path) -> Result<Month> {
    if options.days < DAYS_MIN {
        bail!("a slope with an interval needs {DAYS_MIN} days");
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let (days, hours, leak) = (options.days.to_string(), options.hours.to_string(), options.leak.to_string());
    let arguments = ["soak", "--days", &days, "--hours", &hours, "--leak", &leak];
    let figures = bench::run_measuring(program, &arguments, &folder.join("month.json"))?;
    let month: Month = serde_json::from_value(figures).context("the figures of the month")?;
    let days = u64::from(options.days);
    ensure!(
        month.shifts_closed == days && month.resident_mib.len() as u64 == days,
        "a day is missing: {month:?}"
    );
    ensure!(month.restarts == (days - 1) / 7, "a restart is missing: {month:?}");
    ensure!(
        month.batches_ended >= days && month.checkpoints >= month.restarts,
        "no work was done: {month:?}"
    );
    ensure!(month.leaked_bytes == month.loads * options.leak as u64, "{month:?}");
    Ok(month)
}

fn sentence(month: &Month, slope: Slope) -> String {
    let Slope { slope, low, high } = slope;
    format!(
        "soak: {} days, {} loads, {} records, {} batches, {} shifts closed, {} restarts, {} checkpoints: memory {slope:+.4} \
         MiB/day after day {FILLING}, 95 % interval [{low:+.4}, {high:+.4}]",
        month.days,
        month.loads,
        month.records,
        month.batches_ended,
        month.shifts_closed,
        month.restarts,
        month.checkpoints,
    )
}

/// Least squares over the days after those in which things fill.
fn slope_of(days: &[f64]) -> Result<Slope> {
    let points: Vec<(f64, f64)> = (0_u32..).map(f64::from).zip(days.iter().copied()).skip(FILLING).collect();
    ensure!(points.len() >= 3, "three days after day {FILLING} at least");
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
    let rest = points.iter().map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum::<f64>();
    let freedom = points.len() - 2;
    let half = T95[freedom.min(T95.len()) - 1] * (rest / freedom as f64 / spread).sqrt();
    Ok(Slope { slope, low: slope - half, high: slope + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_and_interval_are_those_of_the_textbook() {
        // x 2 to 6, y 1 2 1.3 3.75 2.25: slope 0.425, standard error 0.3050, t(3) 3.182.
        let found = slope_of(&[50.0, 7.0, 1.0, 2.0, 1.3, 3.75, 2.25]).unwrap();
        assert!((found.slope - 0.425).abs() < 1e-9, "{found:?}");
        assert!((found.high - found.slope - 0.9705).abs() < 1e-3, "{found:?}");
        assert!((found.slope - found.low - 0.9705).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn days_in_which_things_fill_do_not_count() {
        let flat = slope_of(&[1.0, 80.0, 90.0, 90.0, 90.0, 90.0]).unwrap();
        assert_eq!(flat, Slope { slope: 0.0, low: 0.0, high: 0.0 });
        assert!(slope_of(&[1.0, 2.0, 3.0, 4.0]).is_err());
    }

    #[test]
    fn a_step_is_no_leak_and_a_leak_is_one() {
        let bound = 40_000.0 * BYTES_PER_LOAD / MIB;
        let step: Vec<f64> = (0..30).map(|day| if day < 16 { 128.7 } else { 129.3 }).collect();
        assert!(slope_of(&step).unwrap().low < bound);
        let leak = |bytes: f64| -> Vec<f64> {
            (0..30)
                .map(|day| 128.0 + f64::from(day) * 40_000.0 * bytes / MIB + f64::from(day % 3) * 0.2)
                .collect()
        };
        assert!(slope_of(&leak(16.0)).unwrap().low > bound);
        assert!(slope_of(&leak(1.0)).unwrap().low < bound);
    }
}
