//! The record a read names as the one it wants to see: which positions there can be, and how long is waited for one.

use std::time::Duration;

use crate::problem::{Problem, ProblemCode};

/// Longest wait of a read for the record it names.
pub(crate) const POSITION_WAIT: Duration = Duration::from_millis(200);

/// Refuses a position beyond those the document allows: no journal has such a record.
///
/// # Errors
/// `query.invalid`.
pub(crate) fn need_record(position: u64) -> Result<(), Problem> {
    match i64::try_from(position) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(Problem::new(ProblemCode::QueryInvalid)
                .with("cause", "position is above 9223372036854775807"))
        }
    }
}

/// What is said when record `position` is not reflected yet.
pub(crate) fn ahead(position: u64, reflected: u64) -> Problem {
    Problem::new(ProblemCode::PositionAhead)
        .with("position", position)
        .with("reflected", reflected)
        .retry_after(Duration::from_secs(1))
}
