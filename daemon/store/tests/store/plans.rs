//! What a page costs in a store with many rows. On PostgreSQL the planner is left alone, as in service, and the rows its
//! plan touched are counted: a page must cost what it shows, wherever in the list it is and whatever it is filtered by.

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use wcs_store::{Address, statements};

use crate::databases::Databases;

/// Orders, and as many loads.
const ROWS: u32 = 20_000;
/// Rows of a page and the one that tells whether there are more.
const PAGE: u32 = 101;
/// Rows all steps of a plan may touch together: at most five steps look at each row of a page.
const TOUCHED_MAX: u64 = 6 * PAGE as u64;

/// The statements that fill a store, for one engine.
fn filling(bytes: &str) -> String {
    include_str!("filled.sql").replace("{ROWS}", &ROWS.to_string()).replace("{BYTES}", bytes)
}

/// A frequent and a rare value of the filter of a list; another list is asked for 1.
fn filters(name: &str) -> &'static [&'static str] {
    match name.trim_end_matches("_BY_ROW") {
        "LIST_ORDERS_IN_STATE" => &["boxed", "wait", "cancel"],
        "LIST_BATCHES_IN_STATE" => &["ended", "running"],
        "LIST_LOADS_OF_OUTCOME" => &["sorted", "exception"],
        "LIST_LOADS_OF_LABEL" => &["LPN15000"],
        _ => &["1"],
    }
}

pub(crate) async fn a_page_costs_what_it_shows(databases: Databases) {
    databases.main().await.close().await;
    match databases.address("main") {
        Address::Sqlite(path) => check_sqlite(&path.display().to_string()).await,
        Address::Postgres(url) => check_postgres(&url).await,
    }
}

/// SQLite says how it looks into an index: the filter has to be a part of where it begins.
async fn check_sqlite(path: &str) {
    let mut connection = SqliteConnection::connect(path).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(filling("x'00'"))).execute(&mut connection).await.unwrap();
    for (name, sql) in lists(|name| !name.ends_with("_BY_ROW")) {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let begins = if parameters(sql) == 3 { "=? AND " } else { ">?)" };
        assert!(plan[0].starts_with("SEARCH") && plan[0].contains(begins), "{name}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{name}: {plan:#?}");
    }
}

/// PostgreSQL is asked with plans for these values and with plans for any value: a connection uses both.
async fn check_postgres(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(filling(r"'\x00'::bytea"))).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    let all = lists(|_| true);
    // Where there is a text for PostgreSQL, the other one is not asked there.
    let has_own = |name: &str| all.iter().any(|(other, _)| *other == format!("{name}_BY_ROW"));
    for (name, sql) in all.iter().filter(|(name, _)| !has_own(name)) {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            for filter in filters(name) {
                for after in [0, ROWS / 4 * 3] {
                    let filter = if parameters(sql) == 3 { format!("'{filter}', ") } else { String::new() };
                    let script = format!(
                        "DEALLOCATE ALL; SET plan_cache_mode = {mode}; PREPARE asked AS {sql}; \
                         EXPLAIN (ANALYZE, TIMING OFF) EXECUTE asked({filter}'{after}', '{PAGE}')"
                    );
                    let rows = sqlx::raw_sql(AssertSqlSafe(script)).fetch_all(&mut connection).await.unwrap();
                    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                    let touched: u64 = plan.iter().map(|step| touched(step)).sum();
                    let asked = format!("{name} {mode} {filter}after {after}");
                    assert!(touched <= TOUCHED_MAX, "{asked}: {touched} rows were touched: {plan:#?}");
                }
            }
        }
    }
}

/// Lists in pages: the last two parameters are the place and the size, the one before is the filter.
fn lists(is_asked: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
    let lists: Vec<_> = statements::lists()
        .into_iter()
        .filter(|(name, sql)| name.starts_with("LIST_") && parameters(sql) >= 2 && is_asked(name))
        .collect();
    assert!(lists.len() > 8, "{}", lists.len());
    lists
}

fn parameters(sql: &str) -> usize {
    (1..).take_while(|number| sql.contains(&format!("${number}"))).count()
}

/// Rows a step of a plan looked at, as `... (actual rows=3 loops=2)` and `Rows Removed by Filter: 4` tell.
fn touched(step: &str) -> u64 {
    let number =
        |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap();
    let behind = |mark: &str| step.split_once(mark).map(|(_, rest)| number(rest));
    match (behind("(actual rows="), behind(" loops=")) {
        (Some(rows), Some(loops)) => rows * loops,
        _ => behind("Rows Removed by Filter: ").unwrap_or(0),
    }
}
