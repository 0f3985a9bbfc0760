//! A database that cannot be used now: said so, with nothing changed, and all is well afterwards.

use std::time::Duration;

use sqlx::{Connection, PgConnection, SqliteConnection};
use wcs_store::{Address, Received, Settings, Store, StoreError};

use crate::databases::{Databases, NOW_MS};
use crate::intake::{key, line, order};
use crate::runtime;
use crate::server::Server;

fn hasty(databases: &Databases) -> Settings {
    Settings { patience: Duration::from_millis(500), ..databases.settings("main") }
}

async fn refused_then_stored(store: &Store, release: impl AsyncFnOnce()) {
    let draft = order("A", vec![line(1, "s1", 1)]);
    let refused = store.receive(std::slice::from_ref(&draft), NOW_MS).await;
    let Err(StoreError::Unavailable { retry_after, .. }) = refused else { panic!("{refused:?}") };
    assert!(retry_after >= Duration::from_secs(1));
    release().await;
    let answers = store.receive(std::slice::from_ref(&draft), NOW_MS).await.unwrap();
    assert!(matches!(answers[0], Received::Accepted { is_repeat: false, .. }));
}

#[test]
fn a_locked_sqlite_says_so_and_is_read_all_the_same() {
    runtime().block_on(async {
        let databases = Databases::sqlite();
        let store = Store::open(&hasty(&databases), NOW_MS).await.unwrap();
        let Address::Sqlite(path) = databases.address("main") else { panic!() };
        let mut other = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        assert_eq!(store.order(&key("A")).await.unwrap(), None);
        refused_then_stored(&store, async || {
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        })
        .await;
        store.close().await;
    });
}

#[test]
fn a_locked_or_stopped_postgres_says_so() {
    let server = Server::start();
    runtime().block_on(async {
        let databases = Databases::postgres(&server, "wcs").await;
        let store = Store::open(&hasty(&databases), NOW_MS).await.unwrap();
        let Address::Postgres(url) = databases.address("main") else { panic!() };
        let mut other = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE counters").execute(&mut other).await.unwrap();
        refused_then_stored(&store, async || {
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        })
        .await;
        server.stop();
        let refused = store.order(&key("A")).await;
        assert!(refused.as_ref().is_err_and(StoreError::is_passing), "{refused:?}");
        server.run_server();
        // What was answered before the server died is there.
        let patient = databases.main().await;
        assert!(patient.order(&key("A")).await.unwrap().is_some());
        patient.close().await;
        store.close().await;
    });
}
