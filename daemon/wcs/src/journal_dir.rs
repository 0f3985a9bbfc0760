//! A journal on disk as commands look at it: read only, found by its data directory, with the plant it was written for.

use std::path::{Path, PathBuf};

use wcs_engine::journal_plant;
use wcs_journal::{FileStorage, Reader, Recovered, recover};
use wcs_types::{Plant, Seq};

use crate::exit::Failure;

/// A journal that can be read.
pub(crate) struct JournalDir {
    pub(crate) storage: FileStorage,
    pub(crate) found: Recovered,
    pub(crate) plant: Plant,
}

impl JournalDir {
    /// The journal in a data directory, or in the directory itself when it is the journal's own.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let dir = journal_dir(dir);
        let storage = FileStorage::open_read_only(&dir).map_err(Failure::bad_input)?;
        let found = recover(&storage).map_err(Failure::not_ok)?;
        let context = found.context.as_ref();
        let context =
            context.ok_or_else(|| Failure::bad_input(format!("{}: there is no journal", dir.display())))?;
        let plant = journal_plant(context).map_err(Failure::not_ok)?;
        Ok(Self { storage, found, plant })
    }

    /// Reads from the first record to the last; `None` for a journal without records.
    pub(crate) fn records(&self) -> Result<Option<Reader<FileStorage>>, Failure> {
        self.records_between(Seq(1), self.found.last_seq)
    }

    /// Reads from one record to another, as far as they are on disk; `None` for a journal without records.
    pub(crate) fn records_between(&self, from: Seq, to: Seq) -> Result<Option<Reader<FileStorage>>, Failure> {
        if self.found.last_seq == Seq::NONE {
            return Ok(None);
        }
        Reader::open(&self.storage, from, to.min(self.found.last_seq)).map(Some).map_err(Failure::not_ok)
    }
}

/// The journal directory of a data directory, or the directory itself when it holds segments.
pub(crate) fn journal_dir(dir: &Path) -> PathBuf {
    let inside = dir.join("journal");
    if inside.is_dir() { inside } else { dir.to_owned() }
}
