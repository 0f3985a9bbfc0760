//! The binary that can be broken, and what its `sim prove` finds. Two processes run at a time: there is one core for
//! each on the smallest machine this is made for.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::{Workspace, cargo_command};

/// What is read of a report of `wcs sim prove`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Report {
    pub(super) ok: bool,
    pub(super) checks: BTreeMap<String, u64>,
    failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    seed: u64,
    checker: String,
}

impl Report {
    pub(super) fn first_checker(&self) -> Option<&str> {
        self.failures.first().map(|failure| failure.checker.as_str())
    }
}

/// How large the runs are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Size {
    Full,
    Small,
}

/// Whether a checker is there for something.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It notices at this seed, and nobody else at any.
    Needed {
        seed: u64,
    },
    /// It does not notice either.
    Unnoticed,
    /// Without it, this one notices.
    NoticedBy {
        checker: String,
        seed: u64,
    },
    NoWitness,
}

/// A binary that can be broken, and a folder for its reports.
pub(super) struct Breakable {
    binary: PathBuf,
    folder: PathBuf,
    reports: AtomicUsize,
}

impl Breakable {
    /// Builds into a folder of its own, so that the binary that is shipped is never one that can be broken.
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.metadata.target_directory.join("mutations");
        let mut command =
            cargo_command(workspace, &["build", "--release", "--package", "wcs", "--features", "mutations"]);
        command.arg("--target-dir").arg(&folder);
        if !command.status().context("cargo cannot be started")?.success() {
            bail!("the build with mutations failed");
        }
        let binary = folder.join("release").join("wcs");
        let version = Command::new(&binary).arg("--version").output();
        let version = version.with_context(|| binary.display().to_string())?;
        if !String::from_utf8_lossy(&version.stdout).contains("mutations") {
            bail!("{} was built without mutations", binary.display());
        }
        let folder = folder.join("reports");
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self { binary, folder, reports: AtomicUsize::new(0) })
    }

    /// What is found when nothing is broken.
    pub(super) fn clean(&self, size: Size, seeds: u64) -> Result<Report> {
        let first_half = seeds / 2;
        let halves = [(1, first_half), (first_half + 1, seeds - first_half)];
        let mut whole = Report { ok: true, ..Report::default() };
        for half in two_at_a_time(&halves, |(first, count)| self.prove(None, size, &[], *first, *count)) {
            let half = half?;
            whole.ok &= half.ok;
            whole.checks.extend(half.checks);
            whole.failures.extend(half.failures);
        }
        Ok(whole)
    }

    /// The checker that notices first, and the seed at which it does.
    pub(super) fn first_seed(&self, mutation: &str, seeds: u64) -> Result<Option<(String, u64)>> {
        for seed in 1..=seeds {
            let report = self.prove(Some(mutation), Size::Full, &[], seed, 1)?;
            if let Some(failure) = report.failures.into_iter().next() {
                return Ok(Some((failure.checker, seed)));
            }
        }
        Ok(None)
    }

    /// Whether nobody but `checker` notices this mutation on any of so many seeds.
    pub(super) fn show_need(&self, checker: &str, mutation: &str, size: Size, seeds: u64) -> Result<Verdict> {
        let without = self.prove(Some(mutation), size, &["--without", checker], 1, seeds)?;
        if let Some(failure) = without.failures.into_iter().next() {
            return Ok(Verdict::NoticedBy { checker: failure.checker, seed: failure.seed });
        }
        for seed in 1..=seeds {
            let report = self.prove(Some(mutation), size, &[], seed, 1)?;
            if report.failures.iter().any(|failure| failure.checker == checker) {
                return Ok(Verdict::Needed { seed });
            }
        }
        Ok(Verdict::Unnoticed)
    }

    fn prove(
        &self,
        mutation: Option<&str>,
        size: Size,
        more: &[&str],
        first: u64,
        count: u64,
    ) -> Result<Report> {
        let number = self.reports.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("report-{number}.json"));
        let mut command = Command::new(&self.binary);
        if let Some(mutation) = mutation {
            command.args(["--mutate", mutation]);
        }
        command.args(["sim", "prove", "--seed", &first.to_string(), "--seeds", &count.to_string()]);
        if size == Size::Small {
            command.args(["--size", "small"]);
        }
        command.args(more).arg("--report").arg(&path);
        // What a broken run says on its way is of no interest; its report is.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env_remove("WCS_MUTATE");
        command.status().with_context(|| self.binary.display().to_string())?;
        let bytes = fs::read(&path).context("the proof wrote no report")?;
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).context("the report of the proof cannot be read")
    }
}

/// Does all of them, two at a time; results in the order of what was asked.
pub(super) fn two_at_a_time<A: Sync, T: Send>(all: &[A], work: impl Fn(&A) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(all.len()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(asked) = all.get(index) else { break };
                    let result = work(asked);
                    results.lock().expect("no worker panics with it").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panics with it");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::two_at_a_time;

    #[test]
    fn results_stand_in_the_order_of_what_was_asked() {
        let asked: Vec<u64> = (0..100).collect();
        assert_eq!(two_at_a_time(&asked, |number| number * 2), (0..200).step_by(2).collect::<Vec<u64>>());
        assert_eq!(two_at_a_time(&Vec::<u64>::new(), |number| *number), Vec::<u64>::new());
    }
}
