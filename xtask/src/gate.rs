//! `cargo xtask test`: everything that must hold before a change enters main, in one command, the same here
//! and on the build machine. Steps go on after a failure; all failures are listed at the end, and the last
//! line says whether the real order days were there.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::workspace::{Workspace, cargo_command};
use crate::{layers, mutate, orders, tidy, workspace};

/// How long the advisory database may take to arrive before the check goes on without it.
const DATABASE_WAIT: Duration = Duration::from_secs(90);

/// What a step came to.
enum Verdict {
    Passed,
    Failed(String),
    /// Not run, with the reason; not a failure.
    Skipped(String),
}

struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result<Verdict>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", run: |w| cargo(w, &["fmt", "--all", "--check"]) },
    Step {
        name: "clippy",
        run: |w| cargo(w, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Step {
        name: "layers",
        run: |w| Ok(verdict(workspace::report("layers", &layers::check(w)?), "see above")),
    },
    Step { name: "tidy", run: |w| Ok(verdict(workspace::report("tidy", &tidy::check(w)?), "see above")) },
    Step { name: "deny", run: |w| cargo(w, &["deny", "check", "bans", "licenses", "sources"]) },
    Step { name: "advisories", run: advisories },
    Step {
        name: "tests",
        run: |w| cargo(w, &["test", "--no-fail-fast", "--workspace", "--exclude", "wcs-tests"]),
    },
    Step { name: "release build", run: |w| cargo(w, &["build", "--release"]) },
    Step { name: "whole-daemon tests", run: whole_daemon },
    Step { name: "mutations", run: |w| Ok(verdict(mutate::run(w, None)?, "one survives, see above")) },
    Step {
        name: "checkers",
        run: |w| Ok(verdict(mutate::check_checkers(w)?, "one is there for nothing, see above")),
    },
];

/// Runs every step; true when none failed.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let mut failures = Vec::new();
    let mut notes = Vec::new();
    for step in STEPS {
        println!("\n== {}", step.name);
        let started = Instant::now();
        let came = (step.run)(workspace).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")));
        let seconds = started.elapsed().as_secs();
        match came {
            Verdict::Passed => println!("== {}: passed, {seconds} s", step.name),
            Verdict::Failed(why) => failures.push(format!("{}: {why} ({seconds} s)", step.name)),
            Verdict::Skipped(why) => notes.push(format!("{}: not run: {why}", step.name)),
        }
    }
    println!();
    for note in &notes {
        println!("{note}");
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    if failures.is_empty() {
        println!("all {} steps passed or were not run for the reason given", STEPS.len());
    } else {
        println!("{} of {} steps failed", failures.len(), STEPS.len());
    }
    println!("{}", orders::closing_line(&workspace.root));
    Ok(failures.is_empty())
}

fn verdict(is_ok: bool, why: &str) -> Verdict {
    if is_ok { Verdict::Passed } else { Verdict::Failed(why.to_owned()) }
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<Verdict> {
    run_visibly(cargo_command(workspace, arguments), &format!("cargo {}", arguments.join(" ")))
}

fn run_visibly(mut command: Command, line: &str) -> Result<Verdict> {
    println!("$ {line}");
    let status = command.status().with_context(|| format!("{line} cannot be started"))?;
    Ok(verdict(status.success(), &format!("`{line}` ended with {status}")))
}

/// Advisories are checked where their database can be had: a plant network must still be able to test.
fn advisories(workspace: &Workspace) -> Result<Verdict> {
    let mut fetch = cargo_command(workspace, &["deny", "fetch", "db"]);
    let mut child = fetch
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cargo deny cannot be started")?;
    let until = Instant::now() + DATABASE_WAIT;
    let status = loop {
        if let Some(status) = child.try_wait().context("cargo deny was lost")? {
            break Some(status);
        }
        if Instant::now() >= until {
            child.kill().context("cargo deny cannot be ended")?;
            child.wait().context("cargo deny was lost")?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    match status {
        Some(status) if status.success() => {
            cargo(workspace, &["deny", "check", "--disable-fetch", "advisories"])
        }
        Some(_) => Ok(Verdict::Skipped("the advisory database cannot be had".to_owned())),
        None => Ok(Verdict::Skipped("the advisory database did not arrive in time".to_owned())),
    }
}

/// Tests that start the shipped binary as a person would. They read its place from `WCS_BINARY`.
fn whole_daemon(workspace: &Workspace) -> Result<Verdict> {
    let binary = workspace.binary();
    if !binary.is_file() {
        return Ok(Verdict::Failed(format!("{} was not built", workspace.relative(&binary).display())));
    }
    let arguments = ["test", "--no-fail-fast", "--package", "wcs-tests"];
    let mut command = cargo_command(workspace, &arguments);
    command.env("WCS_BINARY", &binary);
    if let Some(folder) = orders::real_days(&workspace.root) {
        command.env("WCS_ORDERS", folder);
    }
    run_visibly(command, &format!("cargo {}", arguments.join(" ")))
}
