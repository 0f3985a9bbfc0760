//! Records and small journals for the tests, and a second reading of the format: what is forged here follows the
//! specification in the crate's module doc, not the code under test.

use wcs_journal::{Batch, Context, MemoryStorage, Opened, Options, Reader, Room, Storage, Writer, open};
use wcs_types::{Epoch, Fact, Input, LineId, LoadKey, MonoTime, Nanos, Record, Seq, StateHash};

/// Segments of 2 KiB that grow by 512 bytes: every case needs only a few batches.
pub(crate) const OPTIONS: Options = Options {
    room: Room { segment_size: 2048, reserve_size: 512 },
    genesis: 0xFEED_0000_0000_0001,
    trusted: Seq::NONE,
};

pub(crate) fn context() -> Context {
    Context { core_version: 1, plant: b"plant A".to_vec(), limits: b"limits".to_vec() }
}

/// A record whose size grows with `facts` and whose content depends on its sequence.
pub(crate) fn record(seq: u64, facts: usize) -> Record {
    let load = |item| LoadKey { line: LineId(0), plc_epoch: Epoch(1), item };
    Record {
        seq: Seq(seq),
        now: MonoTime(seq * 1_000_000),
        gap: Nanos(1_000_000),
        input: Input::Timeout,
        decisions: Vec::new(),
        facts: (0..facts).map(|item| Fact::DecisionLate { load: load(item as u32) }).collect(),
        hash: StateHash(seq.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
    }
}

pub(crate) fn batch_of(records: &[Record]) -> Batch {
    let mut batch = Batch::new();
    for record in records {
        batch.push(record);
    }
    batch.set_wall(1_700_000_000_000 + batch.first().0);
    batch
}

/// Appends `count` records of the usual size in one batch and makes them durable.
pub(crate) fn commit<S: Storage>(writer: &mut Writer<S>, count: u64) {
    let first = writer.durable_seq().0 + 1;
    let records: Vec<Record> = (first..first + count).map(|seq| record(seq, 3)).collect();
    writer.append(&batch_of(&records)).unwrap();
    assert_eq!(writer.sync().unwrap(), Seq(first + count - 1));
}

pub(crate) fn open_memory(storage: &MemoryStorage) -> Opened<MemoryStorage> {
    open(storage.clone(), context(), OPTIONS).unwrap()
}

/// A journal of one open segment with `batches` batches of two records each.
pub(crate) fn journal_of(batches: u64) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    for _ in 0..batches {
        commit(&mut writer, 2);
    }
    assert_eq!(storage.list().unwrap().len(), 1, "a larger journal was asked for than fits a segment");
    storage
}

/// A sealed journal of three segments with records, and the seal.
pub(crate) fn sealed_journal() -> MemoryStorage {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    while storage.list().unwrap().len() < 3 {
        commit(&mut writer, 2);
    }
    commit(&mut writer, 1);
    writer.seal().unwrap();
    storage
}

pub(crate) fn read_all<S: Storage>(storage: &S, through: Seq) -> Vec<Record> {
    Reader::open(storage, Seq(1), through).unwrap().map(|entry| entry.unwrap().record).collect()
}

pub(crate) fn segment(number: u32) -> String {
    format!("segment-{number:08}.wcsj")
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Size of the header of a segment file.
pub(crate) fn header_size(bytes: &[u8]) -> usize {
    u32_at(bytes, 12) as usize
}

/// (offset, size) of every frame, by magic and size alone.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut at = header_size(bytes);
    let mut found = Vec::new();
    while bytes.get(at..at + 3) == Some(b"WCS") {
        let size = 64 + (u32_at(bytes, at + 16) as usize).next_multiple_of(8);
        found.push((at, size));
        at += size;
    }
    found
}

/// Puts the right checksum into a segment header.
pub(crate) fn reseal_header(bytes: &mut [u8]) {
    let size = header_size(bytes);
    let crc = crc32c::crc32c(&bytes[12..size]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
}

/// Puts the right checksums into a frame.
pub(crate) fn reseal_frame(bytes: &mut [u8], at: usize) {
    let segment = u32_at(bytes, at + 56);
    let size = (u32_at(bytes, at + 16) as usize).next_multiple_of(8);
    let body = crc32c::crc32c_append(segment, &bytes[at + 64..at + 64 + size]);
    bytes[at + 12..at + 16].copy_from_slice(&body.to_le_bytes());
    let header = crc32c::crc32c_append(segment, &bytes[at + 12..at + 64]);
    bytes[at + 8..at + 12].copy_from_slice(&header.to_le_bytes());
}

/// Replaces a file by an edited copy.
pub(crate) fn edit(storage: &MemoryStorage, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = storage.bytes(name).unwrap();
    change(&mut bytes);
    storage.plant(name, &bytes);
}
