//! What each fact changes in the store. The only writer of every journal-owned column; it reads store-owned columns
//! that are frozen once a batch starts, and nothing else, so that the same journal always gives the same store.

use wcs_types::{
    BatchId, ChuteId, Fact, Input, JobId, LastSeen, LoadEnd, LoadKey, Outcome, Pieces, Reason, Record, Verb,
};

use crate::database::{Session, values};
use crate::error::StoreError;
use crate::projection::Projection;
use crate::statements;
use crate::words::Word;

/// Applies the facts of one record.
pub(crate) struct Applier<'a> {
    session: &'a mut Session,
    at: &'a mut Projection,
    seq: i64,
    now: i64,
}

/// A job as the store holds it.
struct Job {
    batch: i64,
    job: i64,
    order: i64,
    owner: String,
    number: String,
    quantity: i64,
    count: Count,
}

/// Pieces of a job, a line or an order that were sorted, that are in closed boxes, and that will not come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Count {
    picked: i64,
    boxed: i64,
    short: i64,
}

impl<'a> Applier<'a> {
    pub(crate) fn new(session: &'a mut Session, at: &'a mut Projection, record: &Record) -> Self {
        let (seq, now) = (record.seq.0.cast_signed(), record.now.0.cast_signed());
        at.seq = record.seq.0;
        at.core_ns = now;
        Self { session, at, seq, now }
    }

    pub(crate) async fn apply(&mut self, record: &Record) -> Result<(), StoreError> {
        if let Input::Verb { verb: Verb::Stage { spec, .. }, .. } = &record.input {
            self.at.batch_max = self.at.batch_max.max(i64::from(spec.batch.0));
        }
        for fact in &record.facts {
            self.apply_fact(fact).await?;
        }
        Ok(())
    }

    async fn see_load(
        &mut self,
        load: LoadKey,
        label: &str,
        previous: Option<LoadKey>,
    ) -> Result<(), StoreError> {
        let previous = match previous {
            Some(key) => self.find_load(key).await?.map(|(id, _)| id),
            None => None,
        };
        if self.find_load(load).await?.is_none() {
            self.insert_load(load, label, previous).await?;
        }
        match previous {
            Some(previous) => self.close_exception(previous, "reinducted").await,
            None => Ok(()),
        }
    }

    async fn apply_fact(&mut self, fact: &Fact) -> Result<(), StoreError> {
        match fact {
            Fact::BatchStarted { .. }
            | Fact::BatchPaused { .. }
            | Fact::BatchResumed { .. }
            | Fact::BatchClosing { .. }
            | Fact::BatchEnded { .. } => self.apply_life(fact).await,
            Fact::PiecesShort { batch, job, pieces, last_seen, reason, .. } => {
                self.note_short(*batch, *job, *pieces, last_seen, *reason).await
            }
            Fact::ClassBound { batch, order, chute, .. } => {
                let row =
                    values![i64::from(chute.0), i64::from(batch.0), &order.owner, &order.number, self.seq,];
                self.session.execute(statements::BIND_CHUTE, row).await.map(drop)
            }
            Fact::BoxSwapped { chute } => self.close_box(*chute).await,
            Fact::ChuteFreed { chute } => {
                self.close_box(*chute).await?;
                self.session.execute(statements::FREE_CHUTE, values![i64::from(chute.0)]).await.map(drop)
            }
            Fact::LoadSeen { load, label, previous } => {
                self.see_load(*load, &label.to_string(), *previous).await
            }
            Fact::LoadRecirculated { load, turns, .. } => {
                let id = self.load_id(*load).await?;
                let row = values![id, i64::from(*turns)];
                self.session.execute(statements::LOAD_TURNS, row).await.map(drop)
            }
            Fact::LoadEnded(end) => self.end_load(end).await,
            Fact::LoadHandSorted { load, label, batch, job, pieces, chute } => {
                self.hand_sort(*load, &label.to_string(), (*batch, *job), *pieces, *chute).await
            }
            Fact::DecisionLate { load } => {
                let id = self.load_id(*load).await?;
                self.session.execute(statements::LOAD_LATE, values![id]).await.map(drop)
            }
            Fact::JobsAdded { .. }
            | Fact::OrderCancelled { .. }
            | Fact::PiecesCancelled { .. }
            | Fact::StartCancelled { .. }
            | Fact::BoxBound { .. } => self.apply_change(fact).await,
            Fact::BoxClosed { .. }
            | Fact::LineHeld { .. }
            | Fact::LineReleased { .. }
            | Fact::InductionHeld { .. }
            | Fact::InductionReleased { .. }
            | Fact::ChuteTakenOut { .. }
            | Fact::ChutePutBack { .. }
            | Fact::ClassCompleted { .. }
            | Fact::AlarmRaised(_)
            | Fact::AlarmGone(_)
            | Fact::AlarmAcknowledged { .. }
            | Fact::AlarmShelved { .. }
            | Fact::AlarmUnshelved { .. }
            | Fact::AlarmAssigned { .. }
            | Fact::AlarmCommented { .. }
            | Fact::AlarmForgotten { .. }
            | Fact::PermitChanged { .. }
            | Fact::SelfStalled { .. }
            | Fact::LateBySelfStall { .. }
            | Fact::InputPutAside { .. } => Ok(()),
        }
    }

