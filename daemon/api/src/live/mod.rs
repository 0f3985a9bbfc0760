//! The live state of the plant: a fold over durable records. What screens show of lines, running batches, chutes, loads,
//! exceptions and alarms comes from here, so it is there while the database is not. It decides nothing, and it is never
//! ahead of the disk.
//!
//! [`Live`] is the fold: sans IO, no clock, no thread. [`feed::LiveFeed`] keeps one up to date behind a lock and hands
//! what happened to whoever follows. What is kept is bounded: by the core's own tables for what is open, and by the
//! limits named here for what is over.

pub mod alarms;
pub mod batches;
mod changes;
pub mod chutes;
pub mod counts;
pub mod exceptions;
pub mod feed;
pub mod lines;
pub mod loads;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wcs_types::{
    AlarmCode, AlarmKey, BatchId, ChuteId, Code, Decision, Destination, EventBody, EventSeq, Fact, Input,
    JobId, LaneNo, LineId, LinkChange, LoadEnd, LoadKey, OrderKey, Outcome, Pieces, Plant, Reason, Record,
    Seq, SorterEvent, Suspect, Verb,
};

use crate::ports::Told;
use alarms::Alarms;
use batches::{BatchProgress, BatchState, Batches};
use chutes::{Chute, ChuteState};
use exceptions::Exceptions;
use lines::{Line, LinkState};
use loads::{End, Loads, Stamp};

/// What is believed after a record.
#[derive(Clone, Debug)]
pub struct Live {
    plant: Arc<Plant>,
    at: Stamp,
    lines: Vec<Line>,
    chutes: Vec<Chute>,
    lanes: HashMap<(LineId, LaneNo), ChuteId>,
    batches: Batches,
    loads: Loads,
    exceptions: Exceptions,
    alarms: Alarms,
    /// Event taken last, for each line, in which life of its PLC's list.
    taken: BTreeMap<LineId, (wcs_types::Epoch, EventSeq)>,
}

impl Live {
    /// What is believed before the first record.
    pub fn new(plant: Arc<Plant>) -> Self {
        let lanes = (0_u16..)
            .zip(&plant.chutes)
            .flat_map(|(chute, spec)| spec.lanes.iter().map(move |lane| ((spec.line, *lane), ChuteId(chute))))
            .collect();
        Self {
            at: Stamp::default(),
            lines: vec![Line::default(); plant.lines.len()],
            chutes: vec![Chute::default(); plant.chutes.len()],
            lanes,
            batches: Batches::default(),
            loads: Loads::default(),
            exceptions: Exceptions::default(),
            alarms: Alarms::default(),
            taken: BTreeMap::new(),
            plant,
        }
    }

    /// The plant.
    pub fn plant(&self) -> &Arc<Plant> {
        &self.plant
    }

    /// The last record in it.
    pub fn at(&self) -> Stamp {
        self.at
    }

    /// A line.
    pub fn line(&self, line: LineId) -> Option<&Line> {
        self.lines.get(usize::from(line.0))
    }

    /// All lines, in plant order.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// A chute.
    pub fn chute(&self, chute: ChuteId) -> Option<&Chute> {
        self.chutes.get(usize::from(chute.0))
    }

    /// The chute a lane ends in.
    pub fn chute_of_lane(&self, line: LineId, lane: LaneNo) -> Option<ChuteId> {
        self.lanes.get(&(line, lane)).copied()
    }

    /// State of a chute.
    pub fn chute_state(&self, chute: ChuteId) -> Option<ChuteState> {
        let (row, spec) = (self.chute(chute)?, self.plant.chutes.get(usize::from(chute.0))?);
        let line = self.line(spec.line)?;
        Some(row.state(spec.lanes.iter().all(|lane| line.full.contains(*lane))))
    }

    /// The batches the core holds.
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// How far a batch has come; `None` when the core does not hold it.
    pub fn progress(&self, batch: BatchId) -> Option<BatchProgress> {
        self.batches.find(batch).map(batches::Batch::progress)
    }

    /// The job of a label that misses this piece and has a chute, as the core would book it.
    pub fn chute_for_label(&self, line: LineId, label: &Code) -> Option<((BatchId, JobId), ChuteId)> {
        self.batches
            .jobs_of(label)
            .filter(|(batch, _, job)| batch.spec.line == line && job.has_room())
            .find_map(|(batch, id, job)| {
                let chute = batch.classes.get(job.class as usize)?.chute?;
                Some(((batch.spec.batch, id), chute))
            })
    }

    /// Loads on the belt and the last that ended.
    pub fn loads(&self) -> &Loads {
        &self.loads
    }

