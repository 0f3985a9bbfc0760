//! A daemon with its HTTP service and nothing else to do: the demo plant whose PLC is silent, a store on SQLite, any free
//! port. And what can be seen of it from outside: whether it lives, how much memory it took, what its store holds.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::child::{Child, wait_until};
use crate::http::Http;
use crate::plant::write_demo;
use crate::program::wcs;

/// The daemon.
pub struct FrontDoor {
    /// Its process.
    pub daemon: Child,
    /// A client of it.
    pub http: Http,
    /// Where it listens.
    pub address: SocketAddr,
    folder: PathBuf,
}

impl FrontDoor {
    /// Starts it in `folder`, with `limits` as further lines of table `[http]` of its site file, and waits until its store
    /// is open; `limit` holds for its process.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, limits: &str, limit: Duration) -> Result<Self> {
        // Nobody listens there: port 1 needs a right that no test has asked for.
        write_demo(folder, "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
        fs::write(folder.join("site.toml"), format!("[http]\nlisten = \"127.0.0.1:0\"\n{limits}"))?;
        let command =
            wcs(folder, &["run", "--plant", "plant.toml", "--data", "data", "--site", "site.toml"])?;
        let mut daemon = Child::start(command, limit)?;
        let said = daemon.wait_out("serving on http://")?;
        let address: SocketAddr = said.trim_end_matches('/').parse().with_context(|| said.clone())?;
        let http = Http::new(address);
        // The socket is there before the store is open: lines wait for neither.
        wait_until("the store is open", limit, || {
            let answer = http.get("/api/orders?limit=1")?.expect(&[200, 503])?;
            Ok(answer.is_done().then_some(()))
        })?;
        Ok(Self { daemon, http, address, folder: folder.to_owned() })
    }

    /// KiB of memory its process had at most so far.
    ///
    /// # Errors
    /// It is gone.
    pub fn memory_peak_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a peak")?;
        Ok(peak.trim().trim_end_matches(" kB").parse()?)
    }

    /// Asks it to stop, and says where its store and its journal are.
    ///
    /// # Errors
    /// It ended by itself, or not well.
    pub fn stop(mut self) -> Result<(PathBuf, PathBuf)> {
        ensure!(self.daemon.is_running()?, "it ended by itself: {}", self.daemon);
        self.daemon.interrupt()?.expect_code(0)?;
        let data = self.folder.join("data");
        Ok((data.join("store.db"), data.join("journal")))
    }
}
