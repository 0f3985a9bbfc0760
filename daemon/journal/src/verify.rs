//! Proves a whole journal: every frame, every checksum, every record, every checkpoint.

use std::fmt;

use wcs_types::Seq;

use crate::checkpoint::{checkpoint_name, list_checkpoints, read_checkpoints};
use crate::damage::{Damage, DamageKind, ReadError};
use crate::reader::Reader;
use crate::recovery::{Recovered, recover};
use crate::segment::segment_name;
use crate::storage::Storage;

/// What a sound journal holds. `Display` gives one line per segment and a sum.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifyReport {
    /// Segments, end, torn tail, seal.
    pub recovered: Recovered,
    /// Records that were decoded.
    pub records: u64,
    /// Records that have a valid checkpoint, newest first.
    pub checkpoints: Vec<Seq>,
}

/// Checks everything in a journal. Reads only; safe while nobody writes. An empty directory is a sound journal
/// without records.
///
/// # Errors
/// The first damage found, or the storage cannot be read.
pub fn verify<S: Storage>(storage: &S) -> Result<VerifyReport, ReadError> {
    let recovered = recover(storage)?;
    let mut records = 0;
    if recovered.last_seq != Seq::NONE {
        for entry in Reader::open(storage, Seq(1), recovered.last_seq)? {
            entry?;
            records += 1;
        }
    }
    assert_eq!(records, recovered.last_seq.0, "records are numbered from 1 without a gap");
    for checkpoint in read_checkpoints(storage)? {
        let checkpoint = checkpoint?;
        if checkpoint.genesis != recovered.genesis {
            let kind = DamageKind::ForeignGenesis { expected: recovered.genesis, found: checkpoint.genesis };
            return Err(Damage::new(kind, &checkpoint_name(checkpoint.seq), 0).into());
        }
        if checkpoint.seq > recovered.last_seq {
            let kind = DamageKind::RecordsMissing { first: recovered.last_seq.next() };
            let newest =
                recovered.segments.last().map_or_else(|| ".".to_owned(), |s| segment_name(s.segment));
            let offset = recovered.segments.last().map_or(0, |segment| segment.used);
            return Err(Damage::new(kind, &newest, offset).into());
        }
    }
    let checkpoints = list_checkpoints(storage)?;
    Ok(VerifyReport { recovered, records, checkpoints })
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.recovered;
        for segment in &found.segments {
            writeln!(
                f,
                "{}: writer {}, core {}, {} batches, {} records ({} to {}), {} bytes",
                segment_name(segment.segment),
                segment.epoch,
                segment.core_version,
                segment.batches,
                segment.records(),
                segment.first.0,
                segment.last.0,
                segment.used
            )?;
        }
        for name in &found.void {
            writeln!(f, "{name}: void, nothing in it counts")?;
        }
        if let Some(torn) = &found.torn {
            writeln!(f, "{torn}: never acknowledged, ignored")?;
        }
        let state = if found.was_sealed { "sealed" } else { "not sealed" };
        write!(
            f,
            "{} segments, {} batches, {} records, {} checkpoints, {state}: sound",
            found.segments.len(),
            found.last_batch,
            self.records,
            self.checkpoints.len()
        )
    }
}
