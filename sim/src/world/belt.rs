//! The main belt: how far it has travelled at any instant. Travel is counted in whole micrometres and is the only
//! measure of position: a load stands where the belt was when it came on. The speed changes only at PLC cycles.

use std::ops::{Add, Sub};

use wcs_types::MonoTime;

/// Belt travel or a distance along the belt, in micrometres.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Travel(pub i64);

impl Travel {
    /// Travel of whole millimetres.
    pub(crate) const fn from_mm(mm: u32) -> Self {
        Self(mm as i64 * 1_000)
    }

    /// Whole millimetres as the PLC counts them, wrapping.
    pub(crate) const fn belt_mm(self) -> u32 {
        (self.0 / 1_000) as u32
    }
}

impl Add for Travel {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Travel {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

/// Nanoseconds for one micrometre at one millimetre per second.
const NANOS_PER_UM: u128 = 1_000_000;

/// The belt.
#[derive(Debug)]
pub(crate) struct Belt {
    speed_mm_s: u32,
    is_running: bool,
    base: Travel,
    base_at: MonoTime,
}

impl Belt {
    /// A running belt that has travelled `start` at time zero.
    pub(crate) fn new(speed_mm_s: u32, start: Travel) -> Self {
        assert!(speed_mm_s > 0, "a belt has a speed");
        Self { speed_mm_s, is_running: true, base: start, base_at: MonoTime::ZERO }
    }

    /// Travel at `at`, which lies at or after the last change of speed.
    pub(crate) fn travel_at(&self, at: MonoTime) -> Travel {
        if !self.is_running {
            return self.base;
        }
        let passed = u128::from(at.since(self.base_at).0) * u128::from(self.speed_mm_s) / NANOS_PER_UM;
        Travel(self.base.0 + i64::try_from(passed).expect("travel stays below nine million kilometres"))
    }

    /// First instant at which `mark` is reached; `NEVER` while the belt stands before it.
    pub(crate) fn time_at(&self, mark: Travel) -> MonoTime {
        if mark <= self.base {
            return self.base_at;
        }
        if !self.is_running {
            return MonoTime::NEVER;
        }
        let ahead = u128::from((mark - self.base).0.unsigned_abs());
        let nanos = (ahead * NANOS_PER_UM).div_ceil(u128::from(self.speed_mm_s));
        MonoTime(self.base_at.0.saturating_add(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Starts or stops the belt at `now`.
    pub(crate) fn set_running(&mut self, now: MonoTime, is_running: bool) {
        self.base = self.travel_at(now);
        self.base_at = now;
        self.is_running = is_running;
    }

    /// True while the belt moves.
    pub(crate) fn is_running(&self) -> bool {
        self.is_running
    }

    /// Actual speed, mm/s.
    pub(crate) fn speed_mm_s(&self) -> u32 {
        if self.is_running { self.speed_mm_s } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_reached_exactly_when_said() {
        let belt = Belt::new(1_999, Travel(7));
        for mark in [8, 1_000, 123_457, 9_999_999_999] {
            let at = belt.time_at(Travel(mark));
            assert!(belt.travel_at(at) >= Travel(mark), "reached at {at:?}");
            assert!(belt.travel_at(MonoTime(at.0 - 1)) < Travel(mark), "not before {at:?}");
        }
    }

    #[test]
    fn standing_belt_keeps_its_travel() {
        let mut belt = Belt::new(2_000, Travel(0));
        belt.set_running(MonoTime(1_000_000_000), false);
        assert_eq!(belt.travel_at(MonoTime(900_000_000_000)), Travel::from_mm(2_000));
        assert_eq!(belt.time_at(Travel::from_mm(2_001)), MonoTime::NEVER);
        belt.set_running(MonoTime(600_000_000_000), true);
        assert_eq!(belt.time_at(Travel::from_mm(4_000)), MonoTime(601_000_000_000));
    }
}
