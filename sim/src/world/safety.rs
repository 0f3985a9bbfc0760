//! The safety chain of the sorter: emergency stops in a row, wired to the drive and not to the WCS. While one of them is
//! pressed the drive has no power, whatever the PLC says; the PLC notes it and waits for people.
//!
//! ```text
//!  chain:   closed --an emergency stop is pressed--> open --all are pulled out--> closed
//!  machine: any -------------------------------> stopped -- person resets, chain closed --> idle -- person starts --> execute
//! ```

use wcs_types::{MonoTime, Nanos};

use super::agenda::TimeMark;
use super::knobs::KnobKind;
use super::sorter::Sorter;
use super::standing::{Motion, StandCause};
use crate::plc::machine::Ask;

/// The chain.
#[derive(Debug, Default)]
pub(crate) struct SafetyChain {
    /// Emergency stops that are pressed.
    pressed: u32,
}

impl SafetyChain {
    /// True while the drive may have power.
    pub(crate) fn is_closed(&self) -> bool {
        self.pressed == 0
    }
}

impl Sorter {
    /// Somebody presses an emergency stop and calls the attendant, who is there after `person`. One more that is pressed
    /// while another is keeps the chain open for longer; it does not stop anything anew.
    pub(crate) fn press_emergency_stop(&mut self, person: Nanos, until: Option<MonoTime>) {
        self.chain.pressed += 1;
        self.knobs.note(KnobKind::SafetyStop, None);
        for index in self.occupancy.values().chain(&self.diverting) {
            self.knobs.touch(KnobKind::SafetyStop, &self.loads.at(*index).feed.label);
        }
        self.standings.begin(self.now, StandCause::SafetyStop);
        self.drive_belt();
        if self.chain.pressed == 1 {
            self.plc.ask(self.now, Ask::ChainOpens);
        }
        self.people.attendant.way = person;
        self.call_attendant();
        if let Some(until) = until {
            self.agenda.at_time(until.later(self.now), TimeMark::StopPulled);
        }
    }

    /// An emergency stop is pulled out again; false when none was pressed.
    pub(crate) fn pull_emergency_stop(&mut self) -> bool {
        let Some(left) = self.chain.pressed.checked_sub(1) else { return false };
        self.chain.pressed = left;
        if left == 0 {
            self.plc.ask(self.now, Ask::ChainCloses);
        }
        true
    }

    /// Lets the belt do what the PLC says, as far as there is power. Power comes back at a cycle of the PLC, when that has
    /// noted the stop.
    pub(crate) fn drive_belt(&mut self) {
        let is_moving = self.plc.machine.is_moving() && self.chain.is_closed();
        if is_moving == self.belt.is_running() {
            return;
        }
        self.belt.set_running(self.now, is_moving);
        if is_moving {
            self.standings.see_motion(self.now, Motion::Belt);
        }
    }
}
