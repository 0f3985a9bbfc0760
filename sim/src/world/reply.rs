//! What the PLC answers to a request, apart from how it travels.

use wcs_types::Nanos;

/// An answer and how long it takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlcReply {
    /// From the arrival of the request to the departure of the answer.
    pub delay: Nanos,
    /// The answer.
    pub body: ReplyBody,
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ReplyBody {
    /// Values of a read.
    Registers(Vec<u16>),
    /// A write was taken.
    Written,
    /// A Modbus exception.
    Exception(u8),
    /// No answer at all.
    Silence,
}

/// A connection of a client, numbered by whoever accepts it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(pub u32);
