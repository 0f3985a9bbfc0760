//! Mutations: ways to break the product on purpose, so that `wcs sim prove` can show that its checkers notice. Each
//! is one line at the one place whose promise it breaks. Only a build with the feature `mutations` can switch one
//! on, once, when its process starts; in every other build [`is_on`] is a constant and the lines fold away. Nothing
//! of this is for a site.

/// One way to break the product.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Mutation {
    /// A scan of a given label breaks an assertion of the core.
    Poison,
}

impl Mutation {
    /// Every mutation.
    pub const ALL: &[Self] = &[Self::Poison];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poison => "poison",
        }
    }
}

#[cfg(not(feature = "mutations"))]
mod switch {
    use super::Mutation;

    /// True when the product is broken in this way.
    pub const fn is_on(_: Mutation) -> bool {
        false
    }

    /// True when a scan of this label is to break the core.
    pub const fn is_poison(_: &[u8]) -> bool {
        false
    }
}

#[cfg(feature = "mutations")]
mod switch {
    use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

    use super::Mutation;
    use crate::limits::CODE_SIZE_MAX;

    const NONE: u32 = u32::MAX;

    // Written once, before any thread of the process but the first.
    static ON: AtomicU32 = AtomicU32::new(NONE);
    static POISON: [AtomicU8; CODE_SIZE_MAX] = [const { AtomicU8::new(0) }; CODE_SIZE_MAX];
    static POISON_SIZE: AtomicUsize = AtomicUsize::new(0);

    /// Why a mutation cannot be switched on.
    #[derive(Debug, Eq, PartialEq, thiserror::Error)]
    pub enum MutationError {
        /// No such mutation.
        #[error("there is no such mutation; `cargo xtask mutate --list` shows them")]
        Unknown,
        /// `poison` goes with a label, and nothing else does.
        #[error("write poison:LABEL, with a label of 1 to {CODE_SIZE_MAX} bytes; no other mutation has one")]
        Label,
    }

    /// Breaks the product in the way `text` names: `NAME`, or `poison:LABEL`.
    ///
    /// # Errors
    /// See [`MutationError`]; nothing is switched on.
    pub fn switch_on(text: &str) -> Result<(), MutationError> {
        let (name, label) = text.split_once(':').unwrap_or((text, ""));
        let found = Mutation::ALL.iter().find(|mutation| mutation.name() == name);
        let mutation = *found.ok_or(MutationError::Unknown)?;
        if (mutation == Mutation::Poison) == label.is_empty() || label.len() > CODE_SIZE_MAX {
            return Err(MutationError::Label);
        }
        for (place, byte) in POISON.iter().zip(label.bytes()) {
            place.store(byte, Ordering::SeqCst);
        }
        POISON_SIZE.store(label.len(), Ordering::SeqCst);
        ON.store(mutation as u32, Ordering::SeqCst);
        Ok(())
    }

    /// True when the product is broken in this way.
    pub fn is_on(mutation: Mutation) -> bool {
        ON.load(Ordering::Relaxed) == mutation as u32
    }

    /// True when a scan of this label is to break the core.
    pub fn is_poison(label: &[u8]) -> bool {
        is_on(Mutation::Poison)
            && label.len() == POISON_SIZE.load(Ordering::Relaxed)
            && label.iter().zip(&POISON).all(|(byte, place)| *byte == place.load(Ordering::Relaxed))
    }
}

pub use switch::*;
