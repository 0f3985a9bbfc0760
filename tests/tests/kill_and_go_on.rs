//! `wcs run` is killed without a word while the sorter goes on, three times, and started again on the same data. In
//! the end every load has one outcome, daemon and ledger agree, and the journal replays.

use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_tests::child::{tell, wait_until};
use wcs_tests::lots::Lots;
use wcs_tests::{Shift, orders};

const LIMIT: Duration = Duration::from_secs(120);
const SPEED: u32 = 20;
const ORDER_COUNT: u32 = 30;
const SEED: u64 = 2_011;
const KILLS: u64 = 3;
/// Most milliseconds from the start of the process until it commands, when it was down for less than 2 s.
const COMMANDING_MS_MAX: u64 = 500;

#[test]
fn three_kills_cost_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let totals = orders::write_made(&folder.path().join("orders.csv"), SEED, ORDER_COUNT)?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    ensure!(shift.loads == totals.lines_accepted, "{} loads of {totals:?}", shift.loads);
    let mut lots = Lots::new(SEED);
    let mut after = 0;
    for round in 1..=KILLS {
        let (mut daemon, ms) = shift.start_commanding()?;
        tell(&format!("start {round}: commanding after {ms} ms"));
        ensure!(round == 1 || ms <= COMMANDING_MS_MAX, "commanding again after {ms} ms");
        // Two ledger events a load: the moments lie all over the first three quarters of the shift.
        after += 1 + usize::try_from(lots.below(shift.loads / 2))?;
        wait_until("the ledger grows", LIMIT, || {
            ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
            Ok((shift.ledger_lines()? >= after).then_some(()))
        })?;
        daemon.kill()?.expect_killed()?;
        tell(&format!("kill {round}: behind {after} events of the ledger"));
    }
    let (daemon, ms) = shift.start_commanding()?;
    tell(&format!("last start: commanding after {ms} ms"));
    ensure!(ms <= COMMANDING_MS_MAX, "commanding again after {ms} ms");
    daemon.wait_end()?.expect_code(0)?;
    let loads = shift.loads;
    let settled = shift.settle()?;
    let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
    ensure!(found["inducted"].as_u64() == Some(loads) && found["finals"] == found["inducted"], "{settled}");
    ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
    ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    // Nobody sorts by hand here: what is not sorted is short, and the journal says which.
    let (sorted, short) = (pieces["sorted_pieces"].as_u64(), pieces["short_pieces"].as_u64());
    let accounted = sorted.zip(short).map(|(sorted, short)| sorted + short);
    ensure!(accounted == Some(totals.pieces), "{settled}");
    tell(&format!("{loads} loads, {} of {} pieces sorted", sorted.unwrap_or_default(), totals.pieces));
    Ok(())
}
