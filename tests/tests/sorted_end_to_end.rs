//! Orders sorted end to end by the shipped binary: over a real socket at reduced size, and in virtual time the real
//! days (where they are) and a made file, with every way to identify and assign, and with every fault file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wcs_sim::report::Report;
use wcs_tests::child::{Child, tell};
use wcs_tests::orders::{self, DAYS};
use wcs_tests::program::{root, wcs};

const LIMIT: Duration = Duration::from_secs(100);

/// What the retail mapping makes of a real day, counted apart from our code.
struct Day {
    file: &'static str,
    accepted: u64,
    refused: [(&'static str, u64); 3],
    orders: u64,
    empty: u64,
    pieces: i64,
}

const REAL: [Day; 2] = [
    Day {
        file: DAYS[0],
        accepted: 3_064,
        refused: [("quantity_not_positive", 27), ("not_merchandise", 8), ("blank_description", 9)],
        orders: 127,
        empty: 16,
        pieces: 26_909,
    },
    Day {
        file: DAYS[1],
        accepted: 5_284,
        refused: [("quantity_not_positive", 29), ("not_merchandise", 16), ("blank_description", 2)],
        orders: 129,
        empty: 22,
        pieces: 43_826,
    },
];

/// Runs `wcs demo` with `arguments`, which has to end with 0, and gives its report.
fn demo(arguments: &[&str]) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut all = vec!["demo", "--report", "report.json"];
    all.extend(arguments);
    let ended = Child::run(wcs(folder.path(), &all)?, LIMIT)?;
    let path = folder.path().join("report.json");
    let report = fs::read(&path).with_context(|| format!("no report: {ended}"))?;
    let report: Report = serde_json::from_slice(&report)?;
    ensure!(report.ok, "not ok because {:?}: {arguments:?}", report.not_ok_because);
    ended.expect_code(0)?;
    Ok(report)
}

/// What holds for every good run of a whole file.
fn check_whole(report: &Report) -> Result<()> {
    let (loads, pieces) = (&report.loads, &report.reconcile);
    ensure!(loads.open == 0 && loads.finals == loads.inducted && loads.missorted == 0, "{loads:?}");
    // A load that was seen again under a new number counts once, under the new one.
    let superseded = loads.outcomes.get("superseded").copied().unwrap_or_default();
    ensure!(
        loads.outcomes.values().sum::<u64>() == loads.finals + superseded,
        "one outcome a load: {loads:?}"
    );
    ensure!(loads.reasons.values().sum::<u64>() == loads.finals + superseded, "one reason a load: {loads:?}");
    ensure!(pieces.difference == 0 && pieces.ledger_difference == 0, "{pieces:?}");
    ensure!(report.link.evt_lost == 0, "{:?}", report.link);
    ensure!(report.journal.records == report.journal.durable_seq, "{:?}", report.journal);
    Ok(())
}

/// What holds besides when nothing is broken on purpose: every piece is in the lane of its order.
fn check_sound(report: &Report) -> Result<()> {
    check_whole(report)?;
    let pieces = &report.reconcile;
    ensure!(pieces.sorted_pieces == pieces.expected_pieces && pieces.short_pieces == 0, "{pieces:?}");
    ensure!(report.deadline.late == 0, "{:?}", report.deadline);
    ensure!(report.latency_us.scan_to_destination.count > 0, "latencies were measured");
    Ok(())
}

/// The table of a real day.
fn check_day(report: &Report, day: &Day) -> Result<()> {
    ensure!((report.orders.imported, report.orders.empty) == (day.orders, day.empty), "{:?}", report.orders);
    ensure!(report.lines.accepted == day.accepted, "{:?}", report.lines);
    let refused: u64 = day.refused.iter().map(|(_, count)| count).sum();
    ensure!(report.lines.refused == refused, "{:?}", report.lines);
    let reasons = day.refused.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    ensure!(report.lines.refused_by_reason == reasons, "{:?}", report.lines);
    ensure!(report.reconcile.expected_pieces == day.pieces, "{:?}", report.reconcile);
    Ok(())
}

/// Where the order files of a test are: the real days, or one made file in `folder`.
fn order_files(folder: &Path) -> Result<Vec<(PathBuf, Option<&'static Day>)>> {
    if let Some(days) = orders::real_days() {
        return Ok(REAL.iter().map(|day| (days.join(day.file), Some(day))).collect());
    }
    tell("real days: not run; a made file in their place");
    let path = folder.join("orders.csv");
    orders::write_made(&path, 11, 130)?;
    Ok(vec![(path, None)])
}

#[test]
fn made_orders_over_a_real_socket() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orders.csv");
    let totals = orders::write_made(&path, 5, 30)?;
    let report = demo(&["--orders", &path.display().to_string(), "--speed", "30"])?;
    check_sound(&report)?;
    ensure!(
        report.orders.imported == totals.orders && report.orders.empty == totals.orders_empty,
        "{report:?}"
    );
    ensure!(report.lines.accepted == totals.lines_accepted, "{:?} of {totals:?}", report.lines);
    ensure!(report.lines.refused_by_reason == totals.refused_by_reason, "{:?} of {totals:?}", report.lines);
    ensure!(u64::try_from(report.reconcile.expected_pieces)? == totals.pieces, "{:?}", report.reconcile);
    ensure!(report.loads.inducted == totals.lines_accepted && report.batches == 1, "{:?}", report.loads);
    ensure!(report.link.reconnects == 0 && report.faults.is_empty(), "{report:?}");
    Ok(())
}

