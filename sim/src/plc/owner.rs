//! Who commands the PLC, and what the control block of that owner last said: acceptance of blocks, adoption of a
//! newer epoch, pointers, permits, lane closing, the watchdog over `wcs_life`.
//!
//! ```text
//! waiting --newer epoch--> ok --2 s without a changed wcs_life--> wcs_lost --accepted, wcs_life changed--> ok
//!    |                                  any state --PLC start or FIFO reset--> waiting
//!    +--other major version--> version_mismatch --newer epoch--> ok
//! ```

use wcs_sessions::exchange::Request;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{Epoch, EventSeq, MonoTime, Nanos};

use super::Plc;
use crate::world::agenda::{Agenda, TimeMark};
use crate::world::knobs::{KnobKind, Knobs};

/// The owner and its last accepted block.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Newest epoch accepted; survives a restart.
    pub(crate) epoch: u16,
    pub(crate) tag: u16,
    pub(crate) link_state: u16,
    pub(crate) wcs_life: u16,
    pub(crate) permit: u16,
    pub(crate) closing: Vec<u16>,
    /// Words of the last accepted block; its long form stays behind a short one.
    pub(crate) block: Vec<u16>,
    unit_cmd_count: u16,
    fed_at: MonoTime,
    is_watched: bool,
}

impl Owner {
    pub(crate) fn new(link_state: u16, block_words: u16) -> Self {
        Self {
            epoch: 0,
            tag: 0,
            link_state,
            wcs_life: 0,
            permit: 0,
            closing: vec![0; 64],
            block: vec![0; usize::from(block_words)],
            unit_cmd_count: 0,
            fed_at: MonoTime::ZERO,
            is_watched: false,
        }
    }

    /// A new life of the PLC: the block is cleared, the epoch stays.
    pub(crate) fn clear(&mut self, link_state: u16) {
        let words = u16::try_from(self.block.len()).expect("a block is short");
        *self = Self {
            epoch: self.epoch,
            tag: self.tag,
            is_watched: self.is_watched,
            ..Self::new(link_state, words)
        };
    }

    /// True when the WCS holds `lane` closed.
    pub(crate) fn is_closed(&self, lane: u16) -> bool {
        let index = usize::from(lane - 1);
        self.closing.get(index / 16).is_some_and(|word| word >> (index % 16) & 1 == 1)
    }
}

/// Last refusal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refused {
    pub(crate) seq: u16,
    pub(crate) code: u16,
    pub(crate) count: u16,
}

impl Plc {
    /// Counts a refusal; `seq` 0 is a block.
    pub(crate) fn refuse(&mut self, seq: u16, code: u16) {
        self.refused = Refused { seq, code, count: self.refused.count.wrapping_add(1) };
    }

    /// Judges one written control block, with lane closing behind it when it has the long form.
    pub(crate) fn judge_block(
        &mut self,
        at: MonoTime,
        words: &[u16],
        agenda: &mut Agenda,
        knobs: &mut Knobs,
    ) {
        let (map, tables) = (self.tables.map.control, self.tables);
        let states = tables.words.link_states;
        let is_our_version = words[map.version] >> 8 == tables.map.version >> 8;
        if !is_our_version && self.owner.link_state == states.waiting {
            self.owner.link_state = states.version_mismatch;
        }
        let epoch = words[map.wcs_epoch];
        let is_addressed = epoch == words[map.epoch_copy] && words[map.plc_epoch] == self.epoch;
        let is_newer = Epoch(epoch).is_newer_than(Epoch(self.owner.epoch));
        let is_owner = (epoch == self.owner.epoch && epoch != 0 && words[map.owner_tag] == self.owner.tag)
            || is_on(Mutation::OwnerUnchecked);
        if !is_our_version || !is_addressed || !(is_newer || (is_owner && self.owner.tag != 0)) {
            self.refuse(0, tables.words.refusals.foreign_epoch);
            self.note_second_client(words, knobs);
            return;
        }
        self.owner.block[..words.len()].copy_from_slice(words);
        if is_newer {
            self.adopt(epoch, words);
        } else {
            self.accept_pointers(words);
            self.accept_unit_command(at, words);
        }
        let life = words[map.wcs_life];
        if is_newer || life != self.owner.wcs_life {
            self.owner.fed_at = at;
            if self.owner.link_state == states.wcs_lost {
                self.owner.link_state = states.ok;
            }
            if !std::mem::replace(&mut self.owner.is_watched, true) {
                agenda.at_time(at + self.watchdog(), TimeMark::Watchdog);
            }
        }
        self.owner.wcs_life = life;
        self.owner.permit = words[map.permit];
        if let Some(closing) = words.get(map.lane_closing..) {
            self.owner.closing[..closing.len()].copy_from_slice(closing);
        }
    }

