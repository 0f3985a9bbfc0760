//! The sorter as its owner sees it: time goes in, requests are answered, the ledger comes out. Puts the parts
//! together and runs their events in order; what each event means stands with the part concerned.

use std::collections::{BTreeMap, BTreeSet};

use wcs_sessions::exchange::Request;
use wcs_types::{Code, LaneNo, MonoTime, Nanos};

use super::agenda::{Agenda, BeltMark, TimeMark};
use super::belt::{Belt, Travel};
use super::feed::{Feed, Outlook};
use super::knobs::{KnobKind, Knobs};
use super::lanes::Lane;
use super::ledger_event::{LedgerEvent, LedgerKind};
use super::load::{FeedLoad, Load, LoadIndex, Loads};
use super::reply::{ClientId, PlcReply, ReplyBody};
use super::safety::SafetyChain;
use super::setup::{SetupError, SorterSetup};
use super::standing::Standings;
use crate::people::People;
use crate::plc::Plc;
use crate::plc::registers::DEVICE_BUSY;

/// A request that would be served later than this is refused as busy.
const SERVICE_DELAY_MAX: Nanos = Nanos::from_secs(1);

/// World, PLC and people of one sorter.
#[derive(Debug)]
pub struct Sorter {
    pub(crate) setup: SorterSetup,
    pub(crate) now: MonoTime,
    pub(crate) agenda: Agenda,
    pub(crate) belt: Belt,
    pub(crate) plc: Plc,
    pub(crate) knobs: Knobs,
    pub(crate) feed: Feed,
    pub(crate) loads: Loads,
    /// Loads on the belt, by origin: two neighbours never share one.
    pub(crate) occupancy: BTreeMap<Travel, LoadIndex>,
    /// Loads between decision point and lane.
    pub(crate) diverting: BTreeSet<LoadIndex>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) people: People,
    pub(crate) ledger: Vec<LedgerEvent>,
    pub(crate) inducted: u64,
    pub(crate) reinducted: u64,
    pub(crate) recirculated: u64,
    /// Labels of events a PLC forgot at the begin of a new life before anybody had taken them.
    pub(crate) forgotten: BTreeSet<Code>,
    pub(crate) chain: SafetyChain,
    pub(crate) standings: Standings,
}

/// Where the next event comes from.
enum Source {
    Belt,
    Time,
    Cycle,
}

impl Sorter {
    /// A running, empty sorter at time zero, without an owner.
    ///
    /// # Errors
    /// The first thing about `setup` that cannot be built.
    pub fn new(setup: SorterSetup) -> Result<Self, SetupError> {
        let tables = setup.check()?;
        Ok(Self {
            now: MonoTime::ZERO,
            agenda: Agenda::default(),
            belt: Belt::new(setup.belt_speed(), Travel::from_mm(setup.belt_start_mm)),
            plc: Plc::new(&setup, tables),
            knobs: Knobs::new(setup.seed),
            feed: Feed::new(setup.feed_interval()),
            loads: Loads::default(),
            occupancy: BTreeMap::new(),
            diverting: BTreeSet::new(),
            lanes: setup.lanes.iter().map(|kind| Lane::new(*kind, setup.lane_capacity)).collect(),
            people: People::new(&setup),
            ledger: Vec::new(),
            inducted: 0,
            reinducted: 0,
            recirculated: 0,
            forgotten: BTreeSet::new(),
            chain: SafetyChain::default(),
            standings: Standings::default(),
            setup,
        })
    }

    /// Lets everything happen that happens up to `now`, cycles of the PLC included. Earlier instants are ignored.
    pub fn advance(&mut self, now: MonoTime) {
        loop {
            let (at, source) = self.upcoming();
            if at > now {
                break;
            }
            self.now = at;
            self.plc.encoder = self.belt.travel_at(at);
            match source {
                Source::Belt => {
                    let (_, mark) = self.agenda.pop_belt().expect("the next event is a mark on the belt");
                    self.meet_belt_mark(mark);
                }
                Source::Time => {
                    let (_, mark) = self.agenda.pop_time().expect("the next event is a mark in time");
                    self.meet_time_mark(mark);
                }
                Source::Cycle => self.run_cycle(),
            }
        }
        self.now = self.now.later(now);
        self.plc.encoder = self.belt.travel_at(self.now);
    }

