//! An exit: where the load ended and why. EXIT is the truth: the class bound to the actual lane decides whether
//! a load is sorted. Reservations are released by every final outcome except sorted.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    ActualLane, BeltMm, ChuteKind, Destination, ExitResult, Fact, LaneNo, LoadEnd, LoadKey, Outcome, Pieces,
    Read, Reason, SorterEvent,
};

use crate::control::{Core, Turn, load_hash};
use crate::events::ExitReport;
use crate::rows::{EndedRow, LoadBelief, LoadRow};

impl Core {
    pub(crate) fn on_exit(
        &mut self,
        turn: &mut Turn<'_>,
        key: LoadKey,
        event: &SorterEvent,
        exit: ExitReport,
    ) {
        if self.find_load(key).is_none() {
            if self.ended.find(key).is_some_and(|ended| self.ended.row(ended).has_left()) {
                // Told twice: the first end stands.
                return;
            }
            self.meet_at_exit(turn, key, event.belt);
        }
        let id = self.find_load(key).expect("found or just made");
        if !exit.result.is_final() {
            self.go_round(turn, id, event.belt, exit);
            return;
        }
        self.adopt_exit(turn, id, exit);
        let (outcome, reason) = self.judge(id, exit);
        self.end_load(turn, id, outcome, reason, exit.actual, Some(exit.result));
    }

    /// A load that no scan told of: taken off or thrown out before the tunnel, or given up too early.
    fn meet_at_exit(&mut self, turn: &mut Turn<'_>, key: LoadKey, belt: BeltMm) {
        self.make_room(turn, key);
        // The exit is the truth: it replaces an end that only silence spoke for.
        let label = self.ended.find(key).map_or(wcs_types::Code::default(), |ended| {
            self.ended.edit(ended, |row| row.is_replaced = true);
            self.ended.row(ended).label.clone()
        });
        turn.out.fact(Fact::LoadSeen { load: key, label: label.clone(), previous: None });
        let load = LoadRow {
            key,
            belief: LoadBelief::Waiting,
            label,
            read: Read::NoRead,
            job: None,
            destination: Destination::Unanswered,
            reason: Reason::NoRead,
            scan_seq: wcs_types::EventSeq(0),
            point: belt,
            decide_by: wcs_types::MonoTime::ZERO,
            turns: 0,
            generation: 0,
            mark: self.silence_mark(key.line, belt),
        };
        self.insert_load(load);
    }

    fn go_round(&mut self, turn: &mut Turn<'_>, id: u32, belt: BeltMm, exit: ExitReport) {
        let load = self.loads.get(id);
        let key = load.key;
        let reason = match ExitResult::from_wire(exit.detail) {
            Some(result) => reason_of(result, load.reason),
            None => load.reason,
        };
        let mark = self.loop_mark(key.line, belt);
        self.loads.edit(id, |load| {
            // An item that was kept over a restart of the PLC stays in doubt until it leaves.
            if load.belief != LoadBelief::Uncertain {
                load.belief = LoadBelief::Recirculating;
            }
            load.mark = mark;
        });
        turn.out.fact(Fact::LoadRecirculated { load: key, reason, turns: exit.turns });
        self.watch_load(turn, id);
    }

    /// The PLC carried out a destination that is not the one known here: its record was lost with an earlier process.
    /// The class of that lane is credited, when it has a piece of this label to come.
    fn adopt_exit(&mut self, turn: &mut Turn<'_>, id: u32, exit: ExitReport) {
        if !matches!(exit.result, ExitResult::FirstChoice | ExitResult::Alternative) {
            return;
        }
        let load = self.loads.get(id);
        let chute = self.chute_of_lane(load.key.line, exit.actual);
        let Some(class) = chute.and_then(|chute| self.chute(chute).class) else { return };
        if load.job.is_some_and(|job| self.jobs.get(job).class == class) {
            return;
        }
        let found = self.codes.jobs(&load.label).find(|job| {
            let row = self.jobs.get(*job);
            row.class == class && row.has_room()
        });
        if let Some(job) = found {
            self.move_reservation(turn, id, job);
        }
    }

