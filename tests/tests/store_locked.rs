//! Another program holds the store while a batch is sorted. The line goes on as before, what needs the store is refused
//! with the time after which to ask again, and when the store is back it catches up and nothing acknowledged is missing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::desk::Wave;
use wcs_tests::journal_pace::{last_record, pace};
use wcs_tests::program::{python, root};
use wcs_tests::size::{choose, is_full};
use wcs_tests::{Desk, Shift, Site, orders};
use wcs_types::Seq;

const LIMIT: Duration = Duration::from_secs(900);
const SPEED: u32 = 5;
const FIRST_ORDER: u32 = 700_000;
/// Loads that are left when the lock is taken, at full size.
const LEFT_MIN: u64 = 2_000;
/// Catch-up against arrival, at full size: a short lock leaves too little to measure.
const CATCH_UP_MIN: f64 = 15.0;
/// Two exits are as far apart as the feed has them; a line that waits for the store would stand for seconds.
const GAP_FACTOR: u32 = 2;
/// Shorter gaps between scans than this are those of a busy machine: the belt is fed every 72 ms.
const GAP_FLOOR: Duration = Duration::from_millis(500);
/// Orders nobody feeds, for the batch that is started while the store is locked.
const OTHERS: [&str; 2] = ["OTHER-1", "OTHER-2"];

#[test]
fn a_locked_store_stops_no_line_and_loses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let numbers =
        orders::write_even(&folder.path().join("orders.csv"), FIRST_ORDER, choose(10, 56), choose(20, 50))?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let site = Site::new(folder.path(), LIMIT)?;
    let served = site.start()?;
    let desk = &served.desk;
    let (running, waiting) = take_in(desk, folder.path(), &numbers)?;
    desk.ask(running, "start")?.expect(&[200])?;

    // The pace before: from the first exits on.
    let exits = |least: usize| {
        wait_until("loads leave", LIMIT, || Ok((shift.ledger_lines()? >= least).then_some(())))
    };
    exits(choose(20, 100))?;
    let begun = last_record(&site.journal())?;
    exits(choose(80, 600))?;
    let mut holder = hold_store(&site, choose("6", "90"))?;
    let held: u64 = holder.wait_out("locked ")?.parse()?;
    let locked = last_record(&site.journal())?;
    let left = shift.loads - pace(&site.journal(), Seq(1), locked)?.exits;
    ensure!(!is_full() || left >= LEFT_MIN, "only {left} loads are left when the store is locked");

    check_refused(desk, waiting)?;
    holder.wait_out("unlocked")?;
    let unlocked = last_record(&site.journal())?;
    let caught_up_ms = follow(&mut holder, unlocked)?;
    drop(holder);
    check_pace(&site, [begun, locked, unlocked])?;
    check_catch_up(unlocked.0 - held, caught_up_ms, unlocked.0 - locked.0)?;

    // The start that was refused is carried out now, and everything that was acknowledged is there.
    wait_until("the start is taken", LIMIT, || {
        let answer = desk.ask(waiting, "start")?;
        ensure!(answer.is_done() || answer.status == 503, "{answer}");
        Ok(answer.is_done().then_some(()))
    })?;
    desk.wait_state(waiting, "running", LIMIT)?;
    desk.close(waiting, true)?.expect(&[200])?;
    desk.finish(running, LIMIT)?;
    let shown = desk.orders()?;
    ensure!(shown.len() == numbers.len() + OTHERS.len(), "{} orders are there", shown.len());
    served.daemon.interrupt()?.expect_code(0)?;
    let loads = shift.loads;
    let settled = shift.settle()?;
    ensure!(settled["loads"]["outcomes"]["sorted"].as_u64() == Some(loads), "{settled}");
    ensure!(settled["reconcile"]["ledger_difference"] == 0, "{settled}");
    tell(&format!("store locked with {left} loads left: {loads} loads sorted, ledger_difference 0"));
    Ok(())
}

