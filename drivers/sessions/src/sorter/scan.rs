//! A SCAN and the SCAN_MORE events that continue it, joined into one. Codes longer or more numerous than this
//! version keeps lower the quality of the read; they never stop the chain.

use wcs_specs::SorterMap;
use wcs_specs::sorter_words::SorterWords;
use wcs_types::{
    BeltMm, Code, EventBody, EventSeq, Grams, Millimeters, MonoTime, Nanos, Read, ScanEvent, SorterEvent,
};

use super::registers::{double, text, word};
use super::slot::{Lives, Slot};
use super::travel::BeltReading;

/// Slots one scan may span. Longer: the scan ends there, as a read of several codes.
const PARTS_MAX: u16 = 64;

/// What a scan is judged against: the belt as last read, and the time a write needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) reading: BeltReading,
    pub(super) margin: Nanos,
}

/// A scan of which parts may still be missing.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    event: SorterEvent,
    scan: ScanEvent,
    parts: u16,
    is_more_due: bool,
    is_text_open: bool,
}

impl Assembly {
    /// Begins with a SCAN.
    pub(super) fn begin(
        map: &SorterMap,
        profile: &SorterWords,
        lives: Lives,
        slot: &Slot<'_>,
        pace: Pace,
    ) -> Self {
        let (at, flags) = (&map.event, &profile.event_flags);
        let value = |offset: usize| word(slot.words, offset);
        let unmeasured = profile.numbers.unmeasured;
        let point = slot.belt.ahead(Millimeters(double(slot.words, at.scan_deadline_mm)));
        let is_retained = slot.plc_epoch != lives.now;
        // The belt counter of an earlier life says nothing about the belt now; nothing retained is answered.
        let decide_by =
            if is_retained { MonoTime::ZERO } else { pace.reading.last_instant(point, pace.margin) };
        let length = value(at.scan_length);
        let weight = double(slot.words, at.scan_weight);
        let read = value(at.scan_read);
        let scan = ScanEvent {
            read: read_result(profile, read & profile.scan_read.result),
            codes: Default::default(),
            turns: (read & profile.scan_read.turns) >> profile.scan_read.turns.trailing_zeros(),
            point,
            decide_by,
            is_retained,
            length: (length != unmeasured).then_some(Millimeters(u32::from(length))),
            weight: (weight != u32::MAX).then_some(Grams(weight)),
        };
        let event = event_of(lives, slot, slot.seq);
        let mut assembly = Self { event, scan, parts: 1, is_more_due: false, is_text_open: false };
        let size = usize::from(value(at.scan_text_length));
        assembly.add_code(profile, slot, size, at.scan_text, true);
        assembly.is_more_due = slot.flags & (flags.scan_text_continues | flags.scan_further_codes) != 0;
        assembly.is_text_open = slot.flags & flags.scan_text_continues != 0;
        assembly
    }

    /// True when a SCAN_MORE must follow.
    pub(super) fn is_open(&self) -> bool {
        self.is_more_due
    }

    /// Adds a SCAN_MORE; false when the slot does not continue this scan.
    pub(super) fn extend(&mut self, map: &SorterMap, profile: &SorterWords, slot: &Slot<'_>) -> bool {
        let (at, flags) = (&map.event, &profile.event_flags);
        if slot.kind != profile.events.scan_more || slot.item != self.event.item {
            return false;
        }
        let is_new_code = word(slot.words, at.more_index) != 0;
        if is_new_code == self.is_text_open {
            // The text of a code was to go on and does not, or was complete and does.
            self.scan.read = Read::BadFormat;
        }
        let size = usize::from(word(slot.words, at.more_text_length));
        self.add_code(profile, slot, size, at.more_text, is_new_code);
        self.event.seq_last = slot.seq;
        self.parts += 1;
        self.is_more_due = slot.flags & (flags.scan_text_continues | flags.scan_further_codes) != 0;
        self.is_text_open = slot.flags & flags.scan_text_continues != 0;
        if self.parts >= PARTS_MAX && self.is_more_due {
            self.scan.read = Read::Multi;
            self.is_more_due = false;
        }
        true
    }

    /// The scan as an event. A chain that broke off was not read as a whole.
    pub(super) fn finish(mut self) -> SorterEvent {
        if self.is_more_due && self.scan.read == Read::Good {
            self.scan.read = if self.is_text_open { Read::BadFormat } else { Read::Multi };
        }
        self.event.body = EventBody::Scan(self.scan);
        self.event
    }

    fn add_code(&mut self, profile: &SorterWords, slot: &Slot<'_>, size: usize, at: usize, is_new: bool) {
        if size > usize::from(profile.numbers.text_bytes_max) {
            self.scan.read = Read::BadFormat;
            return;
        }
        if size == 0 {
            return;
        }
        let bytes = text(slot.words, at, size);
        let is_kept = if is_new || self.scan.codes.is_empty() {
            let code = Code::from_bytes(&bytes).expect("a slot carries less text than a code may have");
            if self.scan.codes.push(code).is_err() && self.scan.read == Read::Good {
                self.scan.read = Read::Multi;
            }
            true
        } else {
            self.scan.codes.last_mut().is_some_and(|code| code.try_extend(&bytes))
        };
        if !is_kept {
            self.scan.read = Read::BadFormat;
        }
    }
}

/// The event of a slot, still without a body.
pub(super) fn event_of(lives: Lives, slot: &Slot<'_>, seq_last: EventSeq) -> SorterEvent {
    SorterEvent {
        plc_epoch: slot.plc_epoch,
        fifo_epoch: lives.now,
        seq: slot.seq,
        seq_last,
        item: slot.item,
        station: slot.station,
        plc_tick_ms: slot.plc_tick_ms,
        belt: BeltMm(slot.belt.0),
        body: EventBody::Unknown { kind: slot.kind },
    }
}

fn read_result(profile: &SorterWords, number: u16) -> Read {
    let reads = &profile.reads;
    if number == reads.ok {
        Read::Good
    } else if number == reads.no_read {
        Read::NoRead
    } else if number == reads.several {
        Read::Multi
    } else if number == reads.scanner_down {
        Read::ScannerDown
    } else {
        Read::BadFormat
    }
}

const _: () = assert!(wcs_types::limits::CODE_SIZE_MAX >= 38, "one slot's text fits a code");
