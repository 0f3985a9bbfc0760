//! The lanes as things: how many loads lie in each, what their eyes see, who works at them. State towards the PLC
//! is derived, never stored.
//!
//! ```text
//! closed (a person works there) over fault over full over ready
//! ```

use wcs_types::{ChuteKind, LaneState};

/// A lane.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) kind: ChuteKind,
    /// Loads in it.
    pub(crate) count: u32,
    capacity: u32,
    pub(crate) is_eye_covered: bool,
    pub(crate) has_fault: bool,
    /// A person works at the lane.
    pub(crate) is_attended: bool,
    /// Token of the swap under way.
    pub(crate) swap: Option<u64>,
    /// Token of the closing the operator has yet to see.
    pub(crate) lamp: Option<u64>,
}

impl Lane {
    pub(crate) fn new(kind: ChuteKind, capacity: u32) -> Self {
        Self {
            kind,
            count: 0,
            capacity,
            is_eye_covered: false,
            has_fault: false,
            is_attended: false,
            swap: None,
            lamp: None,
        }
    }

    /// True when the full eye is covered by loads. The exception lane is the end of the line and never full.
    pub(crate) fn is_filled(&self) -> bool {
        self.kind != ChuteKind::Exception && self.count >= self.capacity
    }

    pub(crate) fn state(&self) -> LaneState {
        if self.is_attended {
            LaneState::Closed
        } else if self.has_fault {
            LaneState::Fault
        } else if self.is_eye_covered || self.is_filled() {
            LaneState::Full
        } else {
            LaneState::Ready
        }
    }

    /// Fill in percent.
    pub(crate) fn fill(&self) -> u16 {
        let percent = u64::from(self.count) * 100 / u64::from(self.capacity);
        u16::try_from(percent.min(100)).expect("at most 100")
    }
}
