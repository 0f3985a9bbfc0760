//! A shift whose daemon is watched by `strace`: it is killed as often as asked for, then runs to its end and seals its
//! journal. What is left are the calls of each of its lives, in the order in which they began.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};

use crate::child::{Child, wait_until};
use crate::orders::write_made;
use crate::shift::{DATA, ORDERS, Shift};
use crate::syscalls::{Call, parse, traced};

const SPEED: u32 = 20;
const SEED: u64 = 77;

/// Calls of every life.
pub type Lives = Vec<Vec<Call>>;

/// Runs a shift of `order_count` orders in `folder` with `kills` kills and settles it.
///
/// # Errors
/// The shift does not come out as it should.
pub fn record(folder: &Path, order_count: u32, kills: usize, limit: Duration) -> Result<Lives> {
    let totals = write_made(&folder.join(ORDERS), SEED, order_count)?;
    let shift = Shift::start(folder, SPEED, limit)?;
    let mut lives = Lives::new();
    for life in 0..=kills {
        let trace = folder.join(format!("trace-{life}"));
        let mut daemon = Child::start(traced(&shift.daemon(DATA)?, &trace, &[])?, limit)?;
        daemon.wait_out("commanding after ")?;
        if life < kills {
            // Two ledger events a load: the moments lie all over the shift.
            let share = 2 * usize::try_from(shift.loads)? / (kills + 1);
            let after = share * life + share / 2;
            wait_until("the ledger grows", limit, || {
                ensure!(daemon.is_running()?, "the daemon ended by itself: {daemon}");
                Ok((shift.ledger_lines()? >= after).then_some(()))
            })?;
            kill(shift.daemon_id()?, Signal::SIGKILL)?;
            daemon.wait_end()?.expect_killed()?;
        } else {
            daemon.wait_end()?.expect_code(0)?;
        }
        lives.push(parse(&fs::read_to_string(&trace)?)?);
    }
    let settled = shift.settle()?;
    let pieces = &settled["reconcile"];
    ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    Ok(lives)
}
