//! An index beside a journal: for keys, in which records they occur, in parts that each tell of a range of records. It
//! knows keys as numbers, not what they mean, and it is never relied on: a part that is not valid is not there, and what
//! a part says is only where to look. Layout: module doc of the crate.

use std::ops::RangeInclusive;

use wcs_types::Seq;

use crate::fields::Fields;
use crate::reader::FramePlace;
use crate::segment::{FORMAT_VERSION, UNFINISHED};
use crate::storage::{Storage, StorageError};

const MAGIC: &[u8; 8] = b"WCSINDEX";
const CHECKED_FROM: usize = 12;
const FIXED_SIZE: usize = 56;
const PLACE_SIZE: usize = 28;
const BLOCK_HEAD_SIZE: usize = 12;
const ENTRY_SIZE: usize = 12;
const ENTRIES_PER_BLOCK: usize = 512;
/// Bytes of the journal between two batches whose places are kept.
const PLACE_EVERY: u64 = 32 * 1024;
/// Records of one part. More: the builder takes no more.
const RECORDS_PER_PART_MAX: u64 = 1 << 24;
/// Bytes of a part in front of its blocks. More: it is not ours.
const HEAD_SIZE_MAX: usize = 64 * 1024 * 1024;

/// A part that is being made: records are added in order.
#[derive(Clone, Debug)]
pub struct PartBuilder {
    from: Seq,
    /// Behind the last record added.
    next: Seq,
    entries: Vec<(u64, u32)>,
    places: Vec<FramePlace>,
}

impl PartBuilder {
    /// A part that begins with record `from`.
    pub fn new(from: Seq) -> Self {
        Self { from, next: from, entries: Vec::new(), places: Vec::new() }
    }

    /// First record of it.
    pub fn from(&self) -> Seq {
        self.from
    }

    /// The record that is added next.
    pub fn next(&self) -> Seq {
        self.next
    }

    /// Records in it.
    pub fn records(&self) -> u64 {
        self.next.0 - self.from.0
    }

    /// Adds the next record with its keys, and the batch it stands in.
    ///
    /// # Panics
    /// It holds as many records as a part may have.
    pub fn add(&mut self, keys: &[u64], place: Option<FramePlace>) {
        assert!(self.records() < RECORDS_PER_PART_MAX, "parts are written long before they are full");
        let offset = (self.next.0 - self.from.0) as u32;
        self.entries.extend(keys.iter().map(|key| (*key, offset)));
        let is_apart = |last: &FramePlace, place: &FramePlace| {
            last.segment != place.segment || place.offset >= last.offset + PLACE_EVERY
        };
        if let Some(place) = place
            && self.places.last().is_none_or(|last| is_apart(last, &place))
        {
            self.places.push(place);
        }
        self.next = self.next.next();
    }

    /// Records that have a key, ascending.
    pub fn find(&self, key: u64, within: &RangeInclusive<Seq>, found: &mut Vec<Seq>) {
        let of_key = self.entries.iter().filter(|(of, _)| *of == key);
        let seqs = of_key.map(|(_, offset)| Seq(self.from.0 + u64::from(*offset)));
        found.extend(seqs.filter(|seq| within.contains(seq)));
    }

    /// Writes it under its name; what stood there is replaced.
    ///
    /// # Errors
    /// The storage failed. The part may be missing.
    pub fn write<S: Storage>(&self, storage: &S, genesis: u64, keys: u32) -> Result<Part, StorageError> {
        let (bytes, part) = self.encode(genesis, keys);
        let name = part.name();
        let unfinished = format!("{name}{UNFINISHED}");
        if storage.list()?.contains(&unfinished) {
            storage.remove(&unfinished)?;
        }
        let mut file = storage.create(&unfinished)?;
        storage.write_at(&mut file, 0, &bytes)?;
        storage.sync_data(&mut file)?;
        storage.rename(&unfinished, &name)?;
        storage.sync_dir()?;
        Ok(part)
    }

