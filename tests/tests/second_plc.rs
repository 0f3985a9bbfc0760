//! A PLC that nobody of us programmed in Rust: written in Python from the profile's README alone. The daemon sorts a
//! shift with it, through restarts of both, torn slots and the wrap of every sequence, and its ledger agrees. Every
//! register it uses stands in that README, and it knows nothing else of us.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_sim::feed::MadeTotals;
use wcs_tests::child::{tell, wait_until};
use wcs_tests::second_plc::LEDGER;
use wcs_tests::size::choose;
use wcs_tests::{Child, orders, plant, program, second_plc};

const LIMIT: Duration = Duration::from_secs(600);
const SEED: u64 = 536;
/// Loads of a shift at full size, at least.
const LOADS_FULL: u64 = 10_000;
const SPEED: &str = "25";

#[test]
fn it_uses_registers_of_the_readme_and_knows_nothing_else_of_us() -> Result<()> {
    Child::run(second_plc::script("test_addresses.py")?, LIMIT)?.expect_code(0)?;
    Ok(())
}

#[test]
fn daemon_and_a_plc_written_from_the_readme_agree_on_every_load() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let totals = write_orders(&folder.join("orders.csv"))?;
    let rates = ["--torn-rate", "0.01", "--more-rate", "0.1", "--speed", SPEED];
    let restarts = ["--restart-every", choose("5", "25")];
    let (mut plc, endpoint) = second_plc::start(folder, &[&rates[..], &restarts[..]].concat(), LIMIT)?;
    plant::write_demo(folder, "plant.toml", endpoint)?;
    let kills = choose(2, 8);
    for kill in 1..=kills {
        let mut daemon = start_daemon(folder)?;
        daemon.wait_out("commanding after ")?;
        let goal = totals.lines_accepted * 2 * kill / (kills + 1);
        wait_until("loads are sorted", LIMIT, || {
            ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
            ensure!(plc.is_running()?, "the PLC ended by itself: {plc}");
            Ok((ledger_lines(folder)? >= goal).then_some(()))
        })?;
        daemon.kill()?.expect_killed()?;
    }
    start_daemon(folder)?.wait_end()?.expect_code(0)?;
    let account = plc.interrupt()?.expect_code(0)?;
    check_account(account.out.lines().next_back().context("an account")?)?;
    settle(folder, &totals)
}

/// Writes an order file: twenty orders, or as many as make a shift at full size.
fn write_orders(path: &Path) -> Result<MadeTotals> {
    let goal = choose(1, LOADS_FULL);
    let mut order_count = 20;
    loop {
        let totals = orders::write_made(path, SEED, order_count)?;
        if totals.lines_accepted >= goal {
            return Ok(totals);
        }
        order_count += 20;
    }
}

fn start_daemon(folder: &Path) -> Result<Child> {
    let run = ["run", "--plant", "plant.toml", "--data", "data", "--orders", "orders.csv"];
    Child::start(program::wcs(folder, &run)?, LIMIT)
}

fn ledger_lines(folder: &Path) -> Result<u64> {
    let lines = fs::read(folder.join(LEDGER))?.iter().filter(|byte| **byte == b'\n').count();
    Ok(u64::try_from(lines)?)
}

/// What the PLC says of itself at its end: everything that was asked for has happened.
fn check_account(line: &str) -> Result<()> {
    let account: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let count = |name: &str| account[name].as_u64().with_context(|| format!("{name} in {account}"));
    for (name, least) in [("restarts", 2), ("torn_slots", 1), ("event_wraps", 1), ("command_wraps", 1)] {
        ensure!(count(name)? >= least, "{name} is too small: {account}");
    }
    ensure!(account["finished"] == true, "{account}");
    tell(&format!(
        "second PLC: {} restarts, {} torn slots, wraps {} and {}, slowest cycle {} ms",
        account["restarts"],
        account["torn_slots"],
        account["event_wraps"],
        account["command_wraps"],
        account["slowest_ms"],
    ));
    Ok(())
}

/// Journal and ledger agree on every load and every piece.
fn settle(folder: &Path, totals: &MadeTotals) -> Result<()> {
    let reconcile = ["reconcile", "--data", "data", "--ledger", LEDGER];
    let settled = Child::run(program::wcs(folder, &reconcile)?, LIMIT)?.expect_code(0)?;
    let settled: Value = serde_json::from_str(&settled.out)?;
    Child::run(program::wcs(folder, &["replay", "data"])?, LIMIT)?.expect_code(0)?;
    let (loads, pieces) = (&settled["loads"], &settled["reconcile"]);
    ensure!(pieces["ledger_difference"] == 0 && pieces["difference"] == 0, "{settled}");
    ensure!(loads["missorted"] == 0 && loads["open"] == 0, "{settled}");
    ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    let accounted = pieces["sorted_pieces"].as_u64().zip(pieces["short_pieces"].as_u64());
    ensure!(accounted.map(|(sorted, short)| sorted + short) == Some(totals.pieces), "{settled}");
    tell(&format!(
        "{} loads of the order file, {} of {} pieces sorted with a PLC in Python, ledger_difference 0",
        totals.lines_accepted, pieces["sorted_pieces"], totals.pieces
    ));
    Ok(())
}
