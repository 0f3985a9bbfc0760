//! Events as the PLC writes them: one slot of words each, without the sequence, which the FIFO gives. Body layouts
//! are the profile's; texts longer than a slot continue in further slots.

use wcs_types::{Code, LaneState};

use crate::world::setup::Tables;

/// Writes a 32-bit value, high word first.
pub(crate) fn put32(words: &mut [u16], offset: usize, value: u32) {
    words[offset] = (value >> 16) as u16;
    words[offset + 1] = value as u16;
}

/// Reads a 32-bit value, high word first.
pub(crate) fn get32(words: &[u16], offset: usize) -> u32 {
    u32::from(words[offset]) << 16 | u32::from(words[offset + 1])
}

/// One event, not numbered yet.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) words: Vec<u16>,
    /// Label of the load concerned, for the books of the knobs.
    pub(crate) label: Option<Code>,
}

/// When and where an event happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) epoch: u16,
    pub(crate) tick: u32,
    pub(crate) belt_mm: u32,
}

/// What the scanner saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned<'a> {
    pub(crate) item: u32,
    pub(crate) label: &'a Code,
    pub(crate) read: u16,
    pub(crate) turns: u16,
    pub(crate) deadline_mm: u32,
    pub(crate) length_mm: u16,
}

/// How an item left or went round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Left {
    pub(crate) item: u32,
    pub(crate) requested: u16,
    pub(crate) actual: u16,
    pub(crate) result: u16,
    pub(crate) detail: u16,
    pub(crate) turns: u16,
    pub(crate) command: Option<u16>,
    pub(crate) since_scan_ms: u32,
}

impl Tables {
    fn blank(&self, kind: u16, item: u32, stamp: Stamp) -> Vec<u16> {
        let map = &self.map.event;
        let mut words = vec![0; usize::from(self.map.event_slot_count)];
        words[map.kind] = kind;
        put32(&mut words, map.item, item);
        words[map.flags] = (stamp.epoch & 0xFF) << 8;
        put32(&mut words, map.plc_tick, stamp.tick);
        put32(&mut words, map.belt_mm, stamp.belt_mm);
        words
    }

    /// A SCAN, with as many SCAN_MORE behind it as its text needs.
    pub(crate) fn scan_events(&self, stamp: Stamp, scan: &Scanned<'_>) -> Vec<Event> {
        let (map, numbers) = (&self.map.event, &self.words.numbers);
        let text = if scan.read == self.words.reads.ok { scan.label.as_bytes() } else { &[] };
        let room = usize::from(numbers.text_bytes_max);
        let mut chunks = text.chunks(room);
        let mut words = self.blank(self.words.events.scan, scan.item, stamp);
        put32(&mut words, map.scan_deadline_mm, scan.deadline_mm);
        words[map.scan_read] = scan.read | scan.turns << 8;
        words[map.scan_length] = scan.length_mm;
        words[map.scan_width] = numbers.unmeasured;
        words[map.scan_height] = numbers.unmeasured;
        put32(&mut words, map.scan_weight, u32::MAX);
        write_text(&mut words, map.scan_text_length, map.scan_text, chunks.next().unwrap_or(&[]));
        let continues = self.words.event_flags.scan_text_continues;
        if text.len() > room {
            words[map.flags] |= continues;
        }
        let label = Some(scan.label.clone());
        let mut events = vec![Event { words, label: label.clone() }];
        let more_count = text.len().div_ceil(room).saturating_sub(1);
        for (index, chunk) in chunks.enumerate() {
            let mut words = self.blank(self.words.events.scan_more, scan.item, stamp);
            write_text(&mut words, map.more_text_length, map.more_text, chunk);
            if index + 1 < more_count {
                words[map.flags] |= continues;
            }
            events.push(Event { words, label: label.clone() });
        }
        events
    }

    /// An EXIT.
    pub(crate) fn exit_event(&self, stamp: Stamp, left: &Left, label: &Code) -> Event {
        let map = &self.map.event;
        let mut words = self.blank(self.words.events.exit, left.item, stamp);
        words[map.exit_requested] = left.requested;
        words[map.exit_actual] = left.actual;
        words[map.exit_result] = left.result;
        words[map.exit_detail] = left.detail;
        words[map.exit_turns] = left.turns;
        if let Some(command) = left.command {
            words[map.exit_command] = command;
            words[map.flags] |= self.words.event_flags.exit_command_valid;
        }
        put32(&mut words, map.exit_since_scan_ms, left.since_scan_ms);
        Event { words, label: Some(label.clone()) }
    }

    /// A LANE.
    pub(crate) fn lane_event(
        &self,
        stamp: Stamp,
        lane: u16,
        old: LaneState,
        new: LaneState,
        fill: u16,
    ) -> Event {
        let map = &self.map.event;
        let mut words = self.blank(self.words.events.lane, 0, stamp);
        words[map.lane_lane] = lane;
        words[map.lane_old] = old.to_wire();
        words[map.lane_new] = new.to_wire();
        words[map.lane_fill] = fill;
        Event { words, label: None }
    }

    /// An ALARM.
    pub(crate) fn alarm_event(&self, stamp: Stamp, code: u16, is_raised: bool, severity: u16) -> Event {
        let map = &self.map.event;
        let mut words = self.blank(self.words.events.alarm, 0, stamp);
        words[map.alarm_code] = code;
        words[map.alarm_raised] = u16::from(is_raised);
        words[map.alarm_severity] = severity;
        Event { words, label: None }
    }

    /// A STATE.
    pub(crate) fn state_event(&self, stamp: Stamp, old: u16, new: u16, cause: u16) -> Event {
        let map = &self.map.event;
        let mut words = self.blank(self.words.events.state, 0, stamp);
        words[map.state_old] = old;
        words[map.state_new] = new;
        words[map.state_cause] = cause;
        Event { words, label: None }
    }

    /// A CMD_REJECT.
    pub(crate) fn reject_event(&self, stamp: Stamp, item: u32, command: u16, code: u16, owner: u16) -> Event {
        let map = &self.map.event;
        let mut words = self.blank(self.words.events.command_reject, item, stamp);
        words[map.reject_command] = command;
        words[map.reject_code] = code;
        words[map.reject_owner_epoch] = owner;
        Event { words, label: None }
    }
}

fn write_text(words: &mut [u16], length: usize, start: usize, text: &[u8]) {
    words[length] = u16::try_from(text.len()).expect("a chunk fits its slot");
    for (word, pair) in words[start..].iter_mut().zip(text.chunks(2)) {
        *word = u16::from(pair[0]) << 8 | u16::from(pair.get(1).copied().unwrap_or(0));
    }
}
