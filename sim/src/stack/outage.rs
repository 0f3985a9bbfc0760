//! Ways a simulated daemon goes down: at an instant, or at a point of its own work. A point is armed and blows when
//! the daemon gets there; what of its unsynced bytes is on the disk afterwards is drawn by the seed of the outage.
//!
//! ```text
//!  input taken | step done | outputs left | batch written | batch synced | released
//!  BeforeAdmit   AfterStep   BatchFilling   Written         Synced
//! ```

/// A point of the daemon's work at which its power goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CrashPoint {
    /// An input was taken from the session; the core has not seen it.
    BeforeAdmit,
    /// The core has made its step; nothing of it has left.
    AfterStep,
    /// Outputs that wait for nothing have left; their records fill a batch in memory.
    BatchFilling,
    /// A batch is written, its sync has not come back.
    Written,
    /// A batch is synced; what waited for it has not been released.
    Synced,
    /// The follower writes a checkpoint: so many changes of the disk are still made.
    Checkpoint {
        /// Changes.
        changes: u64,
    },
}

/// What happens to a daemon that goes down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Death {
    /// The power of its machine: unsynced bytes are kept, lost or torn as the seed says.
    Power {
        /// The seed.
        seed: u64,
    },
    /// Its process alone: what it wrote stays.
    Killed,
    /// A clean stop.
    Stopped,
}

/// What is different when it comes up again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Return {
    /// The wall clock was set by so many milliseconds.
    pub clock_ms: i64,
    /// Another daemon has taken the line meanwhile, and said no more.
    pub has_newcomer: bool,
    /// The power goes again while the journal is recovered.
    pub power_off: Option<PowerOff>,
}

/// Power that goes in the middle of a piece of work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PowerOff {
    /// So many changes of the disk are still made.
    pub changes: u64,
    /// What becomes of unsynced bytes.
    pub seed: u64,
}
