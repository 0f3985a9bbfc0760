//! The service is asked to stop (SIGTERM) while orders come in and a batch is sorted. It stops being ready before it
//! stops, every request is answered or not carried out, and everything it acknowledged is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use wcs_tests::child::{tell, wait_until};
use wcs_tests::desk::Wave;
use wcs_tests::size::choose;
use wcs_tests::{Desk, Shift, Site, orders};

const LIMIT: Duration = Duration::from_secs(120);
const SPEED: u32 = 20;
const ORDERS: u32 = 20;

#[test]
fn a_stop_loses_nothing_that_was_acknowledged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let numbers = orders::write_even(&folder.path().join("orders.csv"), 740_000, ORDERS, choose(15, 60))?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let site = Site::new(folder.path(), LIMIT)?;
    let served = site.start()?;
    let desk = served.desk.clone();
    desk.receive_file(&std::fs::read(folder.path().join("orders.csv"))?)?;
    let batch = desk.prepare(&Wave { reference: "stopped", line: "sorter1", chutes: 20 }, &numbers)?;
    desk.ask(batch, "start")?.expect(&[200])?;
    wait_until("loads leave", LIMIT, || Ok((shift.ledger_lines()? >= 40).then_some(())))?;
    desk.http.get("/health/ready")?.expect(&[200])?;

    let is_asked = AtomicBool::new(false);
    let (acknowledged, was_unready) =
        std::thread::scope(|scope| -> Result<(Vec<String>, bool)> {
            let (taking, looking) = (desk.clone(), desk.clone());
            let intake = scope.spawn(move || take_in_on(&taking));
            let is_asked = &is_asked;
            let looks = scope.spawn(move || was_unready(&looking, is_asked));
            wait_until("orders come in", LIMIT, || {
                Ok((desk.orders()?.len() > numbers.len() + 20).then_some(()))
            })?;
            is_asked.store(true, Ordering::Release);
            served.daemon.terminate()?;
            let acknowledged = intake.join().expect("it does not panic")?;
            let was_unready = looks.join().expect("it does not panic")?;
            served.daemon.wait_end()?.expect_code(0)?;
            Ok((acknowledged, was_unready))
        })?;
    ensure!(was_unready, "it was ready until it was gone");

    let served = site.start()?;
    let shown = served.desk.orders()?;
    let missing: Vec<&String> = acknowledged.iter().filter(|number| !shown.contains_key(*number)).collect();
    ensure!(missing.is_empty(), "{missing:?} of {} are gone", acknowledged.len());
    served.desk.finish(batch, LIMIT)?;
    served.daemon.interrupt()?.expect_code(0)?;
    let loads = shift.loads;
    let settled = shift.settle()?;
    ensure!(settled["loads"]["outcomes"]["sorted"].as_u64() == Some(loads), "{settled}");
    ensure!(settled["reconcile"]["ledger_difference"] == 0, "{settled}");
    tell(&format!(
        "stopped in an orderly way: {} orders taken in until then, {loads} loads sorted",
        acknowledged.len()
    ));
    Ok(())
}

/// Takes orders in, one request after the other, until there is no answer any more; gives those acknowledged.
fn take_in_on(desk: &Desk) -> Result<Vec<String>> {
    let mut acknowledged = Vec::new();
    for number in 1.. {
        let number = format!("IN-{number}");
        let order = json!({ "number": number, "lines": [{ "sku": "10001", "quantity": 2 }] });
        let Ok(answer) = desk.receive(&[order]) else { break };
        if answer.is_done() {
            acknowledged.push(number);
        } else {
            ensure!(answer.status == 503, "{answer}");
        }
    }
    Ok(acknowledged)
}

/// Looks at the readiness until the service is gone: true when it said that it is not ready before.
fn was_unready(desk: &Desk, is_asked: &AtomicBool) -> Result<bool> {
    let mut was_unready = false;
    wait_until("the service is gone", LIMIT, || {
        let is_asked = is_asked.load(Ordering::Acquire);
        let Ok(answer) = desk.http.get("/health/ready") else { return Ok(Some(())) };
        ensure!(is_asked || answer.status == 200, "not ready before it was asked to stop: {answer}");
        ensure!([200, 503].contains(&answer.status), "{answer}");
        was_unready |= answer.status == 503;
        Ok(None)
    })
    .context("readiness")?;
    Ok(was_unready)
}
