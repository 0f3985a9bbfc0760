//! The report of a run: what the daemon's journal says, held against what physically happened. Built only from
//! the journal, the ledger and the order file; it asks no running process, so it says the same after a crash.

mod physical;
mod reconcile;
mod shape;
mod tally;

pub use physical::Physical;
pub use reconcile::{Reconciled, own_account, reconcile};
pub use shape::{
    AlarmCount, Chutes, Deadline, FaultCount, FollowerFigures, FsyncUs, Intake, JournalFigures, LatencyUs,
    LinkFigures, Loads, Orders, Percentiles, Reconcile, Report, StoreFigures, Verdict,
};
pub use tally::{LoadTally, Short, Tally};
