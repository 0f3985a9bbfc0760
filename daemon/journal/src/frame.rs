//! The frame around one batch: 64 bytes of header with its own checksum, then the body, then zeros up to a
//! multiple of 8. Frames start at multiples of 8 and carry a magic, so that a scan finds later frames even where
//! a length is not to be trusted. Layout: module doc of the crate.

use wcs_types::{MonoTime, Seq};

use crate::batch::{BATCH_SIZE_MAX, Stamp};
use crate::fields::{Fields, align};

/// Highest number of a record or a batch in a sound file: a quarter of what the field holds, so that going on never
/// overflows. At a million records a second it lasts 146 000 years.
pub(crate) const COUNT_MAX: u64 = 1 << 62;
/// Highest number of a segment or an epoch in a sound file, for the same reason.
pub(crate) const FILE_NUMBER_MAX: u32 = 1 << 30;
/// Bytes of a frame header.
pub(crate) const FRAME_HEADER_SIZE: usize = 64;
const MAGIC_SIZE: usize = 8;
const MAGIC_BATCH: &[u8; MAGIC_SIZE] = b"WCSBATCH";
const MAGIC_SEAL: &[u8; MAGIC_SIZE] = b"WCSSEAL\n";
/// The header checksum covers everything from here on.
const CHECKED_FROM: usize = 12;

/// What a frame holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FrameKind {
    /// Records.
    Batch,
    /// The end of a journal that was stopped cleanly.
    Seal,
}

/// Header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    pub(crate) body_crc: u32,
    pub(crate) body_size: u32,
    pub(crate) count: u32,
    /// Number of the batch; of a seal: of the last batch before it.
    pub(crate) batch: u64,
    /// First record; of a seal: the record that would come next.
    pub(crate) first: Seq,
    pub(crate) stamp: Stamp,
    pub(crate) segment: u32,
    pub(crate) epoch: u32,
}

impl FrameHeader {
    /// Bytes of the body with its padding.
    pub(crate) fn padded_size(&self) -> u64 {
        align(u64::from(self.body_size))
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_size(&self) -> u64 {
        FRAME_HEADER_SIZE as u64 + self.padded_size()
    }

    /// Last record of a batch; of a seal: the record before it.
    pub(crate) fn last(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.count) - 1)
    }

    /// The header at the start of `bytes`, if there is a valid one of this segment.
    pub(crate) fn decode(bytes: &[u8], segment: u32) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER_SIZE)?;
        let mut fields = Fields::of(bytes);
        let magic = fields.bytes(MAGIC_SIZE)?;
        let kind = match magic {
            magic if magic == MAGIC_BATCH => FrameKind::Batch,
            magic if magic == MAGIC_SEAL => FrameKind::Seal,
            _ => return None,
        };
        if fields.u32()? != seeded_crc(segment, &bytes[CHECKED_FROM..]) {
            return None;
        }
        let header = Self {
            kind,
            body_crc: fields.u32()?,
            body_size: fields.u32()?,
            count: fields.u32()?,
            batch: fields.u64()?,
            first: Seq(fields.u64()?),
            stamp: Stamp { now: MonoTime(fields.u64()?), wall_unix_ms: fields.u64()? },
            segment: fields.u32()?,
            epoch: fields.u32()?,
        };
        header.is_sound(segment).then_some(header)
    }

    /// A checksum can be right by chance or by a fault of the writer: the numbers must make sense too.
    fn is_sound(&self, segment: u32) -> bool {
        let is_counted = match self.kind {
            FrameKind::Batch => self.count > 0 && self.batch > 0,
            FrameKind::Seal => self.count == 0 && self.body_size == 0,
        };
        is_counted
            && self.segment == segment
            && self.first != Seq::NONE
            && self.epoch <= FILE_NUMBER_MAX
            && [self.first.0, self.batch].iter().all(|number| *number <= COUNT_MAX)
            && self.body_size as usize <= BATCH_SIZE_MAX
    }

    /// True when the body with its padding is what was written.
    pub(crate) fn matches(&self, padded: &[u8]) -> bool {
        padded.len() as u64 == self.padded_size() && seeded_crc(self.segment, padded) == self.body_crc
    }

    /// Appends the frame of this header around `body`. Sizes and checksums are filled in here.
    pub(crate) fn encode(mut self, body: &[u8], out: &mut Vec<u8>) {
        assert!(out.len().is_multiple_of(8), "frames start at multiples of 8");
        assert!(body.len() <= BATCH_SIZE_MAX, "the writer refuses larger batches");
        self.body_size = body.len() as u32;
        let start = out.len();
        out.resize(start + FRAME_HEADER_SIZE, 0);
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(8), 0);
        self.body_crc = seeded_crc(self.segment, &out[start + FRAME_HEADER_SIZE..]);

        let mut header = Vec::with_capacity(FRAME_HEADER_SIZE);
        header.extend_from_slice(match self.kind {
            FrameKind::Batch => MAGIC_BATCH,
            FrameKind::Seal => MAGIC_SEAL,
        });
        header.extend_from_slice(&[0; 4]);
        header.extend_from_slice(&self.body_crc.to_le_bytes());
        header.extend_from_slice(&self.body_size.to_le_bytes());
        header.extend_from_slice(&self.count.to_le_bytes());
        header.extend_from_slice(&self.batch.to_le_bytes());
        header.extend_from_slice(&self.first.0.to_le_bytes());
        header.extend_from_slice(&self.stamp.now.0.to_le_bytes());
        header.extend_from_slice(&self.stamp.wall_unix_ms.to_le_bytes());
        header.extend_from_slice(&self.segment.to_le_bytes());
        header.extend_from_slice(&self.epoch.to_le_bytes());
        let crc = seeded_crc(self.segment, &header[CHECKED_FROM..]);
        header[MAGIC_SIZE..CHECKED_FROM].copy_from_slice(&crc.to_le_bytes());
        out[start..start + FRAME_HEADER_SIZE].copy_from_slice(&header);
    }
}

/// Offset in `bytes` of the first valid frame header that starts at a multiple of 8.
pub(crate) fn find_header(bytes: &[u8], segment: u32) -> Option<usize> {
    (0..bytes.len().saturating_sub(FRAME_HEADER_SIZE - 1)).step_by(8).find(|&at| {
        // The first byte of both magics: cheap enough to look at every place in a segment.
        bytes[at] == b'W' && FrameHeader::decode(&bytes[at..], segment).is_some()
    })
}

/// CRC-32C that starts from the segment's number: bytes of another segment never pass.
fn seeded_crc(segment: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(segment, bytes)
}
