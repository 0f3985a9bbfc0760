//! Reads records in order, across segments, up to a record the reader was told is durable. It may run while a
//! writer appends: nothing beyond that record is looked at, and new segments are found when they are needed.

use wcs_types::{Record, Seq};

use crate::batch::{Stamp, split_record};
use crate::chain::{Link, read_chain};
use crate::cursor::SegmentCursor;
use crate::damage::{Damage, DamageKind, ReadError};
use crate::frame::FRAME_HEADER_SIZE;
use crate::record::decode_record;
use crate::segment::{Context, segment_name};
use crate::storage::Storage;
use crate::walk::{Step, Walk};

/// Where a record stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Its segment.
    pub segment: u32,
    /// Its batch.
    pub batch: u64,
    /// Byte in the file of the segment at which its length stands.
    pub offset: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}, batch {}", segment_name(self.segment), self.offset, self.batch)
    }
}

/// Where a batch begins, as somebody saw it once. Only a hint: it is held against the frame that stands there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FramePlace {
    /// Its segment.
    pub segment: u32,
    /// Byte in the file of the segment.
    pub offset: u64,
    /// Number of the batch.
    pub batch: u64,
    /// First record of the batch.
    pub first: Seq,
}

/// One record as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its sequence, the same as in the record.
    pub seq: Seq,
    /// Where it stands.
    pub position: Position,
    /// The record.
    pub record: Record,
}

/// The batch whose records are handed out. Its bytes are in `Reader::body`.
#[derive(Clone, Copy)]
struct Loaded {
    batch: u64,
    first: Seq,
    stamp: Stamp,
    /// Offset in the file of the first byte of the body.
    offset: u64,
    /// Bytes of the body that were handed out.
    taken: usize,
    next: Seq,
    left: u32,
}

/// Iterates over the records of a journal. After an error it yields nothing more.
pub struct Reader<S: Storage> {
    storage: S,
    links: Vec<Link>,
    /// Position in `links` of the segment that is read.
    at: usize,
    cursor: SegmentCursor<S>,
    walk: Walk,
    body: Vec<u8>,
    loaded: Option<Loaded>,
    /// The record that is yielded next.
    next: Seq,
    through: Seq,
    has_failed: bool,
}

impl<S: Storage> Reader<S> {
    /// A reader from record `from` (1 is the first) to record `through`, which must be durable.
    ///
    /// # Errors
    /// The journal is damaged where it was looked at, or the storage cannot be read. An empty directory is a
    /// journal whose records are missing.
    pub fn open(storage: &S, from: Seq, through: Seq) -> Result<Self, ReadError> {
        let next = Seq(from.0.max(1));
        let links = read_chain(storage)?.links;
        let at = place_of(&links, next);
        let Some(link) = links.get(at) else {
            let kind = DamageKind::RecordsMissing { first: next };
            return Err(Damage::new(kind, ".", 0).into());
        };
        let cursor = SegmentCursor::open(storage, link.header.segment)?;
        let walk = Walk::new(&link.header);
        Ok(Self {
            storage: storage.clone(),
            links,
            at,
            cursor,
            walk,
            body: Vec::new(),
            loaded: None,
            next,
            through,
            has_failed: false,
        })
    }

    /// Lets the reader go on to `through`, which must be durable. It never goes back.
    pub fn extend_to(&mut self, through: Seq) {
        self.through = self.through.max(through);
    }

    /// Lets the reader go on to what a writer in another process has written since, `batches` of them at most;
    /// returns whether there is more to read now. It reads on from where it stands, and never what it has read.
    /// What is valid counts as durable, as for [`recover`](crate::recover).
    ///
    /// # Errors
    /// What was written does not continue what was read, or the storage cannot be read.
    pub fn extend_to_written(&mut self, batches: u32) -> Result<bool, ReadError> {
        if self.next <= self.through {
            return Ok(true);
        }
        self.cursor.forget()?;
        if !self.extend_in_segment(batches)? {
            self.look_for_segments()?;
            let has_ended = self.links[self.at].end.is_some_and(|end| self.walk.mark.end >= end.end);
            if has_ended {
                self.go_to(self.at + 1)?;
            }
            self.extend_in_segment(batches)?;
        }
        Ok(self.next <= self.through)
    }

