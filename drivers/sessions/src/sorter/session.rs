//! The session itself: its state, what the link and the core call, which exchange comes next, and where an
//! answer goes. What the stages do with it stands in `meeting`, `attach` and `steady`.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{Epoch, Input, LinkChange, MonoTime, Nanos, OfflineReason, Refusal, SorterCommand};

use super::commanding::{Commanding, Proof};
use super::config::SorterConfig;
use super::control::Control;
use super::generations::Generations;
use super::header::Header;
use super::lane_reader::{LaneReader, Lanes};
use super::life::Life;
use super::outbox::Outbox;
use super::plan::Plan;
use super::ring::{Queued, Ring, RingCommand};
use super::round_trips::RoundTrips;
use super::stage::{Outstanding, Purpose, Reported, Stage};
use super::statics::Statics;
use super::stats::SessionStats;
use super::travel::{BeltReading, Watches};
use super::window::Window;
use crate::exchange::{Answer, Exchange, Request};

/// Modbus exception "server device busy": not a fault, asked again after a pause.
const BUSY: u8 = 6;

/// The newest header with the times that belong to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) header: Header,
    pub(super) sent_at: MonoTime,
}

/// Sans-IO session of one sorter PLC. See the module for the stages.
///
/// The owner calls `poll_exchange` whenever [`Wake::at`] has come or anything was handled, carries the exchange
/// out, and returns exactly one answer for it. Time never goes back.
#[derive(Debug)]
pub struct SorterSession {
    pub(super) config: SorterConfig,
    pub(super) now: MonoTime,
    pub(super) stage: Stage,
    pub(super) outstanding: Option<Outstanding>,
    next_id: u64,
    pub(super) seen: Option<Seen>,
    pub(super) statics: Option<Statics>,
    pub(super) lanes: LaneReader,
    pub(super) reported_lanes: Lanes,
    pub(super) reported_lost: u16,
    pub(super) reported: Reported,
    pub(super) life: Life,
    pub(super) control: Control,
    pub(super) window: Window,
    pub(super) ring: Ring,
    pub(super) proof: Proof,
    pub(super) commanding: Option<Commanding>,
    pub(super) generations: Generations,
    pub(super) watches: Watches,
    pub(super) outbox: Outbox,
    pub(super) write_trips: RoundTrips,
    /// Newest owner epoch this process ever claimed.
    pub(super) claim: Option<Epoch>,
    pub(super) must_disconnect: bool,
    pub(super) header_wanted: bool,
    pub(super) header_sent_at: MonoTime,
    pub(super) paused_until: MonoTime,
    pub(super) wrote_pointers_last: bool,
    pub(super) is_window_full: bool,
    pub(super) stats: SessionStats,
    connections: u64,
}

impl SorterSession {
    /// A session that waits for its first connection.
    ///
    /// # Panics
    /// When the owner tag is 0, which the profile keeps for "nobody".
    pub fn new(config: SorterConfig) -> Self {
        assert!(config.owner_tag != 0, "an owner tag of 0 means nobody");
        Self {
            life: Life::new(config.owner_tag),
            config,
            now: MonoTime::ZERO,
            stage: Stage::Down,
            outstanding: None,
            next_id: 1,
            seen: None,
            statics: None,
            lanes: LaneReader::default(),
            reported_lanes: Lanes::default(),
            reported_lost: 0,
            reported: Reported::Nothing,
            control: Control::new(),
            window: Window::new(),
            ring: Ring::new(),
            proof: Proof::default(),
            commanding: None,
            generations: Generations::default(),
            watches: Watches::default(),
            outbox: Outbox::default(),
            write_trips: RoundTrips::default(),
            claim: None,
            must_disconnect: false,
            header_wanted: false,
            header_sent_at: MonoTime::ZERO,
            paused_until: MonoTime::ZERO,
            wrote_pointers_last: false,
            is_window_full: false,
            stats: SessionStats::new(),
            connections: 0,
        }
    }

