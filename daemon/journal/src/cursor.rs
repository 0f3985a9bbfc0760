//! Reads the frames of one segment through a buffer. It knows bytes and checksums, not what a journal is.

use crate::frame::{FRAME_HEADER_SIZE, FrameHeader, find_header};
use crate::segment::segment_name;
use crate::storage::{Storage, StorageError};

/// First read after the buffer was emptied: small, because whoever follows a writer finds little.
const READ_SIZE_MIN: usize = 64 * 1024;
/// Reads grow up to this while frames follow each other.
const READ_SIZE_MAX: usize = 1024 * 1024;
/// Zeros to compare with.
static ZEROS: [u8; 4096] = [0; 4096];

/// A buffered view of one segment file.
pub(crate) struct SegmentCursor<S> {
    storage: S,
    name: String,
    segment: u32,
    size: u64,
    buffer: Vec<u8>,
    start: u64,
    read_size: usize,
}

impl<S: Storage> SegmentCursor<S> {
    pub(crate) fn open(storage: &S, segment: u32) -> Result<Self, StorageError> {
        let name = segment_name(segment);
        let size = storage.size(&name)?;
        let storage = storage.clone();
        Ok(Self { storage, name, segment, size, buffer: Vec::new(), start: 0, read_size: READ_SIZE_MIN })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn segment(&self) -> u32 {
        self.segment
    }

    /// Size of the file when it was looked at last.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Empties the buffer: what is read next is what the file holds now.
    pub(crate) fn forget(&mut self) -> Result<(), StorageError> {
        self.buffer.clear();
        self.read_size = READ_SIZE_MIN;
        self.size = self.storage.size(&self.name)?;
        Ok(())
    }

    /// `count` bytes from `offset`; `None` when the file ends before.
    pub(crate) fn bytes(&mut self, offset: u64, count: usize) -> Result<Option<&[u8]>, StorageError> {
        if offset.checked_add(count as u64).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let is_buffered =
            offset >= self.start && offset + count as u64 <= self.start + self.buffer.len() as u64;
        if !is_buffered {
            self.fill(offset, count)?;
        }
        let at = (offset - self.start) as usize;
        Ok(self.buffer.get(at..at + count))
    }

    fn fill(&mut self, offset: u64, count: usize) -> Result<(), StorageError> {
        let left = usize::try_from(self.size - offset).unwrap_or(usize::MAX);
        let wanted = count.max(self.read_size).min(left);
        self.read_size = (self.read_size * 2).min(READ_SIZE_MAX);
        self.buffer.resize(wanted, 0);
        let read = self.storage.read_at(&self.name, offset, &mut self.buffer)?;
        self.buffer.truncate(read);
        self.start = offset;
        Ok(())
    }

    /// The frame at `offset`: its header if header and body are valid.
    pub(crate) fn frame(&mut self, offset: u64) -> Result<Option<FrameHeader>, StorageError> {
        let segment = self.segment;
        let Some(bytes) = self.bytes(offset, FRAME_HEADER_SIZE)? else { return Ok(None) };
        let Some(header) = FrameHeader::decode(bytes, segment) else { return Ok(None) };
        let body = self.bytes(offset + FRAME_HEADER_SIZE as u64, header.padded_size() as usize)?;
        Ok(body.is_some_and(|body| header.matches(body)).then_some(header))
    }

    /// The records of a frame that was found valid at `offset`.
    pub(crate) fn body(&mut self, offset: u64, header: &FrameHeader) -> Result<&[u8], StorageError> {
        let body = self.bytes(offset + FRAME_HEADER_SIZE as u64, header.body_size as usize)?;
        Ok(body.unwrap_or_default())
    }

    /// Offset of the first valid frame header at or behind `offset` (a multiple of 8).
    pub(crate) fn find_header(&mut self, offset: u64) -> Result<Option<u64>, StorageError> {
        let mut at = offset;
        while at + FRAME_HEADER_SIZE as u64 <= self.size {
            let count = usize::try_from(self.size - at).unwrap_or(usize::MAX).min(READ_SIZE_MAX);
            let segment = self.segment;
            let Some(bytes) = self.bytes(at, count)? else { return Ok(None) };
            if let Some(found) = find_header(bytes, segment) {
                return Ok(Some(at + found as u64));
            }
            // The last places of the window lacked bytes behind them: the next window begins there.
            let seen = (count - FRAME_HEADER_SIZE + 1).next_multiple_of(8);
            at += seen as u64;
        }
        Ok(None)
    }

    /// First and last byte at or behind `offset` that is not zero.
    pub(crate) fn find_stray(&mut self, offset: u64) -> Result<Option<(u64, u64)>, StorageError> {
        let mut found: Option<(u64, u64)> = None;
        let mut at = offset;
        while at < self.size {
            let count = usize::try_from(self.size - at).unwrap_or(usize::MAX).min(ZEROS.len());
            let Some(bytes) = self.bytes(at, count)? else { break };
            if *bytes != ZEROS[..bytes.len()] {
                let mut stray = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(i, _)| i);
                let first = stray.next().unwrap_or(0);
                let last = stray.next_back().unwrap_or(first);
                let (first, last) = (at + first as u64, at + last as u64);
                found = Some((found.map_or(first, |(earlier, _)| earlier), last));
            }
            at += count as u64;
        }
        Ok(found)
    }
}