    /// Loads that wait for a person.
    pub fn exceptions(&self) -> &Exceptions {
        &self.exceptions
    }

    /// Alarms that are not normal.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Adds the next record. One that is in already changes nothing.
    pub fn apply(&mut self, told: &Told) {
        if told.record.seq <= self.at.seq {
            return;
        }
        let at = Stamp { seq: told.record.seq, unix_ms: told.unix_ms };
        self.at = at;
        self.see_input(&told.record.input, at);
        self.see_added(&told.record);
        self.alarms.begin(told.record.seq, told.record.now);
        for fact in &told.record.facts {
            self.see_fact(fact, at);
        }
        // No record routes a load and ends it: what a route rests on (seen, bound) is told in its own record at latest.
        for decision in &told.record.decisions {
            if let Decision::Route { load, destination, reason, .. } = decision {
                self.route(*load, *destination, *reason);
            }
        }
    }

    fn see_input(&mut self, input: &Input, at: Stamp) {
        match input {
            Input::Sorter { line, event } => self.see_event(*line, event, at),
            Input::Link { line, change } => self.see_change(*line, change, at),
            Input::Verb { verb: Verb::Stage { spec, part, jobs }, .. } => {
                self.batches.stage(spec, *part, jobs, self.plant.lines.len(), at);
            }
            Input::Verb { verb: Verb::Unstage { batch }, .. } => self.batches.unstage(*batch),
            Input::Quarantined(put) => {
                if let Suspect::Link { line, change } = &put.suspect {
                    self.take_down(*line, change, at);
                }
            }
            Input::Verb { .. } | Input::Timeout | Input::Refused { .. } | Input::Storage(_) => {}
        }
    }

    /// Jobs that were added to a running batch: the fact says that they were taken, the verb holds them.
    fn see_added(&mut self, record: &Record) {
        if let Input::Verb { verb: Verb::Add { batch, jobs, .. }, .. } = &record.input
            && record.facts.iter().any(|fact| matches!(fact, Fact::JobsAdded { .. }))
        {
            self.batches.add(*batch, jobs);
        }
    }

    fn see_event(&mut self, line: LineId, event: &SorterEvent, at: Stamp) {
        let before = self.taken.insert(line, (event.fifo_epoch, event.seq_last));
        let is_again = before
            .is_some_and(|(epoch, last)| epoch == event.fifo_epoch && !event.seq_last.is_newer_than(last));
        if is_again && matches!(event.body, EventBody::Scan(_)) {
            return;
        }
        if let Some(row) = self.line_mut(line) {
            row.see_event(event, at);
        }
    }

    fn see_change(&mut self, line: LineId, change: &LinkChange, at: Stamp) {
        if let Some(row) = self.line_mut(line) {
            row.see_change(change, at);
        }
    }

    /// A change of a link that was put aside takes the line down, where it is one that the link rests on.
    fn take_down(&mut self, line: LineId, change: &LinkChange, at: Stamp) {
        let state = match change {
            LinkChange::Lanes { .. } | LinkChange::Travelled { .. } | LinkChange::EventsLost { .. } => return,
            LinkChange::Fenced { .. } => LinkState::Fenced,
            _ => LinkState::Faulted,
        };
        if let Some(row) = self.line_mut(line) {
            row.enter(state, Some("quarantined"), at);
        }
    }

    fn line_mut(&mut self, line: LineId) -> Option<&mut Line> {
        self.lines.get_mut(usize::from(line.0))
    }

    fn chute_mut(&mut self, chute: ChuteId) -> Option<&mut Chute> {
        self.chutes.get_mut(usize::from(chute.0))
    }

