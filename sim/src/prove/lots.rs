//! Draws by lot. Integers only, from a generator that gives the same numbers on every machine.

use std::ops::RangeInclusive;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A drum of lots.
#[derive(Clone, Debug)]
pub struct Lots(ChaCha8Rng);

impl Lots {
    /// The drum of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of the range.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let count = range.end() - range.start() + 1;
        let share = (u128::from(self.0.next_u64()) * u128::from(count)) >> 64;
        range.start() + u64::try_from(share).expect("the upper half is below the count")
    }

    /// True `of` times out of a hundred.
    pub fn percent(&mut self, of: u64) -> bool {
        self.within(1..=100) <= of
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let last = of.len().checked_sub(1).expect("there is something to pick from");
        of[usize::try_from(self.within(0..=last as u64)).expect("an index")]
    }
}
