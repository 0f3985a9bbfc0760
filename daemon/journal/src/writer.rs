//! Writes batches, one at a time, and makes each durable before the next is taken.
//!
//! ```text
//!            append                    sync ok
//!   idle ──────────────> written ───────────────────> idle
//!    │  │                   │ sync failed: the segment is given up
//!    │  │ append, no room   v
//!    │  └───────────────> homeless ── sync founds a new segment with the batch in it ──> idle
//!    │                      ^    │ that failed too (disk full, ...): stays homeless, sync again later
//!    │ seal                 └────┘
//!    v
//!  sealed
//! ```
//!
//! A segment is founded under an unfinished name: header, first frame and reserved room are written and synced,
//! then it gets its name, then the directory is synced. A file is never touched again after an operation on it
//! failed.

use wcs_types::Seq;
use wcs_types::mutation::{Mutation, is_on};

use crate::batch::{BATCH_SIZE_MAX, Batch, Stamp};
use crate::frame::{FRAME_HEADER_SIZE, FrameHeader, FrameKind};
use crate::segment::{Context, HEADER_SIZE_MAX, Mark, SegmentHeader, UNFINISHED, segment_name};
use crate::storage::{Storage, StorageError};

/// How much room segments take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Room {
    /// Bytes after which a segment is full. A larger batch gets a segment of its own size.
    pub segment_size: u64,
    /// Bytes reserved at a time, so that no single commit pays for a whole segment.
    pub reserve_size: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { segment_size: 64 * 1024 * 1024, reserve_size: 4 * 1024 * 1024 }
    }
}

/// A batch was not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AppendError {
    /// There is nothing in it.
    #[error("the batch is empty")]
    Empty,
    /// The batch before is not durable yet: sync first.
    #[error("batch {batch} is not durable yet")]
    NotSynced {
        /// The batch that waits.
        batch: u64,
    },
    /// The records do not continue the journal.
    #[error("record {} expected, record {} given", expected.0, given.0)]
    NotNext {
        /// The record that comes next.
        expected: Seq,
        /// The first record of the batch.
        given: Seq,
    },
    /// More bytes than a batch may have.
    #[error("the batch has {size} bytes, more than {BATCH_SIZE_MAX}")]
    TooLarge {
        /// Its bytes.
        size: usize,
    },
    /// The journal was sealed.
    #[error("the journal is sealed")]
    Sealed,
}

/// A batch or a seal is not durable. Nothing is lost: the writer keeps it and tries anew at the next call.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SyncError {
    /// The disk is full: make room, then sync again.
    #[error("journal disk is full: {0}")]
    Full(StorageError),
    /// The disk failed: sync again; the batch goes to a new segment.
    #[error("journal disk failed: {0}")]
    Failed(StorageError),
}

impl From<StorageError> for SyncError {
    fn from(error: StorageError) -> Self {
        if error.is_full() { Self::Full(error) } else { Self::Failed(error) }
    }
}

/// Who writes, and under which number.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) genesis: u64,
    pub(crate) epoch: u32,
    pub(crate) context: Context,
}

/// The segment that is written to.
struct Current<F> {
    file: F,
    segment: u32,
    /// Where reserved room ends.
    reserved: u64,
}

/// The batch that is not durable yet. Its records are in `Writer::body`.
struct Pending {
    batch: u64,
    first: Seq,
    count: u32,
    stamp: Stamp,
    /// Its frame was written to the current segment.
    is_written: bool,
    /// What went wrong when it was written; told by the next sync.
    error: Option<StorageError>,
}

/// What a segment is founded with.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Founding {
    Empty,
    Batch,
    Seal,
}

/// The one writer of a journal.
pub struct Writer<S: Storage> {
    storage: S,
    room: Room,
    identity: Identity,
    next_segment: u32,
    /// Behind the last durable batch: where the next header says that the journal ends.
    durable: Mark,
    /// `None`: the next batch needs a new segment.
    current: Option<Current<S::File>>,
    pending: Option<Pending>,
    body: Vec<u8>,
    frame: Vec<u8>,
    is_sealed: bool,
}

impl<S: Storage> Writer<S> {
    /// A writer that goes on behind `durable`. It has no segment yet.
    pub(crate) fn new(storage: S, room: Room, identity: Identity, next_segment: u32, durable: Mark) -> Self {
        Self {
            storage,
            room,
            identity,
            next_segment,
            durable,
            current: None,
            pending: None,
            body: Vec::new(),
            frame: Vec::new(),
            is_sealed: false,
        }
    }

