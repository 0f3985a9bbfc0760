//! One request and its answer on a Modbus link, without transport: what a session wants done next, and what
//! came of it. Exactly one exchange of a link is under way at any time.

use wcs_types::MonoTime;

/// A Modbus request on holding registers. Addresses are zero-based PDU addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// Function 3.
    Read {
        /// First register.
        address: u16,
        /// Registers, 1 to 125.
        count: u16,
    },
    /// Function 16.
    Write {
        /// First register.
        address: u16,
        /// Values, 1 to 123.
        words: Vec<u16>,
    },
}

/// A request with the time by which its answer must be there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// Grows with every exchange of a session; the answer names it.
    pub id: u64,
    /// Modbus unit.
    pub unit: u8,
    /// What to do.
    pub request: Request,
    /// Past this instant the answer is `Silence`, whatever arrives later.
    pub deadline: MonoTime,
}

/// What came of an exchange. Counts and echoes have been checked against the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Values of a read, exactly as many as asked.
    Registers(Vec<u16>),
    /// A write was accepted.
    Written,
    /// The device refused with this Modbus exception code.
    Exception(u8),
    /// No valid answer before the deadline. The connection may still be used.
    Silence,
    /// The connection is unusable: closed, reset, or out of step.
    Broken,
}
