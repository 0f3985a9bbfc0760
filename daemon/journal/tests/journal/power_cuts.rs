//! The power goes at every single change of the disk in turn: nothing acknowledged is ever missing.

use wcs_journal::{MemoryStorage, OpenError, Options, Room, SyncError, Writer, open, verify};
use wcs_types::{Record, Seq};

use crate::sample::{OPTIONS, batch_of, context, read_all, record};

/// What a life of the journal promised before it ended.
#[derive(Default)]
struct Promise {
    appended: Vec<Record>,
    durable: Seq,
}

impl Promise {
    fn commit(
        &mut self,
        writer: &mut Writer<MemoryStorage>,
        count: u64,
        facts: usize,
    ) -> Result<(), SyncError> {
        let first = self.appended.len() as u64 + 1;
        let records: Vec<Record> = (first..first + count).map(|seq| record(seq, facts)).collect();
        writer.append(&batch_of(&records)).unwrap();
        self.appended.extend(records);
        self.durable = writer.sync().or_else(|_| writer.sync()).or_else(|_| writer.sync())?;
        Ok(())
    }
}

/// Rotation, a batch larger than a segment, failing syncs, a death without a power cut, a seal, another context.
fn live(storage: &MemoryStorage, promise: &mut Promise) -> Result<(), String> {
    let tell = |error: OpenError| error.to_string();
    let stop = |error: SyncError| error.to_string();
    let options = Options { room: Room { segment_size: 1024, reserve_size: 256 }, ..OPTIONS };
    let mut writer = open(storage.clone(), context(), options).map_err(tell)?.writer;
    for count in [1, 3, 2, 8, 1] {
        promise.commit(&mut writer, count, 4).map_err(stop)?;
    }
    promise.commit(&mut writer, 2, 300).map_err(stop)?;
    storage.fail_syncs(2);
    promise.commit(&mut writer, 2, 1).map_err(stop)?;
    promise.commit(&mut writer, 1, 1).map_err(stop)?;
    storage.fail_syncs(1);
    storage.fail_directory_syncs(1);
    promise.commit(&mut writer, 1, 2).map_err(stop)?;
    let first = promise.appended.len() as u64 + 1;
    let waiting = record(first, 5);
    writer.append(&batch_of(std::slice::from_ref(&waiting))).unwrap();
    promise.appended.push(waiting);
    if storage.is_off() {
        return Err("off".to_owned());
    }

    // The process dies with a batch written and not synced: it was recovered, so from now on it is promised.
    storage.kill();
    let opened = open(storage.clone(), context(), options).map_err(tell)?;
    promise.durable = opened.recovered.last_seq;
    let mut writer = opened.writer;
    promise.commit(&mut writer, 2, 2).map_err(stop)?;
    writer.seal().map_err(stop)?;
    let changed = wcs_journal::Context { core_version: 2, ..context() };
    let mut writer = open(storage.clone(), changed.clone(), options).map_err(tell)?.writer;
    promise.commit(&mut writer, 2, 2).map_err(stop)?;
    drop(writer);
    let mut writer = open(storage.clone(), context(), options).map_err(tell)?.writer;
    promise.commit(&mut writer, 2, 2).map_err(stop)
}

#[test]
fn power_cut_at_every_change_loses_nothing_acknowledged() {
    let mut cuts = 0;
    for changes in 0.. {
        let mut is_whole = false;
        for seed in 0..8 {
            let storage = MemoryStorage::new();
            storage.power_off_after(changes);
            let mut promise = Promise::default();
            is_whole = live(&storage, &mut promise).is_ok();
            storage.crash(seed * 1_000 + changes);
            check(&storage, &promise, &format!("cut after {changes} changes, seed {seed}"));
            cuts += 1;
        }
        if is_whole {
            break;
        }
    }
    assert!(cuts > 500, "{cuts} cuts are too few to mean anything");
}

fn check(storage: &MemoryStorage, promise: &Promise, what: &str) {
    storage.fail_syncs(0);
    storage.fail_directory_syncs(0);
    let opened = open(storage.clone(), context(), OPTIONS).unwrap_or_else(|error| panic!("{what}: {error}"));
    let last = opened.recovered.last_seq;
    assert!(promise.durable <= last, "{what}: {} was promised, {} is there", promise.durable.0, last.0);
    assert!(last.0 <= promise.appended.len() as u64, "{what}: records nobody wrote");
    assert_eq!(read_all(storage, last), promise.appended[..last.0 as usize], "{what}");
    let mut writer = opened.writer;
    writer.append(&batch_of(&[record(last.0 + 1, 1)])).unwrap();
    writer.sync().unwrap();
    // What was recovered is durable now: the same again after another cut.
    storage.crash_with(|_| wcs_journal::Fate::Lost);
    assert_eq!(verify(storage).unwrap_or_else(|error| panic!("{what}: {error}")).records, last.0 + 1);
}
