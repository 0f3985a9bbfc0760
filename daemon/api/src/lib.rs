//! The HTTP service: what people, host systems and scripts ask of the daemon, and the answers.
//!
//! It knows the shared language, the intake and the store. It knows neither core nor devices: whoever starts it
//! brings the ports of [`ports`]. Every handler is one of three kinds: it reads memory built from facts, it reads or
//! writes the store, or it asks the core a verb and answers when the record of that verb is durable.
#![forbid(unsafe_code)]

pub mod ports;
pub mod shifts;
