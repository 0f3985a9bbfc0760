//! Where a load goes: the job's chute, round again, overflow, exception, or no answer at all. Settles the
//! decision, moves the reservation with it and sends the command. Never a guess: without a chute it waits.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    Candidate, ChuteId, Code, Decision, Destination, DestinationCommand, JobId, LaneNo, Reason, Rejected,
    Seq, SorterCommand,
};

use crate::control::{Core, Turn};
use crate::identify::{Identified, Passed};
use crate::rows::{BatchLife, LoadBelief};

impl Core {
    /// Decides about a load that was just scanned and sends the answer, if one is due.
    pub(crate) fn decide(&mut self, turn: &mut Turn<'_>, id: u32, codes: &[Code]) {
        let mut passed = Passed::new();
        let (destination, reason) = self.choose(turn, id, codes, &mut passed);
        let load = self.loads.get(id).key;
        let own = Decision::Route { load, destination, reason, rejected: passed };
        let Decision::Route { destination, reason, .. } = turn.settle(own) else {
            unreachable!("settle answers the question that was asked");
        };
        if reason == Reason::Late || is_on(Mutation::LateMiscalled) {
            let decide_by = self.loads.get(id).decide_by;
            self.count_late(turn, load, decide_by);
        }
        self.set_destination(id, destination, reason);
        self.send_destination(turn, id);
    }

    fn choose(
        &mut self,
        turn: &mut Turn<'_>,
        id: u32,
        codes: &[Code],
        passed: &mut Passed,
    ) -> (Destination, Reason) {
        let load = self.loads.get(id);
        let (line, read) = (load.key.line, load.read);
        if self.now > load.decide_by {
            return (Destination::Unanswered, Reason::Late);
        }
        let job = match load.job {
            Some(job) => job,
            None => match self.identify(line, read, codes, passed) {
                Identified::Job(job) => job,
                Identified::Nothing(reason) => return (self.without_job(id, reason), reason),
            },
        };
        match self.batches.get(self.jobs.get(job).batch).life {
            BatchLife::Running => self.route_to_class(turn, id, job, passed),
            BatchLife::Paused => (self.without_job(id, Reason::BatchPaused), Reason::BatchPaused),
            BatchLife::Staging | BatchLife::Closing | BatchLife::Ended => {
                (Destination::Exception, Reason::BatchNotRunning)
            }
        }
    }

    /// Where a load goes that no job can take now.
    fn without_job(&self, id: u32, reason: Reason) -> Destination {
        match reason {
            // The PLC sends what was not read to its no-read lane by itself.
            Reason::NoRead | Reason::MultiRead | Reason::BadFormat | Reason::ScannerDown
                if self.loads.get(id).read != wcs_types::Read::Good =>
            {
                Destination::Unanswered
            }
            Reason::BatchPaused if self.may_go_round(id) => Destination::Recirculate,
            _ => Destination::Exception,
        }
    }

    fn route_to_class(
        &mut self,
        turn: &mut Turn<'_>,
        id: u32,
        job: u32,
        passed: &mut Passed,
    ) -> (Destination, Reason) {
        let (class, index, batch) = {
            let row = self.jobs.get(job);
            (row.class, row.index, row.batch)
        };
        if self.classes.get(class).chute.is_none() && self.classes.get(class).is_cancelled {
            return (Destination::Exception, Reason::OrderCancelled);
        }
        let Some(chute) = self.classes.get(class).chute.or_else(|| self.bind_on_demand(turn, class)) else {
            return (self.without_chute(id, passed), Reason::NoChute);
        };
        if !self.is_offered(chute) {
            // A shadow's plant does not have the chute its class was given.
            return (self.without_chute(id, passed), Reason::NoChute);
        }
        let lanes = self.rank_lanes(chute, passed);
        let destination = Destination::Chute {
            batch: self.batches.get(batch).spec.batch,
            job: JobId(index),
            chute,
            lane: lanes[0],
            alternatives: [lanes[1], lanes[2]],
        };
        (destination, Reason::FirstChoice)
    }

    fn without_chute(&self, id: u32, passed: &mut Passed) -> Destination {
        if self.may_go_round(id) {
            return Destination::Recirculate;
        }
        let line = self.loads.get(id).key.line;
        let overflow = self.line(line).lane_overflow;
        let lanes = || overflow.iter().copied().filter(|lane| *lane != LaneNo::NONE);
        for lane in lanes() {
            match self.lane_refusal(line, lane) {
                None => return Destination::Overflow { lane },
                Some(reason) => note_lane(passed, lane, reason),
            }
        }
        // None takes loads: the PLC sends it on to the exception lane, and says why.
        lanes().next().map_or(Destination::Exception, |lane| Destination::Overflow { lane })
    }

    fn may_go_round(&self, id: u32) -> bool {
        let load = self.loads.get(id);
        let line = self.line(load.key.line);
        line.loop_mm.0 != 0 && load.turns < line.max_recirc
    }

