//! Operation: headers, events, destinations. What is read becomes inputs, what the core commands becomes
//! writes, and every header is judged: is the device alive, ours, and consistent.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    DestinationCommand, Epoch, EventBody, EventSeq, Input, LinkChange, MachineState, MonoTime, Nanos,
    OfflineReason, Refusal, RejectCode, SorterEvent,
};

use super::header::Header;
use super::ring::{Queued, RingCommand};
use super::scan::Pace;
use super::session::SorterSession;
use super::stage::Stage;
use super::window::Taking;

/// A belt reading older than this is no better than what the core knew.
const READING_AGE_MAX: Nanos = Nanos::from_secs(1);

impl SorterSession {
    pub(super) fn steady_header(&mut self, now: MonoTime, before: Option<Header>, header: Header) {
        let echo = header.wcs_life_echo;
        if Some(header.owner_epoch) != self.claim || !self.ring.see_tail(header.cmd_tail) {
            self.go_offline(now, OfflineReason::NotAttached);
            return self.begin_checks(now);
        }
        if self.life.frozen_for(now) > self.config.lost_after {
            return self.lose(now, OfflineReason::LifeFrozen);
        }
        if self.life.echo_behind(now, echo) > self.config.lost_after {
            return self.lose(now, OfflineReason::EchoStale);
        }
        self.count(before, &header);
        self.window.see_header(now, &header);
        let slots = self.statics.as_ref().map_or(0, |statics| statics.evt_slots);
        self.control.see_backlog(&header, slots);
        self.report_lost_events(&header);
        self.finish_draining();
        self.check_watches();
        self.see_commanding(now, &header);
    }

    fn see_commanding(&mut self, now: MonoTime, header: &Header) {
        let words = &self.config.words;
        let is_given = self.control.written().is_some_and(|block| block.permit & words.permit.all != 0);
        let is_permitted = is_given && header.has(words.status.induct_permitted);
        let is_on_its_way = !self.ring.is_idle() || self.ring.head() != header.cmd_tail;
        if let Some(proven) = self.proof.see(now, is_permitted, header.cmd_tail, is_on_its_way) {
            self.commanding = Some(proven);
        }
    }

    fn count(&mut self, before: Option<Header>, header: &Header) {
        let Some(before) = before else { return };
        let status = &self.config.words.status;
        self.stats.refusals_counted += u64::from(header.rej_count.wrapping_sub(before.rej_count));
        if self.stage != Stage::Ready {
            return;
        }
        let slots = self.statics.as_ref().map_or(u16::MAX, |statics| statics.evt_slots);
        let is_full = header.evt_head.distance_from(header.evt_taken_echo) >= slots;
        if is_full && !self.is_window_full {
            self.stats.window_full += 1;
        }
        self.is_window_full = is_full;
        let is_throttled = header.has(status.fifo_throttle) && !before.has(status.fifo_throttle);
        let machine_reasons = status.recirculation_full | status.jam | status.energy_save;
        let is_permitted =
            self.control.written().is_some_and(|block| block.permit & self.config.words.permit.all != 0);
        let has_stopped = before.has(status.induct_running)
            && !header.has(status.induct_running)
            && is_permitted
            && header.state == MachineState::EXECUTE
            && header.link_state == self.config.words.link_states.ok
            && !header.has(machine_reasons | status.fifo_throttle);
        if is_throttled || has_stopped {
            self.stats.induction_stops += 1;
        }
    }

    fn report_lost_events(&mut self, header: &Header) {
        let rise = header.evt_lost.saturating_sub(self.reported_lost);
        if rise > 0 && self.outbox.room() > 0 {
            self.stats.evt_lost += u64::from(rise);
            self.reported_lost = header.evt_lost;
            self.report(LinkChange::EventsLost { evt_lost: header.evt_lost });
        }
    }

    pub(super) fn report_lanes(&mut self) {
        let Some(lanes) = self.lanes.lanes() else { return };
        if *lanes != self.reported_lanes && self.outbox.room() > 0 {
            let lanes = lanes.clone();
            self.reported_lanes = lanes.clone();
            let super::lane_reader::Lanes { ready, full, fault } = lanes;
            self.report(LinkChange::Lanes { ready, full, fault });
        }
    }

    pub(super) fn take_window(&mut self, now: MonoTime, first: EventSeq, words: &[u16]) {
        let (Some(reading), true) = (self.belt_reading(), self.is_attached()) else { return };
        let pace = Pace { reading, margin: self.margin() };
        let mut events = Vec::with_capacity(4);
        let room = self.outbox.room();
        let taking = self.window.take(now, &self.config, pace, (first, words), room, &mut events);
        for event in events {
            self.follow(now, &event);
            if matches!(event.body, EventBody::Lane { .. }) && is_on(Mutation::LaneEventTwice) {
                self.outbox.push(Input::Sorter { line: self.config.line, event: event.clone() });
            }
            self.outbox.push(Input::Sorter { line: self.config.line, event });
        }
        match taking {
            Ok(Taking::Whole) => {}
            Ok(Taking::Torn) => {
                self.stats.torn_slots += 1;
                self.header_wanted = true;
            }
            Ok(Taking::Hopeless) => {
                self.stats.torn_slots += 1;
                self.go_offline(now, OfflineReason::WindowTorn);
                self.stage = Stage::Down;
                self.must_disconnect = true;
                return;
            }
            Err(fault) => return self.fault(fault),
        }
        if self.window.is_empty() {
            // Where there were events there are likely more.
            self.header_wanted = true;
        }
        self.finish_draining();
        self.check_watches();
    }

