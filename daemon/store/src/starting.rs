//! The start of a batch, settled rather than hoped: one transaction freezes the content under a token, the core gets
//! the parts and one start, and only the journal says that it runs. What a crash leaves `starting` is asked again.
//!
//! The `BatchId` of the core is drawn at the start and kept until the batch gets another plan: what was once staged
//! under an id is never staged under it with another content. It is above every id the journal has shown, so a store
//! that was restored from a backup cannot give one out twice.

use wcs_types::batch::batch_content_with_table;
use wcs_types::limits::JOBS_PER_PART_MAX;
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, ChuteId, Identify, JobSpec, LineId, OrderKey, Pieces, SkuKey,
    StartToken,
};

use crate::batch::{BatchError, BatchRefusal, draw};
use crate::database::{Row, Session, values};
use crate::error::StoreError;
use crate::store::Store;
use crate::words::Word;
use crate::{projection, statements};

/// A batch whose start was asked for, with everything the verbs to the core need but the jobs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Starting {
    /// The batch, in the store.
    pub batch: i64,
    /// What it is, under the id the core knows.
    pub spec: BatchSpec,
    /// Token of the start.
    pub token: StartToken,
    /// Parts to stage, each read with [`Store::part`].
    pub parts: u16,
    /// Parts of its table to hand over behind them, each read with [`Store::table_part`].
    pub table_parts: u16,
    /// Hash over everything that is staged.
    pub content_hash: u64,
}

impl Store {
    /// Freezes a batch that is ready and notes that it is to be started. The same token again is the same answer, also
    /// when it runs by now.
    ///
    /// # Errors
    /// The batch does not allow it, or the store cannot be used.
    pub async fn begin_start(&self, batch: i64, token: StartToken) -> Result<Starting, BatchError> {
        let states = &["ready", "starting", "running", "paused", "closing", "ended"];
        let (mut session, row) = self.begin_batch(batch, states, "ready").await?;
        if row.text(8)? != "ready" {
            let started = starting_of(&row)?;
            return if started.token == token { Ok(started) } else { Err(BatchRefusal::OtherToken.into()) };
        }
        let core_id = match row.maybe_int(1)? {
            Some(core_id) => core_id,
            None => {
                let seen = projection::read(&mut session).await?.batch_max;
                session.execute(statements::RAISE, values![seen + 1, "core_batch"]).await?;
                draw(&mut session, "core_batch", 1).await?
            }
        };
        let spec = spec_of(&row, core_id)?;
        let jobs = jobs_of(&mut session, batch, 0, i64::MAX).await?;
        let table = table_of(&mut session, batch, 0, i64::MAX).await?;
        let content_hash = batch_content_with_table(&spec, &jobs, &table);
        let parts_of = |rows: usize| {
            let parts = rows.div_ceil(JOBS_PER_PART_MAX);
            u16::try_from(parts).expect("a batch has a bounded number of jobs, and no more orders")
        };
        let (parts, table_parts) = (parts_of(jobs.len()), parts_of(table.len()));
        let row = values![
            batch,
            core_id,
            token.0.cast_signed(),
            i64::from(parts),
            content_hash.cast_signed(),
            i64::from(table_parts),
        ];
        session.execute(statements::SET_STARTING, row).await?;
        session.commit().await?;
        Ok(Starting { batch, spec, token, parts, table_parts, content_hash })
    }

    /// The core refused the start: the batch is ready again. Only for the start with this token.
    ///
    /// # Errors
    /// The batch is not being started with it, or the store cannot be used.
    pub async fn refuse_start(&self, batch: i64, token: StartToken) -> Result<(), BatchError> {
        let (mut session, row) = self.begin_batch(batch, &["starting"], "starting").await?;
        if starting_of(&row)?.token != token {
            return Err(BatchRefusal::OtherToken.into());
        }
        session.execute(statements::SET_START_REFUSED, values![batch]).await?;
        Ok(session.commit().await?)
    }

