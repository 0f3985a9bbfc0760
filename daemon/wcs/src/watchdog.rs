//! The watchdog thread: tells the service manager that the daemon is ready, how it is, that it lives, and that it
//! stops. It vouches for the core thread and for nothing else: a sign of life leaves only when the core has made a
//! turn since the last one and the journal thread is there. A slow disk, a dead PLC or a network that is gone are
//! no reason to be started anew, since a new process would meet the same.
//!
//! ```text
//! starting --first turn of the core--> ready <--turn moved / did not move--> withheld
//!     `------------------- stop asked ----'-------------------------------------> stopping
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::exit::Failure;
use crate::realtime::{Group, Realtime};
use crate::service::Shared;
use crate::service_manager::ServiceManager;

/// How often the first turn of the core is looked for.
const FIRST_LOOK: Duration = Duration::from_millis(5);
/// Time between looks when the service manager watches nothing but shows how the daemon is.
const STATUS_LOOK: Duration = Duration::from_secs(1);
/// Looks in the time after which the service manager ends the process.
const LOOKS_PER_TIMEOUT: u32 = 4;
/// A look must see a turn of a core that does one every 50 ms, and some more.
const LOOK_MIN: Duration = Duration::from_millis(100);

/// A running watchdog thread.
pub(crate) struct Watchdog {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    /// Starts it for a daemon whose threads are up.
    pub(crate) fn spawn(
        manager: ServiceManager,
        shared: Arc<Shared>,
        realtime: &Realtime,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = bounded(1);
        let thread =
            realtime.spawn(Group::Others, "watchdog", move || Watch::new(manager, shared).run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Says that the daemon stops, and ends.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the watchdog thread failed");
        }
    }
}

/// What a look at the core came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Look {
    /// It has made turns since the last look.
    Lives,
    /// It has not, for so long.
    Stands { turn: u64, span: Duration },
    /// The journal thread is gone.
    JournalEnded,
}

/// Remembers the last turn that was seen.
#[derive(Debug)]
struct Pulse {
    turn: u64,
    seen_at: Instant,
}

impl Pulse {
    fn look(&mut self, turn: u64, has_journal: bool, now: Instant) -> Look {
        if turn == self.turn {
            return Look::Stands { turn, span: now.duration_since(self.seen_at) };
        }
        (self.turn, self.seen_at) = (turn, now);
        if has_journal { Look::Lives } else { Look::JournalEnded }
    }
}

struct Watch {
    manager: ServiceManager,
    shared: Arc<Shared>,
    pulse: Pulse,
    status: String,
    /// Signs of life that left, and that did not.
    given: u64,
    withheld: u64,
    is_withholding: bool,
}

impl Watch {
    fn new(manager: ServiceManager, shared: Arc<Shared>) -> Self {
        let pulse = Pulse { turn: 0, seen_at: Instant::now() };
        Self { manager, shared, pulse, status: String::new(), given: 0, withheld: 0, is_withholding: false }
    }

    fn run(mut self, stopped: &Receiver<()>) {
        if self.wait_first_turn(stopped) {
            self.manager.tell("READY=1");
            let span = look_span(self.manager.watchdog());
            if self.manager.watchdog().is_some_and(|timeout| timeout < span * LOOKS_PER_TIMEOUT) {
                let least = LOOK_MIN * LOOKS_PER_TIMEOUT;
                tracing::warn!(?least, "the watchdog of the service manager is too short to be kept");
            }
            tracing::info!(watchdog = ?self.manager.watchdog(), look = ?span, "the service manager was told: ready");
            self.look();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(span) {
                self.look();
            }
        }
        self.manager.tell("STOPPING=1\nSTATUS=stopping");
        tracing::info!(given = self.given, withheld = self.withheld, "signs of life");
    }

    /// False when the daemon is to stop before the core has made a turn.
    fn wait_first_turn(&self, stopped: &Receiver<()>) -> bool {
        while self.shared.turns.load(Ordering::Acquire) == 0 {
            if stopped.recv_timeout(FIRST_LOOK) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
        }
        true
    }