    /// Before this instant nothing changes in the world or on the wire, life counter, tick and belt counter aside.
    pub fn next_event(&self) -> MonoTime {
        self.upcoming().0
    }

    fn upcoming(&self) -> (MonoTime, Source) {
        let belt = self.agenda.next_travel().map_or(MonoTime::NEVER, |travel| self.belt.time_at(travel));
        let (time, cycle) = (self.agenda.next_time(), self.plc.cycle_at());
        let (at, source) = if belt <= time && belt <= cycle {
            (belt, Source::Belt)
        } else if time <= cycle {
            (time, Source::Time)
        } else {
            (cycle, Source::Cycle)
        };
        (at.later(self.now), source)
    }

    fn meet_belt_mark(&mut self, mark: BeltMark) {
        match mark {
            BeltMark::Gap => self.offer_load(),
            BeltMark::Scan { load, token } => self.meet_scanner(load, token),
            BeltMark::Point { item, token } => self.meet_point(item, token),
            BeltMark::Arrive { load, token } => self.meet_lane(load, token),
            BeltMark::End { load, token } => self.meet_end(load, token),
        }
    }

    fn meet_time_mark(&mut self, mark: TimeMark) {
        match mark {
            TimeMark::FeedDue => self.offer_load(),
            TimeMark::Watchdog => self.plc.watch_owner(self.now, &mut self.agenda),
            TimeMark::LampSeen { lane, token } => self.see_lamp(lane, token),
            TimeMark::SwapDone { lane, token } => self.finish_swap(lane, token),
            TimeMark::Taken { load, token } => self.take_from_lane(load, token),
            TimeMark::LocalReset { token } => self.reset_locally(token),
            TimeMark::Start { token } => self.start_machine(token),
            TimeMark::PatienceOver { token } => self.end_patience(token),
            TimeMark::SecondClient { token } => self.let_second_client_write(token),
            TimeMark::StopPulled => {
                self.pull_emergency_stop();
            }
            TimeMark::Withdraw { knob, token } => {
                if self.knobs.is_current(&knob, token) {
                    self.turn_back(&knob);
                }
            }
        }
    }

    fn run_cycle(&mut self) {
        let outcome = self.plc.cycle(self.now, &mut self.agenda, &mut self.knobs);
        self.drive_belt();
        if let Some(is_start) = outcome.new_life {
            self.survive_new_life(is_start, &outcome.forgotten);
        }
        for lane in outcome.closed {
            self.light_lamp(lane);
        }
        for lane in outcome.opened {
            self.lanes[usize::from(lane - 1)].lamp = None;
        }
        if let Some(is_done) = outcome.reset {
            self.see_local_reset(is_done);
        }
        self.review_feed();
        self.try_induct();
    }

    /// Answers a request of `client` to Modbus unit `unit` that arrives at `now`.
    pub fn handle(&mut self, now: MonoTime, unit: u8, _client: ClientId, request: &Request) -> PlcReply {
        self.advance(now);
        if unit != self.plc.unit {
            return PlcReply { delay: Nanos::ZERO, body: ReplyBody::Silence };
        }
        let delay = self.service_delay() + self.reply_delay();
        if delay > SERVICE_DELAY_MAX || self.knobs.take_exception() {
            return PlcReply { delay: Nanos::ZERO, body: ReplyBody::Exception(DEVICE_BUSY) };
        }
        let body = self.plc.answer(self.now, request, &self.belt);
        self.advance(now);
        PlcReply { delay, body }
    }

