//! What the headers of a journal say, without reading its batches: which journal it is, under which context its newest
//! segment was made, and where each segment ends. For a start that has to decide what to read before it reads.

use wcs_types::Seq;

use crate::chain::read_chain;
use crate::cursor::SegmentCursor;
use crate::damage::ReadError;
use crate::reader::FramePlace;
use crate::segment::Context;
use crate::storage::Storage;
use crate::walk::{Step, Walk};

/// A journal by its headers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Number of the journal.
    pub genesis: u64,
    /// Context of the newest segment.
    pub context: Context,
    /// Last record and bytes of each segment but the newest, oldest first.
    ended: Vec<(Seq, u64)>,
}

impl Origin {
    /// Reads the headers; `None` in an empty directory.
    ///
    /// # Errors
    /// A header is damaged, a segment is missing, or the storage cannot be read.
    pub fn read<S: Storage>(storage: &S) -> Result<Option<Self>, ReadError> {
        let links = read_chain(storage)?.links;
        let Some(newest) = links.last() else { return Ok(None) };
        let (genesis, context) = (newest.header.genesis, newest.header.context.clone());
        let ended = links.iter().filter_map(|link| link.end).map(|end| (end.seq, end.end)).collect();
        Ok(Some(Self { genesis, context, ended }))
    }

    /// The last record that need not be read at a start from a checkpoint of record `saved`: no segment behind it is
    /// passed over, and at least `read_size` bytes in front of the newest segment are read all the same.
    pub fn trusted(&self, saved: Seq, read_size: u64) -> Seq {
        let mut size = 0;
        for (last, bytes) in self.ended.iter().rev() {
            if size >= read_size && *last <= saved {
                return *last;
            }
            size += bytes;
        }
        Seq::NONE
    }
}

/// Where a journal ends for a reader.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ending {
    /// Its last whole record; `NONE` when there is none.
    pub last: Seq,
    /// The last record before the last batch, which a loss of power may still take back.
    pub settled: Seq,
}

/// Finds the end of a journal by reading its newest segment from the batch at `near` on, or all of it where no such
/// batch stands. What a writer was about to write is not looked at.
///
/// # Errors
/// A header is damaged, a segment is missing, a batch does not follow the one before it, or the storage cannot be read.
pub fn find_end_from<S: Storage>(storage: &S, near: Option<FramePlace>) -> Result<Ending, ReadError> {
    let links = read_chain(storage)?.links;
    let Some(newest) = links.last() else { return Ok(Ending::default()) };
    let mut cursor = SegmentCursor::open(storage, newest.header.segment)?;
    let mut walk = Walk::new(&newest.header);
    if let Some(place) = near.filter(|place| place.segment == newest.header.segment)
        && let Some(later) = Walk::from_place(&newest.header, place)
        && place.is_in(&mut cursor)?
    {
        walk = later;
    }
    while let Step::Batch(_) = walk.step(&mut cursor)? {}
    Ok(Ending { last: walk.mark.seq, settled: walk.before.seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_segments_are_read_whatever_was_saved() {
        let ended = [(10, 100), (20, 100), (30, 100), (30, 100)].map(|(seq, size)| (Seq(seq), size));
        let origin = Origin { genesis: 1, context: Context::default(), ended: ended.to_vec() };
        assert_eq!(origin.trusted(Seq(30), 150), Seq(20));
        assert_eq!(origin.trusted(Seq(19), 150), Seq(10));
        assert_eq!(origin.trusted(Seq(30), 0), Seq(30));
        assert_eq!(origin.trusted(Seq(9), 0), Seq::NONE);
        assert_eq!(origin.trusted(Seq(30), 1_000), Seq::NONE);
    }
}
