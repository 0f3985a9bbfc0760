//! Checkpoint files.

use wcs_journal::{
    Checkpoint, DamageKind, MemoryStorage, ReadError, list_checkpoints, prune_checkpoints, read_checkpoints,
    write_checkpoint,
};
use wcs_types::{Seq, StateHash};

use crate::sample::context;

fn checkpoint(seq: u64) -> Checkpoint {
    let body = (0..seq).map(|number| number as u8).collect();
    Checkpoint { seq: Seq(seq), genesis: 9, context: context(), hash: StateHash(seq + 1), body }
}

fn name(seq: u64) -> String {
    format!("checkpoint-{seq:020}.wcsc")
}

#[test]
fn checkpoints_come_back_newest_first() {
    let storage = MemoryStorage::new();
    for seq in [30, 9, 200] {
        write_checkpoint(&storage, &checkpoint(seq)).unwrap();
    }
    storage.crash_with(|_| wcs_journal::Fate::Lost);
    let read: Vec<Checkpoint> = read_checkpoints(&storage).unwrap().map(|found| found.unwrap()).collect();
    assert_eq!(read, [checkpoint(200), checkpoint(30), checkpoint(9)]);
    assert_eq!(prune_checkpoints(&storage, 2).unwrap(), 1);
    assert_eq!(prune_checkpoints(&storage, 2).unwrap(), 0);
    assert_eq!(list_checkpoints(&storage).unwrap(), [Seq(200), Seq(30)]);
}

#[test]
fn every_byte_of_a_checkpoint_counts() {
    let storage = MemoryStorage::new();
    write_checkpoint(&storage, &checkpoint(40)).unwrap();
    write_checkpoint(&storage, &checkpoint(7)).unwrap();
    for offset in 0..storage.bytes(&name(40)).unwrap().len() as u64 {
        storage.corrupt(&name(40), offset, 1 << (offset % 8));
        let mut found = read_checkpoints(&storage).unwrap();
        let Some(Err(ReadError::Damage(damage))) = found.next() else { panic!("byte {offset}") };
        assert_eq!((damage.kind, damage.file), (DamageKind::BadCheckpoint, name(40)));
        // The older one still serves.
        assert_eq!(found.next(), Some(Ok(checkpoint(7))));
        storage.corrupt(&name(40), offset, 1 << (offset % 8));
    }
}

#[test]
fn renamed_checkpoint_is_damage() {
    let storage = MemoryStorage::new();
    write_checkpoint(&storage, &checkpoint(40)).unwrap();
    storage.plant(&name(41), &storage.bytes(&name(40)).unwrap());
    let found = read_checkpoints(&storage).unwrap().next();
    assert!(matches!(found, Some(Err(ReadError::Damage(damage))) if damage.file == name(41)));
}

#[test]
fn power_cut_leaves_a_whole_checkpoint_or_none() {
    for changes in 0..6 {
        for seed in 0..20 {
            let storage = MemoryStorage::new();
            write_checkpoint(&storage, &checkpoint(3)).unwrap();
            storage.power_off_after(changes);
            let is_written = write_checkpoint(&storage, &checkpoint(8)).is_ok();
            storage.crash(seed);
            let read: Vec<_> = read_checkpoints(&storage).unwrap().map(|found| found.unwrap()).collect();
            assert_eq!(read.last(), Some(&checkpoint(3)));
            assert!(!is_written || read.len() == 2);
            assert!(read.iter().all(|found| [checkpoint(8), checkpoint(3)].contains(found)));
            // An unfinished one is not in the way.
            write_checkpoint(&storage, &checkpoint(8)).unwrap();
        }
    }
}

#[test]
fn checkpoint_of_another_journal_is_found_by_verify() {
    let storage = crate::sample::journal_of(2);
    write_checkpoint(&storage, &checkpoint(1)).unwrap();
    let Err(ReadError::Damage(damage)) = wcs_journal::verify(&storage) else { panic!("it is foreign") };
    let kind = DamageKind::ForeignGenesis { expected: crate::sample::OPTIONS.genesis, found: 9 };
    assert_eq!((damage.kind, damage.file), (kind, name(1)));
}
