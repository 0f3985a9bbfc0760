//! Why a bundle is refused: the place, and what is wrong there.

use std::fmt::Display;

/// A bundle that is not replayed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {why}")]
pub(super) struct Refusal {
    /// File in the bundle, or byte of the bundle.
    pub(super) place: String,
    /// What is wrong with it.
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(place: impl Into<String>, why: impl Display) -> Self {
        Self { place: place.into(), why: why.to_string() }
    }
}
