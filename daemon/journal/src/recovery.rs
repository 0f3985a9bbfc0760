//! Finds the end of a journal and proves everything before it, reading only. One rule decides between a torn
//! write and damage: only the last batch of the newest segment can have been interrupted, and only behind the
//! bytes the segment was founded with. Everything else that is not valid was valid once.
//!
//! ```text
//! not the newest segment:  valid up to the end its successor names ── else damage
//! newest segment:          founded bytes ── else damage
//!                          frame valid → next
//!                          frame bad, a valid header behind it → damage
//!                          frame bad, nothing valid behind it  → torn (or the clean end, if all is zero)
//!                          seal → nothing may follow           ── else damage
//! ```

use std::fmt;

use wcs_types::Seq;

use crate::batch::Stamp;
use crate::chain::{Chain, Link, read_chain};
use crate::cursor::SegmentCursor;
use crate::damage::{Damage, DamageKind, ReadError};
use crate::segment::{Context, segment_name};
use crate::storage::Storage;
use crate::walk::{Step, Walk};

/// What a journal holds, up to its end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovered {
    /// Last record; `NONE` in an empty journal.
    pub last_seq: Seq,
    /// Last batch; 0 in an empty journal.
    pub last_batch: u64,
    /// When the last record was made; `None` in an empty journal.
    pub last_stamp: Option<Stamp>,
    /// What an interrupted write left behind the end. It was never acknowledged.
    pub torn: Option<TornTail>,
    /// The journal was stopped cleanly.
    pub was_sealed: bool,
    /// Number of the journal, given when it began; 0 when there is none yet.
    pub genesis: u64,
    /// Epoch of the last writer; 0 when there was none.
    pub writer_epoch: u32,
    /// Context of the newest segment; `None` when there is no journal yet.
    pub context: Option<Context>,
    /// The segments, oldest first.
    pub segments: Vec<SegmentSummary>,
    /// Files of segments that were given up while the disk failed, or that hold nothing of their own.
    pub void: Vec<String>,
}

/// One segment of a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SegmentSummary {
    /// Its number.
    pub segment: u32,
    /// Epoch of the writer that made it.
    pub epoch: u32,
    /// Version of the core that made its records.
    pub core_version: u32,
    /// Batches in it.
    pub batches: u64,
    /// First record in it; `last` is before it when there is none.
    pub first: Seq,
    /// Last record in it.
    pub last: Seq,
    /// Bytes used, header included.
    pub used: u64,
}

impl SegmentSummary {
    /// Records in it.
    pub fn records(&self) -> u64 {
        self.last.0 + 1 - self.first.0
    }
}

/// What an interrupted write left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TornTail {
    /// The file.
    pub file: String,
    /// Where the batch would have started.
    pub offset: u64,
    /// Bytes up to the last one that is not zero.
    pub size: u64,
    /// Number the batch would have had.
    pub batch: u64,
}

impl fmt::Display for TornTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch {} torn in {} at byte {}, {} bytes", self.batch, self.file, self.offset, self.size)
    }
}

/// Result of reading a whole journal: what callers see, and what the writer needs to go on.
pub(crate) struct Findings {
    pub(crate) recovered: Recovered,
    /// The newest segment and the walk through it.
    pub(crate) newest: Option<(Link, Walk)>,
}

/// Finds the end of a journal and checks every frame before it. Reads only; safe while nobody writes.
///
/// # Errors
/// The journal is damaged, or the storage cannot be read.
pub fn recover<S: Storage>(storage: &S) -> Result<Recovered, ReadError> {
    find_end(storage, Seq::NONE).map(|findings| findings.recovered)
}

/// Like [`recover`], but frames of segments that end at or before `trusted` are not read.
pub(crate) fn find_end<S: Storage>(storage: &S, trusted: Seq) -> Result<Findings, ReadError> {
    let chain = read_chain(storage)?;
    let mut recovered = Recovered::default();
    let mut newest = None;
    for link in &chain.links {
        let header = &link.header;
        let mark = match link.end {
            Some(end) => {
                check_ended(storage, link, end, trusted)?;
                end
            }
            None => {
                let walk = check_newest(storage, link, &mut recovered)?;
                let mark = walk.mark;
                newest = Some((link.clone(), walk));
                mark
            }
        };
        recovered.segments.push(SegmentSummary {
            segment: header.segment,
            epoch: header.epoch,
            core_version: header.context.core_version,
            batches: mark.batch - header.previous.batch,
            first: header.previous.seq.next(),
            last: mark.seq,
            used: mark.end,
        });
    }
    finish(&chain, &mut recovered, newest.as_ref());
    Ok(Findings { recovered, newest })
}

