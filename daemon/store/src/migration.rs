//! Migrations: the schema as numbered steps, the same numbers and names for both engines, each applied once and
//! recorded with a checksum. A store that is newer than this program, or whose steps are not the ones this program
//! knows, is refused before anything else is done with it.

use wcs_types::StateHasher;

use crate::database::{Database, Engine, values};
use crate::error::StoreError;
use crate::statements;

/// One step of the schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Its text for SQLite.
    pub sqlite: &'static str,
    /// Its text for PostgreSQL.
    pub postgres: &'static str,
}

macro_rules! migration {
    ($number:literal, $name:literal, $file:literal) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../../migrations/postgres/", $file)),
        }
    };
}

/// Every migration, in order.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "orders", "0001_orders.sql"),
    migration!(2, "batches", "0002_batches.sql"),
    migration!(3, "projection", "0003_projection.sql"),
    migration!(4, "shifts", "0004_shifts.sql"),
    migration!(5, "changes", "0005_changes.sql"),
    migration!(6, "additions", "0006_additions.sql"),
];

/// The schema is not what this program needs. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MigrationError {
    /// A newer program has been here.
    #[error(
        "the store has migration {number} ({name}), this program knows {known}: use the newer program, or restore a backup from before"
    )]
    Newer {
        /// Number found.
        number: i64,
        /// Name found.
        name: String,
        /// Last number known.
        known: u32,
    },
    /// A migration was changed after it was applied.
    #[error(
        "migration {number} was applied as {found} with another text than {expected} of this program: this store belongs to another build"
    )]
    Changed {
        /// Its number.
        number: u32,
        /// Name recorded in the store.
        found: String,
        /// Name here.
        expected: &'static str,
    },
    /// A migration before the last applied one is missing.
    #[error("migration {number} is missing among those applied to the store")]
    Gap {
        /// The missing number.
        number: u32,
    },
}

impl Migration {
    /// Text for an engine.
    pub fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// Checksum of the text for an engine.
    pub fn checksum(&self, engine: Engine) -> i64 {
        StateHasher::of_bytes(self.text(engine).as_bytes()).cast_signed()
    }
}

/// Applies what is missing of `migrations`, all in one transaction; returns how many.
pub(crate) async fn migrate(
    database: &Database,
    migrations: &[Migration],
    now_ms: i64,
) -> Result<usize, StoreError> {
    let engine = database.engine();
    let mut session = database.begin().await?;
    if engine == Engine::Postgres {
        // Two programs that start at once apply one after the other. SQLite took its lock with `begin`.
        session.fetch(statements::POSTGRES_MIGRATION_LOCK, &[]).await?;
    }
    session.execute(statements::CREATE_MIGRATIONS, &[]).await?;
    let rows = session.fetch(statements::APPLIED_MIGRATIONS, &[]).await?;
    let known = migrations.last().map_or(0, |last| last.number);
    for (place, row) in rows.iter().enumerate() {
        let (number, name, checksum) = (row.int(0)?, row.string(1)?, row.int(2)?);
        let Some(expected) = migrations.get(place) else {
            return Err(MigrationError::Newer { number, name, known }.into());
        };
        if number != i64::from(expected.number) {
            return Err(MigrationError::Gap { number: expected.number }.into());
        }
        if name != expected.name || checksum != expected.checksum(engine) {
            let (number, expected) = (expected.number, expected.name);
            return Err(MigrationError::Changed { number, found: name, expected }.into());
        }
    }
    let missing = &migrations[rows.len()..];
    for migration in missing {
        session.run_script(migration.text(engine)).await?;
        let row = values![i64::from(migration.number), migration.name, migration.checksum(engine), now_ms];
        session.execute(statements::RECORD_MIGRATION, row).await?;
        tracing::info!(number = migration.number, name = migration.name, "store: migration applied");
    }
    session.commit().await?;
    Ok(missing.len())
}
