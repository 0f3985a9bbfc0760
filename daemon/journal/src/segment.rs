//! The header of a segment: who wrote it under which context, and where the journal ends before it. A segment
//! gets its name only after its header (and the frames it was founded with) are durable, so a header that is not
//! valid is damage, never a torn write. Layout: module doc of the crate.

use wcs_types::{MonoTime, Seq};

use crate::batch::Stamp;
use crate::damage::DamageKind;
use crate::fields::{Fields, align};
use crate::frame::{COUNT_MAX, FILE_NUMBER_MAX};

/// Version of everything on disk.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes of plant and limits together. More: the journal is not opened.
pub const CONTEXT_SIZE_MAX: usize = 8 * 1024 * 1024;
/// Bytes in front of the plant.
pub(crate) const HEADER_FIXED_SIZE: usize = 104;
/// Bytes of the largest header.
pub(crate) const HEADER_SIZE_MAX: usize = HEADER_FIXED_SIZE + CONTEXT_SIZE_MAX + 8;
const MAGIC: &[u8; 8] = b"WCSJOURN";
/// The checksum covers everything from here on. Magic, checksum, size and version keep their places in every
/// version of the format.
const CHECKED_FROM: usize = 12;

/// What records mean: the core that made them and the plant they are about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    /// `CORE_VERSION` of the core.
    pub core_version: u32,
    /// The plant, encoded by the caller.
    pub plant: Vec<u8>,
    /// The limits (or a digest of them), encoded by the caller.
    pub limits: Vec<u8>,
}

/// A place behind a batch, and what is known up to there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mark {
    /// Segment of the batch; 0 = before the journal began.
    pub(crate) segment: u32,
    /// Only zeros were written behind it. Else what lies there is ignored.
    pub(crate) is_tail_clean: bool,
    /// Offset of the first byte behind the batch.
    pub(crate) end: u64,
    pub(crate) batch: u64,
    pub(crate) seq: Seq,
    pub(crate) stamp: Stamp,
}

/// Header of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SegmentHeader {
    pub(crate) segment: u32,
    pub(crate) epoch: u32,
    pub(crate) genesis: u64,
    /// Everything before this offset was durable before the segment got its name.
    pub(crate) founded: u64,
    /// Where the journal ends before this segment.
    pub(crate) previous: Mark,
    pub(crate) context: Context,
}

impl SegmentHeader {
    /// Bytes of the header with its padding: where the first frame starts.
    pub(crate) fn size(&self) -> u64 {
        align((HEADER_FIXED_SIZE + self.context.plant.len() + self.context.limits.len()) as u64)
    }

    /// The place where frames of this segment begin.
    pub(crate) fn start(&self) -> Mark {
        Mark { segment: self.segment, is_tail_clean: true, end: self.size(), ..self.previous }
    }

    /// Appends the header to an empty buffer.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        assert!(out.is_empty(), "a header stands at the start of its file");
        let size = self.size();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 4]);
        for number in [
            u32::try_from(size).expect("open refuses a larger context"),
            FORMAT_VERSION,
            self.context.core_version,
            self.segment,
            self.epoch,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.genesis.to_le_bytes());
        out.extend_from_slice(&self.founded.to_le_bytes());
        out.extend_from_slice(&self.previous.segment.to_le_bytes());
        out.extend_from_slice(&u32::from(self.previous.is_tail_clean).to_le_bytes());
        for number in [
            self.previous.end,
            self.previous.batch,
            self.previous.seq.0,
            self.previous.stamp.now.0,
            self.previous.stamp.wall_unix_ms,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&(self.context.plant.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.context.limits.len() as u32).to_le_bytes());
        assert_eq!(out.len(), HEADER_FIXED_SIZE);
        out.extend_from_slice(&self.context.plant);
        out.extend_from_slice(&self.context.limits);
        out.resize(out.len().next_multiple_of(8), 0);
        assert_eq!(out.len() as u64, size);
        let crc = crc32c::crc32c(&out[CHECKED_FROM..]);
        out[MAGIC.len()..CHECKED_FROM].copy_from_slice(&crc.to_le_bytes());
    }

    /// The size a header claims, from its first bytes; `None` when it cannot be one.
    pub(crate) fn claimed_size(bytes: &[u8]) -> Option<usize> {
        let mut fields = Fields::of(bytes);
        let magic = fields.bytes(MAGIC.len())?;
        fields.u32()?;
        let size = fields.size()?;
        let fits = (HEADER_FIXED_SIZE..=HEADER_SIZE_MAX).contains(&size) && size.is_multiple_of(8);
        (magic == MAGIC && fits).then_some(size)
    }

    /// Reads a header from exactly the bytes it claims.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DamageKind> {
        let mut fields = Fields::of(bytes);
        let (crc, version) = (|| {
            fields.bytes(MAGIC.len())?;
            let crc = fields.u32()?;
            fields.u32()?;
            Some((crc, fields.u32()?))
        })()
        .ok_or(DamageKind::BadHeader)?;
        if crc != crc32c::crc32c(&bytes[CHECKED_FROM..]) {
            return Err(DamageKind::BadHeader);
        }
        if version > FORMAT_VERSION {
            return Err(DamageKind::NewerFormat { found: version });
        }
        Self::decode_rest(&mut fields).filter(|header| header.is_sound(bytes)).ok_or(DamageKind::BadHeader)
    }

    fn decode_rest(fields: &mut Fields<'_>) -> Option<Self> {
        let core_version = fields.u32()?;
        let segment = fields.u32()?;
        let epoch = fields.u32()?;
        let genesis = fields.u64()?;
        let founded = fields.u64()?;
        let previous = Mark {
            segment: fields.u32()?,
            is_tail_clean: fields.u32()? != 0,
            end: fields.u64()?,
            batch: fields.u64()?,
            seq: Seq(fields.u64()?),
            stamp: Stamp { now: MonoTime(fields.u64()?), wall_unix_ms: fields.u64()? },
        };
        let (plant_size, limits_size) = (fields.size()?, fields.size()?);
        let context = Context {
            core_version,
            plant: fields.bytes(plant_size)?.to_vec(),
            limits: fields.bytes(limits_size)?.to_vec(),
        };
        Some(Self { segment, epoch, genesis, founded, previous, context })
    }

    fn is_sound(&self, bytes: &[u8]) -> bool {
        self.segment > self.previous.segment
            && self.segment <= FILE_NUMBER_MAX
            && (1..=FILE_NUMBER_MAX).contains(&self.epoch)
            && self.size() == bytes.len() as u64
            && self.founded >= self.size()
            && [self.previous.seq.0, self.previous.batch].iter().all(|number| *number <= COUNT_MAX)
    }
}

/// File name of a segment.
pub(crate) fn segment_name(segment: u32) -> String {
    format!("segment-{segment:08}.wcsj")
}

/// Number of the segment a file holds; `None` for any other file.
pub(crate) fn segment_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix("segment-")?.strip_suffix(".wcsj")?.parse().ok()?;
    (number > 0 && segment_name(number) == name).then_some(number)
}

/// Ending of files that are not finished yet. They are removed when the journal is opened.
pub(crate) const UNFINISHED: &str = ".tmp";
