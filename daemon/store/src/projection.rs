//! Where the projector stands: the row that is changed in the same transaction as everything it stands for.

use crate::database::{Session, values};
use crate::error::StoreError;
use crate::statements;

/// The row of the table `projection`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Projection {
    /// Number of the journal that was read; 0 before the first record.
    pub(crate) genesis: u64,
    /// Last record applied.
    pub(crate) seq: u64,
    /// Core time of that record.
    pub(crate) core_ns: i64,
    /// Loads numbered so far.
    pub(crate) loads: i64,
    /// Boxes numbered so far.
    pub(crate) boxes: i64,
    /// Largest id of a batch in the journal.
    pub(crate) batch_max: i64,
    /// Facts about batches or jobs that are not in the store.
    pub(crate) homeless: i64,
}

/// Reads it.
pub(crate) async fn read(session: &mut Session) -> Result<Projection, StoreError> {
    let row = session.find(statements::PROJECTION, &[]).await?;
    let row = row.ok_or_else(|| StoreError::damaged("the position of the projector is missing"))?;
    Ok(Projection {
        genesis: row.int(0)?.cast_unsigned(),
        seq: row.small(1)?,
        core_ns: row.int(2)?,
        loads: row.int(3)?,
        boxes: row.int(4)?,
        batch_max: row.int(5)?,
        homeless: row.int(6)?,
    })
}

/// Writes it; false when somebody else has moved it since `before` was read.
pub(crate) async fn write(
    session: &mut Session,
    before: &Projection,
    after: &Projection,
) -> Result<bool, StoreError> {
    let row = values![
        after.genesis.cast_signed(),
        after.seq.cast_signed(),
        after.core_ns,
        after.loads,
        after.boxes,
        after.batch_max,
        after.homeless,
        before.seq.cast_signed(),
    ];
    Ok(session.execute(statements::SET_PROJECTION, row).await? == 1)
}
