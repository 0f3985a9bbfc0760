//! Fault files: what shall go wrong in a run, and when. A file is a list of `[[fault]]` entries of a closed set
//! of kinds; reading one gives a [`FaultPlan`] or every problem with its line. The [`Schedule`] says which
//! entries begin and end, and counts. Doing the harm belongs to others: knobs of the sorter to the world,
//! link faults to the server, a stalled disk to whoever owns the storage.
//!
//! ```toml
//! [[fault]]
//! kind = "tcp_cut"
//! at = "120s"    # plant time since the sorter started; or after_loads = 500; neither: from the start
//! for = "30s"    # wall time for disk, links and the PLC's handshake, plant time for belt, lanes and drive
//! ```

mod disk;
mod kinds;
mod parser;
mod schedule;
mod switch;

use wcs_types::Nanos;

use crate::world::Knob;

pub use disk::DiskStall;
pub use kinds::FaultKind;
pub use schedule::{Change, FaultCount, FaultId, Schedule};
pub use switch::{FaultCharges, FaultSwitch};
pub use wcs_specs::{Problem, Problems};

/// Everything that shall go wrong in one run, in file order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FaultPlan {
    /// The entries.
    pub faults: Vec<Fault>,
}

/// One entry of a fault file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Its kind, as reports name it.
    pub kind: FaultKind,
    /// When it begins.
    pub begin: Begin,
    /// How long it lasts; `None` is to the end of the run, or an event without length.
    pub span: Option<Nanos>,
    /// The clock of `span`.
    pub span_clock: SpanClock,
    /// The link it concerns; `None` is every link.
    pub link: Option<String>,
    /// What happens.
    pub disturbance: Disturbance,
}

/// When a fault begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Begin {
    /// Plant time since the sorter started; zero is from the start.
    At(Nanos),
    /// When so many loads have been inducted.
    AfterLoads(u64),
}

/// Which clock a span is measured on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SpanClock {
    /// Time of belts, feed and people: divided by the speed of the run.
    Plant,
    /// Time of disks, links and handshakes: never scaled.
    Wall,
}

/// What happens, by who has to do it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disturbance {
    /// Syncs of the journal take until the end of the span.
    DiskStall,
    /// The disk of the journal has no room. In virtual time only, as are the next two.
    DiskFull,
    /// The next syncs of the journal fail.
    DiskError {
        /// So many.
        count: u64,
    },
    /// Nobody reaches the store: what it has to hand out waits.
    StoreOutage,
    /// Something on the wire.
    Link(LinkFault),
    /// A knob of the sorter, its PLC or its people.
    Sorter(Knob),
    /// Event and command sequences start here, close to their wrap. Part of the setup, so it begins at once.
    Wrap {
        /// Sequence of the first event and of the first command.
        first: u16,
    },
}

/// What a wire can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LinkFault {
    /// Connections are reset, new ones too.
    TcpCut,
    /// Connections stay, nothing is answered.
    HalfOpen,
    /// Every `every`-th reply comes `delay` later, past the replies behind it.
    LateReplies {
        /// Replies from one late one to the next.
        every: u32,
        /// How late; meant to be longer than the time-out of the client.
        delay: Nanos,
    },
}

impl FaultPlan {
    /// Reads a fault file; `file` is its name for problems.
    ///
    /// # Errors
    /// Every problem of the file, by line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        parser::parse(text, file)
    }

    /// Where sequences shall start, when the plan has a `wrap`.
    pub fn first_sequence(&self) -> Option<u16> {
        self.faults.iter().find_map(|fault| match fault.disturbance {
            Disturbance::Wrap { first } => Some(first),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
