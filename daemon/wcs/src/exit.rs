//! How a command ends when it does not end well, and the exit code that goes with it.

use std::fmt::Display;

/// Why a command failed. 0 is ok, so it has no entry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The result is not what it should be.
    #[error("{0}")]
    NotOk(String),
    /// What was given cannot be used.
    #[error("{0}")]
    BadInput(String),
    /// A planned fault never took effect.
    #[error("planned but not applied: {0}")]
    FaultNotApplied(String),
    /// A newer owner commands the device.
    #[error("fenced off: {0}")]
    Fenced(String),
}

impl Failure {
    pub(crate) fn not_ok(error: impl Display) -> Self {
        Self::NotOk(error.to_string())
    }

    pub(crate) fn bad_input(error: impl Display) -> Self {
        Self::BadInput(error.to_string())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::NotOk(_) => 1,
            Self::BadInput(_) => 2,
            Self::FaultNotApplied(_) => 3,
            Self::Fenced(_) => 4,
        }
    }
}