    /// The table of `wcs-sorter-hs` section 8, first match wins.
    fn judge(&self, id: u32, exit: ExitReport) -> (Outcome, Reason) {
        let load = self.loads.get(id);
        let line = self.line(load.key.line);
        match exit.result {
            ExitResult::Removed => return (Outcome::Removed, Reason::ByHand),
            ExitResult::Purged => return (Outcome::Purged, Reason::Purge),
            ExitResult::Lost => return (Outcome::Lost, Reason::TrackingLost),
            _ => {}
        }
        let chute = self.chute_of_lane(load.key.line, exit.actual);
        if let Some(chute) = chute.filter(|chute| self.chute(*chute).kind == ChuteKind::Order) {
            let class = load.job.map(|job| self.jobs.get(job).class);
            if class.is_some() && self.chute(chute).class == class {
                // The other results at a lane of its own class: found elsewhere than commanded.
                let is_first = exit.result == ExitResult::FirstChoice;
                let reason = if is_first { Reason::FirstChoice } else { Reason::Alternative };
                return (Outcome::Sorted, reason);
            }
            return (Outcome::Missorted, Reason::WrongLane);
        }
        if exit.actual == LaneNo::NONE {
            return (Outcome::Lost, Reason::TrackingLost);
        }
        if exit.actual == line.lane_noread {
            return (Outcome::NoReadLane, read_reason(load.read));
        }
        if line.lane_overflow.contains(&exit.actual) {
            return (Outcome::Overflow, load.reason);
        }
        if load.reason == Reason::Quarantined {
            // However it came there: the PLC may have sent it by itself before it was told.
            return (Outcome::Exception, Reason::Quarantined);
        }
        let was_sent = load.destination == Destination::Exception && exit.result == ExitResult::FirstChoice;
        if was_sent {
            (Outcome::Exception, load.reason)
        } else {
            (Outcome::Exception, self.exception_reason(load, exit))
        }
    }

    fn exception_reason(&self, load: &LoadRow, exit: ExitReport) -> Reason {
        if exit.result == ExitResult::LaneFault {
            let is_fault = match load.destination {
                Destination::Chute { lane, .. } | Destination::Overflow { lane } => {
                    self.lane_row(load.key.line).fault.contains(lane)
                }
                _ => true,
            };
            return if is_fault { Reason::LaneFault } else { Reason::LaneClosed };
        }
        if is_on(Mutation::ReasonDropped) { load.reason } else { reason_of(exit.result, load.reason) }
    }

    /// Ends a load: reservation, chute, counts, facts, and what that completes.
    pub(crate) fn end_load(
        &mut self,
        turn: &mut Turn<'_>,
        id: u32,
        outcome: Outcome,
        reason: Reason,
        lane: LaneNo,
        result: Option<ExitResult>,
    ) {
        let (chute, lane) = match self.loads.get(id).destination {
            Destination::Chute { chute, lane: sent, .. } if is_on(Mutation::LaneAsCommanded) => {
                (Some(chute), sent)
            }
            Destination::Chute { chute, .. } => (Some(chute), lane),
            _ => (None, lane),
        };
        self.leave_chute(id);
        let load = self.loads.remove(id);
        self.load_index.remove(load_hash(load.key), id);
        if load.belief == LoadBelief::Uncertain {
            self.edit_line(load.key.line, |line| line.uncertain_count -= 1);
        }
        let pieces = load.job.map_or(Pieces(0), |job| self.jobs.get(job).portion);
        let job = load.job.map(|job| self.job_name(job));
        let end = LoadEnd {
            load: load.key,
            label: load.label.clone(),
            job,
            pieces,
            outcome,
            reason,
            lane: ActualLane(lane),
            result,
        };
        if matches!(outcome, Outcome::Removed | Outcome::Lost) && is_on(Mutation::EndToldTwice) {
            turn.out.fact(Fact::LoadEnded(end.clone()));
        }
        turn.out.fact(Fact::LoadEnded(end));
        self.ended.push(EndedRow {
            key: load.key,
            label: load.label,
            job: load.job,
            pieces,
            outcome,
            reason,
            lane,
            is_replaced: false,
            has_exit: result.is_some(),
        });
        if let Some(job) = load.job {
            self.settle_job(turn, job, load.key, outcome, reason, lane);
        }
        if let Some(chute) = chute {
            self.close_when_idle(turn, chute);
        }
        if load.reason == Reason::Quarantined {
            self.end_quarantine(turn, load.key.line);
        }
    }
}

impl EndedRow {
    /// The PLC said that it left; silence alone is no proof.
    pub(crate) fn has_left(&self) -> bool {
        self.has_exit
    }
}

fn read_reason(read: Read) -> Reason {
    match read {
        Read::Multi => Reason::MultiRead,
        Read::BadFormat => Reason::BadFormat,
        Read::ScannerDown => Reason::ScannerDown,
        Read::Good | Read::NoRead => Reason::NoRead,
    }
}

fn reason_of(result: ExitResult, commanded: Reason) -> Reason {
    match result {
        ExitResult::Missed => Reason::Missed,
        ExitResult::LaneFull => Reason::LaneFull,
        ExitResult::LaneFault => Reason::LaneFault,
        ExitResult::Late => Reason::Late,
        ExitResult::NoRead => Reason::NoRead,
        ExitResult::InvalidDestination => Reason::InvalidLane,
        ExitResult::Gap => Reason::Gap,
        ExitResult::Unexpected => Reason::Unexpected,
        ExitResult::FirstChoice
        | ExitResult::Alternative
        | ExitResult::Lost
        | ExitResult::Recirculated
        | ExitResult::Removed
        | ExitResult::Purged
        | ExitResult::OtherExit => commanded,
    }
}