    fn encode(&self, genesis: u64, keys: u32) -> (Vec<u8>, Part) {
        let mut entries = self.entries.clone();
        entries.sort_unstable();
        entries.dedup();
        let mut body = Vec::with_capacity(entries.len() * ENTRY_SIZE);
        let mut blocks = Vec::new();
        for block in entries.chunks(ENTRIES_PER_BLOCK) {
            let start = body.len();
            for (key, offset) in block {
                body.extend_from_slice(&key.to_le_bytes());
                body.extend_from_slice(&offset.to_le_bytes());
            }
            blocks.push(Block { first: block[0].0, crc: crc32c::crc32c(&body[start..]) });
        }
        let mut out = Vec::with_capacity(FIXED_SIZE + blocks.len() * BLOCK_HEAD_SIZE + body.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 4]);
        for number in [FORMAT_VERSION, keys, self.places.len() as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let through = Seq(self.next.0.saturating_sub(1));
        for number in [genesis, self.from.0, through.0, entries.len() as u64] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for place in &self.places {
            for number in [place.first.0, place.batch, place.offset] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(&place.segment.to_le_bytes());
        }
        for block in &blocks {
            out.extend_from_slice(&block.first.to_le_bytes());
            out.extend_from_slice(&block.crc.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[CHECKED_FROM..]);
        out[MAGIC.len()..CHECKED_FROM].copy_from_slice(&crc.to_le_bytes());
        let (from, places, body_at) = (self.from, self.places.clone(), out.len() as u64);
        let part = Part { from, through, places, blocks, entries: entries.len(), body_at };
        out.extend_from_slice(&body);
        (out, part)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Block {
    first: u64,
    crc: u32,
}

/// A part as its head says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    from: Seq,
    through: Seq,
    places: Vec<FramePlace>,
    blocks: Vec<Block>,
    entries: usize,
    body_at: u64,
}

impl Part {
    /// First record it tells of.
    pub fn from(&self) -> Seq {
        self.from
    }

    /// Last record it tells of.
    pub fn through(&self) -> Seq {
        self.through
    }

    /// Records it tells of.
    pub fn records(&self) -> u64 {
        self.through.0 + 1 - self.from.0
    }

    /// Name of its file.
    pub fn name(&self) -> String {
        format!("part-{:020}-{:020}.wcsi", self.from.0, self.through.0)
    }

    /// Reads the head of a part; `None` when it is not valid, or of another journal or rule.
    fn read<S: Storage>(storage: &S, name: &str, genesis: u64, keys: u32) -> Option<Self> {
        let mut front = [0; FIXED_SIZE];
        if storage.read_at(name, 0, &mut front).ok()? < FIXED_SIZE {
            return None;
        }
        let mut fields = Fields::of(&front);
        let magic = fields.bytes(MAGIC.len())?;
        fields.u32()?;
        let is_ours = magic == MAGIC && fields.u32()? == FORMAT_VERSION && fields.u32()? == keys;
        let place_count = fields.size()?;
        if !is_ours || fields.u64()? != genesis {
            return None;
        }
        let (from, through) = (Seq(fields.u64()?), Seq(fields.u64()?));
        let entries = usize::try_from(fields.u64()?).ok()?;
        let block_count = entries.div_ceil(ENTRIES_PER_BLOCK);
        let places_size = place_count.checked_mul(PLACE_SIZE)?;
        let rest_size = block_count.checked_mul(BLOCK_HEAD_SIZE)?.checked_add(places_size)?;
        if from > through || from == Seq::NONE || rest_size > HEAD_SIZE_MAX {
            return None;
        }
        let mut head = vec![0; FIXED_SIZE + rest_size];
        if storage.read_at(name, 0, &mut head).ok()? < head.len() {
            return None;
        }
        let crc = Fields::of(&head[MAGIC.len()..]).u32()?;
        if crc != crc32c::crc32c(&head[CHECKED_FROM..]) {
            return None;
        }
        let mut fields = Fields::of(&head[FIXED_SIZE..]);
        let mut places = Vec::with_capacity(place_count);
        for _ in 0..place_count {
            let (first, batch, offset) = (Seq(fields.u64()?), fields.u64()?, fields.u64()?);
            places.push(FramePlace { first, batch, offset, segment: fields.u32()? });
        }
        let mut blocks = Vec::with_capacity(block_count);
        for _ in 0..block_count {
            blocks.push(Block { first: fields.u64()?, crc: fields.u32()? });
        }
        let part = Self { from, through, places, blocks, entries, body_at: head.len() as u64 };
        (part.name() == name).then_some(part)
    }

    /// Entries of one block; `None` when it is not what was written.
    fn block<S: Storage>(&self, storage: &S, at: usize) -> Option<Vec<(u64, Seq)>> {
        let count = ENTRIES_PER_BLOCK.min(self.entries - at * ENTRIES_PER_BLOCK);
        let mut bytes = vec![0; count * ENTRY_SIZE];
        let offset = self.body_at + (at * ENTRIES_PER_BLOCK * ENTRY_SIZE) as u64;
        let read = storage.read_at(&self.name(), offset, &mut bytes).ok()?;
        if read < bytes.len() || crc32c::crc32c(&bytes) != self.blocks[at].crc {
            return None;
        }
        let mut fields = Fields::of(&bytes);
        let entry = |_| Some((fields.u64()?, Seq(self.from.0 + u64::from(fields.u32()?))));
        (0..count).map(entry).collect()
    }

    /// Records that have a key, ascending; false when it cannot tell.
    fn find<S: Storage>(
        &self,
        storage: &S,
        key: u64,
        within: &RangeInclusive<Seq>,
        found: &mut Vec<Seq>,
    ) -> bool {
        // The block before the first that begins with the key may end with it.
        let first = self.blocks.partition_point(|block| block.first < key).saturating_sub(1);
        for at in first..self.blocks.len() {
            if self.blocks[at].first > key {
                break;
            }
            let Some(entries) = self.block(storage, at) else { return false };
            let of_key = entries.iter().filter(|(of, _)| *of == key).map(|(_, seq)| *seq);
            found.extend(of_key.filter(|seq| within.contains(seq)));
        }
        true
    }

    fn place(&self, seq: Seq) -> Option<FramePlace> {
        let behind = self.places.partition_point(|place| place.first <= seq);
        self.places.get(behind.checked_sub(1)?).copied()
    }
}

/// Parts that follow each other, from the first record on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// Reads the heads of what is there and valid. Where ranges overlap, the longest part from a record is taken.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn read<S: Storage>(storage: &S, genesis: u64, keys: u32) -> Result<Self, StorageError> {
        let mut named: Vec<((u64, u64), String)> =
            storage.list()?.into_iter().filter_map(|name| Some((range_of(&name)?, name))).collect();
        named.sort_unstable_by_key(|((from, through), _)| (*from, u64::MAX - *through));
        let mut parts = Self::default();
        for ((from, _), name) in named {
            if from == parts.next().0
                && let Some(part) = Part::read(storage, &name, genesis, keys)
            {
                parts.0.push(part);
            }
        }
        Ok(parts)
    }

