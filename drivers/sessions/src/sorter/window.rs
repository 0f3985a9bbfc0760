//! The event window: which events have been taken from the PLC, which reached the core, and which the PLC may
//! forget. Taken is not acknowledged: `taken` follows memory, `ack` follows the journal.
//!
//! ```text
//!   ack ≤ delivered ≤ taken ≤ head        delivered < taken while the parts of a scan are being joined
//! ```
//! After a new attachment the PLC shows everything from `ack` again; then `delivered` may lie ahead of `taken`
//! and `taken` jumps over what the core already has.

use std::collections::VecDeque;

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{DeviceFault, Epoch, EventBody, EventSeq, MonoTime, Nanos, SorterEvent};

use super::config::SorterConfig;
use super::header::Header;
use super::item_memory::ItemMemory;
use super::scan::{Assembly, Pace, event_of};
use super::slot::{Lives, Slot};
use super::statics::Statics;

/// Items with a final EXIT that are remembered. More: one makes room for a later, and a scan of it is believed.
const ENDED_MAX: usize = 8_192;
/// Scans whose first showing is remembered for the latency figure; a power of two.
const SHOWN_KEPT: usize = 1_024;

/// What came of one read of the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taking {
    /// Every slot that was wanted was whole.
    Whole,
    /// A slot was not valid; to be read again after a PLC cycle.
    Torn,
    /// Slots were not valid for too many cycles in a row.
    Hopeless,
}

