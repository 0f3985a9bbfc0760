//! `cargo xtask mutate`: breaks the product on purpose, one way after the other, and shows which checker of `wcs sim
//! prove` notices, and how many seeds that took. A mutation that survives every seed is a checker that is missing, or
//! a situation that is never drawn. The same build without a mutation must be clean on all those seeds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use wcs_types::mutation::Mutation;

use crate::workspace::{Workspace, cargo_command};

/// Seeds after which a mutation has survived.
const SEEDS_MAX: u64 = 50;
/// The label that is poison: the first line of the first order of most seeds.
const POISON_LABEL: &str = "600001/1";

/// What is read of a report of `wcs sim prove`.
#[derive(Deserialize)]
struct Report {
    ok: bool,
    failures: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    checker: String,
}

/// A binary that can be broken, and a folder for its reports.
struct Breakable {
    binary: PathBuf,
    report: PathBuf,
}

/// Prints the mutations; always true.
pub(crate) fn list() -> bool {
    for (_, name, breaks) in Mutation::ALL {
        println!("{name:<24} {breaks}");
    }
    true
}

/// Runs every mutation whose name starts with `name`; true when all are caught and nothing is found without one.
pub(crate) fn run(workspace: &Workspace, name: Option<&str>) -> Result<bool> {
    let chosen = Mutation::ALL.iter().filter(|(_, known, _)| name.is_none_or(|name| known.starts_with(name)));
    let chosen: Vec<_> = chosen.collect();
    if chosen.is_empty() {
        bail!("no mutation starts with this name; `cargo xtask mutate --list` shows them");
    }
    let breakable = Breakable::build(workspace)?;
    let clean = breakable.prove(None, &["--seeds", &SEEDS_MAX.to_string()])?;
    let survivors = if clean.ok { 0 } else { chosen.len() };
    println!("{:<24} {:<24} {:>5}  what is broken", "mutation", "caught by", "seeds");
    let first = clean.failures.first().map_or("nothing", |failure| failure.checker.as_str());
    println!("{:<24} {first:<24} {SEEDS_MAX:>5}  nothing", "none");
    let mut caught = 0;
    for (mutation, name, breaks) in &chosen {
        let name =
            if *mutation == Mutation::Poison { format!("{name}:{POISON_LABEL}") } else { (*name).to_owned() };
        let found = breakable.first_seed(&name)?;
        caught += usize::from(found.is_some());
        let (checker, seed) = found.unwrap_or_else(|| ("NOTHING: it survives".to_owned(), SEEDS_MAX));
        println!("{name:<24} {checker:<24} {seed:>5}  {breaks}");
    }
    let is_good = survivors == 0 && caught == chosen.len();
    println!(
        "{caught} of {} mutations caught, {}",
        chosen.len(),
        if clean.ok { "none clean" } else { "NOT CLEAN without one" }
    );
    Ok(is_good)
}

impl Breakable {
    /// Builds into a folder of its own, so that the binary that is shipped is never one that can be broken.
    fn build(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.metadata.target_directory.join("mutations");
        let mut command =
            cargo_command(workspace, &["build", "--release", "--package", "wcs", "--features", "mutations"]);
        command.arg("--target-dir").arg(&folder);
        if !command.status().context("cargo cannot be started")?.success() {
            bail!("the build with mutations failed");
        }
        let breakable =
            Self { binary: folder.join("release").join("wcs"), report: folder.join("mutate-report.json") };
        let version = Command::new(&breakable.binary).arg("--version").output();
        let version = version.with_context(|| breakable.binary.display().to_string())?;
        if !String::from_utf8_lossy(&version.stdout).contains("mutations") {
            bail!("{} was built without mutations", breakable.binary.display());
        }
        Ok(breakable)
    }

    /// The checker that notices first, and the seed at which it does.
    fn first_seed(&self, mutation: &str) -> Result<Option<(String, u64)>> {
        for seed in 1..=SEEDS_MAX {
            let report = self.prove(Some(mutation), &["--seed", &seed.to_string()])?;
            if let Some(failure) = report.failures.into_iter().next() {
                return Ok(Some((failure.checker, seed)));
            }
        }
        Ok(None)
    }

    fn prove(&self, mutation: Option<&str>, seeds: &[&str]) -> Result<Report> {
        let mut command = Command::new(&self.binary);
        if let Some(mutation) = mutation {
            command.args(["--mutate", mutation]);
        }
        command.args(["sim", "prove"]).args(seeds).arg("--report").arg(&self.report);
        // What a broken run says on its way is of no interest; its report is.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env_remove("WCS_MUTATE");
        remove(&self.report)?;
        command.status().with_context(|| self.binary.display().to_string())?;
        let bytes = fs::read(&self.report).context("the proof wrote no report")?;
        serde_json::from_slice(&bytes).context("the report of the proof cannot be read")
    }
}

fn remove(report: &Path) -> Result<()> {
    match fs::remove_file(report) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| report.display().to_string())
        }
        _ => Ok(()),
    }
}
