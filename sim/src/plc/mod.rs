//! The PLC of the simulated sorter: `wcs-sorter-hs` from the PLC's side, as sections 2 to 6 of its page say. It
//! knows items, lanes and its owner; it does not know orders, labels' meaning or boxes. Physical things are told to
//! it at the instant they happen; requests are answered from what the last logic cycle published.
//!
//! ```text
//!  world ----> reports (scan, exit, lane) --+
//!                                           v
//!  wire -----> writes ---> [ cycle: asks → writes → commands → events into FIFO → publish ] ---> reads
//! ```
//!
//! A cycle in which nothing can have changed is not run: life counter, tick and belt position are worked out when
//! they are read.

pub(crate) mod event;
pub(crate) mod fifo;
pub(crate) mod items;
pub(crate) mod machine;
pub(crate) mod owner;
pub(crate) mod registers;
pub(crate) mod ring;
pub(crate) mod routing;

use std::collections::{BTreeSet, VecDeque};

use wcs_types::{Code, Epoch, LaneState, MonoTime, Nanos};

use self::event::{Event, Stamp};
use self::fifo::Fifo;
use self::items::Items;
use self::machine::{Ask, Machine, StateChange};
use self::owner::{Owner, Refused};
use self::ring::Ring;
use crate::world::agenda::Agenda;
use crate::world::belt::Travel;
use crate::world::knobs::{KnobKind, Knobs};
use crate::world::setup::{Geometry, SorterSetup, Tables};

/// Alarm of the PLC's own table: the main drive stands.
const ALARM_DRIVE: u16 = 1;
/// Severity of that alarm.
const ALARM_DRIVE_SEVERITY: u16 = 3;
/// A restart that waits for a moment without untaken events waits at most this long.
const QUIET_WAIT: Nanos = Nanos::from_secs(2);

/// Time between two cycles that wait for something, where the logic has no cycle of its own.
const LEAST_CYCLE: Nanos = Nanos::from_millis(1);

/// A write that waits for the next cycle.
#[derive(Debug)]
enum Write {
    Block(Vec<u16>),
    Slots { offset: usize, words: Vec<u16> },
}

/// Something asked of the machine, and until when it may wait for a moment without untaken events.
#[derive(Clone, Copy, Debug)]
struct Pending {
    ask: Ask,
    quiet_until: MonoTime,
}

/// What a cycle means for the world.
#[derive(Debug, Default)]
pub(crate) struct CycleOutcome {
    /// Lanes the WCS has just closed.
    pub(crate) closed: Vec<u16>,
    /// Lanes the WCS has just opened.
    pub(crate) opened: Vec<u16>,
    /// A new life began (true: at a start of the PLC, and the machine stands).
    pub(crate) new_life: Option<bool>,
    /// A person pressed reset: whether the machine is reset.
    pub(crate) reset: Option<bool>,
    /// Labels of events that were forgotten before anybody had taken them.
    pub(crate) forgotten: Vec<Code>,
}

/// The PLC.
#[derive(Debug)]
pub(crate) struct Plc {
    pub(crate) tables: Tables,
    pub(crate) geometry: Geometry,
    pub(crate) unit: u8,
    cycle: Nanos,
    pub(crate) max_recirc: u16,
    pub(crate) load_length_mm: u16,
    belt_capacity: usize,
    induction_mask: u16,
    first_event_seq: u16,
    is_fifo_retentive: bool,
    are_items_retentive: bool,

    pub(crate) epoch: u16,
    started_at: MonoTime,
    frozen_life: Option<u16>,
    pub(crate) owner: Owner,
    refused: Refused,
    pub(crate) ring: Ring,
    pub(crate) fifo: Fifo,
    waiting: Vec<Event>,
    writes: Vec<Write>,
    asks: VecDeque<Pending>,
    pub(crate) items: Items,
    pub(crate) machine: Machine,
    lane_states: Vec<LaneState>,
    lane_generation: u16,
    is_throttled: bool,
    /// Numbers of its own table that are up.
    alarms: BTreeSet<u16>,
    pub(crate) inducted: u32,
    finals: u32,
    /// Travel the encoder shows at the instant being dealt with.
    pub(crate) encoder: Travel,
    /// Next cycle that has something to do.
    cycle_at: Option<MonoTime>,
    header: Vec<u16>,
    lane_words: Vec<u16>,
    closing_shown: Vec<u16>,
}

