//! Inputs that were put aside because they broke an invariant in the processes before. As little as possible is done
//! for each, and nothing that its own handler does: whatever is broken there must not be met again.
//!
//! | put aside | what is done |
//! |---|---|
//! | scan | acknowledged; the load goes to the exception lane with reason `quarantined` |
//! | last exit of a load | acknowledged; the load is booked as lost with reason `quarantined` and its lane: a person looks there |
//! | other event | acknowledged; what it said is not known here |
//! | met, attached, drained, offline, faulted | the line is taken down as faulted; other lines go on |
//! | fenced | the line is not commanded again by this process, as if it had been taken |
//! | lanes, travelled, events lost | passed over; the next one counts |
//! | verb | refused |
//! | timeout | deadlines that are due are dropped or put off: each of them is for an alarm only |
//! | refused output | passed over; the exit of the load tells |
//!
//! Bare, after that has broken an invariant as well: an event is acknowledged and nothing else; its load ends where
//! the belt takes it. A line is taken down without telling anybody what follows from it.

use wcs_types::{
    AlarmCode, Decision, Destination, EventBody, ExitResult, Fact, LaneNo, LineId, LinkChange, LoadKey,
    Outcome, Output, Quarantined, Reason, Reply, ScanEvent, Seq, SorterCommand, SorterEvent, Suspect, Target,
    VerbRefusal, output::OutputKind,
};

use crate::control::{Core, Turn};
use crate::rows::{LinkPhase, LoadRow};

impl Core {
    pub(crate) fn on_quarantined(&mut self, turn: &mut Turn<'_>, put: &Quarantined) {
        let line = match &put.suspect {
            Suspect::Sorter { line, .. } | Suspect::Link { line, .. } | Suspect::Refused { line, .. } => {
                Some(*line)
            }
            Suspect::Verb { .. } | Suspect::Timeout => None,
        };
        turn.out.fact(Fact::InputPutAside { digest: put.digest, line });
        match &put.suspect {
            Suspect::Sorter { line, event } if self.has_line(*line) => {
                self.put_event_aside(turn, *line, event, put.is_bare);
            }
            Suspect::Link { line, change } if self.has_line(*line) => {
                self.put_change_aside(turn, *line, change, put.is_bare);
            }
            Suspect::Refused { line, .. } if self.has_line(*line) => {
                self.set_line_alarm(turn, AlarmCode::Quarantined, *line, true);
            }
            Suspect::Sorter { .. } | Suspect::Link { .. } | Suspect::Refused { .. } => {}
            Suspect::Verb { ticket, .. } => {
                let refusal = VerbRefusal::Quarantined { digest: put.digest };
                turn.out.outputs.push(Output {
                    target: Target::Asker(*ticket),
                    generation: 0,
                    after: self.seq,
                    what: OutputKind::Reply(Reply::Refused(refusal)),
                });
            }
            Suspect::Timeout => {
                self.drop_deadlines();
                self.skip_listing(turn);
            }
        }
    }

    /// True for a scan of a load, or of a label, that was put aside before and that nobody has booked since: people
    /// put what they find at the exception station on the belt again.
    pub fn was_put_aside(&self, line: LineId, event: &SorterEvent) -> bool {
        let EventBody::Scan(scan) = &event.body else { return false };
        let key = LoadKey { line, plc_epoch: event.plc_epoch, item: event.item };
        if self.find_load(key).is_some_and(|id| self.loads.get(id).reason == Reason::Quarantined) {
            return true;
        }
        // A restart of the PLC gives an item another number; its label stays.
        let is_open = self.loads.iter().any(|(_, load)| {
            load.reason == Reason::Quarantined && load.key.line == line && scan.codes.contains(&load.label)
        });
        is_open
            || scan.codes.iter().filter_map(|code| self.ended.find_unsorted(line, code)).any(|ended| {
                let row = self.ended.row(ended);
                row.reason == Reason::Quarantined && row.outcome == Outcome::Exception && !row.is_replaced
            })
    }