    /// Takes a batch and writes it. It is durable when [`Writer::sync`] says so. A failing disk is reported by
    /// `sync` too; the batch is taken all the same.
    ///
    /// # Errors
    /// The batch is not taken: it is empty or too large, does not continue the journal, the one before it is not
    /// durable, or the journal is sealed.
    pub fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        if self.is_sealed {
            return Err(AppendError::Sealed);
        }
        if let Some(pending) = &self.pending {
            return Err(AppendError::NotSynced { batch: pending.batch });
        }
        if batch.is_empty() {
            return Err(AppendError::Empty);
        }
        if batch.size() > BATCH_SIZE_MAX {
            return Err(AppendError::TooLarge { size: batch.size() });
        }
        let expected = self.durable.seq.next();
        if batch.first() != expected {
            return Err(AppendError::NotNext { expected, given: batch.first() });
        }
        self.adopt(batch.first(), batch.count(), batch.stamp(), batch.bytes());
        self.write_pending();
        Ok(())
    }

    /// Takes records as they stand in a frame, without writing them yet.
    pub(crate) fn adopt(&mut self, first: Seq, count: u32, stamp: Stamp, body: &[u8]) {
        assert!(self.pending.is_none(), "one batch at a time");
        self.body.clear();
        self.body.extend_from_slice(body);
        let batch = self.durable.batch + 1;
        self.pending = Some(Pending { batch, first, count, stamp, is_written: false, error: None });
    }

    /// Writes the pending batch to the current segment if it has one with room.
    fn write_pending(&mut self) {
        let Some(current) = &self.current else { return };
        let segment = current.segment;
        self.frame.clear();
        self.encode_frame(FrameKind::Batch, segment);
        let end = self.durable.end + self.frame.len() as u64;
        if end > self.room.segment_size {
            self.current = None;
            return;
        }
        let result = self.write_frame(end);
        let pending = self.pending.as_mut().expect("called with a batch in hand");
        match result {
            Ok(()) => pending.is_written = true,
            Err(error) => {
                pending.error = Some(error);
                self.give_up_segment();
            }
        }
    }

    fn write_frame(&mut self, end: u64) -> Result<(), StorageError> {
        let current = self.current.as_mut().expect("called with a segment in hand");
        assert_eq!(
            current.segment, self.durable.segment,
            "the end of the journal lies in the current segment"
        );
        if end > current.reserved {
            let reserve = self.room.reserve_size.max(end - current.reserved);
            let reserved = (current.reserved + reserve).min(self.room.segment_size);
            self.storage.grow(&mut current.file, current.reserved, reserved)?;
            current.reserved = reserved;
        }
        self.storage.write_at(&mut current.file, self.durable.end, &self.frame)
    }

    /// The current segment is not touched again; what lies behind its last durable batch counts for nothing.
    fn give_up_segment(&mut self) {
        self.current = None;
        self.durable.is_tail_clean = false;
    }

    /// Makes the appended batch durable; returns the last durable record. Without a batch it does nothing.
    ///
    /// # Errors
    /// The batch is not durable. Call again: it goes to a new segment.
    pub fn sync(&mut self) -> Result<Seq, SyncError> {
        let Some(pending) = &mut self.pending else { return Ok(self.durable.seq) };
        if let Some(error) = pending.error.take() {
            return Err(error.into());
        }
        if !pending.is_written {
            self.found(Founding::Batch)?;
            return Ok(self.durable.seq);
        }
        let current = self.current.as_mut().expect("a written batch is in the current segment");
        let synced =
            if is_on(Mutation::NoFdatasync) { Ok(()) } else { self.storage.sync_data(&mut current.file) };
        if let Err(error) = synced {
            pending.is_written = false;
            self.give_up_segment();
            return Err(error.into());
        }
        let end = self.durable.end + self.frame.len() as u64;
        let pending = self.pending.take().expect("checked above");
        self.advance(&pending, end);
        Ok(self.durable.seq)
    }

    fn advance(&mut self, pending: &Pending, end: u64) {
        let seq = Seq(pending.first.0 + u64::from(pending.count) - 1);
        self.durable = Mark { end, batch: pending.batch, seq, stamp: pending.stamp, ..self.durable };
    }

    /// Ends the journal at a clean stop. Nothing can be appended afterwards; whoever opens it next knows that
    /// nothing was in flight.
    ///
    /// # Errors
    /// The seal, or the batch before it, is not durable. Call again.
    pub fn seal(&mut self) -> Result<Seq, SyncError> {
        if self.is_sealed {
            return Ok(self.durable.seq);
        }
        self.sync()?;
        self.found(Founding::Seal)?;
        self.is_sealed = true;
        Ok(self.durable.seq)
    }

    /// Founds the next segment: with the pending batch, with a seal, or empty.
    pub(crate) fn found(&mut self, founding: Founding) -> Result<(), StorageError> {
        let segment = self.next_segment;
        let header_size = self.encode_segment(founding, segment);
        let used = self.frame.len() as u64;
        let reserved = match founding {
            Founding::Seal => used,
            _ => used.max(self.room.reserve_size.min(self.room.segment_size)),
        };
        let file = self.write_segment(segment, reserved)?;
        if founding == Founding::Seal {
            return Ok(());
        }
        self.current = Some(Current { file, segment, reserved });
        // From here on the journal ends in the new segment.
        self.durable = Mark { segment, is_tail_clean: true, end: header_size, ..self.durable };
        if founding == Founding::Batch {
            let pending = self.pending.take().expect("a segment is founded with the batch in hand");
            self.advance(&pending, used);
        }
        Ok(())
    }

    /// Puts header and first frame into `frame`; returns the size of the header.
    fn encode_segment(&mut self, founding: Founding, segment: u32) -> u64 {
        let mut header = SegmentHeader {
            segment,
            epoch: self.identity.epoch,
            genesis: self.identity.genesis,
            founded: 0,
            previous: self.durable,
            context: std::mem::take(&mut self.identity.context),
        };
        let header_size = header.size();
        assert!(header_size <= HEADER_SIZE_MAX as u64, "open refuses a larger context");
        let body_size = match founding {
            Founding::Empty => None,
            Founding::Batch => Some(self.body.len() as u64),
            Founding::Seal => Some(0),
        };
        let frame_size = body_size.map_or(0, |size| FRAME_HEADER_SIZE as u64 + crate::fields::align(size));
        header.founded = header_size + frame_size;
        self.frame.clear();
        header.encode(&mut self.frame);
        self.identity.context = header.context;
        match founding {
            Founding::Empty => {}
            Founding::Batch => self.encode_frame(FrameKind::Batch, segment),
            Founding::Seal => self.encode_frame(FrameKind::Seal, segment),
        }
        assert_eq!(self.frame.len() as u64, header.founded, "the header says where the founding bytes end");
        header_size
    }

    /// Appends a frame of the pending batch, or a seal, to `frame`.
    fn encode_frame(&mut self, kind: FrameKind, segment: u32) {
        let (batch, first, count, stamp) = match (kind, &self.pending) {
            (FrameKind::Batch, Some(pending)) => (pending.batch, pending.first, pending.count, pending.stamp),
            (FrameKind::Seal, None) => (self.durable.batch, self.durable.seq.next(), 0, self.durable.stamp),
            _ => {
                unreachable!("a batch frame has a batch in hand, a seal comes after the last one is durable")
            }
        };
        let epoch = self.identity.epoch;
        let header =
            FrameHeader { kind, body_crc: 0, body_size: 0, count, batch, first, stamp, segment, epoch };
        let body = if kind == FrameKind::Batch { self.body.as_slice() } else { &[] };
        header.encode(body, &mut self.frame);
    }

    /// Writes `frame` as a new segment file and makes it durable together with its name.
    fn write_segment(&mut self, segment: u32, reserved: u64) -> Result<S::File, StorageError> {
        let name = segment_name(segment);
        let unfinished = format!("{name}{UNFINISHED}");
        let file = match self.write_unfinished(&unfinished, reserved) {
            Ok(file) => file,
            Err(error) => {
                // The next try starts from an empty file. If this cannot be removed either, the next try says so.
                self.storage.remove(&unfinished).ok();
                return Err(error);
            }
        };
        // Whether the name sticks is unknown until the directory is synced. So from here on the number is used, and
        // an older segment must not grow any more: whoever finds this name takes what it says for the end of that.
        self.next_segment += 1;
        self.current = None;
        if let Err(error) = self.storage.rename(&unfinished, &name) {
            // Its room may be what is missing next. If it cannot be removed, the next open does it.
            self.storage.remove(&unfinished).ok();
            return Err(error);
        }
        self.storage.sync_dir()?;
        Ok(file)
    }

    fn write_unfinished(&self, name: &str, reserved: u64) -> Result<S::File, StorageError> {
        let mut file = self.storage.create(name)?;
        let used = self.frame.len() as u64;
        self.storage.write_at(&mut file, 0, &self.frame)?;
        if reserved > used {
            self.storage.grow(&mut file, used, reserved)?;
        }
        self.storage.sync_data(&mut file)?;
        Ok(file)
    }

    /// Replaces the context that the next segment carries.
    pub(crate) fn set_context(&mut self, context: Context) {
        self.identity.context = context;
    }

    /// Last durable record.
    pub fn durable_seq(&self) -> Seq {
        self.durable.seq
    }

    /// Last durable batch.
    pub fn durable_batch(&self) -> u64 {
        self.durable.batch
    }

    /// True while a batch was appended and is not durable.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Epoch of this writer; larger than that of every writer before it.
    pub fn epoch(&self) -> u32 {
        self.identity.epoch
    }

    /// Number of the journal.
    pub fn genesis(&self) -> u64 {
        self.identity.genesis
    }
}
