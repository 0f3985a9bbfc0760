//! `wcs replay`: the core over a journal again. Every decision, fact, hash and checkpoint must come
//! out as recorded.

use std::path::Path;

use wcs_engine::{Chronicle, Replay, prove};
use wcs_journal::{Fault, FileStorage, ReadError, checkpoint_name, list_checkpoints, read_checkpoint};
use wcs_types::{CORE_VERSION, Plant, Record, Seq};

use crate::arguments::DirOptions;
use crate::exit::Failure;
use crate::journal_dir::{JournalDir, journal_dir};
use crate::shown::Shown;

/// Differing decisions that are printed one by one.
const DIFFERENCES_SHOWN_MAX: usize = 100;

/// Follows records from the first on and says how many.
pub(crate) fn verify_records(
    plant: Plant,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> Result<u64, Failure> {
    let replay = wcs_engine::replay(Replay::new(plant, CORE_VERSION), records).map_err(Failure::not_ok)?;
    replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replay.records())
}

/// A journal that was replayed to its end.
pub(crate) struct Replayed {
    pub(crate) replay: Replay,
    /// Checkpoints that came out again.
    pub(crate) checkpoints: u64,
    /// Checkpoints of another version, whose states mean nothing to this one.
    pub(crate) checkpoints_foreign: u64,
    /// What an interrupted write left behind the end.
    torn: Option<String>,
}

pub(crate) fn replay_command(options: &DirOptions, shown: Shown) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let replayed = replay_dir(&options.dir)?;
    let seconds = began.elapsed().as_secs_f64();
    let replay = &replayed.replay;
    let listed = replay.differences().iter().take(DIFFERENCES_SHOWN_MAX);
    let listed: Vec<(u64, String)> =
        listed.map(|(seq, difference)| (seq.0, difference.to_string())).collect();
    let document = serde_json::json!({
        "ok": true,
        "records": replay.records(),
        "checkpoints": replayed.checkpoints,
        "checkpoints_of_other_versions": replayed.checkpoints_foreign,
        "seconds": seconds,
        "state": format!("{:016x}", replay.core().state_hash().0),
        "records_of_older_versions": replay.imposed(),
        "differences": replay.difference_count(),
        "first_differences": listed,
        "torn": replayed.torn,
    });
    shown.print(&document, || {
        let mut text = String::new();
        if let Some(torn) = &replayed.torn {
            text += &format!("torn: {torn}\n");
        }
        for (seq, difference) in &listed {
            text += &format!("record {seq}: {difference}\n");
        }
        if replay.difference_count() > DIFFERENCES_SHOWN_MAX as u64 {
            text += &format!("{} more\n", replay.difference_count() - DIFFERENCES_SHOWN_MAX as u64);
        }
        if replayed.checkpoints_foreign > 0 {
            text +=
                &format!("{} checkpoints of another version, not compared\n", replayed.checkpoints_foreign);
        }
        text + &format!(
            "{} records and {} checkpoints verified in {seconds:.3} s, state {:016x}, {} records of an older \
             version, {} of its decisions differ",
            replay.records(),
            replayed.checkpoints,
            replay.core().state_hash().0,
            replay.imposed(),
            replay.difference_count()
        )
    })
}

/// Replays the journal in a data directory to its end and holds every checkpoint against it.
pub(crate) fn replay_dir(data: &Path) -> Result<Replayed, Failure> {
    // Looked at first: a daemon that is at work writes them behind the records.
    let storage = FileStorage::open_read_only(&journal_dir(data)).map_err(Failure::bad_input)?;
    let mut saved = list_checkpoints(&storage).map_err(Failure::not_ok)?;
    let journal = JournalDir::open(data)?;
    let replay = Replay::new(journal.plant.clone(), CORE_VERSION);
    let torn = journal.found.torn.as_ref().map(ToString::to_string);
    let mut replayed = Replayed { replay, checkpoints: 0, checkpoints_foreign: 0, torn };
    let mut chronicle = Chronicle::default();
    if let Some(mut reader) = journal.records()? {
        while let Some(entry) = reader.next() {
            let record = entry.map_err(Failure::not_ok)?.record;
            replayed.replay.set_recorded_version(reader.context().core_version);
            replayed.replay.follow(&record).map_err(Failure::not_ok)?;
            chronicle.see_record(&record);
            if saved.pop_if(|seq| *seq == record.seq).is_some() {
                replayed.prove(&journal, record.seq, &chronicle)?;
            }
        }
    }
    if let Some(seq) = saved.last() {
        let name = checkpoint_name(*seq);
        return Err(Failure::not_ok(format!("{name}: the journal ends before its record")));
    }
    replayed.replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replayed)
}

impl Replayed {
    fn prove(&mut self, journal: &JournalDir, seq: Seq, chronicle: &Chronicle) -> Result<(), Failure> {
        let checkpoint = match read_checkpoint(&journal.storage, seq) {
            Ok(checkpoint) => checkpoint,
            // Pruned meanwhile.
            Err(ReadError::Storage(error)) if error.fault == Fault::NotFound => return Ok(()),
            Err(error) => return Err(Failure::not_ok(error)),
        };
        let place = |what: String| Failure::not_ok(format!("{}: {what}", checkpoint_name(seq)));
        if checkpoint.genesis != journal.found.genesis {
            return Err(place("it belongs to another journal".to_owned()));
        }
        match prove(&checkpoint, self.replay.core(), chronicle) {
            Ok(true) => self.checkpoints += 1,
            Ok(false) => self.checkpoints_foreign += 1,
            Err(error) => return Err(place(error.to_string())),
        }
        Ok(())
    }
}
