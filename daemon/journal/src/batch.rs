//! A batch on its way to the journal: records of one group commit, encoded one after the other into one buffer
//! that is used again and again.

use wcs_types::{MonoTime, Record, Seq};

use crate::fields::Fields;
use crate::record::encode_record;

/// Bytes of the records of one batch. More: the batch is refused, the engine commits in smaller groups.
pub const BATCH_SIZE_MAX: usize = 64 * 1024 * 1024;

/// When the last record of a batch was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stamp {
    /// Core time of its turn.
    pub now: MonoTime,
    /// Wall clock, milliseconds since 1970 UTC; 0 where nobody looked at one.
    pub wall_unix_ms: u64,
}

/// Records of one group commit.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    first: Seq,
    count: u32,
    stamp: Stamp,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record.
    ///
    /// # Panics
    /// The record does not follow the one before it.
    pub fn push(&mut self, record: &Record) {
        assert!(record.seq != Seq::NONE, "records are numbered from 1");
        if self.count == 0 {
            self.first = record.seq;
        }
        assert_eq!(record.seq.0, self.first.0 + u64::from(self.count), "records of a batch are consecutive");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        encode_record(record, &mut self.bytes);
        let size = u32::try_from(self.bytes.len() - start - 4).expect("a record is far below 4 GiB");
        self.bytes[start..start + 4].copy_from_slice(&size.to_le_bytes());
        self.count += 1;
        self.stamp.now = record.now;
    }

    /// Notes the wall clock of the turn, milliseconds since 1970 UTC: after a restart core time goes on from it.
    pub fn set_wall(&mut self, unix_ms: u64) {
        self.stamp.wall_unix_ms = unix_ms;
    }

    /// Forgets the records, keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.first = Seq::NONE;
        self.count = 0;
        self.stamp = Stamp::default();
    }

    /// True when there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the records.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Sequence of the first record; `NONE` when empty.
    pub fn first(&self) -> Seq {
        self.first
    }

    /// Sequence of the last record; `NONE` when empty.
    pub fn last(&self) -> Seq {
        if self.count == 0 { Seq::NONE } else { Seq(self.first.0 + u64::from(self.count) - 1) }
    }

    /// When the last record was made.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The records as they go to disk, each behind its length.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Splits the next record off the body of a batch: (its bytes, what is left). `None` when the lengths lie.
pub(crate) fn split_record(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = Fields::of(body).size()?;
    body.get(4..)?.split_at_checked(size)
}
