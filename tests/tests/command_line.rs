//! The commands that ask a running daemon or look at what it left: import, smoke, status, why, and the store. What why
//! says of a daemon that runs, and of its journal when nothing runs any more, is the same.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::{Child, Ended, tell, wait_until};
use wcs_tests::orders;
use wcs_tests::plant::write_demo;
use wcs_tests::program::wcs;
use wcs_tests::shift::{ORDERS, Shift};

const LIMIT: Duration = Duration::from_secs(120);

fn run(folder: &Path, arguments: &[&str]) -> Result<Ended> {
    Child::run(wcs(folder, arguments)?, LIMIT)
}

fn json(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let ended = run(folder, &[arguments, &["--json"]].concat())?.expect_code(0)?;
    serde_json::from_str(&ended.out).with_context(|| ended.out.clone())
}

#[test]
fn commands_tell_the_same_of_a_daemon_and_of_what_it_left() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = orders::write_made(&folder.path().join(ORDERS), 23, 16)?;
    let shift = Shift::start(folder.path(), 5, LIMIT)?;
    let command =
        ["run", "--plant", "plant.toml", "--data", "data", "--orders", ORDERS, "--listen", "127.0.0.1:0"];
    let mut daemon = Child::start(wcs(folder.path(), &command)?, LIMIT)?;
    let url = format!("http://{}", daemon.wait_out("serving on http://")?.trim_end_matches('/'));
    let folder = folder.path();
    wait_until("it answers everything", LIMIT, || Ok(run(folder, &["smoke", &url])?.expect_code(0).ok()))?;
    let imported = json(folder, &["import", ORDERS, "--url", &url]);
    ensure!(imported.is_err(), "made files have rows that are refused: the command says so by its code");
    let told = run(folder, &["import", ORDERS, "--url", &url, "--json"])?.expect_code(1)?;
    let told: Value = serde_json::from_str(&told.out)?;
    ensure!(told["rows_accepted"].as_u64() == Some(made.lines_accepted), "{told} of {made:?}");
    let status = json(folder, &["status", "--url", &url])?;
    ensure!(status["ok"] == true && status["lines"][0]["id"] == "sorter1", "{status}");
    let load = wait_until("a load is sorted", LIMIT, || sorted_load(&url))?;
    let (id, label) = (text(&load["id"])?, text(&load["label"])?);
    let running = json(folder, &["why", &label, "--url", &url])?;
    ensure!(running["loads"][0]["id"] == id.as_str(), "{running}");
    daemon.wait_end()?.expect_code(0)?;
    let gone = run(folder, &["status", "--url", &url])?.expect_code(1)?;
    ensure!(gone.err.contains("is the daemon running?"), "{}", gone.err);
    for subject in [&id, &label] {
        let left = json(folder, &["why", subject, "--data", "data"])?;
        // Time line and wall times too.
        let (left, running) = (&left["loads"][0], &running["loads"][0]);
        ensure!(left == running, "{left} is not {running}");
    }
    run(folder, &["why", "no such label", "--data", "data"])?.expect_code(1)?;
    // The owner of an order may be `-`; an option that does not exist is no subject.
    run(folder, &["why", "-/no such order", "--data", "data"])?.expect_code(1)?;
    run(folder, &["why", "--date", "data"])?.expect_code(2)?;
    check_store(folder)?;
    shift.sim.interrupt()?.expect_code(0)?;
    tell(&format!("command line: load {id} explained alike by the daemon and by its journal"));
    Ok(())
}

