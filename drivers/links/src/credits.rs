//! Input credits: how many inputs a link may have on their way to the core. The credits of all links together
//! are the capacity of the queue, so that sending never finds it full; a link without credit takes nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// Gives back credits of inputs the engine has admitted.
    pub fn give_back(&self, count: usize) {
        self.available.fetch_add(count, Ordering::AcqRel);
    }

    /// Credits available now.
    pub fn available(&self) -> usize {
        self.available.load(Ordering::Acquire)
    }
}
