//! Replays that begin with checkpoints of a run: what a start would do with each, over the records behind it. One that
//! is written of the right state can still lack what the state is looked up by; only going on shows that.

use wcs_engine::{Replay, restore};
use wcs_journal::Checkpoint;
use wcs_types::{CORE_VERSION, Record};

/// Records that are replayed behind a checkpoint. With more, long runs would be replayed over and over.
const RECORDS_MAX: u64 = 2_000;

/// Replays under way.
pub(super) struct Resumed<'a> {
    /// Checkpoints that were not reached, oldest first.
    waiting: std::slice::Iter<'a, Checkpoint>,
    next: Option<&'a Checkpoint>,
    running: Vec<Replay>,
    pub(super) records: u64,
    pub(super) broken: Option<String>,
}

impl<'a> Resumed<'a> {
    /// `checkpoints` are in the order of their records.
    pub(super) fn new(checkpoints: &'a [Checkpoint]) -> Self {
        let mut waiting = checkpoints.iter();
        let next = waiting.next();
        Self { waiting, next, running: Vec::new(), records: 0, broken: None }
    }

    /// The next record of the journal.
    pub(super) fn add(&mut self, record: &Record) {
        let (records, broken) = (&mut self.records, &mut self.broken);
        self.running.retain_mut(|replay| {
            *records += 1;
            let followed = replay.follow(record);
            if let Err(divergence) = &followed {
                broken.get_or_insert_with(|| format!("from a checkpoint: {divergence}"));
            }
            followed.is_ok() && replay.records() < RECORDS_MAX
        });
        while let Some(checkpoint) = self.next.take_if(|checkpoint| checkpoint.seq <= record.seq) {
            match restore(checkpoint) {
                Ok((core, _)) if core.seq() == record.seq => {
                    self.running.push(Replay::from_core(core, CORE_VERSION));
                }
                Ok(_) => {}
                Err(error) => {
                    self.broken.get_or_insert_with(|| format!("checkpoint {}: {error}", checkpoint.seq.0));
                }
            }
            self.next = self.waiting.next();
        }
    }
}
