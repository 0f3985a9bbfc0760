//! `wcs replay`: the core over a journal again. Every decision, fact and hash must come out as recorded.

use std::path::{Path, PathBuf};

use wcs_engine::{Replay, journal_plant};
use wcs_journal::{FileStorage, ReadError, Reader, recover};
use wcs_types::{CORE_VERSION, Plant, Record, Seq};

use crate::arguments::DirOptions;
use crate::exit::Failure;

/// Follows records from the first on and says how many.
pub(crate) fn verify_records(
    plant: Plant,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> Result<u64, Failure> {
    let replay = wcs_engine::replay(Replay::new(plant, CORE_VERSION), records).map_err(Failure::not_ok)?;
    replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replay.records())
}

/// The journal directory of a data directory, or the directory itself when it holds segments.
pub(crate) fn journal_dir(dir: &Path) -> PathBuf {
    let inside = dir.join("journal");
    if inside.is_dir() { inside } else { dir.to_owned() }
}

pub(crate) fn replay_command(options: &DirOptions) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let replay = replay_dir(&options.dir)?;
    println!(
        "{} records verified in {:.3} s, state {:016x}, {} decisions differ from an older version",
        replay.records(),
        began.elapsed().as_secs_f64(),
        replay.core().state_hash().0,
        replay.differences().len()
    );
    Ok(())
}

/// Replays the journal in a data directory to its end.
pub(crate) fn replay_dir(data: &Path) -> Result<Replay, Failure> {
    let dir = journal_dir(data);
    let storage = FileStorage::open_read_only(&dir).map_err(Failure::bad_input)?;
    let found = recover(&storage).map_err(Failure::not_ok)?;
    let context = found.context.as_ref();
    let context = context.ok_or_else(|| Failure::bad_input(format!("{}: there is no journal", dir.display())))?;
    let plant = journal_plant(context).map_err(Failure::not_ok)?;
    if let Some(torn) = &found.torn {
        println!("torn: {torn}");
    }
    let mut replay = Replay::new(plant, CORE_VERSION);
    if found.last_seq == Seq::NONE {
        return Ok(replay);
    }
    let mut reader = Reader::open(&storage, Seq(1), found.last_seq).map_err(Failure::not_ok)?;
    while let Some(entry) = reader.next() {
        let entry = entry.map_err(Failure::not_ok)?;
        replay.set_recorded_version(reader.context().core_version);
        replay.follow(&entry.record).map_err(Failure::not_ok)?;
    }
    replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replay)
}
