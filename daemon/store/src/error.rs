//! What can go wrong between us and the database, sorted by what the caller can do: wait, mend the files, or report
//! a defect of ours. Refusals of a request are data of the operation and stand with it.

use std::time::Duration;

use crate::migration::MigrationError;

/// A caller that was told `Unavailable` tries again after this time, unless it knows better.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why the store did not answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The database is down, locked, full or out of connections. Nothing was changed; lines are not affected.
    #[error("the database cannot be used now ({why}); try again in {} s", retry_after.as_secs())]
    Unavailable {
        /// What the database said.
        why: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The schema is not what this program needs.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The store holds something that this program never writes: restore it from a backup.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// What was found where.
        what: String,
    },
    /// A statement of ours was refused: a defect of this program.
    #[error("the database refused a statement of this program: {0}")]
    Defect(String),
}

impl StoreError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    fn unavailable(why: &dyn std::fmt::Display) -> Self {
        Self::Unavailable { why: why.to_string(), retry_after: RETRY_AFTER }
    }

    /// True when the same request can succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(inner) if is_passing_code(inner.code().as_deref()) => Self::unavailable(&inner),
            E::Io(_)
            | E::Tls(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed
            | E::Protocol(_) => Self::unavailable(&error),
            _ => Self::Defect(error.to_string()),
        }
    }
}

/// Codes of both engines that say "not now": SQLite's (extended) result codes and PostgreSQL's SQLSTATE classes.
fn is_passing_code(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    // SQLite's codes have at most four digits.
    if code.len() == 5 {
        let class = &code[..2];
        // Connection, transaction rolled back, insufficient resources, operator intervention, system error.
        return matches!(class, "08" | "40" | "53" | "57" | "58") || code == "55P03";
    }
    let Ok(code) = code.parse::<u32>() else { return false };
    // BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL: the low byte is the primary code.
    matches!(code & 0xFF, 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_pass_are_told_from_defects() {
        for code in
            ["5", "517", "6", "13", "14", "3850", "08006", "40001", "40P01", "53300", "57P01", "55P03"]
        {
            assert!(is_passing_code(Some(code)), "{code}");
        }
        for code in ["1", "19", "2067", "1555", "23505", "42601", "42P01"] {
            assert!(!is_passing_code(Some(code)), "{code}");
        }
    }
}
