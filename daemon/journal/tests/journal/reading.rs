//! The reader, the inspection and the report.

use wcs_journal::{DamageKind, MemoryStorage, ReadError, Reader, Storage, inspect, recover, verify};
use wcs_types::Seq;

use crate::sample::{
    batch_of, commit, frames, journal_of, open_memory, read_all, record, sealed_journal, segment,
};

#[test]
fn reading_starts_anywhere_and_tells_positions() {
    let storage = sealed_journal();
    let last = recover(&storage).unwrap().last_seq;
    for from in 1..=last.0 {
        let entries: Vec<_> =
            Reader::open(&storage, Seq(from), last).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(entries.len() as u64, last.0 - from + 1);
        let first = &entries[0];
        assert_eq!((first.seq, &first.record), (Seq(from), &record(from, 3)));
        // The length of the record stands where the position says, its kind byte behind it.
        let bytes = storage.bytes(&segment(first.position.segment)).unwrap();
        let at = first.position.offset as usize;
        let mut encoded = Vec::new();
        wcs_journal::encode_record(&first.record, &mut encoded);
        assert_eq!(bytes[at..at + 4], (encoded.len() as u32).to_le_bytes());
        assert_eq!(bytes[at + 4..at + 4 + encoded.len()], encoded);
    }
}

#[test]
fn reader_stops_at_the_durable_end() {
    let storage = journal_of(3);
    let mut reader = Reader::open(&storage, Seq(1), Seq(3)).unwrap();
    assert_eq!(reader.by_ref().count(), 3);
    assert_eq!(reader.next_seq(), Seq(4));
    reader.extend_to(Seq(2));
    assert!(reader.next().is_none());
    reader.extend_to(Seq(6));
    assert_eq!(reader.by_ref().count(), 3);
}

#[test]
fn reader_follows_over_rotations_and_failures() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    let mut reader = Reader::open(&storage, Seq(1), Seq::NONE).unwrap();
    for seq in 1..=120 {
        writer.append(&batch_of(&[record(seq, 4)])).unwrap();
        match seq % 10 {
            3 => storage.fail_syncs(1),
            5 => storage.fail_directory_syncs(1),
            7 => storage.fail_syncs(2),
            _ => {}
        }
        while writer.sync().is_err() {}
        // Read now and then, so that segments come and go between.
        if seq % 4 == 0 {
            reader.extend_to(writer.durable_seq());
            for entry in reader.by_ref() {
                let entry = entry.unwrap();
                assert_eq!(entry.record, record(entry.seq.0, 4));
            }
            assert_eq!(reader.next_seq(), Seq(seq + 1));
        }
    }
    assert!(recover(&storage).unwrap().segments.len() > 20);
}

#[test]
fn reader_follows_when_its_segment_turns_out_void() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    commit(&mut writer, 2);
    writer.append(&batch_of(&[record(3, 1)])).unwrap();
    storage.fail_syncs(1);
    storage.fail_directory_syncs(1);
    assert!(writer.sync().is_err());
    assert!(writer.sync().is_err());
    // Segment 2 is there, but whether its name is durable is unknown: it will be skipped.
    let mut reader = Reader::open(&storage, Seq(3), Seq(2)).unwrap();
    assert!(reader.next().is_none());
    assert_eq!(writer.sync().unwrap(), Seq(3));
    commit(&mut writer, 1);
    reader.extend_to(Seq(4));
    let read: Vec<_> = reader.map(|entry| entry.unwrap().record).collect();
    assert_eq!(read, [record(3, 1), record(4, 3)]);
}

#[test]
fn reader_goes_on_to_what_was_written_without_being_told_how_far() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    let mut reader = Reader::open(&storage, Seq(1), Seq::NONE).unwrap();
    let mut read = 0;
    for seq in 1..=120 {
        writer.append(&batch_of(&[record(seq, 4)])).unwrap();
        match seq % 10 {
            3 => storage.fail_syncs(1),
            5 => storage.fail_directory_syncs(1),
            7 => storage.fail_syncs(2),
            _ => {}
        }
        while writer.sync().is_err() {}
        if seq % 7 != 0 {
            continue;
        }
        // An ended segment may hold nothing more, so one look may find nothing; a few find all there is.
        for _ in 0..10 {
            let is_more = reader.extend_to_written(2).unwrap();
            let found: Vec<_> = reader.by_ref().map(|entry| entry.unwrap().record).collect();
            assert_eq!(is_more, !found.is_empty());
            assert!(found.len() <= 2, "no more than two batches at once");
            for one in found {
                read += 1;
                assert_eq!(one, record(read, 4));
            }
        }
        assert_eq!(read, seq);
    }
    assert!(recover(&storage).unwrap().segments.len() > 20);
}

