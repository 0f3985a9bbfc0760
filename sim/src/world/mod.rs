//! The simulated world of a sorter: belt, loads, lanes, feed, and what goes wrong with them. Sans-IO and seeded: time
//! comes in as `MonoTime`, everything else follows from the setup. `Sorter` owns the world together with its PLC
//! (`crate::plc`) and its people (`crate::people`).

pub(crate) mod agenda;
pub(crate) mod belt;
mod counts;
pub(crate) mod feed;
pub mod knobs;
pub(crate) mod lanes;
pub mod ledger_event;
pub mod load;
mod mishaps;
mod passage;
pub mod reply;
mod safety;
pub mod setup;
pub mod sorter;
pub(crate) mod standing;

#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use knobs::{Knob, KnobKind};
pub use ledger_event::{LedgerEvent, LedgerKind};
pub use load::FeedLoad;
pub use reply::{ClientId, PlcReply, ReplyBody};
pub use setup::{PeopleSetup, PlcSetup, SetupError, SorterSetup};
pub use sorter::Sorter;
