//! `kill -9` under load on real files, again and again, at moments drawn by lot. After every kill the journal holds
//! every event that the PLC was told to forget; at the end of every shift daemon and ledger agree piece by piece,
//! and the journal replays and verifies.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_journal::{FileStorage, Reader, recover};
use wcs_tests::child::tell;
use wcs_tests::lots::Lots;
use wcs_tests::size::choose;
use wcs_tests::{PlcView, Shift, orders};
use wcs_types::{EventSeq, Input, Seq};

const LIMIT: Duration = Duration::from_secs(240);
const SPEED: u32 = 20;
const SEED: u64 = 300;
/// Records at the end of a journal among which the last event is looked for.
const TAIL: u64 = 4_096;

/// A moment between 50 and 800 ms.
fn moment(lots: &mut Lots) -> Duration {
    Duration::from_millis(50 + lots.below(751))
}

/// What the shifts came to.
#[derive(Default)]
struct Course {
    kills: u32,
    shifts: u32,
    loads: u64,
    pieces: u64,
    slowest_ms: u64,
}

#[test]
fn kills_under_load_lose_nothing_and_double_nothing() -> Result<()> {
    let kills = choose(10, 300);
    let order_count = choose(20, 60);
    let mut lots = Lots::new(SEED);
    let mut course = Course::default();
    while course.kills < kills {
        let before = course.kills;
        course.shift(kills, order_count, &mut lots)?;
        ensure!(course.kills > before, "a whole shift passed without a kill: it is too short");
    }
    tell(&format!(
        "{} kills in {} shifts: {} loads, {} pieces, difference 0, commanding again after at most {} ms",
        course.kills, course.shifts, course.loads, course.pieces, course.slowest_ms
    ));
    Ok(())
}

impl Course {
    /// One order file from the first load to the last: the daemon is killed until enough kills were counted or its
    /// work is done.
    fn shift(&mut self, kills: u32, order_count: u32, lots: &mut Lots) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let seed = SEED + u64::from(self.shifts);
        let totals = orders::write_made(&folder.path().join("orders.csv"), seed, order_count)?;
        let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
        let plc = PlcView::new(folder.path(), shift.address)?;
        ensure!(shift.loads == totals.lines_accepted, "{} loads of {totals:?}", shift.loads);
        loop {
            let mut daemon = shift.start_daemon()?;
            let Ok(said) = daemon.wait_out("commanding after ") else {
                // Everything was done when it started: it said so by its exit code.
                daemon.wait_end()?.expect_code(0)?;
                break;
            };
            let ms = said.split(' ').next().unwrap_or_default().parse().with_context(|| said.clone())?;
            self.slowest_ms = self.slowest_ms.max(ms);
            if self.kills == kills || daemon.has_ended_within(moment(lots)) {
                daemon.wait_end()?.expect_code(0)?;
                break;
            }
            daemon.kill()?.expect_killed()?;
            self.kills += 1;
            let forgotten = EventSeq(plc.header()?[plc.map.header.evt_ack_echo]);
            let kept = next_event(&folder.path().join("data").join("journal"))?;
            ensure!(
                kept.is_none_or(|next| !forgotten.is_newer_than(next)),
                "kill {}: the PLC forgot all events before {}, the journal ends before {kept:?}",
                self.kills,
                forgotten.0
            );
        }
        let settled = shift.settle()?;
        let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
        let inducted = found["inducted"].as_u64().context("loads inducted")?;
        // A load whose decision point passes while nobody is there, four times in a row, comes to the exception lane and
        // is inducted once more: what counts is that each label is sorted once.
        let sorted = found["outcomes"]["sorted"].as_u64().context("loads sorted")?;
        ensure!(sorted == totals.lines_accepted && found["finals"] == found["inducted"], "{settled}");
        ensure!(found["open"] == 0 && found["missorted"] == 0, "{settled}");
        ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
        ensure!(pieces["sorted_pieces"] == pieces["expected_pieces"], "{settled}");
        ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
        self.shifts += 1;
        self.loads += inducted;
        self.pieces += totals.pieces;
        tell(&format!("shift {}: {} kills so far, {inducted} loads settled", self.shifts, self.kills));
        Ok(())
    }
}

/// The event behind the last one in a journal; `None` when its tail holds none.
fn next_event(journal: &std::path::Path) -> Result<Option<EventSeq>> {
    let storage = FileStorage::open_read_only(journal)?;
    let last = recover(&storage)?.last_seq;
    if last == Seq::NONE {
        return Ok(None);
    }
    let mut next = None;
    for entry in Reader::open(&storage, Seq(last.0.saturating_sub(TAIL).max(1)), last)? {
        if let Input::Sorter { event, .. } = entry?.record.input {
            next = Some(event.seq_last.plus(1));
        }
    }
    Ok(next)
}