#[test]
fn commands_that_run_on_tell_json_lines_and_a_demo_one_document() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let made = orders::write_made(&folder.join(ORDERS), 29, 12)?;
    let written = json(folder, &["demo", "--write-config", "config"])?;
    ensure!(written["files"][0] == "plant.toml", "{written}");
    let report = json(folder, &["demo", "--virtual", "--orders", ORDERS])?;
    ensure!(report["ok"] == true && report["lines"]["accepted"] == made.lines_accepted, "{report}");
    let report = json(folder, &["demo", "--orders", ORDERS])?;
    ensure!(report["ok"] == true && report["store"]["differences"] == 0, "{report}");
    ensure!(report["lines"]["accepted"] == made.lines_accepted, "{report}");

    let mut sim = wcs(folder, &["sim", "run", "--json", "--plant", "config/plant.toml", "--orders", ORDERS])?;
    sim.args(["--listen", "127.0.0.1:0", "--ledger", "ledger.jsonl", "--speed", "5"]);
    let mut sim = Child::start(sim, LIMIT)?;
    let listening = sim.wait_out("{\"event\":\"listening\"")?;
    let listening: Value = serde_json::from_str(&format!("{{\"event\":\"listening\"{listening}"))?;
    let address = text(&listening["address"])?;
    write_demo(folder, "plant.toml", address.parse()?)?;
    let arguments = ["run", "--json", "--plant", "plant.toml", "--data", "data", "--orders", ORDERS];
    let mut daemon = wcs(folder, &arguments)?;
    daemon.args(["--listen", "127.0.0.1:0", "--report", "report.json"]);
    let ended = Child::run(daemon, LIMIT)?.expect_code(0)?;
    let told: Vec<Value> = ended.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let events: Vec<&str> = told.iter().filter_map(|told| told["event"].as_str()).collect();
    ensure!(events.len() == told.len() && events.last() == Some(&"stopped"), "{events:?}");
    ensure!(events.contains(&"serving") && events.contains(&"commanding"), "{events:?}");
    let written: Value = serde_json::from_slice(&fs::read(folder.join("report.json"))?)?;
    ensure!(told[told.len() - 1]["report"] == written, "the report told is the report written");
    let sim = sim.interrupt()?.expect_code(0)?;
    for line in sim.out.lines() {
        serde_json::from_str::<Value>(line).with_context(|| line.to_owned())?;
    }
    Ok(())
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| value.to_string())
}

/// A load that is in its chute, and done for good.
fn sorted_load(url: &str) -> Result<Option<Value>> {
    let client = wcs_tests::http::Http::new(url.trim_start_matches("http://").parse()?);
    let page = client.get("/api/loads?outcome=sorted&limit=1")?.json()?;
    Ok(page["items"].get(0).cloned())
}

/// The store is sound, a copy of it is rebuilt to the same, and a copy without the journal's columns is not the same.
fn check_store(folder: &Path) -> Result<()> {
    let store = "data/store.db";
    let checked = json(folder, &["store", "check", store, "--journal", "data"])?;
    ensure!(checked["ok"] == true && checked["records_behind"] == 0, "{checked}");
    fs::copy(folder.join(store), folder.join("copy.db"))?;
    let rebuild = ["store", "rebuild", "--from", "copy.db", "--journal", "data"];
    let rebuilt = json(folder, &[&rebuild[..], &["--check", store]].concat())?;
    ensure!(rebuilt["ok"] == true && rebuilt["compared"] == true, "{rebuilt}");
    ensure!(rebuilt["records"] == checked["position"], "{rebuilt} {checked}");
    // Another life of the plant left another journal: its loads are not in the store.
    run(folder, &["demo", "--virtual", "--orders", ORDERS, "--data", "other"])?.expect_code(0)?;
    let foreign = run(folder, &["store", "check", store, "--journal", "other"])?.expect_code(1)?;
    ensure!(foreign.out.contains("NOT OK"), "{}", foreign.out);
    let other = ["store", "rebuild", "--from", "copy.db", "--journal", "other", "--check", store];
    let differs = run(folder, &other)?.expect_code(1)?;
    ensure!(differs.out.contains("DIFFERS loads: "), "{} {}", differs.out, differs.err);
    run(folder, &["store", "check", "none.db"])?.expect_code(2)?;
    Ok(())
}
