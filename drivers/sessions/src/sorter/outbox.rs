//! Inputs on their way to the core. Events stop being taken when it is full, so that the PLC keeps them; the
//! rest has a reserve, because a change of the link or a refused command must not be lost.

use std::collections::VecDeque;

use wcs_types::limits::{COMMANDS_PER_LINK_MAX, INPUTS_PER_LINK_MAX};
use wcs_types::{Epoch, EventSeq, Input, LinkChange};

/// Room beyond the events for refused commands. More: the refusal is dropped and counted.
const REFUSALS_MAX: usize = INPUTS_PER_LINK_MAX + COMMANDS_PER_LINK_MAX;
/// Room beyond all else for changes of the link, which come at most a few for each time the core was told of
/// a new device.
const TOTAL_MAX: usize = REFUSALS_MAX + 256;

/// Bounded queue of inputs.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    inputs: VecDeque<Input>,
    delivered: Option<(Epoch, EventSeq)>,
}

impl Outbox {
    /// Events that may be taken now.
    pub(super) fn room(&self) -> usize {
        INPUTS_PER_LINK_MAX.saturating_sub(self.inputs.len())
    }

    /// Adds an event or a change of the link.
    pub(super) fn push(&mut self, input: Input) {
        assert!(self.inputs.len() < TOTAL_MAX, "events respect the room, changes of the link wait for it");
        if let Input::Sorter { event, .. } = &input {
            self.delivered = Some((event.fifo_epoch, event.seq_last.next()));
        }
        self.inputs.push_back(input);
    }

    /// Life of the PLC and sequence after the last event that went in here.
    pub(super) fn delivered(&self) -> Option<(Epoch, EventSeq)> {
        self.delivered
    }

    /// Adds word that the device went away or must not be operated. Without room it takes the place of the last
    /// such word: between two of them the core was told of no device.
    pub(super) fn push_down(&mut self, input: Input) {
        let is_down = |input: &Input| {
            matches!(input, Input::Link { change: LinkChange::Offline(_) | LinkChange::Faulted(_), .. })
        };
        let is_full = self.inputs.len() >= INPUTS_PER_LINK_MAX;
        match self.inputs.back_mut() {
            Some(last) if is_full && is_down(last) => *last = input,
            _ => self.push(input),
        }
    }

    /// Adds a refused command; false when there is no room left.
    pub(super) fn push_refusal(&mut self, input: Input) -> bool {
        let has_room = self.inputs.len() < REFUSALS_MAX;
        if has_room {
            self.inputs.push_back(input);
        }
        has_room
    }

    pub(super) fn pop(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }
}
