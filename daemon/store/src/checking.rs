//! What must hold in a store whatever happened to it: sums that agree, and rows that belong to each other. It reads
//! everything and changes nothing; it is for a person who asks, not for the daemon at work.

use crate::database::Engine;
use crate::error::StoreError;
use crate::statements;
use crate::store::Store;

/// A rule: its statement gives up to [`SHOWN_MAX`] rows that break it, two numbers that name each.
struct Rule {
    broken: &'static str,
    rows: &'static str,
}

const RULES: &[Rule] = &[
    Rule { broken: "the lines of an order do not add up to it", rows: statements::CHECK_ORDER_SUMS },
    Rule { broken: "a line has more pieces than were ordered", rows: statements::CHECK_LINE_BOUNDS },
    Rule { broken: "the jobs of a batch do not add up to it", rows: statements::CHECK_BATCH_SUMS },
    Rule { broken: "a job does not fill its lines", rows: statements::CHECK_JOB_LINES },
    Rule { broken: "a batch has an order that is not there", rows: statements::CHECK_MEMBERS },
    Rule {
        broken: "a load has an end without an outcome, or the other way",
        rows: statements::CHECK_LOAD_ENDS,
    },
];

/// Rows shown of each rule that is broken.
const SHOWN_MAX: i64 = 3;

impl Store {
    /// Everything that is not as it must be, in words; empty when all is well.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut session = self.database().read().await?;
        if self.engine() == Engine::Sqlite {
            for row in session.fetch(statements::SQLITE_INTEGRITY, &[]).await? {
                let word = row.text(0)?;
                if word != "ok" {
                    found.push(format!("the file of the database: {word}"));
                }
            }
        }
        for rule in RULES {
            for row in session.fetch(rule.rows, crate::database::values![SHOWN_MAX]).await? {
                found.push(format!("{}: {}/{}", rule.broken, row.int(0)?, row.int(1)?));
            }
        }
        Ok(found)
    }
}