    /// Looks over the batches behind the one at hand, without going there.
    fn extend_in_segment(&mut self, batches: u32) -> Result<bool, ReadError> {
        let end = self.links[self.at].end;
        let mut walk = self.walk.clone();
        for _ in 0..batches {
            let is_at_end = end.is_some_and(|end| walk.mark.end >= end.end);
            if is_at_end || !matches!(walk.step(&mut self.cursor)?, Step::Batch(_)) {
                break;
            }
        }
        let is_more = walk.mark.seq > self.through;
        self.through = self.through.max(walk.mark.seq);
        Ok(is_more)
    }

    /// When the batch was made whose records are being yielded.
    pub fn stamp(&self) -> Option<Stamp> {
        self.loaded.map(|loaded| loaded.stamp)
    }

    /// Where the batch begins whose records are being yielded.
    pub fn place(&self) -> Option<FramePlace> {
        let loaded = self.loaded?;
        let (segment, offset) = (self.cursor.segment(), loaded.offset - FRAME_HEADER_SIZE as u64);
        Some(FramePlace { segment, offset, batch: loaded.batch, first: loaded.first })
    }

    /// Goes to record `to`, forward or back: from the batch at `near` when one stands there as it says, from the
    /// segment of the record otherwise.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn seek(&mut self, to: Seq, near: Option<FramePlace>) -> Result<(), ReadError> {
        let to = Seq(to.0.max(1));
        let is_ahead = to >= self.next && near.is_some_and(|place| place.first <= self.next);
        if !is_ahead || self.has_failed {
            self.loaded = None;
            let is_there = match near.filter(|place| place.first <= to) {
                Some(place) => self.go_near(place)?,
                None => false,
            };
            if !is_there {
                self.go_to(place_of(&self.links, to))?;
            }
            self.has_failed = false;
        }
        self.next = to;
        Ok(())
    }

    /// Goes to a batch; false when none stands there, or another.
    fn go_near(&mut self, place: FramePlace) -> Result<bool, ReadError> {
        let Some(at) = self.links.iter().position(|link| link.header.segment == place.segment) else {
            return Ok(false);
        };
        let link = &self.links[at];
        let Some(walk) = Walk::from_place(&link.header, place).filter(|_| link.holds(place)) else {
            return Ok(false);
        };
        let mut cursor = SegmentCursor::open(&self.storage, place.segment)?;
        if !place.is_in(&mut cursor)? {
            return Ok(false);
        }
        (self.at, self.cursor, self.walk) = (at, cursor, walk);
        Ok(true)
    }

    /// The record that is yielded next.
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// The context under which the record that was yielded last was made.
    pub fn context(&self) -> &Context {
        &self.links[self.at].header.context
    }

    fn read_next(&mut self) -> Result<Entry, ReadError> {
        loop {
            if let Some(entry) = self.read_one()? {
                return Ok(entry);
            }
        }
    }

    /// Reads one record; `None` when it lies before the one that is wanted.
    fn read_one(&mut self) -> Result<Option<Entry>, ReadError> {
        let loaded = loop {
            match self.loaded {
                Some(loaded) if loaded.left > 0 => break loaded,
                _ => self.load_batch()?,
            }
        };
        let position = Position {
            segment: self.cursor.segment(),
            batch: loaded.batch,
            offset: loaded.offset + loaded.taken as u64,
        };
        let damage = |kind| Damage::new(kind, self.cursor.name(), position.offset);
        let rest = self.body.get(loaded.taken..).unwrap_or_default();
        let (bytes, _) = split_record(rest).ok_or_else(|| damage(DamageKind::BadFrame))?;
        let seq = loaded.next;
        let taken = loaded.taken + 4 + bytes.len();
        let left = loaded.left - 1;
        if left == 0 && taken != self.body.len() {
            return Err(damage(DamageKind::BadFrame).into());
        }
        let record = if seq < self.next {
            None
        } else {
            let record = decode_record(bytes).map_err(|error| damage(DamageKind::BadRecord(error)))?;
            if record.seq != seq {
                let kind = DamageKind::WrongRecord { expected: seq, found: record.seq };
                return Err(damage(kind).into());
            }
            Some(record)
        };
        self.loaded = Some(Loaded { taken, next: seq.next(), left, ..loaded });
        let Some(record) = record else { return Ok(None) };
        self.next = seq.next();
        Ok(Some(Entry { seq, position, record }))
    }

    /// Loads the batch that holds the next record.
    fn load_batch(&mut self) -> Result<(), ReadError> {
        let mut looked = 0;
        loop {
            if self.links[self.at].end.is_some_and(|end| self.walk.mark.end >= end.end) {
                self.go_to(self.at + 1)?;
                continue;
            }
            let offset = self.walk.mark.end;
            if let Step::Batch(header) = self.walk.step(&mut self.cursor)? {
                if header.last() < self.next {
                    continue;
                }
                let body = self.cursor.body(offset, &header)?;
                self.body.clear();
                self.body.extend_from_slice(body);
                self.loaded = Some(Loaded {
                    batch: header.batch,
                    first: header.first,
                    stamp: header.stamp,
                    offset: offset + FRAME_HEADER_SIZE as u64,
                    taken: 0,
                    next: header.first,
                    left: header.count,
                });
                return Ok(());
            }
            // The record is durable, so it is somewhere: behind what was buffered, or in a newer segment.
            match looked {
                0 => self.cursor.forget()?,
                1 => self.look_for_segments()?,
                _ => return Err(self.not_found(offset).into()),
            }
            looked += 1;
        }
    }

    fn not_found(&self, offset: u64) -> Damage {
        let is_newest = self.links[self.at].end.is_none();
        let kind =
            if is_newest { DamageKind::RecordsMissing { first: self.next } } else { DamageKind::BadFrame };
        Damage::new(kind, self.cursor.name(), offset)
    }

    /// Reads the chain again. The segment at hand may have ended, or turned out void.
    fn look_for_segments(&mut self) -> Result<(), ReadError> {
        let segment = self.cursor.segment();
        self.links = read_chain(&self.storage)?.links;
        let same = self.links.iter().position(|link| link.header.segment == segment);
        match same {
            Some(at) => self.at = at,
            None => self.go_to(place_of(&self.links, self.next))?,
        }
        Ok(())
    }

    fn go_to(&mut self, at: usize) -> Result<(), ReadError> {
        let link = &self.links[at];
        self.at = at;
        self.cursor = SegmentCursor::open(&self.storage, link.header.segment)?;
        self.walk = Walk::new(&link.header);
        Ok(())
    }
}

impl FramePlace {
    /// The batch stands there as it was seen, whole.
    pub(crate) fn is_in<S: Storage>(self, cursor: &mut SegmentCursor<S>) -> Result<bool, ReadError> {
        let header = if self.offset.is_multiple_of(8) { cursor.frame(self.offset)? } else { None };
        Ok(header.is_some_and(|header| (header.batch, header.first) == (self.batch, self.first)))
    }
}

/// Position of the segment that holds a record, or of the newest.
fn place_of(links: &[Link], seq: Seq) -> usize {
    let holds = |link: &Link| link.end.is_none_or(|end| end.seq >= seq);
    links.iter().position(holds).unwrap_or_default()
}

impl<S: Storage> Iterator for Reader<S> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed || self.next > self.through {
            return None;
        }
        let read = self.read_next();
        self.has_failed = read.is_err();
        Some(read)
    }
}
