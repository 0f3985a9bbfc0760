//! `cargo xtask bench`: measures the numbers of the design and compares each with its bar. This file holds the frame:
//! the interleaved rounds, the printed machine state, the last line. The numbers stand in `bench/`, listed by `numbers.rs`; an arm
//! of a number is a run of the measuring program (`daemon/wcs/examples/numbers`) that writes its figures, and how a
//! thing is measured is told there.

mod alarms;
mod core_step;
mod following;
mod numbers;
mod service;
mod virtual_time;
mod wire;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::{Workspace, cargo_command};
use numbers::numbers;

/// One arm of a comparison: a run of the measuring program that writes its figures.
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    /// Arguments of the measuring program.
    pub(crate) arguments: &'static [&'static str],
}

/// One number of the design: its arms, and the bars its figures are held against.
pub(crate) struct Number {
    pub(crate) name: &'static str,
    pub(crate) arms: &'static [Arm],
    pub(crate) judge: fn(&[Round]) -> Judgement,
}

/// What came of one number.
#[derive(Default)]
pub(crate) struct Judgement {
    pub(crate) bars: Vec<Bar>,
    /// What else the reader has to know: the split, what else was counted.
    pub(crate) notes: Vec<String>,
}

/// One figure beside its bar.
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) comparison: Comparison,
    pub(crate) bar: f64,
    pub(crate) unit: &'static str,
    /// What is known of the reason where the figure falls short.
    pub(crate) why_short: Option<&'static str>,
}

/// How a figure has to stand to its bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    AtMost,
    AtLeast,
}

impl Bar {
    pub(crate) fn at_most(what: impl Into<String>, figure: f64, bar: f64, unit: &'static str) -> Self {
        Self { what: what.into(), figure, comparison: Comparison::AtMost, bar, unit, why_short: None }
    }

    pub(crate) fn at_least(what: impl Into<String>, figure: f64, bar: f64, unit: &'static str) -> Self {
        Self { what: what.into(), figure, comparison: Comparison::AtLeast, bar, unit, why_short: None }
    }

    /// The same bar with the known reason for falling short of it.
    pub(crate) fn short_because(self, why: &'static str) -> Self {
        Self { why_short: Some(why), ..self }
    }

    /// A figure that is not a number holds no bar.
    pub(crate) fn holds(&self) -> bool {
        match self.comparison {
            Comparison::AtMost => self.figure <= self.bar,
            Comparison::AtLeast => self.figure >= self.bar,
        }
    }

    fn line(&self) -> String {
        let sign = match self.comparison {
            Comparison::AtMost => "<=",
            Comparison::AtLeast => ">=",
        };
        let verdict = if self.holds() { "pass" } else { "short" };
        let Self { what, figure, bar, unit, .. } = self;
        format!("  {what:<58} {figure:>10.2} {unit:<2} {sign} {bar:>8.2} {unit:<2}  {verdict}")
    }
}

/// Figures of one round, in the order of the arms.
pub(crate) struct Round {
    pub(crate) figures: Vec<Figures>,
}

/// The figures an arm wrote.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(serde_json::Value);

impl Figures {
    /// A figure by its place, such as `/scan_ns/p50`. A missing one is not a number, and with that no bar holds.
    pub(crate) fn value(&self, place: &str) -> f64 {
        self.0.pointer(place).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN)
    }
}

/// The middle over the rounds of a figure of one arm: one slow minute of the machine does not decide.
pub(crate) fn middle(rounds: &[Round], arm: usize, place: &str) -> f64 {
    median(rounds.iter().map(|round| round.figures[arm].value(place)))
}

/// The sum over the rounds of a figure of one arm.
pub(crate) fn total(rounds: &[Round], arm: usize, place: &str) -> f64 {
    rounds.iter().fold(0.0, |sum, round| sum + round.figures[arm].value(place))
}

/// The largest over the rounds of a figure of one arm; not a number when one of them is none.
pub(crate) fn largest(rounds: &[Round], arm: usize, place: &str) -> f64 {
    extreme(rounds, arm, place, |a, b| a > b)
}

/// The smallest over the rounds of a figure of one arm; not a number when one of them is none.
pub(crate) fn smallest(rounds: &[Round], arm: usize, place: &str) -> f64 {
    extreme(rounds, arm, place, |a, b| a < b)
}

fn extreme(rounds: &[Round], arm: usize, place: &str, wins: fn(f64, f64) -> bool) -> f64 {
    let values = rounds.iter().map(|round| round.figures[arm].value(place));
    values
        .reduce(|kept, value| if value.is_nan() || wins(value, kept) { value } else { kept })
        .unwrap_or(f64::NAN)
}

