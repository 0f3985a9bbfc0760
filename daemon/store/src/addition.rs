//! Orders added to a batch that runs. As with a start, the content is frozen before the core is asked, and what a crash
//! leaves open is asked again: the core knows its parts.
//!
//! ```text
//! begin_addition: adding --the core took the part--> added
//!                        --it refused--> the part and all behind it are gone, their orders are free again
//! ```
//! Jobs and parts go on behind those of the start, so only the last parts can ever be taken out. A batch has one open
//! addition at most.

use wcs_types::limits::{JOBS_PER_BATCH_MAX, JOBS_PER_PART_MAX};
use wcs_types::{BatchSpec, Identify, JobSpec, OrderKey};

use crate::batch::{BatchError, BatchRefusal, OpenLines, add_members, count_assigned, insert_jobs};
use crate::database::{Row, Session, values};
use crate::error::StoreError;
use crate::starting::{jobs_of, spec_of};
use crate::statements;
use crate::store::Store;
use crate::words::Word;

/// An addition without an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Adding {
    /// The batch, in the store.
    pub batch: i64,
    /// What it is, under the id the core knows.
    pub spec: BatchSpec,
    /// Its parts, in order.
    pub parts: Vec<PartToAdd>,
}

/// One part of an addition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PartToAdd {
    /// Its number with the core.
    pub part: u16,
    /// Number of its first job.
    pub first_job: i64,
    /// How many jobs.
    pub jobs: i64,
}

impl Store {
    /// Puts orders into a batch that runs or is paused, with their jobs, as an addition the core is to be asked for.
    /// Orders that are in it already are left as they are: their jobs must not be among these.
    ///
    /// # Errors
    /// The batch, an order or a job does not allow it, another addition is open, or the store cannot be used.
    pub async fn begin_addition(
        &self,
        batch: i64,
        orders: &[OrderKey],
        jobs: &[JobSpec],
    ) -> Result<Adding, BatchError> {
        let (mut session, row) = self.begin_batch(batch, &["running", "paused"], "running or paused").await?;
        if !open_parts(&mut session, batch).await?.is_empty() {
            return Err(BatchRefusal::AdditionOpen { batch }.into());
        }
        add_members(&mut session, batch, orders).await?;
        if jobs.is_empty() {
            return Err(BatchRefusal::Empty.into());
        }
        let end = session.find(statements::FIND_END_OF_PARTS, values![batch]).await?;
        let end = end.ok_or_else(|| StoreError::damaged(format!("batch {batch} is gone")))?;
        let (first_job, first_part) = (end.int(0)?, end.small::<u16>(1)?);
        let all = usize::try_from(first_job).unwrap_or(usize::MAX).saturating_add(jobs.len());
        if all > JOBS_PER_BATCH_MAX {
            return Err(BatchRefusal::TooManyJobs { jobs: all }.into());
        }
        let identify = Identify::of_word(row.text(5)?)?;
        let mut open = OpenLines::of(&session.fetch(statements::FIND_MEMBER_LINES, values![batch]).await?)?;
        insert_jobs(&mut session, batch, identify, &mut open, jobs, first_job).await?;
        let mut parts = Vec::new();
        let mut next = first_job;
        for (part, size) in (first_part..).zip(cut(jobs)) {
            parts.push(PartToAdd { part, first_job: next, jobs: size as i64 });
            next += size as i64;
        }
        let rows: Vec<_> = parts
            .iter()
            .flat_map(|part| {
                let PartToAdd { part, first_job, jobs } = *part;
                [batch.into(), i64::from(part).into(), first_job.into(), jobs.into(), "adding".into()]
            })
            .collect();
        session.execute_rows(&statements::INSERT_PARTS, &rows).await?;
        count_assigned(&mut session, batch).await?;
        session.execute(statements::SET_PLANNED, values![batch]).await?;
        session.commit().await?;
        Ok(Adding { batch, spec: spec_of(&row, row.int(1)?)?, parts })
    }

