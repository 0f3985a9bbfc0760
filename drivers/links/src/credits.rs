//! Input credits: how many inputs a link may have on their way to the core. The credits of all links together
//! are the capacity of the queue, so that sending never finds it full; a link without credit takes nothing, and
//! sleeps until it is told that it has one again.

use crate::atomics::{AtomicUsize, Ordering};

/// Credits of one link, shared by the link (takes) and the engine (gives back).
#[derive(Debug)]
pub struct Credits {
    available: AtomicUsize,
}

impl Credits {
    /// `count` credits, all available.
    pub fn new(count: usize) -> Self {
        Self { available: AtomicUsize::new(count) }
    }

    /// Takes one credit; false when none is left.
    #[must_use]
    pub fn try_take(&self) -> bool {
        self.available.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_sub(1)).is_ok()
    }

    /// Puts back a credit that was taken for nothing.
    pub fn put_back(&self) {
        self.available.fetch_add(1, Ordering::AcqRel);
    }

    /// Gives back the credit of an input the engine has admitted. True when none was left: the link may sleep, and has
    /// to be told.
    #[must_use]
    pub fn give_back(&self) -> bool {
        self.available.fetch_add(1, Ordering::AcqRel) == 0
    }
}
