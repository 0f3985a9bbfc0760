//! A tiny PLC for the tests of this crate: registers, FIFO, and the acceptance rules, written straight from the
//! profile's page. Not the simulator: no world, no timing, every oddity is asked for by a test.

use wcs_specs::{Profile, SorterMap, SorterWords};
use wcs_types::plant::BlockBases;
use wcs_types::{Epoch, EventSeq, MonoTime, Nanos};

use crate::exchange::{Answer, Request};

/// The scripted PLC.
pub(super) struct PlcImage {
    pub(super) map: SorterMap,
    pub(super) words: SorterWords,
    pub(super) registers: Vec<u16>,
    fifo: Vec<(EventSeq, Vec<u16>)>,
    next: EventSeq,
    /// Command slots taken, in order.
    pub(super) commands: Vec<Vec<u16>>,
    /// Control blocks accepted, in order.
    pub(super) blocks: Vec<Vec<u16>>,
    pub(super) refusals: u32,
    pub(super) takes_commands: bool,
    pub(super) is_life_frozen: bool,
    /// The logic stands still while Modbus answers.
    pub(super) is_logic_frozen: bool,
    /// Answer given instead of the next ones.
    pub(super) forced: Vec<Answer>,
    /// Slots shown torn for so many reads.
    pub(super) torn_reads: u32,
    /// Pointers out of range are ignored; otherwise they fail the test.
    pub(super) is_lenient: bool,
    life_at: MonoTime,
}

impl PlcImage {
    pub(super) fn new() -> Self {
        let profile = Profile::load("wcs-sorter-hs").unwrap();
        let map = SorterMap::resolve(&profile, &BlockBases::default()).unwrap();
        let words = SorterWords::resolve(&profile).unwrap();
        let mut plc = Self {
            map,
            words,
            registers: vec![0; 65_536],
            fifo: Vec::new(),
            next: EventSeq(0),
            commands: Vec::new(),
            blocks: Vec::new(),
            refusals: 0,
            takes_commands: true,
            is_life_frozen: false,
            is_logic_frozen: false,
            forced: Vec::new(),
            torn_reads: 0,
            is_lenient: false,
            life_at: MonoTime::ZERO,
        };
        plc.set_header(map.header.magic, map.magic);
        plc.set_header(map.header.version, map.version);
        plc.set_header(map.header.plc_epoch, 5);
        plc.set_header(map.header.state, words.machine_states.execute);
        let statics = map.statics;
        for (at, value) in [
            (statics.lane_count, 64),
            (statics.evt_slots, 16),
            (statics.cmd_slots, 16),
            (statics.fifo_size, 4_096),
            (statics.plc_cycle_ms, 10),
            (statics.max_recirc, 3),
            (statics.lane_noread, 63),
            (statics.lane_exception, 64),
            (statics.induction_count, 1),
        ] {
            plc.set_static(at, value);
        }
        plc
    }

    pub(super) fn header(&self, at: usize) -> u16 {
        self.registers[usize::from(self.map.header_block.start) + at]
    }

    pub(super) fn set_header(&mut self, at: usize, value: u16) {
        self.registers[usize::from(self.map.header_block.start) + at] = value;
    }

    pub(super) fn set_static(&mut self, at: usize, value: u16) {
        self.registers[usize::from(self.map.statics_block.start) + at] = value;
    }

    pub(super) fn set_lane_word(&mut self, at: usize, value: u16) {
        self.registers[usize::from(self.map.lanes_block.start) + at] = value;
        let lane_gen = self.header(self.map.header.lane_gen);
        self.set_header(self.map.header.lane_gen, lane_gen.wrapping_add(1));
    }

    pub(super) fn set_belt(&mut self, mm: u32, speed_mm_s: u16) {
        self.set_header(self.map.header.belt_mm, (mm >> 16) as u16);
        self.set_header(self.map.header.belt_mm + 1, mm as u16);
        self.set_header(self.map.header.speed_mm_s, speed_mm_s);
    }

    fn slots(&self) -> u16 {
        self.registers[usize::from(self.map.statics_block.start) + self.map.statics.evt_slots]
    }