    /// A session for the same device after this one panicked. Kept are plain facts: whom we claimed to be, what the
    /// core was given and what it wants. Its next input says that the link stopped.
    #[must_use]
    pub fn renewed(&mut self) -> Self {
        let mut renewed = Self::new(self.config.clone());
        renewed.now = self.now;
        renewed.claim = self.claim;
        renewed.next_id = self.next_id;
        renewed.connections = self.connections;
        renewed.life = Life::new(self.life.wcs_life());
        renewed.stats = self.stats.clone();
        renewed.control = self.control.clone();
        renewed.watches = self.watches.clone();
        renewed.outbox = std::mem::take(&mut self.outbox);
        if let Some((plc_epoch, next)) = renewed.outbox.delivered() {
            renewed.window.remember(plc_epoch, next);
        }
        if self.stage == Stage::Fenced {
            renewed.stage = Stage::Fenced;
        } else {
            renewed.go_offline(self.now, OfflineReason::Stopped);
        }
        renewed
    }

    /// The link has a connection.
    pub fn handle_connected(&mut self, now: MonoTime) {
        self.enter(now);
        if self.stage == Stage::Fenced {
            return;
        }
        self.connections += 1;
        if self.connections > 1 {
            self.stats.reconnects += 1;
        }
        self.outstanding = None;
        self.must_disconnect = false;
        self.paused_until = now;
        if self.stage == Stage::Ready && is_on(Mutation::ReattachSkipped) {
            self.header_wanted = true;
            return;
        }
        self.begin_checks(now);
    }

    /// The connection is gone.
    pub fn handle_disconnected(&mut self, now: MonoTime) {
        self.enter(now);
        self.drop_connection(now, OfflineReason::Closed);
    }

    /// No connection could be made.
    pub fn handle_connect_failed(&mut self, now: MonoTime) {
        self.enter(now);
        if matches!(self.reported, Reported::Faulted(_)) {
            self.reported = Reported::Nothing;
        }
        self.drop_connection(now, OfflineReason::ConnectFailed);
    }

    /// The link ended, whatever the state of the device.
    pub fn handle_stopped(&mut self, now: MonoTime) {
        self.enter(now);
        self.drop_connection(now, OfflineReason::Stopped);
    }

    fn drop_connection(&mut self, now: MonoTime, reason: OfflineReason) {
        self.abandon_exchange();
        self.must_disconnect = false;
        if self.stage == Stage::Ready && is_on(Mutation::ReattachSkipped) {
            return;
        }
        match self.stage {
            Stage::Fenced => return,
            Stage::Faulted => {}
            _ => self.go_offline(now, reason),
        }
        self.stage = Stage::Down;
    }

    /// The core thread vouches for itself until `alive_until`; our life word stands still after that.
    pub fn renew_alive(&mut self, alive_until: MonoTime) {
        self.life.renew_alive(alive_until);
    }

    /// The next input for the core.
    pub fn poll_input(&mut self) -> Option<Input> {
        self.outbox.pop()
    }

    /// Once after each attachment: when the device had shown that it is commanded.
    pub fn poll_commanding(&mut self) -> Option<Commanding> {
        self.commanding.take()
    }

    /// True once when the session wants this connection closed and, unless it is fenced, made anew.
    pub fn must_disconnect(&mut self) -> bool {
        std::mem::take(&mut self.must_disconnect)
    }

    /// False when the session has no use for a connection any more.
    pub fn wants_connection(&self) -> bool {
        self.stage != Stage::Fenced
    }

    /// True while the device is attached and commands are carried out.
    pub fn is_attached(&self) -> bool {
        matches!(self.stage, Stage::Draining { .. } | Stage::Ready)
    }

    /// True while everything runs: the device is attached and all events that waited are delivered.
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// The line whose device this is.
    pub fn line(&self) -> wcs_types::LineId {
        self.config.line
    }

    /// Modbus unit of the device.
    pub fn unit(&self) -> u8 {
        self.config.unit
    }

    /// Counters so far.
    pub fn stats(&self) -> &SessionStats {
        &self.stats
    }

    /// The next request to put on the wire; `None` while one is under way or nothing is due.
    pub fn poll_exchange(&mut self, now: MonoTime) -> Option<Exchange> {
        self.enter(now);
        if self.outstanding.is_none() && self.is_attached() {
            self.refuse_late(now);
        }
        let (purpose, request) = match self.plan(now) {
            Plan::Wait(_) => return None,
            Plan::Header => (Purpose::Header, self.read_header(now)),
            Plan::Statics => (
                Purpose::Statics,
                read(self.config.map.statics_block.start, self.config.map.statics_block.count),
            ),
            Plan::Lanes => {
                let (offset, count) = self.lanes.next_read(&self.config.map, self.lane_words());
                (Purpose::Lanes, read(self.config.map.lanes_block.start + offset, count))
            }
            Plan::Window => self.read_window()?,
            Plan::Slots => (Purpose::Slots, self.write_slots(now)),
            Plan::Control => self.write_control(now),
        };
        let is_pointer_write = matches!(purpose, Purpose::Control(_));
        self.wrote_pointers_last = is_pointer_write;
        Some(self.begin_exchange(now, purpose, request))
    }

