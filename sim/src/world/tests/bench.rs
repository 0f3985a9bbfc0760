//! A hand-operated WCS for tests: reads and writes registers by name, remembers its pointers, and nothing else.

use wcs_sessions::exchange::Request;
use wcs_specs::{BlockMap, SorterMap, SorterWords};
use wcs_types::{Code, ExitResult, LaneNo, MonoTime, Nanos};

use crate::plc::event::{get32, put32};
use crate::world::{ClientId, FeedLoad, LedgerEvent, PlcReply, ReplyBody, Sorter, SorterSetup};

/// An event as read from the window.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) seq: u16,
    pub(crate) kind: u16,
    pub(crate) item: u32,
    pub(crate) words: Vec<u16>,
}

pub(crate) struct Bench {
    pub(crate) sorter: Sorter,
    pub(crate) now: MonoTime,
    pub(crate) map: SorterMap,
    pub(crate) words: SorterWords,
    pub(crate) block: Vec<u16>,
    pub(crate) cmd_head: u16,
    pub(crate) ledger: Vec<LedgerEvent>,
}

/// A sorter of ten order lanes, two overflow lanes, a no-read and an exception lane on a 60 m loop.
pub(crate) fn small() -> SorterSetup {
    SorterSetup { lanes: SorterSetup::lanes_of(10, 2), loop_mm: 60_000, ..SorterSetup::demo() }
}

pub(crate) fn load(order: &str, ordinal: usize) -> FeedLoad {
    let label = Code::from_bytes(format!("{order}/{ordinal}").as_bytes()).unwrap();
    FeedLoad { label, order: order.to_owned(), sku: format!("S{ordinal}"), qty: 2 }
}

impl Bench {
    pub(crate) fn new(setup: SorterSetup) -> Self {
        let sorter = Sorter::new(setup).unwrap();
        let (map, words) = (sorter.plc.tables.map, sorter.plc.tables.words);
        let cmd_head = sorter.plc.ring.tail();
        let block = vec![0; usize::from(map.control_block.count)];
        Self { sorter, now: MonoTime::ZERO, map, words, block, cmd_head, ledger: Vec::new() }
    }

    /// A bench that owns its PLC and permits induction, with one group of loads of order `A`.
    pub(crate) fn ready(setup: SorterSetup, loads: usize) -> Self {
        let mut bench = Self::new(setup);
        bench.own(1);
        bench.sorter.feed((1..=loads).map(|ordinal| load("A", ordinal)).collect());
        bench.permit(true);
        bench
    }

    pub(crate) fn request(&mut self, request: &Request) -> PlcReply {
        self.sorter.handle(self.now, 1, ClientId(1), request)
    }

    pub(crate) fn read(&mut self, address: u16, count: u16) -> Vec<u16> {
        match self.request(&Request::Read { address, count }).body {
            ReplyBody::Registers(words) => words,
            other => panic!("expected registers, got {other:?}"),
        }
    }

    pub(crate) fn read_block(&mut self, block: BlockMap) -> Vec<u16> {
        let mut words = Vec::new();
        while words.len() < usize::from(block.count) {
            let done = words.len() as u16;
            let count = (block.count - done).min(120);
            words.extend(self.read(block.start + done, count));
        }
        words
    }

    pub(crate) fn header(&mut self) -> Vec<u16> {
        self.read_block(self.map.header_block)
    }

    /// A register of the hot header, by the offset its name resolves to.
    pub(crate) fn head(&mut self, offset: usize) -> u16 {
        self.header()[offset]
    }

    pub(crate) fn write(&mut self, address: u16, words: Vec<u16>) {
        let body = self.request(&Request::Write { address, words }).body;
        assert_eq!(body, ReplyBody::Written);
    }

    /// Lets time pass without writing anything.
    pub(crate) fn wait(&mut self, span: Nanos) {
        self.now += span;
        self.sorter.advance(self.now);
        self.sorter.drain_ledger(&mut self.ledger);
    }

    pub(crate) fn cycle(&mut self) {
        self.wait(Nanos::from_millis(10));
    }

    /// Writes the block as it stands and lets the PLC evaluate it.
    pub(crate) fn write_block(&mut self) {
        self.send_block(usize::from(self.map.control_count));
        self.cycle();
    }

    pub(crate) fn write_long_block(&mut self) {
        self.send_block(self.block.len());
        self.cycle();
    }

    /// Writes the block as it stands; the PLC looks at it in its next cycle.
    pub(crate) fn send_block(&mut self, count: usize) {
        let map = self.map.control;
        self.block[map.wcs_life] = self.block[map.wcs_life].wrapping_add(1);
        let words = self.block[..count].to_vec();
        self.write(self.map.control_block.start, words);
    }

    /// Takes the PLC over with `epoch`, from everything it still holds.
    pub(crate) fn own(&mut self, epoch: u16) {
        self.own_with_tag(epoch, 0x1234);
    }

