//! The people at the sorter: the chute operator who swaps boxes, the exception operator who brings loads back or
//! sorts them by hand, the attendant who resets and starts the machine. They see lamps and loads, never decisions;
//! each has a delay. And the people at screens, who ask verbs.

mod asker;
mod attendant;
mod chute_operator;
mod exception_operator;

use wcs_types::Code;

pub use self::asker::{Asked, Askers};
use self::attendant::Attendant;
use self::exception_operator::ExceptionDesk;
use crate::world::setup::SorterSetup;

/// Something a person asks the screen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PersonRequest {
    /// The exception operator wants to sort this load by hand: `Sorter::person_answer` says where it belongs.
    HandSort {
        /// Label of the load.
        label: Code,
    },
}

/// The people.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) attendant: Attendant,
    pub(crate) desk: ExceptionDesk,
}

impl People {
    pub(crate) fn new(setup: &SorterSetup) -> Self {
        Self { attendant: Attendant::new(setup.people.start), desk: ExceptionDesk::default() }
    }
}
