//! The clocks of a simulated daemon: core time runs beside simulator time, and over a restart goes on by what the wall
//! clock says, which may have been set meanwhile. Simulator time itself is never wrong.

use wcs_engine::{ClockDoubt, time_after};
use wcs_journal::Stamp;
use wcs_types::MonoTime;

/// What the wall clock shows at simulator time zero, milliseconds since 1970.
const WALL_START_MS: u64 = 1_800_000_000_000;

/// Core time and wall clock of one daemon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// Core time minus simulator time, nanoseconds.
    ahead: i64,
    wall_ms: u64,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { ahead: 0, wall_ms: WALL_START_MS }
    }
}

impl Clocks {
    /// Core time at this simulator time.
    pub(super) fn core(self, sim: MonoTime) -> MonoTime {
        shifted(sim, self.ahead)
    }

    /// Simulator time at this core time.
    pub(super) fn sim(self, core: MonoTime) -> MonoTime {
        shifted(core, -self.ahead)
    }

    /// What the wall clock shows.
    pub(super) fn wall_unix_ms(self, sim: MonoTime) -> u64 {
        self.wall_ms + sim.0 / 1_000_000
    }

    /// Somebody sets the wall clock.
    pub(super) fn set_wall(&mut self, by_ms: i64) {
        self.wall_ms = self.wall_ms.saturating_add_signed(by_ms);
    }

    /// Core time at which a new process goes on behind the last record.
    pub(super) fn resume(self, last: Option<Stamp>, sim: MonoTime) -> (MonoTime, Option<ClockDoubt>) {
        last.map_or((MonoTime::ZERO, None), |stamp| time_after(stamp, self.wall_unix_ms(sim)))
    }

    /// From now on core time is this.
    pub(super) fn start(&mut self, sim: MonoTime, core: MonoTime) {
        let (core, sim) = (i128::from(core.0), i128::from(sim.0));
        self.ahead = i64::try_from(core - sim).expect("runs are shorter than centuries");
    }
}

fn shifted(at: MonoTime, by: i64) -> MonoTime {
    if at == MonoTime::NEVER { at } else { MonoTime(at.0.saturating_add_signed(by)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn core_time_never_goes_back_whatever_the_wall_clock_does() {
        let last = Some(Stamp { now: MonoTime(10 * SECOND), wall_unix_ms: WALL_START_MS + 10_000 });
        // The wall clock is set by so much while the daemon is down for five seconds.
        let rows = [(0, 15), (3_600_000, 3_615), (-4_000, 11), (-5_000, 10), (-3_600_000, 10)];
        for (by_ms, resumed_s) in rows {
            let mut clocks = Clocks::default();
            clocks.set_wall(by_ms);
            let (core, doubt) = clocks.resume(last, MonoTime(15 * SECOND));
            assert_eq!(core, MonoTime(resumed_s * SECOND), "{by_ms} ms");
            assert_eq!(doubt.is_some(), by_ms < -5_000);
            clocks.start(MonoTime(15 * SECOND), core);
            assert_eq!(clocks.core(MonoTime(16 * SECOND)), MonoTime((resumed_s + 1) * SECOND));
            assert_eq!(clocks.sim(clocks.core(MonoTime(20 * SECOND))), MonoTime(20 * SECOND));
        }
        assert_eq!(Clocks::default().sim(MonoTime::NEVER), MonoTime::NEVER);
    }
}