    fn see_fact(&mut self, fact: &Fact, at: Stamp) {
        match fact {
            Fact::BatchStarted { .. }
            | Fact::BatchPaused { .. }
            | Fact::BatchResumed { .. }
            | Fact::BatchClosing { .. }
            | Fact::BatchEnded { .. } => self.see_batch(fact, at),
            Fact::PiecesShort { batch, pieces, .. } => {
                if let Some(row) = self.batches.get_mut(*batch) {
                    row.short = row.short.saturating_add(pieces.0);
                }
            }
            Fact::ClassBound { batch, order, chute, .. } => self.bind(*batch, order, *chute, at),
            Fact::ClassCompleted { chute, .. } => {
                if let Some(row) = self.chute_mut(*chute) {
                    row.is_complete = true;
                }
            }
            Fact::BoxSwapped { chute } => {
                if let Some(row) = self.chute_mut(*chute) {
                    row.swap(at);
                }
            }
            Fact::ChuteFreed { chute } => self.free(*chute),
            Fact::LoadSeen { load, label, previous } => self.see_load(*load, label, *previous, at),
            Fact::LoadRecirculated { load, turns, .. } => self.see_round(*load, *turns),
            Fact::LoadEnded(end) => self.end(end, at),
            Fact::LoadHandSorted { load, label, batch, job, pieces, chute } => {
                self.hand_sort(*load, label, (*batch, *job), *pieces, *chute, at);
            }
            Fact::DecisionLate { load } => self.see_late(*load),
            Fact::LateBySelfStall { load } => {
                if let Some(line) = self.line_mut(load.line) {
                    line.counts.late_by_self_stall += 1;
                }
            }
            Fact::AlarmRaised(_)
            | Fact::AlarmGone(_)
            | Fact::AlarmAcknowledged { .. }
            | Fact::AlarmShelved { .. }
            | Fact::AlarmUnshelved { .. }
            | Fact::AlarmAssigned { .. }
            | Fact::AlarmCommented { .. }
            | Fact::AlarmForgotten { .. } => self.see_alarm(fact, at),
            Fact::PermitChanged { line, is_permitted } => {
                if let Some(row) = self.line_mut(*line) {
                    row.is_permitted = *is_permitted;
                }
            }
            Fact::LineHeld { .. }
            | Fact::LineReleased { .. }
            | Fact::InductionHeld { .. }
            | Fact::InductionReleased { .. }
            | Fact::BoxClosed { .. }
            | Fact::BoxBound { .. }
            | Fact::ChuteTakenOut { .. }
            | Fact::ChutePutBack { .. }
            | Fact::JobsAdded { .. }
            | Fact::OrderCancelled { .. }
            | Fact::PiecesCancelled { .. }
            | Fact::StartCancelled { .. } => self.see_people(fact, at),
            Fact::SelfStalled { .. } | Fact::InputPutAside { .. } => {}
        }
    }

    fn see_batch(&mut self, fact: &Fact, at: Stamp) {
        let (batch, state) = match fact {
            Fact::BatchStarted { batch } | Fact::BatchResumed { batch } => (*batch, BatchState::Running),
            Fact::BatchPaused { batch } => (*batch, BatchState::Paused),
            Fact::BatchClosing { batch, .. } => (*batch, BatchState::Closing),
            Fact::BatchEnded { batch } => (*batch, BatchState::Ended),
            _ => return,
        };
        let Some(row) = self.batches.get_mut(batch) else { return };
        row.change(state, at);
        match fact {
            Fact::BatchStarted { .. } => row.started = Some(at),
            Fact::BatchClosing { is_forced, .. } => row.is_forced = *is_forced,
            Fact::BatchEnded { .. } => {
                for chute in &mut self.chutes {
                    chute.is_complete |= chute.bound.as_ref().is_some_and(|bound| bound.batch == batch);
                }
            }
            _ => {}
        }
    }

    fn bind(&mut self, batch: BatchId, order: &OrderKey, chute: ChuteId, at: Stamp) {
        if let Some(row) = self.chute_mut(chute) {
            row.bind(batch, order.clone(), at);
        }
        self.set_class_chute(batch, order, Some(chute));
    }

    fn set_class_chute(&mut self, batch: BatchId, order: &OrderKey, chute: Option<ChuteId>) {
        let Some(row) = self.batches.get_mut(batch) else { return };
        if let Some(class) = row.class_of(order).and_then(|class| row.classes.get_mut(class as usize)) {
            class.chute = chute;
        }
    }

    fn free(&mut self, chute: ChuteId) {
        let Some(row) = self.chute_mut(chute) else { return };
        let bound = row.bound.clone();
        row.free();
        if let Some(bound) = bound {
            self.set_class_chute(bound.batch, &bound.order, None);
        }
    }

    fn see_load(&mut self, load: LoadKey, label: &Code, previous: Option<LoadKey>, at: Stamp) {
        self.loads.see(load, label, previous, at);
        self.exceptions.close(load);
        if let Some(previous) = previous {
            self.exceptions.close(previous);
        }
        if let Some(line) = self.line_mut(load.line) {
            line.counts.seen += 1;
        }
    }

    fn route(&mut self, key: LoadKey, destination: Destination, reason: Reason) {
        self.leave_chute(key);
        let Some(load) = self.loads.on_belt_mut(key) else { return };
        load.sent = Some((destination, reason));
        let Destination::Chute { batch, job, chute, .. } = destination else { return };
        if load.job.is_none() {
            load.job = Some((batch, job));
            if let Some(row) = self.batches.get_mut(batch) {
                row.reserve(job);
            }
        }
        if let Some(row) = self.chutes.get_mut(usize::from(chute.0)) {
            row.in_flight += 1;
            load.bound_in = row.bound.as_ref().map(|bound| bound.at.seq);
        }
    }

