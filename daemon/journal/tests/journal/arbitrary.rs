//! Bytes from anywhere: nothing panics, and what was encoded is decoded.

use proptest::prelude::*;
use wcs_journal::{MemoryStorage, decode_record, encode_record, inspect, read_checkpoints, recover, verify};

use crate::golden::rich_record;
use crate::sample::{frames, journal_of, record, reseal_frame, segment};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decode_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(decode_record(&bytes));
        let mut framed = vec![1, 1];
        framed.extend_from_slice(&bytes);
        drop(decode_record(&framed));
    }

    #[test]
    fn decode_takes_changed_records(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        encode_record(&rich_record(), &mut bytes);
        prop_assert!(decode_record(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = value;
        drop(decode_record(&bytes));
    }

    #[test]
    fn records_come_back(seq in 1..u64::MAX, facts in 0..50_usize) {
        let before = record(seq.min(1 << 40), facts);
        let mut bytes = Vec::new();
        encode_record(&before, &mut bytes);
        prop_assert_eq!(decode_record(&bytes), Ok(before));
    }

    #[test]
    fn journal_files_may_hold_anything(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        at in any::<prop::sample::Index>(),
    ) {
        let storage = journal_of(2);
        let mut file = storage.bytes(&segment(1)).unwrap();
        let at = at.index(file.len());
        file.splice(at..(at + bytes.len()).min(file.len()), bytes.iter().copied());
        storage.plant(&segment(1), &file);
        storage.plant("checkpoint-00000000000000000001.wcsc", &bytes);
        drop(recover(&storage));
        drop(inspect(&storage).unwrap().to_string());
        prop_assert!(verify(&storage).is_err());
        prop_assert!(read_checkpoints(&storage).unwrap().all(|checkpoint| checkpoint.is_err()));
    }

    #[test]
    fn bodies_with_right_checksums_may_hold_anything(bytes in proptest::collection::vec(any::<u8>(), 1..80)) {
        let storage = journal_of(2);
        let mut file = storage.bytes(&segment(1)).unwrap();
        let (at, size) = frames(&file)[1];
        let count = bytes.len().min(size - 64);
        prop_assume!(file[at + 64..at + 64 + count] != bytes[..count]);
        file[at + 64..at + 64 + count].copy_from_slice(&bytes[..count]);
        reseal_frame(&mut file, at);
        let storage = MemoryStorage::new();
        storage.plant(&segment(1), &file);
        drop(verify(&storage));
        prop_assert_eq!(recover(&storage).unwrap().last_batch, 2);
    }
}
