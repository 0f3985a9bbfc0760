//! The index thread: keeps the index of the journal up with what is durable, on what is left of the processors. Who asks
//! why never waits for it: what is not in the index yet is read one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use wcs_journal::Ending;
use wcs_types::Seq;

use super::Shared;
use super::follower_thread::step_back;
use crate::exit::Failure;
use crate::journal_index::JournalIndex;
use crate::realtime::{Group, Realtime};

/// How often it looks for durable records.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after the journal could not be read.
const AGAIN: Duration = Duration::from_secs(5);

/// A running thread.
pub(super) struct IndexThread {
    stop: Sender<()>,
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl IndexThread {
    pub(super) fn spawn(
        index: Arc<JournalIndex>,
        shared: Arc<Shared>,
        realtime: &Realtime,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = bounded(1);
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&is_stopping);
        let thread = realtime.spawn(Group::Others, "index", move || {
            step_back();
            follow(&index, &shared, &stopped, &stopping);
        })?;
        Ok(Self { stop, is_stopping, thread })
    }

    /// Ends it. What it has not taken in, the next process does.
    pub(super) fn stop(self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        // One that has ended already has nothing to be told.
        self.stop.try_send(()).unwrap_or_default();
        if self.thread.join().is_err() {
            tracing::error!("the thread of the index broke down; the next start makes it whole");
        }
    }
}

fn follow(index: &JournalIndex, shared: &Shared, stopped: &Receiver<()>, stopping: &AtomicBool) {
    let mut is_told = false;
    loop {
        let durable = Seq(shared.durable_seq.load(Ordering::Acquire));
        let ending = Ending { last: durable, settled: durable };
        let caught_up = index.catch_up(ending, &|| !stopping.load(Ordering::Relaxed));
        shared.meters.index_seq.store(index.next().0.saturating_sub(1), Ordering::Relaxed);
        let pause = match caught_up {
            Ok(()) => LOOK,
            Err(error) => {
                if !is_told {
                    tracing::error!(%error, "the journal cannot be read: why is told without an index from here on");
                }
                is_told = true;
                AGAIN
            }
        };
        match stopped.recv_timeout(pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
