//! Directories of a journal: segments and a checkpoint in any state. Damage is found and has a place; without a
//! checksum that was put right, no record is ever read that was not written; and whoever opens the journal is told of
//! damage exactly when recovery finds it.
//!
//! Input: one byte of flags, then for each file two bytes of length and its bytes. With the flags, checksums of
//! headers, frames and checkpoint are put right, so that what lies behind them is reached.

use wcs_journal::{
    Batch, Checkpoint, Context, MemoryStorage, Opened, Options, ReadError, Reader, Room, Storage,
    checkpoint_name, inspect, open, recover, verify, write_checkpoint,
};
use wcs_types::{Epoch, Fact, Input, LineId, LoadKey, MonoTime, Nanos, Record, Seq, StateHash};

use crate::fuzzing::{Bounds, Decoder, Outcome};

/// Files of a directory.
const FILES_MAX: usize = 5;
const HEADERS: u8 = 1;
const FRAMES: u8 = 2;
const CHECKPOINT: u8 = 4;
/// The last file is a checkpoint.
const HAS_CHECKPOINT: u8 = 8;
const CHECKPOINT_AT: u64 = 4;
/// Segments so small that every case needs only a few batches.
const OPTIONS: Options = Options {
    room: Room { segment_size: 1_536, reserve_size: 512 },
    genesis: 0xFEED_0000_0000_0001,
    trusted: Seq::NONE,
};

pub(super) const SEGMENTS: Decoder = Decoder {
    name: "segments",
    reads: "segments and checkpoints of a journal",
    seeds,
    words: || {
        [
            &b"WCSBATCH"[..],
            b"WCSSEAL\n",
            b"WCSJOURN",
            b"WCSCHECK",
            &[0; 8],
            &[0xFF; 8],
            &[0, 0, 0, 0x80],
            &[2, 0, 0, 0],
        ]
        .map(<[u8]>::to_vec)
        .to_vec()
    },
    size_max: 8 * 1024,
    cases: 700,
    answers_min: 10,
    bounds: Bounds { held: 2 << 20, held_per_byte: 64, allocations: 3_000, allocations_per_byte: 4 },
    bench: || Box::new(check),
};

fn context() -> Context {
    Context { core_version: 1, plant: b"plant A".to_vec(), limits: b"limits".to_vec() }
}

fn record(seq: u64) -> Record {
    let load = LoadKey { line: LineId(0), plc_epoch: Epoch(1), item: seq as u32 };
    Record {
        seq: Seq(seq),
        now: MonoTime(seq * 1_000_000),
        gap: Nanos(1_000_000),
        input: Input::Timeout,
        decisions: Vec::new(),
        facts: vec![Fact::DecisionLate { load }; 2],
        hash: StateHash(seq.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
    }
}

/// A journal of so many segments, sealed or as a killed process leaves it.
fn journal(segments: usize, is_sealed: bool) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let Opened { mut writer, .. } =
        open(storage.clone(), context(), OPTIONS).expect("an empty memory can be opened");
    loop {
        let first = writer.durable_seq().0 + 1;
        let mut batch = Batch::new();
        for seq in first..first + 3 {
            batch.push(&record(seq));
        }
        batch.set_wall(1_700_000_000_000 + first);
        writer.append(&batch).expect("memory takes a batch");
        writer.sync().expect("memory takes a batch");
        if storage.list().expect("memory can be listed").len() >= segments && first > 3 {
            break;
        }
    }
    if is_sealed {
        writer.seal().expect("memory takes a seal");
    }
    storage
}

fn seeds() -> Vec<Vec<u8>> {
    let mut with_checkpoint = packed(&journal(1, true), 0);
    let storage = MemoryStorage::new();
    let genesis = OPTIONS.genesis;
    let hash = record(CHECKPOINT_AT).hash;
    let checkpoint =
        Checkpoint { seq: Seq(CHECKPOINT_AT), genesis, context: context(), hash, body: b"a core".to_vec() };
    write_checkpoint(&storage, &checkpoint).expect("memory takes a checkpoint");
    let bytes = storage.bytes(&checkpoint_name(checkpoint.seq)).expect("it was just written");
    with_checkpoint[0] = HAS_CHECKPOINT;
    with_checkpoint.extend((bytes.len() as u16).to_le_bytes());
    with_checkpoint.extend(bytes);
    let mut put_right = with_checkpoint.clone();
    put_right[0] |= HEADERS | FRAMES | CHECKPOINT;
    vec![
        packed(&journal(1, false), 0),
        packed(&journal(1, false), FRAMES),
        packed(&journal(3, true), 0),
        packed(&journal(3, true), HEADERS | FRAMES),
        with_checkpoint,
        put_right,
    ]
}

fn packed(storage: &MemoryStorage, flags: u8) -> Vec<u8> {
    let mut input = vec![flags];
    for name in storage.list().expect("memory can be listed") {
        let bytes = storage.bytes(&name).expect("it is in the list");
        input.extend((bytes.len() as u16).to_le_bytes());
        input.extend(bytes);
    }
    input
}