    /// First sequence; only before the first event.
    pub(super) fn start_at(&mut self, seq: u16) {
        assert!(self.fifo.is_empty());
        self.next = EventSeq(seq);
        for at in [self.map.header.evt_head, self.map.header.evt_taken_echo, self.map.header.evt_ack_echo] {
            self.set_header(at, seq);
        }
    }

    /// A new life: FIFO, ring and block are gone, the owner epoch stays.
    pub(super) fn restart(&mut self) {
        let epoch = self.header(self.map.header.plc_epoch);
        self.set_header(self.map.header.plc_epoch, epoch + 1);
        self.set_header(self.map.header.link_state, self.words.link_states.waiting);
        self.set_header(self.map.header.cmd_tail, 0);
        self.fifo.clear();
        self.start_at(0);
        self.publish();
    }

    /// Appends an event; `fill` writes its body into the slot.
    pub(super) fn event(&mut self, kind: u16, item: u32, fill: impl FnOnce(&mut [u16])) {
        let at = self.map.event;
        let mut slot = vec![0; usize::from(self.map.event_slot_count)];
        slot[at.seq] = self.next.0;
        slot[at.seq_copy] = self.next.0;
        slot[at.kind] = kind;
        slot[at.item] = (item >> 16) as u16;
        slot[at.item + 1] = item as u16;
        slot[at.flags] = self.header(self.map.header.plc_epoch) << 8;
        slot[at.belt_mm] = self.header(self.map.header.belt_mm);
        slot[at.belt_mm + 1] = self.header(self.map.header.belt_mm + 1);
        fill(&mut slot);
        self.fifo.push((self.next, slot));
        self.next = self.next.next();
        self.publish();
    }

    /// A scan of `text`, 20 m before its decision point.
    pub(super) fn scan(&mut self, item: u32, text: &str) {
        let at = self.map.event;
        self.event(self.words.events.scan, item, |slot| {
            slot[at.scan_deadline_mm + 1] = 20_000;
            slot[at.scan_length] = 0xFFFF;
            slot[at.scan_weight] = 0xFFFF;
            slot[at.scan_weight + 1] = 0xFFFF;
            write_text(slot, at.scan_text_length, at.scan_text, text);
        });
    }

    pub(super) fn exit(&mut self, item: u32, result: u16) {
        let at = self.map.event;
        self.event(self.words.events.exit, item, |slot| slot[at.exit_result] = result);
    }

    /// Drops the oldest event, as a full FIFO does.
    pub(super) fn drop_oldest(&mut self) {
        let (seq, _) = self.fifo.remove(0);
        let lost = self.header(self.map.header.evt_lost);
        self.set_header(self.map.header.evt_lost, lost + 1);
        self.set_header(self.map.header.evt_ack_echo, seq.next().0);
        if !EventSeq(self.header(self.map.header.evt_taken_echo)).is_newer_than(seq) {
            self.set_header(self.map.header.evt_taken_echo, seq.next().0);
        }
        self.publish();
    }

    /// Shows the oldest events that are not taken.
    fn publish(&mut self) {
        let taken = EventSeq(self.header(self.map.header.evt_taken_echo));
        let held = self.next.distance_from(taken);
        let shown = held.min(self.slots());
        self.set_header(self.map.header.evt_head, taken.plus(shown).0);
        self.set_header(self.map.header.evt_backlog, held - shown);
        let (start, size) =
            (usize::from(self.map.events_block.start), usize::from(self.map.event_slot_count));
        for (seq, slot) in &self.fifo {
            if seq.distance_from(taken) < shown {
                let place = start + size * usize::from(seq.0 % self.slots());
                self.registers[place..place + size].copy_from_slice(slot);
            }
        }
    }

    /// Lets time pass: the life word moves every 100 ms.
    pub(super) fn tick(&mut self, now: MonoTime) {
        if now.since(self.life_at) >= Nanos::from_millis(100) {
            self.life_at = now;
            if !self.is_life_frozen && !self.is_logic_frozen {
                let life = self.header(self.map.header.plc_life);
                self.set_header(self.map.header.plc_life, life.wrapping_add(1));
            }
        }
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        if !self.forced.is_empty() {
            return self.forced.remove(0);
        }
        match request {
            Request::Read { address, count } => {
                let start = usize::from(*address);
                let mut words = self.registers[start..start + usize::from(*count)].to_vec();
                let is_window =
                    *address >= self.map.events_block.start && *address < self.map.control_block.start;
                if is_window && self.torn_reads > 0 {
                    self.torn_reads -= 1;
                    words[self.map.event.seq_copy] ^= 1;
                }
                Answer::Registers(words)
            }
            Request::Write { address, words } => {
                let start = usize::from(*address);
                self.registers[start..start + words.len()].copy_from_slice(words);
                if *address == self.map.control_block.start && !self.is_logic_frozen {
                    self.take_block(words);
                }
                Answer::Written
            }
        }
    }