/// Takes in all orders and prepares the batch that runs and the one that waits.
fn take_in(desk: &Desk, folder: &std::path::Path, numbers: &[String]) -> Result<(i64, i64)> {
    desk.receive_file(&std::fs::read(folder.join("orders.csv"))?)?;
    let others: Vec<Value> = OTHERS
        .iter()
        .map(|number| json!({ "number": number, "lines": [{ "sku": "10001", "quantity": 1 }] }))
        .collect();
    desk.receive(&others)?.expect(&[200])?;
    let running = desk.prepare(&Wave { reference: "running", line: "sorter1", chutes: 60 }, numbers)?;
    let others: Vec<String> = OTHERS.iter().map(|number| (*number).to_owned()).collect();
    let waiting = desk.prepare(&Wave { reference: "waiting", line: "sorter1", chutes: 60 }, &others)?;
    Ok((running, waiting))
}

fn hold_store(site: &Site, seconds: &str) -> Result<Child> {
    let mut command = std::process::Command::new(python()?);
    command.arg("-B").arg(root().join("tests").join("peers").join("lock_store.py"));
    command.arg(site.store()).arg(seconds);
    Child::start(command, LIMIT)
}

/// What needs the store is refused with the time after which to ask again; what shows the line works.
fn check_refused(desk: &Desk, waiting: i64) -> Result<()> {
    for answer in [
        desk.ask(waiting, "start")?,
        desk.receive(&[json!({ "number": "LATE-1", "lines": [{ "sku": "10001", "quantity": 1 }] })])?,
    ] {
        ensure!(answer.status == 503, "{answer}");
        let after =
            answer.header("retry-after").with_context(|| format!("{answer} says when to come again"))?;
        ensure!(after.parse::<u32>().is_ok_and(|seconds| seconds >= 1), "retry-after: {after}");
        ensure!(answer.json()?["code"] == "store.unavailable", "{answer}");
    }
    desk.http.get("/api/lines")?.expect(&[200])?;
    desk.http.get("/health/live")?.expect(&[200])?;
    Ok(())
}

/// Milliseconds until the projector has reached `goal`.
fn follow(holder: &mut Child, goal: Seq) -> Result<u64> {
    loop {
        let said = holder.wait_out("at ")?;
        let (seq, ms) = said.split_once(' ').with_context(|| said.clone())?;
        if seq.parse::<u64>()? >= goal.0 {
            return Ok(ms.parse()?);
        }
    }
}

/// Sorting never paused: permits stayed, no decision was late, and exits followed each other as before.
fn check_pace(site: &Site, [begun, locked, unlocked]: [Seq; 3]) -> Result<()> {
    let (before, during) = (pace(&site.journal(), begun, locked)?, pace(&site.journal(), locked, unlocked)?);
    tell(&format!(
        "exits before {} and during {}: largest gap {:?} and {:?}",
        before.exits, during.exits, before.exit_gap, during.exit_gap
    ));
    ensure!(during.exits > 0 && during.permits_gone == 0 && during.late == 0, "{during:?}");
    ensure!(during.exit_gap <= before.exit_gap * GAP_FACTOR, "{during:?} against {before:?}");
    let allowed = GAP_FLOOR.max(before.scan_gap * GAP_FACTOR);
    ensure!(during.scan_gap <= allowed, "{during:?} against {before:?}");
    Ok(())
}

/// The projector caught up faster than records came.
fn check_catch_up(backlog: u64, ms: u64, arrived: u64) -> Result<()> {
    let lock_ms = choose(6_000.0, 90_000.0);
    let (arrival, catch_up) = (arrived as f64 / lock_ms, backlog as f64 / ms.max(1) as f64);
    let factor = catch_up / arrival;
    tell(&format!("catch-up of {backlog} records in {ms} ms: {factor:.1} times the arrival rate"));
    ensure!(!is_full() || factor >= CATCH_UP_MIN, "{factor:.1}, {CATCH_UP_MIN} is wanted");
    Ok(())
}
