//! Chutes: what each is bound to, what lies in its box, and whether a person has to do something there.
//!
//! ```text
//! free -> bound -> complete -> closing -> free          blocked: what it is bound to is in doubt
//!           ^ full: all its lanes are full
//! ```

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{BatchId, OrderKey};

use super::loads::Stamp;

/// State of a chute.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChuteState {
    /// Has no class.
    Free,
    /// Has a class.
    Bound,
    /// Has a class, and its lanes are full: the box has to be changed.
    Full,
    /// All pieces of its class are in, or its batch is over; loads are still on their way.
    Complete,
    /// Its lanes are closed: the box has to be taken away.
    Closing,
    /// What it is bound to is in doubt: a person has to look and to confirm that it is empty.
    Blocked,
    /// Taken out of use by a person.
    Closed,
}

/// The class a chute has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bound {
    /// The batch.
    pub batch: BatchId,
    /// The order.
    pub order: OrderKey,
    /// The record that bound it.
    pub at: Stamp,
}

/// A chute as it is believed to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chute {
    /// Its class.
    pub bound: Option<Bound>,
    /// Nothing more comes for its class.
    pub is_complete: bool,
    /// What it is bound to is in doubt.
    pub is_blocked: bool,
    /// A person took it out of use.
    pub is_closed: bool,
    /// Its box was closed before its class was complete, and no new one stands there.
    pub is_box_closed: bool,
    /// Loads on their way to it.
    pub in_flight: u32,
    /// Name of the box, where one was given.
    pub box_code: Option<String>,
    /// Loads in the box.
    pub loads: u32,
    /// Pieces in the box.
    pub pieces: u32,
    /// Its last box was taken away in this record.
    pub swapped: Option<Stamp>,
}

impl Chute {
    /// Its state; `is_full` says that all its lanes are full.
    pub fn state(&self, is_full: bool) -> ChuteState {
        if self.is_blocked {
            ChuteState::Blocked
        } else if self.is_closed {
            ChuteState::Closed
        } else if self.is_complete && self.in_flight == 0 {
            ChuteState::Closing
        } else if self.is_complete {
            ChuteState::Complete
        } else if self.bound.is_none() {
            ChuteState::Free
        } else if is_full || self.is_box_closed {
            ChuteState::Full
        } else {
            ChuteState::Bound
        }
    }

    pub(crate) fn bind(&mut self, batch: BatchId, order: OrderKey, at: Stamp) {
        self.bound = Some(Bound { batch, order, at });
        self.is_complete = false;
    }

    pub(crate) fn fill(&mut self, pieces: u32) {
        self.loads += 1;
        self.pieces = self.pieces.saturating_add(pieces);
    }

    pub(crate) fn swap(&mut self, at: Stamp) {
        self.box_code = None;
        self.is_box_closed = false;
        self.loads = 0;
        self.pieces = 0;
        self.swapped = Some(at);
    }

    pub(crate) fn free(&mut self) {
        self.bound = None;
        self.is_complete = false;
        self.is_blocked = false;
    }
}
