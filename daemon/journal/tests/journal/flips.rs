//! Every byte of a small journal is changed, one at a time: each change must be found where it is.

use wcs_journal::{Damage, MemoryStorage, ReadError, Storage, recover};
use wcs_types::Seq;

use crate::sample::{frames, header_size, journal_of, sealed_journal, segment};

/// Start of the header, frame or (behind them) byte that holds `offset`.
fn unit_of(bytes: &[u8], offset: usize) -> usize {
    if offset < header_size(bytes) {
        return 0;
    }
    let frame = frames(bytes).into_iter().find(|(start, size)| (*start..start + size).contains(&offset));
    frame.map_or(offset, |(start, _)| start)
}

/// One bit, all bits, and a pattern drawn by lot.
fn masks(offset: usize) -> [u8; 3] {
    let lot = (offset as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [1 << (offset % 8), 0xFF, ((lot >> 56) as u8).max(1)]
}

fn damage_at(storage: &MemoryStorage, what: &str) -> Damage {
    match recover(storage) {
        Err(ReadError::Damage(damage)) => damage,
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn every_byte_of_a_sealed_journal_counts() {
    let storage = sealed_journal();
    let mut flips = 0;
    for name in storage.list().unwrap() {
        let bytes = storage.bytes(&name).unwrap();
        for offset in 0..bytes.len() {
            for mask in masks(offset) {
                storage.corrupt(&name, offset as u64, mask);
                let damage = damage_at(&storage, &format!("{name} byte {offset}"));
                assert_eq!((damage.file.as_str(), damage.offset as usize), (&*name, unit_of(&bytes, offset)));
                storage.corrupt(&name, offset as u64, mask);
                flips += 1;
            }
        }
    }
    assert!(recover(&storage).unwrap().was_sealed, "all flips were taken back");
    assert!(flips > 5_000, "{flips} flips are too few to mean anything");
}

#[test]
fn every_byte_of_an_open_journal_counts() {
    let storage = journal_of(4);
    let name = segment(1);
    let bytes = storage.bytes(&name).unwrap();
    let all = frames(&bytes);
    let (last, last_size) = *all.last().unwrap();
    for offset in 0..bytes.len() {
        for mask in masks(offset) {
            storage.corrupt(&name, offset as u64, mask);
            if offset < last {
                let damage = damage_at(&storage, &format!("byte {offset}"));
                assert_eq!(damage.offset as usize, unit_of(&bytes, offset));
            } else {
                let found = recover(&storage).unwrap();
                let torn = found.torn.unwrap_or_else(|| panic!("byte {offset} was not noticed"));
                let (start, seq) =
                    if offset < last + last_size { (last, Seq(6)) } else { (last + last_size, Seq(8)) };
                assert_eq!((torn.offset as usize, found.last_seq), (start, seq), "byte {offset}");
            }
            storage.corrupt(&name, offset as u64, mask);
        }
    }
    assert_eq!(recover(&storage).unwrap().torn, None);
}
