//! Why, from the journal files alone: for when daemon, store and network are down. The index beside the journal says which
//! records to read, and is made first as far as it is missing; what they mean is told by the same code that answers over
//! HTTP.

use std::path::Path;

use wcs_api::ports::{FindError, Records, RecordsError, Sought, Told};
use wcs_api::why::{Answer, answer};
use wcs_engine::journal_plant;
use wcs_journal::{FileStorage, Origin, Reader, find_end_from};
use wcs_types::Seq;

use crate::exit::Failure;
use crate::journal_dir::journal_dir;
use crate::journal_index::{JournalIndex, index_dir};
use crate::service::{read_these, tell};

/// The records of a journal nobody writes, or up to where it was when it was opened.
struct LeftRecords {
    files: FileStorage,
    index: JournalIndex,
    genesis: u64,
    last: Seq,
}

impl Records for LeftRecords {
    fn durable(&self) -> Seq {
        self.last
    }

    fn read(&self, from: Seq, visit: &mut dyn FnMut(&Told) -> bool) -> Result<(), RecordsError> {
        if from > self.last {
            return Ok(());
        }
        let failed = |error: wcs_journal::ReadError| RecordsError { at: from, cause: error.to_string() };
        let mut reader = Reader::open(&self.files, from, self.last).map_err(failed)?;
        while let Some(entry) = reader.next() {
            let record = entry.map_err(failed)?.record;
            if !visit(&tell(record, reader.stamp(), self.genesis)) {
                break;
            }
        }
        Ok(())
    }

    fn find(&self, sought: &Sought) -> Result<Vec<Seq>, FindError> {
        self.index.find(sought, self.last)
    }

    fn read_these(&self, seqs: &[Seq], visit: &mut dyn FnMut(&Told)) -> Result<(), RecordsError> {
        read_these(&self.files, &self.index, seqs, self.genesis, visit)
    }
}

/// Finds what a subject means in the journal of a data directory; `None` when it means nothing there.
pub(super) fn find(data: &Path, subject: &str) -> Result<Option<Answer>, Failure> {
    let dir = journal_dir(data);
    let files = FileStorage::open_read_only(&dir).map_err(Failure::bad_input)?;
    let origin = Origin::read(&files).map_err(Failure::not_ok)?;
    let origin =
        origin.ok_or_else(|| Failure::bad_input(format!("{}: there is no journal", dir.display())))?;
    let plant = journal_plant(&origin.context).map_err(Failure::not_ok)?;
    // A journal directory by itself is left as it is.
    let folder = (dir != data).then(|| index_dir(data));
    let index = JournalIndex::open(files.clone(), origin.genesis, folder);
    let ending = find_end_from(&files, index.place(index.next())).map_err(Failure::not_ok)?;
    index.catch_up(ending, &|| true).map_err(Failure::not_ok)?;
    let records = LeftRecords { files, index, genesis: origin.genesis, last: ending.last };
    answer(&records, &plant, subject).map_err(Failure::not_ok)
}
