//! Checking a device before it is operated, telling the core about it, and everything that ends an operation:
//! offline, lost, faulted, fenced.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{DeviceFault, Epoch, Input, LinkChange, MonoTime, OfflineReason, PlcHello};

use super::header::Header;
use super::session::{Seen, SorterSession};
use super::stage::{Reported, Stage};
use super::statics::Statics;

impl SorterSession {
    /// Starts over with everything that is known about the device.
    pub(super) fn begin_checks(&mut self, now: MonoTime) {
        self.stage = Stage::Checking { is_alive: false };
        self.seen = None;
        self.forget_image();
        self.life.forget_device(now);
        self.header_wanted = true;
    }

    fn forget_image(&mut self) {
        self.statics = None;
        self.lanes.reset();
    }

    pub(super) fn take_header(&mut self, now: MonoTime, sent_at: MonoTime, words: &[u16]) {
        let header = match Header::decode(&self.config.map, words) {
            Ok(header) => header,
            Err(fault) => return self.fault(fault),
        };
        let before = self.seen.replace(Seen { header, sent_at }).map(|seen| seen.header);
        if before.is_some_and(|before| before.plc_epoch != header.plc_epoch) {
            return self.restart(now, header, sent_at);
        }
        self.life.see_plc(now, header.plc_life);
        if self.claim.is_some_and(|claim| header.owner_epoch.is_newer_than(claim))
            && !is_on(Mutation::FenceIgnored)
        {
            return self.fence(header.owner_epoch);
        }
        match self.stage {
            Stage::Checking { .. } => {
                if before.is_some_and(|before| before.owner_epoch != header.owner_epoch) {
                    self.statics = None;
                }
                self.check_progress(now);
            }
            Stage::Meeting => self.meeting_header(now, before, header),
            Stage::Attaching(attaching) => self.attaching_header(now, attaching, header),
            Stage::Draining { .. } | Stage::Ready => self.steady_header(now, before, header),
            Stage::Lost { .. } => self.lost_header(now, header),
            Stage::Down | Stage::Faulted | Stage::Fenced => {}
        }
    }

    /// The PLC began a new life on the same connection.
    fn restart(&mut self, now: MonoTime, header: Header, sent_at: MonoTime) {
        if !matches!(self.stage, Stage::Checking { .. }) {
            self.go_offline(now, OfflineReason::PlcRestarted);
        }
        self.begin_checks(now);
        self.seen = Some(Seen { header, sent_at });
        self.life.see_plc(now, header.plc_life);
        if self.claim.is_some_and(|claim| header.owner_epoch.is_newer_than(claim)) {
            self.fence(header.owner_epoch);
        }
    }

    pub(super) fn take_statics(&mut self, now: MonoTime, words: &[u16]) {
        let statics = match Statics::decode(&self.config, words) {
            Ok(statics) => statics,
            Err(fault) => return self.fault(fault),
        };
        match self.stage {
            Stage::Attaching(attaching) => self.attaching_tag(now, attaching, statics),
            Stage::Checking { .. } => {
                self.statics = Some(statics);
                self.check_progress(now);
            }
            _ => {}
        }
    }

    pub(super) fn take_lanes(&mut self, now: MonoTime, sent_at: MonoTime, words: &[u16]) {
        let lane_gen = self.seen.map_or(0, |seen| seen.header.lane_gen);
        let lane_words = self.lane_words();
        if !self.lanes.take(&self.config.map, lane_words, (sent_at, lane_gen), words) {
            return;
        }
        match self.stage {
            Stage::Checking { .. } => self.check_progress(now),
            Stage::Draining { .. } | Stage::Ready => self.report_lanes(),
            _ => {}
        }
    }

    /// Goes on from the checks when everything is there: a device that was ours has to echo us, any other has
    /// to change its life word.
    fn check_progress(&mut self, now: MonoTime) {
        let Stage::Checking { is_alive } = self.stage else { return };
        let (Some(Seen { header, .. }), Some(statics)) = (self.seen, self.statics) else { return };
        let is_ours = self.claim == Some(header.owner_epoch);
        if is_ours && is_foreign(statics.owner_tag, self.config.owner_tag) {
            return self.fence(header.owner_epoch);
        }
        if !is_alive && is_ours && self.window.plc_epoch() == header.plc_epoch {
            self.stage = self.lost_stage();
            return;
        }
        if !is_alive && !self.life.has_changed() {
            if self.life.frozen_for(now) > self.config.lost_after {
                self.go_offline(now, OfflineReason::LifeFrozen);
            }
            return;
        }
        if self.lanes.lanes().is_some() && self.outbox.room() > 0 {
            self.meet(header, statics);
        }
    }

