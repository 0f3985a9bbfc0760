//! One function per case of the recovery table in the crate's module doc.

use wcs_journal::{
    Checkpoint, Context, ContextChange, Damage, DamageKind, Fate, MemoryStorage, OpenError, ReadError,
    Storage, Unsynced, open, recover, verify, write_checkpoint,
};
use wcs_types::Seq;

use crate::sample::{
    OPTIONS, batch_of, commit, context, edit, frames, header_size, journal_of, open_memory, read_all, record,
    reseal_frame, reseal_header, sealed_journal, segment,
};

/// The damage that opening finds. Neither opening nor verifying may find anything else, and nothing is changed.
fn damage_of(storage: &MemoryStorage) -> Damage {
    let before: Vec<_> = storage.list().unwrap().iter().map(|name| storage.bytes(name)).collect();
    let Err(OpenError::Damage(damage)) = open(storage.clone(), context(), OPTIONS) else {
        panic!("a damaged journal was opened");
    };
    assert_eq!(verify(storage).err(), Some(ReadError::Damage(damage.clone())));
    let after: Vec<_> = storage.list().unwrap().iter().map(|name| storage.bytes(name)).collect();
    assert_eq!(before, after, "a damaged journal was changed");
    damage
}

fn damage(kind: DamageKind, file: &str, offset: usize) -> Damage {
    Damage { kind, file: file.to_owned(), offset: offset as u64 }
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn new_journal_is_empty() {
    let storage = MemoryStorage::new();
    let opened = open_memory(&storage);
    assert_eq!(opened.recovered.last_seq, Seq::NONE);
    assert_eq!(opened.recovered.segments, []);
    assert_eq!((opened.writer.epoch(), opened.writer.genesis()), (1, OPTIONS.genesis));
    assert_eq!(opened.context_changed, None);
}

#[test]
fn clean_end_keeps_everything() {
    let storage = journal_of(4);
    storage.kill();
    let opened = open_memory(&storage);
    assert_eq!((opened.recovered.last_seq, opened.recovered.last_batch), (Seq(8), 4));
    assert_eq!(opened.recovered.torn, None);
    assert!(!opened.recovered.was_sealed);
    let stamp = opened.recovered.last_stamp.unwrap();
    assert_eq!((stamp.now, stamp.wall_unix_ms), (record(8, 3).now, 1_700_000_000_007));
    assert_eq!(opened.writer.epoch(), 2);
    assert_eq!(read_all(&storage, Seq(8)), (1..=8).map(|seq| record(seq, 3)).collect::<Vec<_>>());
}

#[test]
fn torn_tail_keeps_the_batches_before_it() {
    let storage = journal_of(3);
    let mut writer = open_memory(&storage).writer;
    commit(&mut writer, 2);
    writer.append(&batch_of(&[record(9, 3), record(10, 3)])).unwrap();
    storage.crash_with(|unsynced| match unsynced {
        Unsynced::Write { size, .. } => Fate::Torn(std::iter::once(0..size / 2).collect()),
        Unsynced::Name { .. } => Fate::Kept,
    });
    let opened = open_memory(&storage);
    let torn = opened.recovered.torn.unwrap();
    let bytes = storage.bytes(&torn.file).unwrap();
    assert_eq!(torn.batch, 5);
    assert_eq!(torn.offset as usize, frames(&bytes).last().unwrap().0);
    assert_eq!(opened.recovered.last_seq, Seq(8));
    // It goes on behind the last whole batch, and the torn one is not seen again.
    let mut writer = opened.writer;
    commit(&mut writer, 1);
    assert_eq!(recover(&storage).unwrap().torn, None);
    assert_eq!(read_all(&storage, Seq(9)), (1..=9).map(|seq| record(seq, 3)).collect::<Vec<_>>());
}

#[test]
fn sealed_journal_says_so_and_goes_on() {
    let storage = sealed_journal();
    let last = recover(&storage).unwrap();
    assert!(last.was_sealed);
    let mut opened = open_memory(&storage);
    assert!(opened.recovered.was_sealed);
    commit(&mut opened.writer, 2);
    let later = verify(&storage).unwrap();
    assert!(!later.recovered.was_sealed);
    assert_eq!(later.records, last.last_seq.0 + 2);
}

#[test]
fn void_segment_is_ignored() {
    let storage = journal_of(2);
    let mut writer = open_memory(&storage).writer;
    commit(&mut writer, 1);
    writer.append(&batch_of(&[record(6, 0)])).unwrap();
    // The sync fails, then the name of the segment that was founded instead cannot be made durable.
    storage.fail_syncs(1);
    storage.fail_directory_syncs(1);
    assert!(writer.sync().is_err());
    assert!(writer.sync().is_err());
    assert_eq!(writer.sync().unwrap(), Seq(6));
    let found = recover(&storage).unwrap();
    assert_eq!(found.void, [segment(3)]);
    assert_eq!(found.last_seq, Seq(6));
    storage.plant(&segment(3), b"anything");
    assert_eq!(read_all(&storage, Seq(6)).len(), 6);
    assert_eq!(verify(&storage).unwrap().records, 6);
}

#[test]
fn what_lies_behind_a_given_up_end_is_ignored() {
    let storage = journal_of(3);
    let mut writer = open_memory(&storage).writer;
    commit(&mut writer, 1);
    writer.append(&batch_of(&[record(8, 9)])).unwrap();
    storage.fail_syncs(1);
    assert!(writer.sync().is_err());
    assert_eq!(writer.sync().unwrap(), Seq(8));
    let given_up = recover(&storage).unwrap().segments[1].clone();
    for offset in [given_up.used, given_up.used + 70] {
        assert!(storage.corrupt(&segment(given_up.segment), offset, 0x55));
    }
    assert_eq!(verify(&storage).unwrap().records, 8);
    assert_eq!(read_all(&storage, Seq(8)).last(), Some(&record(8, 9)));
}

#[test]
fn unfinished_file_is_removed() {
    let storage = journal_of(1);
    storage.plant("segment-00000002.wcsj.tmp", b"half a header");
    let opened = open_memory(&storage);
    assert_eq!(opened.recovered.last_seq, Seq(2));
    assert!(storage.list().unwrap().iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn changed_context_is_a_difference_not_damage() {
    let storage = journal_of(2);
    let changed = Context { core_version: 2, plant: b"plant B".to_vec(), limits: context().limits };
    let mut opened = open(storage.clone(), changed.clone(), OPTIONS).unwrap();
    let change = ContextChange { core_version: Some(1), is_plant_changed: true, are_limits_changed: false };
    assert_eq!(opened.context_changed, Some(change));
    assert_eq!(opened.recovered.context, Some(context()));
    commit(&mut opened.writer, 1);
    // Each record is read under the context it was made in, the one that was written again included.
    let mut reader = wcs_journal::Reader::open(&storage, Seq(1), Seq(5)).unwrap();
    let mut contexts = Vec::new();
    while let Some(entry) = reader.next() {
        entry.unwrap();
        contexts.push(reader.context().clone());
    }
    assert_eq!(contexts[..4], [context(), context(), context(), context()]);
    assert_eq!(contexts[4], changed);
}

#[test]
fn bad_header_is_damage() {
    for offset in [0, 9, 13, 17, 30, 50, 105] {
        let storage = journal_of(2);
        storage.corrupt(&segment(1), offset, 4);
        assert_eq!(damage_of(&storage), damage(DamageKind::BadHeader, &segment(1), 0));
    }
    for size in [0, 50, 110] {
        let storage = journal_of(2);
        edit(&storage, &segment(1), |bytes| bytes.truncate(size));
        assert_eq!(damage_of(&storage), damage(DamageKind::BadHeader, &segment(1), 0));
    }
}

#[test]
fn newer_format_is_refused() {
    let storage = journal_of(2);
    edit(&storage, &segment(1), |bytes| {
        put_u32(bytes, 16, 2);
        reseal_header(bytes);
    });
    assert_eq!(damage_of(&storage), damage(DamageKind::NewerFormat { found: 2 }, &segment(1), 0));
}

#[test]
fn renamed_segment_is_damage() {
    let storage = journal_of(2);
    storage.rename(&segment(1), &segment(7)).unwrap();
    assert_eq!(damage_of(&storage), damage(DamageKind::WrongSegment { found: 1 }, &segment(7), 0));
}

#[test]
fn foreign_segment_is_damage() {
    let storage = sealed_journal();
    edit(&storage, &segment(2), |bytes| {
        put_u64(bytes, 32, 5);
        reseal_header(bytes);
    });
    let kind = DamageKind::ForeignGenesis { found: 5, expected: OPTIONS.genesis };
    assert_eq!(damage_of(&storage), damage(kind, &segment(2), 0));
}

#[test]
fn missing_segment_is_damage() {
    for (gone, told_by) in [(1, 2), (2, 3), (3, 4)] {
        let storage = sealed_journal();
        assert!(storage.vanish(&segment(gone)));
        let kind = DamageKind::MissingSegment { segment: gone };
        assert_eq!(damage_of(&storage), damage(kind, &segment(told_by), 0));
    }
}

#[test]
fn bad_batch_before_a_valid_one_is_damage() {
    let clean = journal_of(4);
    for (offset, size) in frames(&clean.bytes(&segment(1)).unwrap()).into_iter().take(3) {
        // Magic, length, number, first byte of the body, last byte with padding.
        for at in [0, 16, 19, 24, 64, size - 1] {
            let storage = clean.snapshot();
            storage.corrupt(&segment(1), (offset + at) as u64, 0x80);
            assert_eq!(damage_of(&storage), damage(DamageKind::BadFrame, &segment(1), offset));
        }
    }
}

#[test]
fn bad_last_batch_is_torn_whatever_its_length_says() {
    let clean = journal_of(4);
    let (offset, size) = frames(&clean.bytes(&segment(1)).unwrap())[3];
    for at in [0, 16, 17, 19, 24, 64, size - 1] {
        let storage = clean.snapshot();
        storage.corrupt(&segment(1), (offset + at) as u64, 0x80);
        let found = recover(&storage).unwrap();
        assert_eq!((found.last_seq, found.torn.unwrap().offset), (Seq(6), offset as u64));
    }
}

#[test]
fn bad_batch_in_an_ended_segment_is_damage() {
    let storage = sealed_journal();
    let (offset, _) = *frames(&storage.bytes(&segment(2)).unwrap()).last().unwrap();
    storage.corrupt(&segment(2), offset as u64 + 20, 1);
    assert_eq!(damage_of(&storage), damage(DamageKind::BadFrame, &segment(2), offset));
}

#[test]
fn bad_founding_batch_is_damage_even_as_the_last_one() {
    let storage = journal_of(1);
    drop(open_memory(&storage));
    // The only batch was written again as the first frame of segment 2.
    let name = segment(2);
    let offset = header_size(&storage.bytes(&name).unwrap());
    storage.corrupt(&name, offset as u64 + 64, 1);
    assert_eq!(damage_of(&storage), damage(DamageKind::BadFrame, &name, offset));
}

#[test]
fn gap_in_batches_is_damage() {
    let storage = journal_of(4);
    let (offset, size) = frames(&storage.bytes(&segment(1)).unwrap())[1];
    edit(&storage, &segment(1), |bytes| {
        bytes.drain(offset..offset + size);
    });
    let kind = DamageKind::BatchGap { expected: 2, found: 3 };
    assert_eq!(damage_of(&storage), damage(kind, &segment(1), offset));
}

#[test]
fn gap_in_sequences_is_damage() {
    let storage = journal_of(3);
    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[2];
    edit(&storage, &segment(1), |bytes| {
        put_u64(bytes, offset + 32, 6);
        reseal_frame(bytes, offset);
    });
    let kind = DamageKind::SequenceGap { expected: Seq(5), found: Seq(6) };
    assert_eq!(damage_of(&storage), damage(kind, &segment(1), offset));
}

#[test]
fn batch_of_another_writer_is_damage() {
    let storage = journal_of(3);
    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[2];
    edit(&storage, &segment(1), |bytes| {
        put_u32(bytes, offset + 60, 9);
        reseal_frame(bytes, offset);
    });
    let kind = DamageKind::WrongEpoch { expected: 1, found: 9 };
    assert_eq!(damage_of(&storage), damage(kind, &segment(1), offset));
}

#[test]
fn batch_of_another_segment_is_not_valid() {
    let storage = sealed_journal();
    let donor = storage.bytes(&segment(1)).unwrap();
    let (from, size) = frames(&donor)[0];
    let (offset, _) = frames(&storage.bytes(&segment(2)).unwrap())[0];
    edit(&storage, &segment(2), |bytes| {
        bytes[offset..offset + size].copy_from_slice(&donor[from..from + size]);
    });
    assert_eq!(damage_of(&storage), damage(DamageKind::BadFrame, &segment(2), offset));
}

#[test]
fn end_that_differs_from_the_next_header_is_damage() {
    let storage = sealed_journal();
    let used = recover(&storage).unwrap().segments[0].used;
    edit(&storage, &segment(1), |bytes| bytes.truncate(used as usize - 1));
    let kind = DamageKind::EndDiffers { expected: used };
    assert_eq!(damage_of(&storage), damage(kind, &segment(1), used as usize - 1));

    let storage = sealed_journal();
    edit(&storage, &segment(2), |bytes| {
        let batch = u64::from_le_bytes(bytes[64..72].try_into().unwrap());
        put_u64(bytes, 64, batch + 1);
        reseal_header(bytes);
    });
    let kind = DamageKind::EndDiffers { expected: used };
    assert_eq!(damage_of(&storage), damage(kind, &segment(1), used as usize));
}

#[test]
fn stray_bytes_behind_a_clean_end_are_damage() {
    let storage = sealed_journal();
    let used = recover(&storage).unwrap().segments[0].used;
    assert!(storage.corrupt(&segment(1), used + 3, 1));
    assert_eq!(damage_of(&storage), damage(DamageKind::StrayBytes, &segment(1), used as usize + 3));

    let storage = sealed_journal();
    edit(&storage, &segment(4), |bytes| bytes.push(1));
    let size = storage.bytes(&segment(4)).unwrap().len();
    assert_eq!(damage_of(&storage), damage(DamageKind::StrayBytes, &segment(4), size - 1));
}

#[test]
fn journal_shorter_than_its_checkpoint_is_damage() {
    let storage = journal_of(3);
    let checkpoint = Checkpoint { seq: Seq(6), genesis: OPTIONS.genesis, ..Checkpoint::default() };
    write_checkpoint(&storage, &checkpoint).unwrap();
    assert_eq!(verify(&storage).unwrap().checkpoints, [Seq(6)]);
    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[2];
    edit(&storage, &segment(1), |bytes| bytes.truncate(offset));
    let Err(OpenError::Damage(found)) = open(storage.clone(), context(), OPTIONS) else {
        panic!("a journal with missing records was opened");
    };
    assert_eq!(found.kind, DamageKind::RecordsMissing { first: Seq(5) });
    let Err(ReadError::Damage(found)) = verify(&storage) else { panic!("verified") };
    assert_eq!(found.kind, DamageKind::RecordsMissing { first: Seq(5) });
}

#[test]
fn bad_record_in_a_valid_batch_is_found_by_verify() {
    let storage = journal_of(3);
    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[1];
    edit(&storage, &segment(1), |bytes| {
        bytes[offset + 64 + 4] = 77; // the kind byte of the first record
        reseal_frame(bytes, offset);
    });
    assert_eq!(recover(&storage).unwrap().last_seq, Seq(6));
    let Err(ReadError::Damage(found)) = verify(&storage) else { panic!("verified") };
    assert!(matches!(found.kind, DamageKind::BadRecord(_)), "{found}");
    assert_eq!((found.file, found.offset), (segment(1), offset as u64 + 64));
}

#[test]
fn trusted_segments_are_not_read() {
    let storage = sealed_journal();
    let found = recover(&storage).unwrap();
    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[0];
    storage.corrupt(&segment(1), offset as u64 + 70, 1);
    assert_eq!(damage_of(&storage).kind, DamageKind::BadFrame);
    let trusted = found.segments[0].last;
    let opened = open(storage.snapshot(), context(), wcs_journal::Options { trusted, ..OPTIONS });
    assert_eq!(opened.unwrap().recovered.last_seq, found.last_seq);
}

#[test]
fn failing_read_is_told_not_guessed() {
    let storage = journal_of(3);
    storage.fail_reads(1);
    assert!(matches!(open(storage.clone(), context(), OPTIONS), Err(OpenError::Storage(_))));
    assert_eq!(open_memory(&storage).recovered.last_seq, Seq(6));
}