    /// The first record no part tells of.
    pub fn next(&self) -> Seq {
        self.0.last().map_or(Seq(1), |part| part.through.next())
    }

    /// The parts.
    pub fn as_slice(&self) -> &[Part] {
        &self.0
    }

    /// Takes one more.
    ///
    /// # Panics
    /// It does not follow the others.
    pub fn push(&mut self, part: Part) {
        assert_eq!(part.from, self.next(), "parts follow each other");
        self.0.push(part);
    }

    /// Puts one part in the place of the last `count`, which tell of the same records.
    ///
    /// # Panics
    /// It tells of others.
    pub fn replace(&mut self, count: usize, part: Part) {
        self.0.truncate(self.0.len().saturating_sub(count));
        self.push(part);
    }

    /// Records that have a key, ascending; with `is_last_only` the last of them. `None` when a part cannot tell.
    pub fn find<S: Storage>(
        &self,
        storage: &S,
        key: u64,
        within: &RangeInclusive<Seq>,
        is_last_only: bool,
    ) -> Option<Vec<Seq>> {
        let mut found = Vec::new();
        let touched =
            self.0.iter().filter(|part| part.from <= *within.end() && part.through >= *within.start());
        if !is_last_only {
            return touched
                .into_iter()
                .all(|part| part.find(storage, key, within, &mut found))
                .then_some(found);
        }
        for part in touched.rev() {
            if !part.find(storage, key, within, &mut found) {
                return None;
            }
            if let Some(last) = found.pop() {
                return Some(vec![last]);
            }
        }
        Some(found)
    }

    /// A batch from which a record can be reached soon.
    pub fn place(&self, seq: Seq) -> Option<FramePlace> {
        let at = self.0.partition_point(|part| part.through < seq);
        let part = self.0.get(at).or(self.0.last())?;
        part.place(seq)
    }
}

/// Range of records in the name of a part; `None` for any other file.
fn range_of(name: &str) -> Option<(u64, u64)> {
    let (from, through) = name.strip_prefix("part-")?.strip_suffix(".wcsi")?.split_once('-')?;
    Some((from.parse().ok()?, through.parse().ok()?))
}

/// One part instead of several that follow each other; `None` when one of them is not what was written.
pub fn merge_parts<S: Storage>(storage: &S, parts: &[Part]) -> Option<PartBuilder> {
    let (first, last) = (parts.first()?, parts.last()?);
    let mut merged = PartBuilder::new(first.from);
    for part in parts {
        for at in 0..part.blocks.len() {
            let entries = part.block(storage, at)?;
            merged.entries.extend(entries.iter().map(|(key, seq)| (*key, (seq.0 - first.from.0) as u32)));
        }
        merged.places.extend_from_slice(&part.places);
    }
    merged.next = last.through.next();
    Some(merged)
}
