//! A month of shifts in virtual time: what a daemon that lives long comes to. Every day is a shift of the week of number
//! "memory", with live views and store behind its journal; at its end the shift is closed in the store, and every
//! seventh night the daemon is stopped and started again on its files. Resident memory is taken at the end of each day, in
//! one process for the whole month: what a life leaves behind in it stays in the figures.
//!
//! A leak on purpose, of so many bytes for each load, is the control to that.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::front_side::FrontSide;
use crate::memory::{Week, resident_mib};
use crate::replay::write_journal;
use crate::virtual_time::Work;

/// Days between two restarts.
const DAYS_OF_A_LIFE: u16 = 7;
/// A shift that takes no time, to show that everything is there.
const REDUCED: Work = Work { chutes: 40, lines_per_order: 10, batches: 2 };

/// Lives through `days`, each a shift of `hours` (0: a short one); the files lie in `dir` meanwhile.
pub(crate) fn measure(days: u16, hours: u64, leak: usize, dir: &Path) -> Result<Value> {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    let (shift, journal, store) = (dir.join("shift"), dir.join("journal"), dir.join("store.db"));
    let work = if hours == 0 { REDUCED } else { Work::of_hours(hours) };
    let (plant, _) = write_journal(work, None, &shift)?;
    let mut week = Week::start(&journal, plant.clone())?;
    week.front = Some(FrontSide::open(&journal, &store, &plant, week.engine.durable_seq())?);
    let (mut resident, mut leaked) = (Vec::new(), Vec::new());
    let (mut restarts, mut closes, mut loads) = (0, 0, 0);
    for day in 0..days {
        if day > 0 && day % DAYS_OF_A_LIFE == 0 {
            if let Some(front) = week.front.take() {
                front.close();
            }
            week = week.restart(&journal)?;
            week.front = Some(FrontSide::open(&journal, &store, &plant, week.engine.durable_seq())?);
            restarts += 1;
        }
        week.live(day, &shift)?;
        leaked.push(vec![1_u8; leak * usize::try_from(week.loads - loads)?]);
        loads = week.loads;
        let front = week.front.as_mut().expect("there is one from the first day on");
        ensure!(front.close_shift(day)?, "loads are on the belt at the end of day {day}");
        closes += 1;
        resident.push(resident_mib()?);
    }
    week.engine.core().check_invariants().map_err(|broken| anyhow!("{broken}"))?;
    let leaked: usize = leaked.iter().map(Vec::len).sum();
    let figures = json!({
        "days": days,
        "shift_hours": hours,
        "records": week.engine.last_seq().0,
        "loads": week.loads,
        "batches_ended": week.ended,
        "shifts_closed": closes,
        "restarts": restarts,
        "checkpoints": week.checkpoints,
        "leaked_bytes": leaked,
        "resident_mib": resident,
    });
    drop(week);
    std::fs::remove_dir_all(dir)?;
    Ok(figures)
}
