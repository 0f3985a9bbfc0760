//! Going to a record by the place of a batch, the end of a journal, and parts of an index.

use wcs_journal::{
    Ending, FramePlace, MemoryStorage, PartBuilder, Parts, Reader, Storage, find_end_from, merge_parts,
    recover,
};
use wcs_types::Seq;

use crate::sample::{batch_of, journal_of, open_memory, record, sealed_journal};

/// Places of all batches of a journal, as a reader comes by them.
fn places(storage: &MemoryStorage) -> Vec<FramePlace> {
    let last = recover(storage).unwrap().last_seq;
    let mut reader = Reader::open(storage, Seq(1), last).unwrap();
    let mut found = Vec::new();
    while let Some(entry) = reader.next() {
        entry.unwrap();
        found.push(reader.place().unwrap());
    }
    found.dedup();
    found
}

#[test]
fn any_record_is_reached_from_any_hint_right_wrong_or_none() {
    let storage = sealed_journal();
    let last = recover(&storage).unwrap().last_seq;
    let mut hints: Vec<Option<FramePlace>> = places(&storage).into_iter().map(Some).collect();
    let wrong = hints.clone().into_iter().flatten().flat_map(|place| {
        [
            FramePlace { offset: place.offset + 8, ..place },
            FramePlace { offset: place.offset + 1, ..place },
            FramePlace { segment: place.segment + 99, ..place },
            FramePlace { batch: place.batch + 1, ..place },
            FramePlace { first: place.first.next(), ..place },
            FramePlace { first: Seq::NONE, batch: 0, ..place },
        ]
    });
    let wrong: Vec<Option<FramePlace>> = wrong.map(Some).collect();
    hints.extend(wrong);
    hints.push(None);
    for to in 1..=last.0 {
        for hint in &hints {
            let mut reader = Reader::open(&storage, Seq(1), last).unwrap();
            for goal in [to, last.0 + 1 - to, to] {
                reader.seek(Seq(goal), *hint).unwrap();
                assert_eq!(reader.next().unwrap().unwrap().record, record(goal, 3), "{hint:?}");
            }
        }
    }
}

#[test]
fn the_end_is_found_from_anywhere() {
    for storage in [sealed_journal(), journal_of(3), MemoryStorage::new()] {
        let found = recover(&storage).unwrap();
        let hints = places_or_none(&storage);
        for hint in hints {
            let ending = find_end_from(&storage, hint).unwrap();
            assert_eq!(ending.last, found.last_seq, "{hint:?}");
            assert!(ending.settled <= ending.last);
        }
    }
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    for seq in 1..=4 {
        writer.append(&batch_of(&[record(seq, 3)])).unwrap();
        writer.sync().unwrap();
    }
    assert_eq!(find_end_from(&storage, None).unwrap(), Ending { last: Seq(4), settled: Seq(3) });
}

fn places_or_none(storage: &MemoryStorage) -> Vec<Option<FramePlace>> {
    let mut hints = vec![None];
    if recover(storage).unwrap().last_seq != Seq::NONE {
        hints.extend(places(storage).into_iter().map(Some));
    }
    hints
}

/// A part of `count` records: each has its own key, one of seven, and every hundredth a common one.
fn part(from: u64, count: u64) -> PartBuilder {
    let mut builder = PartBuilder::new(Seq(from));
    for seq in from..from + count {
        let mut keys = vec![1_000 + seq, seq % 7];
        if seq % 100 == 0 {
            keys.push(u64::MAX);
        }
        let place = FramePlace { segment: 1, offset: seq * 512, batch: seq, first: Seq(seq) };
        builder.add(&keys, Some(place));
    }
    builder
}

fn found(parts: &Parts, storage: &MemoryStorage, key: u64, from: u64, through: u64) -> Vec<u64> {
    let found = parts.find(storage, key, &(Seq(from)..=Seq(through)), false).unwrap();
    found.into_iter().map(|seq| seq.0).collect()
}

#[test]
fn parts_say_which_records_have_a_key() {
    let storage = MemoryStorage::new();
    for (from, count) in [(1, 3_000), (3_001, 50), (3_051, 2_000)] {
        part(from, count).write(&storage, 5, 1).unwrap();
    }
    let parts = Parts::read(&storage, 5, 1).unwrap();
    assert_eq!((parts.as_slice().len(), parts.next()), (3, Seq(5_051)));
    for seq in [1, 2_999, 3_000, 3_001, 3_050, 3_051, 5_050] {
        assert_eq!(found(&parts, &storage, 1_000 + seq, 1, 9_999), [seq]);
        let place = parts.place(Seq(seq)).unwrap();
        assert!(place.first <= Seq(seq) && seq - place.first.0 <= 64, "{place:?} for {seq}");
    }
    let sevenths: Vec<u64> = (100..=4_000).filter(|seq| seq % 7 == 3).collect();
    assert_eq!(found(&parts, &storage, 3, 100, 4_000), sevenths);
    let last = |through| parts.find(&storage, u64::MAX, &(Seq(1)..=Seq(through)), true).unwrap();
    assert_eq!((last(9_999), last(3_099), last(99)), (vec![Seq(5_000)], vec![Seq(3_000)], vec![]));
    assert_eq!(found(&parts, &storage, 77, 1, 9_999), [0_u64; 0]);

    let merged = merge_parts(&storage, parts.as_slice()).unwrap().write(&storage, 5, 1).unwrap();
    let again = Parts::read(&storage, 5, 1).unwrap();
    assert_eq!(again.as_slice(), [merged]);
    assert_eq!(found(&again, &storage, 3, 100, 4_000), sevenths);
    assert_eq!(again.place(Seq(3_040)), parts.place(Seq(3_040)));
}

#[test]
fn a_part_that_is_not_what_was_written_is_not_there() {
    let storage = MemoryStorage::new();
    let written = part(1, 1_500).write(&storage, 5, 1).unwrap();
    assert_eq!(Parts::read(&storage, 6, 1).unwrap(), Parts::default(), "of another journal");
    assert_eq!(Parts::read(&storage, 5, 2).unwrap(), Parts::default(), "by another rule");
    let bytes = storage.bytes(&written.name()).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        let storage = MemoryStorage::new();
        let mut file = storage.create(&written.name()).unwrap();
        storage.write_at(&mut file, 0, &changed).unwrap();
        let parts = Parts::read(&storage, 5, 1).unwrap();
        // Either the head says so, or the block of the key does, or the byte is of another block.
        for key in [1_001, 1_700, 2_500] {
            let found = parts.find(&storage, key, &(Seq(1)..=Seq(9_999)), false);
            let is_honest = found.is_none_or(|found| {
                found.is_empty() && parts == Parts::default() || found == [Seq(key - 1_000)]
            });
            assert!(is_honest, "byte {at}, key {key}");
        }
    }
    for size in [0, 55, 56, 300, bytes.len() - 1] {
        let storage = MemoryStorage::new();
        let mut file = storage.create(&written.name()).unwrap();
        storage.write_at(&mut file, 0, &bytes[..size]).unwrap();
        let parts = Parts::read(&storage, 5, 1).unwrap();
        let found = parts.find(&storage, u64::MAX, &(Seq(1)..=Seq(9_999)), false);
        assert!(found.is_none_or(|found| found.is_empty()), "{size} bytes");
    }
}