    /// What the session itself learns from an event.
    fn follow(&mut self, now: MonoTime, event: &SorterEvent) {
        match event.body {
            EventBody::Unknown { .. } => self.stats.unknown_events += 1,
            EventBody::CommandRejected { command, code, .. } => {
                *self.stats.rejected_commands.entry(code).or_default() += 1;
                let is_unread = matches!(code, RejectCode::MalformedSlot | RejectCode::ForeignEpoch);
                // The epoch it tells is the one found in the slot, so it says nothing of whose command is lost: an old
                // owner may have written over ours. The ring knows only what this attachment has sent.
                let is_this_life = event.plc_epoch == self.window.plc_epoch();
                if let (true, Some(sent)) = (is_unread && is_this_life, self.ring.find_sent(command)) {
                    self.write_again(now, sent);
                }
            }
            _ => {}
        }
    }

    fn write_again(&mut self, now: MonoTime, sent: Queued) {
        let is_late =
            matches!(&sent.command, RingCommand::Destination(command) if self.is_late(now, command));
        if is_late || !self.generations.is_newest(sent.item(), sent.generation) {
            return;
        }
        match self.ring.push(sent) {
            Ok(()) => self.stats.rewritten += 1,
            Err(_) => self.stats.overflowed += 1,
        }
    }

    /// Everything that waited at the attachment has been delivered.
    pub(super) fn finish_draining(&mut self) {
        let Stage::Draining { to } = self.stage else { return };
        let Some(seen) = self.seen else { return };
        if !to.is_newer_than(self.window.delivered()) {
            self.stage = Stage::Ready;
            self.report(LinkChange::Drained { belt: seen.header.belt });
        }
    }

    /// Positions count as reached only on a header that hides no event and whose events are all taken.
    fn check_watches(&mut self) {
        let Some(header) = self.seen.map(|seen| seen.header) else { return };
        let hides_nothing = header.evt_backlog == 0 && self.window.delivered() == header.evt_head;
        if self.stage == Stage::Ready
            && hides_nothing
            && self.outbox.room() > 0
            && self.watches.take_reached(header.plc_epoch, header.belt)
        {
            self.report(LinkChange::Travelled { plc_epoch: header.plc_epoch, belt: header.belt });
        }
    }

    pub(super) fn send_destination(&mut self, now: MonoTime, generation: u32, command: DestinationCommand) {
        if !self.is_attached() {
            return self.refuse(Refusal::NotReady(command));
        }
        let is_foreign = command.plc_epoch != self.window.plc_epoch();
        if is_foreign || !self.generations.admit(command.item, generation) {
            self.stats.stale_commands += 1;
            return;
        }
        if self.is_late(now, &command) {
            self.stats.late += 1;
            return self.refuse(Refusal::Late(command));
        }
        let shown_at = self.window.take_shown_at(command.answers);
        let queued = Queued { command: RingCommand::Destination(command), generation, shown_at };
        match self.ring.push(queued) {
            Ok(()) => self.stats.destinations += 1,
            Err(_) => self.refuse(Refusal::QueueFull(command)),
        }
    }

    pub(super) fn send_cancel(&mut self, generation: u32, plc_epoch: Epoch, item: u32) {
        let is_ours = self.is_attached() && plc_epoch == self.window.plc_epoch();
        if !is_ours || !self.generations.admit(item, generation) {
            self.stats.stale_commands += 1;
            return;
        }
        let command = RingCommand::Cancel { item };
        if self.ring.push(Queued { command, generation, shown_at: None }).is_err() {
            self.stats.overflowed += 1;
        }
    }

    /// Commands that waited for a place until their decision point had passed.
    pub(super) fn refuse_late(&mut self, now: MonoTime) {
        if self.ring.is_idle() {
            return;
        }
        let mut ring = std::mem::replace(&mut self.ring, super::ring::Ring::new());
        let late = ring.drain_late(
            |queued| matches!(&queued.command, RingCommand::Destination(command) if self.is_late(now, command)),
        );
        self.ring = ring;
        for queued in late {
            if let RingCommand::Destination(command) = queued.command {
                self.stats.late += 1;
                self.refuse(Refusal::Late(command));
            }
        }
    }

    /// Judged by travel on the newest header; the instant the core was given only where there is none.
    fn is_late(&self, now: MonoTime, command: &DestinationCommand) -> bool {
        match self.belt_reading() {
            _ if is_on(Mutation::DeadlineInTime) => now >= command.decide_by,
            Some(reading) if now.since(reading.sent_at) <= READING_AGE_MAX => {
                now >= reading.last_instant(command.point, self.margin())
            }
            _ => now >= command.decide_by,
        }
    }
}
