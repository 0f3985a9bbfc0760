//! Journal-owned columns made anew from a whole journal, and compared with those of another store.

use wcs_journal::Storage;
use wcs_types::Seq;

use crate::database::{Row, Session, values};
use crate::error::StoreError;
use crate::projector::{ProjectError, Projector};
use crate::statements;
use crate::store::Store;

/// Rows read at once when two stores are compared.
const ROWS_AT_ONCE: i64 = 1_000;
/// Orders or batches whose rows are read at once.
const IDS_AT_ONCE: usize = 50;

impl Store {
    /// Empties every journal-owned column and reads the journal `genesis` again from its first record to `durable`. For
    /// a copy of the store: what the store owns is kept. The number of records.
    ///
    /// # Errors
    /// The journal does not begin with its first record, is damaged, or the store cannot be used.
    pub async fn rebuild<S: Storage>(
        &self,
        storage: S,
        genesis: u64,
        durable: Seq,
    ) -> Result<u64, ProjectError> {
        let mut session = self.database().begin().await?;
        for empty in [
            statements::EMPTY_ORDERS,
            statements::EMPTY_LINES,
            statements::EMPTY_BATCHES,
            statements::EMPTY_JOBS,
            statements::EMPTY_LOADS,
            statements::EMPTY_BINDINGS,
            statements::EMPTY_BOXES,
            statements::EMPTY_STANDING_BOXES,
            statements::EMPTY_EXCEPTIONS,
            statements::EMPTY_PROJECTION,
        ] {
            session.execute(empty, &[]).await?;
        }
        session.commit().await?;
        Projector::open(self.clone(), storage, genesis, durable).await?.catch_up(durable).await
    }

    /// Where the journal-owned columns of two stores differ: the first row of each table, in words; empty when nowhere.
    /// Both must be at rest.
    ///
    /// # Errors
    /// One of the stores cannot be used.
    pub async fn journal_differences(&self, other: &Self) -> Result<Vec<String>, StoreError> {
        let (mut ours, mut theirs) = (self.database().read().await?, other.database().read().await?);
        let mut found = Vec::new();
        for (name, reading) in TABLES {
            found.extend(first_difference(&mut ours, &mut theirs, name, *reading).await?);
        }
        Ok(found)
    }
}

/// How the rows of a table are read.
#[derive(Clone, Copy)]
enum Reading {
    /// Its only row.
    Whole(&'static str),
    /// In pages, by the id in the first column.
    Pages(&'static str),
    /// By ranges of the first column, up to the largest there is.
    Ranges { rows: &'static str, newest: &'static str },
}

const TABLES: &[(&str, Reading)] = &[
    ("projection", Reading::Whole(statements::PROJECTION)),
    ("orders", Reading::Pages(statements::OWNED_ORDERS)),
    ("lines", Reading::Ranges { rows: statements::OWNED_LINES, newest: statements::NEWEST_ORDER }),
    ("batches", Reading::Pages(statements::OWNED_BATCHES)),
    ("jobs", Reading::Ranges { rows: statements::OWNED_JOBS, newest: statements::NEWEST_BATCH }),
    ("loads", Reading::Pages(statements::OWNED_LOADS)),
    ("bindings", Reading::Pages(statements::OWNED_BINDINGS)),
    ("boxes", Reading::Pages(statements::OWNED_BOXES)),
    ("standing_boxes", Reading::Pages(statements::OWNED_STANDING_BOXES)),
    ("exceptions", Reading::Pages(statements::OWNED_EXCEPTIONS)),
];

async fn first_difference(
    ours: &mut Session,
    theirs: &mut Session,
    name: &str,
    reading: Reading,
) -> Result<Option<String>, StoreError> {
    let differ = |ours: &[Row], theirs: &[Row]| {
        let at = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at))?;
        Some(format!("{name}: {:?} here, {:?} there", ours.get(at), theirs.get(at)))
    };
    match reading {
        Reading::Whole(sql) => Ok(differ(&ours.fetch(sql, &[]).await?, &theirs.fetch(sql, &[]).await?)),
        Reading::Pages(sql) => {
            let mut after = -1;
            loop {
                let bounds = values![after, ROWS_AT_ONCE];
                let (page, other) = (ours.fetch(sql, bounds).await?, theirs.fetch(sql, bounds).await?);
                let difference = differ(&page, &other);
                let Some(last) = page.last().filter(|_| difference.is_none()) else { return Ok(difference) };
                after = last.int(0)?;
            }
        }
        Reading::Ranges { rows, newest } => {
            let last = ours.find(newest, &[]).await?.map_or(Ok(0), |row| row.int(0))?;
            for after in (0..last).step_by(IDS_AT_ONCE) {
                let bounds = values![after, after + IDS_AT_ONCE as i64];
                let difference = differ(&ours.fetch(rows, bounds).await?, &theirs.fetch(rows, bounds).await?);
                if difference.is_some() {
                    return Ok(difference);
                }
            }
            Ok(None)
        }
    }
}
