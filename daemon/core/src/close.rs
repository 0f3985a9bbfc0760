//! Progress and end of a batch: pieces credited, classes completed, and at the end the list of what is missing,
//! written piece by piece from what is known of each, never as a remainder.

use alloc::vec::Vec;

use wcs_types::limits::LISTED_PER_RECORD_MAX;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{BatchId, Code, Fact, JobId, LaneNo, LastSeen, LoadKey, Outcome, Reason, SkuKey};

use crate::control::{Core, Turn};
use crate::rows::{BatchLife, ListingRow};

impl Core {
    /// The name of a job as the outside knows it.
    pub(crate) fn job_name(&self, job: u32) -> (BatchId, JobId) {
        let row = self.jobs.get(job);
        (self.batches.get(row.batch).spec.batch, JobId(row.index))
    }

    /// A load with this job reserved has ended.
    pub(crate) fn settle_job(
        &mut self,
        turn: &mut Turn<'_>,
        job: u32,
        load: LoadKey,
        outcome: Outcome,
        reason: Reason,
        lane: LaneNo,
    ) {
        let batch = self.jobs.edit(job, |row| {
            if outcome == Outcome::Sorted || !is_on(Mutation::ReservationLeaked) {
                row.in_flight = row.in_flight - row.portion;
            }
            if outcome == Outcome::Sorted {
                row.done += row.portion;
            } else {
                row.last_miss = Some((load, lane, reason));
            }
            row.batch
        });
        self.batches.edit(batch, |row| {
            row.loads_open = row.loads_open.checked_sub(1).expect("every open load of the batch was counted");
        });
        if outcome == Outcome::Sorted {
            self.credit(turn, job);
        } else {
            self.give_up_portion(turn, job);
        }
        self.end_when_empty(turn, batch);
    }

    /// One portion of a job is in its chute.
    pub(crate) fn credit(&mut self, turn: &mut Turn<'_>, job: u32) {
        let row = self.jobs.get(job);
        let (batch, class, pieces) = (row.batch, row.class, row.portion);
        self.batches.edit(batch, |row| row.done += pieces);
        let is_complete = self.classes.edit(class, |row| {
            row.done += pieces;
            assert!(row.done <= row.planned, "no class gets more than planned");
            row.done == row.planned
        });
        if is_complete {
            let row = self.classes.get(class);
            if let Some(chute) = row.chute {
                let order = row.order.clone();
                let batch = self.batches.get(batch).spec.batch;
                turn.out.fact(Fact::ClassCompleted { batch, order, chute });
                self.complete_chute(turn, chute);
            }
        }
        let line = self.batches.get(batch).spec.line;
        self.renew_permit(turn, line);
    }

    /// Ends a closing batch once none of its loads is on the belt.
    pub(crate) fn end_when_empty(&mut self, turn: &mut Turn<'_>, batch: u32) {
        let row = self.batches.get(batch);
        let is_listed = self.listings.iter().any(|(_, listing)| listing.batch == batch);
        if row.life != BatchLife::Closing || row.loads_open != 0 || is_listed {
            return;
        }
        self.list_and_end(turn, batch, 0);
    }

    /// Goes on with the list of a batch that misses more than one record holds.
    pub(crate) fn go_on_listing(&mut self, turn: &mut Turn<'_>) {
        let Some(id) = self.listings.iter().map(|(id, _)| id).next() else { return };
        let ListingRow { batch, next } = self.listings.remove(id);
        self.list_and_end(turn, batch, next);
    }

    /// The part of a list that cannot be made is left out, so that the batch ends all the same.
    pub(crate) fn skip_listing(&mut self, turn: &mut Turn<'_>) {
        let Some(id) = self.listings.iter().map(|(id, _)| id).next() else { return };
        let ListingRow { batch, .. } = self.listings.remove(id);
        self.end_batch(turn, batch);
    }

