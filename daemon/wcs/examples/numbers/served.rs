//! The shipped binary with its HTTP service, as an arm measures it: in a process of its own, on a store of either engine,
//! with a plant whose PLC is where the arm says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use wcs_store::{Address, Settings, Store};

use crate::commanding::{PLANT, Player, SAMPLE_ENDPOINT};
use crate::http_client::HttpClient;
use crate::postgres::PostgresServer;

/// Nobody listens there.
const NO_PLC: &str = "127.0.0.1:1";
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// Which engine the store is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum EngineChoice {
    Sqlite,
    Postgres,
}

/// A place for a store: a file in the folder of the arm, or a server of its own.
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(PostgresServer),
}

impl Place {
    /// An empty store in `folder`, which is made anew.
    pub(crate) fn empty(engine: EngineChoice, folder: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        Ok(match engine {
            EngineChoice::Sqlite => Self::Sqlite(folder.join("store.db")),
            EngineChoice::Postgres => Self::Postgres(PostgresServer::start()?),
        })
    }

    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Sqlite(path) => Address::Sqlite(path.clone()),
            Self::Postgres(server) => Address::Postgres(server.url()),
        }
    }

    /// As an argument of the daemon.
    fn argument(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(server) => server.url(),
        }
    }

    /// The store, opened by this process: it has its schema then.
    pub(crate) async fn open(&self) -> Result<Store> {
        let settings = Settings { patience: PATIENCE, ..Settings::new(self.address()) };
        Ok(Store::open(&settings, 0).await?)
    }
}

/// What a daemon is started with beside its store.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Where its PLC is.
    pub(crate) plc: Option<SocketAddr>,
    /// Orders for its supervisor script.
    pub(crate) orders_csv: Option<&'a str>,
    /// More of its site file.
    pub(crate) site: &'a str,
}

/// A daemon that serves.
pub(crate) struct Served {
    pub(crate) process: Player,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Starts it in `folder` and waits until it serves.
    pub(crate) fn start(folder: &Path, place: &Place, setup: &Setup<'_>) -> Result<Self> {
        ensure!(PLANT.contains(SAMPLE_ENDPOINT), "the sample plant has the endpoint that is replaced here");
        let plc = setup.plc.map_or_else(|| NO_PLC.to_owned(), |address| address.to_string());
        std::fs::write(folder.join("plant.toml"), PLANT.replace(SAMPLE_ENDPOINT, &plc))?;
        let site = format!("[http]\nlisten = \"127.0.0.1:0\"\n{}", setup.site);
        std::fs::write(folder.join("site.toml"), site)?;
        let store = place.argument();
        let mut arguments = vec!["run", "--plant", "plant.toml", "--data", "data", "--site", "site.toml"];
        arguments.extend(["--store", &store]);
        if let Some(csv) = setup.orders_csv {
            std::fs::write(folder.join("orders.csv"), csv)?;
            arguments.extend(["--orders", "orders.csv"]);
        }
        let mut process = Player::start(folder, &arguments)?;
        let address = process.wait("serving on http://")?;
        let address = address.trim_end_matches('/').parse().with_context(|| address.clone())?;
        let mut client = HttpClient::connect(address)?;
        let began = Instant::now();
        // The socket is there before the store is open: lines wait for neither.
        while client.get("/api/orders?limit=1")?.status != 200 {
            ensure!(began.elapsed() < PATIENCE, "the store of the daemon is not open");
            std::thread::sleep(LOOK);
        }
        Ok(Self { process, address })
    }
}
