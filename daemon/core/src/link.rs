//! Life of the link to a sorter: who owns the device, from which event on, and what is sent again once the
//! backlog is in. A device that holds events as acknowledged which this journal lacks is never operated, and one that
//! a newer owner has taken not before a new process begins.

use alloc::vec::Vec;

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    AlarmCode, BeltMm, EventSeq, LineId, LinkChange, MonoTime, OfflineReason, PlcHello, Seq, SorterCommand,
};

use crate::control::{Core, Turn};
use crate::rows::{LaneRow, LinkPhase, LoadBelief};

/// Travel beyond one loop after which a load of an earlier PLC life is given up, in percent of the loop.
const UNCERTAIN_MARGIN_PERCENT: u64 = 50;

impl Core {
    pub(crate) fn on_link(&mut self, turn: &mut Turn<'_>, line: LineId, change: &LinkChange) {
        if self.line(line).phase == LinkPhase::Fenced {
            if *change != LinkChange::Offline(OfflineReason::NewProcess) {
                return;
            }
            // The process that was replaced ended for good; whoever starts another one wants the line.
            self.set_line_alarm(turn, AlarmCode::FencedOff, line, false);
        }
        match change {
            LinkChange::Met(hello) => self.meet(turn, line, hello),
            LinkChange::Attached { .. } => {
                if self.line(line).phase == LinkPhase::Attaching {
                    self.edit_line(line, |row| row.phase = LinkPhase::Draining);
                }
            }
            LinkChange::Drained { belt } => self.on_drained(turn, line, *belt),
            LinkChange::Offline(_) => self.leave_ready(turn, line, LinkPhase::Offline),
            LinkChange::Faulted(_) => {
                self.set_line_alarm(turn, AlarmCode::DeviceFaulted, line, true);
                self.leave_ready(turn, line, LinkPhase::Faulted);
            }
            LinkChange::Fenced { .. } => {
                self.set_line_alarm(turn, AlarmCode::FencedOff, line, true);
                self.leave_ready(turn, line, LinkPhase::Fenced);
            }
            LinkChange::Lanes { ready, full, fault } => self.lanes.edit(u32::from(line.0), |row| {
                row.ready = ready.clone();
                row.full = full.clone();
                row.fault = fault.clone();
            }),
            LinkChange::Travelled { plc_epoch, belt } => {
                if *plc_epoch == self.line(line).plc_epoch && self.is_ready(line) {
                    self.on_travelled(turn, line, *belt);
                }
            }
            LinkChange::EventsLost { evt_lost } => {
                self.edit_line(line, |row| row.evt_lost = *evt_lost);
                self.set_line_alarm(turn, AlarmCode::EventsLost, line, true);
            }
        }
    }

    pub(crate) fn leave_ready(&mut self, turn: &mut Turn<'_>, line: LineId, phase: LinkPhase) {
        self.edit_line(line, |row| {
            row.phase = phase;
            row.watch = None;
        });
        self.set_line_alarm(turn, AlarmCode::LinkDown, line, true);
        self.renew_permit(turn, line);
    }

    fn meet(&mut self, turn: &mut Turn<'_>, line: LineId, hello: &PlcHello) {
        let Some(evt_ack) = self.first_missing(turn, line, hello) else {
            self.set_line_alarm(turn, AlarmCode::RecordsMissing, line, true);
            turn.out.command(line, Seq::NONE, 0, SorterCommand::Stay { plc_epoch: hello.plc_epoch });
            self.leave_ready(turn, line, LinkPhase::Faulted);
            return;
        };
        let is_new_life = hello.plc_epoch != self.line(line).plc_epoch;
        // Events that were kept may tell of loads nobody knows of yet.
        let may_tell = hello.is_fifo_retentive && self.line(line).plc_epoch != wcs_types::Epoch::NONE;
        if is_new_life {
            self.doubt_all(line);
        }
        let loop_mm = u64::from(hello.loop_mm.0.max(hello.path_mm.0));
        let margin = loop_mm * (100 + UNCERTAIN_MARGIN_PERCENT) / 100;
        let margin = wcs_types::Millimeters(u32::try_from(margin).unwrap_or(u32::MAX / 2));
        let owner = self.edit_line(line, |row| {
            let newest =
                if hello.owner_epoch.is_newer_than(row.owner) { hello.owner_epoch } else { row.owner };
            row.owner = newest.next();
            row.phase = LinkPhase::Attaching;
            row.plc_epoch = hello.plc_epoch;
            row.evt_next = evt_ack;
            row.evt_lost = hello.evt_lost;
            row.max_recirc = hello.max_recirc;
            row.lane_noread = hello.lane_noread;
            row.lane_exception = hello.lane_exception;
            row.lane_overflow = hello.lane_overflow;
            row.loop_mm = hello.loop_mm;
            row.path_mm = hello.path_mm;
            row.machine = hello.state;
            row.watch = None;
            if is_new_life {
                let must_watch = row.uncertain_count != 0 || may_tell;
                row.uncertain_until = must_watch.then(|| hello.belt.ahead(margin));
            }
            row.owner
        });
        self.lanes.edit(u32::from(line.0), |row| {
            let closed = core::mem::take(&mut row.closed);
            let (ready, full, fault) = (hello.ready.clone(), hello.full.clone(), hello.fault.clone());
            *row = LaneRow { ready, full, fault, closed };
        });
        self.set_line_alarm(turn, AlarmCode::RecordsMissing, line, false);
        self.end_quarantine(turn, line);
        self.send_closed_lanes(turn, line);
        let attach = SorterCommand::Attach { plc_epoch: hello.plc_epoch, owner, evt_ack };
        turn.out.command(line, self.seq, 0, attach);
    }