    fn list_and_end(&mut self, turn: &mut Turn<'_>, batch: u32, from: u32) {
        if is_on(Mutation::EndedEarly) {
            turn.out.fact(Fact::BatchEnded { batch: self.batches.get(batch).spec.batch });
        }
        if let Some(next) = self.list_missing(turn, batch, from) {
            self.listings.insert(ListingRow { batch, next });
        } else {
            self.end_batch(turn, batch);
        }
    }

    fn end_batch(&mut self, turn: &mut Turn<'_>, batch: u32) {
        let row = self.batches.get(batch);
        let (name, line) = (row.spec.batch, row.spec.line);
        self.batches.edit(batch, |row| row.life = BatchLife::Ended);
        turn.out.fact(Fact::BatchEnded { batch: name });
        let classes = self.lists(batch).classes.clone();
        for class in classes {
            if let Some(chute) = self.classes.get(class).chute {
                self.complete_chute(turn, chute);
            }
        }
        self.renew_permit(turn, line);
    }

    /// Lists what is missing from job `from` on, as much as goes into one record; gives the job to go on with.
    fn list_missing(&self, turn: &mut Turn<'_>, batch: u32, from: u32) -> Option<u32> {
        let row = self.batches.get(batch);
        let mut listed = 0;
        for (at, job) in (0_u32..).zip(&self.lists(batch).jobs).skip(from as usize) {
            let job_row = self.jobs.get(*job);
            let pieces = job_row.planned - job_row.done;
            let is_unlisted = job_row.last_miss.is_some() && is_on(Mutation::ShortUnlisted);
            if pieces.0 == 0 || is_unlisted {
                continue;
            }
            if listed == LISTED_PER_RECORD_MAX {
                return Some(at);
            }
            listed += 1;
            let text = self.job_texts[*job as usize].as_ref().expect("a job has its text while it exists");
            let (last_seen, reason) = match job_row.last_miss {
                Some((load, LaneNo::NONE, reason)) => (LastSeen::Scanner(load), reason),
                Some((load, lane, reason)) => (LastSeen::Lane(load, lane), reason),
                None => (LastSeen::Never, Reason::BatchClosed),
            };
            turn.out.fact(Fact::PiecesShort {
                batch: row.spec.batch,
                job: JobId(job_row.index),
                order: self.classes.get(job_row.class).order.clone(),
                sku: SkuKey { owner: text.sku_owner.clone(), code: text.sku_code.clone() },
                label: text.codes.first().cloned().unwrap_or_else(Code::default),
                pieces,
                last_seen,
                reason,
            });
        }
        None
    }

    /// Drops ended batches of a line: their labels are unknown from here on.
    pub(crate) fn forget_ended(&mut self, line: wcs_types::LineId) {
        let ended: Vec<u32> = self
            .batches
            .iter()
            .filter(|(_, row)| row.life == BatchLife::Ended && row.spec.line == line)
            .map(|(id, _)| id)
            .collect();
        for batch in ended {
            self.forget_batch(batch);
        }
    }

    /// Drops a batch of which no load is on the belt.
    pub(crate) fn forget_batch(&mut self, batch: u32) {
        let jobs = &self.jobs;
        self.ended.forget_jobs(|job| jobs.find(job).is_some_and(|row| row.batch == batch));
        let row = self.batches.remove(batch);
        self.batch_ids.remove(&row.spec.batch);
        let lists = self.batch_lists[batch as usize].take().expect("a batch has its lists while it exists");
        for job in lists.jobs {
            let text = self.job_texts[job as usize].take().expect("a job has its text while it exists");
            for code in &text.codes {
                self.codes.remove(code, job);
            }
            self.jobs.remove(job);
        }
        for class in lists.classes {
            if let Some(chute) = self.classes.get(class).chute {
                self.edit_chute(chute, |chute| chute.class = None);
            }
            self.classes.remove(class);
        }
    }
}
