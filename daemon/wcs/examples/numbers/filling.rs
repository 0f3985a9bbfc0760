//! A store as it looks after a long time, by one statement for each table.

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use wcs_store::Address;

use crate::served::Place;

/// The statements; the tests of the store fill theirs with them too.
const FILLING: &str = include_str!("../../../store/tests/store/filled.sql");

/// Fills the empty store at `place` with `rows` orders of one line, and as many loads.
pub(crate) async fn fill(place: &Place, rows: u32) -> Result<()> {
    place.open().await?.close().await;
    let filling = FILLING.replace("{ROWS}", &rows.to_string());
    match place.address() {
        Address::Sqlite(path) => {
            let mut connection = SqliteConnection::connect(&path.display().to_string()).await?;
            let filling = filling.replace("{BYTES}", "x'00'");
            sqlx::raw_sql(AssertSqlSafe(filling)).execute(&mut connection).await?;
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
            connection.close().await?;
        }
        Address::Postgres(url) => {
            let mut connection = PgConnection::connect(&url).await?;
            let filling = filling.replace("{BYTES}", r"'\x00'::bytea");
            sqlx::raw_sql(AssertSqlSafe(filling)).execute(&mut connection).await?;
            // What its own housekeeping does within a minute or so.
            sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await?;
            connection.close().await?;
        }
    }
    Ok(())
}