#[test]
fn reader_waits_before_a_frame_that_is_not_whole_yet() {
    let storage = journal_of(3);
    let whole = storage.bytes(&segment(1)).unwrap();
    let (last, size) = frames(&whole)[2];
    let mut torn = whole.clone();
    torn[last + size / 2..last + size].fill(0);
    storage.plant(&segment(1), &torn);
    let mut reader = Reader::open(&storage, Seq(1), Seq::NONE).unwrap();
    assert!(reader.extend_to_written(100).unwrap());
    assert_eq!(reader.by_ref().map(|entry| entry.unwrap().seq.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(!reader.extend_to_written(100).unwrap());
    assert!(reader.next().is_none());
    storage.plant(&segment(1), &whole);
    assert!(reader.extend_to_written(100).unwrap());
    assert_eq!(reader.map(|entry| entry.unwrap().seq.0).collect::<Vec<_>>(), [5, 6]);
}

#[test]
fn reader_reports_damage_once_and_stops() {
    let storage = journal_of(3);
    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[1];
    storage.corrupt(&segment(1), offset as u64 + 66, 1);
    let mut reader = Reader::open(&storage, Seq(1), Seq(6)).unwrap();
    assert_eq!(reader.by_ref().take(2).filter(Result::is_ok).count(), 2);
    let Some(Err(ReadError::Damage(damage))) = reader.next() else { panic!("not noticed") };
    assert_eq!((damage.offset, damage.kind), (offset as u64, DamageKind::RecordsMissing { first: Seq(3) }));
    assert!(reader.next().is_none());
}

#[test]
fn record_beyond_the_end_is_missing_not_waited_for() {
    let storage = journal_of(1);
    let mut reader = Reader::open(&storage, Seq(2), Seq(3)).unwrap();
    assert!(reader.next().unwrap().is_ok());
    let Some(Err(ReadError::Damage(damage))) = reader.next() else { panic!("not noticed") };
    assert_eq!(damage.kind, DamageKind::RecordsMissing { first: Seq(3) });
    let Err(ReadError::Damage(damage)) = Reader::open(&MemoryStorage::new(), Seq(1), Seq(1)) else {
        panic!("an empty directory holds no records");
    };
    assert_eq!(damage.kind, DamageKind::RecordsMissing { first: Seq(1) });
}

#[test]
fn report_and_inspection_have_a_line_for_everything() {
    let storage = sealed_journal();
    let report = verify(&storage).unwrap();
    let text = report.to_string();
    assert_eq!(text.lines().count(), 4 + 1, "{text}");
    let sum = format!(
        "4 segments, {} batches, {} records, 0 checkpoints, sealed: sound",
        report.recovered.last_batch, report.records
    );
    assert_eq!(text.lines().last(), Some(sum.as_str()));

    let inspection = inspect(&storage).unwrap();
    assert_eq!((inspection.segments(), inspection.frames() as u64), (4, report.recovered.last_batch + 1));
    let text = inspection.to_string();
    assert_eq!(text.lines().count(), 4 + inspection.frames() + 4, "{text}");

    let (offset, _) = frames(&storage.bytes(&segment(1)).unwrap())[1];
    storage.corrupt(&segment(1), offset as u64, 1);
    storage.corrupt(&segment(3), 5, 1);
    let text = inspect(&storage).unwrap().to_string();
    assert!(text.contains(&format!("  {offset}: not valid")), "{text}");
    assert!(text.contains("journal damaged in segment-00000003.wcsj at byte 0"), "{text}");
}

#[test]
fn empty_directory_is_a_sound_journal_without_records() {
    let storage = MemoryStorage::new();
    assert_eq!(verify(&storage).unwrap().records, 0);
    drop(open_memory(&storage));
    assert_eq!(verify(&storage).unwrap().records, 0);
    assert_eq!(read_all(&storage, Seq::NONE), []);
    assert!(storage.list().unwrap().len() == 1);
}
