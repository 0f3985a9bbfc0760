//! The index of a journal: in which records loads, labels, orders, jobs and lanes occur, kept in files beside the journal
//! and, for the newest records, in memory. It only says where to look: whoever finds a record by it looks whether it is
//! the right one, and what is missing or damaged is made again from the journal.
//!
//! ```text
//! records:  [ part of 262 144 ][ part ] ... [ small parts of 8 192 ] ... [ tail, in memory ] [ read one by one ]
//! ```
//!
//! Thirty-two small parts become one large part.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use wcs_api::ports::{FindError, RecordsError, Sought};
use wcs_api::why::keys::{KEYS_VERSION, keys_of};
use wcs_journal::{
    Ending, FileStorage, FramePlace, PartBuilder, Parts, ReadError, Reader, Storage, StorageError,
    merge_parts,
};
use wcs_types::Seq;

/// Records of a small part: what a command without a daemon reads at most behind the last part.
const SMALL: u64 = 8_192;
/// Small parts that become one.
const MERGED: usize = 32;
/// Records between two looks whether it should stop, and that are taken in at once.
const CHUNK: usize = 1_024;
/// Records without an index that are looked at one by one. More: whoever asks is told to come again.
const UNINDEXED_MAX: u64 = 200_000;

/// An index of the journal in `journal`.
pub(crate) struct JournalIndex {
    journal: FileStorage,
    genesis: u64,
    /// Where parts are kept; `None` keeps them in memory.
    folder: Option<PathBuf>,
    /// The same for writing, once there was something to write and it could be had.
    files: Mutex<Option<FileStorage>>,
    state: RwLock<State>,
    /// Held by whoever takes in records.
    growing: Mutex<()>,
}

struct State {
    /// To read parts with.
    reading: Option<FileStorage>,
    parts: Parts,
    tail: PartBuilder,
}

impl State {
    fn next(&self) -> Seq {
        self.tail.next()
    }
}

/// Folder of the index of a data directory.
pub(crate) fn index_dir(data: &Path) -> PathBuf {
    data.join("index")
}

impl JournalIndex {
    /// The index in `folder`, with the parts that are there and valid.
    pub(crate) fn open(journal: FileStorage, genesis: u64, folder: Option<PathBuf>) -> Self {
        let reading = folder.as_deref().and_then(|folder| FileStorage::open_read_only(folder).ok());
        let parts = reading.as_ref().and_then(|files| Parts::read(files, genesis, KEYS_VERSION).ok());
        let parts = parts.unwrap_or_default();
        let tail = PartBuilder::new(parts.next());
        let state = RwLock::new(State { reading, parts, tail });
        Self { journal, genesis, folder, files: Mutex::default(), state, growing: Mutex::new(()) }
    }

    /// The first record that is not in it.
    pub(crate) fn next(&self) -> Seq {
        self.read(State::next)
    }