    /// The load is no longer on its way to a chute, if it was.
    fn leave_chute(&mut self, key: LoadKey) {
        let chute = self.loads.on_belt_mut(key).and_then(|load| load.chute());
        if let Some(row) = chute.and_then(|chute| self.chute_mut(chute)) {
            row.in_flight = row.in_flight.saturating_sub(1);
        }
    }

    fn end(&mut self, end: &LoadEnd, at: Stamp) {
        self.leave_chute(end.load);
        let was_on_belt = self.loads.on_belt_mut(end.load).map(|load| load.job);
        if let Some(Some((batch, job))) = was_on_belt
            && let Some(row) = self.batches.get_mut(batch)
        {
            row.release(job);
        }
        let (outcome, reason) = (end.outcome, end.reason);
        let known = End { outcome, reason, lane: end.lane.0, result: end.result, at };
        self.loads.end(end.load, &end.label, known);
        if let Some(load) = self.loads.any_mut(end.load)
            && end.job.is_some()
        {
            load.job = end.job;
        }
        if let Some(line) = self.line_mut(end.load.line) {
            line.counts.see_end(outcome, reason, at.unix_ms);
        }
        if outcome == Outcome::Sorted {
            self.credit(end.load, end.job, end.pieces, end.lane.0);
        }
        if outcome.may_be_hand_sorted() {
            self.exceptions.open(end, at);
        } else {
            self.exceptions.close(end.load);
        }
    }

    fn credit(&mut self, load: LoadKey, job: Option<(BatchId, JobId)>, pieces: Pieces, lane: LaneNo) {
        let bound = job.and_then(|(batch, job)| self.batches.get_mut(batch)?.credit(job, pieces));
        let chute = self.chute_of_lane(load.line, lane).or(bound);
        if let Some(row) = chute.and_then(|chute| self.chute_mut(chute)) {
            row.fill(pieces.0);
        }
    }

    fn hand_sort(
        &mut self,
        load: LoadKey,
        label: &Code,
        (batch, job): (BatchId, JobId),
        pieces: Pieces,
        chute: ChuteId,
        at: Stamp,
    ) {
        self.exceptions.close(load);
        if let Some(row) = self.loads.any_mut(load) {
            row.hand = Some((chute, at));
            row.job = Some((batch, job));
            if row.label.is_empty() {
                row.label = label.clone();
            }
        }
        if let Some(row) = self.batches.get_mut(batch) {
            row.credit(job, pieces);
        }
        if let Some(row) = self.chute_mut(chute) {
            row.fill(pieces.0);
        }
        if let Some(line) = self.line_mut(load.line) {
            line.counts.see_end(Outcome::HandSorted, Reason::ByHand, at.unix_ms);
        }
    }

    fn see_round(&mut self, load: LoadKey, turns: u16) {
        if let Some(row) = self.loads.on_belt_mut(load) {
            row.turns = turns;
        }
        if let Some(line) = self.line_mut(load.line) {
            line.counts.recirculated += 1;
        }
    }

    fn see_late(&mut self, load: LoadKey) {
        if let Some(row) = self.loads.any_mut(load) {
            row.late += 1;
        }
        if let Some(line) = self.line_mut(load.line) {
            line.counts.late += 1;
        }
    }

    fn see_alarm(&mut self, fact: &Fact, at: Stamp) {
        self.alarms.see(fact, at);
        match fact {
            Fact::AlarmRaised(key) => self.raise(*key, at),
            Fact::AlarmGone(key) => self.clear(*key),
            _ => {}
        }
    }

    fn raise(&mut self, key: AlarmKey, at: Stamp) {
        let state = match key.code {
            AlarmCode::DeviceFaulted | AlarmCode::RecordsMissing => Some(LinkState::Faulted),
            AlarmCode::FencedOff => Some(LinkState::Fenced),
            _ => None,
        };
        if let (Some(state), Some(row)) = (state, key.line.and_then(|line| self.line_mut(line)))
            && row.link != state
        {
            row.enter(state, Some(key.code.as_str()), at);
        }
        if let (AlarmCode::ChuteConflict, Some(row)) =
            (key.code, key.chute.and_then(|chute| self.chute_mut(chute)))
        {
            row.is_blocked = true;
        }
    }

    fn clear(&mut self, key: AlarmKey) {
        if let (AlarmCode::ChuteConflict, Some(row)) =
            (key.code, key.chute.and_then(|chute| self.chute_mut(chute)))
        {
            row.is_blocked = false;
        }
    }

    /// The last record in it.
    pub fn position(&self) -> Seq {
        self.at.seq
    }
}
