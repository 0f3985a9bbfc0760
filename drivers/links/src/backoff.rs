//! How long to wait before the next attempt: a quick first one, then longer and spread at random, so that many
//! links never knock in step. Back to quick after a period that proved good.

use std::time::Duration;

/// First wait: a device or simulator that was just restarted on the spot.
const QUICK: Duration = Duration::from_millis(50);
/// Shortest wait after that.
const SHORTEST: Duration = Duration::from_millis(200);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(15);
/// A connection that held so long was good.
const PROVEN_GOOD: Duration = Duration::from_secs(10);

/// Waits between attempts, decorrelated: each is drawn between the shortest and three times the one before.
#[derive(Clone, Debug)]
pub struct Backoff {
    last: Option<Duration>,
    state: u64,
}

impl Backoff {
    /// A new sequence; different seeds give different waits.
    pub fn new(seed: u64) -> Self {
        Self { last: None, state: seed }
    }

    /// The wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let wait = match self.last {
            None => QUICK,
            Some(last) => {
                let high = (last * 3).max(SHORTEST).min(LONGEST);
                let span = (high - SHORTEST).as_micros() as u64;
                SHORTEST + Duration::from_micros(if span == 0 { 0 } else { self.draw() % (span + 1) })
            }
        };
        self.last = Some(wait);
        wait
    }

    /// Notes how long a connection was of use.
    pub fn held(&mut self, time: Duration) {
        if time >= PROVEN_GOOD {
            self.last = None;
        }
    }

    /// SplitMix64: enough to spread attempts, and repeatable from the seed.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_bounds_and_start_anew_after_a_good_period() {
        let mut backoff = Backoff::new(1);
        assert_eq!(backoff.next_wait(), QUICK);
        let waits: Vec<_> = (0..200).map(|_| backoff.next_wait()).collect();
        assert!(waits.iter().all(|wait| (SHORTEST..=LONGEST).contains(wait)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(5)), "they do grow");
        let mut other = Backoff::new(2);
        other.next_wait();
        assert_ne!((0..5).map(|_| other.next_wait()).collect::<Vec<_>>(), waits[..5]);
        backoff.held(Duration::from_secs(9));
        assert_ne!(backoff.next_wait(), QUICK);
        backoff.held(Duration::from_secs(10));
        assert_eq!(backoff.next_wait(), QUICK);
    }
}
