//! A day of orders through the HTTP service: the demo over the wire comes to the same table as in virtual time, and the
//! results of every batch, fetched and summed by a program of its own, are what the order file orders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_sim::report::Report;
use wcs_tests::child::{Child, tell};
use wcs_tests::desk::Wave;
use wcs_tests::orders::{self, DAYS};
use wcs_tests::program::{python, root, wcs};
use wcs_tests::size::is_full;
use wcs_tests::{Desk, Shift, Site};

const LIMIT: Duration = Duration::from_secs(600);
const SPEED: u32 = 20;
/// Orders of one batch: order chutes of the demo sorter.
const WAVE: usize = 60;

/// The order files: the real days at full size, else a made one.
fn order_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if is_full() {
        let days = orders::real_days().context("the real days are not there")?;
        return Ok(DAYS.iter().map(|day| days.join(day)).collect());
    }
    let path = folder.join("made.csv");
    orders::write_made(&path, 29, 70)?;
    Ok(vec![path])
}

#[test]
fn the_demo_through_http_comes_to_the_table_of_virtual_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for file in order_files(folder.path())? {
        let file = file.display().to_string();
        let virtually = demo(folder.path(), &["--orders", &file, "--virtual"])?;
        let wire = demo(folder.path(), &["--orders", &file, "--speed", &SPEED.to_string()])?;
        check_same(&wire, &virtually)?;
        tell(&format!("front door: {} pieces through HTTP as in virtual time", wire.reconcile.sorted_pieces));
    }
    Ok(())
}

fn demo(folder: &Path, arguments: &[&str]) -> Result<Report> {
    let all = [&["demo", "--report", "report.json"], arguments].concat();
    let ended = Child::run(wcs(folder, &all)?, LIMIT)?.expect_code(0)?;
    let report = fs::read(folder.join("report.json")).with_context(|| format!("no report: {ended}"))?;
    Ok(serde_json::from_slice(&report)?)
}

/// The table of a day without its times.
fn check_same(wire: &Report, virtually: &Report) -> Result<()> {
    ensure!((wire.orders.imported, wire.orders.empty) == (virtually.orders.imported, virtually.orders.empty));
    ensure!((wire.lines.accepted, wire.lines.refused) == (virtually.lines.accepted, virtually.lines.refused));
    ensure!(wire.lines.refused_by_reason == virtually.lines.refused_by_reason, "{:?}", wire.lines);
    ensure!(wire.batches == virtually.batches, "{} batches, {}", wire.batches, virtually.batches);
    ensure!(wire.loads.outcomes == virtually.loads.outcomes, "{:?} {:?}", wire.loads, virtually.loads);
    for report in [wire, virtually] {
        let pieces = &report.reconcile;
        ensure!(report.ok, "{:?}", report.not_ok_because);
        ensure!(pieces.difference == 0 && pieces.ledger_difference == 0, "{pieces:?}");
        ensure!(pieces.sorted_pieces == pieces.expected_pieces, "{pieces:?}");
        ensure!(report.loads.open == 0 && report.loads.missorted == 0, "{:?}", report.loads);
    }
    ensure!(wire.reconcile.expected_pieces == virtually.reconcile.expected_pieces);
    Ok(())
}

#[test]
fn results_summed_by_another_program_are_the_order_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (number, file) in order_files(folder.path())?.iter().enumerate() {
        let folder = folder.path().join(number.to_string());
        fs::create_dir(&folder)?;
        fs::copy(file, folder.join("orders.csv"))?;
        let shift = Shift::start(&folder, SPEED, LIMIT)?;
        let served = Site::new(&folder, LIMIT)?.start()?;
        sort_all(&served.desk, &folder)?;
        let sum = sum_results(&folder, &served.desk.http.base)?;
        served.daemon.interrupt()?.expect_code(0)?;
        let settled = shift.settle()?;
        ensure!(settled["reconcile"]["ledger_difference"] == 0, "{settled}");
        ensure!(sum["differences"].as_array().is_some_and(Vec::is_empty), "{sum}");
        ensure!(sum["lines_sorted"] == sum["lines_ordered"] && sum["pieces_sorted"] == sum["pieces_ordered"]);
        ensure!(sum["pieces_sorted"] == settled["reconcile"]["sorted_pieces"], "{sum} {settled}");
        tell(&format!(
            "results.csv of {} batches, summed by Python: {} pieces of {}",
            sum["batches"], sum["pieces_sorted"], sum["pieces_ordered"]
        ));
    }
    Ok(())
}

/// Sorts an order file batch by batch, as a person does.
fn sort_all(desk: &Desk, folder: &Path) -> Result<()> {
    desk.receive_file(&fs::read(folder.join("orders.csv"))?)?;
    let numbers = desk.order_numbers()?;
    for (at, orders) in numbers.chunks(WAVE).enumerate() {
        let reference = format!("wave {at}");
        let batch =
            desk.prepare(&Wave { reference: &reference, line: "sorter1", chutes: WAVE as u16 }, orders)?;
        desk.start(batch, "sorter1", orders.len(), LIMIT)?;
        desk.finish(batch, LIMIT)?;
    }
    Ok(())
}

fn sum_results(folder: &Path, base: &str) -> Result<Value> {
    let mut command = Command::new(python()?);
    command.arg("-B").arg(root().join("tests").join("peers").join("sum_results.py"));
    command.arg(folder.join("orders.csv")).arg(base);
    let ended = Child::run(command, LIMIT)?.expect_code(0)?;
    Ok(serde_json::from_str(&ended.out)?)
}
