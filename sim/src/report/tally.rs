//! The daemon's side: everything its journal says about loads, pieces and chutes. Fed record by record.

use std::collections::BTreeMap;

use wcs_types::{
    BatchId, ChuteId, EventBody, Fact, Input, JobId, JobSpec, LaneNo, LoadEnd, LoadKey, OrderKey, Outcome,
    Pieces, Plant, Reason, Record, Verb,
};

use super::shape::{AlarmCount, Deadline};

/// One load as the daemon knows it.
#[derive(Clone, Debug, Default)]
pub struct LoadTally {
    /// Code it was found by; empty when it had none.
    pub label: String,
    /// Its current end.
    pub end: Option<LoadEnd>,
    /// Chute and pieces, when a person sorted it by hand.
    pub hand: Option<(ChuteId, Pieces)>,
    /// Label the person read.
    pub hand_label: String,
    /// Order that was bound to the lane of its exit when the exit was taken.
    pub bound_at_exit: Option<OrderKey>,
}

/// Pieces that were missing when their batch ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Short {
    /// Order.
    pub order: String,
    /// Label or sku.
    pub label: String,
    /// Pieces.
    pub pieces: u32,
    /// Why.
    pub reason: Reason,
    /// The job they are missing of.
    pub job: (BatchId, JobId),
}

/// Everything a journal says, added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Loads by key.
    pub loads: BTreeMap<LoadKey, LoadTally>,
    /// Missing pieces.
    pub shorts: Vec<Short>,
    /// Passes that went round.
    pub recirculated: u64,
    /// Batches started.
    pub batches: u64,
    /// Batches ended.
    pub batches_ended: u64,
    /// Bindings of chutes that had a class before.
    pub rebound: u64,
    /// Late decisions, and stalls of the process that made them.
    pub deadline: Deadline,
    /// Inputs that were put aside.
    pub put_aside: u64,
    /// Records.
    pub records: u64,
    /// Pieces added to batches that ran.
    pub added_pieces: i64,
    /// Pieces that were cancelled.
    pub cancelled_pieces: i64,
    /// Pieces of all batches that were started, with what was added and without what was cancelled.
    pub planned_pieces: i64,
    /// Pieces planned by order and sku.
    pub planned: BTreeMap<(String, String), i64>,
    /// Alarms by code.
    pub alarms: BTreeMap<String, AlarmCount>,
    bound: BTreeMap<ChuteId, OrderKey>,
    /// What is handed over for each batch, by part.
    staged: BTreeMap<BatchId, BTreeMap<u16, Vec<Wanted>>>,
    /// What is planned in each batch that was started.
    started: BTreeMap<BatchId, Started>,
}

impl Tally {
    /// Adds one record.
    pub fn add(&mut self, plant: &Plant, record: &Record) {
        self.records += 1;
        self.see_input(plant, &record.input);
        if let Input::Verb { verb: Verb::Add { jobs, .. }, .. } = &record.input
            && record.facts.iter().any(|fact| matches!(fact, Fact::JobsAdded { .. }))
        {
            let wanted: Vec<Wanted> = jobs.iter().map(Wanted::of).collect();
            self.plan(&wanted, 1);
        }
        for fact in &record.facts {
            self.see_fact(fact);
        }
    }

    fn see_input(&mut self, plant: &Plant, input: &Input) {
        match input {
            Input::Sorter { line, event } => {
                let EventBody::Exit { actual, .. } = &event.body else { return };
                let load = LoadKey { line: *line, plc_epoch: event.plc_epoch, item: event.item };
                let order =
                    plant.chute_of_lane(*line, *actual).and_then(|chute| self.bound.get(&chute)).cloned();
                if let Some(order) = order.filter(|_| *actual != LaneNo::NONE) {
                    let tally = self.loads.entry(load).or_default();
                    // A doubled exit changes nothing: the first one stands.
                    tally.bound_at_exit.get_or_insert(order);
                }
            }
            // The first part of a number stands; another one is refused.
            Input::Verb { verb: Verb::Stage { spec, part, jobs }, .. }
                if !self.started.contains_key(&spec.batch) =>
            {
                let parts = self.staged.entry(spec.batch).or_default();
                parts.entry(*part).or_insert_with(|| jobs.iter().map(Wanted::of).collect());
            }
            Input::Verb { verb: Verb::Unstage { batch }, .. } if !self.started.contains_key(batch) => {
                self.staged.remove(batch);
            }
            _ => {}
        }
    }

    fn plan(&mut self, wanted: &[Wanted], sign: i64) {
        for Wanted { key, pieces } in wanted {
            *self.planned.entry(key.clone()).or_default() += sign * pieces;
        }
    }

    fn start(&mut self, batch: BatchId) {
        self.batches += 1;
        let staged: Vec<Wanted> =
            self.staged.get(&batch).into_iter().flat_map(BTreeMap::values).flatten().cloned().collect();
        self.plan(&staged, 1);
        let pieces: i64 = staged.iter().map(|wanted| wanted.pieces).sum();
        self.started.insert(batch, Started { staged: pieces, ..Started::default() });
        self.planned_pieces += pieces;
    }

    /// A start was taken back, with whatever was added and cancelled since.
    fn cancel_start(&mut self, batch: BatchId) {
        self.batches -= 1;
        for part in self.staged.remove(&batch).unwrap_or_default().values() {
            self.plan(part, -1);
        }
        let Started { staged, added, cancelled } = self.started.remove(&batch).unwrap_or_default();
        self.planned_pieces -= staged + added - cancelled;
        self.added_pieces -= added;
        self.cancelled_pieces -= cancelled;
    }