impl Plc {
    pub(crate) fn new(setup: &SorterSetup, tables: Tables) -> Self {
        let (map, words) = (tables.map, tables.words);
        let geometry = Geometry::of(setup);
        let track = if geometry.is_loop() { geometry.round } else { geometry.end() };
        let belt_capacity = track.0 / geometry.spacing.0;
        let mut plc = Self {
            tables,
            geometry,
            unit: setup.plc.unit,
            cycle: Nanos::from_millis(u64::from(setup.plc.cycle_ms)),
            max_recirc: setup.max_recirc,
            load_length_mm: u16::try_from(setup.load_length_mm).expect("the length was checked"),
            belt_capacity: usize::try_from(belt_capacity).expect("a length is positive"),
            induction_mask: ((1_u32 << (setup.plc.induction_count + 1)) - 2) as u16 & words.permit.inductions,
            first_event_seq: setup.plc.first_event_seq,
            is_fifo_retentive: setup.plc.is_fifo_retentive,
            are_items_retentive: setup.plc.are_items_retentive,
            epoch: setup.plc.first_epoch,
            started_at: MonoTime::ZERO,
            frozen_life: None,
            owner: Owner::new(words.link_states.waiting, map.control_count),
            refused: Refused::default(),
            ring: Ring::new(setup.plc.cmd_slots, map.command_slot_count, setup.plc.first_command_seq),
            fifo: Fifo::new(tables, setup.fifo_size(&words), setup.plc.evt_slots, setup.plc.first_event_seq),
            waiting: Vec::new(),
            writes: Vec::new(),
            asks: VecDeque::new(),
            items: Items::new(),
            machine: Machine::new(words),
            lane_states: vec![LaneState::Ready; setup.lanes.len()],
            lane_generation: 0,
            is_throttled: false,
            alarms: BTreeSet::new(),
            inducted: 0,
            finals: 0,
            encoder: Travel(0),
            cycle_at: None,
            header: vec![0; usize::from(map.header_block.count)],
            lane_words: vec![0; usize::from(map.lanes_block.count)],
            closing_shown: vec![0; 64],
        };
        plc.owner.block.resize(usize::from(map.control_block.count), 0);
        plc.publish_lanes();
        plc.publish();
        plc
    }

    /// Next cycle that has something to do.
    pub(crate) fn cycle_at(&self) -> MonoTime {
        self.cycle_at.unwrap_or(MonoTime::NEVER)
    }

    /// Length of a logic cycle.
    pub(crate) fn cycle_length(&self) -> Nanos {
        self.cycle
    }

    /// True when a restart forgets every item.
    pub(crate) fn forgets_items(&self) -> bool {
        !self.are_items_retentive
    }

    /// The cycle whose publication is to be seen at `now`.
    pub(crate) fn last_cycle(&self, now: MonoTime) -> MonoTime {
        now.0.checked_div(self.cycle.0).map_or(now, |count| MonoTime(count * self.cycle.0))
    }

    /// Something changed: the next cycle must run.
    pub(crate) fn mark_dirty(&mut self, at: MonoTime) {
        let next = at.0.checked_div(self.cycle.0).map_or(at, |count| MonoTime((count + 1) * self.cycle.0));
        self.cycle_at = Some(self.cycle_at().earlier(next));
    }

    /// Epoch, tick and belt position of an event of now; kept items belong to the life that numbered them.
    fn stamp(&self, at: MonoTime, item: Option<u32>) -> Stamp {
        let kept = item.and_then(|number| self.items.get(number)).map(|item| item.epoch);
        let epoch = if self.is_fifo_retentive { kept.unwrap_or(self.epoch) } else { self.epoch };
        Stamp { epoch, tick: at.since(self.started_at).as_millis() as u32, belt_mm: self.encoder.belt_mm() }
    }

    fn report(&mut self, at: MonoTime, event: Event) {
        self.waiting.push(event);
        self.mark_dirty(at);
    }

    fn report_state(&mut self, at: MonoTime, change: StateChange, cause: u16) {
        let event = self.tables.state_event(self.stamp(at, None), change.old, change.new, cause);
        self.report(at, event);
    }

