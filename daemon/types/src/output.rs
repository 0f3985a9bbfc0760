//! What comes out of the control core. An output with `after` 0 leaves at once; any other leaves when that
//! record is durable: never acknowledge what is not durable, never delay what moves.

use crate::ids::{LineId, Ticket};
use crate::serial::Seq;
use crate::sorter::SorterCommand;
use crate::verb::Reply;

/// One output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    /// Whom it is for.
    pub target: Target,
    /// Grows with every command to the same thing (for a destination: the item). A gated command older than the
    /// last one sent is dropped by the link.
    pub generation: u32,
    /// The record that must be durable first; `Seq::NONE` leaves at once.
    pub after: Seq,
    /// What to do.
    pub what: OutputKind,
}

/// Whom an output is for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Target {
    /// The device of a line.
    Line(LineId),
    /// Whoever asked a verb.
    Asker(Ticket),
}

/// What an output does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OutputKind {
    /// A command to a sorter.
    Sorter(SorterCommand),
    /// The answer to a verb.
    Reply(Reply),
}
