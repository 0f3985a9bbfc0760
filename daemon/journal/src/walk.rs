//! Steps through the frames of one segment and checks that each continues the one before it. Whether a frame that
//! is not valid means a torn write or damage is decided by whoever walks.

use wcs_types::Seq;

use crate::batch::Stamp;
use crate::cursor::SegmentCursor;
use crate::damage::{Damage, DamageKind, ReadError};
use crate::frame::{FrameHeader, FrameKind};
use crate::reader::FramePlace;
use crate::segment::{Mark, SegmentHeader};
use crate::storage::Storage;

/// A walk through one segment.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// Behind the last batch.
    pub(crate) mark: Mark,
    /// In front of the last batch, once there is one.
    pub(crate) before: Mark,
    /// The last batch.
    pub(crate) last: Option<FrameHeader>,
    pub(crate) batches: u64,
    pub(crate) records: u64,
    epoch: u32,
}

/// What a step found.
pub(crate) enum Step {
    /// A batch; the walk stands behind it.
    Batch(FrameHeader),
    /// A seal; the walk stands behind it.
    Seal,
    /// Nothing valid; the walk stays where it is.
    Bad,
}

impl Walk {
    /// A walk from the start of a segment.
    pub(crate) fn new(header: &SegmentHeader) -> Self {
        let mark = header.start();
        Self { mark, before: mark, last: None, batches: 0, records: 0, epoch: header.epoch }
    }

    /// A walk from a batch in the middle of a segment; `None` when no batch can stand there.
    pub(crate) fn from_place(header: &SegmentHeader, place: FramePlace) -> Option<Self> {
        let (batch, seq) = (place.batch.checked_sub(1)?, Seq(place.first.0.checked_sub(1)?));
        if place.offset < header.size() {
            return None;
        }
        let mark = Mark { end: place.offset, batch, seq, ..header.start() };
        Some(Self { mark, before: mark, ..Self::new(header) })
    }

    /// Goes over the next frame.
    pub(crate) fn step<S: Storage>(&mut self, cursor: &mut SegmentCursor<S>) -> Result<Step, ReadError> {
        let offset = self.mark.end;
        let Some(header) = cursor.frame(offset)? else { return Ok(Step::Bad) };
        self.check(&header).map_err(|kind| Damage::new(kind, cursor.name(), offset))?;
        let end = offset + header.frame_size();
        if header.kind == FrameKind::Seal {
            self.mark.end = end;
            return Ok(Step::Seal);
        }
        self.before = Mark { is_tail_clean: false, ..self.mark };
        let stamp: Stamp = header.stamp;
        self.mark = Mark { end, batch: header.batch, seq: header.last(), stamp, ..self.mark };
        self.last = Some(header);
        self.batches += 1;
        self.records += u64::from(header.count);
        Ok(Step::Batch(header))
    }

    fn check(&self, header: &FrameHeader) -> Result<(), DamageKind> {
        if header.epoch != self.epoch {
            return Err(DamageKind::WrongEpoch { expected: self.epoch, found: header.epoch });
        }
        let batch = self.mark.batch + u64::from(header.kind == FrameKind::Batch);
        if header.batch != batch {
            return Err(DamageKind::BatchGap { expected: batch, found: header.batch });
        }
        let first = self.mark.seq.next();
        if header.first != first {
            return Err(DamageKind::SequenceGap { expected: first, found: header.first });
        }
        Ok(())
    }
}