    /// A batch from which a record can be reached soon.
    pub(crate) fn place(&self, seq: Seq) -> Option<FramePlace> {
        self.read(|state| state.parts.place(seq))
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in records up to the last, as long as `goes_on` says so. Parts are written of what is settled.
    ///
    /// # Errors
    /// The journal cannot be read. What was taken in stays.
    pub(crate) fn catch_up(&self, ending: Ending, goes_on: &dyn Fn() -> bool) -> Result<(), ReadError> {
        let through = ending.last;
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.next();
        if from > through {
            return Ok(());
        }
        let mut reader = Reader::open(&self.journal, Seq(1), through)?;
        reader.seek(from, self.place(from))?;
        let mut chunk: Vec<(Vec<u64>, Option<FramePlace>)> = Vec::with_capacity(CHUNK);
        while self.next() <= through && goes_on() {
            chunk.clear();
            // Parts are even: a chunk ends where a part does.
            let room = SMALL - self.read(|state| state.tail.records()) % SMALL;
            while chunk.len() < CHUNK.min(room as usize)
                && let Some(entry) = reader.next()
            {
                let mut keys = Vec::new();
                keys_of(&entry?.record, &mut keys);
                chunk.push((keys, reader.place()));
            }
            let first = Seq(reader.next_seq().0 - chunk.len() as u64);
            let is_taken = self.change(|state| {
                // Else it was found damaged meanwhile, and begins anew.
                let follows = state.next() == first;
                if follows {
                    chunk.iter().for_each(|(keys, place)| state.tail.add(keys, *place));
                }
                follows && !chunk.is_empty()
            });
            if !is_taken {
                break;
            }
            self.settle(ending.settled);
        }
        Ok(())
    }

    /// Writes what is enough for a part. What cannot be written stays in memory.
    fn settle(&self, settled: Seq) {
        let is_full = |tail: &PartBuilder| tail.records() >= SMALL && tail.next() <= settled.next();
        let full = self.read(|state| is_full(&state.tail).then(|| state.tail.clone()));
        let Some(full) = full else { return };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.is_none() {
            *files = self.folder.as_deref().and_then(open_folder);
        }
        let Some(files) = files.as_ref() else { return };
        let written = full.write(files, self.genesis, KEYS_VERSION);
        match written {
            Ok(part) => self.change(|state| {
                if state.parts.next() == part.from() {
                    state.tail = PartBuilder::new(part.through().next());
                    state.reading = Some(files.clone());
                    state.parts.push(part);
                }
            }),
            Err(error) => return tracing::warn!(%error, "the index of the journal is kept in memory"),
        }
        if let Err(error) = self.merge(files) {
            tracing::warn!(%error, "small parts of the index of the journal stay as they are");
        }
    }

    /// Makes one part of many small ones.
    fn merge(&self, files: &FileStorage) -> Result<(), StorageError> {
        let small = self.read(|state| {
            let parts = state.parts.as_slice();
            let count = parts.iter().rev().take_while(|part| part.records() < SMALL * MERGED as u64).count();
            parts[parts.len() - count..].to_vec()
        });
        if small.len() < MERGED {
            return Ok(());
        }
        // One that cannot be read is made again at the next start.
        let Some(merged) = merge_parts(files, &small) else { return Ok(()) };
        let merged = merged.write(files, self.genesis, KEYS_VERSION)?;
        let is_put = self.change(|state| {
            let is_same = state.parts.as_slice().ends_with(&small);
            if is_same {
                state.parts.replace(small.len(), merged);
            }
            is_same
        });
        if !is_put {
            return Ok(());
        }
        small.iter().try_for_each(|part| files.remove(&part.name()))
    }

    /// Records that are found by a key, up to `durable`.
    pub(crate) fn find(&self, sought: &Sought, durable: Seq) -> Result<Vec<Seq>, FindError> {
        let within = Seq(1)..=sought.through.min(durable);
        let (next, newest, older) = self.read(|state| {
            let mut newest = Vec::new();
            state.tail.find(sought.key, &within, &mut newest);
            let older = match &state.reading {
                _ if sought.is_last_only && !newest.is_empty() => Some(Vec::new()),
                Some(files) => state.parts.find(files, sought.key, &within, sought.is_last_only),
                None => Some(Vec::new()),
            };
            (state.next(), newest, older)
        });
        let Some(mut found) = older else { return self.find_anew(sought, durable) };
        found.extend(newest);
        let gap = next..=*within.end();
        if !gap.is_empty() {
            self.look(sought.key, gap, &mut found)?;
        }
        Ok(if sought.is_last_only { found.split_off(found.len().saturating_sub(1)) } else { found })
    }

    /// A part is not what was written: the index begins anew, and the records are looked at one by one until it is there.
    fn find_anew(&self, sought: &Sought, durable: Seq) -> Result<Vec<Seq>, FindError> {
        tracing::warn!("the index of the journal is damaged: it is made again");
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let old = self.change(|state| {
            let old = std::mem::take(&mut state.parts);
            state.tail = PartBuilder::new(Seq(1));
            old
        });
        if let Some(files) = files {
            for part in old.as_slice() {
                // A part that is already gone is no loss.
                if let Err(error) = files.remove(&part.name()) {
                    tracing::debug!(%error, "a part of the index was not removed");
                }
            }
        }
        let (mut found, through) = (Vec::new(), sought.through.min(durable));
        if through > Seq::NONE {
            self.look(sought.key, Seq(1)..=through, &mut found)?;
        }
        Ok(if sought.is_last_only { found.split_off(found.len().saturating_sub(1)) } else { found })
    }

    /// Looks at records one by one.
    fn look(
        &self,
        key: u64,
        within: std::ops::RangeInclusive<Seq>,
        found: &mut Vec<Seq>,
    ) -> Result<(), FindError> {
        let (from, through) = within.into_inner();
        if through.0 - from.0 >= UNINDEXED_MAX {
            return Err(FindError::Behind { from, through });
        }
        let failed = |at, error: ReadError| FindError::from(RecordsError { at, cause: error.to_string() });
        let mut reader = Reader::open(&self.journal, Seq(1), through).map_err(|error| failed(from, error))?;
        reader.seek(from, self.place(from)).map_err(|error| failed(from, error))?;
        let mut keys = Vec::new();
        for entry in reader {
            let record = entry.map_err(|error| failed(from, error))?.record;
            keys_of(&record, &mut keys);
            if keys.contains(&key) {
                found.push(record.seq);
            }
        }
        Ok(())
    }
}

/// The folder for writing, if it can be had: another process may be at work there, or it may not be ours.
fn open_folder(folder: &Path) -> Option<FileStorage> {
    match FileStorage::open(folder) {
        Ok(files) => Some(files),
        Err(error) => {
            tracing::debug!(%error, "the index of the journal cannot be written now");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use wcs_api::why::keys::Key;
    use wcs_journal::{Batch, Options, Room, Writer, open};
    use wcs_types::{Code, Epoch, Fact, Input, LineId, LoadKey, MonoTime, Nanos, Record, StateHash};

    use super::*;

    /// Labels that come again and again.
    const LABELS: u64 = 97;

    fn key(seq: u64) -> LoadKey {
        LoadKey { line: LineId(0), plc_epoch: Epoch(1), item: u32::try_from(seq).unwrap() }
    }

    fn label(seq: u64) -> Code {
        Code::from_bytes(format!("label-{}", seq % LABELS).as_bytes()).unwrap()
    }

    struct Journal {
        folder: tempfile::TempDir,
        files: FileStorage,
        writer: Writer<FileStorage>,
        last: u64,
    }

    impl Journal {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let files = FileStorage::open(&folder.path().join("journal")).unwrap();
            let room = Room { segment_size: 1 << 20, reserve_size: 1 << 16 };
            let options = Options { room, genesis: 9, trusted: Seq::NONE };
            let writer = open(files.clone(), wcs_journal::Context::default(), options).unwrap().writer;
            Self { folder, files, writer, last: 0 }
        }

        /// Every record sees a load.
        fn grow(&mut self, count: u64) {
            let mut batch = Batch::new();
            for seq in self.last + 1..=self.last + count {
                batch.push(&Record {
                    seq: Seq(seq),
                    now: MonoTime(seq),
                    gap: Nanos::ZERO,
                    input: Input::Timeout,
                    decisions: vec![],
                    facts: vec![Fact::LoadSeen { load: key(seq), label: label(seq), previous: None }],
                    hash: StateHash::default(),
                });
                if seq % 64 == 0 || seq == self.last + count {
                    self.writer.append(&batch).unwrap();
                    self.writer.sync().unwrap();
                    batch.clear();
                }
            }
            self.last += count;
        }

        fn index(&self) -> JournalIndex {
            JournalIndex::open(self.files.clone(), 9, Some(index_dir(self.folder.path())))
        }

        fn ending(&self) -> Ending {
            Ending { last: Seq(self.last), settled: Seq(self.last) }
        }

        fn parts(&self) -> Vec<PathBuf> {
            let entries = std::fs::read_dir(index_dir(self.folder.path())).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some_and(|kind| kind == "wcsi")).collect()
        }

        fn check(&self, index: &JournalIndex) {
            let durable = Seq(self.last);
            let there = |seq: &u64| *seq <= self.last;
            for seq in [1, SMALL, SMALL + 1, self.last / 2, self.last].into_iter().filter(there) {
                let found = index.find(&Sought::all(Key::Load(key(seq))), durable).unwrap();
                assert_eq!(found, [Seq(seq)]);
                let wanted = label(seq);
                let found = index.find(&Sought::all(Key::Label(&wanted)), durable).unwrap();
                let all: Vec<Seq> =
                    (1..=self.last).filter(|at| at % LABELS == seq % LABELS).map(Seq).collect();
                assert_eq!(found, all);
                let last = index.find(&Sought::last(Key::Label(&wanted), Seq(seq)), durable).unwrap();
                assert_eq!(last, [Seq(seq)]);
            }
            let none = index.find(&Sought::all(Key::Load(key(self.last + 1))), durable).unwrap();
            assert_eq!(none, []);
        }
    }

    #[test]
    fn an_index_is_made_grows_and_is_found_again() {
        let mut journal = Journal::new();
        journal.grow(SMALL * 2 + 100);
        let index = journal.index();
        // Before anything is indexed, records are looked at.
        journal.check(&index);
        index.catch_up(journal.ending(), &|| true).unwrap();
        assert_eq!((journal.parts().len(), index.next()), (2, Seq(SMALL * 2 + 101)));
        journal.check(&index);
        // Records behind what was taken in are looked at too.
        journal.grow(500);
        journal.check(&index);
        drop(index);
        let again = journal.index();
        assert_eq!(again.next(), Seq(SMALL * 2 + 1));
        journal.check(&again);
        again.catch_up(journal.ending(), &|| true).unwrap();
        journal.grow(SMALL * 31);
        again.catch_up(journal.ending(), &|| true).unwrap();
        assert_eq!(journal.parts().len(), 2, "32 small parts became one, and one is left");
        journal.check(&again);
    }

    #[test]
    fn damage_and_loss_of_a_part_cost_time_only() {
        let mut journal = Journal::new();
        journal.grow(SMALL * 3 + 7);
        journal.index().catch_up(journal.ending(), &|| true).unwrap();
        let mut parts = journal.parts();
        parts.sort();
        let mut bytes = std::fs::read(&parts[1]).unwrap();
        let at = bytes.len() - 9;
        bytes[at] ^= 1;
        std::fs::write(&parts[1], bytes).unwrap();
        journal.check(&journal.index());
        let index = journal.index();
        index.catch_up(journal.ending(), &|| true).unwrap();
        journal.check(&index);
        drop(index);
        std::fs::remove_file(&journal.parts()[0]).unwrap();
        let index = journal.index();
        journal.check(&index);
        index.catch_up(journal.ending(), &|| true).unwrap();
        journal.check(&index);
    }

    #[test]
    fn nothing_is_written_of_a_batch_that_power_may_take_back() {
        let mut journal = Journal::new();
        journal.grow(SMALL);
        let index = journal.index();
        let settled = Seq(SMALL - 64);
        index.catch_up(Ending { last: Seq(SMALL), settled }, &|| true).unwrap();
        journal.check(&index);
        assert!(!index_dir(journal.folder.path()).exists());
    }

    #[test]
    fn an_index_far_behind_tells_whoever_asks_to_come_again() {
        let mut journal = Journal::new();
        journal.grow(10);
        let found = journal.index().find(&Sought::all(Key::Load(key(1))), Seq(UNINDEXED_MAX + 1));
        assert_eq!(found, Err(FindError::Behind { from: Seq(1), through: Seq(UNINDEXED_MAX + 1) }));
    }
}