    /// Lanes of a chute, usable ones first; 0 where there is none. All stand for the same class.
    fn rank_lanes(&self, chute: ChuteId, passed: &mut Passed) -> [LaneNo; 3] {
        let line = self.chute(chute).line;
        let mut ranked = [LaneNo::NONE; 3];
        let mut count = 0;
        for is_usable in [true, false] {
            for lane in self.offered_lanes(chute) {
                let refusal = self.lane_refusal(line, *lane);
                if refusal.is_none() == is_usable {
                    ranked[count] = *lane;
                    count += 1;
                }
                if let Some(reason) = refusal.filter(|_| is_usable) {
                    note_lane(passed, *lane, reason);
                }
            }
        }
        ranked
    }

    /// Moves the reservation and the count of the chute from the old destination to the new one.
    pub(crate) fn set_destination(&mut self, id: u32, destination: Destination, reason: Reason) {
        self.leave_chute(id);
        if let Destination::Chute { batch, job, chute, .. } = destination {
            let batch = self.batch_ids.get(&batch).copied();
            let job = batch.and_then(|batch| self.lists(batch).jobs.get(job.0 as usize).copied());
            let is_known = usize::from(chute.0) < self.plant.chutes.len();
            let Some(job) = job.filter(|_| is_known) else {
                // Only an imposed decision of another version can name a job or a chute that is not there.
                self.loads.edit(id, |load| load.destination = Destination::Unanswered);
                return;
            };
            if self.loads.get(id).job.is_none() {
                self.reserve(id, job);
            }
            self.edit_chute(chute, |chute| chute.in_flight += 1);
        }
        self.loads.edit(id, |load| {
            load.destination = destination;
            load.reason = reason;
            load.belief = LoadBelief::Routed;
            load.generation += 1;
        });
    }

    /// The load is no longer on its way to a chute, if it was.
    pub(crate) fn leave_chute(&mut self, id: u32) {
        if let Destination::Chute { chute, .. } = self.loads.get(id).destination {
            self.edit_chute(chute, |chute| {
                chute.in_flight = chute.in_flight.checked_sub(1).expect("every load in flight was counted");
            });
            self.loads.edit(id, |load| load.destination = Destination::Unanswered);
        }
    }

    fn reserve(&mut self, id: u32, job: u32) {
        let batch = self.jobs.get(job).batch;
        self.jobs.edit(job, |row| {
            row.in_flight += row.portion;
            assert!(row.done.0 + row.in_flight.0 <= row.planned.0, "no more is reserved than planned");
        });
        self.batches.edit(batch, |batch| batch.loads_open += 1);
        self.loads.edit(id, |load| load.job = Some(job));
    }

    /// The load turns out to be a piece of another job than it was taken for.
    pub(crate) fn move_reservation(&mut self, turn: &mut Turn<'_>, id: u32, job: u32) {
        let old = self.loads.edit(id, |load| load.job.take());
        self.reserve(id, job);
        let Some(old) = old else { return };
        let batch = self.jobs.edit(old, |row| {
            row.in_flight = row.in_flight - row.portion;
            row.batch
        });
        self.batches.edit(batch, |batch| {
            batch.loads_open =
                batch.loads_open.checked_sub(1).expect("every open load of the batch was counted");
        });
        self.give_up_portion(turn, old);
        self.end_when_empty(turn, batch);
    }

    /// Sends the destination a load has, waiting for the binding it rests on.
    pub(crate) fn send_destination(&mut self, turn: &mut Turn<'_>, id: u32) {
        let load = self.loads.get(id);
        let line = load.key.line;
        let (lane, alternatives, after) = match load.destination {
            Destination::Chute { lane, alternatives, .. } if is_on(Mutation::BindingUngated) => {
                (lane, alternatives, Seq::NONE)
            }
            Destination::Chute { chute, lane, alternatives, .. } => {
                (lane, alternatives, self.chute(chute).bound_in)
            }
            Destination::Recirculate => (DestinationCommand::RECIRCULATE, [LaneNo::NONE; 2], Seq::NONE),
            Destination::Overflow { lane } => (lane, [LaneNo::NONE; 2], Seq::NONE),
            Destination::Exception => (DestinationCommand::EXCEPTION, [LaneNo::NONE; 2], Seq::NONE),
            Destination::Unanswered => return,
        };
        let command = DestinationCommand {
            plc_epoch: load.key.plc_epoch,
            item: load.key.item,
            lane,
            alternatives,
            may_recirculate: !matches!(load.destination, Destination::Exception),
            answers: load.scan_seq,
            decide_by: load.decide_by,
            point: load.point,
        };
        turn.out.command(line, after, load.generation, SorterCommand::Destination(command));
    }
}

/// Keeps that a lane was passed over. The list is bounded; what does not fit is not kept.
fn note_lane(passed: &mut Passed, lane: LaneNo, reason: Reason) {
    if !passed.is_full() {
        passed.push(Rejected { candidate: Candidate::Lane(lane), reason }).expect("not full");
    }
}
