//! What has happened, for those who ask: durable records out of the journal files, each with the wall time it came
//! about. Readers that stopped at the end are kept for whoever goes on there. A wall time is a matter of the files alone,
//! so that it is the same whoever reads them, and whether the process that wrote them still runs.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wcs_api::ports::{FindError, Records, RecordsError, Sought, Told};
use wcs_journal::{FileStorage, Reader, Stamp};
use wcs_types::{Record, Seq};

use super::Shared;
use crate::journal_index::JournalIndex;

/// Readers that are kept: one for each that follows, and some.
const READERS_KEPT_MAX: usize = 4;

/// A record with its wall time: by the clock that was looked at when its batch was made, and where nobody looked at one
/// by core time, which began with the journal.
pub(crate) fn tell(record: Record, stamp: Option<Stamp>, genesis: u64) -> Told {
    let unix_ms = match stamp.filter(|stamp| stamp.wall_unix_ms != 0) {
        Some(stamp) => stamp.wall_unix_ms.saturating_sub(stamp.now.since(record.now).as_millis()),
        None => genesis.saturating_add(record.now.0 / 1_000_000),
    };
    Told { unix_ms, record }
}

/// The records of the journal that this process writes.
pub(crate) struct JournalRecords {
    files: FileStorage,
    shared: Arc<Shared>,
    genesis: u64,
    index: Arc<JournalIndex>,
    kept: Mutex<VecDeque<Reader<FileStorage>>>,
}

impl JournalRecords {
    pub(super) fn new(
        files: FileStorage,
        shared: Arc<Shared>,
        genesis: u64,
        index: Arc<JournalIndex>,
    ) -> Self {
        Self { files, shared, genesis, index, kept: Mutex::default() }
    }

    /// A reader that stands at `from`.
    fn reader(&self, from: Seq, durable: Seq) -> Result<Reader<FileStorage>, wcs_journal::ReadError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|reader| reader.next_seq() == from);
        match found.and_then(|at| kept.remove(at)) {
            Some(mut reader) => {
                reader.extend_to(durable);
                Ok(reader)
            }
            None => {
                drop(kept);
                Reader::open(&self.files, from, durable)
            }
        }
    }

    fn keep(&self, reader: Reader<FileStorage>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(reader);
        if kept.len() > READERS_KEPT_MAX {
            kept.pop_front();
        }
    }
}

impl Records for JournalRecords {
    fn durable(&self) -> Seq {
        Seq(self.shared.durable_seq.load(Ordering::Acquire))
    }

    fn read(&self, from: Seq, visit: &mut dyn FnMut(&Told) -> bool) -> Result<(), RecordsError> {
        let (from, durable) = (from.max(Seq(1)), self.durable());
        if from > durable {
            return Ok(());
        }
        let failed = |at, error: wcs_journal::ReadError| RecordsError { at, cause: error.to_string() };
        let mut reader = self.reader(from, durable).map_err(|error| failed(from, error))?;
        while reader.next_seq() <= durable {
            let at = reader.next_seq();
            // Up to what is durable a reader yields every record.
            let Some(entry) = reader.next() else { break };
            let record = entry.map_err(|error| failed(at, error))?.record;
            if !visit(&tell(record, reader.stamp(), self.genesis)) {
                return Ok(());
            }
        }
        self.keep(reader);
        Ok(())
    }

    fn find(&self, sought: &Sought) -> Result<Vec<Seq>, FindError> {
        self.index.find(sought, self.durable())
    }

    fn read_these(&self, seqs: &[Seq], visit: &mut dyn FnMut(&Told)) -> Result<(), RecordsError> {
        read_these(&self.files, &self.index, seqs, self.genesis, visit)
    }
}

/// Reads single records of the journal `genesis`, each from a batch near it.
pub(crate) fn read_these(
    files: &FileStorage,
    index: &JournalIndex,
    seqs: &[Seq],
    genesis: u64,
    visit: &mut dyn FnMut(&Told),
) -> Result<(), RecordsError> {
    let Some(last) = seqs.last() else { return Ok(()) };
    let failed = |at: Seq, error: wcs_journal::ReadError| RecordsError { at, cause: error.to_string() };
    let mut reader = Reader::open(files, Seq(1), *last).map_err(|error| failed(*last, error))?;
    for seq in seqs {
        reader.seek(*seq, index.place(*seq)).map_err(|error| failed(*seq, error))?;
        let Some(entry) = reader.next() else { return Ok(()) };
        let record = entry.map_err(|error| failed(*seq, error))?.record;
        visit(&tell(record, reader.stamp(), genesis));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wcs_journal::{Batch, Options, Room, open};
    use wcs_types::{Input, MonoTime, Nanos, StateHash};

    use super::*;

    fn record(seq: u64) -> Record {
        Record {
            seq: Seq(seq),
            now: MonoTime(seq * 1_000_000_000),
            gap: Nanos::ZERO,
            input: Input::Timeout,
            decisions: Vec::new(),
            facts: Vec::new(),
            hash: StateHash::default(),
        }
    }

    fn seen(records: &JournalRecords, from: u64, most: usize) -> Vec<(u64, u64)> {
        let mut seen = Vec::new();
        let visit = &mut |told: &Told| {
            seen.push((told.record.seq.0, told.unix_ms));
            seen.len() < most
        };
        records.read(Seq(from), visit).unwrap();
        seen
    }

    #[test]
    fn durable_records_come_in_order_with_their_wall_time_and_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let files = FileStorage::open(folder.path()).unwrap();
        let options = Options { room: Room::default(), genesis: 1_000_001, trusted: Seq::NONE };
        let mut opened = open(files.clone(), wcs_journal::Context::default(), options).unwrap();
        let mut write = |from: u64, to: u64, wall_ms: u64| {
            let mut batch = Batch::new();
            (from..=to).for_each(|seq| batch.push(&record(seq)));
            batch.set_wall(wall_ms);
            opened.writer.append(&batch).unwrap();
            opened.writer.sync().unwrap()
        };
        let shared = Arc::new(Shared::default());
        let index = JournalIndex::open(files.clone(), 1, None);
        let records = JournalRecords::new(files, Arc::clone(&shared), 1_000, Arc::new(index));
        assert_eq!(seen(&records, 0, 9), []);
        // Nobody looked at a clock for the first two, and the wall was set ahead before the next two.
        write(1, 2, 0);
        shared.tell_durable(write(3, 4, 504_000));
        let all = [(1, 2_000), (2, 3_000), (3, 503_000), (4, 504_000)];
        assert_eq!(seen(&records, 0, 9), all);
        assert_eq!(seen(&records, 2, 1), [(2, 3_000)]);
        let mut single = Vec::new();
        records
            .read_these(&[Seq(1), Seq(3)], &mut |told| single.push((told.record.seq.0, told.unix_ms)))
            .unwrap();
        assert_eq!(single, [all[0], all[2]], "one by one they are told alike");
        // What is written and not durable is not shown.
        let durable = write(5, 6, 506_000);
        assert_eq!(seen(&records, 5, 9), []);
        shared.tell_durable(durable);
        assert_eq!(records.kept.lock().unwrap().len(), 1);
        assert_eq!(seen(&records, 5, 9), [(5, 505_000), (6, 506_000)]);
        assert_eq!(records.kept.lock().unwrap().len(), 1, "the reader that stood there went on");
    }
}
