//! The control core: one deterministic, single-threaded, sans-IO state machine that decides where loads go.
//!
//! It is handed inputs with the time they came in and yields outputs, decisions and facts. It reads no clock,
//! owns no thread, touches no file or socket, and iterates no unordered map: the same snapshot and the same
//! inputs give the same outputs and the same state hash on every machine. Registers and transports belong to
//! sessions, durability to the engine, orders before start to the store.
//!
//! ```text
//!            scan / exit / lane            verbs                 link changes
//!                   |                        |                        |
//!                   v                        v                        v
//!   identify -> route -> chutes        batches, assign           link, uncertain
//!                   \________________________|_______________________/
//!                                            v
//!                          tables (rows, hashed) -> outputs, decisions, facts
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod additions;
mod alarm_rows;
mod alarm_verbs;
mod alarms;
mod assign;
mod batches;
mod boxes;
mod cancels;
mod chutes;
mod close;
mod control;
mod digest;
mod ended;
mod events;
mod exits;
mod identify;
mod index;
mod invariants;
mod link;
mod offer;
mod permit;
mod quarantine;
mod route;
mod rows;
mod scans;
mod shadow;
mod snapshot;
mod stall;
mod step;
mod table;
mod tables;
mod uncertain;
mod verbs;
mod watch;

pub use crate::alarm_rows::AlarmView;
pub use crate::control::{Core, WakeReason};
pub use crate::invariants::InvariantBroken;
pub use crate::offer::OfferRefused;
pub use crate::shadow::Shadow;
pub use crate::snapshot::{RestoreError, Snapshot};
pub use crate::step::{Difference, Step};
