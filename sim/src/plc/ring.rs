//! The command ring: slots the WCS writes, read by the PLC up to the published head, each judged on its own. Slots
//! that are malformed or of another owner are passed over.

use wcs_types::{CommandSeq, MonoTime};

use super::Plc;
use super::event::get32;
use super::items::Destination;
use crate::world::agenda::Agenda;
use crate::world::belt::Travel;

/// The ring.
#[derive(Debug)]
pub(crate) struct Ring {
    words: Vec<u16>,
    slot_count: u16,
    slot_words: usize,
    tail: u16,
    head: u16,
}

impl Ring {
    pub(crate) fn new(slot_count: u16, slot_words: u16, first: u16) -> Self {
        assert!(slot_count.is_power_of_two(), "setup was checked");
        let slot_words = usize::from(slot_words);
        let words = vec![0; usize::from(slot_count) * slot_words];
        Self { words, slot_count, slot_words, tail: first, head: first }
    }

    pub(crate) fn slot_count(&self) -> u16 {
        self.slot_count
    }

    /// Next command the PLC will take.
    pub(crate) fn tail(&self) -> u16 {
        self.tail
    }

    /// Accepts a new head; false when it lies outside the ring.
    pub(crate) fn publish(&mut self, head: u16) -> bool {
        let is_inside = CommandSeq(head).distance_from(CommandSeq(self.tail)) <= self.slot_count;
        if is_inside {
            self.head = head;
        }
        is_inside
    }

    pub(crate) fn void_unread(&mut self) {
        self.head = self.tail;
    }

    /// A new life: the slots are empty, the pointer never goes back.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
        self.void_unread();
    }

    pub(crate) fn write(&mut self, offset: usize, words: &[u16]) {
        self.words[offset..offset + words.len()].copy_from_slice(words);
    }

    pub(crate) fn words(&self) -> &[u16] {
        &self.words
    }

    /// First word of the slot of a sequence.
    pub(crate) fn offset(&self, seq: u16) -> usize {
        usize::from(seq % self.slot_count) * self.slot_words
    }

    fn next(&mut self) -> Option<(u16, Vec<u16>)> {
        if self.tail == self.head {
            return None;
        }
        let seq = self.tail;
        let start = self.offset(seq);
        self.tail = self.tail.wrapping_add(1);
        Some((seq, self.words[start..start + self.slot_words].to_vec()))
    }
}

impl Plc {
    /// Takes every published command.
    pub(crate) fn take_commands(&mut self, at: MonoTime, travel: Travel, agenda: &mut Agenda) {
        while let Some((seq, slot)) = self.ring.next() {
            if let Err(code) = self.judge_command(seq, &slot, travel, agenda) {
                self.reject_command(at, seq, &slot, code);
            }
        }
    }

    fn reject_command(&mut self, at: MonoTime, seq: u16, slot: &[u16], code: u16) {
        let map = self.tables.map.command;
        self.refuse(seq, code);
        let item = get32(slot, map.item);
        let event = self.tables.reject_event(self.stamp(at, None), item, seq, code, slot[map.wcs_epoch]);
        self.report(at, event);
    }

    fn judge_command(
        &mut self,
        seq: u16,
        slot: &[u16],
        travel: Travel,
        agenda: &mut Agenda,
    ) -> Result<(), u16> {
        let (map, kinds) = (self.tables.map.command, self.tables.words.commands);
        let refusals = self.tables.words.refusals;
        if slot[map.seq] != seq || slot[map.seq_copy] != seq {
            return Err(refusals.malformed_slot);
        }
        if slot[map.wcs_epoch] != self.owner.epoch {
            return Err(refusals.foreign_epoch);
        }
        let item = get32(slot, map.item);
        let is_cancel = slot[map.kind] == kinds.cancel;
        if !is_cancel && slot[map.kind] != kinds.destination {
            return Err(refusals.malformed_slot);
        }
        if self.machine.mode != self.tables.words.modes.production {
            return Err(refusals.wrong_state);
        }
        if self.items.get(item).is_none() {
            return Err(refusals.unknown_item);
        }
        if is_cancel {
            return self.cancel(item, travel, agenda);
        }
        let destination = Destination {
            command: seq,
            lane: slot[map.lane],
            alternatives: [slot[map.alternative_1], slot[map.alternative_2]],
            may_recirculate: slot[map.options] & self.tables.words.options.may_recirculate != 0,
        };
        self.direct(item, destination, travel, agenda)
    }
}
