//! Lists what is on disk, damaged or not: one line per segment, per batch, and per end. For people who look for
//! what happened; nothing decides on it.

use std::fmt;

use crate::chain::read_header;
use crate::cursor::SegmentCursor;
use crate::damage::ReadError;
use crate::frame::{FrameHeader, FrameKind};
use crate::segment::{SegmentHeader, segment_name, segment_of};
use crate::storage::{Storage, StorageError};

/// What is in a journal directory. `Display` gives the lines.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    segments: Vec<InspectedSegment>,
}

#[derive(Clone, Debug)]
struct InspectedSegment {
    name: String,
    header: Result<SegmentHeader, ReadError>,
    frames: Vec<(u64, FrameHeader)>,
    /// Where the last valid frame ends.
    end: u64,
    size: u64,
    /// First and last byte behind the end that is not zero.
    stray: Option<(u64, u64)>,
}

impl Inspection {
    /// Number of segment files, void ones included.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Number of valid frames, seals included.
    pub fn frames(&self) -> usize {
        self.segments.iter().map(|segment| segment.frames.len()).sum()
    }
}

/// Looks at every segment file, up to the first frame in each that is not valid.
///
/// # Errors
/// The storage cannot be read. Damage is listed, not an error.
pub fn inspect<S: Storage>(storage: &S) -> Result<Inspection, StorageError> {
    let mut inspection = Inspection::default();
    for segment in storage.list()?.iter().filter_map(|name| segment_of(name)) {
        let mut cursor = SegmentCursor::open(storage, segment)?;
        let header = read_header(storage, segment);
        let mut frames = Vec::new();
        let mut end = header.as_ref().map_or(0, SegmentHeader::size);
        let mut stray = None;
        if header.is_ok() {
            while let Some(frame) = cursor.frame(end)? {
                frames.push((end, frame));
                end += frame.frame_size();
            }
            stray = cursor.find_stray(end)?;
        }
        let name = segment_name(segment);
        inspection.segments.push(InspectedSegment { name, header, frames, end, size: cursor.size(), stray });
    }
    Ok(inspection)
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match &segment.header {
                Ok(header) => segment.fmt_with(header, f)?,
                Err(error) => writeln!(f, "{}: {error}", segment.name)?,
            }
        }
        Ok(())
    }
}

impl InspectedSegment {
    fn fmt_with(&self, header: &SegmentHeader, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let previous = &header.previous;
        writeln!(
            f,
            "{}: writer {}, journal {:016x}, core {}, plant {} bytes, continues segment {} at byte {} (batch {}, record {})",
            self.name,
            header.epoch,
            header.genesis,
            header.context.core_version,
            header.context.plant.len(),
            previous.segment,
            previous.end,
            previous.batch,
            previous.seq.0
        )?;
        for (offset, frame) in &self.frames {
            match frame.kind {
                FrameKind::Batch => writeln!(
                    f,
                    "  {offset}: batch {}, records {} to {}, {} bytes, time {} ns",
                    frame.batch,
                    frame.first.0,
                    frame.last().0,
                    frame.body_size,
                    frame.stamp.now.0
                )?,
                FrameKind::Seal => writeln!(f, "  {offset}: seal behind batch {}", frame.batch)?,
            }
        }
        match self.stray {
            None => writeln!(f, "  {}: end, {} bytes reserved", self.end, self.size - self.end),
            Some((first, last)) => writeln!(f, "  {}: not valid, bytes {first} to {last}", self.end),
        }
    }
}
