//! What people take back: a batch that was staged, a start of which nothing was sorted yet, and what is still to come of
//! an order. What is in a chute stays there, and what is on the belt ends where it was sent.
//!
//! ```text
//! class: open --CancelOrder--> cancelled: no more than what is done and on the belt is planned;
//!                              each load that ends elsewhere takes its pieces from the plan
//! ```

use alloc::vec::Vec;

use wcs_types::limits::JOBS_PER_CANCEL_MAX;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{BatchId, Fact, OrderKey, Pieces, VerbRefusal};

use crate::control::{Core, Turn};
use crate::rows::{BatchLife, ChuteLife};

impl Core {
    pub(crate) fn unstage(&mut self, batch: BatchId) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        if self.batches.get(id).life != BatchLife::Staging {
            return Err(VerbRefusal::WrongState);
        }
        self.forget_batch(id);
        Ok(())
    }

    pub(crate) fn cancel_start(&mut self, turn: &mut Turn<'_>, batch: BatchId) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        let row = self.batches.get(id);
        if !matches!(row.life, BatchLife::Running | BatchLife::Paused) {
            return Err(VerbRefusal::WrongState);
        }
        if row.done.0 != 0 || row.loads_open != 0 {
            return Err(VerbRefusal::AlreadyPicked { pieces: row.done, loads: row.loads_open });
        }
        let (line, token) = (row.spec.line, row.token);
        let chutes = self.lists(id).classes.iter().filter_map(|class| self.classes.get(*class).chute);
        let chutes: Vec<_> = chutes.filter(|chute| self.chute(*chute).life == ChuteLife::Bound).collect();
        for chute in chutes {
            self.free_chute(turn, chute);
        }
        self.forget_batch(id);
        turn.out.fact(Fact::StartCancelled { batch, token });
        self.renew_permit(turn, line);
        Ok(())
    }

    pub(crate) fn cancel_order(
        &mut self,
        turn: &mut Turn<'_>,
        batch: BatchId,
        order: &OrderKey,
    ) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        if !matches!(self.batches.get(id).life, BatchLife::Running | BatchLife::Paused) {
            return Err(VerbRefusal::WrongState);
        }
        let lists = self.lists(id);
        let class = lists.classes.iter().copied().find(|class| self.classes.get(*class).order == *order);
        let Some(class) = class else { return Err(VerbRefusal::UnknownOrder) };
        if self.classes.get(class).is_cancelled {
            return Ok(());
        }
        let of_class = lists.jobs.iter().copied().filter(|job| self.jobs.get(*job).class == class);
        let jobs: Vec<u32> = of_class.collect();
        let mut cancelled = Vec::new();
        let mut in_flight = Pieces(0);
        for job in &jobs {
            let row = self.jobs.get(*job);
            in_flight += row.in_flight;
            let waiting = Pieces(row.planned.0 - row.done.0 - row.in_flight.0);
            if waiting.0 > 0 {
                cancelled.push((*job, waiting));
            }
        }
        let picked = self.classes.get(class).done;
        if cancelled.is_empty() && in_flight.0 == 0 {
            return Err(VerbRefusal::AlreadyPicked { pieces: picked, loads: 0 });
        }
        if cancelled.len() > JOBS_PER_CANCEL_MAX {
            return Err(VerbRefusal::TooMany);
        }
        for (job, pieces) in &cancelled {
            self.shrink(*job, *pieces);
        }
        self.classes.edit(class, |row| row.is_cancelled = true);
        let chute = self.classes.get(class).chute;
        let jobs = cancelled.iter().map(|(job, pieces)| (self.job_name(*job).1, *pieces)).collect();
        let picked = if is_on(Mutation::PickedUntold) { Pieces(0) } else { picked };
        turn.out.fact(Fact::OrderCancelled { batch, order: order.clone(), chute, picked, in_flight, jobs });
        self.close_cancelled(turn, class);
        self.renew_permit(turn, self.batches.get(id).spec.line);
        Ok(())
    }

    /// A load of this job has ended elsewhere than in its chute. Where its order was cancelled meanwhile, its pieces
    /// are cancelled too.
    pub(crate) fn give_up_portion(&mut self, turn: &mut Turn<'_>, job: u32) {
        let row = self.jobs.get(job);
        let (class, pieces) = (row.class, row.portion);
        if !self.classes.get(class).is_cancelled {
            return;
        }
        self.shrink(job, pieces);
        let (batch, job) = self.job_name(job);
        turn.out.fact(Fact::PiecesCancelled { batch, job, pieces });
        self.close_cancelled(turn, class);
        // It may have been the last that the batch missed.
        let line = self.batches.get(self.classes.get(class).batch).spec.line;
        self.renew_permit(turn, line);
    }

    /// Plans fewer pieces.
    fn shrink(&mut self, job: u32, pieces: Pieces) {
        let (batch, class) = self.jobs.edit(job, |row| {
            row.planned = row.planned - pieces;
            assert!(
                row.done.0 + row.in_flight.0 <= row.planned.0,
                "what is done or on the belt stays planned"
            );
            (row.batch, row.class)
        });
        self.classes.edit(class, |row| row.planned = row.planned - pieces);
        self.batches.edit(batch, |row| row.planned = row.planned - pieces);
    }

    /// The box of a cancelled class is closed for removal once nothing more comes for it.
    fn close_cancelled(&mut self, turn: &mut Turn<'_>, class: u32) {
        let row = self.classes.get(class);
        if row.done == row.planned
            && let Some(chute) = row.chute
        {
            self.complete_chute(turn, chute);
        }
    }
}
