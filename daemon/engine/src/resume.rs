//! Core time of a process that goes on with a journal: a pure function of what the last record says and what the wall
//! clock shows now. Reads no clock itself; the daemon and virtual time use the same one, so that a clock that jumped
//! over a restart can be had again.

use wcs_journal::Stamp;
use wcs_types::{MonoTime, Nanos};

/// The most that core time may jump ahead over a restart; more is cut.
pub const AWAY_MAX: Nanos = Nanos::from_secs(7 * 24 * 3600);

/// What was wrong with the wall clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClockDoubt {
    /// It shows this many milliseconds less than the last record: core time goes on where it was.
    Behind {
        /// Milliseconds.
        back_ms: u64,
    },
    /// It shows more than a week later than the last record: core time goes on a week later.
    FarAhead,
}

/// Core time at which to go on behind `stamp` when the wall clock shows `wall_now_unix_ms`: never earlier than the
/// last record and never more than a week later.
pub fn time_after(stamp: Stamp, wall_now_unix_ms: u64) -> (MonoTime, Option<ClockDoubt>) {
    if stamp.wall_unix_ms == 0 {
        // Nobody looked at a clock when the record was made.
        return (stamp.now, None);
    }
    let Some(away_ms) = wall_now_unix_ms.checked_sub(stamp.wall_unix_ms) else {
        let back_ms = stamp.wall_unix_ms - wall_now_unix_ms;
        return (stamp.now, Some(ClockDoubt::Behind { back_ms }));
    };
    if away_ms > AWAY_MAX.as_millis() {
        return (stamp.now + AWAY_MAX, Some(ClockDoubt::FarAhead));
    }
    (stamp.now + Nanos::from_millis(away_ms), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Stamp = Stamp { now: MonoTime(5_000_000_000), wall_unix_ms: 1_800_000_000_000 };
    const WEEK_MS: i64 = 7 * 24 * 3_600_000;

    #[test]
    fn core_time_goes_on_by_the_time_that_passed_within_a_week_and_never_back() {
        let behind = |back_ms| Some(ClockDoubt::Behind { back_ms });
        let rows: [(i64, i64, Option<ClockDoubt>); 9] = [
            (0, 0, None),
            (1_500, 1_500, None),
            (3 * 24 * 3_600_000, 3 * 24 * 3_600_000, None),
            (-1, 0, behind(1)),
            (-3_600_000, 0, behind(3_600_000)),
            (-400 * 24 * 3_600_000, 0, behind(400 * 24 * 3_600_000)),
            (WEEK_MS, WEEK_MS, None),
            (WEEK_MS + 1, WEEK_MS, Some(ClockDoubt::FarAhead)),
            (1_000_000_000_000, WEEK_MS, Some(ClockDoubt::FarAhead)),
        ];
        for (ahead_ms, passed_ms, doubt) in rows {
            let wall = LAST.wall_unix_ms.checked_add_signed(ahead_ms).unwrap();
            let (now, found) = time_after(LAST, wall);
            assert_eq!((now.since(LAST.now).as_millis() as i64, found), (passed_ms, doubt), "{ahead_ms} ms");
        }
        assert_eq!(time_after(LAST, u64::MAX).1, Some(ClockDoubt::FarAhead));
    }

    #[test]
    fn unknown_wall_clock_counts_nothing() {
        assert_eq!(time_after(Stamp { wall_unix_ms: 0, ..LAST }, LAST.wall_unix_ms), (LAST.now, None));
    }
}
