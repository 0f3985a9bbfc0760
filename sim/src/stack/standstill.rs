//! A machine that stands because its PLC has started anew: it moves again when a person has started it, and not before,
//! whatever the WCS says. Part of the bystander.
//!
//! ```text
//! any --restart of the PLC--> stands --a person presses start, at the machine or at a screen--> any
//! ```

use super::answers::Sight;
use super::watch::WatchRule;
use crate::world::{KnobKind, Sorter};

/// What is known of the machine.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    restarts: u64,
    /// Starts by a person at the last look.
    starts: u64,
    /// Starts by a person that were counted when the PLC began anew; `None` while the machine may move.
    stands_since: Option<u64>,
}

impl Standstill {
    /// A person at a screen asks for the start of the machine.
    pub(super) fn see_start_asked(&mut self) {
        self.stands_since = None;
    }

    pub(super) fn look(&mut self, sorter: &Sorter, seen: &mut Vec<Sight>) {
        let restarts = sorter.applied(KnobKind::PlcRestart);
        let starts = sorter.starts_by_person();
        if restarts != self.restarts {
            self.restarts = restarts;
            // Nobody looks while there is no daemon: a start that came meanwhile may have come after the restart.
            self.stands_since = (starts == self.starts).then_some(starts);
        }
        self.starts = starts;
        let Some(before) = self.stands_since else { return };
        let is_started = starts > before;
        if is_started || sorter.plc.machine.is_moving() {
            let what = "the belt moves after a restart of the PLC, and nobody has started it".to_owned();
            seen.push((WatchRule::MotionByPerson, is_started, what));
            self.stands_since = None;
        }
    }
}
