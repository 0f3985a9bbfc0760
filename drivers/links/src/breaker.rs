//! Per-unit breaker: a unit that does not answer may use only a small share of the link it shares with others.
//!
//! ```text
//!   closed ──three silences in a row──► open, one probe per rest ──any answer──► closed
//! ```

use wcs_types::{MonoTime, Nanos};

/// Silences in a row that open the breaker.
const SILENCES: u32 = 3;
/// A silent exchange is followed by so many times its length of rest: 5 % of the link.
const REST: u64 = 19;

/// Breaker of one unit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaker {
    silences: u32,
    rests_until: MonoTime,
}

impl Breaker {
    /// True when the unit may use the link now.
    pub fn admits(&self, now: MonoTime) -> bool {
        now >= self.rests_until
    }

    /// When the unit may use the link again.
    pub fn rests_until(&self) -> MonoTime {
        self.rests_until
    }

    /// Notes that the unit answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// Notes that the unit let an exchange of length `spent` pass in silence.
    pub fn silent(&mut self, now: MonoTime, spent: Nanos) {
        self.silences = self.silences.saturating_add(1);
        if self.silences >= SILENCES {
            self.rests_until = now + spent.times(REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_unit_gets_a_twentieth() {
        let mut breaker = Breaker::default();
        let spent = Nanos::from_millis(300);
        let mut now = MonoTime::ZERO;
        for _ in 0..2 {
            now += spent;
            breaker.silent(now, spent);
            assert!(breaker.admits(now));
        }
        now += spent;
        breaker.silent(now, spent);
        assert!(!breaker.admits(now + Nanos::from_millis(5_699)));
        assert!(breaker.admits(now + Nanos::from_millis(5_700)));
        breaker.answered();
        assert!(breaker.admits(now));
    }
}
