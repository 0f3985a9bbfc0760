//! The machine as PackML sees it: state, mode, safety, drive. Transitional states are passed at once. Nothing here
//! can clear a safety stop from the WCS: only a person at the panel resets.
//!
//! ```text
//! stopped --reset--> idle --start--> execute ⇄ held (hold/unhold, or the drive) , execute ⇄ suspended
//!    ^______________________stop________|            restart of the PLC, safety chain open: stopped, local reset needed
//! ```

use wcs_specs::SorterWords;
use wcs_types::mutation::{Mutation, is_on};

/// What a person or a fault does to the machine; done at the next cycle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    /// The PLC starts anew.
    Restart,
    /// The FIFO is reset.
    FifoReset,
    /// A person resets at the panel.
    LocalReset,
    /// A person starts at the panel.
    Start,
    /// The main drive fails.
    DriveStop,
    /// The main drive is back.
    DriveStart,
    /// The safety chain opens.
    ChainOpens,
    /// The safety chain is closed again.
    ChainCloses,
}

/// A change of state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct StateChange {
    pub(crate) old: u16,
    pub(crate) new: u16,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    words: SorterWords,
    pub(crate) state: u16,
    pub(crate) mode: u16,
    pub(crate) needs_reset: bool,
    pub(crate) is_drive_stopped: bool,
    is_held_by_drive: bool,
    is_chain_open: bool,
}

impl Machine {
    /// A machine in production that executes.
    pub(crate) fn new(words: SorterWords) -> Self {
        Self {
            words,
            state: words.machine_states.execute,
            mode: words.modes.production,
            needs_reset: false,
            is_drive_stopped: false,
            is_held_by_drive: false,
            is_chain_open: false,
        }
    }

    /// True when the belt is to move.
    pub(crate) fn is_moving(&self) -> bool {
        let states = &self.words.machine_states;
        (self.state == states.execute || self.state == states.suspended)
            && !self.needs_reset
            && !self.is_drive_stopped
    }

    /// True when loads may be inducted as far as the machine is concerned.
    pub(crate) fn may_induct(&self) -> bool {
        self.is_moving()
            && self.state == self.words.machine_states.execute
            && self.mode == self.words.modes.production
    }

    /// Value of the safety register.
    pub(crate) fn safety(&self) -> u16 {
        let bits = &self.words.safety;
        let chain = if self.is_chain_open { bits.emergency_stop } else { bits.chain_ok };
        chain | if self.needs_reset { bits.reset_needed } else { 0 }
    }

    /// The PLC started: stands until a person resets and starts it.
    pub(crate) fn restart(&mut self) {
        self.state = self.words.machine_states.stopped;
        self.needs_reset = true;
        self.is_held_by_drive = false;
    }

    /// What a PLC that has just started says of a safety chain that is open.
    pub(crate) fn stopped_by_chain(&self) -> Option<StateChange> {
        self.is_chain_open.then_some(StateChange { old: self.state, new: self.state })
    }

    /// A command of the WCS; `None` when the state does not allow it.
    pub(crate) fn command(&mut self, command: u16) -> Option<StateChange> {
        let (states, commands) = (self.words.machine_states, self.words.unit_commands);
        let at_rest = self.state == states.stopped || self.state == states.complete;
        let next = if command == commands.reset && at_rest && !self.needs_reset {
            states.idle
        } else if command == commands.start && self.state == states.idle && !self.needs_reset {
            states.execute
        } else if command == commands.stop && self.state != states.stopped {
            states.stopped
        } else if command == commands.hold && self.state == states.execute {
            states.held
        } else if command == commands.unhold && self.state == states.held && !self.is_held_by_drive {
            states.execute
        } else if command == commands.suspend && self.state == states.execute {
            states.suspended
        } else if command == commands.unsuspend && self.state == states.suspended {
            states.execute
        } else {
            return None;
        };
        Some(self.change(next))
    }

    /// What a person or the drive does; `None` when nothing changes.
    pub(crate) fn take(&mut self, ask: Ask) -> Option<StateChange> {
        let states = self.words.machine_states;
        match ask {
            // A reset while the chain is open does nothing.
            Ask::LocalReset if self.is_chain_open => None,
            Ask::LocalReset => {
                self.needs_reset = false;
                (self.state == states.stopped).then(|| self.change(states.idle))
            }
            Ask::Start => {
                (self.state == states.idle && !self.needs_reset).then(|| self.change(states.execute))
            }
            Ask::DriveStop => {
                self.is_drive_stopped = true;
                // A second failure while the drive stands changes nothing about why the machine is held.
                let was_running = self.state == states.execute;
                self.is_held_by_drive |= was_running;
                was_running.then(|| self.change(states.held))
            }
            Ask::DriveStart => {
                self.is_drive_stopped = false;
                let was_held = std::mem::take(&mut self.is_held_by_drive) && self.state == states.held;
                was_held.then(|| self.change(states.execute))
            }
            Ask::ChainOpens => {
                self.is_chain_open = true;
                self.needs_reset = true;
                self.is_held_by_drive = false;
                // Told of a machine that stands anyway, too: it cannot be started now.
                Some(self.change(states.stopped))
            }
            Ask::ChainCloses => {
                self.is_chain_open = false;
                if is_on(Mutation::GoesOnAfterSafetyStop) {
                    self.needs_reset = false;
                    return Some(self.change(states.execute));
                }
                None
            }
            Ask::Restart | Ask::FifoReset => None,
        }
    }

    fn change(&mut self, new: u16) -> StateChange {
        let old = std::mem::replace(&mut self.state, new);
        StateChange { old, new }
    }
}
