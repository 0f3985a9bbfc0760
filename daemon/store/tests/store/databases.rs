//! Empty stores for tests, on either engine.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use wcs_store::{Address, MIGRATIONS, Settings, Store};

use crate::server::Server;

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// Gives stores of one engine: `main` is the store of the test, `other` further ones beside it.
pub(crate) enum Databases {
    Sqlite(TempDir),
    Postgres { base: String, admin: String },
}

impl Databases {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// Databases on a server, all with names that begin with `base`.
    pub(crate) async fn postgres(server: &Server, base: &str) -> Self {
        let databases = Self::Postgres { base: base.to_owned(), admin: server.url("postgres") };
        databases.create("main").await;
        databases
    }

    async fn create(&self, name: &str) {
        if let Self::Postgres { base, admin } = self {
            let mut connection = PgConnection::connect(admin).await.unwrap();
            let create = format!("CREATE DATABASE {base}_{name}");
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    pub(crate) fn address(&self, name: &str) -> Address {
        match self {
            Self::Sqlite(folder) => Address::Sqlite(folder.path().join(format!("{name}.db"))),
            Self::Postgres { base, admin } => {
                Address::Postgres(admin.replace("/postgres?", &format!("/{base}_{name}?")))
            }
        }
    }

    pub(crate) fn settings(&self, name: &str) -> Settings {
        // Patient: beside other tests a lock may be held for long.
        Settings { patience: Duration::from_secs(20), ..Settings::new(self.address(name)) }
    }

    /// The store of the test, opened anew.
    pub(crate) async fn main(&self) -> Store {
        Store::open_with(&self.settings("main"), MIGRATIONS, NOW_MS).await.unwrap()
    }

    /// An empty store beside it.
    pub(crate) async fn other(&self, name: &str) -> Store {
        self.create(name).await;
        Store::open(&self.settings(name), NOW_MS).await.unwrap()
    }
}