    fn begin_exchange(&mut self, now: MonoTime, purpose: Purpose, request: Request) -> Exchange {
        assert!(self.outstanding.is_none(), "one exchange is under way at a time");
        let id = self.next_id;
        self.next_id += 1;
        let deadline = now + self.config.response_timeout;
        let (address, count) = match &request {
            Request::Read { address, count } => (*address, *count),
            Request::Write { address, words } => (*address, words.len() as u16),
        };
        self.outstanding = Some(Outstanding { id, purpose, address, count, sent_at: now, deadline });
        Exchange { id, unit: self.config.unit, request, deadline }
    }

    fn read_header(&mut self, now: MonoTime) -> Request {
        self.header_wanted = false;
        self.header_sent_at = now;
        read(self.config.map.header_block.start, self.config.map.header_block.count)
    }

    fn read_window(&self) -> Option<(Purpose, Request)> {
        let map = &self.config.map;
        let (first, count) = self.window.next_read(self.config.words.numbers.slots_per_read)?;
        let slots = self.statics.as_ref()?.evt_slots;
        let offset = (first.0 % slots) * map.event_slot_count;
        let request = read(map.events_block.start.wrapping_add(offset), count * map.event_slot_count);
        Some((Purpose::Window { first }, request))
    }

    fn write_slots(&mut self, now: MonoTime) -> Request {
        let count = self.ring.writable(self.config.words.numbers.slots_per_write);
        let owner = self.claim.expect("commands are written by an owner");
        let (reading, margin) = (self.belt_reading(), self.margin());
        let left = |command: &wcs_types::DestinationCommand| {
            reading.map_or(Nanos::ZERO, |reading| reading.last_instant(command.point, margin).since(now))
        };
        let map = &self.config.map;
        let (first, words) = self.ring.stage((map, &self.config.words), count, owner, left);
        let address = map.commands_block.start.wrapping_add(first * map.command_slot_count);
        Request::Write { address, words }
    }

    /// What the answer `id` turned out to be. Answers to anything but the exchange under way are ignored.
    pub fn handle_answer(&mut self, now: MonoTime, id: u64, answer: Answer) {
        self.enter(now);
        let Some(asked) = self.outstanding.take_if(|asked| asked.id == id) else { return };
        self.stats.exchanges += 1;
        let is_write = matches!(asked.purpose, Purpose::Slots | Purpose::Control(_));
        match answer {
            Answer::Registers(words) if !is_write && words.len() == usize::from(asked.count) => {
                self.life.answered(now);
                self.take_registers(now, asked, &words);
            }
            Answer::Written if is_write => {
                self.life.answered(now);
                self.write_trips.record(now.since(asked.sent_at));
                self.take_written(now, asked.purpose);
            }
            Answer::Exception(code) => {
                *self.stats.exceptions.entry(code).or_default() += 1;
                self.undo(asked.purpose);
                if code == BUSY {
                    self.paused_until = now + self.config.busy_pause;
                    self.miss(now);
                } else {
                    self.fault(wcs_types::DeviceFault::Exception { code, address: asked.address });
                }
            }
            Answer::Broken => {
                self.undo(asked.purpose);
                self.must_disconnect = true;
            }
            Answer::Silence | Answer::Registers(_) | Answer::Written => {
                self.stats.silences += 1;
                self.undo(asked.purpose);
                self.miss(now);
            }
        }
    }

    fn miss(&mut self, now: MonoTime) {
        if self.life.missed(self.config.words.numbers.timeouts_in_a_row) {
            self.lose(now, OfflineReason::Timeouts);
            if self.life.silent_for(now) >= self.config.reconnect_after {
                self.must_disconnect = true;
            }
        }
    }

