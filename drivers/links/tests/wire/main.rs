//! Links against scripted devices on real sockets: everything a Modbus/TCP peer has been seen to do wrong.

#![allow(clippy::unwrap_used)]

mod exchanges;
mod links;
mod plc;
mod script;
