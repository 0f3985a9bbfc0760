//! What the facts of a journal add up to beyond the state of the core: what whoever drives a daemon has to know when
//! it starts again, in a size that does not grow with the journal. It goes into every checkpoint beside the core, so
//! that a start from one need not read what lies before it. It decides nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use wcs_types::{BatchId, Fact, Input, LoadKey, MonoTime, Outcome, Record, Suspect};

/// Batches that are remembered after their end. More: the oldest is forgotten.
pub const BATCHES_KEPT_MAX: usize = 4_096;

/// The facts of a journal, added up.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Chronicle {
    last_ticket: u64,
    started: BTreeSet<BatchId>,
    ended: VecDeque<BatchId>,
    pieces_done: BTreeMap<BatchId, u64>,
    pieces_added: BTreeMap<BatchId, u64>,
    pieces_cancelled: BTreeMap<BatchId, u64>,
    open: BTreeSet<LoadKey>,
    is_permitted: bool,
    has_freed_chute: bool,
    last_move: MonoTime,
    last_end: Option<MonoTime>,
}

impl Chronicle {
    /// Adds a record.
    pub fn see_record(&mut self, record: &Record) {
        let ticket = match &record.input {
            Input::Verb { ticket, .. } => ticket.0,
            Input::Quarantined(put) => match &put.suspect {
                Suspect::Verb { ticket, .. } => ticket.0,
                _ => 0,
            },
            _ => 0,
        };
        self.last_ticket = self.last_ticket.max(ticket);
        for fact in &record.facts {
            self.see_fact(record.now, fact);
        }
    }

    /// Adds a fact; false when it says nothing about loads and batches.
    pub fn see_fact(&mut self, now: MonoTime, fact: &Fact) -> bool {
        match fact {
            Fact::AlarmRaised(_)
            | Fact::AlarmGone(_)
            | Fact::AlarmAcknowledged { .. }
            | Fact::AlarmShelved { .. }
            | Fact::AlarmUnshelved { .. }
            | Fact::AlarmAssigned { .. }
            | Fact::AlarmCommented { .. }
            | Fact::AlarmForgotten { .. } => return false,
            Fact::BatchStarted { batch } => {
                self.started.insert(*batch);
            }
            Fact::BatchEnded { batch } => {
                self.ended.push_back(*batch);
                self.last_end = Some(now);
                if self.ended.len() > BATCHES_KEPT_MAX
                    && let Some(oldest) = self.ended.pop_front()
                {
                    self.started.remove(&oldest);
                    self.pieces_done.remove(&oldest);
                    self.pieces_added.remove(&oldest);
                    self.pieces_cancelled.remove(&oldest);
                }
            }
            Fact::LoadSeen { load, .. } => {
                self.open.insert(*load);
            }
            Fact::LoadEnded(end) => {
                self.open.remove(&end.load);
                if let (Some((batch, _)), Outcome::Sorted) = (end.job, end.outcome) {
                    *self.pieces_done.entry(batch).or_default() += u64::from(end.pieces.0);
                }
            }
            Fact::LoadHandSorted { batch, pieces, .. } => {
                *self.pieces_done.entry(*batch).or_default() += u64::from(pieces.0);
            }
            Fact::JobsAdded { batch, pieces, .. } => {
                *self.pieces_added.entry(*batch).or_default() += u64::from(pieces.0);
            }
            Fact::OrderCancelled { batch, jobs, .. } => {
                let pieces: u64 = jobs.iter().map(|(_, pieces)| u64::from(pieces.0)).sum();
                *self.pieces_cancelled.entry(*batch).or_default() += pieces;
            }
            Fact::PiecesCancelled { batch, pieces, .. } => {
                *self.pieces_cancelled.entry(*batch).or_default() += u64::from(pieces.0);
            }
            Fact::StartCancelled { batch, .. } => {
                self.started.remove(batch);
                self.pieces_added.remove(batch);
                self.pieces_cancelled.remove(batch);
            }
            Fact::ChuteFreed { .. } | Fact::ChutePutBack { .. } => self.has_freed_chute = true,
            Fact::PermitChanged { is_permitted, .. } => self.is_permitted = *is_permitted,
            _ => {}
        }
        self.last_move = self.last_move.later(now);
        true
    }

    /// Largest ticket under which a verb was asked; 0 when none was.
    pub fn last_ticket(&self) -> u64 {
        self.last_ticket
    }

    /// The batch was started.
    pub fn has_started(&self, batch: BatchId) -> bool {
        self.started.contains(&batch)
    }

    /// The batch has ended.
    pub fn has_ended(&self, batch: BatchId) -> bool {
        self.ended.contains(&batch)
    }

    /// Batches that have ended.
    pub fn ended_count(&self) -> usize {
        self.ended.len()
    }

    /// When the last batch ended.
    pub fn last_end(&self) -> Option<MonoTime> {
        self.last_end
    }

    /// Pieces of a batch that are in their chutes.
    pub fn pieces_done(&self, batch: BatchId) -> u64 {
        self.pieces_done.get(&batch).copied().unwrap_or(0)
    }

    /// Pieces that were added to a batch while it ran.
    pub fn pieces_added(&self, batch: BatchId) -> u64 {
        self.pieces_added.get(&batch).copied().unwrap_or(0)
    }

    /// Pieces of a batch that were cancelled.
    pub fn pieces_cancelled(&self, batch: BatchId) -> u64 {
        self.pieces_cancelled.get(&batch).copied().unwrap_or(0)
    }

    /// No load is on the belt.
    pub fn is_belt_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Loads may be inducted.
    pub fn is_permitted(&self) -> bool {
        self.is_permitted
    }

    /// A chute was freed at some time.
    pub fn has_freed_chute(&self) -> bool {
        self.has_freed_chute
    }

    /// When the last thing happened to a load, a batch or a chute.
    pub fn last_move(&self) -> MonoTime {
        self.last_move
    }
}
