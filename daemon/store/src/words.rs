//! Words of the shared language as the store writes them, and back.

use wcs_types::{Assign, BatchKind, ExitResult, Identify};

use crate::error::StoreError;

/// An enum whose values are stored as words.
pub(crate) trait Word: Copy + PartialEq + Sized + 'static {
    const ALL: &'static [(Self, &'static str)];

    fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(value, _)| *value == self);
        found.map_or("", |(_, word)| *word)
    }

    fn of_word(word: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.iter().find(|(_, known)| *known == word);
        found.map(|(value, _)| *value).ok_or_else(|| StoreError::damaged(format!("unknown word {word:?}")))
    }
}

impl Word for BatchKind {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Sort, "sort")];
}

impl Word for Identify {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Lpn, "lpn"), (Self::Sku, "sku")];
}

impl Word for Assign {
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Volume, "volume"), (Self::FirstScan, "first_scan"), (Self::Fixed, "fixed")];
}

impl Word for ExitResult {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::FirstChoice, "first_choice"),
        (Self::Alternative, "alternative"),
        (Self::Missed, "missed"),
        (Self::LaneFull, "lane_full"),
        (Self::LaneFault, "lane_fault"),
        (Self::Lost, "lost"),
        (Self::Recirculated, "recirculated"),
        (Self::Late, "late"),
        (Self::NoRead, "no_read"),
        (Self::InvalidDestination, "invalid_destination"),
        (Self::Removed, "removed"),
        (Self::Gap, "gap"),
        (Self::Unexpected, "unexpected"),
        (Self::Purged, "purged"),
        (Self::OtherExit, "other_exit"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_result_has_a_word_of_its_own() {
        for result in ExitResult::ALL {
            assert_eq!(ExitResult::of_word(result.word()), Ok(result));
        }
    }
}