    /// Tells the core about the device.
    pub(super) fn meet(&mut self, header: Header, statics: Statics) {
        let lanes = self.lanes.lanes().cloned().unwrap_or_default();
        self.reported_lanes = lanes.clone();
        self.reported_lost = header.evt_lost;
        self.reported = Reported::Online;
        self.stage = Stage::Meeting;
        self.report(LinkChange::Met(PlcHello {
            plc_epoch: header.plc_epoch,
            owner_epoch: header.owner_epoch,
            evt_ack_echo: header.evt_ack_echo,
            evt_head: header.evt_head,
            evt_lost: header.evt_lost,
            is_fifo_retentive: statics.is_fifo_retentive,
            max_recirc: statics.max_recirc,
            lane_noread: statics.lane_noread,
            lane_exception: statics.lane_exception,
            lane_overflow: statics.lane_overflow,
            loop_mm: statics.loop_mm,
            path_mm: statics.path_mm,
            belt: header.belt,
            state: header.state,
            safety: header.safety,
            ready: lanes.ready,
            full: lanes.full,
            fault: lanes.fault,
        }));
    }

    /// While the core makes up its mind the device has to stay alive and the same.
    fn meeting_header(&mut self, now: MonoTime, before: Option<Header>, header: Header) {
        if self.life.frozen_for(now) > self.config.lost_after {
            return self.lose(now, OfflineReason::LifeFrozen);
        }
        if before.is_some_and(|before| before.owner_epoch != header.owner_epoch) {
            self.stage = Stage::Checking { is_alive: true };
            self.statics = None;
        }
    }

    fn lost_stage(&self) -> Stage {
        Stage::Lost { echoes: 0, matched: None, changes: self.life.changes() }
    }

    /// A lost device counts as alive when it echoes several of our life words and moves its own.
    fn lost_header(&mut self, now: MonoTime, header: Header) {
        let Stage::Lost { mut echoes, mut matched, changes } = self.stage else { return };
        let echo = header.wcs_life_echo;
        if header.owner_epoch != self.claim.unwrap_or(Epoch::NONE) {
            return self.begin_checks(now);
        }
        let is_written = self.control.written().is_some();
        if is_written && echo == self.life.wcs_life() && matched != Some(echo) {
            matched = Some(echo);
            echoes += 1;
        }
        self.stage = Stage::Lost { echoes, matched, changes };
        if echoes >= self.config.words.numbers.echoes_in_a_row && self.life.changes() > changes {
            self.stage = Stage::Checking { is_alive: true };
            self.forget_image();
        } else if self.life.echo_behind(now, echo) > self.config.lost_after {
            self.stage = Stage::Lost { echoes: 0, matched, changes };
        }
    }

    /// The core does not want the device operated.
    pub(super) fn stay(&mut self, plc_epoch: Epoch) {
        let is_same = self.seen.is_some_and(|seen| seen.header.plc_epoch == plc_epoch);
        if is_same && (self.is_attached() || matches!(self.stage, Stage::Attaching(_))) {
            self.refuse_waiting();
            self.control.forget_written();
            self.stage = Stage::Meeting;
        }
    }

    /// The device is judged dead. What was ours goes on hearing from us, without permit.
    pub(super) fn lose(&mut self, now: MonoTime, reason: OfflineReason) {
        match self.stage {
            Stage::Draining { .. } | Stage::Ready => {
                self.go_offline(now, reason);
                self.stage = self.lost_stage();
            }
            Stage::Checking { .. } | Stage::Meeting | Stage::Attaching(_) => {
                self.go_offline(now, reason);
                let silent_since = self.life.silent_for(now);
                if silent_since < self.config.reconnect_after {
                    self.stage = Stage::Checking { is_alive: false };
                    self.seen = None;
                    self.forget_image();
                }
            }
            Stage::Lost { .. } | Stage::Down | Stage::Faulted | Stage::Fenced => {}
        }
    }

    /// Tells the core that the device is gone, once, and gives it back what was not written.
    pub(super) fn go_offline(&mut self, _now: MonoTime, reason: OfflineReason) {
        if self.is_attached() {
            self.stats.losses += 1;
        }
        self.refuse_waiting();
        self.control.forget_written();
        if self.reported != Reported::Offline {
            self.reported = Reported::Offline;
            let change = LinkChange::Offline(reason);
            self.outbox.push_down(Input::Link { line: self.config.line, change });
        }
    }

    /// The device must not be operated as it is.
    pub(super) fn fault(&mut self, fault: DeviceFault) {
        if matches!(self.stage, Stage::Fenced | Stage::Down) {
            return;
        }
        self.refuse_waiting();
        self.control.forget_written();
        if self.reported != Reported::Faulted(fault) {
            self.reported = Reported::Faulted(fault);
            let change = LinkChange::Faulted(fault);
            self.outbox.push_down(Input::Link { line: self.config.line, change });
        }
        self.stage = Stage::Faulted;
        self.must_disconnect = true;
    }

    /// A newer owner commands: this process has nothing to say to the device any more.
    pub(super) fn fence(&mut self, owner: Epoch) {
        self.refuse_waiting();
        self.control.forget_written();
        self.stage = Stage::Fenced;
        self.must_disconnect = true;
        self.report(LinkChange::Fenced { owner });
    }
}

/// A tag of another process. 0 is nobody's: a PLC that starts anew may have forgotten the tag of its owner.
pub(super) fn is_foreign(found: u16, own: u16) -> bool {
    found != own && found != 0
}
