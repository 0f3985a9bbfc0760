//! Batches while the store owns them: which orders they hold, and the plan of their jobs.
//!
//! ```text
//! receiving -> waiting <-> ready -> starting -> (the journal: running, paused, closing, ended)
//!     |           |          |          |
//!     +-----------+-> merged |          +-> ready   the core refused the start
//!     +-----------+----------+-> cancelled
//! ```
//!
//! The plan comes from outside as jobs. The store checks that it plans no more than was ordered, and keeps which lines
//! of the order each job fills.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::limits::{CODES_PER_JOB_MAX, JOBS_PER_BATCH_MAX};
use wcs_types::{Assign, BatchKind, ChuteId, Identify, JobSpec, OrderKey};

use crate::database::{Row, Session, Value, values};
use crate::error::StoreError;
use crate::statements;
use crate::store::Store;
use crate::words::Word;

/// Bytes of a reference.
const REFERENCE_SIZE_MAX: usize = 64;

/// A batch to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BatchDraft {
    /// Name of the batch with whoever makes it. Making it again under the same reference is the same batch.
    pub reference: Option<String>,
    /// Line it is to run on.
    pub line: u16,
    /// Kind of work.
    pub kind: BatchKind,
    /// How loads are identified.
    pub identify: Identify,
    /// How classes get chutes.
    pub assign: Assign,
    /// How many order chutes it may use; 0 for all.
    pub chute_limit: u16,
}

/// Why a batch was not changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum BatchRefusal {
    #[error("there is no batch {batch}")]
    Unknown { batch: i64 },
    #[error("batch {batch} is {state}; this needs it {needed}")]
    WrongState { batch: i64, state: String, needed: &'static str },
    #[error("the reference is taken by batch {batch}, which is another: its {field} differs")]
    ReferenceTaken { batch: i64, field: &'static str },
    #[error("a reference has 1 to {REFERENCE_SIZE_MAX} bytes without control characters")]
    BadReference,
    #[error("{} orders cannot be in the batch; the first is {}: {}", orders.len(), orders[0].0.number, orders[0].1)]
    Orders { orders: Vec<(OrderKey, MemberFault)> },
    #[error("the batch has no orders")]
    Empty,
    #[error("batches {from} and {into} differ in line or settings")]
    Unlike { from: i64, into: i64 },
    #[error("the plan has {jobs} jobs; at most {JOBS_PER_BATCH_MAX} fit a batch")]
    TooManyJobs { jobs: usize },
    #[error("job {index} of the plan ({order}, line {line_no}): {fault}")]
    BadJob { index: usize, order: String, line_no: u32, fault: PlanFault },
    #[error("orders are being added to batch {batch}; ask again")]
    AdditionOpen { batch: i64 },
    #[error("the start was asked with another token before")]
    OtherToken,
}

/// Why an order cannot be in a batch.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum MemberFault {
    #[error("there is no such order")]
    Unknown,
    #[error("it is in batch {batch}")]
    Taken { batch: i64 },
    #[error("it is {state}")]
    State { state: String },
    #[error("it is named twice")]
    Twice,
    #[error("it is not in the batch")]
    NoMember,
}

/// What is wrong with a job of a plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum PlanFault {
    #[error("its order is not in the batch")]
    NoMember,
    #[error("its order has no such line of that article")]
    NoLine,
    #[error("it has no pieces, no code, an empty code, or too many codes")]
    Incomplete,
    #[error("the plan has more pieces of the article than the order")]
    TooMuch,
}

/// A refusal, or no answer at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BatchError {
    /// The batch does not allow it; nothing was changed.
    #[error(transparent)]
    Refused(#[from] BatchRefusal),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A batch that was made, now or before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Made {
    /// Its id.
    pub batch: i64,
    /// It was there before.
    pub is_repeat: bool,
}

impl Store {
    /// Makes an empty batch that receives orders.
    ///
    /// # Errors
    /// Another batch has the reference, or the store cannot be used.
    pub async fn make_batch(&self, draft: &BatchDraft, now_ms: i64) -> Result<Made, BatchError> {
        self.make_batch_of(draft, &[], now_ms).await
    }