#[test]
fn a_demo_for_a_while_over_a_real_socket() -> Result<()> {
    let report = demo(&["--for", "5s", "--speed", "20"])?;
    // 10 000 loads an hour of plant time, 20 times as fast, for 5 s: 277, less what the start takes.
    ensure!((100..=300).contains(&report.loads.inducted), "{:?}", report.loads);
    ensure!(report.loads.inducted == report.loads.finals + report.loads.open, "{:?}", report.loads);
    Ok(())
}

#[test]
fn days_in_virtual_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (path, day) in order_files(folder.path())? {
        let path = path.display().to_string();
        let report = demo(&["--virtual", "--orders", &path])?;
        check_sound(&report)?;
        ensure!(report.batches == 3, "{} batches of {path}", report.batches);
        // A load for which its lane stayed full comes again from the exception station, as a load of its own.
        let again = report.loads.outcomes.get("exception").copied().unwrap_or_default();
        ensure!(
            report.loads.outcomes["sorted"] == report.lines.accepted,
            "a load a line: {:?}",
            report.loads
        );
        ensure!(report.loads.inducted == report.lines.accepted + again, "{:?}", report.loads);
        day.map_or(Ok(()), |day| check_day(&report, day))?;
        ensure!(report.simulated_seconds > report.wall_seconds, "virtual time is faster than real time");
    }
    Ok(())
}

#[test]
fn days_by_sku_in_virtual_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (path, day) in order_files(folder.path())? {
        let path = path.display().to_string();
        let report = demo(&["--virtual", "--identify", "sku", "--orders", &path])?;
        check_sound(&report)?;
        day.map_or(Ok(()), |day| check_day(&report, day))?;
        let pieces = u64::try_from(report.reconcile.expected_pieces)?;
        let again = report.loads.outcomes.get("exception").copied().unwrap_or_default();
        ensure!(report.loads.outcomes["sorted"] == pieces, "a load a piece: {:?}", report.loads);
        ensure!(report.loads.inducted == pieces + again, "{:?}", report.loads);
    }
    Ok(())
}

#[test]
fn days_by_first_scan_in_virtual_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (path, day) in order_files(folder.path())? {
        let path = path.display().to_string();
        let report = demo(&["--virtual", "--assign", "first_scan", "--chutes", "20", "--orders", &path])?;
        check_whole(&report)?;
        day.map_or(Ok(()), |day| check_day(&report, day))?;
        ensure!(report.chutes.rebound > 80, "chutes are bound again: {:?}", report.chutes);
        let pieces = &report.reconcile;
        let done = pieces.sorted_pieces + pieces.hand_sorted_pieces;
        ensure!(done == pieces.expected_pieces && pieces.short_pieces == 0, "{pieces:?}");
        ensure!(pieces.hand_sorted_pieces * 100 <= pieces.expected_pieces, "{pieces:?}");
        ensure!(report.deadline.late == 0 && report.batches == 1, "{report:?}");
    }
    Ok(())
}

