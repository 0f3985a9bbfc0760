//! A daemon with its HTTP service, and the simulators that stand for its sorters. It is started on the same data as
//! often as a test wants.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::child::{Child, wait_until};
use crate::desk::Desk;
use crate::http::Http;
use crate::program::wcs;

/// Name of the site file in the folder of a daemon.
const SITE: &str = "site.toml";
/// What it says: any free port.
const SITE_TEXT: &str = "[http]\nlisten = \"127.0.0.1:0\"\n";

/// Folder of a daemon: plant file, site file and data.
#[derive(Clone, Debug)]
pub struct Site {
    folder: PathBuf,
    limit: Duration,
}

/// A daemon that serves.
pub struct Served {
    /// Its process.
    pub daemon: Child,
    /// A desk at it.
    pub desk: Desk,
}

impl Site {
    /// A site in `folder`, which holds `plant.toml`; `limit` holds for every process of the daemon.
    ///
    /// # Errors
    /// Its files cannot be written.
    pub fn new(folder: &Path, limit: Duration) -> Result<Self> {
        fs::write(folder.join(SITE), SITE_TEXT)?;
        Ok(Self { folder: folder.to_owned(), limit })
    }

    /// The command that starts the daemon.
    ///
    /// # Errors
    /// The binary was not built.
    pub fn command(&self) -> Result<Command> {
        wcs(&self.folder, &["run", "--plant", "plant.toml", "--data", "data", "--site", SITE])
    }

    /// Starts the daemon and waits until it serves.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self) -> Result<Served> {
        self.start_as(self.command()?)
    }

    /// The same with a command made of [`Site::command`].
    ///
    /// # Errors
    /// It does not start.
    pub fn start_as(&self, command: Command) -> Result<Served> {
        let mut daemon = Child::start(command, self.limit)?;
        let said = daemon.wait_out("serving on http://")?;
        let address: SocketAddr = said.parse().with_context(|| said.clone())?;
        let desk = Desk { http: Http::new(address) };
        // The socket is there before the store is open: lines wait for neither.
        wait_until("the store is open", self.limit, || {
            let answer = desk.http.get("/api/orders?limit=1")?.expect(&[200, 503])?;
            Ok(answer.is_done().then_some(()))
        })?;
        Ok(Served { daemon, desk })
    }

    /// The journal directory.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("data").join("journal")
    }

    /// The file of the store.
    pub fn store(&self) -> PathBuf {
        self.folder.join("data").join("store.db")
    }
}