    /// Makes a batch that receives orders, and puts these in: both, or neither. How it will be assigned may change until
    /// it is planned, and is no part of what makes a repeated request the same.
    ///
    /// # Errors
    /// Another batch has the reference, an order does not allow it, or the store cannot be used.
    pub async fn make_batch_of(
        &self,
        draft: &BatchDraft,
        orders: &[OrderKey],
        now_ms: i64,
    ) -> Result<Made, BatchError> {
        let reference = draft.reference.as_deref();
        let is_bad = |text: &str| {
            text.is_empty() || text.len() > REFERENCE_SIZE_MAX || text.chars().any(char::is_control)
        };
        if reference.is_some_and(is_bad) {
            return Err(BatchRefusal::BadReference.into());
        }
        let mut session = self.database().begin().await?;
        self.lock_orders(&mut session).await?;
        if let Some(reference) = reference
            && let Some(row) = session.find(statements::FIND_BATCH_OF_REFERENCE, values![reference]).await?
        {
            let batch = row.int(0)?;
            let mut field = first_difference(draft, &row)?;
            if field.is_none() && !are_members(&mut session, batch, orders).await? {
                field = Some("orders");
            }
            return match field {
                Some(field) => Err(BatchRefusal::ReferenceTaken { batch, field }.into()),
                None => Ok(Made { batch, is_repeat: true }),
            };
        }
        let batch = draw(&mut session, "batch", 1).await?;
        let row = values![
            batch,
            reference,
            i64::from(draft.line),
            draft.kind.word(),
            draft.identify.word(),
            draft.assign.word(),
            i64::from(draft.chute_limit),
            now_ms,
        ];
        session.execute(statements::INSERT_BATCH, row).await?;
        add_members(&mut session, batch, orders).await?;
        session.commit().await?;
        Ok(Made { batch, is_repeat: false })
    }

    /// Puts orders into a batch that receives. All of them, or none; those that are in it already stay.
    ///
    /// # Errors
    /// The batch or an order does not allow it, or the store cannot be used.
    pub async fn add_orders(&self, batch: i64, orders: &[OrderKey]) -> Result<(), BatchError> {
        let mut session = self.begin_batch(batch, &["receiving"], "receiving").await?.0;
        add_members(&mut session, batch, orders).await?;
        Ok(session.commit().await?)
    }

