//! Who stood still (rule 10). `wcs run` and `wcs sim run` are two processes, and one of them is halted (SIGSTOP) while loads
//! are on the belt. The daemon halted: the sorter goes on, the PLC misses its master, and afterwards the daemon says once
//! that it stalled, blames no device and counts what it decided too late as its own. The PLC halted, as the control to
//! that: exactly one alarm of the equipment, and nothing late because of us. In both, every load has one outcome.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::{Child, Ended, tell, wait_until};
use wcs_tests::size::{choose, is_full};
use wcs_tests::{Shift, orders};

const LIMIT: Duration = Duration::from_secs(400);
/// Loads an hour at full size. The sorter of the demo gets 10 000 an hour of plant time and carries 14 400.
const FULL_RATE: u64 = 40_000;
/// Inductions the rate is taken from.
const RATED: usize = 80;

/// A shift in which somebody stood still.
struct Stood {
    totals: wcs_sim::feed::MadeTotals,
    shift: Shift,
    ended: Ended,
    rate: u64,
}

/// Runs a shift in which one of its two processes is halted for longer than a PLC waits for its master (2 s).
fn stand_still(
    folder: &Path,
    seed: u64,
    halted: for<'a> fn(&'a Shift, &'a Child) -> &'a Child,
) -> Result<Stood> {
    let totals = orders::write_made(&folder.join("orders.csv"), seed, choose(20, 60))?;
    let shift = Shift::start(folder, choose(10, 4), LIMIT)?;
    let (mut daemon, _) = shift.start_commanding()?;
    wait_until("a quarter of the loads are under way", LIMIT, || {
        ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
        Ok((shift.ledger_lines()? as u64 >= shift.loads / 2).then_some(()))
    })?;
    let rate = shift.induction_rate(RATED)?;
    ensure!(!is_full() || rate * 100 >= FULL_RATE * 95, "{rate} loads/h are not the full rate");
    let span = Duration::from_millis(choose(5_000, 10_000));
    halted(&shift, &daemon).pause()?;
    let since = Instant::now();
    wait_until("the standstill is over", LIMIT, || Ok((since.elapsed() >= span).then_some(())))?;
    halted(&shift, &daemon).resume()?;
    let ended = daemon.wait_end()?.expect_code(0)?;
    Ok(Stood { totals, shift, ended, rate })
}

impl Stood {
    /// Codes of the alarms that were raised, in their order.
    fn raised(&self) -> Vec<&str> {
        let lines = self.ended.err.lines().filter(|line| line.contains("alarm raised"));
        lines.filter_map(|line| line.split_once("code=\"")?.1.split('"').next()).collect()
    }

    /// Every load has one outcome and nothing was mis-sorted; gives what the daemon says of its deadlines.
    fn settle(self, folder: &Path) -> Result<Value> {
        let report: Value = serde_json::from_slice(&std::fs::read(folder.join("run.json"))?)?;
        let deadline = report.get("deadline").context("the report has deadlines")?.clone();
        let loads = self.shift.loads;
        let settled = self.shift.settle()?;
        let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
        ensure!(
            found["inducted"].as_u64() == Some(loads) && found["finals"] == found["inducted"],
            "{settled}"
        );
        ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
        ensure!(pieces["expected_pieces"].as_u64() == Some(self.totals.pieces), "{settled}");
        ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
        Ok(deadline)
    }
}

#[test]
fn standstill_of_ours_raises_no_alarm_of_the_equipment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stood = stand_still(folder.path(), 77, |_, daemon| daemon)?;
    let ended = &stood.ended;
    ensure!(ended.err.contains("this process did not come to its turn"), "{ended}");
    ensure!(stood.raised() == ["self_stall"], "alarms {:?}: {ended}", stood.raised());
    let mut offline = ended.err.lines().filter(|line| line.contains("device offline"));
    ensure!(offline.all(|line| line.contains("reason=Stopped")), "the device is not to blame: {ended}");
    let rate = stood.rate;
    let deadline = stood.settle(folder.path())?;
    ensure!(deadline["self_stalls"] == 1, "{deadline}");
    ensure!(deadline["late"].as_u64() > Some(0), "the sorter waited for nobody: {deadline}");
    ensure!(deadline["late"] == deadline["late_by_self_stall"], "late because of us alone: {deadline}");
    tell(&format!(
        "self stall: daemon halted at {rate} loads/h: alarms self_stall 1, of the equipment 0; late {}, by our stall {}; \
         0 mis-sorted",
        deadline["late"], deadline["late_by_self_stall"]
    ));
    Ok(())
}

#[test]
fn the_same_standstill_of_the_plc_is_one_alarm_of_the_equipment() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stood = stand_still(folder.path(), 78, |shift, _| &shift.sim)?;
    let ended = &stood.ended;
    // A machine that is busy may make us stall beside it: that is ours, and said so.
    let of_equipment: Vec<&str> = stood.raised().into_iter().filter(|code| *code != "self_stall").collect();
    ensure!(of_equipment == ["link_down"], "alarms {of_equipment:?}: {ended}");
    let rate = stood.rate;
    let deadline = stood.settle(folder.path())?;
    ensure!(
        deadline["self_stalls"].as_u64() > Some(0) || deadline["late_by_self_stall"] == 0,
        "late because of them: {deadline}"
    );
    tell(&format!(
        "self stall: PLC halted at {rate} loads/h: alarms of the equipment 1 (link_down), self_stall {}; late {}, by our \
         stall {}; 0 mis-sorted",
        deadline["self_stalls"], deadline["late"], deadline["late_by_self_stall"]
    ));
    Ok(())
}