    fn reply_delay(&mut self) -> Nanos {
        let Some(super::knobs::Knob::ReplyDelay { base, jitter }) = self.knobs.setting(KnobKind::ReplyDelay)
        else {
            return self.setup.plc.reply_delay;
        };
        self.knobs.note(KnobKind::ReplyDelay, None);
        self.setup.plc.reply_delay + base + self.knobs.jitter(jitter)
    }

    /// How long a request waits for its cycle, when each cycle serves only one.
    fn service_delay(&mut self) -> Nanos {
        if !self.knobs.is_on(KnobKind::OneRequestPerCycle) {
            return Nanos::ZERO;
        }
        let served_at = self.knobs.served_until.later(self.now);
        let delay = served_at.since(self.now);
        if delay > SERVICE_DELAY_MAX {
            return delay;
        }
        if delay > Nanos::ZERO {
            self.knobs.note(KnobKind::OneRequestPerCycle, None);
        }
        self.knobs.served_until = self.plc.last_cycle(served_at) + self.plc.cycle_length();
        delay
    }

    /// Hands over the next group of loads. It starts when all earlier loads are final and the permit rises.
    pub fn feed(&mut self, group: Vec<FeedLoad>) {
        self.feed.push_group(group);
        self.review_feed();
        self.try_induct();
    }

    pub(crate) fn review_feed(&mut self) {
        let is_belt_empty = self.occupancy.is_empty() && self.diverting.is_empty();
        let is_permitted = self.plc.is_permitted();
        if self.feed.review(Outlook { is_permitted, is_belt_empty }) {
            self.try_induct();
        } else if is_permitted && self.feed.needs_patience() && self.feed.patience.is_none() {
            let token = self.agenda.token();
            self.feed.patience = Some(token);
            let patience = self.setup.scaled(self.setup.people.patience);
            self.agenda.at_time(self.now + patience, TimeMark::PatienceOver { token });
        }
    }

    fn end_patience(&mut self, token: u64) {
        if self.feed.patience == Some(token) && self.feed.needs_patience() && self.feed.begin_group() {
            self.try_induct();
        }
    }

    /// An alarm of the PLC's own table comes up or goes at `now`, with a severity from 1 to 4. It is what the PLC says
    /// and nothing else: nothing of the machine changes.
    pub fn set_alarm(&mut self, now: MonoTime, number: u16, severity: u16, is_raised: bool) {
        self.advance(now);
        self.plc.set_alarm(self.now, number, severity, is_raised);
    }

    /// Moves what physically happened since the last call to the end of `out`.
    pub fn drain_ledger(&mut self, out: &mut Vec<LedgerEvent>) {
        out.append(&mut self.ledger);
    }

    /// Writes a line about a load.
    pub(crate) fn book(&mut self, load: &Load, event: LedgerKind, lane: u16, result: u16) {
        self.ledger.push(LedgerEvent {
            at: self.now,
            load: load.number,
            label: load.feed.label.to_string(),
            order: load.feed.order.clone(),
            sku: load.feed.sku.clone(),
            qty: load.feed.qty,
            plc_epoch: load.plc_epoch,
            item: load.item,
            attempt: load.attempt,
            event,
            lane: LaneNo(lane),
            result,
        });
    }

    /// A load is final: it leaves the simulation.
    pub(crate) fn finish(&mut self, index: LoadIndex) {
        self.loads.remove(index);
        self.feed.finals += 1;
        assert!(self.feed.finals <= self.feed.started, "only loads that were fed become final");
        self.review_feed();
    }

    /// How often a knob took effect.
    pub fn applied(&self, kind: KnobKind) -> u64 {
        self.knobs.applied(kind)
    }

    /// Labels of loads a knob took effect on.
    pub fn touched(&self, kind: KnobKind) -> &BTreeSet<Code> {
        self.knobs.touched(kind)
    }

    /// Labels of loads about which the PLC forgot an event before anybody had taken it.
    pub fn labels_forgotten(&self) -> &BTreeSet<Code> {
        &self.forgotten
    }

    /// The setup the sorter was built from.
    pub fn setup(&self) -> &SorterSetup {
        &self.setup
    }
}
