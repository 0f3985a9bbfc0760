//! The wire between session and PLC in virtual time, with its faults: cut, half-open, late replies. Carries one
//! exchange at a time: request to the PLC, answer back, or silence at the deadline.

use wcs_sessions::exchange::{Answer, Exchange};
use wcs_sessions::sorter::SorterSession;
use wcs_types::{MonoTime, Nanos};

use super::clocks::Clocks;
use crate::server::{Device, LinkFaults};
use crate::world::{ClientId, ReplyBody};

/// What a wire is like.
#[derive(Clone, Copy, Debug)]
pub struct WireSetup {
    /// Time of a request or an answer on the wire.
    pub latency: Nanos,
    /// Time from a lost connection to the next try.
    pub reconnect: Nanos,
}

impl Default for WireSetup {
    fn default() -> Self {
        Self { latency: Nanos::from_micros(100), reconnect: Nanos::from_millis(200) }
    }
}

#[derive(Debug)]
enum Carrying {
    Request { exchange: Exchange, arrives: MonoTime },
    Answer { id: u64, answer: Answer, arrives: MonoTime },
}

/// A wire with at most one exchange on it.
#[derive(Debug)]
pub struct Wire {
    setup: WireSetup,
    faults: LinkFaults,
    client: ClientId,
    is_connected: bool,
    connect_at: MonoTime,
    carrying: Option<Carrying>,
    stale_replies: u64,
}

impl Wire {
    pub(super) fn new(setup: WireSetup, faults: LinkFaults) -> Self {
        Self {
            setup,
            faults,
            client: ClientId(1),
            is_connected: false,
            connect_at: MonoTime::ZERO,
            carrying: None,
            stale_replies: 0,
        }
    }

    /// Replies that came after their request was given up.
    pub fn stale_replies(&self) -> u64 {
        self.stale_replies
    }

    /// The connection is gone; what was on the wire is lost.
    pub(super) fn cut(&mut self, now: MonoTime) {
        self.carrying = None;
        self.is_connected = false;
        self.client = ClientId(self.client.0 + 1);
        self.connect_at = now + self.setup.reconnect;
    }

    /// True while the session cannot begin an exchange.
    pub(super) fn is_busy(&self) -> bool {
        self.carrying.is_some() || !self.is_connected
    }

    pub(super) fn next_due(&self) -> MonoTime {
        match &self.carrying {
            _ if !self.is_connected => self.connect_at,
            None => MonoTime::NEVER,
            Some(Carrying::Request { arrives, .. } | Carrying::Answer { arrives, .. }) => *arrives,
        }
    }

    /// Moves what is due now. True when anything moved.
    pub(super) fn carry<D: Device>(
        &mut self,
        now: MonoTime,
        device: &mut D,
        session: &mut SorterSession,
        clocks: Clocks,
    ) -> bool {
        let core_now = clocks.core(now);
        if !self.is_connected {
            return self.connect(now, session, core_now);
        }
        if self.faults.is_cut() || session.must_disconnect() {
            if self.faults.is_cut() {
                self.faults.count_cut();
            }
            self.cut(now);
            session.handle_disconnected(core_now);
            return true;
        }
        match self.carrying.take() {
            None => {
                let Some(exchange) = session.poll_exchange(core_now) else { return false };
                self.carrying = Some(Carrying::Request { exchange, arrives: now + self.setup.latency });
                true
            }
            Some(Carrying::Request { exchange, arrives }) if arrives <= now => {
                self.carrying = Some(self.ask(now, &exchange, clocks.sim(exchange.deadline), device));
                true
            }
            Some(Carrying::Answer { id, answer, arrives }) if arrives <= now => {
                session.handle_answer(core_now, id, answer);
                true
            }
            waiting => {
                self.carrying = waiting;
                false
            }
        }
    }

    fn connect(&mut self, now: MonoTime, session: &mut SorterSession, core_now: MonoTime) -> bool {
        if now < self.connect_at || !session.wants_connection() {
            // Never due again for a session that is fenced off.
            if !session.wants_connection() {
                self.connect_at = MonoTime::NEVER;
            }
            return false;
        }
        if self.faults.is_cut() {
            self.faults.count_cut();
            self.connect_at = now + self.setup.reconnect;
            session.handle_connect_failed(core_now);
            return true;
        }
        self.is_connected = true;
        session.handle_connected(core_now);
        true
    }

    fn ask<D: Device>(
        &mut self,
        now: MonoTime,
        exchange: &Exchange,
        deadline: MonoTime,
        device: &mut D,
    ) -> Carrying {
        let silence = Carrying::Answer { id: exchange.id, answer: Answer::Silence, arrives: deadline };
        if self.faults.is_half_open() {
            self.faults.count_half_open();
            return silence;
        }
        let reply = device.handle(now, exchange.unit, self.client, &exchange.request);
        let answer = match reply.body {
            ReplyBody::Registers(words) => Answer::Registers(words),
            ReplyBody::Written => Answer::Written,
            ReplyBody::Exception(code) => Answer::Exception(code),
            ReplyBody::Silence => return silence,
        };
        let fate = self.faults.next_reply();
        let arrives = now + reply.delay + self.setup.latency + fate.late_by;
        if arrives > deadline {
            // It will come, and find its request given up.
            self.stale_replies += 1;
            return silence;
        }
        Carrying::Answer { id: exchange.id, answer, arrives }
    }
}