    /// Which of these orders are in a batch.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn members_among(
        &self,
        batch: i64,
        orders: &[OrderKey],
    ) -> Result<BTreeSet<OrderKey>, StoreError> {
        let mut session = self.database().read().await?;
        let found = find_orders(&mut session, orders).await?;
        let is_in = found.into_iter().filter(|(_, (_, _, of))| *of == Some(batch));
        Ok(is_in.map(|(key, _)| key).collect())
    }

    /// Ends receiving: the batch waits for a plan. Again is a no-op.
    ///
    /// # Errors
    /// The batch does not allow it, or the store cannot be used.
    pub async fn finish_receiving(&self, batch: i64) -> Result<(), BatchError> {
        let (mut session, row) = self.begin_batch(batch, &["receiving", "waiting"], "receiving").await?;
        if row.text(8)? == "receiving" {
            if session.fetch(statements::FIND_MEMBER_LINES, values![batch]).await?.is_empty() {
                return Err(BatchRefusal::Empty.into());
            }
            session.execute(statements::SET_BATCH_STATE, values![batch, "waiting"]).await?;
            session.commit().await?;
        }
        Ok(())
    }

    /// Gives a batch its plan, in place of the one it may have: its jobs, in the order in which the core gets them.
    ///
    /// # Errors
    /// The plan does not fit the orders, the batch does not allow it, or the store cannot be used.
    pub async fn assign(&self, batch: i64, jobs: &[JobSpec]) -> Result<(), BatchError> {
        self.assign_by(batch, None, jobs, &[]).await
    }

    /// As [`Store::assign`], and says how classes get chutes from now on: for `Assign::Fixed` by a table.
    ///
    /// # Errors
    /// As [`Store::assign`]; or the table names an order that is not in the batch.
    pub async fn assign_by(
        &self,
        batch: i64,
        by: Option<Assign>,
        jobs: &[JobSpec],
        table: &[(OrderKey, ChuteId)],
    ) -> Result<(), BatchError> {
        if jobs.len() > JOBS_PER_BATCH_MAX {
            return Err(BatchRefusal::TooManyJobs { jobs: jobs.len() }.into());
        }
        let (mut session, row) = self.begin_batch(batch, &["waiting", "ready"], "waiting or ready").await?;
        let identify = Identify::of_word(row.text(5)?)?;
        if jobs.is_empty() {
            return Err(BatchRefusal::Empty.into());
        }
        let mut open = OpenLines::of(&session.fetch(statements::FIND_MEMBER_LINES, values![batch]).await?)?;
        remove_plan(&mut session, batch).await?;
        let planned = insert_jobs(&mut session, batch, identify, &mut open, jobs, 0).await?;
        let mut table_rows = Vec::new();
        for (place, (order, chute)) in (0..).zip(table) {
            let id = open.orders.get(order).ok_or_else(|| {
                let faults = vec![(order.clone(), MemberFault::NoMember)];
                BatchRefusal::Orders { orders: faults }
            })?;
            table_rows.extend_from_slice(values![batch, place, *id, i64::from(chute.0)]);
        }
        session.execute_rows(&statements::INSERT_TABLE, &table_rows).await?;
        count_assigned(&mut session, batch).await?;
        session.execute(statements::SET_PLAN, values![batch, "ready", planned]).await?;
        if let Some(by) = by {
            session.execute(statements::SET_ASSIGN, values![batch, by.word()]).await?;
        }
        Ok(session.commit().await?)
    }

    /// Takes a batch back before its start; its orders are free for others. Again is a no-op.
    ///
    /// # Errors
    /// The batch does not allow it, or the store cannot be used.
    pub async fn cancel_batch(&self, batch: i64) -> Result<(), BatchError> {
        let allowed = &["receiving", "waiting", "ready", "cancelled"];
        let (mut session, row) = self.begin_batch(batch, allowed, "not started").await?;
        if row.text(8)? != "cancelled" {
            drop_plan(&mut session, batch).await?;
            session.execute(statements::REMOVE_MEMBERS, values![batch]).await?;
            session.execute(statements::SET_BATCH_STATE, values![batch, "cancelled"]).await?;
            session.commit().await?;
        }
        Ok(())
    }

    /// Puts all orders of one batch into another; both wait, and both are of the same settings.
    ///
    /// # Errors
    /// One of them does not allow it, or the store cannot be used.
    pub async fn merge_batches(&self, from: i64, into: i64) -> Result<(), BatchError> {
        let allowed = &["receiving", "waiting"];
        let (mut session, row) = self.begin_batch(from, allowed, "receiving or waiting").await?;
        let target = check(&mut session, into, allowed, "receiving or waiting").await?;
        if from == into || row.0[3..8] != target.0[3..8] {
            return Err(BatchRefusal::Unlike { from, into }.into());
        }
        session.execute(statements::MOVE_MEMBERS, values![from, into]).await?;
        session.execute(statements::MERGE_BATCH, values![from, into]).await?;
        Ok(session.commit().await?)
    }

    /// A session in which a batch of one of these states can be changed, and the row of the batch.
    pub(crate) async fn begin_batch(
        &self,
        batch: i64,
        allowed: &[&str],
        needed: &'static str,
    ) -> Result<(Session, Row), BatchError> {
        let mut session = self.database().begin().await?;
        self.lock_orders(&mut session).await?;
        let row = check(&mut session, batch, allowed, needed).await?;
        Ok((session, row))
    }
}

/// Where orders stand: id, state and batch of each.
async fn find_orders(
    session: &mut Session,
    orders: &[OrderKey],
) -> Result<BTreeMap<OrderKey, (i64, String, Option<i64>)>, StoreError> {
    let asked: BTreeSet<&OrderKey> = orders.iter().collect();
    let keys: Vec<Value<'_>> =
        asked.iter().flat_map(|key| [Value::from(&key.owner), Value::from(&key.number)]).collect();
    let mut found = BTreeMap::new();
    for row in session.fetch_rows(&statements::FIND_ORDERS, &keys).await? {
        let key = OrderKey { owner: row.string(1)?, number: row.string(2)? };
        found.insert(key, (row.int(0)?, row.string(3)?, row.maybe_int(4)?));
    }
    Ok(found)
}

