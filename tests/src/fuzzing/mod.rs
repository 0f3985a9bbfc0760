//! A small mutational fuzzer that runs on stable, in the tests and for hours alike. It starts from valid inputs,
//! spoils them, and demands of every decoder the same: no panic, no broken promise, memory and work within a bound
//! that is counted and not timed. An input that leads to an answer never seen before is kept and spoiled further:
//! that takes the place of the instrumentation stable does not have.
//!
//! ```text
//! valid inputs + kept findings -> pool -> mutated -> decoder -> new kind of answer? -> pool
//!                                                       `-> panic, broken promise, over a bound -> finding in target/fuzz
//! ```
//! Which decoders there are, and what is demanded of each, stands in `decoders`.

mod campaign;
mod dice;
mod finding;
mod mutation;

pub use campaign::{Campaign, Summary, Tester, campaign, check_one};
pub use dice::Dice;
pub use finding::{Finding, kept_inputs};

/// What a decoder made of an input: the kind of answer in words, or which promise was broken.
pub type Outcome = Result<String, String>;

/// Checks one input after the other; may remember what came before.
pub type Checking = Box<dyn FnMut(&[u8]) -> Outcome>;

/// A decoder of bytes from outside, and what is demanded of it.
pub struct Decoder {
    /// Its name on the command line, and the folder of its kept findings.
    pub name: &'static str,
    /// What it reads, in a few words.
    pub reads: &'static str,
    /// Valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of the format.
    pub words: fn() -> Vec<Vec<u8>>,
    /// Bytes of an input at most.
    pub size_max: usize,
    /// Inputs for one seed in the tests.
    pub cases: u32,
    /// Kinds of answers that the tests must reach: a decoder that refuses everything at its door shows nothing.
    pub answers_min: usize,
    /// What one input may cost.
    pub bounds: Bounds,
    /// A new bench of it.
    pub bench: fn() -> Checking,
}

/// What one input may cost, in bytes held at once and in allocations: a fixed part and one for each byte of input.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes held at once, whatever the input.
    pub held: u64,
    /// Bytes held at once for each byte of input.
    pub held_per_byte: u64,
    /// Allocations, whatever the input.
    pub allocations: u64,
    /// Allocations for each byte of input.
    pub allocations_per_byte: u64,
}

impl Bounds {
    /// Bytes that may be held at once for an input of this size.
    pub fn held_max(&self, size: usize) -> u64 {
        self.held + self.held_per_byte * size as u64
    }

    /// Allocations for an input of this size.
    pub fn allocations_max(&self, size: usize) -> u64 {
        self.allocations + self.allocations_per_byte * size as u64
    }
}
