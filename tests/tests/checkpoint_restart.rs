//! Checkpoints of a whole daemon: written at a clean stop, restored by the next start, held against the journal by
//! `wcs replay`. A damaged one is named by everybody, and stops only the commands that prove.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::program::wcs;
use wcs_tests::{Shift, orders};

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with plant, orders and the journal of a daemon that was stopped in order, twice; its sorter is gone.
fn stopped_twice() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 4, 30)?;
    let shift = Shift::start(folder.path(), 20, LIMIT)?;
    for lines in [60, 140] {
        let (daemon, _) = shift.start_commanding()?;
        wait_until("loads are sorted", LIMIT, || Ok((shift.ledger_lines()? >= lines).then_some(())))?;
        daemon.interrupt()?.expect_code(0)?;
    }
    Ok(folder)
}

/// Checkpoints of a journal, oldest first.
fn checkpoints(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join("data").join("journal"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wcsc") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn flip(file: &Path, at: usize) -> Result<()> {
    let mut bytes = fs::read(file)?;
    *bytes.get_mut(at).context("a byte of the file")? ^= 0x10;
    fs::write(file, bytes)?;
    Ok(())
}

fn start(folder: &Path) -> Result<Child> {
    let arguments = ["run", "--plant", "plant.toml", "--data", "data", "--orders", "orders.csv"];
    let mut command = wcs(folder, &arguments)?;
    command.env("WCS_LOG", "info");
    Child::start(command, LIMIT)
}

#[test]
fn clean_stop_seals_and_saves_and_the_next_start_replays_nothing() -> Result<()> {
    let folder = stopped_twice()?;
    let saved = checkpoints(folder.path())?;
    ensure!(saved.len() == 2, "two are kept: {saved:?}");
    let verified = Child::run(wcs(folder.path(), &["journal", "verify", "data"])?, LIMIT)?.expect_code(0)?;
    ensure!(verified.out.contains("2 checkpoints, sealed: sound"), "{verified}");
    let replayed = Child::run(wcs(folder.path(), &["replay", "data"])?, LIMIT)?.expect_code(0)?;
    ensure!(replayed.out.contains("and 2 checkpoints verified"), "{replayed}");
    let mut daemon = start(folder.path())?;
    let recovered = daemon.wait_err(&["core recovered", "replayed=0"])?;
    tell(&format!("checkpoints: {}", recovered.split_once("core recovered ").map_or("", |(_, rest)| rest)));
    // The sorter is gone; what the last records said of it is in the checkpoint.
    daemon.wait_err(&["cannot connect"])?;
    daemon.interrupt()?.expect_code(0)?;
    ensure!(checkpoints(folder.path())?.len() == 2, "old ones are removed");
    Ok(())
}

#[test]
fn flipped_byte_in_a_checkpoint_is_named_and_costs_only_time() -> Result<()> {
    let folder = stopped_twice()?;
    let saved = checkpoints(folder.path())?;
    let newest = saved.last().context("a checkpoint")?;
    let name = newest.file_name().context("a name")?.to_string_lossy().into_owned();
    let size = usize::try_from(fs::metadata(newest)?.len())?;
    let step = wcs_tests::size::choose(9_973, 997);
    let mut places: Vec<usize> = (0..size).step_by(step).collect();
    places.extend([9, 20, 60, size - 1]);
    tell(&format!("checkpoints: {} of {size} bytes flipped, each named", places.len()));
    for at in places {
        flip(newest, at)?;
        for command in ["replay data", "journal verify data"] {
            let arguments: Vec<&str> = command.split(' ').collect();
            let ended = Child::run(wcs(folder.path(), &arguments)?, LIMIT)?.expect_code(1)?;
            let said = format!("journal damaged in {name} at byte 0");
            ensure!(ended.err.contains(&said), "byte {at}: {ended}");
        }
        flip(newest, at)?;
    }
    flip(newest, size / 2)?;
    let mut daemon = start(folder.path())?;
    daemon.wait_err(&["ERROR", &name, "checkpoint_unusable"])?;
    daemon.wait_err(&["core recovered"])?;
    daemon.wait_err(&["cannot connect"])?;
    daemon.interrupt()?.expect_code(0)?;
    Ok(())
}
