//! The two engines behind one small surface: sessions that execute a statement of `statements` with bound values
//! and hand rows back. Everything that differs between SQLite and PostgreSQL and is not a migration stands here.
//!
//! SQLite: one connection writes, several read (WAL), synchronous FULL; a transaction takes the write lock when it
//! begins, so it cannot fail half-way for want of it. PostgreSQL: one pool; synchronous commit is asked for, and no
//! statement waits for ever.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Executor, Postgres, Row as _, SqlSafeStr, Sqlite, Transaction, TypeInfo, ValueRef};

use crate::error::StoreError;
use crate::statements::{Rows, WIDTHS};

/// Connections that only read, SQLite.
const READERS_MAX: u32 = 4;
/// Connections, PostgreSQL.
const CONNECTIONS_MAX: u32 = 8;
/// Longest statement, PostgreSQL: longer ones are cut off and reported as unavailable.
const STATEMENT_TIMEOUT: &str = "60s";

/// Where the store is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A file, made when it is missing; its folder must be there.
    Sqlite(PathBuf),
    /// A PostgreSQL database, as `postgres://user@host:port/name`.
    Postgres(String),
}

/// An address that names no store.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} names no store: it must begin with sqlite: or postgres://")]
pub struct BadAddress(String);

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            Ok(Self::Sqlite(PathBuf::from(path)))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(Self::Postgres(text.to_owned()))
        } else {
            Err(BadAddress(text.to_owned()))
        }
    }
}

/// A value bound to a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Bytes(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::MaybeInt(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::MaybeText(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

/// Values for a statement, each turned into [`Value`].
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::database::Value::from($value)),*] };
}
pub(crate) use values;

/// A cell of a row.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// One row of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<Cell>);

impl Row {
    fn wrong(&self, at: usize) -> StoreError {
        StoreError::damaged(format!("column {at} of a row holds {:?}", self.0.get(at)))
    }

    pub(crate) fn int(&self, at: usize) -> Result<i64, StoreError> {
        self.maybe_int(at)?.ok_or_else(|| self.wrong(at))
    }

    pub(crate) fn maybe_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(at) {
            Some(Cell::Int(value)) => Ok(Some(*value)),
            Some(Cell::Null) => Ok(None),
            _ => Err(self.wrong(at)),
        }
    }

    /// An integer of a smaller type.
    pub(crate) fn small<T: TryFrom<i64>>(&self, at: usize) -> Result<T, StoreError> {
        T::try_from(self.int(at)?).map_err(|_| self.wrong(at))
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str, StoreError> {
        self.maybe_text(at)?.ok_or_else(|| self.wrong(at))
    }

    pub(crate) fn string(&self, at: usize) -> Result<String, StoreError> {
        self.text(at).map(str::to_owned)
    }

    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(at) {
            Some(Cell::Text(value)) => Ok(Some(value)),
            Some(Cell::Null) => Ok(None),
            _ => Err(self.wrong(at)),
        }
    }

    pub(crate) fn maybe_string(&self, at: usize) -> Result<Option<String>, StoreError> {
        Ok(self.maybe_text(at)?.map(str::to_owned))
    }

    pub(crate) fn bytes(&self, at: usize) -> Result<&[u8], StoreError> {
        match self.0.get(at) {
            Some(Cell::Bytes(value)) => Ok(value),
            _ => Err(self.wrong(at)),
        }
    }
}

/// Which engine answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Open connections to one database.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres { pool: PgPool },
}

/// One transaction. Dropped without `commit`, it leaves nothing behind.
pub(crate) enum Session {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Database {
    /// Connects; waits at most `patience` for a lock or a connection, now and in every later call.
    pub(crate) async fn open(address: &Address, patience: Duration) -> Result<Self, StoreError> {
        match address {
            Address::Sqlite(path) => open_sqlite(path, patience).await,
            Address::Postgres(url) => open_postgres(url, patience).await,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres { .. } => Engine::Postgres,
        }
    }

    /// A transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Session, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Session::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool } => Session::Postgres(pool.begin().await?),
        })
    }

    /// A transaction that reads one state of the store.
    pub(crate) async fn read(&self) -> Result<Session, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Session::Sqlite(readers.begin().await?),
            Self::Postgres { pool } => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Session::Postgres(pool.begin_with(begin).await?)
            }
        })
    }

    /// Asks each engine to prepare a statement without running it.
    pub(crate) async fn prepare(&self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { readers, .. } => {
                readers.acquire().await?.prepare(sql.into_sql_str()).await?;
            }
            Self::Postgres { pool } => {
                pool.acquire().await?.prepare(sql.into_sql_str()).await?;
            }
        }
        Ok(())
    }

    /// Connections that are open, in use, and at most.
    pub(crate) fn connections(&self) -> Connections {
        let sum = |pools: &[(u32, usize, u32)]| {
            let count = |pick: fn(&(u32, usize, u32)) -> u32| pools.iter().map(pick).sum();
            Connections {
                open: count(|pool| pool.0),
                used: count(|pool| pool.0.saturating_sub(u32::try_from(pool.1).unwrap_or(u32::MAX))),
                most: count(|pool| pool.2),
            }
        };
        match self {
            Self::Sqlite { writer, readers } => {
                let of =
                    |pool: &SqlitePool| (pool.size(), pool.num_idle(), pool.options().get_max_connections());
                sum(&[of(writer), of(readers)])
            }
            Self::Postgres { pool } => {
                sum(&[(pool.size(), pool.num_idle(), pool.options().get_max_connections())])
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool } => pool.close().await,
        }
    }
}

