//! The bench of the scenarios: one session, one scripted PLC, and a core that does what it is told.

use wcs_types::{
    BeltMm, DestinationCommand, Epoch, EventBody, EventSeq, Input, LaneNo, LineId, LinkChange, MonoTime,
    Nanos, OfflineReason, PlcHello, SorterCommand, SorterEvent,
};

use super::super::plc_image::PlcImage;
use crate::exchange::{Answer, Request};
use crate::sorter::{SorterConfig, SorterSession};

/// Time one exchange takes on this wire.
const ROUND_TRIP: Nanos = Nanos::from_micros(200);

pub(super) struct Bench {
    pub(super) session: SorterSession,
    pub(super) plc: PlcImage,
    pub(super) now: MonoTime,
    /// Everything the session told the core.
    pub(super) inputs: Vec<Input>,
    /// The core answers `Met` with an attachment.
    pub(super) attaches: bool,
    /// The core acknowledges each event at once.
    pub(super) acknowledges: bool,
    /// What the core permits once everything that waited is in.
    pub(super) permit: u16,
    pub(super) owner: Epoch,
    pub(super) requests: Vec<Request>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A bench whose PLC was prepared before the session was made.
    pub(super) fn with(prepare: impl FnOnce(&mut PlcImage)) -> Self {
        let mut plc = PlcImage::new();
        prepare(&mut plc);
        let config = SorterConfig::new(LineId(0), 1, plc.map, plc.words, LaneNo(64), 77);
        let mut session = SorterSession::new(config);
        session.renew_alive(MonoTime::NEVER);
        Self {
            session,
            plc,
            now: MonoTime(1_000_000_000),
            inputs: Vec::new(),
            attaches: true,
            acknowledges: true,
            permit: 3,
            owner: Epoch(0),
            requests: Vec::new(),
        }
    }

    /// A bench in steady operation with permit.
    pub(super) fn ready() -> Self {
        Self::with(|plc| plc.set_belt(1_000, 2_000)).run_up()
    }

    pub(super) fn run_up(mut self) -> Self {
        self.session.handle_connected(self.now);
        self.run_ms(500);
        assert!(self.changes().contains(&LinkChange::Attached { owner: self.owner }), "{:?}", self.inputs);
        assert!(matches!(self.changes().last(), Some(LinkChange::Drained { .. })), "{:?}", self.inputs);
        self.inputs.clear();
        self.requests.clear();
        self
    }

    /// Runs the session, its wire and the core for a while.
    pub(super) fn run_ms(&mut self, millis: u64) {
        let until = self.now + Nanos::from_millis(millis);
        while self.now < until {
            self.plc.tick(self.now);
            if let Some(exchange) = self.session.poll_exchange(self.now) {
                let answer = self.plc.answer(&exchange.request);
                self.requests.push(exchange.request);
                self.now += if answer == Answer::Silence { Nanos::from_millis(300) } else { ROUND_TRIP };
                self.session.handle_answer(self.now, exchange.id, answer);
            } else {
                let wake = self.session.next_wake().at;
                assert!(wake > self.now, "a session that has nothing to do waits");
                self.now = wake.earlier(self.now + Nanos::from_millis(20)).earlier(until);
            }
            self.serve_core();
        }
    }

    /// Lets the core take its inputs.
    pub(super) fn serve_core(&mut self) {
        while let Some(input) = self.session.poll_input() {
            match &input {
                Input::Link { change: LinkChange::Met(hello), .. } if self.attaches => self.attach(hello),
                Input::Link { change: LinkChange::Drained { .. }, .. } => {
                    self.command(SorterCommand::Permit(self.permit));
                }
                Input::Sorter { event, .. } if self.acknowledges => {
                    let next = event.seq_last.next();
                    self.command(SorterCommand::Ack { plc_epoch: event.fifo_epoch, next });
                }
                _ => {}
            }
            self.inputs.push(input);
        }
    }

    fn attach(&mut self, hello: &PlcHello) {
        let newest = if hello.owner_epoch.is_newer_than(self.owner) { hello.owner_epoch } else { self.owner };
        self.owner = newest.next();
        let (plc_epoch, owner, evt_ack) = (hello.plc_epoch, self.owner, hello.evt_ack_echo);
        self.command(SorterCommand::Attach { plc_epoch, owner, evt_ack });
    }

    pub(super) fn command(&mut self, command: SorterCommand) {
        self.session.handle_command(self.now, 1, command);
    }

    /// A destination for `item`, with its decision point at `point`.
    pub(super) fn destination(&self, item: u32, answers: u16, point: u32) -> DestinationCommand {
        DestinationCommand {
            plc_epoch: Epoch(self.plc.header(self.plc.map.header.plc_epoch)),
            item,
            lane: LaneNo(7),
            alternatives: [LaneNo(8), LaneNo(0)],
            may_recirculate: true,
            answers: EventSeq(answers),
            decide_by: MonoTime::NEVER,
            point: BeltMm(point),
        }
    }

    pub(super) fn events(&self) -> Vec<SorterEvent> {
        let event = |input: &Input| match input {
            Input::Sorter { event, .. } => Some(event.clone()),
            _ => None,
        };
        self.inputs.iter().filter_map(event).collect()
    }

    pub(super) fn items(&self) -> Vec<u32> {
        self.events().iter().map(|event| event.item).collect()
    }

    pub(super) fn bodies(&self) -> Vec<EventBody> {
        self.events().into_iter().map(|event| event.body).collect()
    }

    pub(super) fn changes(&self) -> Vec<LinkChange> {
        let change = |input: &Input| match input {
            Input::Link { change, .. } => Some(change.clone()),
            _ => None,
        };
        self.inputs.iter().filter_map(change).collect()
    }

    pub(super) fn offline(&self) -> Vec<OfflineReason> {
        let reason = |change: LinkChange| match change {
            LinkChange::Offline(reason) => Some(reason),
            _ => None,
        };
        self.changes().into_iter().filter_map(reason).collect()
    }

    pub(super) fn last_block(&self, at: usize) -> u16 {
        self.plc.blocks.last().unwrap()[at]
    }

    /// The connection breaks and is made anew.
    pub(super) fn reconnect(&mut self) {
        self.session.handle_disconnected(self.now);
        self.session.handle_connected(self.now);
    }
}
