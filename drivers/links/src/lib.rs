//! Links: tasks that own a connection and run sessions on it. Here are sockets, deadlines, back-off and the
//! discipline around the Modbus client; what is said over a connection is decided by the sessions, and no
//! business of this crate.
//!
//! ```text
//!   core ──commands──► link task ──► session ──► ModbusClient ──► tokio-modbus ──► MbapGate ──► socket
//!   core ◄───inputs─── link task ◄── session ◄── answers, checked ◄──────────────── whole frames only
//! ```

#![forbid(unsafe_code)]

pub mod backoff;
pub mod breaker;
pub mod client;
pub mod credits;
pub mod gate;
pub mod give_way;
pub mod link;
pub mod mbap;
pub mod status;
pub mod tcp;
pub mod trace;

mod atomics;
mod panics;

pub use client::ModbusClient;
pub use credits::Credits;
pub use give_way::give_way;
pub use link::{LinkCommand, LinkConfig, LinkPorts, run_link};
pub use mbap::{MbapFilter, Poison};
pub use status::{LinkSnapshot, LinkState, LinkStatus};
