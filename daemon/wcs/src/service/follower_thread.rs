//! The follower thread: a second core behind the first, on what is left of the processors. It looks at what is durable
//! now and then, follows it from the files, and writes checkpoints; nobody waits for it. What it finds wrong is said
//! and counted, and the line goes on. Sans-IO part: `wcs_engine::Follower`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use wcs_engine::Follower;
use wcs_journal::Storage;
use wcs_types::{Plant, Seq};

use super::Shared;
use crate::exit::Failure;
use crate::realtime::{Group, Realtime};

/// How often it looks for durable records.
const LOOK: Duration = Duration::from_millis(100);
/// Records it follows without looking whether the daemon stops.
const RECORDS_AT_ONCE: usize = 1_024;
/// Time after which a checkpoint is written although little has happened.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);
/// A stop waits for the follower no longer than this; the next start then has more to replay.
const STOP_MAX: Duration = Duration::from_secs(5);

/// What a follower did.
#[derive(Clone, Debug, Default)]
pub(crate) struct FollowerFigures {
    /// Records it proved.
    pub(crate) records: u64,
    /// Checkpoints it wrote.
    pub(crate) checkpoints: u64,
    /// Last record with a checkpoint.
    pub(crate) saved: u64,
    /// Divergences and damages it found: 1 at most, since it ends there.
    pub(crate) faults: u64,
}

/// A running follower.
pub(crate) struct FollowerThread {
    /// Told the last durable record when the daemon stops.
    stop: Sender<Seq>,
    thread: JoinHandle<FollowerFigures>,
}

impl FollowerThread {
    /// Starts following the journal in `storage`.
    pub(crate) fn spawn<S: Storage>(
        storage: S,
        plant: Plant,
        shared: Arc<Shared>,
        realtime: &Realtime,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = bounded(1);
        let work = move || {
            step_back();
            match Follower::start(storage, plant) {
                Ok((follower, _)) => {
                    let figures = FollowerFigures { saved: follower.saved().0, ..FollowerFigures::default() };
                    let since = Instant::now();
                    Work { follower, shared, figures, since }.run(&stopped)
                }
                Err(error) => {
                    tracing::error!(%error, "the follower cannot read the journal: no checkpoints are written");
                    FollowerFigures { faults: 1, ..FollowerFigures::default() }
                }
            }
        };
        let thread = realtime.spawn(Group::Others, "follower", work)?;
        Ok(Self { stop, thread })
    }

    /// Lets it follow up to `durable`, write its last checkpoint and end.
    pub(crate) fn stop(self, durable: Seq) -> FollowerFigures {
        // One that has ended already has nothing to be told.
        self.stop.try_send(durable).unwrap_or_default();
        self.thread.join().unwrap_or_else(|_| {
            tracing::error!(
                alarm = "follower_diverged",
                "the follower broke down; the line went on without it"
            );
            FollowerFigures { faults: 1, ..FollowerFigures::default() }
        })
    }
}

/// Runs when nobody else wants to.
pub(super) fn step_back() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::warn!(?error, "a thread behind the journal runs at the usual priority");
    }
}

struct Work<S: Storage> {
    follower: Follower<S>,
    shared: Arc<Shared>,
    figures: FollowerFigures,
    /// When the last checkpoint was written.
    since: Instant,
}

impl<S: Storage> Work<S> {
    fn run(mut self, stopped: &Receiver<Seq>) -> FollowerFigures {
        loop {
            let durable = Seq(self.shared.durable_seq.load(Ordering::Acquire));
            let is_busy = self.follow(durable);
            if self.follower.is_checkpoint_due() || self.since.elapsed() >= CHECKPOINT_EVERY {
                self.checkpoint();
            }
            let pause = if is_busy { Duration::ZERO } else { LOOK };
            match stopped.recv_timeout(pause) {
                Ok(durable) => return self.end(durable),
                Err(RecvTimeoutError::Timeout) => {}
                // The daemon did not stop in order; the next start recovers from the checkpoints there are.
                Err(RecvTimeoutError::Disconnected) => return self.figures,
            }
        }
    }

    fn end(mut self, durable: Seq) -> FollowerFigures {
        let began = Instant::now();
        while self.follow(durable) {
            if began.elapsed() >= STOP_MAX {
                let behind = durable.0 - self.follower.seq().0;
                tracing::warn!(behind, "the follower is behind: the next start has more to replay");
                break;
            }
        }
        self.checkpoint();
        self.figures
    }

    /// True when there may be more.
    fn follow(&mut self, durable: Seq) -> bool {
        match self.follower.follow(durable, RECORDS_AT_ONCE) {
            Ok(count) => {
                self.figures.records += count as u64;
                self.shared.meters.follower_seq.store(self.follower.seq().0, Ordering::Relaxed);
                count == RECORDS_AT_ONCE
            }
            Err(error) => {
                self.figures.faults += 1;
                self.shared.meters.follower_faults.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    %error,
                    alarm = "follower_diverged",
                    behind = self.follower.seq().0,
                    "the journal does not come out again; the line goes on, no checkpoints are written: keep the \
                     journal and run `wcs replay`"
                );
                false
            }
        }
    }

    fn checkpoint(&mut self) {
        self.since = Instant::now();
        match self.follower.checkpoint() {
            Ok(false) => {}
            Ok(true) => {
                self.figures.checkpoints += 1;
                self.shared.meters.follower_checkpoints.fetch_add(1, Ordering::Relaxed);
                self.figures.saved = self.follower.saved().0;
                let took_ms = self.since.elapsed().as_millis();
                tracing::debug!(record = self.figures.saved, took_ms, "checkpoint written");
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint was not written; a start has more to replay");
            }
        }
    }
}