    /// A lane shows another state.
    pub(crate) fn report_lane(&mut self, at: MonoTime, lane: u16, new: LaneState, fill: u16) {
        let index = usize::from(lane - 1);
        let old = std::mem::replace(&mut self.lane_states[index], new);
        if old == new {
            return;
        }
        let event = self.tables.lane_event(self.stamp(at, None), lane, old, new, fill);
        self.report(at, event);
        self.lane_generation = self.lane_generation.wrapping_add(1);
    }

    /// Asks something of the machine for the next cycle.
    pub(crate) fn ask(&mut self, at: MonoTime, ask: Ask) {
        self.asks.push_back(Pending { ask, quiet_until: at });
        self.mark_dirty(at);
    }

    /// Asks for something that waits for a moment without untaken events.
    pub(crate) fn ask_when_quiet(&mut self, at: MonoTime, ask: Ask) {
        self.asks.push_back(Pending { ask, quiet_until: at + QUIET_WAIT });
        self.mark_dirty(at);
    }

    /// Freezes or frees the life counter.
    pub(crate) fn freeze_life(&mut self, now: MonoTime, is_frozen: bool) {
        self.frozen_life = is_frozen.then(|| self.life(self.last_cycle(now)));
    }

    /// Items read well that wait for a destination, with the travel that is left to their first decision point.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = (u32, Travel)> {
        let (first, ok) = (self.geometry.point(1), self.tables.words.reads.ok);
        let open = self.items.iter().filter(move |(_, item)| {
            item.is_open && item.destination.is_none() && item.read == ok && item.epoch == self.epoch
        });
        open.map(move |(number, item)| (number, item.origin + first - self.encoder))
    }

    /// True when the window shows every event that is not taken.
    pub(crate) fn are_events_shown(&self) -> bool {
        self.waiting.is_empty() && self.fifo.backlog() == 0
    }

    fn life(&self, at: MonoTime) -> u16 {
        let period = u64::from(self.tables.words.numbers.life_period_ms);
        self.frozen_life.unwrap_or((at.since(self.started_at).as_millis() / period) as u16)
    }

    /// One logic cycle.
    pub(crate) fn cycle(&mut self, at: MonoTime, agenda: &mut Agenda, knobs: &mut Knobs) -> CycleOutcome {
        self.cycle_at = None;
        let mut outcome = CycleOutcome::default();
        self.fifo.mend();
        for write in std::mem::take(&mut self.writes) {
            match write {
                Write::Slots { offset, words } => self.ring.write(offset, &words),
                Write::Block(_) if knobs.is_on(KnobKind::StaleEcho) => knobs.note(KnobKind::StaleEcho, None),
                Write::Block(words) => self.judge_block(at, &words, agenda, knobs),
            }
        }
        self.take_commands(at, self.encoder, agenda);
        self.take_asks(at, &mut outcome);
        if knobs.is_on(KnobKind::FifoStall) {
            if !self.waiting.is_empty() {
                knobs.note(KnobKind::FifoStall, None);
            }
        } else {
            for event in std::mem::take(&mut self.waiting) {
                self.fifo.append(event);
            }
        }
        self.fifo.show(knobs);
        self.judge_throttle();
        self.note_closing(&mut outcome);
        self.publish();
        self.cycle_at = None;
        if self.fifo.is_torn() || !self.asks.is_empty() {
            // Never the instant of this cycle again, even where a cycle takes no time.
            self.cycle_at = Some(at + Nanos(self.cycle.0.max(LEAST_CYCLE.0)));
        }
        outcome
    }

    fn take_asks(&mut self, at: MonoTime, outcome: &mut CycleOutcome) {
        let causes = self.tables.words.causes;
        for pending in std::mem::take(&mut self.asks) {
            let is_quiet = self.waiting.is_empty() && self.fifo.is_drained();
            if !is_quiet && at < pending.quiet_until {
                self.asks.push_back(pending);
                continue;
            }
            if let Some(change) = self.machine.take(pending.ask) {
                let cause = match pending.ask {
                    Ask::LocalReset | Ask::Start => causes.operator,
                    Ask::ChainOpens => causes.safety,
                    _ => causes.alarm,
                };
                self.report_state(at, change, cause);
            }
            match pending.ask {
                Ask::Restart => {
                    self.machine.restart();
                    outcome.forgotten.extend(self.begin_life(at, true));
                    outcome.new_life = Some(true);
                    if let Some(change) = self.machine.stopped_by_chain() {
                        self.report_state(at, change, causes.safety);
                    }
                }
                Ask::FifoReset => {
                    outcome.forgotten.extend(self.begin_life(at, false));
                    outcome.new_life = Some(outcome.new_life.unwrap_or(false));
                }
                Ask::LocalReset => outcome.reset = Some(!self.machine.needs_reset),
                Ask::Start | Ask::ChainOpens | Ask::ChainCloses => {}
                Ask::DriveStop => self.set_alarm(at, ALARM_DRIVE, ALARM_DRIVE_SEVERITY, true),
                Ask::DriveStart => self.set_alarm(at, ALARM_DRIVE, ALARM_DRIVE_SEVERITY, false),
            }
        }
    }

    /// An alarm of the PLC's own table comes up or goes.
    pub(crate) fn set_alarm(&mut self, at: MonoTime, number: u16, severity: u16, is_raised: bool) {
        if is_raised {
            self.alarms.insert(number);
        } else {
            self.alarms.remove(&number);
        }
        let event = self.tables.alarm_event(self.stamp(at, None), number, is_raised, severity);
        self.report(at, event);
    }

    /// A new life: at a start, or at a FIFO reset. Gives the labels of events that nobody will see.
    fn begin_life(&mut self, at: MonoTime, is_start: bool) -> Vec<Code> {
        let mut forgotten = Vec::new();
        self.epoch = Epoch(self.epoch).next().0;
        if is_start {
            self.started_at = at;
            self.frozen_life = None;
        }
        if self.is_fifo_retentive && is_start {
            self.fifo.show_again();
        } else {
            forgotten.extend(self.fifo.untaken().cloned());
            forgotten.extend(self.waiting.drain(..).filter_map(|event| event.label));
            self.fifo.clear(self.first_event_seq);
        }
        self.fifo.clear_lost();
        if !self.are_items_retentive {
            self.items.clear();
        }
        self.inducted = u32::try_from(self.items.count()).expect("a belt holds fewer items");
        self.finals = 0;
        self.refused = Refused::default();
        self.owner.clear(self.tables.words.link_states.waiting);
        self.ring.clear();
        self.is_throttled = false;
        self.mark_dirty(at);
        forgotten
    }

    /// True when loads may be inducted now.
    pub(crate) fn may_induct(&self) -> bool {
        self.machine.may_induct()
            && self.owner.link_state == self.tables.words.link_states.ok
            && self.is_permitted()
            && !self.is_throttled
    }

    /// True when the WCS permits at least one induction.
    pub(crate) fn is_permitted(&self) -> bool {
        self.owner.permit & self.tables.words.permit.all != 0 && self.owner.permit & self.induction_mask != 0
    }

    fn judge_throttle(&mut self) {
        let numbers = self.tables.words.numbers;
        let (held, size) = (self.fifo.held() + self.waiting.len(), self.fifo.size());
        let per_item = 2 * (usize::from(self.max_recirc) + 1);
        let reserve = per_item * self.items.count() + usize::from(numbers.throttle_reserve);
        let has_reserve = size.saturating_sub(held) >= reserve;
        if held * 100 >= size * usize::from(numbers.throttle_start_percent) || !has_reserve {
            self.is_throttled = true;
        } else if held * 100 < size * usize::from(numbers.throttle_stop_percent) {
            self.is_throttled = false;
        }
    }

    fn note_closing(&mut self, outcome: &mut CycleOutcome) {
        if self.closing_shown == self.owner.closing {
            return;
        }
        for lane in 1..=self.geometry.lane_count {
            let index = usize::from(lane - 1);
            let was_closed = self.closing_shown[index / 16] >> (index % 16) & 1 == 1;
            match (was_closed, self.owner.is_closed(lane)) {
                (false, true) => outcome.closed.push(lane),
                (true, false) => outcome.opened.push(lane),
                _ => {}
            }
        }
        self.closing_shown.clone_from(&self.owner.closing);
    }

    /// True when the belt has hardly a place left.
    fn is_recirculation_full(&self) -> bool {
        self.items.count() * 10 >= self.belt_capacity * 9
    }
}
