//! A second core that follows the journal of the first, from disk and only as far as it is durable: it proves record
//! after record, and saves its state as checkpoints, so that the core that commands never has to. Sans-IO beside the
//! storage it is given; when it is called, and on which thread, is the shell's business. It shares nothing with the
//! engine but the files.
//!
//! ```text
//!   restore newest checkpoint, or begin at record 1 ──> follow ──(effort spent)──> checkpoint, prune ──> follow
//!                                                         │
//!                                                         └─ divergence, damage: over, no checkpoint any more
//! ```

use wcs_journal::{
    Checkpoint, CheckpointError, Context, Origin, ReadError, Reader, Storage, prune_checkpoints,
    write_checkpoint,
};
use wcs_types::{CORE_VERSION, Input, Plant, Record, Seq, Verb};

use crate::boot::journal_context;
use crate::chronicle::Chronicle;
use crate::replay::{Divergence, Replay};
use crate::saved::{CheckpointRefused, Saved, newest, save};

/// Checkpoints that are kept: the newest, and one more should that be damaged.
pub const CHECKPOINTS_KEPT: usize = 2;
/// Effort after which a checkpoint is due: a start has to replay at most this much, well below 200 ms. A record counts
/// as one, a staged part as many as it has jobs.
pub const EFFORT_MAX: u64 = 16_384;

/// A core that follows a journal.
pub struct Follower<S: Storage> {
    storage: S,
    genesis: u64,
    context: Context,
    replay: Replay,
    chronicle: Chronicle,
    reader: Option<Reader<S>>,
    effort: u64,
    saved: Seq,
    has_failed: bool,
}

/// Why a follower cannot go on. The line goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal does not replay.
    #[error(transparent)]
    Diverged(#[from] Divergence),
}

impl<S: Storage> Follower<S> {
    /// A follower of the journal in `storage`, which was written or opened for this plant before. Checkpoints that did
    /// not serve are listed.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn start(storage: S, plant: Plant) -> Result<(Self, Vec<CheckpointRefused>), ReadError> {
        let context = journal_context(&plant);
        let origin = Origin::read(&storage)?;
        let genesis = origin.as_ref().map_or(0, |origin| origin.genesis);
        let Saved { core, chronicle, refused } = newest(&storage, plant, &context, origin.as_ref())?;
        let saved = core.seq();
        let follower = Self {
            storage,
            genesis,
            context,
            replay: Replay::from_core(core, CORE_VERSION),
            chronicle,
            reader: None,
            effort: 0,
            saved,
            has_failed: false,
        };
        Ok((follower, refused))
    }

    /// Follows at most `count` records up to `durable`, which must be on disk; returns how many it did.
    ///
    /// # Errors
    /// The first divergence or damage. From then on it follows nothing and saves nothing.
    pub fn follow(&mut self, durable: Seq, count: usize) -> Result<usize, FollowError> {
        if self.has_failed || self.seq() >= durable {
            return Ok(0);
        }
        let followed = self.follow_some(durable, count);
        self.has_failed = followed.is_err();
        followed
    }

    fn follow_some(&mut self, durable: Seq, count: usize) -> Result<usize, FollowError> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.storage, self.seq().next(), durable)?,
        };
        reader.extend_to(durable);
        let mut followed = 0;
        while followed < count {
            let Some(entry) = reader.next() else { break };
            let record = entry?.record;
            self.replay.set_recorded_version(reader.context().core_version);
            self.replay.follow(&record)?;
            self.chronicle.see_record(&record);
            self.effort += effort_of(&record);
            followed += 1;
        }
        self.reader = Some(reader);
        Ok(followed)
    }

    /// So much was followed since the last checkpoint that another one is due.
    pub fn is_checkpoint_due(&self) -> bool {
        self.effort >= EFFORT_MAX
    }

    /// Writes a checkpoint of the last record followed, unless there is one, and removes old ones. True when one was
    /// written.
    ///
    /// # Errors
    /// It was not written. The next one is tried when it is due.
    pub fn checkpoint(&mut self) -> Result<bool, CheckpointError> {
        if self.has_failed || self.seq() == self.saved {
            return Ok(false);
        }
        // A disk that refuses is not asked again at every turn.
        self.effort = 0;
        let core = self.replay.core();
        let checkpoint = Checkpoint {
            seq: core.seq(),
            genesis: self.genesis,
            context: self.context.clone(),
            hash: core.state_hash(),
            body: save(core, &self.chronicle),
        };
        write_checkpoint(&self.storage, &checkpoint)?;
        self.saved = checkpoint.seq;
        prune_checkpoints(&self.storage, CHECKPOINTS_KEPT)?;
        Ok(true)
    }

    /// Last record followed.
    pub fn seq(&self) -> Seq {
        self.replay.core().seq()
    }

    /// Record of the newest checkpoint it knows; `NONE` when there is none.
    pub fn saved(&self) -> Seq {
        self.saved
    }

    /// What the facts up to here add up to.
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// The replay, for its core and its differences.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }
}

fn effort_of(record: &Record) -> u64 {
    match &record.input {
        Input::Verb { verb: Verb::Stage { jobs, .. }, .. } => 1 + jobs.len() as u64,
        _ => 1,
    }
}
