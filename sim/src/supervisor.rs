//! A scripted supervisor: stages the planned batches, starts each when the one before it has ended and its chutes
//! are free, and closes it when it is complete, or forced when nothing has moved for a while. Uses what a person
//! has: verbs and what screens show (facts). Sans-IO; the same script drives virtual time, demo and daemon.
//!
//! ```text
//! stage parts -> start (again when chutes are freed) -> running -> close (forced when quiet) -> ended -> next
//! ```

use wcs_engine::Chronicle;
use wcs_intake::PlannedBatch;
use wcs_types::batch::batch_content;
use wcs_types::limits::JOBS_PER_PART_MAX;
use wcs_types::{BatchId, Fact, MonoTime, Nanos, Reply, StartToken, Ticket, Verb, VerbRefusal};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Staging {
        part: u16,
    },
    Starting,
    /// The start was refused for want of chutes; tried again when one is freed.
    WaitingForChutes,
    Running,
    Closing,
}

/// The script.
#[derive(Clone, Debug)]
pub struct Supervisor {
    plans: Vec<PlannedBatch>,
    /// The plan at hand.
    at: usize,
    stage: Stage,
    waits_for: Option<Ticket>,
    next_ticket: u64,
    /// Pieces of the plan at hand as it was handed over; summed once, for `follow` runs at every fact.
    staged: u64,
    planned: u64,
    done: u64,
    /// What screens have shown.
    shown: Chronicle,
    /// Pieces planned and done when a close was refused as unfinished: not asked again before they change.
    unfinished: Option<(u64, u64)>,
    quiet: Nanos,
    /// A chute was freed since the last verb was asked.
    has_freed_chute: bool,
    /// The next batch is not started before this instant.
    rest_until: MonoTime,
    refusals: Vec<(BatchId, VerbRefusal)>,
    /// Nobody reaches the store: batches are neither handed over nor started.
    is_store_down: bool,
    /// The outage at hand was counted.
    is_held_up: bool,
    held_up: u64,
}

/// Between the end of a batch and the start of the next: people at the induction have to see the permit go.
const REST: Nanos = Nanos::from_secs(1);

/// Tickets of the supervisor start here; other askers use smaller ones.
const TICKET_BASE: u64 = 1 << 32;

impl Supervisor {
    /// A supervisor for these batches, in order. A running batch is closed by force after `quiet` without a load on
    /// the belt or a change while the line may be fed.
    pub fn new(plans: Vec<PlannedBatch>, quiet: Nanos) -> Self {
        let mut supervisor = Self {
            plans,
            at: 0,
            stage: Stage::Staging { part: 0 },
            waits_for: None,
            next_ticket: TICKET_BASE,
            staged: 0,
            planned: 0,
            done: 0,
            shown: Chronicle::default(),
            unfinished: None,
            quiet,
            has_freed_chute: false,
            rest_until: MonoTime::ZERO,
            refusals: Vec::new(),
            is_store_down: false,
            is_held_up: false,
            held_up: 0,
        };
        supervisor.take_up();
        supervisor
    }

    /// The process that was asked is gone, and with it everything that was shown: begin again, with what the journal
    /// of its successor says was done. Tickets are asked above every ticket used before.
    pub fn begin_again(&mut self, shown: Chronicle) {
        let (is_store_down, held_up) = (self.is_store_down, self.held_up);
        *self = Self::new(std::mem::take(&mut self.plans), self.quiet);
        (self.is_store_down, self.held_up) = (is_store_down, held_up);
        self.next_ticket = self.next_ticket.max(shown.last_ticket() + 1);
        self.has_freed_chute = shown.has_freed_chute();
        self.rest_until = shown.last_end().map_or(MonoTime::ZERO, |ended| ended + REST);
        self.shown = shown;
        self.follow();
    }

    /// True when every batch has ended.
    pub fn is_finished(&self) -> bool {
        self.at >= self.plans.len()
    }

    /// Verbs that were refused in a way the script cannot mend; the run cannot finish.
    pub fn refusals(&self) -> &[(BatchId, VerbRefusal)] {
        &self.refusals
    }

    /// Nobody reaches the store, or it is back. What it hands out (parts of batches, starts) waits for it.
    pub fn set_store_down(&mut self, is_down: bool) {
        self.is_held_up &= is_down;
        self.is_store_down = is_down;
    }

    /// Outages of the store that kept a batch from being handed over or started.
    pub fn held_up_count(&self) -> u64 {
        self.held_up
    }

    /// Screens show no load on the belt.
    pub fn is_belt_empty(&self) -> bool {
        self.shown.is_belt_empty()
    }

    /// Batches that have ended.
    pub fn ended_count(&self) -> usize {
        self.shown.ended_count()
    }

    /// What a screen shows.
    pub fn handle_fact(&mut self, now: MonoTime, fact: &Fact) {
        if !self.shown.see_fact(now, fact) {
            return;
        }
        match fact {
            Fact::BatchEnded { .. } => self.rest_until = now + REST,
            // Taken back by somebody before anything was sorted: it is handed over once more.
            Fact::StartCancelled { batch, .. } if self.is_at(*batch) => {
                self.waits_for = None;
                self.take_up();
            }
            Fact::ChuteFreed { .. } | Fact::ChutePutBack { .. } => {
                if self.stage == Stage::WaitingForChutes {
                    self.stage = Stage::Starting;
                } else {
                    self.has_freed_chute = true;
                }
            }
            _ => {}
        }
        self.follow();
    }

