//! What has happened, for those who ask: durable records out of the journal files, each with the wall time it came
//! about. Readers that stopped at the end are kept for whoever goes on there.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wcs_api::ports::{Records, RecordsError, Told};
use wcs_journal::{FileStorage, Reader};
use wcs_types::{MonoTime, Seq};

use super::Shared;

/// Readers that are kept: one for each that follows, and some.
const READERS_KEPT_MAX: usize = 4;

/// When the core time of a record was, on the wall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallTimes {
    /// Wall time of core time 0 when the journal began.
    pub(crate) genesis_ms: u64,
    /// Last record of the processes before this one.
    pub(crate) before: Seq,
    /// Wall time of core time 0 in this process: another one where core time could not follow the wall.
    pub(crate) origin_ms: u64,
}

impl WallTimes {
    fn unix_ms(&self, seq: Seq, now: MonoTime) -> u64 {
        let origin = if seq <= self.before { self.genesis_ms } else { self.origin_ms };
        origin.saturating_add(now.0 / 1_000_000)
    }
}

/// The records of the journal that this process writes.
pub(crate) struct JournalRecords {
    files: FileStorage,
    shared: Arc<Shared>,
    times: WallTimes,
    kept: Mutex<VecDeque<Reader<FileStorage>>>,
}

impl JournalRecords {
    pub(super) fn new(files: FileStorage, shared: Arc<Shared>, times: WallTimes) -> Self {
        Self { files, shared, times, kept: Mutex::default() }
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
            let told = Told { unix_ms: self.times.unix_ms(record.seq, record.now), record };
            if !visit(&told) {
                return Ok(());
            }
        }
        self.keep(reader);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wcs_journal::{Batch, Options, Room, open};
    use wcs_types::{Input, Nanos, Record, StateHash};

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
        let mut write = |from: u64, to: u64| {
            let mut batch = Batch::new();
            (from..=to).for_each(|seq| batch.push(&record(seq)));
            opened.writer.append(&batch).unwrap();
            opened.writer.sync().unwrap()
        };
        let shared = Arc::new(Shared::default());
        let times = WallTimes { genesis_ms: 1_000, before: Seq(2), origin_ms: 500_000 };
        let records = JournalRecords::new(files, Arc::clone(&shared), times);
        assert_eq!(seen(&records, 0, 9), []);
        shared.tell_durable(write(1, 3));
        assert_eq!(seen(&records, 0, 9), [(1, 2_000), (2, 3_000), (3, 503_000)]);
        assert_eq!(seen(&records, 2, 1), [(2, 3_000)]);
        // What is written and not durable is not shown.
        let durable = write(4, 5);
        assert_eq!(seen(&records, 4, 9), []);
        shared.tell_durable(durable);
        assert_eq!(records.kept.lock().unwrap().len(), 1);
        assert_eq!(seen(&records, 4, 9), [(4, 504_000), (5, 505_000)]);
        assert_eq!(records.kept.lock().unwrap().len(), 1, "the reader that stood there went on");
    }
}
