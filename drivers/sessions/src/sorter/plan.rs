//! What a session does next: a pure function of its state and the time, so that asking when to wake and
//! waking agree. Writes overtake reads; signs of life are never late for either.

use wcs_types::{MonoTime, Nanos};

use super::control::{Need, Pointers};
use super::session::SorterSession;
use super::stage::{Attaching, Stage};

/// When to call [`SorterSession::poll_exchange`] again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wake {
    /// The next exchange is due.
    pub at: MonoTime,
    /// It is a poll that finds nothing while nothing changes at the device; virtual time may skip it.
    pub is_idle_poll: bool,
    /// Skipping ends here: the next sign of life or other deadline. Equal to `at` unless `is_idle_poll`.
    pub latest: MonoTime,
}

impl Wake {
    fn at(at: MonoTime) -> Self {
        Self { at, is_idle_poll: false, latest: at }
    }
}

/// What to put on the wire next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Plan {
    Header,
    Statics,
    Lanes,
    Window,
    Slots,
    Control,
    Wait(Wake),
}

impl SorterSession {
    /// When to call `poll_exchange` again; `Wake::at` is not in the future when something is due already.
    pub fn next_wake(&self) -> Wake {
        match self.plan(self.now) {
            Plan::Wait(wake) => wake,
            _ => Wake::at(self.now),
        }
    }

    /// The next exchange, or how long to wait for it.
    pub(super) fn plan(&self, now: MonoTime) -> Plan {
        if let Some(asked) = &self.outstanding {
            return Plan::Wait(Wake::at(asked.deadline));
        }
        if now < self.paused_until {
            return Plan::Wait(Wake::at(self.paused_until));
        }
        match &self.stage {
            Stage::Down | Stage::Faulted | Stage::Fenced => Plan::Wait(Wake::at(MonoTime::NEVER)),
            Stage::Checking { .. } if self.seen.is_none() => Plan::Header,
            Stage::Checking { .. } if self.statics.is_none() => Plan::Statics,
            Stage::Checking { .. } if self.lanes.lanes().is_none() => Plan::Lanes,
            Stage::Checking { .. } => self.plan_header(now, self.config.poll_period),
            Stage::Meeting => self.plan_header(now, self.config.slow_poll_period),
            Stage::Attaching(Attaching { is_block_due: true, .. }) => Plan::Control,
            Stage::Attaching(Attaching { is_tag_due: true, .. }) => Plan::Statics,
            Stage::Attaching(_) => self.plan_header(now, self.config.poll_period),
            Stage::Lost { .. } => self.plan_lost(now),
            Stage::Draining { .. } | Stage::Ready => self.plan_steady(now),
        }
    }

    fn plan_header(&self, now: MonoTime, period: Nanos) -> Plan {
        let at = self.header_sent_at + period;
        if self.header_wanted || now >= at { Plan::Header } else { Plan::Wait(Wake::at(at)) }
    }

    fn plan_lost(&self, now: MonoTime) -> Plan {
        if self.control.need(now, &self.config, self.pointers(), 0) == Need::Urgent {
            return Plan::Control;
        }
        match self.plan_header(now, self.config.slow_poll_period) {
            Plan::Wait(wake) => Plan::Wait(Wake::at(wake.at.earlier(self.control.due_at(&self.config)))),
            plan => plan,
        }
    }

    /// Writes overtake reads; a block that only moves event pointers does not overtake two reads in a row. After a
    /// pause of ours the device is looked at before a slot is written.
    fn plan_steady(&self, now: MonoTime) -> Plan {
        let numbers = &self.config.words.numbers;
        let has_slots = self.ring.writable(numbers.slots_per_write) > 0;
        if has_slots && !self.has_slept(now) {
            return Plan::Slots;
        }
        let need = self.control.need(now, &self.config, self.pointers(), self.permit());
        if need == Need::Urgent {
            return Plan::Control;
        }
        if has_slots {
            return Plan::Header;
        }
        let has_room = self.outbox.room() >= 2;
        let retry_at = self.window.retry_at().unwrap_or(MonoTime::ZERO);
        let is_readable = has_room && self.window.next_read(numbers.slots_per_read).is_some();
        let header_at = self.header_sent_at + self.config.poll_period;
        let is_header_due = self.header_wanted || now >= header_at;
        let is_window_due = is_readable && now >= retry_at;
        if need == Need::Pointers && !self.defers_pointers(is_window_due, is_header_due) {
            return Plan::Control;
        }
        if is_window_due && !(self.header_wanted && retry_at > MonoTime::ZERO) {
            return Plan::Window;
        }
        let lanes_at = self.lanes.read_at() + self.config.lanes_period;
        if has_room && (self.lanes_differ() || now >= lanes_at || self.lanes.is_under_way()) {
            return Plan::Lanes;
        }
        if is_header_due {
            return Plan::Header;
        }
        let mut latest = self.control.due_at(&self.config).earlier(header_at + self.config.own_gap_max);
        if has_room {
            latest = latest.earlier(lanes_at);
        }
        if is_readable {
            latest = latest.earlier(retry_at);
        }
        let is_idle_poll = header_at < latest;
        Plan::Wait(Wake { at: header_at.earlier(latest), is_idle_poll, latest })
    }

    /// True while the newest header is from before a pause of ours. The line may have another owner since. The PLC
    /// refuses blocks of an old owner, but slots are plain memory: ours would overwrite the commands of the new one.
    fn has_slept(&self, now: MonoTime) -> bool {
        self.seen.is_none_or(|seen| now.since(seen.sent_at) > self.config.own_gap_max)
    }

    fn defers_pointers(&self, is_window_due: bool, is_header_due: bool) -> bool {
        let Some(written) = self.control.written() else { return false };
        let slots = self.statics.as_ref().map_or(16, |statics| statics.evt_slots);
        let untold = self.window.taken().distance_from(written.pointers.taken);
        let is_read_due = is_window_due || is_header_due;
        (is_window_due && untold < slots / 4) || (is_read_due && self.wrote_pointers_last)
    }

    fn lanes_differ(&self) -> bool {
        self.seen.is_some_and(|seen| seen.header.lane_gen != self.lanes.generation())
    }

    pub(super) fn pointers(&self) -> Pointers {
        let is_lost = matches!(self.stage, Stage::Lost { .. });
        let cmd_head = if is_lost { self.ring.published() } else { self.ring.head() };
        Pointers { taken: self.window.taken(), ack: self.window.ack(), cmd_head }
    }
}