/// The files of an input by name, with checksums put right where the flags say so.
fn unpacked(input: &[u8]) -> Vec<(String, Vec<u8>)> {
    let [flags, rest @ ..] = input else { return Vec::new() };
    let (mut files, mut rest) = (Vec::new(), rest);
    while let [low, high, behind @ ..] = rest
        && files.len() < FILES_MAX
    {
        let size = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        files.push(behind[..size].to_vec());
        rest = &behind[size..];
    }
    let checkpoint = if flags & HAS_CHECKPOINT != 0 { files.pop() } else { None };
    let mut named = Vec::new();
    for (number, mut bytes) in (1_u32..).zip(files) {
        if flags & HEADERS != 0 {
            put_header_right(&mut bytes);
        }
        if flags & FRAMES != 0 {
            put_frames_right(&mut bytes);
        }
        named.push((format!("segment-{number:08}.wcsj"), bytes));
    }
    if let Some(mut bytes) = checkpoint {
        if flags & CHECKPOINT != 0 && bytes.len() > 12 {
            let sum = crc32c::crc32c(&bytes[12..]);
            bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        }
        named.push((checkpoint_name(Seq(CHECKPOINT_AT)), bytes));
    }
    named
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|part| u32::from_le_bytes([part[0], part[1], part[2], part[3]]))
}

fn put_header_right(bytes: &mut [u8]) {
    let Some(size) = number_at(bytes, 12) else { return };
    let Some(covered) = bytes.get(12..size as usize) else { return };
    let sum = crc32c::crc32c(covered);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
}

fn put_frames_right(bytes: &mut [u8]) {
    let mut at = number_at(bytes, 12).map_or(bytes.len(), |size| size as usize);
    while bytes.get(at..at + 3) == Some(b"WCS")
        && let (Some(segment), Some(size)) = (number_at(bytes, at + 56), number_at(bytes, at + 16))
    {
        let end = at + 64 + (size as usize).next_multiple_of(8);
        let Some(body) = bytes.get(at + 64..end) else { return };
        let sum = crc32c::crc32c_append(segment, body);
        bytes[at + 12..at + 16].copy_from_slice(&sum.to_le_bytes());
        let sum = crc32c::crc32c_append(segment, &bytes[at + 12..at + 64]);
        bytes[at + 8..at + 12].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}

fn check(input: &[u8]) -> Outcome {
    let storage = MemoryStorage::new();
    for (name, bytes) in unpacked(input) {
        storage.plant(&name, &bytes);
    }
    let is_untouched = input.first().is_some_and(|flags| flags & (HEADERS | FRAMES | CHECKPOINT) == 0);
    // What people look at must show whatever there is.
    let shown = inspect(&storage).map_err(|error| format!("it cannot be looked at: {error}"))?.to_string();
    let recovered = recover(&storage);
    let mut read = 0;
    if let Ok(found) = &recovered
        && found.last_seq != Seq::NONE
        && let Ok(reader) = Reader::open(&storage, Seq(1), found.last_seq)
    {
        for entry in reader.take_while(Result::is_ok).flatten() {
            read += 1;
            if is_untouched && entry.record != record(entry.seq.0) {
                return Err(format!("a record that was never written: {:?}", entry.record));
            }
        }
    }
    let verified = verify(&storage);
    if verified.is_ok() && recovered.is_err() {
        return Err("it is sound, and cannot be recovered".to_owned());
    }
    let opened = open(storage.fork(), context(), OPTIONS);
    let kind = match (&recovered, opened) {
        (Ok(found), Ok(mut opened)) => goes_on(found.last_seq, &mut opened)?,
        (Err(ReadError::Damage(damage)), Err(refused)) => {
            if damage.file.is_empty() || !refused.to_string().contains(&damage.kind.to_string()) {
                return Err(format!("recovery says {damage}, opening says {refused}"));
            }
            damage.kind.to_string()
        }
        (Ok(_), Err(refused)) => format!("not opened: {refused}"),
        (Err(error), _) => return Err(format!("memory that reads well fails, or damage is opened: {error}")),
    };
    let verified = match verified {
        Ok(_) => "sound".to_owned(),
        Err(error) => place_of(&storage, &error)?,
    };
    Ok(format!("{kind}; {verified}; {}", if read > 0 && !shown.is_empty() { "records" } else { "none" }))
}

/// A journal that was opened takes records behind those that were there.
fn goes_on(last: Seq, opened: &mut Opened<MemoryStorage>) -> Outcome {
    if opened.writer.durable_seq() < last {
        return Err(format!("opened at record {}, recovered to {}", opened.writer.durable_seq().0, last.0));
    }
    let next = opened.writer.durable_seq().next();
    if next.0 > u64::from(u32::MAX) {
        return Ok("at the end of all numbers".to_owned());
    }
    let mut batch = Batch::new();
    batch.push(&record(next.0));
    let appended =
        opened.writer.append(&batch).map_err(|error| format!("it was opened and takes nothing: {error}"));
    appended?;
    opened.writer.sync().map_err(|error| format!("it was opened and takes nothing: {error}"))?;
    Ok("goes on".to_owned())
}

/// Damage lies inside a file that is there, or is about one that is missing.
fn place_of(storage: &MemoryStorage, error: &ReadError) -> Outcome {
    let ReadError::Damage(damage) = error else {
        return Err(format!("memory that reads well fails: {error}"));
    };
    let size = storage.bytes(&damage.file).map(|bytes| bytes.len() as u64);
    if size.is_some_and(|size| damage.offset > size) {
        return Err(format!("{damage}, and the file has {size:?} bytes"));
    }
    Ok(damage.kind.to_string())
}
