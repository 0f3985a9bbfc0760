//! Core time of a running process. The only place of the daemon that reads clocks: the rest is handed times.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wcs_engine::{ClockDoubt, time_after};
use wcs_journal::Recovered;
use wcs_types::{MonoTime, Nanos};

/// Core time, running.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    base: MonoTime,
}

impl Clock {
    /// A clock that shows `base` now.
    pub(crate) fn starting_at(base: MonoTime) -> Self {
        Self { origin: Instant::now(), base }
    }

    pub(crate) fn now(&self) -> MonoTime {
        let passed = u64::try_from(self.origin.elapsed().as_nanos()).expect("584 years are not reached");
        self.base + Nanos(passed)
    }
}

/// Milliseconds of the wall clock since 1970.
pub(crate) fn wall_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Core time at which to go on with a journal: its last record plus the wall time that passed, never negative and
/// never more than a week ([`time_after`]).
pub(crate) fn core_time_after(recovered: &Recovered) -> MonoTime {
    let Some(stamp) = recovered.last_stamp else { return MonoTime::ZERO };
    let (now, doubt) = time_after(stamp, wall_unix_ms());
    match doubt {
        Some(ClockDoubt::Behind { back_ms }) => {
            tracing::warn!(back_ms, "the wall clock is behind the journal; core time goes on where it was");
        }
        Some(ClockDoubt::FarAhead) => tracing::warn!(
            days = 7,
            "the wall clock is far ahead of the journal; core time goes on 7 days later"
        ),
        None => {}
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_without_a_record_begins_at_zero() {
        assert_eq!(core_time_after(&Recovered::default()), MonoTime::ZERO);
    }
}
