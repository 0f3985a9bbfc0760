//! The writer: what it takes, what it refuses, and what it does when the disk fails.

use wcs_journal::{
    AppendError, Batch, LogEntry, MemoryStorage, OpenError, Options, Room, SyncError, open, recover, verify,
};
use wcs_types::Seq;

use crate::sample::{OPTIONS, batch_of, commit, context, open_memory, read_all, record, segment};

#[test]
fn batch_waits_for_the_one_before_it() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    assert_eq!(writer.append(&Batch::new()), Err(AppendError::Empty));
    let given = batch_of(&[record(2, 0)]);
    assert_eq!(writer.append(&given), Err(AppendError::NotNext { expected: Seq(1), given: Seq(2) }));
    writer.append(&batch_of(&[record(1, 0)])).unwrap();
    assert_eq!(writer.append(&given), Err(AppendError::NotSynced { batch: 1 }));
    assert_eq!(writer.durable_seq(), Seq::NONE);
    assert_eq!(writer.sync(), Ok(Seq(1)));
    assert_eq!(writer.sync(), Ok(Seq(1)));
    writer.append(&given).unwrap();
    assert_eq!(writer.seal(), Ok(Seq(2)));
    assert_eq!(writer.append(&batch_of(&[record(3, 0)])), Err(AppendError::Sealed));
    assert_eq!(writer.seal(), Ok(Seq(2)));
}

#[test]
fn write_and_sync_come_in_order() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    let created = storage.take_log();
    let unfinished = format!("{}.tmp", segment(1));
    assert_eq!(created.first(), Some(&LogEntry::Created { file: unfinished.clone() }));
    let tail = [
        LogEntry::Synced { file: unfinished.clone(), is_ok: true },
        LogEntry::Renamed { from: unfinished, to: segment(1) },
        LogEntry::DirectorySynced { is_ok: true },
    ];
    assert_eq!(created[created.len() - 3..], tail);
    commit(&mut writer, 1);
    let log = storage.take_log();
    assert!(matches!(&log[..], [LogEntry::Written { .. }, LogEntry::Synced { is_ok: true, .. }]), "{log:?}");
}

#[test]
fn file_is_not_touched_after_its_sync_failed() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    commit(&mut writer, 1);
    storage.fail_syncs(1);
    writer.append(&batch_of(&[record(2, 3)])).unwrap();
    assert!(matches!(writer.sync(), Err(SyncError::Failed(_))));
    storage.take_log();
    assert_eq!(writer.sync(), Ok(Seq(2)));
    commit(&mut writer, 1);
    let touches = |entry: &LogEntry| match entry {
        LogEntry::Written { file, .. } | LogEntry::Synced { file, .. } => *file == segment(1),
        _ => false,
    };
    assert!(!storage.take_log().iter().any(touches));
    // Not even what the page cache still shows is needed.
    storage.crash_with(|_| wcs_journal::Fate::Lost);
    assert_eq!(read_all(&storage, Seq(3)), [record(1, 3), record(2, 3), record(3, 3)]);
}

#[test]
fn full_disk_is_told_and_tried_again() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    commit(&mut writer, 1);
    storage.set_capacity(Some(600));
    let mut seq = 2;
    while {
        writer.append(&batch_of(&[record(seq, 3)])).unwrap();
        writer.sync().is_ok()
    } {
        seq += 1;
    }
    for _ in 0..5 {
        assert!(matches!(writer.sync(), Err(SyncError::Full(_))));
        assert!(writer.is_pending());
    }
    storage.set_capacity(None);
    assert_eq!(writer.sync(), Ok(Seq(seq)));
    assert!(!writer.is_pending());
    assert_eq!(verify(&storage).unwrap().records, seq);
    assert_eq!(recover(&storage).unwrap().segments.len(), 2, "tries that failed leave nothing behind");
}

#[test]
fn short_write_sends_the_batch_to_a_new_segment() {
    for taken in [0, 1, 40, 100] {
        let storage = MemoryStorage::new();
        let mut writer = open_memory(&storage).writer;
        commit(&mut writer, 1);
        storage.fail_write_after(taken);
        writer.append(&batch_of(&[record(2, 9)])).unwrap();
        assert!(matches!(writer.sync(), Err(SyncError::Failed(_))));
        assert_eq!(writer.sync(), Ok(Seq(2)));
        commit(&mut writer, 1);
        storage.crash_with(|_| wcs_journal::Fate::Kept);
        assert_eq!(read_all(&storage, Seq(3)), [record(1, 3), record(2, 9), record(3, 3)]);
    }
}

#[test]
fn batch_larger_than_a_segment_gets_one_of_its_own_size() {
    let storage = MemoryStorage::new();
    let mut writer = open_memory(&storage).writer;
    writer.append(&batch_of(&[record(1, 3_000)])).unwrap();
    assert_eq!(writer.sync(), Ok(Seq(1)));
    commit(&mut writer, 1);
    assert_eq!(read_all(&storage, Seq(2)), [record(1, 3_000), record(2, 3)]);
    assert_eq!(verify(&storage).unwrap().recovered.segments.len(), 3);
}

#[test]
fn epoch_grows_at_each_open() {
    let storage = MemoryStorage::new();
    for life in 1..6 {
        let mut opened = open_memory(&storage);
        assert_eq!((opened.recovered.writer_epoch, opened.writer.epoch()), (life - 1, life));
        if life % 2 == 0 {
            commit(&mut opened.writer, 1);
        }
        storage.crash_with(|_| wcs_journal::Fate::Lost);
    }
}

#[test]
fn segments_hold_many_batches() {
    let storage = MemoryStorage::new();
    let room = Room { segment_size: 64 * 1024, reserve_size: 4096 };
    let mut writer = open(storage.clone(), context(), Options { room, ..OPTIONS }).unwrap().writer;
    for _ in 0..300 {
        commit(&mut writer, 1);
    }
    let found = recover(&storage).unwrap();
    assert_eq!((found.segments.len(), found.last_batch, found.last_seq), (1, 300, Seq(300)));
    let reserved = storage.bytes(&segment(1)).unwrap().len() as u64;
    assert!(reserved - found.segments[0].used < 4096, "room is reserved step by step");
}

#[test]
fn context_too_large_for_a_header_is_refused() {
    let mut large = context();
    large.plant = vec![0; wcs_journal::CONTEXT_SIZE_MAX];
    let size = large.plant.len() + large.limits.len();
    let Err(error) = open(MemoryStorage::new(), large, OPTIONS) else { panic!("opened") };
    assert_eq!(error, OpenError::ContextTooLarge { size });
}

#[test]
fn handles_of_a_dead_process_are_dead() {
    let storage = MemoryStorage::new();
    let mut old = open_memory(&storage).writer;
    commit(&mut old, 1);
    storage.kill();
    let mut new = open_memory(&storage).writer;
    commit(&mut new, 1);
    old.append(&batch_of(&[record(2, 0)])).unwrap();
    assert!(old.sync().is_err());
    assert_eq!(read_all(&storage, Seq(2)).len(), 2);
}