    /// A newer epoch takes over: unread commands are void and everything not durable is shown again.
    fn adopt(&mut self, epoch: u16, words: &[u16]) {
        let map = self.tables.map.control;
        let ack = words[map.evt_ack];
        if EventSeq(ack).is_within(EventSeq(self.fifo.ack()), EventSeq(self.fifo.head())) {
            self.fifo.acknowledge(ack);
        } else {
            self.refuse(0, self.tables.words.refusals.pointer_out_of_range);
        }
        self.fifo.show_again();
        self.owner.epoch = epoch;
        self.owner.tag = words[map.owner_tag];
        self.owner.unit_cmd_count = words[map.unit_cmd_cnt];
        self.owner.closing.fill(0);
        self.owner.link_state = self.tables.words.link_states.ok;
        self.ring.void_unread();
    }

    /// Judges the three pointers one by one; those out of range keep their old value.
    fn accept_pointers(&mut self, words: &[u16]) {
        let map = self.tables.map.control;
        let out_of_range = self.tables.words.refusals.pointer_out_of_range;
        let (head, taken, ack) =
            (EventSeq(self.fifo.head()), EventSeq(words[map.evt_taken]), EventSeq(words[map.evt_ack]));
        if taken.is_within(EventSeq(self.fifo.taken()), head) {
            self.fifo.take(taken.0);
        } else {
            self.refuse(0, out_of_range);
        }
        if ack.is_within(EventSeq(self.fifo.ack()), EventSeq(self.fifo.taken())) {
            self.fifo.acknowledge(ack.0);
        } else {
            self.refuse(0, out_of_range);
        }
        if !self.ring.publish(words[map.cmd_head]) {
            self.refuse(0, out_of_range);
        }
    }

    fn accept_unit_command(&mut self, at: MonoTime, words: &[u16]) {
        let map = self.tables.map.control;
        if words[map.unit_cmd_cnt] == self.owner.unit_cmd_count {
            return;
        }
        self.owner.unit_cmd_count = words[map.unit_cmd_cnt];
        match self.machine.command(words[map.unit_cmd]) {
            Some(change) => self.report_state(at, change, self.tables.words.causes.command),
            None => self.refuse(0, self.tables.words.refusals.wrong_state),
        }
    }

    /// A refused block of the built-in second client means that its knob took effect.
    fn note_second_client(&self, words: &[u16], knobs: &mut Knobs) {
        if words[self.tables.map.control.owner_tag] == SECOND_CLIENT_TAG {
            let is_same = words[self.tables.map.control.wcs_epoch] == self.owner.epoch;
            knobs.note(if is_same { KnobKind::DoubleOwner } else { KnobKind::OldOwner }, None);
        }
    }

    fn watchdog(&self) -> Nanos {
        Nanos::from_millis(u64::from(self.tables.words.numbers.watchdog_ms))
    }

    /// The watchdog is due.
    pub(crate) fn watch_owner(&mut self, now: MonoTime, agenda: &mut Agenda) {
        let deadline = self.owner.fed_at + self.watchdog();
        let states = self.tables.words.link_states;
        if self.owner.link_state != states.ok {
            self.owner.is_watched = false;
        } else if now < deadline {
            agenda.at_time(deadline, TimeMark::Watchdog);
        } else {
            self.owner.is_watched = false;
            self.owner.link_state = states.wcs_lost;
            self.mark_dirty(now);
        }
    }

    /// The block by which another daemon takes the line: a newer epoch, a tag of its own, no permit.
    pub(crate) fn newcomer_block(&self) -> (u16, Request) {
        let map = self.tables.map;
        let epoch = Epoch(self.owner.epoch).next().0;
        let mut words = self.second_client_block(epoch);
        words[map.control.owner_tag] = NEWCOMER_TAG;
        (epoch, Request::Write { address: map.control_block.start, words })
    }

    /// A block as the built-in second client writes it.
    pub(crate) fn second_client_block(&self, epoch: u16) -> Vec<u16> {
        let map = self.tables.map.control;
        let mut words = vec![0; usize::from(self.tables.map.control_count)];
        words[map.version] = self.tables.map.version;
        words[map.wcs_epoch] = epoch;
        words[map.epoch_copy] = epoch;
        words[map.plc_epoch] = self.epoch;
        words[map.owner_tag] = SECOND_CLIENT_TAG;
        words[map.evt_taken] = self.fifo.taken();
        words[map.evt_ack] = self.fifo.ack();
        words[map.cmd_head] = self.ring.tail();
        words
    }
}

/// Owner tag of a daemon that takes the line over.
const NEWCOMER_TAG: u16 = 0xBEEF;
/// Owner tag of the built-in second client.
pub(crate) const SECOND_CLIENT_TAG: u16 = 0xDEAD;
