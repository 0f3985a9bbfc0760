//! Sans-IO sessions: the WCS side of each device profile. A session says what it wants exchanged next, is told
//! what came of it, turns polls into inputs for the core and commands of the core into writes. No socket, no
//! clock, no thread: time comes in as `MonoTime`, so that the same session runs on wires and in virtual time.

#![forbid(unsafe_code)]

pub mod exchange;
pub mod sorter;

pub use exchange::{Answer, Exchange, Request};
pub use sorter::{Commanding, SessionStats, SorterConfig, SorterSession, Wake};
