//! An event that breaks the core costs one load and two restarts, not a crash loop. Needs a build that can be broken on
//! purpose: `cargo xtask accept poison` makes it and runs this target with the feature `mutations`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::{Child, Ended, tell};
use wcs_tests::program::{mutated, wcs};
use wcs_tests::shift::{DATA, ORDERS};
use wcs_tests::{Shift, orders, size};

const LIMIT: Duration = Duration::from_secs(300);
const SPEED: u32 = 20;
/// More would be a loop.
const STARTS_MAX: usize = 6;

/// Labels of loads in the order in which they are put on the belt, from a run of the same file in virtual time.
fn labels(folder: &Path) -> Result<Vec<String>> {
    let arguments = ["demo", "--virtual", "--orders", ORDERS, "--ledger", "before.jsonl"];
    Child::run(wcs(folder, &arguments)?, LIMIT)?.expect_code(0)?;
    let ledger = fs::read_to_string(folder.join("before.jsonl"))?;
    let label = |line: &str| -> Result<String> {
        let event: Value = serde_json::from_str(line)?;
        Ok(event["label"].as_str().context("a label")?.to_owned())
    };
    let mut labels = ledger.lines().map(label).collect::<Result<Vec<_>>>()?;
    labels.dedup();
    Ok(labels)
}

/// A command of the build that a scan of `label` breaks.
fn broken_at(label: &str, folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(mutated()?);
    command.args(arguments).current_dir(folder).env("WCS_LOG", "info").env("NO_COLOR", "1");
    command.env("WCS_MUTATE", format!("poison:{label}"));
    Ok(command)
}

/// Behind a checkpoint a start would not meet the records before it.
fn forget_checkpoints(journal: &Path) -> Result<()> {
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wcsc") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn run_daemon(label: &str, folder: &Path) -> Result<Ended> {
    let arguments = ["run", "--plant", "plant.toml", "--data", DATA, "--orders", ORDERS, "--quiet", "10s"];
    Child::run(broken_at(label, folder, &arguments)?, LIMIT)
}

#[test]
fn poison_event_costs_one_load_and_two_restarts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let order_count = size::choose(20, 40);
    let totals = orders::write_made(&folder.join(ORDERS), 31, order_count)?;
    let labels = labels(folder)?;
    let (poison, other) = (&labels[labels.len() / 3], &labels[labels.len() / 2]);
    tell(&format!("poison is {poison} of {} loads", totals.lines_accepted));
    let shift = Shift::start(folder, SPEED, LIMIT)?;

    let mut crashes = Vec::new();
    let last = loop {
        let ended = run_daemon(poison, folder)?;
        if ended.code == Some(0) {
            break ended;
        }
        crashes.push(ended.expect_code(1)?);
        ensure!(crashes.len() < STARTS_MAX, "a crash loop: {}", crashes[crashes.len() - 1]);
    };
    ensure!(crashes.len() == 2, "{} restarts, the last after {}", crashes.len(), crashes[crashes.len() - 1]);
    for (ended, time) in crashes.iter().zip(["time 1, ", "time 2, "]) {
        let said = ended.err.lines().find(|line| line.contains("wcs: the core stopped at"));
        let said = said.with_context(|| format!("it says what broke it: {ended}"))?;
        ensure!(said.contains(poison.as_str()) && said.contains(time), "{said}");
    }
    ensure!(last.err.contains("put aside"), "{last}");
    ensure!(last.err.contains("code=\"quarantined\""), "the alarm is in the log: {last}");
    let noted = fs::read_to_string(folder.join(DATA).join("poison"))?;
    ensure!(noted.lines().count() == 4, "one poison is noted:\n{noted}");

    // A journal without poison is replayed even by the broken build; one that holds a record it breaks at is named.
    Child::run(broken_at(poison, folder, &["replay", DATA])?, LIMIT)?.expect_code(0)?;
    forget_checkpoints(&folder.join(DATA).join("journal"))?;
    for arguments in [&["replay", DATA][..], &["run", "--plant", "plant.toml", "--data", DATA][..]] {
        let named = Child::run(broken_at(other, folder, arguments)?, LIMIT)?.expect_code(1)?;
        let text = format!("scan of [{other}]");
        ensure!(named.err.contains("the core stops at") && named.err.contains(&text), "{named}");
    }

    let loads = shift.loads;
    let settled = shift.settle()?;
    let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
    ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
    ensure!(found["outcomes"]["sorted"].as_u64() == Some(loads - 1), "every other load is sorted: {settled}");
    // People put it on the belt again a few times; it is put aside at once, without another restart.
    let attempts = found["outcomes"]["exception"].as_u64();
    ensure!(attempts.is_some() && attempts == found["reasons"]["quarantined"].as_u64(), "{settled}");
    ensure!(found["inducted"].as_u64() == attempts.map(|attempts| loads - 1 + attempts), "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    tell(&format!("2 restarts, 1 of {loads} loads put aside, {} passes", attempts.unwrap_or_default()));
    Ok(())
}
