//! The whole stack in virtual time over a disk that fails in every way it can: failed syncs, failed directory syncs,
//! short writes, and no room for a while. No event is forgotten before its record is on disk, no file is touched
//! again after a failure, permits go while the journal cannot be written, and in the end every piece is accounted
//! for.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod shift;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use wcs_journal::{LogEntry, MemoryStorage};
use wcs_sim::report::{Physical, Tally, reconcile};
use wcs_types::{AlarmCode, Fact, LineId, MonoTime, Nanos};

const STEP: Nanos = Nanos::from_millis(700);
/// How long a full disk stays full.
const FULL: Nanos = Nanos::from_secs(4);

/// Breaks the disk in the way that has its turn; true when it must be given room later.
fn harm(storage: &MemoryStorage, turn: usize) -> bool {
    match turn % 5 {
        0 => storage.fail_syncs(1),
        1 => storage.fail_syncs(3),
        2 => {
            storage.fail_syncs(1);
            storage.fail_directory_syncs(2);
        }
        3 => storage.fail_write_after(10 * turn),
        _ => {
            storage.fail_syncs(1);
            storage.set_capacity(Some(0));
            return true;
        }
    }
    false
}

/// Files that were written to or synced after a sync of them had failed.
fn touched_again(log: &[LogEntry]) -> Vec<String> {
    let mut failed: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for entry in log {
        match entry {
            LogEntry::Written { file, .. } | LogEntry::Synced { file, .. } if failed.contains(file) => {
                found.push(file.clone());
            }
            LogEntry::Synced { file, is_ok: false } => {
                failed.insert(file.clone());
            }
            // An unfinished segment is tried again from an empty file.
            LogEntry::Created { file } | LogEntry::Removed { file } => {
                failed.remove(file);
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_failure_of_the_disk_is_survived_in_the_middle_of_a_shift() {
    let physical = Rc::new(RefCell::new(Physical::default()));
    let (mut stack, pieces) = shift::begin(&physical, 12);
    let storage = stack.daemon().storage().clone();
    let mut log = Vec::new();
    let mut until = MonoTime::ZERO + STEP;
    let (mut turns, mut fulls) = (0, 0);
    while !stack.run(until).unwrap() {
        if harm(&storage, turns) {
            let durable = stack.daemon().durable_seq();
            assert!(!stack.run(until + FULL).unwrap(), "nothing is finished while the disk is full");
            let is_stalled = stack.daemon().pending_count() > 0;
            if is_stalled {
                fulls += 1;
                assert_eq!(stack.daemon().durable_seq(), durable, "a full disk takes nothing");
                stack.daemon().engine().core().check_invariants().unwrap();
            }
            storage.set_capacity(None);
            until += FULL;
        }
        turns += 1;
        until += STEP;
        log.extend(storage.take_log());
    }
    log.extend(storage.take_log());
    assert!(turns > 50 && fulls > 5, "{turns} turns, {fulls} times full");
    assert_eq!(touched_again(&log), [""; 0]);
    assert!(log.iter().filter(|entry| matches!(entry, LogEntry::Synced { is_ok: false, .. })).count() > 30);
    assert!(log.contains(&LogEntry::DirectorySynced { is_ok: false }));
    let watched = stack.watched().unwrap();
    assert!(watched.breaches().is_empty(), "the bystander at the wire saw {:?}", watched.breaches());

    let plant = stack.daemon().engine().core().plant().clone();
    let mut tally = Tally::default();
    let (mut raised, mut gone, mut permits_gone) = (0, 0, 0);
    for entry in stack.daemon().records().unwrap() {
        let record = entry.unwrap().record;
        for fact in &record.facts {
            raised +=
                u32::from(matches!(fact, Fact::AlarmRaised(key) if key.code == AlarmCode::JournalStalled));
            gone += u32::from(matches!(fact, Fact::AlarmGone(key) if key.code == AlarmCode::JournalStalled));
        }
        let is_gone = |fact: &Fact| matches!(fact, Fact::PermitChanged { is_permitted: false, .. });
        permits_gone += record.facts.iter().filter(|fact| is_gone(fact)).count();
        tally.add(&plant, &record);
    }
    assert!(raised > 10 && raised == gone, "{raised} alarms raised, {gone} gone");
    assert!(permits_gone >= fulls, "{permits_gone} permits withdrawn, {fulls} times full");
    let found = reconcile(&plant, LineId(0), &tally, &physical.borrow(), pieces);
    assert_eq!((found.pieces.difference, found.pieces.ledger_difference), (0, 0));
    assert_eq!(found.disagreements.len(), 0);
}