    /// The same as another process, which has another tag.
    pub(crate) fn own_with_tag(&mut self, epoch: u16, tag: u16) {
        let header = self.header();
        let (map, from) = (self.map.control, self.map.header);
        self.block.fill(0);
        self.block[map.version] = self.map.version;
        self.block[map.wcs_epoch] = epoch;
        self.block[map.epoch_copy] = epoch;
        self.block[map.plc_epoch] = header[from.plc_epoch];
        self.block[map.owner_tag] = tag;
        self.block[map.evt_ack] = header[from.evt_ack_echo];
        self.block[map.evt_taken] = header[from.evt_ack_echo];
        self.cmd_head = header[from.cmd_tail];
        self.block[map.cmd_head] = self.cmd_head;
        self.write_long_block();
    }

    pub(crate) fn permit(&mut self, is_on: bool) {
        self.block[self.map.control.permit] = if is_on { 3 } else { 0 };
        self.write_block();
    }

    /// Events shown now, without taking them.
    pub(crate) fn shown(&mut self) -> Vec<Seen> {
        let header = self.header();
        let (head, taken) = (header[self.map.header.evt_head], header[self.map.header.evt_taken_echo]);
        let slots = self.read_block(self.map.statics_block)[self.map.statics.evt_slots];
        let size = self.map.event_slot_count;
        let mut events = Vec::new();
        let mut seq = taken;
        while seq != head {
            let words = self.read(self.map.events_block.start + seq % slots * size, size);
            assert_eq!(words[self.map.event.seq], seq, "front of the slot");
            assert_eq!(words[self.map.event.seq_copy], seq, "back of the slot");
            let (kind, item) = (words[self.map.event.kind], get32(&words, self.map.event.item));
            events.push(Seen { seq, kind, item, words });
            seq = seq.wrapping_add(1);
        }
        events
    }

    /// Events shown now, taken and acknowledged.
    pub(crate) fn take(&mut self) -> Vec<Seen> {
        let events = self.shown();
        if let Some(last) = events.last() {
            let next = last.seq.wrapping_add(1);
            self.block[self.map.control.evt_taken] = next;
            self.block[self.map.control.evt_ack] = next;
            self.write_block();
        }
        events
    }

    /// Runs with the life word going until an event of `kind` is there; gives it and drops what came before.
    pub(crate) fn next(&mut self, kind: u16) -> Seen {
        for _ in 0..20_000 {
            if let Some(found) = self.take_until(kind) {
                return found;
            }
            self.write_block();
        }
        panic!("no event of kind {kind} in 200 s");
    }

    /// Takes events up to and with the first of `kind`, if one is shown.
    fn take_until(&mut self, kind: u16) -> Option<Seen> {
        let found = self.shown().into_iter().find(|event| event.kind == kind);
        let header = self.map.header;
        let next = match &found {
            Some(event) => event.seq.wrapping_add(1),
            None => self.head(header.evt_head),
        };
        self.block[self.map.control.evt_taken] = next;
        self.block[self.map.control.evt_ack] = next;
        self.write_block();
        found
    }

    pub(crate) fn next_scan(&mut self) -> Seen {
        self.next(self.words.events.scan)
    }

    pub(crate) fn next_exit(&mut self) -> Seen {
        self.next(self.words.events.exit)
    }

    /// A command slot, complete but for what `edit` changes, written without being published.
    pub(crate) fn write_slot(&mut self, item: u32, lane: u16, edit: impl FnOnce(&mut Vec<u16>)) {
        let map = self.map.command;
        let size = self.map.command_slot_count;
        let slots = self.read_block(self.map.statics_block)[self.map.statics.cmd_slots];
        let mut words = vec![0; usize::from(size)];
        words[map.seq] = self.cmd_head;
        words[map.seq_copy] = self.cmd_head;
        words[map.kind] = self.words.commands.destination;
        put32(&mut words, map.item, item);
        words[map.lane] = lane;
        words[map.wcs_epoch] = self.block[self.map.control.wcs_epoch];
        edit(&mut words);
        let address = self.map.commands_block.start + self.cmd_head % slots * size;
        self.write(address, words);
        self.cmd_head = self.cmd_head.wrapping_add(1);
    }

    /// Writes a command and publishes it.
    pub(crate) fn command(&mut self, item: u32, lane: u16, edit: impl FnOnce(&mut Vec<u16>)) {
        self.write_slot(item, lane, edit);
        self.block[self.map.control.cmd_head] = self.cmd_head;
        self.write_block();
    }

    pub(crate) fn direct(&mut self, item: u32, lane: u16) {
        self.command(item, lane, |_| {});
    }

    /// Result, actual lane and detail of an EXIT.
    pub(crate) fn exit_of(&self, event: &Seen) -> (ExitResult, LaneNo, u16) {
        let map = self.map.event;
        let result = ExitResult::from_wire(event.words[map.exit_result]).unwrap();
        (result, LaneNo(event.words[map.exit_actual]), event.words[map.exit_detail])
    }

    /// The code of the next CMD_REJECT.
    pub(crate) fn next_reject(&mut self) -> u16 {
        let event = self.next(self.words.events.command_reject);
        event.words[self.map.event.reject_code]
    }
}