    fn look(&mut self) {
        let turn = self.shared.turns.load(Ordering::Acquire);
        let has_journal = self.shared.journal_life.strong_count() > 0;
        match self.pulse.look(turn, has_journal, Instant::now()) {
            Look::Lives => {
                if std::mem::take(&mut self.is_withholding) {
                    tracing::warn!(
                        turn,
                        withheld = self.withheld,
                        "the core goes on; the watchdog is fed again"
                    );
                }
                self.given += u64::from(self.manager.watchdog().is_some());
                let life = self.manager.watchdog().map_or("", |_| "WATCHDOG=1\n");
                self.tell_status(life, &status_of(&self.shared));
            }
            Look::Stands { turn, span } => {
                let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
                self.withhold(&format!("core turn {turn} for {ms} ms"));
            }
            Look::JournalEnded => self.withhold("the journal thread has ended"),
        }
    }

    fn withhold(&mut self, why: &str) {
        self.withheld += 1;
        self.is_withholding = true;
        // The log comes last: a core that stands in the middle of a line of its own would hold this thread up.
        self.tell_status("", &format!("watchdog withheld: {why}"));
        tracing::error!(withheld = self.withheld, "watchdog withheld: {why}");
    }

    fn tell_status(&mut self, before: &str, status: &str) {
        let is_new = status != self.status;
        let line = if is_new { format!("STATUS={status}") } else { String::new() };
        let told = format!("{before}{line}");
        if !told.is_empty() && self.manager.tell(&told) && is_new {
            status.clone_into(&mut self.status);
        }
    }
}

fn look_span(watchdog: Option<Duration>) -> Duration {
    watchdog.map_or(STATUS_LOOK, |timeout| (timeout / LOOKS_PER_TIMEOUT).max(LOOK_MIN))
}

/// How the daemon is, in a line for `systemctl status`.
fn status_of(shared: &Shared) -> String {
    let commanded = match shared.lines_commanded.load(Ordering::Acquire) {
        0 => "no line commanded yet".to_owned(),
        1 => "1 line commanded".to_owned(),
        lines => format!("{lines} lines commanded"),
    };
    let (made, durable) =
        (shared.last_seq.load(Ordering::Acquire), shared.durable_seq.load(Ordering::Acquire));
    let journal =
        if made > durable { format!(", {} wait for the disk", made - durable) } else { String::new() };
    format!("{commanded}; {durable} records on disk{journal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_stands_is_not_vouched_for() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut pulse = Pulse { turn: 0, seen_at: began };
        assert_eq!(pulse.look(9, true, at(250)), Look::Lives);
        let span = Duration::from_millis(250);
        assert_eq!(pulse.look(9, true, at(500)), Look::Stands { turn: 9, span });
        assert_eq!(pulse.look(9, true, at(750)), Look::Stands { turn: 9, span: span * 2 });
        assert_eq!(pulse.look(10, true, at(1_000)), Look::Lives);
    }

    #[test]
    fn a_journal_that_ended_is_not_vouched_for() {
        let mut pulse = Pulse { turn: 3, seen_at: Instant::now() };
        assert_eq!(pulse.look(4, false, Instant::now()), Look::JournalEnded);
    }

    #[test]
    fn four_looks_fit_into_the_timeout() {
        assert_eq!(look_span(Some(Duration::from_secs(3))), Duration::from_millis(750));
        assert_eq!(look_span(Some(Duration::from_millis(1))), LOOK_MIN);
        assert_eq!(look_span(None), STATUS_LOOK);
    }

    #[test]
    fn status_says_what_waits_for_the_disk() {
        let shared = Shared::default();
        assert_eq!(status_of(&shared), "no line commanded yet; 0 records on disk");
        shared.lines_commanded.store(1, Ordering::Release);
        shared.last_seq.store(12, Ordering::Release);
        shared.durable_seq.store(10, Ordering::Release);
        assert_eq!(status_of(&shared), "1 line commanded; 10 records on disk, 2 wait for the disk");
    }
}
