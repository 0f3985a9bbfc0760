//! `wcs run` stands still for some seconds (SIGSTOP) while the sorter goes on, long enough for the PLC to miss it. It
//! says that it stalled, blames no device, and every load has one outcome.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wcs_tests::child::{tell, wait_until};
use wcs_tests::{Shift, orders, size};

const LIMIT: Duration = Duration::from_secs(120);
const SPEED: u32 = 10;
/// The PLC misses a WCS after 2 s.
const STANDSTILL: Duration = Duration::from_millis(3_500);

#[test]
fn standstill_of_ours_raises_no_alarm_of_the_equipment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let totals = orders::write_made(&folder.path().join("orders.csv"), 77, size::choose(20, 60))?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let (mut daemon, _) = shift.start_commanding()?;
    wait_until("a quarter of the loads are under way", LIMIT, || {
        ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
        Ok((shift.ledger_lines()? as u64 >= shift.loads / 2).then_some(()))
    })?;
    let process = Pid::from_raw(i32::try_from(daemon.id())?);
    kill(process, Signal::SIGSTOP)?;
    let stopped = Instant::now();
    wait_until("the standstill is over", LIMIT, || Ok((stopped.elapsed() >= STANDSTILL).then_some(())))?;
    kill(process, Signal::SIGCONT)?;
    daemon.wait_err(&["this process did not come to its turn"])?;
    let ended = daemon.wait_end()?.expect_code(0)?;
    let raised: Vec<&str> = ended.err.lines().filter(|line| line.contains("alarm raised")).collect();
    ensure!(raised.len() == 1 && raised[0].contains("self_stall"), "alarms {raised:?}: {ended}");
    let mut offline = ended.err.lines().filter(|line| line.contains("device offline"));
    ensure!(offline.all(|line| line.contains("reason=Stopped")), "the device is not to blame: {ended}");
    let report = std::fs::read(folder.path().join("run.json"))?;
    let report: serde_json::Value = serde_json::from_slice(&report)?;
    let deadline = report.get("deadline").context("the report has deadlines")?;
    ensure!(deadline["self_stalls"] == 1, "{deadline}");
    ensure!(deadline["late"] == deadline["late_by_self_stall"], "late because of us alone: {deadline}");
    tell(&format!("{deadline}"));
    let loads = shift.loads;
    let settled = shift.settle()?;
    let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
    ensure!(found["inducted"].as_u64() == Some(loads) && found["finals"] == found["inducted"], "{settled}");
    ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
    ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    Ok(())
}
