//! Events of a sorter: order and acknowledgement first, then what each means. An event that was taken before is
//! acknowledged again and otherwise ignored; the acknowledgement waits until its record is durable.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    AlarmCode, AlarmKey, EventBody, ExitResult, LaneNo, LaneState, LineId, LoadKey, MachineState, MonoTime,
    Refusal, RejectCode, Seq, SorterCommand, SorterEvent, UnitCommand,
};

use crate::control::{Core, Turn};
use crate::rows::LinkPhase;

/// What an EXIT event said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExitReport {
    pub(crate) actual: LaneNo,
    pub(crate) result: ExitResult,
    pub(crate) detail: u16,
    pub(crate) turns: u16,
}

impl Core {
    pub(crate) fn on_event(&mut self, turn: &mut Turn<'_>, line: LineId, event: &SorterEvent) {
        if self.take_event(turn, line, event) {
            self.on_body(turn, line, event);
        }
    }

    /// Counts an event and has it acknowledged behind this record; true when it was not taken before.
    pub(crate) fn take_event(&mut self, turn: &mut Turn<'_>, line: LineId, event: &SorterEvent) -> bool {
        let row = self.line(line);
        if event.fifo_epoch != row.plc_epoch {
            // From a life of the PLC that is over: neither counted nor acknowledged in the new one.
            return false;
        }
        let next = event.seq_last.next();
        let is_new = !row.evt_next.is_newer_than(event.seq_last);
        if is_new {
            self.edit_line(line, |row| row.evt_next = next);
        }
        let ack = SorterCommand::Ack { plc_epoch: event.fifo_epoch, next };
        let is_early = is_on(Mutation::AckBeforeDurable)
            || (is_on(Mutation::BacklogAckedEarly) && self.line(line).phase == LinkPhase::Draining);
        let after = if is_early { Seq::NONE } else { self.seq };
        turn.out.command(line, after, 0, ack);
        is_new
    }

    fn on_body(&mut self, turn: &mut Turn<'_>, line: LineId, event: &SorterEvent) {
        let load = LoadKey { line, plc_epoch: event.plc_epoch, item: event.item };
        match &event.body {
            EventBody::Scan(scan) => self.on_scan(turn, load, event, scan),
            EventBody::Exit { actual, result, detail, turns, .. } => {
                let report = ExitReport { actual: *actual, result: *result, detail: *detail, turns: *turns };
                self.on_exit(turn, load, event, report);
            }
            EventBody::Lane { lane, new, .. } => self.on_lane(turn, line, *lane, *new),
            EventBody::Alarm { code, is_raised, .. } => {
                let key = AlarmKey { code: AlarmCode::Device, line: Some(line), chute: None, detail: *code };
                self.set_alarm(turn, key, *is_raised);
            }
            EventBody::State { new, cause, .. } => self.on_state(turn, line, *new, *cause),
            EventBody::CommandRejected { code, .. } => {
                if *code == RejectCode::Late {
                    let found = self.find_load(load);
                    let decide_by = found.map_or(MonoTime::NEVER, |id| self.loads.get(id).decide_by);
                    self.count_late(turn, load, decide_by);
                }
            }
            EventBody::Checkpoint { .. } | EventBody::Unknown { .. } => {}
        }
    }

    fn on_state(&mut self, turn: &mut Turn<'_>, line: LineId, new: MachineState, cause: u16) {
        const CAUSE_SAFETY: u16 = 3;
        self.edit_line(line, |row| row.machine = new);
        if cause == CAUSE_SAFETY {
            self.set_line_alarm(turn, AlarmCode::SafetyStop, line, true);
        } else if new == MachineState::EXECUTE {
            self.set_line_alarm(turn, AlarmCode::SafetyStop, line, false);
        }
        if new == MachineState::IDLE && is_on(Mutation::StartsMachine) {
            turn.out.command(line, Seq::NONE, 0, SorterCommand::Unit(UnitCommand::Start));
        }
    }

    fn on_lane(&mut self, turn: &mut Turn<'_>, line: LineId, lane: LaneNo, new: LaneState) {
        let was_full = self.lane_row(line).full.contains(lane);
        self.lanes.edit(u32::from(line.0), |row| {
            row.ready.set(lane, matches!(new, LaneState::Ready | LaneState::HalfFull));
            row.full.set(lane, new == LaneState::Full);
            row.fault.set(lane, new == LaneState::Fault);
        });
        self.on_chute_lane(turn, line, lane, new, was_full);
    }

    pub(crate) fn on_refused(&mut self, turn: &mut Turn<'_>, line: LineId, refusal: &Refusal) {
        let (Refusal::Late(command) | Refusal::QueueFull(command)) = refusal else {
            // Not ready: everything open is sent again when the link is.
            return;
        };
        let load = LoadKey { line, plc_epoch: command.plc_epoch, item: command.item };
        // The PLC does with it what it does without an answer; its exit tells.
        if let Some(id) = self.find_load(load)
            && self.loads.get(id).scan_seq == command.answers
        {
            self.count_late(turn, load, command.decide_by);
        }
    }
}
