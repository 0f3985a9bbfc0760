//! Reads the journal and brings the store up to it: facts applied once each, in chunks, the position in the same
//! transaction. Its backlog is on disk. Whatever goes wrong, it begins again at the position the store holds.
//!
//! One projector per store; a second one is noticed by the position and stops. It reads files in the calling thread:
//! give it one that does not serve requests.

use wcs_journal::{ReadError, Reader, Storage};
use wcs_types::Seq;

use crate::error::StoreError;
use crate::facts::Applier;
use crate::projection::{self, Projection};
use crate::store::Store;

/// Records in one transaction.
pub const RECORDS_PER_CHUNK_MAX: usize = 512;

/// Why the projector does not go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProjectError {
    /// The store cannot be used. If that passes, `advance` again goes on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal is damaged or cannot be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The store reflects another journal.
    #[error(
        "the store belongs to journal {found:016x}, this one is {journal:016x}: wrong data directory or wrong store"
    )]
    ForeignJournal {
        /// Journal the store belongs to.
        found: u64,
        /// Journal that was to be read.
        journal: u64,
    },
    /// The store reflects records the journal does not have: acknowledged records are missing. Start no line.
    #[error(
        "the store reflects the journal up to record {position}, which ends at {durable}: acknowledged records are missing"
    )]
    BeyondJournal {
        /// Position of the store.
        position: u64,
        /// End of the journal.
        durable: u64,
    },
    /// Another process moves the position of this store.
    #[error("another projector writes to this store")]
    Doubled,
}

/// What one call has done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Records applied.
    pub records: usize,
    /// Last record the store reflects now.
    pub position: Seq,
    /// Facts so far that name a batch or job the store does not hold.
    pub homeless: i64,
}

/// Brings a store up to a journal.
pub struct Projector<S: Storage> {
    store: Store,
    storage: S,
    genesis: u64,
    at: Projection,
    reader: Option<Reader<S>>,
}

impl<S: Storage> Projector<S> {
    /// A projector of the journal `genesis` in `storage`, which ends at the durable record `durable`.
    ///
    /// # Errors
    /// Store and journal do not belong together, or the store cannot be used.
    pub async fn open(store: Store, storage: S, genesis: u64, durable: Seq) -> Result<Self, ProjectError> {
        let at = projection::read(&mut store.database().read().await?).await?;
        if at.genesis != genesis && at.seq > 0 {
            return Err(ProjectError::ForeignJournal { found: at.genesis, journal: genesis });
        }
        if at.seq > durable.0 {
            return Err(ProjectError::BeyondJournal { position: at.seq, durable: durable.0 });
        }
        store.set_position(at.seq);
        Ok(Self { store, storage, genesis, at, reader: None })
    }

    /// Last record the store reflects.
    pub fn position(&self) -> Seq {
        Seq(self.at.seq)
    }

    /// Applies at most `most` records up to `durable`, in one transaction.
    ///
    /// # Errors
    /// Nothing was applied; see [`ProjectError`]. When the error passes, the next call goes on.
    pub async fn advance(&mut self, durable: Seq, most: usize) -> Result<Progress, ProjectError> {
        let advanced = self.try_advance(durable, most.min(RECORDS_PER_CHUNK_MAX)).await;
        if advanced.is_err() {
            // The reader is ahead of the store, and a commit whose answer was lost may yet have been done.
            self.reader = None;
        }
        advanced
    }

    /// Applies everything up to `durable`; the number of records.
    ///
    /// # Errors
    /// What was applied before the error stays; see [`ProjectError`].
    pub async fn catch_up(&mut self, durable: Seq) -> Result<u64, ProjectError> {
        let mut records = 0;
        while self.at.seq < durable.0 {
            records += self.advance(durable, RECORDS_PER_CHUNK_MAX).await?.records as u64;
        }
        Ok(records)
    }

    async fn try_advance(&mut self, durable: Seq, most: usize) -> Result<Progress, ProjectError> {
        if self.reader.is_none() {
            self.at = projection::read(&mut self.store.database().read().await?).await?;
        }
        let before = self.at;
        if before.seq >= durable.0 || most == 0 {
            return Ok(self.progress(0));
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(Reader::open(&self.storage, Seq(before.seq + 1), durable)?),
        };
        reader.extend_to(durable);
        let mut after = Projection { genesis: self.genesis, ..before };
        let mut session = self.store.database().begin().await?;
        // Before anything is applied: nobody else has moved the position, and nobody can until this is over.
        if !projection::write(&mut session, &before, &before).await? {
            return Err(ProjectError::Doubled);
        }
        let mut records = 0;
        for entry in reader.take(most) {
            let record = entry?.record;
            Applier::new(&mut session, &mut after, &record).apply(&record).await?;
            records += 1;
        }
        assert!(records > 0, "a new reader yields what is durable");
        let is_moved = projection::write(&mut session, &before, &after).await?;
        assert!(is_moved, "the row is locked since the position was compared");
        session.commit().await?;
        if after.homeless > before.homeless {
            let (homeless, position) = (after.homeless, after.seq);
            tracing::warn!(
                homeless,
                position,
                "projector: the journal names batches that are not in the store"
            );
        }
        self.at = after;
        self.store.set_position(after.seq);
        Ok(self.progress(records))
    }

    fn progress(&self, records: usize) -> Progress {
        Progress { records, position: self.position(), homeless: self.at.homeless }
    }
}
