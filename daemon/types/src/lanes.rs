//! A set of lanes, as the lane bitmaps of a sorter carry it: lane L is bit (L−1) mod 16 of word (L−1)/16.

use serde::{Deserialize, Serialize};

use crate::ids::LaneNo;
use crate::limits::LANE_COUNT_MAX;

const WORD_COUNT: usize = LANE_COUNT_MAX / 16;

/// A set of lanes 1 to [`LANE_COUNT_MAX`].
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct LaneSet {
    /// Bitmap words without the trailing empty ones: equal sets have equal words.
    words: heapless::Vec<u16, WORD_COUNT>,
}

impl Default for LaneSet {
    fn default() -> Self {
        Self::new()
    }
}

impl LaneSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { words: heapless::Vec::new() }
    }

    /// The set that bitmap words of a PLC stand for. Words beyond the largest lane are ignored.
    pub fn from_words(words: &[u16]) -> Self {
        let mut set = Self::new();
        for word in words.iter().take(WORD_COUNT) {
            set.words.push(*word).expect("at most WORD_COUNT words are taken");
        }
        set.trim();
        set
    }

    /// Bitmap word `index`; 0 beyond the last lane of the set.
    pub fn word(&self, index: usize) -> u16 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// True when `lane` is in the set.
    pub fn contains(&self, lane: LaneNo) -> bool {
        lane != LaneNo::NONE && self.word(usize::from(lane.0 - 1) / 16) & bit(lane) != 0
    }

    /// Puts `lane` in or takes it out. Lanes that no sorter can have are ignored.
    pub fn set(&mut self, lane: LaneNo, is_in: bool) {
        if lane == LaneNo::NONE || usize::from(lane.0) > LANE_COUNT_MAX {
            return;
        }
        let index = usize::from(lane.0 - 1) / 16;
        while is_in && self.words.len() <= index {
            self.words.push(0).expect("index is below WORD_COUNT");
        }
        if let Some(word) = self.words.get_mut(index) {
            if is_in {
                *word |= bit(lane);
            } else {
                *word &= !bit(lane);
            }
        }
        self.trim();
    }

    /// True when no lane is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The lanes of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = LaneNo> + '_ {
        (1..=(self.words.len() * 16) as u16).map(LaneNo).filter(|lane| self.contains(*lane))
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

const fn bit(lane: LaneNo) -> u16 {
    1 << ((lane.0 - 1) % 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_maps_to_its_bitmap_bit() {
        let mut set = LaneSet::new();
        set.set(LaneNo(17), true);
        assert_eq!((set.word(0), set.word(1)), (0, 1));
        set.set(LaneNo(1024), true);
        assert_eq!(set.word(63), 0x8000);
        assert_eq!(set.iter().collect::<alloc::vec::Vec<_>>(), [LaneNo(17), LaneNo(1024)]);
        set.set(LaneNo(1024), false);
        set.set(LaneNo(17), false);
        assert_eq!(set, LaneSet::new());
    }
}
