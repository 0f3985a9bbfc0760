//! `wcs replay`: the core over a journal again. Every decision, fact, hash and checkpoint must come out as recorded;
//! records of another version have their decisions imposed. With a range or a filter the records are shown as well,
//! in the time in which they were made if that is asked for.

mod divergence;
mod kinds;
pub(crate) mod options;
pub(crate) mod selection;
mod shown_records;
pub(crate) mod state_difference;

use std::path::Path;

use serde_json::{Value, json};
use wcs_core::Core;
use wcs_engine::{Chronicle, Divergence, Replay, prove, restore};
use wcs_journal::{Fault, FileStorage, ReadError, checkpoint_name, list_checkpoints, read_checkpoint};
use wcs_types::{CORE_VERSION, Plant, Record, Seq};

use crate::exit::Failure;
use crate::journal_dir::{JournalDir, journal_dir};
use crate::shown::Shown;
use divergence::{Explained, explain};
use options::ReplayOptions;
use selection::{Filter, Range};
use shown_records::ShownRecords;

/// Differing decisions that are printed one by one.
pub(crate) const DIFFERENCES_SHOWN_MAX: usize = 100;

/// Follows records from the first on and says how many.
pub(crate) fn verify_records(
    plant: Plant,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> Result<u64, Failure> {
    let replay = wcs_engine::replay(Replay::new(plant, CORE_VERSION), records).map_err(Failure::not_ok)?;
    replay.core().check_invariants().map_err(Failure::not_ok)?;
    Ok(replay.records())
}

/// A journal that was replayed to the end of a range.
pub(crate) struct Replayed {
    pub(crate) replay: Replay,
    /// Checkpoints that came out again.
    pub(crate) checkpoints: u64,
    /// Checkpoints of another version, whose states mean nothing to this one.
    pub(crate) checkpoints_foreign: u64,
    /// Record of the checkpoint it began with; `NONE` when it began at the first record.
    restored: Seq,
    /// What an interrupted write left behind the end.
    torn: Option<String>,
}

/// Why a replay did not come to its end.
enum Stopped {
    /// The first divergence, with the record it is in.
    Diverged { divergence: Divergence, record: Box<Record>, restored: Seq },
    /// Something else.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

pub(crate) fn replay_command(options: &ReplayOptions, shown: Shown) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let dir = &options.dir;
    let opened = Opened::of(dir)?;
    if !options.shows_records() {
        let end = opened.journal.found.last_seq;
        let came = walk(opened, Range { first: Seq(1), last: end }, false, |_| Ok(true));
        let replayed = settled(dir, came, shown)?;
        let document = document(&replayed, began.elapsed().as_secs_f64());
        return shown.print(&document, || summary(&replayed, began.elapsed().as_secs_f64()));
    }
    let range = Range::find(&opened.journal, options)?;
    let mut filter = Filter::of(options, &opened.journal.plant)?;
    let may_skip = !filter.needs_all();
    let mut records = ShownRecords::new(shown, options.speed, range);
    let came = walk(opened, range, may_skip, |record| records.see(record, &mut filter));
    let replayed = settled(dir, came, shown)?;
    let seconds = began.elapsed().as_secs_f64();
    let mut document = document(&replayed, seconds);
    document["range"] = json!([range.first.0, range.last.0]);
    document["records_matching"] = records.matching().into();
    document["matching"] = records.take_kept();
    document["kinds_seen"] = json!(filter.kinds_seen());
    shown.print(&document, || {
        let mut text = format!(
            "{} records shown of records {} to {}\n",
            records.matching(),
            range.first.0,
            range.last.0
        );
        if records.matching() == 0 && !filter.kinds_seen().is_empty() {
            text += &format!("kinds there were: {}\n", filter.kinds_seen().join(", "));
        }
        text + &summary(&replayed, seconds)
    })
}

/// Says where a replay diverged, with the difference of the states.
fn settled(dir: &Path, came: Result<Replayed, Stopped>, shown: Shown) -> Result<Replayed, Failure> {
    let (divergence, record, restored) = match came {
        Ok(replayed) => return Ok(replayed),
        Err(Stopped::Failed(failure)) => return Err(failure),
        Err(Stopped::Diverged { divergence, record, restored }) => (divergence, record, restored),
    };
    let Explained { compared, state } = explained(dir, restored, &record)?;
    if shown == Shown::Json {
        let document = json!({
            "ok": false,
            "record": record.seq.0,
            "divergence": divergence.to_string(),
            "compared": compared,
            "state_difference": state,
        });
        shown.print(&document, String::new)?;
    }
    let state: String = state.iter().map(|line| format!("\n  {line}")).collect();
    Err(Failure::NotOk(format!("{divergence}\n{compared}{}{state}", if state.is_empty() { "" } else { ":" })))
}

fn explained(dir: &Path, restored: Seq, record: &Record) -> Result<Explained, Failure> {
    let opened = Opened::of(dir)?;
    let last = Seq(record.seq.0 - 1);
    let start = if restored == Seq::NONE { None } else { opened.start_of(restored) };
    let replay = opened.replay_from(start);
    let replay = follow_through(&opened.journal, replay, last)?;
    explain(&opened.journal, replay.into_core(), record)
}

/// Replays what once came out well, up to `last`.
fn follow_through(journal: &JournalDir, mut replay: Replay, last: Seq) -> Result<Replay, Failure> {
    let first = replay.core().seq().next();
    if first <= last
        && let Some(mut reader) = journal.records_between(first, last)?
    {
        while let Some(entry) = reader.next() {
            let record = entry.map_err(Failure::not_ok)?.record;
            replay.set_recorded_version(reader.context().core_version);
            replay.follow(&record).map_err(Failure::not_ok)?;
        }
    }
    Ok(replay)
}

/// Replays the journal in a data directory to its end and holds every checkpoint against it.
pub(crate) fn replay_dir(data: &Path) -> Result<Replayed, Failure> {
    let opened = Opened::of(data)?;
    let range = Range { first: Seq(1), last: opened.journal.found.last_seq };
    walk(opened, range, false, |_| Ok(true)).map_err(|stopped| match stopped {
        Stopped::Diverged { divergence, .. } => Failure::not_ok(divergence),
        Stopped::Failed(failure) => failure,
    })
}

/// A journal and the checkpoints beside it.
struct Opened {
    journal: JournalDir,
    /// Newest first.
    saved: Vec<Seq>,
}

impl Opened {
    fn of(data: &Path) -> Result<Self, Failure> {
        // Looked at first: a daemon that is at work writes them behind the records.
        let storage = FileStorage::open_read_only(&journal_dir(data)).map_err(Failure::bad_input)?;
        let saved = list_checkpoints(&storage).map_err(Failure::not_ok)?;
        Ok(Self { journal: JournalDir::open(data)?, saved })
    }

    /// The newest core before a record that this version saved and can go on from. A checkpoint that does not serve
    /// costs time only; whether it is good is what the replay of the whole journal says.
    fn start_before(&self, first: Seq) -> Option<(Core, Chronicle)> {
        self.saved.iter().filter(|seq| **seq < first).find_map(|seq| self.start_of(*seq))
    }

    fn start_of(&self, seq: Seq) -> Option<(Core, Chronicle)> {
        let checkpoint = read_checkpoint(&self.journal.storage, seq).ok()?;
        let is_ours = checkpoint.genesis == self.journal.found.genesis
            && checkpoint.context.core_version == CORE_VERSION;
        if is_ours { restore(&checkpoint).ok() } else { None }
    }

    fn replay_from(&self, start: Option<(Core, Chronicle)>) -> Replay {
        match start {
            Some((core, _)) => Replay::from_core(core, CORE_VERSION),
            None => Replay::new(self.journal.plant.clone(), CORE_VERSION),
        }
    }
}

/// Replays up to the end of a range, and holds each checkpoint that is passed against it. `see` is shown every record
/// that was followed; false ends the replay.
fn walk(
    opened: Opened,
    range: Range,
    may_skip: bool,
    mut see: impl FnMut(&Record) -> Result<bool, Failure>,
) -> Result<Replayed, Stopped> {
    let start = if may_skip { opened.start_before(range.first) } else { None };
    let mut chronicle = start.as_ref().map(|(_, chronicle)| chronicle.clone()).unwrap_or_default();
    let replay = opened.replay_from(start);
    let restored = replay.core().seq();
    let Opened { journal, mut saved } = opened;
    let torn = journal.found.torn.as_ref().map(ToString::to_string);
    let mut replayed = Replayed { replay, checkpoints: 0, checkpoints_foreign: 0, restored, torn };
    saved.retain(|seq| *seq > restored);
    let is_whole = range.last == journal.found.last_seq;
    if let Some(mut reader) = journal.records_between(restored.next(), range.last)? {
        while let Some(entry) = reader.next() {
            let record = entry.map_err(Failure::not_ok)?.record;
            replayed.replay.set_recorded_version(reader.context().core_version);
            if let Err(divergence) = replayed.replay.follow(&record) {
                return Err(Stopped::Diverged { divergence, record: Box::new(record), restored });
            }
            chronicle.see_record(&record);
            if saved.pop_if(|seq| *seq == record.seq).is_some() {
                replayed.prove(&journal, record.seq, &chronicle)?;
            }
            if !see(&record)? {
                return Ok(replayed);
            }
        }
    }
    if let Some(seq) = saved.last().filter(|_| is_whole) {
        let name = checkpoint_name(*seq);
        return Err(Failure::not_ok(format!("{name}: the journal ends before its record")).into());
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

/// Differing decisions as they are listed: the record and the words.
pub(crate) fn listed(replay: &Replay) -> Vec<(u64, String)> {
    let listed = replay.differences().iter().take(DIFFERENCES_SHOWN_MAX);
    listed.map(|(seq, difference)| (seq.0, difference.to_string())).collect()
}

fn document(replayed: &Replayed, seconds: f64) -> Value {
    let replay = &replayed.replay;
    json!({
        "ok": true,
        "restored": replayed.restored.0,
        "records": replay.records(),
        "checkpoints": replayed.checkpoints,
        "checkpoints_of_other_versions": replayed.checkpoints_foreign,
        "seconds": seconds,
        "state": format!("{:016x}", replay.core().state_hash().0),
        "records_of_older_versions": replay.imposed(),
        "differences": replay.difference_count(),
        "first_differences": listed(replay),
        "torn": replayed.torn,
    })
}

fn summary(replayed: &Replayed, seconds: f64) -> String {
    let replay = &replayed.replay;
    let mut text = String::new();
    if let Some(torn) = &replayed.torn {
        text += &format!("torn: {torn}\n");
    }
    text += &differences_text(replay);
    if replayed.checkpoints_foreign > 0 {
        text += &format!("{} checkpoints of another version, not compared\n", replayed.checkpoints_foreign);
    }
    if replayed.restored != Seq::NONE {
        text += &format!("began with the checkpoint of record {}\n", replayed.restored.0);
    }
    text + &format!(
        "{} records and {} checkpoints verified in {seconds:.3} s, state {:016x}, {} records of an older version, {} \
         of its decisions differ",
        replay.records(),
        replayed.checkpoints,
        replay.core().state_hash().0,
        replay.imposed(),
        replay.difference_count()
    )
}

/// Differing decisions, one a line, and how many more.
pub(crate) fn differences_text(replay: &Replay) -> String {
    let mut text = String::new();
    for (seq, difference) in listed(replay) {
        text += &format!("record {seq}: {difference}\n");
    }
    if replay.difference_count() > DIFFERENCES_SHOWN_MAX as u64 {
        text += &format!("{} more\n", replay.difference_count() - DIFFERENCES_SHOWN_MAX as u64);
    }
    text
}
