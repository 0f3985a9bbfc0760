//! Numbers by lot from a seed, the same on every machine.

/// A row of lots.
#[derive(Clone, Copy, Debug)]
pub struct Lots(u64);

impl Lots {
    /// The lots of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
