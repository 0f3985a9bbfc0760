//! What can be wrong with a journal, with the position of the first bad byte range. Damage is never repaired and
//! never passed over: whoever meets it does not start a line.

use std::fmt;

use wcs_types::Seq;

use crate::record::DecodeError;
use crate::storage::StorageError;

/// A journal that is not what was written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("journal damaged in {file} at byte {offset}: {kind}")]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The file.
    pub file: String,
    /// Start of the header, frame or byte that is wrong.
    pub offset: u64,
}

/// Kind of damage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DamageKind {
    /// The segment header does not match its checksum or contradicts itself.
    BadHeader,
    /// Written by a newer version of this software.
    NewerFormat {
        /// Format version found.
        found: u32,
    },
    /// The file name and the header name different segments.
    WrongSegment {
        /// Segment of the header.
        found: u32,
    },
    /// The segment belongs to another journal.
    ForeignGenesis {
        /// Genesis found.
        found: u64,
        /// Genesis of this journal.
        expected: u64,
    },
    /// A segment that a later one continues is not there.
    MissingSegment {
        /// The segment.
        segment: u32,
    },
    /// A frame is not valid although later data proves that it was once.
    BadFrame,
    /// A valid frame of the wrong batch.
    BatchGap {
        /// Batch that belongs here.
        expected: u64,
        /// Batch found.
        found: u64,
    },
    /// A valid frame whose records do not continue the sequence.
    SequenceGap {
        /// Sequence that belongs here.
        expected: Seq,
        /// Sequence found.
        found: Seq,
    },
    /// A valid frame of another writer than the segment's.
    WrongEpoch {
        /// Epoch of the segment.
        expected: u32,
        /// Epoch found.
        found: u32,
    },
    /// The segment does not end where the next one says.
    EndDiffers {
        /// End the next segment names.
        expected: u64,
    },
    /// Bytes where nothing was written.
    StrayBytes,
    /// A record of a valid frame cannot be decoded.
    BadRecord(DecodeError),
    /// A record of a valid frame carries another sequence than its place.
    WrongRecord {
        /// Sequence of the place.
        expected: Seq,
        /// Sequence of the record.
        found: Seq,
    },
    /// Records that were acknowledged are not in the journal.
    RecordsMissing {
        /// First missing record.
        first: Seq,
    },
    /// A checkpoint does not match its checksum or its name.
    BadCheckpoint,
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHeader => f.write_str("segment header is not valid"),
            Self::NewerFormat { found } => {
                write!(f, "format version {found} is newer than this software: use the newer software")
            }
            Self::WrongSegment { found } => write!(f, "header names segment {found}: was the file renamed?"),
            Self::ForeignGenesis { found, expected } => {
                write!(f, "belongs to journal {found:016x}, not to {expected:016x}")
            }
            Self::MissingSegment { segment } => {
                write!(f, "segment {segment}, which it continues, is missing")
            }
            Self::BadFrame => f.write_str("batch is not valid although later data exists"),
            Self::BatchGap { expected, found } => write!(f, "batch {expected} expected, batch {found} found"),
            Self::SequenceGap { expected, found } => {
                write!(f, "record {} expected, record {} found", expected.0, found.0)
            }
            Self::WrongEpoch { expected, found } => {
                write!(f, "batch of writer {found} in a segment of writer {expected}")
            }
            Self::EndDiffers { expected } => write!(f, "the next segment says it ends at byte {expected}"),
            Self::StrayBytes => f.write_str("bytes behind the end"),
            Self::BadRecord(error) => write!(f, "record cannot be read: {error}"),
            Self::WrongRecord { expected, found } => {
                write!(f, "record {} found in the place of record {}", found.0, expected.0)
            }
            Self::RecordsMissing { first } => {
                write!(f, "acknowledged records from {} on are missing", first.0)
            }
            Self::BadCheckpoint => f.write_str("checkpoint is not valid"),
        }
    }
}

impl Damage {
    pub(crate) fn new(kind: DamageKind, file: &str, offset: u64) -> Self {
        Self { kind, file: file.to_owned(), offset }
    }
}

/// A journal could not be read to the end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// It is damaged.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