async fn are_members(session: &mut Session, batch: i64, orders: &[OrderKey]) -> Result<bool, StoreError> {
    let found = find_orders(session, orders).await?;
    Ok(orders.iter().all(|key| found.get(key).is_some_and(|(_, _, of)| *of == Some(batch))))
}

/// Puts orders into a batch; those that are in it already stay.
pub(crate) async fn add_members(
    session: &mut Session,
    batch: i64,
    orders: &[OrderKey],
) -> Result<Vec<i64>, BatchError> {
    let found = find_orders(session, orders).await?;
    let (mut faults, mut added, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for order in orders {
        let fault = match found.get(order) {
            _ if !seen.insert(order) => MemberFault::Twice,
            None => MemberFault::Unknown,
            Some((_, _, Some(other))) if *other == batch => continue,
            Some((_, _, Some(other))) => MemberFault::Taken { batch: *other },
            Some((_, state, None)) if state != "wait" => MemberFault::State { state: state.clone() },
            Some((id, _, None)) => {
                added.push(*id);
                continue;
            }
        };
        faults.push((order.clone(), fault));
    }
    if !faults.is_empty() {
        return Err(BatchRefusal::Orders { orders: faults }.into());
    }
    let members: Vec<Value<'_>> = added.iter().flat_map(|id| [batch.into(), (*id).into()]).collect();
    session.execute_rows(&statements::INSERT_MEMBERS, &members).await?;
    Ok(added)
}

async fn check(
    session: &mut Session,
    batch: i64,
    allowed: &[&str],
    needed: &'static str,
) -> Result<Row, BatchError> {
    let row = session.find(statements::FIND_BATCH, values![batch]).await?;
    let row = row.ok_or(BatchRefusal::Unknown { batch })?;
    let state = row.maybe_text(9)?.unwrap_or(row.text(8)?);
    if !allowed.contains(&state) {
        return Err(BatchRefusal::WrongState { batch, state: state.to_owned(), needed }.into());
    }
    Ok(row)
}

/// Draws ids from a counter; the first of them.
pub(crate) async fn draw(session: &mut Session, name: &str, count: i64) -> Result<i64, StoreError> {
    let row = session.find(statements::DRAW, values![count, name]).await?;
    let row = row.ok_or_else(|| StoreError::damaged(format!("the counter of {name} is missing")))?;
    Ok(row.int(0)? - count)
}

/// Removes the plan of a batch: it waits for a new one.
pub(crate) async fn drop_plan(session: &mut Session, batch: i64) -> Result<(), StoreError> {
    remove_plan(session, batch).await?;
    count_assigned(session, batch).await?;
    session.execute(statements::SET_PLAN, values![batch, "waiting", 0]).await?;
    Ok(())
}

async fn remove_plan(session: &mut Session, batch: i64) -> Result<(), StoreError> {
    session.execute(statements::REMOVE_JOB_LINES, values![batch]).await?;
    session.execute(statements::REMOVE_JOBS, values![batch]).await?;
    session.execute(statements::REMOVE_TABLE, values![batch]).await?;
    Ok(())
}

/// Puts jobs in, numbered from `first`; the pieces in them.
pub(crate) async fn insert_jobs(
    session: &mut Session,
    batch: i64,
    identify: Identify,
    open: &mut OpenLines,
    jobs: &[JobSpec],
    first: i64,
) -> Result<i64, BatchError> {
    let texts: Vec<(String, Vec<u8>)> = jobs.iter().map(job_texts).collect();
    let (mut job_rows, mut fill_rows) = (Vec::new(), Vec::new());
    let mut planned = 0;
    for (index, (job, (label, codes))) in jobs.iter().zip(&texts).enumerate() {
        let fills = open.take(job, identify).map_err(|fault| {
            let (order, line_no) = (job.order.number.clone(), job.line_no);
            BatchRefusal::BadJob { index, order, line_no, fault }
        })?;
        let (number, order) = (first + index as i64, fills[0].0);
        planned += i64::from(job.quantity.0);
        for (order, line_no, quantity) in fills {
            fill_rows.extend_from_slice(values![batch, number, line_no, order, quantity]);
        }
        job_rows.extend_from_slice(values![
            batch,
            number,
            order,
            i64::from(job.line_no),
            &job.sku.owner,
            &job.sku.code,
            label,
            codes.as_slice(),
            i64::from(job.quantity.0),
            i64::from(job.priority),
            job.due_at.cast_signed(),
        ]);
    }
    session.execute_rows(&statements::INSERT_JOBS, &job_rows).await?;
    session.execute_rows(&statements::INSERT_JOB_LINES, &fill_rows).await?;
    Ok(planned)
}

pub(crate) async fn count_assigned(session: &mut Session, batch: i64) -> Result<(), StoreError> {
    session.execute(statements::SET_ASSIGNED_LINES, values![batch]).await?;
    session.execute(statements::SET_ASSIGNED_ORDERS, values![batch]).await?;
    Ok(())
}

fn first_difference(draft: &BatchDraft, row: &Row) -> Result<Option<&'static str>, StoreError> {
    let fields = [
        ("line", row.int(3)? == i64::from(draft.line)),
        ("kind", row.text(4)? == draft.kind.word()),
        ("identify", row.text(5)? == draft.identify.word()),
        ("chute limit", row.int(7)? == i64::from(draft.chute_limit)),
    ];
    Ok(fields.into_iter().find(|(_, is_same)| !is_same).map(|(field, _)| field))
}