    /// The life of a batch.
    async fn apply_life(&mut self, fact: &Fact) -> Result<(), StoreError> {
        match fact {
            Fact::BatchStarted { batch } => self.start_batch(*batch).await,
            Fact::BatchPaused { batch } => self.change_batch(*batch, "paused").await,
            Fact::BatchResumed { batch } => self.change_batch(*batch, "running").await,
            Fact::BatchClosing { batch, is_forced } => {
                let Some(id) = self.batch_of(*batch).await? else { return Ok(()) };
                let row = values![id, i64::from(*is_forced)];
                self.session.execute(statements::BATCH_CLOSING, row).await.map(drop)
            }
            Fact::BatchEnded { batch } => {
                let Some(id) = self.batch_of(*batch).await? else { return Ok(()) };
                let row = values![id, self.seq, self.now];
                self.session.execute(statements::BATCH_ENDED, row).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// What people changed while a batch ran.
    async fn apply_change(&mut self, fact: &Fact) -> Result<(), StoreError> {
        match fact {
            Fact::JobsAdded { batch, .. } => {
                let Some(id) = self.batch_of(*batch).await? else { return Ok(()) };
                self.session.execute(statements::ORDERS_STARTED, values![id]).await.map(drop)
            }
            Fact::OrderCancelled { batch, jobs, .. } => {
                for (job, pieces) in jobs {
                    self.cancel_pieces(*batch, *job, *pieces).await?;
                }
                Ok(())
            }
            Fact::PiecesCancelled { batch, job, pieces } => self.cancel_pieces(*batch, *job, *pieces).await,
            Fact::StartCancelled { batch, token } => {
                let Some(id) = self.batch_of(*batch).await? else { return Ok(()) };
                let row = values![id, token.0.cast_signed()];
                self.session.execute(statements::START_TAKEN_BACK, row).await?;
                self.session.execute(statements::ORDERS_TAKEN_BACK, values![id]).await.map(drop)
            }
            Fact::BoxBound { chute, code } => {
                let code = code.to_string();
                let row = values![i64::from(chute.0), &code];
                self.session.execute(statements::STAND_BOX, row).await?;
                self.session.execute(statements::CODE_BOX, row).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn start_batch(&mut self, batch: BatchId) -> Result<(), StoreError> {
        self.at.batch_max = self.at.batch_max.max(i64::from(batch.0));
        let Some(id) = self.batch_of(batch).await? else { return Ok(()) };
        self.session.execute(statements::BATCH_STARTED, values![id, self.seq, self.now]).await?;
        self.session.execute(statements::ORDERS_STARTED, values![id]).await.map(drop)
    }

    async fn change_batch(&mut self, batch: BatchId, state: &str) -> Result<(), StoreError> {
        let Some(id) = self.batch_of(batch).await? else { return Ok(()) };
        self.session.execute(statements::BATCH_RUN_STATE, values![id, state]).await.map(drop)
    }

    /// The batch of the store that the journal means.
    async fn batch_of(&mut self, batch: BatchId) -> Result<Option<i64>, StoreError> {
        let row = self.session.find(statements::FIND_BATCH_OF_CORE, values![i64::from(batch.0)]).await?;
        if row.is_none() {
            self.at.homeless += 1;
        }
        row.map(|row| row.int(0)).transpose()
    }

    async fn job_of(&mut self, batch: i64, job: i64) -> Result<Option<Job>, StoreError> {
        let Some(row) = self.session.find(statements::FIND_JOB, values![batch, job]).await? else {
            self.at.homeless += 1;
            return Ok(None);
        };
        Ok(Some(Job {
            batch: row.int(0)?,
            job,
            order: row.int(1)?,
            quantity: row.int(2)?,
            count: Count { picked: row.int(3)?, boxed: row.int(4)?, short: row.int(5)? },
            owner: row.string(6)?,
            number: row.string(7)?,
        }))
    }

    async fn note_short(
        &mut self,
        batch: BatchId,
        job: JobId,
        pieces: Pieces,
        last_seen: &LastSeen,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let Some(job) = self.job_of(i64::from(batch.0), i64::from(job.0)).await? else { return Ok(()) };
        let seen = match last_seen {
            LastSeen::Never => "never".to_owned(),
            LastSeen::Scanner(load) => format!("scanner {load}"),
            LastSeen::Lane(load, lane) => format!("lane {lane} {load}"),
        };
        let row = values![job.batch, job.job, reason.as_str(), &seen];
        self.session.execute(statements::SET_JOB_SHORT, row).await?;
        let count = Count { short: i64::from(pieces.0), ..job.count };
        self.set_count(&job, count).await
    }

    /// Pieces of an order that was cancelled while its batch ran: they will not come.
    async fn cancel_pieces(&mut self, batch: BatchId, job: JobId, pieces: Pieces) -> Result<(), StoreError> {
        let Some(job) = self.job_of(i64::from(batch.0), i64::from(job.0)).await? else { return Ok(()) };
        let row = values![job.batch, job.job, Reason::OrderCancelled.as_str(), "never"];
        self.session.execute(statements::SET_JOB_SHORT, row).await?;
        let count = Count { short: job.count.short + i64::from(pieces.0), ..job.count };
        self.set_count(&job, count).await
    }

    /// Brings a job, the lines it fills, its order and its batch to a new count.
    async fn set_count(&mut self, job: &Job, mut count: Count) -> Result<(), StoreError> {
        // What was missing and is sorted by hand after all is not missing any more.
        count.short = count.short.min(job.quantity - count.picked).max(0);
        let before = job.count;
        if count == before {
            return Ok(());
        }
        let row = values![job.batch, job.job, count.picked, count.boxed, count.short];
        self.session.execute(statements::SET_JOB, row).await?;
        let rows = self.session.fetch(statements::FIND_JOB_LINES, values![job.batch, job.job]).await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            lines.push((row.int(0)?, row.int(1)?));
        }
        let (old, new) = (spread(&lines, before), spread(&lines, count));
        for ((line, _), (old, new)) in
            lines.iter().zip(old.iter().zip(&new)).filter(|(_, (old, new))| old != new)
        {
            let more = new.minus(old);
            let row = values![job.order, *line, more.picked, more.boxed, more.short];
            self.session.execute(statements::ADD_LINE, row).await?;
        }
        let more = count.minus(&before);
        let row = values![job.order, more.picked, more.boxed, more.short];
        self.session.execute(statements::ADD_ORDER, row).await?;
        let row = values![job.batch, more.picked, more.boxed, more.short];
        self.session.execute(statements::ADD_BATCH, row).await.map(drop)
    }

    async fn find_load(&mut self, load: LoadKey) -> Result<Option<(i64, i64)>, StoreError> {
        let key = values![i64::from(load.line.0), i64::from(load.plc_epoch.0), i64::from(load.item)];
        let row = self.session.find(statements::FIND_LOAD, key).await?;
        row.map(|row| Ok((row.int(0)?, row.int(1)?))).transpose()
    }

    async fn insert_load(
        &mut self,
        load: LoadKey,
        label: &str,
        previous: Option<i64>,
    ) -> Result<i64, StoreError> {
        self.at.loads += 1;
        let row = values![
            self.at.loads,
            i64::from(load.line.0),
            i64::from(load.plc_epoch.0),
            i64::from(load.item),
            label,
            previous,
            self.seq,
            self.now,
        ];
        self.session.execute(statements::INSERT_LOAD, row).await?;
        Ok(self.at.loads)
    }

    async fn load_id(&mut self, load: LoadKey) -> Result<i64, StoreError> {
        match self.find_load(load).await? {
            Some((id, _)) => Ok(id),
            None => self.insert_load(load, "", None).await,
        }
    }

    async fn end_load(&mut self, end: &LoadEnd) -> Result<(), StoreError> {
        let (id, credited) = match self.find_load(end.load).await? {
            Some(found) => found,
            None => (self.insert_load(end.load, "", None).await?, 0),
        };
        let label = end.label.to_string();
        let row = values![
            id,
            &label,
            end.job.map(|(batch, _)| i64::from(batch.0)),
            end.job.map(|(_, job)| i64::from(job.0)),
            i64::from(end.pieces.0),
            end.outcome.as_str(),
            end.reason.as_str(),
            i64::from(end.lane.0.0),
            end.result.map(Word::word),
            self.seq,
            self.now,
        ];
        self.session.execute(statements::LOAD_ENDED, row).await?;
        if end.outcome.may_be_hand_sorted() {
            let (outcome, reason) = (end.outcome.as_str(), end.reason.as_str());
            let row = values![id, &label, outcome, reason, i64::from(end.lane.0.0), self.seq];
            self.session.execute(statements::OPEN_EXCEPTION, row).await?;
        } else if end.outcome != Outcome::Sorted {
            self.close_exception(id, end.outcome.as_str()).await?;
        }
        match end.job {
            Some((batch, job)) if end.outcome == Outcome::Sorted && credited == 0 => {
                let Some(job) = self.job_of(i64::from(batch.0), i64::from(job.0)).await? else {
                    return Ok(());
                };
                let class = values![i64::from(batch.0), &job.owner, &job.number];
                let bound = self.session.find(statements::FIND_BINDING, class).await?;
                let chute = bound.map(|row| row.int(0)).transpose()?;
                self.credit(id, batch, &job, end.pieces, chute).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn hand_sort(
        &mut self,
        load: LoadKey,
        label: &str,
        (batch, job): (BatchId, JobId),
        pieces: Pieces,
        chute: ChuteId,
    ) -> Result<(), StoreError> {
        let id = self.load_id(load).await?;
        self.close_exception(id, "hand_sorted").await?;
        let home = self.job_of(i64::from(batch.0), i64::from(job.0)).await?;
        let box_id = match home {
            Some(home) => self.credit(id, batch, &home, pieces, Some(i64::from(chute.0))).await?,
            None => None,
        };
        let row =
            values![id, i64::from(batch.0), i64::from(job.0), i64::from(pieces.0), box_id, label, self.seq,];
        self.session.execute(statements::LOAD_HAND_SORTED, row).await.map(drop)
    }

    /// Pieces of a load are in a chute: its job has them, and so has the box of the chute.
    async fn credit(
        &mut self,
        load: i64,
        batch: BatchId,
        job: &Job,
        pieces: Pieces,
        chute: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        let pieces = i64::from(pieces.0);
        let mut box_id = None;
        if let Some(chute) = chute {
            let open = self.session.find(statements::FIND_OPEN_BOX, values![chute]).await?;
            let id = match open {
                Some(row) => row.int(0)?,
                None => {
                    self.at.boxes += 1;
                    let core = i64::from(batch.0);
                    let row =
                        values![self.at.boxes, chute, core, &job.owner, &job.number, self.seq, self.now];
                    self.session.execute(statements::OPEN_BOX, row).await?;
                    self.at.boxes
                }
            };
            self.session.execute(statements::FILL_BOX, values![id, pieces]).await?;
            box_id = Some(id);
        }
        self.session.execute(statements::LOAD_CREDITED, values![load, pieces, box_id]).await?;
        let count = Count { picked: job.count.picked + pieces, ..job.count };
        self.set_count(job, count).await?;
        Ok(box_id)
    }

    /// The box of a chute was taken away: what is in it is boxed.
    async fn close_box(&mut self, chute: ChuteId) -> Result<(), StoreError> {
        self.session.execute(statements::UNSTAND_BOX, values![i64::from(chute.0)]).await?;
        let open = self.session.find(statements::FIND_OPEN_BOX, values![i64::from(chute.0)]).await?;
        let Some(row) = open else { return Ok(()) };
        let id = row.int(0)?;
        self.session.execute(statements::CLOSE_BOX, values![id, self.seq, self.now]).await?;
        for row in self.session.fetch(statements::FIND_BOX_CONTENT, values![id]).await? {
            let Some(job) = self.job_of(row.int(0)?, row.int(1)?).await? else { continue };
            let count = Count { boxed: job.count.boxed + row.int(2)?, ..job.count };
            self.set_count(&job, count).await?;
        }
        Ok(())
    }

    async fn close_exception(&mut self, load: i64, by: &str) -> Result<(), StoreError> {
        self.session.execute(statements::CLOSE_EXCEPTION, values![load, self.seq, by]).await.map(drop)
    }
}

impl Count {
    fn minus(&self, other: &Self) -> Self {
        Self {
            picked: self.picked - other.picked,
            boxed: self.boxed - other.boxed,
            short: self.short - other.short,
        }
    }
}

/// The count of a job over the lines it fills, each with its pieces: earlier lines are served first.
fn spread(lines: &[(i64, i64)], total: Count) -> Vec<Count> {
    let mut left = total;
    let take = |left: &mut i64, most: i64| {
        let taken = (*left).min(most);
        *left -= taken;
        taken
    };
    lines
        .iter()
        .map(|(_, quantity)| {
            let picked = take(&mut left.picked, *quantity);
            let boxed = take(&mut left.boxed, *quantity);
            Count { picked, boxed, short: take(&mut left.short, *quantity - picked) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_job_go_to_its_lines_in_order() {
        let lines = [(1, 3), (4, 2), (5, 2)];
        let count = |picked, boxed, short| Count { picked, boxed, short };
        let spread = spread(&lines, count(4, 3, 3));
        assert_eq!(spread, [count(3, 3, 0), count(1, 0, 1), count(0, 0, 2)]);
        let sum = spread.iter().fold(Count::default(), |sum, line| {
            count(sum.picked + line.picked, sum.boxed + line.boxed, sum.short + line.short)
        });
        assert_eq!(sum, count(4, 3, 3));
    }
}