#[test]
fn the_same_seed_is_the_same_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orders.csv");
    orders::write_made(&path, 3, 40)?;
    let path = path.display().to_string();
    let faults = root().join("sim/faults/no-read.toml").display().to_string();
    let run = |seed: &str| {
        let mut report = demo(&["--virtual", "--orders", &path, "--faults", &faults, "--seed", seed])?;
        report.wall_seconds = 0.0;
        Ok::<Report, anyhow::Error>(report)
    };
    let (first, again, other) = (run("8")?, run("8")?, run("9")?);
    ensure!(first == again, "seed 8 twice:\n{first:?}\n{again:?}");
    ensure!(first.loads != other.loads || first.journal != other.journal, "another seed is another run");
    Ok(())
}

/// What a fault file must bring about besides being applied.
fn check_fault(name: &str, report: &Report) -> Result<()> {
    check_whole(report)?;
    let (link, loads, late) = (&report.link, &report.loads, report.deadline.late);
    let holds = match name {
        "disk-stall" => late == 0 && link.induction_stops == 0 && report.journal.stall_us_max >= 4_000_000,
        "tcp-cut" => link.reconnects >= 1,
        "late-replies" => link.stale_replies >= 1,
        "no-read" => loads.outcomes.contains_key("no_read_lane") && loads.reasons.contains_key("no_read"),
        "plc-restart" | "fifo-reset" => loads.outcomes.contains_key("superseded"),
        "missed" => loads.recirculated > 0,
        "lost" => report.reconcile.short_pieces > 0 && loads.outcomes.contains_key("lost"),
        "drive-stop" => late == 0 && !loads.outcomes.contains_key("lost"),
        "safety-stop" => {
            let alarm = report.alarms.get("safety_stop").copied().unwrap_or_default();
            let is_sorted = report.reconcile.sorted_pieces == report.reconcile.expected_pieces;
            late == 0 && link.reconnects == 0 && is_sorted && (alarm.raised, alarm.gone) == (2, 2)
        }
        "purge-at-reset" => report.reconcile.short_pieces > 0 && loads.outcomes.contains_key("purged"),
        "disk-full" => late == 0 && report.journal.stall_us_max >= 4_000_000,
        "disk-error" => report.faults["disk_error"].applied == 5 && report.journal.stall_us_max >= 500_000,
        "store-outage" => {
            report.simulated_seconds > 30.0
                && report.reconcile.sorted_pieces == report.reconcile.expected_pieces
        }
        "wrap" | "one-request-per-cycle" => {
            report.reconcile.sorted_pieces == report.reconcile.expected_pieces
        }
        _ => true,
    };
    ensure!(holds, "{name}: late {late}, {link:?}, {loads:?}, {:?}, {:?}", report.reconcile, report.journal);
    Ok(())
}

#[test]
fn every_fault_file_in_virtual_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (orders, _) = order_files(folder.path())?.swap_remove(0);
    let orders = orders.display().to_string();
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("sim").join("faults"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    ensure!(files.len() >= 15, "fault files: {files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.file_stem().and_then(|stem| stem.to_str()).context("a name")?;
        let came = demo(&["--virtual", "--orders", &orders, "--faults", &file.display().to_string()])
            .and_then(|report| {
                ensure!(!report.faults.is_empty(), "no fault in the report");
                let idle = report.faults.iter().find(|(_, count)| count.applied < 1 || count.planned < 1);
                ensure!(idle.is_none(), "not applied: {idle:?}");
                check_fault(name, &report)
            });
        if let Err(error) = came {
            wrong.push(format!("{name}: {error}"));
        }
    }
    if !wrong.is_empty() {
        bail!("{} of {} fault files:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    }
    Ok(())
}

#[test]
fn a_fault_that_never_comes_is_exit_3() -> Result<()> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 3, 5)?;
    fs::write(folder.path().join("faults.toml"), "[[fault]]\nkind = \"fifo_reset\"\nafter_loads = 900000\n")?;
    let arguments =
        ["demo", "--virtual", "--orders", "orders.csv", "--faults", "faults.toml", "--report", "r.json"];
    let ended = Child::run(wcs(folder.path(), &arguments)?, LIMIT)?.expect_code(3)?;
    ensure!(ended.err.contains("fifo_reset"), "the fault is named: {ended}");
    let report: Report = serde_json::from_slice(&fs::read(folder.path().join("r.json"))?)?;
    let count = &report.faults["fifo_reset"];
    ensure!(!report.ok && count.planned == 1 && count.applied == 0, "{:?}", report.faults);
    Ok(())
}
