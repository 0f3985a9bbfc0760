//! `wcs replay`: the core over a journal again. Every decision, fact and hash must come out as recorded.

use std::path::Path;

use wcs_engine::Replay;
use wcs_journal::ReadError;
use wcs_types::{CORE_VERSION, Plant, Record};

use crate::arguments::DirOptions;
use crate::exit::Failure;
use crate::journal_dir::JournalDir;

/// Follows records from the first on and says how many.
pub(crate) fn verify_records(
    plant: Plant,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> Result<u64, Failure> {
    let replay = wcs_engine::replay(Replay::new(plant, CORE_VERSION), records).map_err(Failure::not_ok)?;
    replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replay.records())
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
    let journal = JournalDir::open(data)?;
    if let Some(torn) = &journal.found.torn {
        println!("torn: {torn}");
    }
    let mut replay = Replay::new(journal.plant.clone(), CORE_VERSION);
    let Some(mut reader) = journal.records()? else { return Ok(replay) };
    while let Some(entry) = reader.next() {
        let entry = entry.map_err(Failure::not_ok)?;
        replay.set_recorded_version(reader.context().core_version);
        replay.follow(&entry.record).map_err(Failure::not_ok)?;
    }
    replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replay)
}