/// Printable first code and all codes of a job, as they are stored.
fn job_texts(job: &JobSpec) -> (String, Vec<u8>) {
    let label = job.codes.first().map(ToString::to_string).unwrap_or_default();
    let codes = postcard::to_allocvec(&job.codes).expect("a list of byte strings can always be encoded");
    (label, codes)
}

/// What the orders of a batch still have for jobs to take.
pub(crate) struct OpenLines {
    orders: BTreeMap<OrderKey, i64>,
    /// By order and article: line number and pieces no job has taken.
    lines: BTreeMap<(i64, String, String), Vec<(i64, i64)>>,
}

impl OpenLines {
    pub(crate) fn of(rows: &[Row]) -> Result<Self, StoreError> {
        let (mut orders, mut lines) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for row in rows {
            let id = row.int(0)?;
            orders.insert(OrderKey { owner: row.string(1)?, number: row.string(2)? }, id);
            let article = (id, row.string(4)?, row.string(5)?);
            lines.entry(article).or_default().push((row.int(3)?, row.int(6)?));
        }
        Ok(Self { orders, lines })
    }

    /// Order, line and pieces that a job fills: its own line when a load is a line, else lines of its article in order.
    fn take(&mut self, job: &JobSpec, identify: Identify) -> Result<Vec<(i64, i64, i64)>, PlanFault> {
        let codes = 1..=CODES_PER_JOB_MAX;
        if job.quantity.0 == 0 || !codes.contains(&job.codes.len()) || job.codes.iter().any(|c| c.is_empty())
        {
            return Err(PlanFault::Incomplete);
        }
        let order = *self.orders.get(&job.order).ok_or(PlanFault::NoMember)?;
        let article = (order, job.sku.owner.clone(), job.sku.code.clone());
        let lines = self.lines.get_mut(&article).ok_or(PlanFault::NoLine)?;
        let is_named = |line: i64| identify == Identify::Sku || line == i64::from(job.line_no);
        if !lines.iter().any(|(line, _)| is_named(*line)) {
            return Err(PlanFault::NoLine);
        }
        let mut left = i64::from(job.quantity.0);
        let mut fills = Vec::new();
        for (line, open) in lines.iter_mut().filter(|(line, open)| is_named(*line) && *open > 0) {
            let pieces = left.min(*open);
            *open -= pieces;
            left -= pieces;
            fills.push((order, *line, pieces));
            if left == 0 {
                return Ok(fills);
            }
        }
        Err(PlanFault::TooMuch)
    }
}
