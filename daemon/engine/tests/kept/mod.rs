//! The journals of `tests/corpus`, and what is made of them: records as the present version makes them from the same
//! inputs, and journals in memory.

use std::fs;
use std::path::{Path, PathBuf};

use wcs_core::{Core, Step};
use wcs_engine::journal_plant;
use wcs_journal::{
    Batch, Context, FileStorage, MemoryStorage, Opened, Options, Reader, Recovered, Room, open, recover,
};
use wcs_types::{Plant, Record, Seq, StateHash};

/// A line of `members.txt`.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) core: u32,
    pub(crate) records: u64,
    pub(crate) differ: u64,
    pub(crate) digest: StateHash,
}

pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("corpus")
}

pub(crate) fn members() -> Vec<Member> {
    let text = fs::read_to_string(corpus().join("members.txt")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(member).collect()
}

fn member(line: &str) -> Member {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap().to_owned();
    let mut value = |key: &str| words.next().unwrap().strip_prefix(key).unwrap().to_owned();
    Member {
        name,
        core: value("core=").parse().unwrap(),
        records: value("records=").parse().unwrap(),
        differ: value("differ=").parse().unwrap(),
        digest: StateHash(u64::from_str_radix(&value("digest="), 16).unwrap()),
    }
}

impl Member {
    pub(crate) fn storage(&self) -> FileStorage {
        FileStorage::open_read_only(&corpus().join(&self.name)).unwrap()
    }

    pub(crate) fn read(&self) -> (Recovered, Plant, Vec<Record>) {
        let storage = self.storage();
        let found = recover(&storage).unwrap();
        let plant = journal_plant(found.context.as_ref().unwrap()).unwrap();
        let reader = Reader::open(&storage, Seq(1), found.last_seq).unwrap();
        let records: Vec<Record> = reader.map(|entry| entry.unwrap().record).collect();
        (found, plant, records)
    }
}

/// What the present version makes of the inputs of these records.
pub(crate) fn made_anew(plant: &Plant, mut records: Vec<Record>) -> Vec<Record> {
    let (mut own, mut step) = (Core::new(plant.clone()), Step::default());
    for record in &mut records {
        own.handle(record.now, record.gap, &record.input, None, &mut step);
        record.hash = own.state_hash();
        record.decisions.clone_from(&step.decisions);
        record.facts.clone_from(&step.facts);
    }
    records
}

/// A journal in memory as a daemon with this context would have left it.
pub(crate) fn written(context: Context, records: &[Record]) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let room = Room { segment_size: 64 * 1024, reserve_size: 16 * 1024 };
    let options = Options { room, genesis: 77, trusted: Seq::NONE };
    let Opened { mut writer, .. } = open(storage.clone(), context, options).unwrap();
    for part in records.chunks(16) {
        let mut batch = Batch::new();
        part.iter().for_each(|record| batch.push(record));
        writer.append(&batch).unwrap();
        writer.sync().unwrap();
    }
    storage
}
