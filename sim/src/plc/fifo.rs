//! The FIFO of events not yet acknowledged and the window that shows its oldest ones not yet taken. Full: the
//! oldest event is dropped and counted. The window is memory of its own, as in a PLC: a slot keeps its words until
//! it is written again.
//!
//! ```text
//! ack ≤ taken ≤ head ≤ end      held: ack … end−1      shown: taken … head−1      behind: head … end−1
//! ```

use std::collections::VecDeque;

use wcs_types::Code;
use wcs_types::mutation::{Mutation, is_on};

use super::event::Event;
use crate::world::knobs::{KnobKind, Knobs};
use crate::world::setup::Tables;

/// The FIFO.
#[derive(Debug)]
pub(crate) struct Fifo {
    tables: Tables,
    held: VecDeque<Event>,
    size: usize,
    slot_count: u16,
    ack: u16,
    taken: u16,
    head: u16,
    lost: u16,
    window: Vec<u16>,
    /// Sequences shown half written until the next cycle.
    torn: Vec<u16>,
}

impl Fifo {
    pub(crate) fn new(tables: Tables, size: u16, slot_count: u16, first: u16) -> Self {
        assert!(slot_count.is_power_of_two() && size >= slot_count, "setup was checked");
        Self {
            tables,
            held: VecDeque::new(),
            size: usize::from(size),
            slot_count,
            ack: first,
            taken: first,
            head: first,
            lost: 0,
            window: vec![0; usize::from(slot_count) * usize::from(tables.map.event_slot_count)],
            torn: Vec::new(),
        }
    }

    pub(crate) fn slot_count(&self) -> u16 {
        self.slot_count
    }

    pub(crate) fn ack(&self) -> u16 {
        self.ack
    }

    pub(crate) fn taken(&self) -> u16 {
        self.taken
    }

    pub(crate) fn head(&self) -> u16 {
        self.head
    }

    pub(crate) fn lost(&self) -> u16 {
        self.lost
    }

    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// An event that is kept, counted from the oldest.
    pub(crate) fn held_at(&self, index: usize) -> Option<&Event> {
        self.held.get(index)
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Events still behind the window.
    pub(crate) fn backlog(&self) -> u16 {
        self.end().wrapping_sub(self.head)
    }

    fn end(&self) -> u16 {
        self.ack.wrapping_add(u16::try_from(self.held.len()).expect("a FIFO has at most 16 384 places"))
    }

    /// Appends an event; the oldest goes when there is no place.
    pub(crate) fn append(&mut self, mut event: Event) {
        let (kind, state) = (self.tables.map.event.kind, self.tables.words.events.state);
        let is_unneeded =
            self.held.front().is_some_and(|event| event.label.is_none() && event.words[kind] != state);
        let is_early = is_unneeded && self.taken != self.ack && is_on(Mutation::FifoOverflow);
        if self.held.len() == self.size || is_early {
            self.held.pop_front();
            let next = self.ack.wrapping_add(1);
            if self.taken == self.ack {
                if self.head == self.ack {
                    self.head = next;
                }
                self.taken = next;
            }
            self.ack = next;
            self.lost = self.lost.saturating_add(1);
        }
        let seq = self.end();
        event.words[self.tables.map.event.seq] = seq;
        event.words[self.tables.map.event.seq_copy] = seq;
        self.held.push_back(event);
        assert!(self.held.len() <= self.size, "the FIFO keeps its size");
    }

    /// Moves events from behind into free slots of the window.
    pub(crate) fn show(&mut self, knobs: &mut Knobs) {
        let end = self.end();
        while self.head != end && self.head.wrapping_sub(self.taken) < self.slot_count {
            let event = &self.held[usize::from(self.head.wrapping_sub(self.ack))];
            let slot = self.tables.map.event_slot_count as usize;
            let start = usize::from(self.head % self.slot_count) * slot;
            self.window[start..start + slot].copy_from_slice(&event.words);
            if knobs.hits(KnobKind::TornSlots) {
                knobs.note(KnobKind::TornSlots, event.label.as_ref());
                self.torn.push(self.head);
            }
            self.head = self.head.wrapping_add(1);
        }
    }

    /// Finishes half-written slots.
    pub(crate) fn mend(&mut self) {
        self.torn.clear();
    }

    /// True while a slot is shown half written.
    pub(crate) fn is_torn(&self) -> bool {
        !self.torn.is_empty()
    }

    /// Everything before `next` is durable. `next` was judged.
    pub(crate) fn acknowledge(&mut self, next: u16) {
        while self.ack != next {
            assert!(
                self.held.pop_front().is_some(),
                "an acknowledgement within ack … head names held events"
            );
            self.ack = self.ack.wrapping_add(1);
        }
    }

    /// Everything before `next` is in the WCS's memory. `next` was judged.
    pub(crate) fn take(&mut self, next: u16) {
        self.taken = next;
    }

    /// Shows again everything that is not durable.
    pub(crate) fn show_again(&mut self) {
        self.taken = self.ack;
        self.head = self.ack;
        self.torn.clear();
    }

    /// Labels of events that nobody has taken.
    pub(crate) fn untaken(&self) -> impl Iterator<Item = &Code> {
        let taken = usize::from(self.taken.wrapping_sub(self.ack));
        self.held.iter().skip(taken).filter_map(|event| event.label.as_ref())
    }

    /// True when every event has been taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.taken == self.end()
    }

    /// A new life that forgot everything.
    pub(crate) fn clear(&mut self, first: u16) {
        self.held.clear();
        self.torn.clear();
        (self.ack, self.taken, self.head) = (first, first, first);
        self.window.fill(0);
    }

    /// The count of dropped events is one of a PLC life.
    pub(crate) fn clear_lost(&mut self) {
        self.lost = 0;
    }

    /// Words of the window; half-written slots show their old sequence in front.
    pub(crate) fn window(&self, start: usize, out: &mut [u16]) {
        out.copy_from_slice(&self.window[start..start + out.len()]);
        let slot = usize::from(self.tables.map.event_slot_count);
        for seq in &self.torn {
            let front = usize::from(seq % self.slot_count) * slot + self.tables.map.event.seq;
            if let Some(word) = front.checked_sub(start).and_then(|offset| out.get_mut(offset)) {
                *word = seq.wrapping_sub(self.slot_count);
            }
        }
    }
}