    /// Batches whose start was asked for and which the journal does not show running. At boot, after the projector has
    /// read the whole journal, each is staged and started again: the core knows its parts and its token.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn starting(&self) -> Result<Vec<Starting>, StoreError> {
        let mut session = self.database().read().await?;
        session.fetch(statements::LIST_STARTING, &[]).await?.iter().map(starting_of).collect()
    }

    /// Batches whose start was taken back in the journal while the store still has them starting: each is to be made
    /// ready again with [`Store::refuse_start`].
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn taken_back(&self) -> Result<Vec<(i64, StartToken)>, StoreError> {
        let mut session = self.database().read().await?;
        let rows = session.fetch(statements::LIST_TAKEN_BACK, &[]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, StartToken(row.int(1)?.cast_unsigned())))).collect()
    }

    /// Token of the start that was asked for last and not refused.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn start_token(&self, batch: i64) -> Result<Option<StartToken>, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::FIND_BATCH, values![batch]).await?;
        let token = row.map(|row| row.maybe_int(10)).transpose()?.flatten();
        Ok(token.map(|token| StartToken(token.cast_unsigned())))
    }

    /// One part of the table of a batch that has one; part 0 is the first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn table_part(&self, batch: i64, part: u16) -> Result<Vec<(OrderKey, ChuteId)>, StoreError> {
        let first = i64::from(part) * JOBS_PER_PART_MAX as i64;
        let mut session = self.database().read().await?;
        table_of(&mut session, batch, first, first + JOBS_PER_PART_MAX as i64).await
    }

    /// The jobs of one part of a batch that has a plan; part 0 is the first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn part(&self, batch: i64, part: u16) -> Result<Vec<JobSpec>, StoreError> {
        let first = i64::from(part) * JOBS_PER_PART_MAX as i64;
        let mut session = self.database().read().await?;
        jobs_of(&mut session, batch, first, first + JOBS_PER_PART_MAX as i64).await
    }
}

/// Classes and their chutes from place `from` to before place `to`.
async fn table_of(
    session: &mut Session,
    batch: i64,
    from: i64,
    to: i64,
) -> Result<Vec<(OrderKey, ChuteId)>, StoreError> {
    let rows = session.fetch(statements::FIND_TABLE, values![batch, from, to]).await?;
    let pair =
        |row: &Row| Ok((OrderKey { owner: row.string(0)?, number: row.string(1)? }, ChuteId(row.small(2)?)));
    rows.iter().map(pair).collect()
}

fn starting_of(row: &Row) -> Result<Starting, StoreError> {
    Ok(Starting {
        batch: row.int(0)?,
        spec: spec_of(row, row.int(1)?)?,
        token: StartToken(row.int(10)?.cast_unsigned()),
        parts: row.small(11)?,
        content_hash: row.int(12)?.cast_unsigned(),
        table_parts: row.small(24)?,
    })
}

pub(crate) fn spec_of(row: &Row, core_id: i64) -> Result<BatchSpec, StoreError> {
    let batch = u32::try_from(core_id).map_err(|_| StoreError::damaged("the ids of batches are used up"))?;
    Ok(BatchSpec {
        batch: BatchId(batch),
        line: LineId(row.small(3)?),
        kind: BatchKind::of_word(row.text(4)?)?,
        identify: Identify::of_word(row.text(5)?)?,
        assign: Assign::of_word(row.text(6)?)?,
        chute_limit: row.small(7)?,
    })
}

pub(crate) async fn jobs_of(
    session: &mut Session,
    batch: i64,
    from: i64,
    to: i64,
) -> Result<Vec<JobSpec>, StoreError> {
    let rows = session.fetch(statements::FIND_JOBS, values![batch, from, to]).await?;
    let job_of = |row: &Row| {
        let codes = postcard::from_bytes(row.bytes(7)?)
            .map_err(|error| StoreError::damaged(format!("codes of a job of batch {batch}: {error}")))?;
        Ok(JobSpec {
            order: OrderKey { owner: row.string(1)?, number: row.string(2)? },
            line_no: row.small(3)?,
            sku: SkuKey { owner: row.string(4)?, code: row.string(5)? },
            quantity: Pieces(row.small(6)?),
            codes,
            priority: row.small(8)?,
            due_at: row.int(9)?.cast_unsigned(),
        })
    };
    rows.iter().map(job_of).collect()
}
