//! `cargo xtask accept`: the acceptance lines at full size. Each line has a name, what it shows, the commands
//! that run it and a check of what came out; it is printed with its commands, its figure and pass or fail.
//! The lines stand in `acceptance/lines.rs`; this file runs them. It fails without the real order days:
//! a reduced size is the business of the tests.

mod crashes;
mod decoders;
mod fencing;
mod following;
mod front_door;
mod incidents;
mod kills;
mod lines;
mod long_runs;
mod mutations;
mod operations;
mod outcome;
mod poison;
mod races;
mod service;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::orders;
use crate::workspace::{Workspace, cargo_command};
use outcome::Ran;

/// One thing that is shown.
struct Line {
    name: String,
    shows: &'static str,
    work: Work,
}

/// A check gives the figure to print, or why the line failed.
type Check = Box<dyn Fn(&[Ran]) -> Result<String, String> + Send + Sync>;

/// How a line is run.
enum Work {
    /// Commands one after the other, then a look at their exits and reports.
    Commands(Vec<Invocation>, Check),
    /// A play of several programs at once, told in a sentence.
    Play(&'static str, fn(&Place) -> Result<String, String>),
}

/// One command of a line.
struct Invocation {
    /// `wcs` is the release binary; anything else is looked up as usual.
    program: String,
    arguments: Vec<String>,
    /// Report file the command writes, relative to the folder of the line.
    report: Option<&'static str>,
}

/// How much of the output of a failed command is shown: a backtrace or the last findings, not a whole run.
const OUTPUT_TAIL_LINES: usize = 60;
/// And how much of each of its lines: a finding of the fuzzer shows its input, which may be 64 KiB.
const OUTPUT_LINE_CHARS: usize = 300;

/// Where a line runs and what it may use.
struct Place {
    /// Root of the repository.
    root: PathBuf,
    /// The release binary.
    binary: PathBuf,
    /// Folder of the real days.
    days: PathBuf,
    /// Empty folder of this line.
    folder: PathBuf,
}

/// Prints the lines; always true.
pub(crate) fn list(workspace: &Workspace) -> bool {
    for line in lines::all(&workspace.root, Path::new("DAYS")) {
        println!("{:<28} {}", line.name, line.shows);
    }
    true
}

/// Runs every line whose name starts with one of `names` (all where there is none), `jobs` at a time; true when all
/// pass.
pub(crate) fn run(workspace: &Workspace, names: &[String], jobs: usize) -> Result<bool> {
    let Some(days) = orders::real_days(&workspace.root) else {
        bail!("real days: not run: set WCS_ORDERS to the folder that holds {}", orders::DAYS.join(" and "));
    };
    let lines = lines::all(&workspace.root, &days);
    let chosen: Vec<&Line> = lines
        .iter()
        .filter(|line| names.is_empty() || names.iter().any(|name| line.name.starts_with(name.as_str())))
        .collect();
    if chosen.is_empty() {
        bail!("no acceptance line starts with this name; `cargo xtask accept --list` shows them");
    }
    let built =
        cargo_command(workspace, &["build", "--release"]).status().context("cargo cannot be started")?;
    if !built.success() {
        bail!("the release build failed");
    }
    let (alone, together): (Vec<&Line>, Vec<&Line>) = chosen.iter().partition(|line| line.runs_alone());
    let mut rows = run_together(workspace, &days, &together, jobs.max(1));
    rows.extend(alone.into_iter().map(|line| settle(workspace, &days, line)));
    println!("\n== summary");
    // In the order of the list, whatever ended first.
    for row in chosen.iter().filter_map(|line| rows.iter().find(|row| row.name == line.name)) {
        println!("{}  {:<28} {}", if row.is_ok { "pass" } else { "FAIL" }, row.name, row.figure);
    }
    let passed = rows.iter().filter(|row| row.is_ok).count();
    println!("{passed} of {} lines pass", rows.len());
    println!("real days: run");
    Ok(passed == rows.len())
}

/// What came of one line.
struct Row<'a> {
    name: &'a str,
    is_ok: bool,
    figure: String,
}

