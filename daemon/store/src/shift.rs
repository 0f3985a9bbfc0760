//! Shifts that were closed: what was open at that moment, written once for each business day and shift. What is open
//! and what a shift is, the caller knows; of what the store itself holds it counts orders and missing pieces.

use crate::database::{Row, values};
use crate::error::StoreError;
use crate::listing::{Page, PageAt, ResultView};
use crate::statements;
use crate::store::Store;

/// What is written down when a shift is closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShiftClose {
    /// Business day, as `2026-11-25`.
    pub business_day: String,
    /// Name of the shift.
    pub shift: String,
    /// Its beginning, milliseconds since 1970.
    pub starts_at: i64,
    /// Its end, milliseconds since 1970.
    pub ends_at: i64,
    /// When it was closed, milliseconds since 1970.
    pub closed_at: i64,
    /// Operator who closed it.
    pub closed_by: i64,
    /// Record of the journal the store had reached.
    pub position: i64,
    /// How much was open.
    pub open: OpenCounts,
    /// The lists, as they were answered.
    pub report: String,
}

/// How much was open when a shift was closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpenCounts {
    /// Loads on a belt.
    pub loads: i64,
    /// Orders begun and not done.
    pub orders: i64,
    /// Pieces missing in batches that ended since the shift before was closed.
    pub missing_pieces: i64,
    /// Alarms.
    pub alarms: i64,
}

/// A shift that was closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShiftCloseView {
    /// Its id: the cursor of lists.
    pub id: i64,
    /// What was written down.
    pub close: ShiftClose,
}

/// Pieces of a job that are missing at the end of its batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MissingView {
    /// The batch.
    pub batch: i64,
    /// The job.
    pub result: ResultView,
}

impl Store {
    /// Writes down that a shift was closed. The second value is false when it had been closed before: then what was
    /// written down then is given, and nothing is changed.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn close_shift(&self, close: &ShiftClose) -> Result<(ShiftCloseView, bool), StoreError> {
        let mut session = self.database().begin().await?;
        // Drawn before it is looked for: of two that close at once the second sees the first.
        let drawn = session.find(statements::DRAW, values![1, "shift_close"]).await?;
        let next = drawn.ok_or_else(|| StoreError::damaged("the counter of shifts is missing"))?.int(0)?;
        let key = values![&close.business_day, &close.shift];
        if let Some(row) = session.find(statements::FIND_SHIFT_CLOSE, key).await? {
            return Ok((close_view(&row)?, false));
        }
        let id = next - 1;
        let row = values![
            id,
            &close.business_day,
            &close.shift,
            close.starts_at,
            close.ends_at,
            close.closed_at,
            close.closed_by,
            close.position,
            close.open.loads,
            close.open.orders,
            close.open.missing_pieces,
            close.open.alarms,
            &close.report,
        ];
        session.execute(statements::INSERT_SHIFT_CLOSE, row).await?;
        session.commit().await?;
        Ok((ShiftCloseView { id, close: close.clone() }, true))
    }

    /// What was written down when a shift was closed.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn shift_close(&self, day: &str, shift: &str) -> Result<Option<ShiftCloseView>, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::FIND_SHIFT_CLOSE, values![day, shift]).await?;
        row.as_ref().map(close_view).transpose()
    }

    /// Shifts that were closed, in the order in which they were.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn shift_closes(&self, at: PageAt) -> Result<Page<ShiftCloseView>, StoreError> {
        self.page(statements::LIST_SHIFT_CLOSES, None, at, close_view, |close| close.id).await
    }

    /// Record the store had reached when the last shift was closed; 0 before the first.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn last_shift_position(&self) -> Result<i64, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::LAST_SHIFT_POSITION, &[]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// How many orders are in a reporting state.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn count_orders(&self, state: &str) -> Result<i64, StoreError> {
        let mut session = self.database().read().await?;
        let row = session.find(statements::COUNT_ORDERS_IN_STATE, values![state]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Pieces that are missing in batches that ended behind record `since`: how many, and the first `most` jobs.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn missing_since(&self, since: i64, most: u32) -> Result<(i64, Vec<MissingView>), StoreError> {
        let mut session = self.database().read().await?;
        let sum = session.find(statements::SUM_MISSING_SINCE, values![since]).await?;
        let sum = sum.map_or(Ok(0), |row| row.int(0))?;
        let rows = session.fetch(statements::MISSING_SINCE, values![since, i64::from(most)]).await?;
        Ok((sum, rows.iter().map(missing_view).collect::<Result<_, _>>()?))
    }
}

fn close_view(row: &Row) -> Result<ShiftCloseView, StoreError> {
    let open = OpenCounts {
        loads: row.int(8)?,
        orders: row.int(9)?,
        missing_pieces: row.int(10)?,
        alarms: row.int(11)?,
    };
    let close = ShiftClose {
        business_day: row.string(1)?,
        shift: row.string(2)?,
        starts_at: row.int(3)?,
        ends_at: row.int(4)?,
        closed_at: row.int(5)?,
        closed_by: row.int(6)?,
        position: row.int(7)?,
        open,
        report: row.string(12)?,
    };
    Ok(ShiftCloseView { id: row.int(0)?, close })
}

fn missing_view(row: &Row) -> Result<MissingView, StoreError> {
    // The batch stands behind the columns of a result.
    Ok(MissingView { batch: row.int(13)?, result: crate::listing::result_view(row)? })
}