    fn put_event_aside(&mut self, turn: &mut Turn<'_>, line: LineId, event: &SorterEvent, is_bare: bool) {
        if !self.take_event(turn, line, event) {
            return;
        }
        self.set_line_alarm(turn, AlarmCode::Quarantined, line, true);
        let key = LoadKey { line, plc_epoch: event.plc_epoch, item: event.item };
        match &event.body {
            _ if is_bare => {}
            EventBody::Scan(scan) => self.put_scan_aside(turn, key, event, scan),
            EventBody::Exit { actual, result, .. } if result.is_final() => {
                self.put_exit_aside(turn, key, *actual, *result);
            }
            _ => {}
        }
    }

    fn put_scan_aside(&mut self, turn: &mut Turn<'_>, key: LoadKey, event: &SorterEvent, scan: &ScanEvent) {
        if self.ended.find(key).is_some_and(|ended| self.ended.row(ended).has_left()) {
            return;
        }
        let Some(id) = self.meet_scan(turn, key, event, scan) else { return };
        let (destination, reason) = (Destination::Exception, Reason::Quarantined);
        // Stands in the record like every other choice; there was nothing to choose from.
        let own = Decision::Route { load: key, destination, reason, rejected: heapless::Vec::new() };
        let Decision::Route { destination, reason, .. } = turn.settle(own) else {
            unreachable!("settle answers the question that was asked");
        };
        self.set_destination(id, destination, reason);
        // Else it is sent once the backlog is in.
        if self.line(key.line).phase == LinkPhase::Ready {
            self.send_destination(turn, id);
        }
    }

    fn put_exit_aside(&mut self, turn: &mut Turn<'_>, key: LoadKey, lane: LaneNo, result: ExitResult) {
        if let Some(id) = self.find_load(key) {
            self.end_load(turn, id, Outcome::Lost, Reason::Quarantined, lane, Some(result));
        }
    }

    fn put_change_aside(&mut self, turn: &mut Turn<'_>, line: LineId, change: &LinkChange, is_bare: bool) {
        self.set_line_alarm(turn, AlarmCode::Quarantined, line, true);
        let phase = match change {
            LinkChange::Fenced { .. } => LinkPhase::Fenced,
            LinkChange::Met(_)
            | LinkChange::Attached { .. }
            | LinkChange::Drained { .. }
            | LinkChange::Offline(_)
            | LinkChange::Faulted(_) => LinkPhase::Faulted,
            LinkChange::Travelled { .. } => {
                // What falls silent is watched for again from the next scan on.
                self.edit_line(line, |row| row.watch = None);
                return;
            }
            LinkChange::Lanes { .. } | LinkChange::EventsLost { .. } => return,
        };
        if phase == LinkPhase::Fenced {
            self.set_line_alarm(turn, AlarmCode::FencedOff, line, true);
        } else {
            self.set_line_alarm(turn, AlarmCode::DeviceFaulted, line, true);
            let plc_epoch = match change {
                LinkChange::Met(hello) => hello.plc_epoch,
                _ => self.line(line).plc_epoch,
            };
            turn.out.command(line, Seq::NONE, 0, SorterCommand::Stay { plc_epoch });
        }
        if is_bare {
            self.edit_line(line, |row| {
                row.phase = phase;
                row.permit = 0;
                row.watch = None;
            });
        } else {
            self.leave_ready(turn, line, phase);
        }
    }

    fn drop_deadlines(&mut self) {
        self.alarms.put_off(self.now);
        self.forget_stall_when_over();
    }

    /// The alarm goes when the last load that was put aside has ended; where there was no load, when the line is met
    /// anew.
    pub(crate) fn end_quarantine(&mut self, turn: &mut Turn<'_>, line: LineId) {
        let is_put_aside =
            |(_, load): (u32, &LoadRow)| load.key.line == line && load.reason == Reason::Quarantined;
        let is_open = self.loads.iter().any(is_put_aside);
        if !is_open {
            self.set_line_alarm(turn, AlarmCode::Quarantined, line, false);
        }
    }
}