/// The middle of `values`; not a number when one of them is none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    if sorted.is_empty() || sorted.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Measures every number whose name starts with `name`; true when all bars hold.
pub(crate) fn run(workspace: &Workspace, name: Option<&str>, rounds: u32) -> Result<bool> {
    let chosen: Vec<&Number> =
        numbers().filter(|number| name.is_none_or(|name| number.name.starts_with(name))).collect();
    if chosen.is_empty() || rounds == 0 {
        bail!("no number to measure; there are: {}", names());
    }
    build(workspace)?;
    let (mut bars, mut held) = (0, 0);
    for number in &chosen {
        println!("\n== {}: {rounds} rounds; {}", number.name, machine_state());
        let measured = measure(workspace, number, rounds)?;
        let judgement = (number.judge)(&measured);
        for bar in &judgement.bars {
            println!("{}", bar.line());
            if let (false, Some(why)) = (bar.holds(), bar.why_short) {
                println!("    {why}");
            }
            bars += 1;
            held += usize::from(bar.holds());
        }
        for note in &judgement.notes {
            println!("  {note}");
        }
    }
    println!("\n{}", machine_state());
    println!("{held} of {bars} bars hold");
    Ok(held == bars)
}

/// Builds the measuring program, and the binary too: one number kills and starts it.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let build = ["build", "--release", "--package", "wcs", "--bins", "--example", "numbers"];
    let built = cargo_command(workspace, &build).status().context("cargo cannot be started")?;
    if !built.success() {
        bail!("the release build failed");
    }
    Ok(())
}

fn names() -> String {
    numbers().map(|number| number.name).collect::<Vec<_>>().join(", ")
}

/// Rounds are interleaved over the arms, so that a slow minute of the machine hits all of them.
fn measure(workspace: &Workspace, number: &Number, rounds: u32) -> Result<Vec<Round>> {
    (1..=rounds)
        .map(|round| {
            let figures = number.arms.iter().map(|arm| measure_arm(workspace, number.name, arm, round));
            Ok(Round { figures: figures.collect::<Result<_>>()? })
        })
        .collect()
}

fn measure_arm(workspace: &Workspace, number: &str, arm: &Arm, round: u32) -> Result<Figures> {
    let folder: PathBuf = workspace.metadata.target_directory.join("bench").join(number);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let report = folder.join(format!("{}-{round}.json", arm.name));
    let program = workspace.metadata.target_directory.join("release").join("examples").join("numbers");
    run_measuring(&program, arm.arguments, &report)
        .with_context(|| format!("{number}, arm {}", arm.name))
        .map(Figures)
}

/// Runs the measuring program; gives the figures it wrote to `report`.
pub(crate) fn run_measuring(
    program: &Path,
    arguments: &[impl AsRef<OsStr>],
    report: &Path,
) -> Result<serde_json::Value> {
    let status = Command::new(program)
        .args(arguments)
        .arg("--report")
        .arg(report)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    if !status.success() {
        bail!("ended with {status}");
    }
    let text = fs::read_to_string(report).with_context(|| report.display().to_string())?;
    serde_json::from_str(&text).with_context(|| report.display().to_string())
}

/// Load average and processors, printed with every result.
fn machine_state() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{processors} processors, load average {}", load.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(values: &[f64]) -> Round {
        let figures = values.iter().map(|value| Figures(serde_json::json!({ "us": { "p50": value } })));
        Round { figures: figures.collect() }
    }

    #[test]
    fn one_slow_round_does_not_decide() {
        let rounds = [round(&[5.0, 50.0]), round(&[900.0, 51.0]), round(&[6.0, 52.0])];
        assert_eq!(middle(&rounds, 0, "/us/p50"), 6.0);
        assert_eq!(middle(&rounds, 1, "/us/p50"), 51.0);
        assert_eq!(total(&rounds, 1, "/us/p50"), 153.0);
    }

    #[test]
    fn a_missing_figure_holds_no_bar() {
        let rounds = [round(&[5.0]), round(&[6.0])];
        let missing = middle(&rounds, 0, "/us/p99");
        assert!(missing.is_nan());
        assert!(!Bar::at_most("latency", missing, 10.0, "us").holds());
        assert!(!Bar::at_least("factor", missing, 10.0, "x").holds());
        assert!(median(std::iter::empty()).is_nan());
        let half = [round(&[5.0]), Round { figures: vec![Figures(serde_json::json!({}))] }, round(&[6.0])];
        assert!(largest(&half, 0, "/us/p50").is_nan() && smallest(&half, 0, "/us/p50").is_nan());
        assert_eq!((largest(&rounds, 0, "/us/p50"), smallest(&rounds, 0, "/us/p50")), (6.0, 5.0));
    }

    #[test]
    fn a_line_shows_figure_bar_and_verdict() {
        let fast = Bar::at_most("scan step p50", 1.25, 2.0, "us").line();
        assert!(fast.contains("1.25 us <=     2.00 us  pass"), "{fast}");
        let slow = Bar::at_least("virtual time", 999.99, 1_000.0, "x").line();
        assert!(slow.ends_with("short"), "{slow}");
        assert!(Bar::at_most("on the bar", 2.0, 2.0, "us").holds());
    }
}
