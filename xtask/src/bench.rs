//! `cargo xtask bench`: measures the numbers of the design and compares each with its bar. This file holds
//! the frame: the table, the interleaved rounds, the printed machine state. An arm of a number is a run of the
//! binary that writes a report; what is measured, and how, belongs to the binary.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::{Workspace, cargo_command};

/// One arm of a comparison: a run of the release binary that writes its figures as a report.
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    /// Arguments of the release `wcs` binary.
    pub(crate) arguments: &'static [&'static str],
}

/// One number of the design with its bar.
pub(crate) struct Number {
    pub(crate) name: &'static str,
    /// The bar in words, as the design states it.
    pub(crate) bar: &'static str,
    pub(crate) arms: &'static [Arm],
    /// Judges the figures of all rounds: what came out in words, and whether the bar holds.
    pub(crate) judge: fn(&[Round]) -> (String, bool),
}

/// Figures of one round, in the order of the arms.
pub(crate) struct Round {
    pub(crate) figures: Vec<Figures>,
}

/// The report an arm wrote.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(serde_json::Value);

impl Figures {
    /// A figure by its place in the report, such as `/loads/missorted`. A missing one is not a number, and
    /// with that no bar holds.
    pub(crate) fn value(&self, place: &str) -> f64 {
        self.0.pointer(place).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN)
    }
}

/// The middle of `values`; not a number when one of them is none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    if sorted.is_empty() || sorted.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

const VIRTUAL: &[Arm] = &[Arm {
    name: "virtual",
    arguments: &["demo", "--virtual", "--speed", "4", "--chutes", "400", "--for", "86400s", "--seed", "1"],
}];

/// The numbers, in the order they run.
const NUMBERS: &[Number] = &[Number {
    name: "virtual-time",
    bar: "24 h at 40 000 loads/h x 400 chutes on one core, no mis-sort, >= 1 000 x real time",
    arms: VIRTUAL,
    judge: |rounds| {
        let of = |name: &'static str| rounds.iter().map(move |round| round.figures[0].value(name));
        let factor = median(of("/simulated_seconds").zip(of("/wall_seconds")).map(|(sim, wall)| sim / wall));
        let missorted = of("/loads/missorted").fold(0.0_f64, |sum, value| sum + value);
        (format!("{factor:.0} x real time, {missorted} mis-sorts"), factor >= 1_000.0 && missorted == 0.0)
    },
}];

/// Measures every number whose name starts with `name`; true when all bars hold.
pub(crate) fn run(workspace: &Workspace, name: Option<&str>, rounds: u32) -> Result<bool> {
    let chosen: Vec<&Number> =
        NUMBERS.iter().filter(|number| name.is_none_or(|name| number.name.starts_with(name))).collect();
    if chosen.is_empty() || rounds == 0 {
        bail!("no number to measure; there are: {}", names());
    }
    let built =
        cargo_command(workspace, &["build", "--release"]).status().context("cargo cannot be started")?;
    if !built.success() {
        bail!("the release build failed");
    }
    println!("{}", machine_state());
    let mut failed = 0;
    for number in &chosen {
        println!("\n== {}: {}", number.name, number.bar);
        let measured = measure(workspace, number, rounds)?;
        let (figure, holds) = (number.judge)(&measured);
        println!("{}: {figure}: {}", number.name, if holds { "pass" } else { "FAIL" });
        failed += usize::from(!holds);
    }
    println!("\n{}", machine_state());
    println!("{} of {} bars hold", chosen.len() - failed, chosen.len());
    Ok(failed == 0)
}

fn names() -> String {
    NUMBERS.iter().map(|number| number.name).collect::<Vec<_>>().join(", ")
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
    println!("$ wcs {} --report {}", arm.arguments.join(" "), workspace.relative(&report).display());
    let status = Command::new(workspace.binary())
        .args(arm.arguments)
        .arg("--report")
        .arg(&report)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{} cannot be started", workspace.binary().display()))?;
    if !status.success() {
        bail!("{number}, arm {}: ended with {status}", arm.name);
    }
    let text = fs::read_to_string(&report).with_context(|| report.display().to_string())?;
    serde_json::from_str(&text).with_context(|| report.display().to_string())
}

/// Load average and processors, printed with every result.
fn machine_state() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{processors} processors, load average {}", load.trim())
}
