//! Steps of the schema: the same for both engines, each applied once, and none that this program does not know.

use std::collections::BTreeSet;
use std::path::Path;

use wcs_store::{MIGRATIONS, Migration, MigrationError, Store, StoreError};

use crate::databases::{Databases, NOW_MS};

#[test]
fn both_engines_have_the_same_steps() {
    let folder = |engine: &str| -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(engine);
        let files = std::fs::read_dir(path).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    };
    let known: BTreeSet<String> =
        MIGRATIONS.iter().map(|step| format!("{:04}_{}.sql", step.number, step.name)).collect();
    assert_eq!(folder("sqlite"), known);
    assert_eq!(folder("postgres"), known);
    assert!(MIGRATIONS.iter().zip(1..).all(|(step, number)| step.number == number), "numbers have no gap");
}

pub(crate) async fn a_second_opening_applies_nothing(databases: Databases) {
    databases.main().await.close().await;
    databases.main().await.close().await;
}

/// A step more than there is.
fn with_one_more(sql: &'static str) -> Vec<Migration> {
    let mut steps = MIGRATIONS.to_vec();
    let number = steps.len() as u32 + 1;
    steps.push(Migration { number, name: "later", sqlite: sql, postgres: sql });
    steps
}

pub(crate) async fn a_missing_step_is_applied(databases: Databases) {
    databases.main().await.close().await;
    let later = with_one_more("CREATE TABLE later (id BIGINT PRIMARY KEY)");
    let store = Store::open_with(&databases.settings("main"), &later, NOW_MS).await.unwrap();
    store.prepare("SELECT id FROM later").await.unwrap();
    store.close().await;
}

pub(crate) async fn a_newer_store_is_refused(databases: Databases) {
    let later = with_one_more("CREATE TABLE later (id BIGINT PRIMARY KEY)");
    Store::open_with(&databases.settings("main"), &later, NOW_MS).await.unwrap().close().await;
    let refused = Store::open(&databases.settings("main"), NOW_MS).await.err();
    let number = MIGRATIONS.len() as i64 + 1;
    let known = MIGRATIONS.len() as u32;
    let error = MigrationError::Newer { number, name: "later".into(), known };
    assert_eq!(refused, Some(StoreError::Migration(error)));
}

pub(crate) async fn a_changed_step_is_refused(databases: Databases) {
    databases.main().await.close().await;
    let mut steps = MIGRATIONS.to_vec();
    steps[1].sqlite = "-- changed";
    steps[1].postgres = "-- changed";
    let refused = Store::open_with(&databases.settings("main"), &steps, NOW_MS).await.err();
    let error = MigrationError::Changed { number: 2, found: "batches".into(), expected: "batches" };
    assert_eq!(refused, Some(StoreError::Migration(error)));
}