    fn change_plan(&mut self, batch: BatchId, pieces: i64) {
        let started = self.started.entry(batch).or_default();
        self.planned_pieces += pieces;
        if pieces < 0 {
            started.cancelled -= pieces;
            self.cancelled_pieces -= pieces;
        } else {
            started.added += pieces;
            self.added_pieces += pieces;
        }
    }

    fn see_hand_sorted(&mut self, fact: &Fact) {
        let Fact::LoadHandSorted { load, label, batch, job, pieces, chute } = fact else { return };
        // A person may finish what was listed as short (decision 0010).
        if let Some(short) = self.shorts.iter_mut().find(|short| short.job == (*batch, *job)) {
            short.pieces = short.pieces.saturating_sub(pieces.0);
        }
        let tally = self.loads.entry(*load).or_default();
        tally.hand = Some((*chute, *pieces));
        tally.hand_label = label.to_string();
    }

    fn see_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::BatchStarted { batch } => self.start(*batch),
            Fact::BatchEnded { .. } => self.batches_ended += 1,
            Fact::PiecesShort { batch, job, order, label, pieces, reason, .. } => self.shorts.push(Short {
                order: order.number.clone(),
                label: label.to_string(),
                pieces: pieces.0,
                reason: *reason,
                job: (*batch, *job),
            }),
            Fact::ClassBound { order, chute, is_rebound, .. } => {
                self.bound.insert(*chute, order.clone());
                self.rebound += u64::from(*is_rebound);
            }
            Fact::ChuteFreed { chute } => {
                self.bound.remove(chute);
            }
            Fact::LoadSeen { load, label, .. } => {
                self.loads.entry(*load).or_default().label = label.to_string()
            }
            Fact::LoadRecirculated { .. } => self.recirculated += 1,
            Fact::LoadEnded(end) => {
                let tally = self.loads.entry(end.load).or_default();
                if !end.label.is_empty() {
                    tally.label = end.label.to_string();
                }
                tally.end = Some(end.clone());
            }
            Fact::LoadHandSorted { .. } => self.see_hand_sorted(fact),
            Fact::DecisionLate { .. } => self.deadline.late += 1,
            Fact::LateBySelfStall { .. } => self.deadline.late_by_self_stall += 1,
            Fact::InputPutAside { .. } => self.put_aside += 1,
            Fact::SelfStalled { .. } => self.deadline.self_stalls += 1,
            Fact::AlarmRaised(key) => self.alarms.entry(key.code.to_string()).or_default().raised += 1,
            Fact::AlarmGone(key) => self.alarms.entry(key.code.to_string()).or_default().gone += 1,
            Fact::BatchPaused { .. }
            | Fact::BatchResumed { .. }
            | Fact::BatchClosing { .. }
            | Fact::ClassCompleted { .. }
            | Fact::BoxSwapped { .. }
            | Fact::AlarmAcknowledged { .. }
            | Fact::AlarmShelved { .. }
            | Fact::AlarmUnshelved { .. }
            | Fact::AlarmAssigned { .. }
            | Fact::AlarmCommented { .. }
            | Fact::AlarmForgotten { .. }
            | Fact::PermitChanged { .. }
            | Fact::LineHeld { .. }
            | Fact::LineReleased { .. }
            | Fact::InductionHeld { .. }
            | Fact::InductionReleased { .. }
            | Fact::BoxClosed { .. }
            | Fact::BoxBound { .. }
            | Fact::ChuteTakenOut { .. }
            | Fact::ChutePutBack { .. } => {}
            Fact::StartCancelled { batch, .. } => self.cancel_start(*batch),
            Fact::JobsAdded { batch, pieces, .. } => self.change_plan(*batch, i64::from(pieces.0)),
            Fact::OrderCancelled { batch, jobs, .. } => {
                let pieces: i64 = jobs.iter().map(|(_, pieces)| i64::from(pieces.0)).sum();
                self.change_plan(*batch, -pieces);
            }
            Fact::PiecesCancelled { batch, pieces, .. } => self.change_plan(*batch, -i64::from(pieces.0)),
        }
    }
}

/// Pieces of a batch that was started.
#[derive(Clone, Copy, Debug, Default)]
struct Started {
    staged: i64,
    added: i64,
    cancelled: i64,
}

/// Pieces of an article that an order wants.
#[derive(Clone, Debug)]
struct Wanted {
    key: (String, String),
    pieces: i64,
}

impl Wanted {
    fn of(job: &JobSpec) -> Self {
        let key = (job.order.number.clone(), job.sku.code.clone());
        Self { key, pieces: i64::from(job.quantity.0) }
    }
}

impl LoadTally {
    /// Its current outcome and reason, when it has ended.
    pub fn outcome(&self) -> Option<(Outcome, Reason)> {
        let end = self.end.as_ref()?;
        Some(if self.hand.is_some() { (Outcome::HandSorted, end.reason) } else { (end.outcome, end.reason) })
    }

    /// True when this is one physical load's only final outcome: not a number it lost at a PLC restart.
    pub fn is_counted(&self) -> bool {
        match self.outcome() {
            Some((Outcome::Superseded, _)) | None => false,
            Some((_, reason)) => reason != Reason::PlcRestartUnidentified,
        }
    }
}