    fn take_block(&mut self, words: &[u16]) {
        let (at, head) = (self.map.control, self.map.header);
        let owner = Epoch(self.header(head.owner_epoch));
        let tag_at = usize::from(self.map.statics_block.start) + self.map.statics.owner_tag;
        let epoch = Epoch(words[at.wcs_epoch]);
        let is_newer = epoch.is_newer_than(owner);
        let is_same = epoch == owner && words[at.owner_tag] == self.registers[tag_at];
        let is_addressed = words[at.plc_epoch] == self.header(head.plc_epoch);
        if words[at.epoch_copy] != epoch.0 || !is_addressed || !(is_newer || is_same) {
            self.refusals += 1;
            let count = self.header(head.rej_count);
            return self.set_header(head.rej_count, count.wrapping_add(1));
        }
        self.blocks.push(words.to_vec());
        self.set_header(head.wcs_life_echo, words[at.wcs_life]);
        self.set_header(head.link_state, self.words.link_states.ok);
        let ack = EventSeq(words[at.evt_ack]);
        let echo = EventSeq(self.header(head.evt_ack_echo));
        if ack.is_within(echo, EventSeq(self.header(head.evt_head))) {
            self.set_header(head.evt_ack_echo, ack.0);
            self.fifo.retain(|(seq, _)| !ack.is_newer_than(*seq));
        }
        if is_newer {
            self.set_header(head.owner_epoch, epoch.0);
            self.registers[tag_at] = words[at.owner_tag];
            let ack = self.header(head.evt_ack_echo);
            self.set_header(head.evt_taken_echo, ack);
        } else {
            let taken = EventSeq(words[at.evt_taken]);
            let echo = EventSeq(self.header(head.evt_taken_echo));
            let is_good = taken.is_within(echo, EventSeq(self.header(head.evt_head)));
            assert!(is_good || self.is_lenient, "evt_taken in range");
            if is_good {
                self.set_header(head.evt_taken_echo, taken.0);
            }
            self.take_commands(words[at.cmd_head], epoch);
        }
        self.publish();
    }

    fn take_commands(&mut self, head: u16, owner: Epoch) {
        let tail = self.header(self.map.header.cmd_tail);
        let is_good = head.wrapping_sub(tail) <= 16;
        assert!(is_good || self.is_lenient, "cmd_head is at most cmd_slots ahead");
        if !self.takes_commands || !is_good {
            return;
        }
        let (start, size) =
            (usize::from(self.map.commands_block.start), usize::from(self.map.command_slot_count));
        for offset in 0..head.wrapping_sub(tail) {
            let seq = tail.wrapping_add(offset);
            let place = start + size * usize::from(seq % 16);
            let slot = self.registers[place..place + size].to_vec();
            let at = self.map.command;
            let is_whole = [slot[at.seq], slot[at.seq_copy], slot[at.wcs_epoch]] == [seq, seq, owner.0];
            assert!(is_whole || self.is_lenient, "{slot:?}");
            self.commands.push(slot);
        }
        self.set_header(self.map.header.cmd_tail, head);
    }

    /// Lets the commands that waited be taken.
    pub(super) fn resume_commands(&mut self) {
        self.takes_commands = true;
        let block = self.blocks.last().cloned().unwrap();
        let owner = Epoch(self.header(self.map.header.owner_epoch));
        self.take_commands(block[self.map.control.cmd_head], owner);
    }
}

/// Writes a text and its length into a slot.
pub(super) fn write_text(slot: &mut [u16], length_at: usize, text_at: usize, text: &str) {
    slot[length_at] = text.len() as u16;
    for (index, pair) in text.as_bytes().chunks(2).enumerate() {
        slot[text_at + index] = (u16::from(pair[0]) << 8) | u16::from(pair.get(1).copied().unwrap_or(0));
    }
}
