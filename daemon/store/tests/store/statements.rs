//! Every statement on a real engine: taken by it, and the lists found through an index.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use wcs_store::{Address, statements};

use crate::databases::Databases;

pub(crate) async fn every_statement_is_taken(databases: Databases) {
    let store = databases.main().await;
    let all = statements::all();
    assert!(all.len() > 100, "{}", all.len());
    for (name, sql) in all {
        store.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    store.close().await;
}

pub(crate) async fn every_list_uses_an_index(databases: Databases) {
    databases.main().await.close().await;
    let lists = statements::lists();
    assert!(lists.len() > 20, "{}", lists.len());
    for (name, sql) in lists {
        let plan = match databases.address("main") {
            Address::Sqlite(path) => sqlite_plan(&path.display().to_string(), sql).await,
            Address::Postgres(url) => postgres_plan(&url, sql).await,
        };
        let scans = plan
            .iter()
            .filter(|step| is_scan_of_a_table(step) || is_sorted_list(name, step))
            .collect::<Vec<_>>();
        assert!(scans.is_empty(), "{name} reads a whole table: {plan:#?}");
        assert!(
            plan.iter()
                .any(|step| step.contains("INDEX") || step.contains("PRIMARY KEY") || step.contains("Index"))
        );
    }
}

fn is_scan_of_a_table(step: &str) -> bool {
    // The rows of values that were asked for are a table for the engines, too. So is an index that holds nothing but
    // the open ones.
    let is_small =
        ["asked", "CONSTANT", "VALUES CLAUSE", "batches_starting", "exceptions_open", "added_parts_open"]
            .iter()
            .any(|small| step.contains(small));
    (step.contains("Seq Scan") || step.starts_with("SCAN")) && !is_small
}

/// A page comes out of its index in order: nothing behind it is read.
fn is_sorted_list(name: &str, step: &str) -> bool {
    name.starts_with("LIST_")
        && (step.contains("USE TEMP B-TREE") || step.trim_start().starts_with("->  Sort"))
}

async fn sqlite_plan(path: &str, sql: &str) -> Vec<String> {
    let mut connection = SqliteConnection::connect(path).await.unwrap();
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// With so few rows the planner would read every table whole: it is told not to where it can do otherwise.
async fn postgres_plan(url: &str, sql: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let count = (1..).take_while(|number| sql.contains(&format!("${number}"))).count();
    let nulls = vec!["NULL"; count].join(", ");
    let arguments = if count == 0 { String::new() } else { format!("({nulls})") };
    let others = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off";
    let script = format!("{others}; SET plan_cache_mode = force_generic_plan; PREPARE asked AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    let explain = format!("EXPLAIN EXECUTE asked{arguments}");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}