fn run_together<'a>(workspace: &Workspace, days: &Path, lines: &[&'a Line], jobs: usize) -> Vec<Row<'a>> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = settle(workspace, days, line);
                    rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                }
            });
        }
    });
    rows.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn settle<'a>(workspace: &Workspace, days: &Path, line: &'a Line) -> Row<'a> {
    println!("\n== {}: {}", line.name, line.shows);
    let started = Instant::now();
    let came = run_line(workspace, days, line);
    let seconds = started.elapsed().as_secs();
    let is_ok = came.is_ok();
    let figure = came.unwrap_or_else(|why| why);
    println!("{}: {figure}: {} ({seconds} s)", line.name, if is_ok { "pass" } else { "FAIL" });
    Row { name: &line.name, is_ok, figure }
}

impl Line {
    /// Lines that build something of their own, or start a whole test run: nothing beside them would be measured
    /// fairly.
    fn runs_alone(&self) -> bool {
        let is_test = |command: &Invocation| {
            let words = std::iter::once(&command.program).chain(&command.arguments);
            // Tests at full size are told so in front of the command.
            let mut words = words.filter(|word| *word != "env" && !word.contains('='));
            words.next().is_some_and(|first| first == "cargo")
                && words.next().is_some_and(|second| second == "test")
        };
        match &self.work {
            Work::Commands(commands, _) => {
                commands.iter().any(|command| command.program != "wcs" && !is_test(command))
            }
            Work::Play(..) => false,
        }
    }
}

fn run_line(workspace: &Workspace, days: &Path, line: &Line) -> Result<String, String> {
    let folder = workspace.metadata.target_directory.join("accept").join(&line.name);
    prepare(&folder).map_err(|error| format!("{error:#}"))?;
    let place =
        Place { root: workspace.root.clone(), binary: workspace.binary(), days: days.to_path_buf(), folder };
    match &line.work {
        Work::Play(story, play) => {
            place.say(story);
            play(&place)
        }
        Work::Commands(invocations, check) => {
            let ran: Result<Vec<Ran>> = invocations.iter().map(|invocation| place.run(invocation)).collect();
            let ran = ran.map_err(|error| format!("{error:#}"))?;
            check(&ran).inspect_err(|_| {
                invocations.iter().zip(&ran).for_each(|(invocation, ran)| place.say_end(invocation, ran));
            })
        }
    }
}

/// An empty folder for a line: what a run of yesterday left must not decide today's.
fn prepare(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

impl Place {
    /// Prints something with the name of the line, since others may run beside it.
    fn say(&self, text: &str) {
        let name = self.folder.file_name().unwrap_or_default().display();
        println!("  {name}: {text}");
    }

    /// Prints how a command of a failed line ended: what it said on standard output was kept for the check only.
    fn say_end(&self, invocation: &Invocation, ran: &Ran) {
        let exit = ran.exit.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        self.say(&format!("`{invocation}` ended with {exit}; the end of its output:"));
        let lines: Vec<&str> = ran.printed.lines().collect();
        let tail = lines.len().saturating_sub(OUTPUT_TAIL_LINES);
        for line in lines.iter().skip(tail) {
            let start: String = line.chars().take(OUTPUT_LINE_CHARS).collect();
            self.say(&format!("| {start}"));
        }
    }

    /// Runs one command in the folder of the line and collects exit, output and report.
    fn run(&self, invocation: &Invocation) -> Result<Ran> {
        self.say(&format!("$ {invocation}"));
        let is_ours = invocation.program == "wcs";
        let program = if is_ours { self.binary.clone() } else { PathBuf::from(&invocation.program) };
        let mut command = Command::new(&program);
        command.args(&invocation.arguments).env("WCS_ORDERS", &self.days).env("WCS_BINARY", &self.binary);
        // Programs of the repository (cargo, git, tests/run) run at its root, the product in its folder.
        command.current_dir(if is_ours { &self.folder } else { &self.root });
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let report = match invocation.report {
            Some(name) => {
                let path = self.folder.join(name);
                let bytes = fs::read(&path).unwrap_or_default();
                Some(bytes)
            }
            None => None,
        };
        Ok(Ran {
            exit: output.status.code(),
            printed: String::from_utf8_lossy(&output.stdout).into(),
            report,
        })
    }
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}
