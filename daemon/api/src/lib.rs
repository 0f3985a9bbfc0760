//! The HTTP service: what people, host systems and scripts ask of the daemon, and the answers.
//!
//! It knows the shared language, the intake and the store. It knows neither core nor devices: whoever starts it
//! brings the ports of [`ports`]. Every handler is one of three kinds: it reads memory built from facts, it reads or
//! writes the store, or it asks the core a verb and answers when the record of that verb is durable.
//!
//! Every answer that is no success is a problem document with a stable code ([`problem`]); bodies, queries and paths
//! are read strictly ([`body`], [`parameters`]), so that what the OpenAPI document says is what is taken.
#![forbid(unsafe_code)]

pub mod actions;
mod alarms;
pub mod answer;
pub mod asking;
mod batches;
pub mod body;
pub mod chutes;
mod connections;
pub mod event;
pub mod events;
pub mod exceptions;
#[cfg(test)]
mod fixture;
pub mod health;
mod idempotency;
pub mod lines;
pub mod live;
pub mod loads;
mod metrics;
mod moments;
mod objects;
mod orders;
pub mod paging;
pub mod parameters;
pub mod ports;
mod position;
pub mod press;
pub mod problem;
mod requests;
mod server;
pub mod shifts;
mod skus;
mod state;
pub mod times;
pub mod why;
#[cfg(test)]
mod without_store;
pub mod words;

pub use batches::{SettledStart, settle_starting};
pub use live::feed::{LiveFeed, LiveHandle};
pub use server::{BindError, Bound, bind, routes};
pub use state::{Api, Limits, Parts, StoreSlot};
