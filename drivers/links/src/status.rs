//! What other threads may know of a link: its state and counters, as of the last refresh.

use std::sync::{Mutex, PoisonError};

use wcs_sessions::{Commanding, SessionStats};
use wcs_types::LineId;

/// State of a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LinkState {
    /// No connection; the next attempt is waited for or under way.
    #[default]
    Down,
    /// Connected.
    Up,
    /// No session wants a connection any more.
    Idle,
    /// The task ended.
    Stopped,
}

/// State and counters of a link. Counters only grow.
#[derive(Clone, Debug, Default)]
pub struct LinkSnapshot {
    /// State of the connection.
    pub state: LinkState,
    /// Connections made.
    pub connects: u64,
    /// Connections made after the first one.
    pub reconnects: u64,
    /// Attempts that failed.
    pub connect_failures: u64,
    /// Replies dropped because they came late or twice.
    pub stale_replies: u64,
    /// Replies dropped because they were malformed or not to the request.
    pub invalid_replies: u64,
    /// Panics caught in the task.
    pub panics: u64,
    /// Counters of each session, by line; refreshed once a second and when the connection ends.
    pub sessions: Vec<(LineId, SessionStats)>,
}

/// Shared snapshot of a link.
#[derive(Debug, Default)]
pub struct LinkStatus {
    snapshot: Mutex<LinkSnapshot>,
    commanding: Mutex<Vec<(LineId, Commanding)>>,
}

impl LinkStatus {
    /// The state and counters as of the last refresh.
    pub fn snapshot(&self) -> LinkSnapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines whose device has shown since the last call that it is commanded, once for each attachment.
    pub fn take_commanding(&self) -> Vec<(LineId, Commanding)> {
        std::mem::take(&mut self.commanding.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a proof; where nobody takes them, only the newest of a line is kept.
    pub(crate) fn note_commanding(&self, line: LineId, proven: Commanding) {
        let mut kept = self.commanding.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| *other != line);
        kept.push((line, proven));
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut LinkSnapshot)) {
        change(&mut self.snapshot.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