fn finish(chain: &Chain, recovered: &mut Recovered, newest: Option<&(Link, Walk)>) {
    recovered.void = chain.void.iter().copied().map(segment_name).collect();
    let Some((link, walk)) = newest else { return };
    recovered.last_seq = walk.mark.seq;
    recovered.last_batch = walk.mark.batch;
    recovered.last_stamp = (walk.mark.batch > 0).then_some(walk.mark.stamp);
    recovered.genesis = link.header.genesis;
    recovered.writer_epoch = link.header.epoch;
    recovered.context = Some(link.header.context.clone());
}

/// A segment whose end is known: every frame up to there must be valid, and the end must be where it is said.
fn check_ended<S: Storage>(
    storage: &S,
    link: &Link,
    end: crate::segment::Mark,
    trusted: Seq,
) -> Result<(), ReadError> {
    let mut cursor = SegmentCursor::open(storage, link.header.segment)?;
    if end.end > cursor.size() {
        let kind = DamageKind::EndDiffers { expected: end.end };
        return Err(Damage::new(kind, cursor.name(), cursor.size()).into());
    }
    if end.seq <= trusted {
        return Ok(());
    }
    let mut walk = Walk::new(&link.header);
    while walk.mark.end < end.end {
        let offset = walk.mark.end;
        if !matches!(walk.step(&mut cursor)?, Step::Batch(_)) {
            return Err(Damage::new(DamageKind::BadFrame, cursor.name(), offset).into());
        }
    }
    let is_same = (walk.mark.end, walk.mark.batch, walk.mark.seq) == (end.end, end.batch, end.seq);
    if !is_same {
        let kind = DamageKind::EndDiffers { expected: end.end };
        return Err(Damage::new(kind, cursor.name(), walk.mark.end).into());
    }
    if end.is_tail_clean { check_tail(&mut cursor, end.end) } else { Ok(()) }
}

/// Nothing but zeros may lie behind `offset`.
fn check_tail<S: Storage>(cursor: &mut SegmentCursor<S>, offset: u64) -> Result<(), ReadError> {
    match cursor.find_stray(offset)? {
        None => Ok(()),
        Some((stray, _)) => Err(Damage::new(DamageKind::StrayBytes, cursor.name(), stray).into()),
    }
}

/// The newest segment: its end has to be found.
fn check_newest<S: Storage>(storage: &S, link: &Link, recovered: &mut Recovered) -> Result<Walk, ReadError> {
    let mut cursor = SegmentCursor::open(storage, link.header.segment)?;
    let mut walk = Walk::new(&link.header);
    loop {
        match walk.step(&mut cursor)? {
            Step::Batch(_) => {}
            // A seal has a segment of its own: behind a batch it is not ours.
            Step::Seal if walk.batches > 0 => {
                let start = link.header.size();
                return Err(Damage::new(DamageKind::BadFrame, cursor.name(), start).into());
            }
            Step::Seal => {
                recovered.was_sealed = true;
                check_tail(&mut cursor, walk.mark.end)?;
                return Ok(walk);
            }
            Step::Bad => break,
        }
    }
    let offset = walk.mark.end;
    let stray = cursor.find_stray(offset)?;
    let is_founded = offset < link.header.founded;
    if is_founded || (stray.is_some() && cursor.find_header(offset + 8)?.is_some()) {
        return Err(Damage::new(DamageKind::BadFrame, cursor.name(), offset).into());
    }
    recovered.torn = stray.map(|(_, last)| TornTail {
        file: cursor.name().to_owned(),
        offset,
        size: last + 1 - offset,
        batch: walk.mark.batch + 1,
    });
    Ok(walk)
}
