//! Chance for the fuzzer: a small generator (splitmix64) that gives the same numbers on every machine, so that a seed
//! is all that is needed to have a campaign again.

/// Numbers drawn by lot from a seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % (bound as u64).max(1)) as usize
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// A range inside `size` bytes, more often short than long.
    pub fn range(&mut self, size: usize) -> std::ops::Range<usize> {
        let start = self.below(size + 1);
        let longest = [4, 16, 64, size][self.below(4)];
        let length = self.below((size - start).min(longest) + 1);
        start..start + length
    }
}