/// State of the event window of one attachment, and what is remembered across attachments.
#[derive(Debug)]
pub(super) struct Window {
    plc_epoch: Epoch,
    lives: Lives,
    slots: u16,
    cycle: Nanos,
    head: EventSeq,
    taken: EventSeq,
    delivered: EventSeq,
    ack: EventSeq,
    scan: Option<Assembly>,
    retry_at: Option<MonoTime>,
    bad_cycles: u16,
    shown: VecDeque<(EventSeq, MonoTime)>,
    scans_shown: Vec<Option<(EventSeq, MonoTime)>>,
    ended: ItemMemory<()>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            plc_epoch: Epoch::NONE,
            lives: Lives::new(Epoch::NONE, false, None),
            slots: 16,
            cycle: Nanos::ZERO,
            head: EventSeq(0),
            taken: EventSeq(0),
            delivered: EventSeq(0),
            ack: EventSeq(0),
            scan: None,
            retry_at: None,
            bad_cycles: 0,
            shown: VecDeque::new(),
            scans_shown: vec![None; SHOWN_KEPT],
            ended: ItemMemory::new(ENDED_MAX),
        }
    }

    /// Takes over from a window that is gone: events before `delivered` of that life are known.
    pub(super) fn remember(&mut self, plc_epoch: Epoch, delivered: EventSeq) {
        self.plc_epoch = plc_epoch;
        self.delivered = delivered;
        self.taken = delivered;
        self.head = delivered;
    }

    /// Begins an attachment at `ack`. Events that this process already delivered are not delivered again.
    pub(super) fn attach(&mut self, now: MonoTime, header: &Header, statics: &Statics, ack: EventSeq) {
        let same_life = self.plc_epoch == header.plc_epoch;
        let known = (!same_life && self.plc_epoch != Epoch::NONE).then_some(self.plc_epoch);
        let lives = Lives::new(header.plc_epoch, statics.is_fifo_retentive, known.or(self.lives.before));
        let is_same_fifo =
            same_life || (statics.is_fifo_retentive && known == Some(before(header.plc_epoch)));
        let is_delivered = is_same_fifo && self.delivered.is_within(ack, header.fifo_end());
        if !is_delivered || is_on(Mutation::EventTwice) {
            self.delivered = ack;
        }
        if !same_life {
            self.ended.clear();
        }
        self.plc_epoch = header.plc_epoch;
        self.lives = lives;
        self.slots = statics.evt_slots;
        self.cycle = statics.plc_cycle;
        self.taken = ack;
        self.ack = ack;
        self.head = ack;
        self.scan = None;
        self.retry_at = None;
        self.bad_cycles = 0;
        self.shown.clear();
        self.see_header(now, header);
    }

    /// The life of the PLC whose events are taken.
    pub(super) fn plc_epoch(&self) -> Epoch {
        self.plc_epoch
    }

    /// Follows the pointers of a header. An event the PLC dropped from a full FIFO is not waited for.
    pub(super) fn see_header(&mut self, now: MonoTime, header: &Header) {
        if header.evt_head.is_newer_than(self.head) {
            self.head = header.evt_head;
            self.shown.push_back((self.head, now));
            if self.shown.len() > usize::from(self.slots) {
                self.shown.pop_front();
            }
        }
        if header.evt_taken_echo.is_newer_than(self.taken) && !header.evt_taken_echo.is_newer_than(self.head)
        {
            self.jump(header.evt_taken_echo);
        }
        if header.evt_ack_echo.is_newer_than(self.ack) && !header.evt_ack_echo.is_newer_than(self.taken) {
            self.ack = header.evt_ack_echo;
        }
        if self.delivered.is_newer_than(self.taken) {
            self.jump(if self.delivered.is_newer_than(self.head) { self.head } else { self.delivered });
        }
    }

    fn jump(&mut self, to: EventSeq) {
        self.taken = to;
        self.retry_at = None;
        self.bad_cycles = 0;
        if self.taken.is_newer_than(self.delivered) && self.scan.is_none() {
            self.delivered = self.taken;
        }
    }

    /// The next read of the window: first sequence and slots, not across the end of the ring.
    pub(super) fn next_read(&self, slots_per_read: u16) -> Option<(EventSeq, u16)> {
        let shown = self.head.distance_from(self.taken).min(self.slots);
        let to_end = self.slots - self.taken.0 % self.slots;
        let count = shown.min(slots_per_read).min(to_end);
        (count > 0).then_some((self.taken, count))
    }

    /// Until when a slot that was not valid is left alone.
    pub(super) fn retry_at(&self) -> Option<MonoTime> {
        self.retry_at
    }

    /// True when every event shown so far is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.head
    }

    /// One past the last event the core has.
    pub(super) fn delivered(&self) -> EventSeq {
        self.delivered
    }

    /// `evt_taken` for the control block.
    pub(super) fn taken(&self) -> EventSeq {
        self.taken
    }

    /// `evt_ack` for the control block; never beyond what the block says is taken.
    pub(super) fn ack(&self) -> EventSeq {
        if self.ack.is_newer_than(self.taken) || is_on(Mutation::TakenAsAcknowledged) {
            self.taken
        } else {
            self.ack
        }
    }

    /// Events before `next` are durable. Only for this life of the PLC, never backwards, never ahead of delivery.
    pub(super) fn acknowledge(&mut self, plc_epoch: Epoch, next: EventSeq) {
        if plc_epoch == self.plc_epoch && next.is_newer_than(self.ack) && !next.is_newer_than(self.delivered)
        {
            self.ack = next;
        }
    }

    /// When the scan `seq` was first shown; answers once per scan.
    pub(super) fn take_shown_at(&mut self, seq: EventSeq) -> Option<MonoTime> {
        let place = &mut self.scans_shown[usize::from(seq.0) % SHOWN_KEPT];
        place.take_if(|(scan, _)| *scan == seq).map(|(_, at)| at)
    }

    /// Takes slots read from the window into `events`, at most `room` of them.
    ///
    /// # Errors
    /// The fault when the PLC reports what cannot be; nothing from that slot on is taken.
    pub(super) fn take(
        &mut self,
        now: MonoTime,
        config: &SorterConfig,
        pace: Pace,
        (first, words): (EventSeq, &[u16]),
        room: usize,
        events: &mut Vec<SorterEvent>,
    ) -> Result<Taking, DeviceFault> {
        let size = usize::from(config.map.event_slot_count).max(1);
        for (index, chunk) in words.chunks(size).enumerate() {
            let expected = first.plus(index as u16);
            if expected != self.taken {
                continue;
            }
            // A slot can complete a broken scan and be an event itself.
            if events.len() + 2 > room {
                break;
            }
            let Some(slot) = Slot::decode(&config.map, &config.words, self.lives, expected, chunk) else {
                return Ok(self.note_torn(now, config.words.numbers.torn_cycles));
            };
            self.check_life_cycle(&slot, config)?;
            self.accept(config, pace, &slot, events);
            self.bad_cycles = 0;
            self.retry_at = None;
        }
        Ok(Taking::Whole)
    }

    fn note_torn(&mut self, now: MonoTime, bound: u16) -> Taking {
        self.bad_cycles += 1;
        self.retry_at = Some(now + self.cycle);
        if self.bad_cycles >= bound { Taking::Hopeless } else { Taking::Torn }
    }

    fn check_life_cycle(&self, slot: &Slot<'_>, config: &SorterConfig) -> Result<(), DeviceFault> {
        let is_scan = slot.kind == config.words.events.scan && slot.plc_epoch == self.plc_epoch;
        if is_scan && self.ended.find(slot.item).is_some() {
            return Err(DeviceFault::ScanAfterExit { item: slot.item });
        }
        Ok(())
    }

    fn accept(&mut self, config: &SorterConfig, pace: Pace, slot: &Slot<'_>, events: &mut Vec<SorterEvent>) {
        let (map, profile) = (&config.map, &config.words);
        self.taken = slot.seq.next();
        if let Some(mut scan) = self.scan.take() {
            if scan.extend(map, profile, slot) {
                self.keep_or_deliver(scan, events);
                return;
            }
            events.push(scan.finish());
        }
        if slot.kind == profile.events.scan {
            self.note_scan(slot.seq);
            let scan = Assembly::begin(map, profile, self.lives, slot, pace);
            self.keep_or_deliver(scan, events);
            return;
        }
        let mut event = event_of(self.lives, slot, slot.seq);
        event.body = slot.body(map, profile);
        self.note_end(&event);
        events.push(event);
        self.delivered = self.taken;
    }

    fn keep_or_deliver(&mut self, scan: Assembly, events: &mut Vec<SorterEvent>) {
        if scan.is_open() {
            self.scan = Some(scan);
        } else {
            events.push(scan.finish());
            self.delivered = self.taken;
        }
    }

    fn note_scan(&mut self, seq: EventSeq) {
        while self.shown.front().is_some_and(|(head, _)| !head.is_newer_than(seq)) {
            self.shown.pop_front();
        }
        if let Some((_, at)) = self.shown.front() {
            self.scans_shown[usize::from(seq.0) % SHOWN_KEPT] = Some((seq, *at));
        }
    }

    fn note_end(&mut self, event: &SorterEvent) {
        let EventBody::Exit { result, .. } = event.body else { return };
        if !result.is_final() || event.item == 0 || event.plc_epoch != self.plc_epoch {
            return;
        }
        self.ended.keep(event.item, ());
    }
}

fn before(epoch: Epoch) -> Epoch {
    Epoch(if epoch.0 == 1 { u16::MAX } else { epoch.0.wrapping_sub(1) })
}
