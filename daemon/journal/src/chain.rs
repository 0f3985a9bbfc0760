//! Which segment files make up the journal. Every header names the place where the journal ends before it, so the
//! chain is followed from the newest segment back to the genesis. Segments that no header names are void: they
//! were founded while the disk was failing, or hold nothing that is not in a later segment.

use wcs_types::Seq;

use crate::damage::{Damage, DamageKind, ReadError};
use crate::reader::FramePlace;
use crate::segment::{HEADER_FIXED_SIZE, Mark, SegmentHeader, segment_name, segment_of};
use crate::storage::{Action, Fault, Storage, StorageError};

/// One segment of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) header: SegmentHeader,
    /// Where the next segment says that this one ends; `None` for the newest.
    pub(crate) end: Option<Mark>,
}

impl Link {
    /// The journal goes through a place of this segment: nothing there was given up.
    pub(crate) fn holds(&self, place: FramePlace) -> bool {
        self.end.is_none_or(|end| place.offset < end.end)
    }
}

/// All segments, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) links: Vec<Link>,
    /// Segments that are ignored.
    pub(crate) void: Vec<u32>,
}

/// Reads the header of a segment.
pub(crate) fn read_header<S: Storage>(storage: &S, segment: u32) -> Result<SegmentHeader, ReadError> {
    let name = segment_name(segment);
    let damage = |kind| Damage::new(kind, &name, 0);
    let mut front = [0; HEADER_FIXED_SIZE];
    let read = storage.read_at(&name, 0, &mut front)?;
    let size = SegmentHeader::claimed_size(&front[..read]).ok_or_else(|| damage(DamageKind::BadHeader))?;
    // A size that lies is not believed before the file was seen to have so many bytes.
    if storage.size(&name)? < size as u64 {
        return Err(damage(DamageKind::BadHeader).into());
    }
    let mut bytes = vec![0; size];
    if storage.read_at(&name, 0, &mut bytes)? < size {
        return Err(damage(DamageKind::BadHeader).into());
    }
    let header = SegmentHeader::decode(&bytes).map_err(damage)?;
    if header.segment != segment {
        return Err(damage(DamageKind::WrongSegment { found: header.segment }).into());
    }
    Ok(header)
}

/// Follows the chain. An empty directory gives an empty chain.
pub(crate) fn read_chain<S: Storage>(storage: &S) -> Result<Chain, ReadError> {
    let mut present: Vec<u32> = storage.list()?.iter().filter_map(|name| segment_of(name)).collect();
    present.sort_unstable();
    let mut chain = Chain::default();
    let Some(newest) = present.last().copied() else { return Ok(chain) };

    let mut end: Option<Mark> = None;
    let mut segment = newest;
    while segment != 0 {
        let header = read_linked(storage, segment, chain.links.last())?;
        let previous = header.previous;
        if previous.segment == 0 && (previous.batch, previous.seq) != (0, Seq::NONE) {
            // A journal begins with its first record: nothing can lie before its first segment.
            return Err(Damage::new(DamageKind::BadHeader, &segment_name(segment), 0).into());
        }
        chain.links.push(Link { header, end });
        end = Some(previous);
        segment = previous.segment;
    }
    chain.links.reverse();
    present.retain(|segment| !chain.links.iter().any(|link| link.header.segment == *segment));
    chain.void = present;
    Ok(chain)
}

/// Reads the header of a segment that `later` continues and checks that the two belong together.
fn read_linked<S: Storage>(
    storage: &S,
    segment: u32,
    later: Option<&Link>,
) -> Result<SegmentHeader, ReadError> {
    let header = match read_header(storage, segment) {
        Ok(header) => header,
        Err(ReadError::Storage(StorageError { action: Action::Read, fault: Fault::NotFound, .. })) => {
            let name = segment_name(later.map_or(segment, |link| link.header.segment));
            return Err(Damage::new(DamageKind::MissingSegment { segment }, &name, 0).into());
        }
        Err(error) => return Err(error),
    };
    let Some(later) = later else { return Ok(header) };
    let damage = |kind| Err(Damage::new(kind, &segment_name(segment), 0).into());
    if header.genesis != later.header.genesis {
        let (found, expected) = (header.genesis, later.header.genesis);
        return damage(DamageKind::ForeignGenesis { found, expected });
    }
    let end = &later.header.previous;
    let is_before = header.epoch <= later.header.epoch
        && header.size() <= end.end
        && header.previous.batch <= end.batch
        && header.previous.seq <= end.seq;
    if is_before { Ok(header) } else { damage(DamageKind::BadHeader) }
}
