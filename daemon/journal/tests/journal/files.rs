//! The journal on a real disk.

use std::path::Path;

use wcs_journal::{
    Action, Fault, FileStorage, LOCK_NAME, Options, Storage, StorageError, open, recover, verify,
};
use wcs_types::Seq;

use crate::sample::{OPTIONS, commit, context, read_all, record, segment};

#[test]
fn journal_in_a_directory_goes_on_after_each_stop() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("data/journal");
    for life in 0..4 {
        let storage = FileStorage::open(&directory).unwrap();
        let mut opened = open(storage, context(), OPTIONS).unwrap();
        assert_eq!(opened.recovered.last_seq, Seq(life * 40));
        assert_eq!(opened.recovered.was_sealed, life % 2 == 1);
        for _ in 0..20 {
            commit(&mut opened.writer, 2);
        }
        if life % 2 == 0 {
            opened.writer.seal().unwrap();
        }
    }
    let storage = FileStorage::open_read_only(&directory).unwrap();
    let report = verify(&storage).unwrap();
    assert_eq!((report.records, report.recovered.writer_epoch), (160, 4));
    assert!(report.recovered.segments.len() > 4, "segments of 2 KiB were filled");
    assert_eq!(read_all(&storage, Seq(160)), (1..=160).map(|seq| record(seq, 3)).collect::<Vec<_>>());
}

#[test]
fn reader_follows_a_writer_on_disk() {
    let place = tempfile::tempdir().unwrap();
    let storage = FileStorage::open(place.path()).unwrap();
    let mut writer = open(storage, context(), OPTIONS).unwrap().writer;
    let reading = FileStorage::open_read_only(place.path()).unwrap();
    let mut reader = wcs_journal::Reader::open(&reading, Seq(1), Seq::NONE).unwrap();
    for round in 1..=30 {
        commit(&mut writer, 3);
        reader.extend_to(writer.durable_seq());
        let read: Vec<Seq> = reader.by_ref().map(|entry| entry.unwrap().seq).collect();
        assert_eq!(read, [Seq(round * 3 - 2), Seq(round * 3 - 1), Seq(round * 3)]);
    }
}

#[test]
fn second_process_is_refused_and_told_who_holds_the_directory() {
    let place = tempfile::tempdir().unwrap();
    let first = FileStorage::open(place.path()).unwrap();
    let clone = first.clone();
    drop(first);
    let Err(StorageError { action: Action::Lock, file, fault }) = FileStorage::open(place.path()) else {
        panic!("two writers in one directory");
    };
    assert_eq!(fault, Fault::InUse { holder: std::process::id().to_string() });
    assert!(Path::new(&file).ends_with(LOCK_NAME));
    drop(clone);
    assert!(FileStorage::open(place.path()).is_ok(), "the lock goes with its holder");
}

#[test]
fn storage_opened_for_reading_cannot_write() {
    let place = tempfile::tempdir().unwrap();
    let storage = FileStorage::open_read_only(place.path()).unwrap();
    assert_eq!(storage.create("a").err().map(|error| error.fault), Some(Fault::ReadOnly));
    assert_eq!(storage.rename("a", "b").err().map(|error| error.fault), Some(Fault::ReadOnly));
    assert_eq!(storage.remove("a").err().map(|error| error.fault), Some(Fault::ReadOnly));
    assert_eq!(storage.size("a").err().map(|error| error.fault), Some(Fault::NotFound));
    assert!(FileStorage::open_read_only(&place.path().join("nowhere")).is_err());
}

#[test]
fn room_is_reserved_on_disk() {
    let place = tempfile::tempdir().unwrap();
    let storage = FileStorage::open(place.path()).unwrap();
    let mut writer = open(storage.clone(), context(), Options::default()).unwrap().writer;
    commit(&mut writer, 1);
    assert_eq!(storage.size(&segment(1)).unwrap(), Options::default().room.reserve_size);
    assert_eq!(recover(&storage).unwrap().torn, None);
    assert_eq!(storage.create(&segment(1)).err().map(|error| error.fault), Some(Fault::Exists));
}