    /// The answer to a verb of ours; others are ignored.
    pub fn handle_reply(&mut self, ticket: Ticket, reply: &Reply) {
        if self.waits_for != Some(ticket) {
            return;
        }
        self.waits_for = None;
        let Some(plan) = self.plans.get(self.at) else { return };
        let batch = plan.spec.batch;
        let parts = plan.jobs.len().div_ceil(JOBS_PER_PART_MAX) as u16;
        match (self.stage, reply) {
            (Stage::Staging { part }, Reply::Done) => {
                self.stage =
                    if part + 1 < parts { Stage::Staging { part: part + 1 } } else { Stage::Starting };
            }
            (Stage::Starting, Reply::Done) => self.stage = Stage::Running,
            (Stage::Starting, Reply::Refused(VerbRefusal::TooFewChutes { .. })) => {
                // A chute may have come free between the question and the answer.
                if !self.has_freed_chute {
                    self.stage = Stage::WaitingForChutes;
                }
            }
            (Stage::Closing, Reply::Refused(VerbRefusal::Unfinished { .. })) => {
                self.unfinished = Some((self.planned, self.done));
                self.stage = Stage::Running;
            }
            (_, Reply::Refused(refusal)) => self.refusals.push((batch, *refusal)),
            (Stage::WaitingForChutes | Stage::Running | Stage::Closing, Reply::Done) => {}
        }
        self.follow();
    }

    /// The next verb to ask, at most one at a time.
    pub fn poll_verb(&mut self, now: MonoTime) -> Option<(Ticket, Verb)> {
        if self.waits_for.is_some() || !self.refusals.is_empty() {
            return None;
        }
        let plan = self.plans.get(self.at)?;
        if self.is_store_down && matches!(self.stage, Stage::Staging { .. } | Stage::Starting) {
            self.held_up += u64::from(!std::mem::replace(&mut self.is_held_up, true));
            return None;
        }
        let batch = plan.spec.batch;
        let verb = match self.stage {
            Stage::Staging { part } => {
                let jobs = plan.jobs.chunks(JOBS_PER_PART_MAX).nth(usize::from(part))?.to_vec();
                Verb::Stage { spec: plan.spec, part, jobs }
            }
            Stage::Starting if now < self.rest_until => return None,
            Stage::Starting => {
                let parts = plan.jobs.len().div_ceil(JOBS_PER_PART_MAX) as u16;
                let content_hash = batch_content(&plan.spec, &plan.jobs);
                // The same content started again after a crash is the same start.
                Verb::Start { batch, token: StartToken(content_hash | 1), parts, content_hash }
            }
            Stage::Running
                if self.done >= self.planned && self.unfinished != Some((self.planned, self.done)) =>
            {
                self.stage = Stage::Closing;
                Verb::Close { batch, is_forced: false }
            }
            Stage::Running if self.is_quiet(now) => {
                self.stage = Stage::Closing;
                Verb::Close { batch, is_forced: true }
            }
            Stage::Running | Stage::WaitingForChutes | Stage::Closing => return None,
        };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.waits_for = Some(ticket);
        self.has_freed_chute = false;
        Some((ticket, verb))
    }

    /// A verb could not be handed over: it is asked again.
    pub fn take_back(&mut self, ticket: Ticket) {
        if self.waits_for == Some(ticket) {
            self.waits_for = None;
            if self.stage == Stage::Closing {
                self.stage = Stage::Running;
            }
        }
    }

    /// When `poll_verb` could have something to say without a new fact.
    pub fn next_timeout(&self) -> MonoTime {
        if self.is_finished() || self.waits_for.is_some() {
            MonoTime::NEVER
        } else if self.stage == Stage::Starting {
            if self.is_store_down { MonoTime::NEVER } else { self.rest_until }
        } else if self.stage == Stage::Running && self.shown.is_permitted() && self.shown.is_belt_empty() {
            self.shown.last_move() + self.quiet
        } else {
            MonoTime::NEVER
        }
    }

    fn is_at(&self, batch: BatchId) -> bool {
        self.plans.get(self.at).is_some_and(|plan| plan.spec.batch == batch)
    }

    fn is_quiet(&self, now: MonoTime) -> bool {
        self.shown.is_permitted() && self.shown.is_belt_empty() && now >= self.shown.last_move() + self.quiet
    }

    /// Brings the script in line with what has happened to the batch at hand.
    fn follow(&mut self) {
        while let Some(plan) = self.plans.get(self.at) {
            let batch = plan.spec.batch;
            if !self.shown.has_ended(batch) {
                break;
            }
            self.at += 1;
            self.waits_for = None;
            self.take_up();
        }
        let Some(plan) = self.plans.get(self.at) else { return };
        let batch = plan.spec.batch;
        self.done = self.shown.pieces_done(batch);
        let planned = self.staged + self.shown.pieces_added(batch);
        self.planned = planned.saturating_sub(self.shown.pieces_cancelled(batch));
        if self.shown.has_started(batch) && !matches!(self.stage, Stage::Running | Stage::Closing) {
            self.stage = Stage::Running;
            self.waits_for = None;
        }
    }

    fn take_up(&mut self) {
        self.stage = Stage::Staging { part: 0 };
        if let Some(plan) = self.plans.get(self.at) {
            self.staged = plan.jobs.iter().map(|job| u64::from(job.quantity.0)).sum();
            self.planned = self.staged;
        }
    }
}
