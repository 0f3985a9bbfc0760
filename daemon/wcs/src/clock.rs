//! Core time of a running process. The only place of the daemon that reads clocks: the rest is handed times.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wcs_journal::{Recovered, Stamp};
use wcs_types::{MonoTime, Nanos};

/// The most that core time may jump ahead over a restart; more is cut and reported.
const AWAY_MAX: Nanos = Nanos::from_secs(7 * 24 * 3600);

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
/// never more than a week.
pub(crate) fn core_time_after(recovered: &Recovered) -> MonoTime {
    let Some(stamp) = recovered.last_stamp else { return MonoTime::ZERO };
    time_after(stamp, wall_unix_ms())
}

fn time_after(stamp: Stamp, wall_now_unix_ms: u64) -> MonoTime {
    if stamp.wall_unix_ms == 0 {
        // Nobody looked at a clock when the record was made.
        return stamp.now;
    }
    if wall_now_unix_ms < stamp.wall_unix_ms {
        let back_ms = stamp.wall_unix_ms - wall_now_unix_ms;
        tracing::warn!(back_ms, "the wall clock is behind the journal; core time goes on where it was");
    }
    let away =
        Nanos::from_millis(wall_now_unix_ms.saturating_sub(stamp.wall_unix_ms).min(AWAY_MAX.as_millis() + 1));
    if away > AWAY_MAX {
        tracing::warn!(
            days = 7,
            "the wall clock is far ahead of the journal; core time goes on 7 days later"
        );
    }
    stamp.now + away.at_most(AWAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Stamp = Stamp { now: MonoTime(5_000_000_000), wall_unix_ms: 1_800_000_000_000 };

    /// How far core time goes on when the wall clock shows this much more than at the last record.
    fn passed_ms(ahead_ms: i64) -> u64 {
        let wall = LAST.wall_unix_ms.checked_add_signed(ahead_ms).unwrap();
        time_after(LAST, wall).since(LAST.now).as_millis()
    }

    #[test]
    fn core_time_goes_on_by_the_time_that_passed() {
        assert_eq!(passed_ms(0), 0);
        assert_eq!(passed_ms(1_500), 1_500);
        assert_eq!(passed_ms(3 * 24 * 3_600_000), 3 * 24 * 3_600_000);
    }

    #[test]
    fn wall_clock_that_jumped_back_never_takes_core_time_back() {
        for back_ms in [1, 3_600_000, 400 * 24 * 3_600_000] {
            assert_eq!(passed_ms(-back_ms), 0);
        }
        assert_eq!(time_after(LAST, 0), LAST.now);
    }

    #[test]
    fn wall_clock_that_jumped_ahead_counts_for_a_week_at_most() {
        let week_ms = 7 * 24 * 3_600_000;
        assert_eq!(passed_ms(week_ms), week_ms as u64);
        for ahead_ms in [week_ms + 1, 10 * week_ms, 1_000_000_000_000] {
            assert_eq!(passed_ms(ahead_ms), week_ms as u64);
        }
        assert_eq!(time_after(LAST, u64::MAX).since(LAST.now).as_millis(), week_ms as u64);
    }

    #[test]
    fn unknown_wall_clock_counts_nothing() {
        assert_eq!(time_after(Stamp { wall_unix_ms: 0, ..LAST }, LAST.wall_unix_ms), LAST.now);
        assert_eq!(core_time_after(&Recovered::default()), MonoTime::ZERO);
    }
}