    /// The addition of a batch that has no answer yet.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn open_addition(&self, batch: i64) -> Result<Option<Adding>, StoreError> {
        let mut session = self.database().read().await?;
        let parts = open_parts(&mut session, batch).await?;
        if parts.is_empty() {
            return Ok(None);
        }
        let row = session.find(statements::FIND_BATCH, values![batch]).await?;
        let row = row.ok_or_else(|| StoreError::damaged(format!("batch {batch} is gone")))?;
        Ok(Some(Adding { batch, spec: spec_of(&row, row.int(1)?)?, parts }))
    }

    /// Every addition without an answer. At boot, after the projector has read the whole journal, each is asked again.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn adding(&self) -> Result<Vec<Adding>, StoreError> {
        let mut session = self.database().read().await?;
        let mut all = Vec::new();
        for row in session.fetch(statements::LIST_ADDING, &[]).await? {
            let batch = row.int(0)?;
            let parts = open_parts(&mut session, batch).await?;
            all.push(Adding { batch, spec: spec_of(&row, row.int(1)?)?, parts });
        }
        Ok(all)
    }

    /// The jobs of a part.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn jobs_of_part(&self, batch: i64, part: PartToAdd) -> Result<Vec<JobSpec>, StoreError> {
        let mut session = self.database().read().await?;
        jobs_of(&mut session, batch, part.first_job, part.first_job + part.jobs).await
    }

    /// Ends an addition: the core took its parts before number `refused`, or all of them. The others are taken out,
    /// unless the journal tells of their jobs; orders of which nothing is left in the batch are free again, and named.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn end_addition(&self, batch: i64, refused: Option<u16>) -> Result<Vec<OrderKey>, StoreError> {
        let mut session = self.database().begin().await?;
        self.lock_orders(&mut session).await?;
        let mut freed = Vec::new();
        for part in open_parts(&mut session, batch).await? {
            let PartToAdd { part, first_job, jobs } = part;
            let is_refused = refused.is_some_and(|refused| part >= refused);
            if is_refused && !has_news(&mut session, batch, first_job, first_job + jobs).await? {
                freed = take_out(&mut session, batch, part, first_job).await?;
                break;
            }
            session.execute(statements::SET_PART_ADDED, values![batch, i64::from(part)]).await?;
        }
        session.commit().await?;
        Ok(freed)
    }
}

async fn open_parts(session: &mut Session, batch: i64) -> Result<Vec<PartToAdd>, StoreError> {
    let rows = session.fetch(statements::FIND_OPEN_PARTS, values![batch]).await?;
    let part = |row: &Row| Ok(PartToAdd { part: row.small(0)?, first_job: row.int(1)?, jobs: row.int(2)? });
    rows.iter().map(part).collect()
}

/// The journal tells of one of these jobs: the core had taken them.
async fn has_news(session: &mut Session, batch: i64, from: i64, to: i64) -> Result<bool, StoreError> {
    let row = session.find(statements::FIND_NEWS_OF_JOBS, values![batch, from, to]).await?;
    Ok(row.map_or(Ok(0), |row| row.int(0))? > 0)
}

/// Takes a part and all behind it out of a batch; the orders that are free again.
async fn take_out(
    session: &mut Session,
    batch: i64,
    part: u16,
    first_job: i64,
) -> Result<Vec<OrderKey>, StoreError> {
    session.execute(statements::REMOVE_PARTS, values![batch, i64::from(part)]).await?;
    session.execute(statements::REMOVE_JOB_LINES_FROM, values![batch, first_job]).await?;
    session.execute(statements::REMOVE_JOBS_FROM, values![batch, first_job]).await?;
    count_assigned(session, batch).await?;
    session.execute(statements::SET_PLANNED, values![batch]).await?;
    let mut freed = Vec::new();
    for row in session.fetch(statements::FIND_ORDERS_WITHOUT_JOBS, values![batch]).await? {
        let id = row.int(0)?;
        session.execute(statements::REMOVE_MEMBER, values![id]).await?;
        session.execute(statements::FREE_ORDER, values![id]).await?;
        session.execute(statements::FREE_LINES, values![id]).await?;
        freed.push(OrderKey { owner: row.string(1)?, number: row.string(2)? });
    }
    Ok(freed)
}

/// Sizes of parts: whole orders as long as they fit, so that an order is taken or refused as one.
fn cut(jobs: &[JobSpec]) -> Vec<usize> {
    let mut sizes: Vec<usize> = Vec::new();
    let mut has_room = false;
    for order in jobs.chunk_by(|one, other| one.order == other.order) {
        for piece in order.chunks(JOBS_PER_PART_MAX) {
            match sizes.last_mut() {
                Some(size) if has_room && *size + piece.len() <= JOBS_PER_PART_MAX => *size += piece.len(),
                _ => sizes.push(piece.len()),
            }
            has_room = true;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use wcs_types::{Pieces, SkuKey};

    use super::*;

    #[test]
    fn parts_hold_whole_orders() {
        let job = |number: &str| JobSpec {
            order: OrderKey { owner: "-".into(), number: number.into() },
            line_no: 1,
            sku: SkuKey::default(),
            quantity: Pieces(1),
            codes: Vec::new(),
            priority: 0,
            due_at: 0,
        };
        let jobs = |sizes: &[(&str, usize)]| -> Vec<JobSpec> {
            sizes.iter().flat_map(|(number, size)| std::iter::repeat_n(job(number), *size)).collect()
        };
        assert_eq!(cut(&jobs(&[("a", 100), ("b", 156), ("c", 1)])), [256, 1]);
        assert_eq!(cut(&jobs(&[("a", 200), ("b", 100), ("c", 100)])), [200, 200]);
        assert_eq!(cut(&jobs(&[("a", 600), ("b", 10)])), [256, 256, 98]);
    }
}
