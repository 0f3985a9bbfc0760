//! What physically happened to loads and boxes, as the ledger of the simulator tells it. The ledger knows labels
//! and lanes, never decisions: reports of the daemon are compared with it. Writing it to a file is done elsewhere.

use serde::{Deserialize, Serialize};
use wcs_types::{LaneNo, MonoTime};

/// One line of the ledger.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LedgerEvent {
    /// When it happened, in simulator time.
    pub at: MonoTime,
    /// Running number of the load itself, whatever its label says and a PLC calls it; 0 for `swapped`.
    pub load: u64,
    /// Label of the load; empty for `swapped`.
    pub label: String,
    /// Order the load was made for; empty for `swapped`.
    pub order: String,
    /// Sku the load carries; empty for `swapped`.
    pub sku: String,
    /// Pieces in the load; 0 for `swapped`.
    pub qty: u32,
    /// Life of the PLC that numbered the item; 0 when no PLC knows the load.
    pub plc_epoch: u16,
    /// Number the PLC gave the load; 0 when no PLC knows it.
    pub item: u32,
    /// How often the load was put on the belt, from 1.
    pub attempt: u32,
    /// What happened.
    pub event: LedgerKind,
    /// Lane concerned; 0 is none.
    pub lane: LaneNo,
    /// Result the PLC reported with the exit, or 0 where it reported none.
    pub result: u16,
}

/// Kinds of ledger events.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerKind {
    /// Put on the belt.
    Inducted,
    /// Came to rest in a lane.
    Exit,
    /// The box of a lane was taken away and replaced.
    Swapped,
    /// A person put the load into a lane by hand.
    HandSorted,
    /// Vanished from the belt.
    Lost,
    /// A person took it off the belt for good.
    Removed,
    /// Cleared off the belt at a reset.
    Purged,
}
