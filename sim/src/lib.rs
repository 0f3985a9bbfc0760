//! The simulator and everything that proves the stack: a seeded world with belts, lanes, people and a PLC that
//! speaks the profile's registers; a server that puts it on a real wire; the whole stack in virtual time; the ledger
//! of what physically happened, and reports that hold the daemon against it. It knows no store and no HTTP.
#![forbid(unsafe_code)]

pub mod people;
mod plc;
pub mod world;

pub mod faults;
pub mod feed;
pub mod ledger;
pub mod server;

pub mod prove;
pub mod report;
pub mod stack;
pub mod supervisor;
