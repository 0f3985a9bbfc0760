//! Draws by lot. Integers only, from a generator that gives the same numbers on every machine.

use std::ops::RangeInclusive;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A drum of lots.
pub(super) struct Lots(ChaCha8Rng);

impl Lots {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any number.
    pub(super) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of the range.
    pub(super) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let count = range.end() - range.start() + 1;
        let share = (u128::from(self.0.next_u64()) * u128::from(count)) >> 64;
        range.start() + u64::try_from(share).expect("the upper half is below the count")
    }

    /// True `of` times out of a hundred.
    pub(super) fn percent(&mut self, of: u64) -> bool {
        self.within(1..=100) <= of
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let last = of.len().checked_sub(1).expect("there is something to pick from");
        of[usize::try_from(self.within(0..=last as u64)).expect("an index")]
    }
}