    /// Takes back what an exchange was to do, since it is not known whether it was done.
    fn undo(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Header => self.header_wanted = true,
            Purpose::Lanes => self.lanes.restart(),
            Purpose::Slots => self.ring.unstage(),
            Purpose::Control(_) => self.control.doubt_written(),
            Purpose::Statics | Purpose::Window { .. } => {}
        }
    }

    fn abandon_exchange(&mut self) {
        if let Some(asked) = self.outstanding.take() {
            self.undo(asked.purpose);
        }
    }

    fn take_registers(&mut self, now: MonoTime, asked: Outstanding, words: &[u16]) {
        match asked.purpose {
            Purpose::Header => self.take_header(now, asked.sent_at, words),
            Purpose::Statics => self.take_statics(now, words),
            Purpose::Lanes => self.take_lanes(now, asked.sent_at, words),
            Purpose::Window { first } => self.take_window(now, first, words),
            Purpose::Slots | Purpose::Control(_) => unreachable!("reads and writes were told apart"),
        }
    }

    fn take_written(&mut self, now: MonoTime, purpose: Purpose) {
        match purpose {
            Purpose::Slots => self.ring.written(),
            Purpose::Control(block) => {
                let head = block.pointers.cmd_head;
                self.control.acknowledge(block);
                if let Stage::Attaching(attaching) = &mut self.stage {
                    attaching.is_block_due = false;
                    self.header_wanted = true;
                } else if self.is_attached() {
                    let stats = &mut self.stats;
                    self.ring.publish(head, |shown_at| stats.record_latency(now.since(shown_at).as_micros()));
                }
            }
            _ => {}
        }
    }

    pub(super) fn lane_words(&self) -> u16 {
        self.statics.as_ref().map_or(1, Statics::lane_words)
    }

    /// The permit in force: nothing is inducted before all waiting events are known.
    pub(super) fn permit(&self) -> u16 {
        let is_early = is_on(Mutation::PermitBeforeDrained) && self.is_attached();
        if self.stage == Stage::Ready || is_early { self.control.permit() } else { 0 }
    }

    /// The belt as the newest header told it.
    pub(super) fn belt_reading(&self) -> Option<BeltReading> {
        let seen = self.seen?;
        let Header { belt, speed_mm_s, .. } = seen.header;
        Some(BeltReading { belt, speed_mm_s, sent_at: seen.sent_at })
    }

    /// Time a command needs: two slow writes and two PLC cycles.
    pub(super) fn margin(&self) -> Nanos {
        let cycle = self.statics.as_ref().map_or(Nanos::ZERO, |statics| statics.plc_cycle);
        self.write_trips.p99().times(2) + cycle.times(2)
    }

    fn enter(&mut self, now: MonoTime) {
        self.now = self.now.later(now);
        self.life.called(self.now, self.config.own_gap_max);
    }

    pub(super) fn report(&mut self, change: LinkChange) {
        self.outbox.push(Input::Link { line: self.config.line, change });
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        if !self.outbox.push_refusal(Input::Refused { line: self.config.line, refusal }) {
            self.stats.overflowed += 1;
        }
    }

    /// Gives every command that was not written back to the core.
    pub(super) fn refuse_waiting(&mut self) {
        for Queued { command, .. } in self.ring.drain() {
            if let RingCommand::Destination(command) = command {
                self.refuse(Refusal::NotReady(command));
            }
        }
    }

    /// A command of the core. `generation` grows with every command to the same item.
    pub fn handle_command(&mut self, now: MonoTime, generation: u32, command: SorterCommand) {
        self.enter(now);
        match command {
            SorterCommand::Attach { plc_epoch, owner, evt_ack } => {
                self.begin_attach(plc_epoch, owner, evt_ack)
            }
            SorterCommand::Stay { plc_epoch } => self.stay(plc_epoch),
            SorterCommand::Ack { plc_epoch, next } => self.window.acknowledge(plc_epoch, next),
            SorterCommand::Destination(command) => self.send_destination(now, generation, command),
            SorterCommand::Cancel { plc_epoch, item } => self.send_cancel(generation, plc_epoch, item),
            SorterCommand::Permit(permit) => self.control.set_permit(permit),
            SorterCommand::CloseLanes(lanes) => self.control.set_closing(lanes),
            SorterCommand::Watch { plc_epoch, at } => {
                if !self.watches.add(plc_epoch, at) {
                    self.stats.overflowed += 1;
                }
            }
            SorterCommand::Unit(unit) => {
                // A machine command from before the attachment would be stale by the time it could be obeyed.
                if !self.is_attached() {
                    self.stats.stale_commands += 1;
                } else if !self.control.push_unit(unit) {
                    self.stats.overflowed += 1;
                }
            }
        }
    }
}

fn read(address: u16, count: u16) -> Request {
    Request::Read { address, count }
}