    /// The first event of the device's FIFO that this journal lacks; `None` when the device has forgotten events
    /// that were acknowledged and are not here.
    fn first_missing(&mut self, turn: &mut Turn<'_>, line: LineId, hello: &PlcHello) -> Option<EventSeq> {
        let row = self.line(line);
        let is_known = hello.plc_epoch == row.plc_epoch
            || (hello.is_fifo_retentive && row.plc_epoch != wcs_types::Epoch::NONE);
        if !is_known || row.evt_next.is_within(hello.evt_ack_echo, hello.evt_head) {
            let is_known = is_known && !is_on(Mutation::EventTwice);
            return Some(if is_known { row.evt_next } else { hello.evt_ack_echo });
        }
        if !hello.evt_ack_echo.is_newer_than(row.evt_next) {
            // We hold more than the device ever published: its FIFO was reset. Begin where it stands.
            return Some(hello.evt_ack_echo);
        }
        let missing = hello.evt_ack_echo.distance_from(row.evt_next);
        let dropped = hello.evt_lost.saturating_sub(row.evt_lost);
        if dropped < missing {
            return None;
        }
        self.set_line_alarm(turn, AlarmCode::EventsLost, line, true);
        Some(hello.evt_ack_echo)
    }

    /// The backlog is in: decide what waited, send again what is open, then permit.
    fn on_drained(&mut self, turn: &mut Turn<'_>, line: LineId, belt: BeltMm) {
        if self.line(line).phase != LinkPhase::Draining {
            return;
        }
        let plc_epoch = self.edit_line(line, |row| {
            row.phase = LinkPhase::Ready;
            row.plc_epoch
        });
        self.set_line_alarm(turn, AlarmCode::LinkDown, line, false);
        self.set_line_alarm(turn, AlarmCode::DeviceFaulted, line, false);
        let mut open: Vec<(u16, u32)> = self
            .loads
            .iter()
            .filter(|(_, load)| load.key.line == line && load.key.plc_epoch == plc_epoch)
            .filter(|(_, load)| matches!(load.belief, LoadBelief::Waiting | LoadBelief::Routed))
            // In the order of their scans; the distance from the newest survives the wrap.
            .map(|(id, load)| (u16::MAX - self.line(line).evt_next.distance_from(load.scan_seq), id))
            .collect();
        open.sort_unstable();
        for (_, id) in open {
            self.send_again(turn, id, belt);
        }
        self.watch_next(turn, line, belt);
        self.renew_permit(turn, line);
    }

    fn send_again(&mut self, turn: &mut Turn<'_>, id: u32, belt: BeltMm) {
        let load = self.loads.get(id);
        if belt.has_reached(load.point) || is_on(Mutation::ResyncSilent) {
            // Its decision point has passed: the PLC has done what it does without an answer.
            let (key, is_undecided) = (load.key, load.belief == LoadBelief::Waiting);
            if is_undecided && self.fell_in_stall(load.decide_by) {
                self.count_late(turn, key, load.decide_by);
            }
            return;
        }
        // From here on travel decides, not the time of a process that may have been away.
        if !is_on(Mutation::DeadlineInTime) {
            self.loads.edit(id, |load| load.decide_by = MonoTime::NEVER);
        }
        if self.loads.get(id).belief == LoadBelief::Routed {
            self.loads.edit(id, |load| load.generation += 1);
            self.send_destination(turn, id);
        } else {
            self.decide_waiting(turn, id);
        }
    }

    pub(crate) fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        self.end_stall_when_over(turn);
        self.go_on_listing(turn);
        self.on_alarms_due(turn);
    }
}
