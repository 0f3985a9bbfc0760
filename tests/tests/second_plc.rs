//! A PLC that nobody of us programmed in Rust: written in Python from the profile's README alone. The daemon sorts a
//! shift with it, and its ledger agrees. Every register it uses stands in that README.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_tests::child::tell;
use wcs_tests::{Child, orders, plant, program};

const LIMIT: Duration = Duration::from_secs(120);
const ORDER_COUNT: u32 = 12;
const SEED: u64 = 536;

fn script(name: &str) -> Result<Command> {
    let mut command = Command::new(program::python()?);
    command.arg("-B").arg(program::root().join("tests/second_plc").join(name));
    Ok(command)
}

#[test]
fn every_register_it_uses_stands_in_the_readme() -> Result<()> {
    Child::run(script("test_addresses.py")?, LIMIT)?.expect_code(0)?;
    Ok(())
}

#[test]
fn daemon_and_a_plc_written_from_the_readme_agree_on_every_load() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let totals = orders::write_made(&folder.join("orders.csv"), SEED, ORDER_COUNT)?;
    // The port is free again by the time the PLC takes it; the daemon waits until somebody answers there.
    let endpoint: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let plant_file = plant::write_demo(folder, "plant.toml", endpoint)?;
    let mut plc = script("second_plc.py")?;
    plc.current_dir(folder).args([
        "--listen",
        &endpoint.to_string(),
        "--orders",
        "orders.csv",
        "--speed",
        "20",
    ]);
    plc.args([
        "--ledger",
        "ledger.jsonl",
        "--first-seq",
        "65500",
        "--torn-rate",
        "0.01",
        "--more-rate",
        "0.1",
    ]);
    let plc = Child::start(plc, LIMIT)?;
    let plant_file = plant_file.display().to_string();
    let run = ["run", "--plant", &plant_file, "--data", "data", "--orders", "orders.csv"];
    Child::run(program::wcs(folder, &run)?, LIMIT)?.expect_code(0)?;
    plc.kill()?.expect_killed()?;
    let reconcile = ["reconcile", "--data", "data", "--ledger", "ledger.jsonl"];
    let settled = Child::run(program::wcs(folder, &reconcile)?, LIMIT)?.expect_code(0)?;
    let settled: serde_json::Value = serde_json::from_str(&settled.out)?;
    let pieces = &settled["reconcile"];
    ensure!(pieces["sorted_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    ensure!(pieces["ledger_difference"] == 0 && settled["loads"]["missorted"] == 0, "{settled}");
    tell(&format!("{} pieces sorted with a PLC in Python", totals.pieces));
    Ok(())
}
