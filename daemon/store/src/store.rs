//! The store as its users hold it: open connections to a migrated database, and the position of the projector.

use std::time::Duration;

use tokio::sync::watch;
use wcs_types::{ChuteKind, Plant};

use crate::database::{Address, Connections, Database, Engine, Value};
use crate::error::StoreError;
use crate::known::KnownSkus;
use crate::migration::{MIGRATIONS, Migration, migrate};
use crate::{projection, statements};

/// How to open a store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// How long a call waits for a lock or a connection before it says [`StoreError::Unavailable`].
    pub patience: Duration,
}

impl Settings {
    /// The store at `address`, with the usual patience of 500 ms.
    pub fn new(address: Address) -> Self {
        Self { address, patience: Duration::from_millis(500) }
    }

    /// The store at `address` for commands and tests, where no request stands behind the call: half a minute. A
    /// connection alone can take longer than the usual patience while the disk is busy.
    pub fn patient(address: Address) -> Self {
        Self { address, patience: Duration::from_secs(30) }
    }
}

/// An open store. Cheap to clone: clones share connections.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    position: watch::Sender<u64>,
    known_skus: KnownSkus,
}

impl Store {
    /// Opens the store and applies the migrations it lacks.
    ///
    /// # Errors
    /// The database cannot be used now, or its schema is not one of this program.
    pub async fn open(settings: &Settings, now_ms: i64) -> Result<Self, StoreError> {
        Self::open_with(settings, MIGRATIONS, now_ms).await
    }

    /// As [`Store::open`], with a list of migrations of the caller's: for tests of upgrades.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(
        settings: &Settings,
        migrations: &[Migration],
        now_ms: i64,
    ) -> Result<Self, StoreError> {
        let database = Database::open(&settings.address, settings.patience).await?;
        let migrated = migrate(&database, migrations, now_ms).await;
        if let Err(error) = migrated {
            database.close().await;
            return Err(error);
        }
        let mut session = database.read().await?;
        let at = projection::read(&mut session).await?;
        let (position, _) = watch::channel(at.seq);
        Ok(Self { database, position, known_skus: KnownSkus::default() })
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.database.engine()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn known_skus(&self) -> &KnownSkus {
        &self.known_skus
    }

    /// Its connections, for figures.
    pub fn connections(&self) -> Connections {
        self.database.connections()
    }

    /// Prepares a statement without running it.
    ///
    /// # Errors
    /// The engine does not take it.
    pub async fn prepare(&self, sql: &'static str) -> Result<(), StoreError> {
        self.database.prepare(sql).await
    }

    /// The last record of the journal the store reflects, as far as this process knows.
    pub fn position(&self) -> u64 {
        *self.position.borrow()
    }

    pub(crate) fn set_position(&self, seq: u64) {
        self.position.send_replace(seq);
    }

    /// Waits until the store reflects record `seq`, at most `longest`; true when it does. For a read after a write.
    pub async fn wait_for(&self, seq: u64, longest: Duration) -> bool {
        let mut position = self.position.subscribe();
        let reached = position.wait_for(|at| *at >= seq);
        matches!(tokio::time::timeout(longest, reached).await, Ok(Ok(_)))
    }

    /// Puts the chutes of the plant in, replacing those that were there.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn set_chutes(&self, plant: &Plant) -> Result<(), StoreError> {
        let rows: Vec<Value<'_>> = plant
            .chutes
            .iter()
            .enumerate()
            .flat_map(|(chute, spec)| {
                let kind = match spec.kind {
                    ChuteKind::Order => "order",
                    ChuteKind::Exception => "exception",
                    ChuteKind::NoRead => "no_read",
                    ChuteKind::Overflow => "overflow",
                };
                [
                    Value::Int(chute as i64),
                    Value::Int(i64::from(spec.line.0)),
                    Value::from(&spec.id),
                    Value::from(kind),
                ]
            })
            .collect();
        let mut session = self.database.begin().await?;
        session.execute(statements::CLEAR_CHUTES, &[]).await?;
        session.execute_rows(&statements::INSERT_CHUTES, &rows).await?;
        session.commit().await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