/// How many connections a store has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connections {
    /// Open ones.
    pub open: u32,
    /// Of these, in use now.
    pub used: u32,
    /// As many as there may be.
    pub most: u32,
}

async fn open_sqlite(path: &Path, patience: Duration) -> Result<Database, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(patience);
    let pool = |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(patience);
    // The writer comes first: it makes the file and sets WAL.
    let writer = pool(1).connect_with(options.clone()).await?;
    let readers = pool(READERS_MAX).connect_with(options.pragma("query_only", "ON")).await?;
    Ok(Database::Sqlite { writer, readers })
}

async fn open_postgres(url: &str, patience: Duration) -> Result<Database, StoreError> {
    let options = PgConnectOptions::from_str(url)?.application_name("wcs").options([
        ("synchronous_commit", "on".to_owned()),
        ("lock_timeout", format!("{}ms", patience.as_millis())),
        ("statement_timeout", STATEMENT_TIMEOUT.to_owned()),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(patience)
        .connect_with(options)
        .await?;
    Ok(Database::Postgres { pool })
}

/// A query of this text with these values, for whichever engine runs it.
macro_rules! bound {
    ($sql:expr, $values:expr) => {
        $values.iter().fold(sqlx::query($sql), |query, value| match *value {
            Value::Int(value) => query.bind(value),
            Value::MaybeInt(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::MaybeText(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        })
    };
}

impl Session {
    /// Runs a statement; the number of rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(session) => bound!(sql, values).execute(&mut **session).await?.rows_affected(),
            Self::Postgres(session) => bound!(sql, values).execute(&mut **session).await?.rows_affected(),
        })
    }

    /// Runs a statement; the rows it answers.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(session) => {
                let rows = bound!(sql, values).fetch_all(&mut **session).await?;
                rows.iter().map(sqlite_row).collect()
            }
            Self::Postgres(session) => {
                let rows = bound!(sql, values).fetch_all(&mut **session).await?;
                rows.iter().map(postgres_row).collect()
            }
        }
    }

    /// Runs a statement that answers at most one row.
    pub(crate) async fn find(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// Runs a statement for many rows of values, as many at once as there are texts for.
    pub(crate) async fn execute_rows(
        &mut self,
        rows: &'static Rows,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (sql, part) in rows.cut(values) {
            changed += self.execute(sql, part).await?;
        }
        Ok(changed)
    }

    /// Asks for many rows of values at once.
    pub(crate) async fn fetch_rows(
        &mut self,
        rows: &'static Rows,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for (sql, part) in rows.cut(values) {
            found.append(&mut self.fetch(sql, part).await?);
        }
        Ok(found)
    }

    /// Runs several statements of a migration.
    pub(crate) async fn run_script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(session) => {
                sqlx::raw_sql(sql).execute(&mut **session).await?;
            }
            Self::Postgres(session) => {
                sqlx::raw_sql(sql).execute(&mut **session).await?;
            }
        }
        Ok(())
    }

    /// Everything since `begin` is durable when this returns.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(session) => session.commit().await?,
            Self::Postgres(session) => session.commit().await?,
        }
        Ok(())
    }
}

impl Rows {
    /// Cuts values into parts, each with the text for as many rows as it has.
    fn cut<'v, 'a>(
        &'static self,
        mut values: &'v [Value<'a>],
    ) -> impl Iterator<Item = (&'static str, &'v [Value<'a>])> {
        assert!(values.len().is_multiple_of(self.columns), "every row has all its values");
        std::iter::from_fn(move || {
            let rows = values.len() / self.columns;
            let at = WIDTHS.iter().position(|width| *width <= rows)?;
            let (part, rest) = values.split_at(WIDTHS[at] * self.columns);
            values = rest;
            Some((self.text(at), part))
        })
    }
}

macro_rules! decode_row {
    ($name:ident, $row:ty) => {
        fn $name(row: &$row) -> Result<Row, StoreError> {
            let cell = |at: usize| -> Result<Cell, StoreError> {
                let raw = row.try_get_raw(at)?;
                if raw.is_null() {
                    return Ok(Cell::Null);
                }
                match raw.type_info().name() {
                    "INTEGER" | "INT8" => Ok(Cell::Int(row.try_get(at)?)),
                    "TEXT" => Ok(Cell::Text(row.try_get(at)?)),
                    "BLOB" | "BYTEA" => Ok(Cell::Bytes(row.try_get(at)?)),
                    other => Err(StoreError::Defect(format!("column {at} is of type {other}"))),
                }
            };
            (0..row.len()).map(cell).collect::<Result<_, _>>().map(Row)
        }
    };
}
decode_row!(sqlite_row, SqliteRow);
decode_row!(postgres_row, PgRow);
