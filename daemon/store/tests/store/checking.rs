//! What must hold in a store: nothing is found in a good one, and what somebody else wrote into it is.

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use wcs_store::Address;

use crate::databases::Databases;

/// Statements of somebody else, and what is found after each.
const DAMAGES: &[(&str, &str)] = &[
    ("UPDATE lines SET picked = 1 WHERE line_no = 1", "the lines of an order do not add up to it: 1/4"),
    ("UPDATE orders SET picked = 1 WHERE id = 1", ""),
    (
        "UPDATE lines SET boxed = 2; UPDATE orders SET boxed = 2",
        "a line has more pieces than were ordered: 1/1",
    ),
    ("UPDATE lines SET boxed = 0; UPDATE orders SET boxed = 0", ""),
    ("UPDATE batches SET planned = 9", "the jobs of a batch do not add up to it: 1/9"),
    ("UPDATE batches SET planned = 4; DELETE FROM job_lines", ""),
    ("UPDATE job_lines SET quantity = 3", ""),
    ("DELETE FROM batches", "a batch has an order that is not there: 1/1"),
    (
        "INSERT INTO loads (id, line, plc_epoch, item, label, seen_seq, seen_ns, ended_seq) VALUES (1, 0, 1, 1, '', 1, 1, 1)",
        "a load has an end without an outcome, or the other way: 1/0",
    ),
];

pub(crate) async fn a_broken_rule_is_named_with_its_row(databases: Databases) {
    let store = databases.main().await;
    crate::batches::planned(&store, &["A"]).await;
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    for (damage, found) in DAMAGES {
        write(&databases, damage).await;
        let faults = store.check().await.unwrap();
        if found.is_empty() {
            assert!(faults.iter().all(|fault| !fault.starts_with("the lines")), "{faults:?}");
        } else {
            assert!(faults.iter().any(|fault| fault == found), "{damage}: {faults:?}");
        }
    }
    store.close().await;
}

async fn write(databases: &Databases, script: &'static str) {
    match databases.address("main") {
        Address::Sqlite(path) => {
            let mut connection = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        }
        Address::Postgres(url) => {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
        }
    }
}
