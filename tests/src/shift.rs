//! A shift on the wire: `wcs sim run` on a port of its own, and daemons that run its plant on one data directory, as
//! often as they are started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;
use wcs_journal::LOCK_NAME;

use crate::child::{Child, Ended};
use crate::plant::write_demo;
use crate::program::wcs;
use crate::service_manager::ServiceManager;

/// Name of the order file in the folder of a shift.
pub const ORDERS: &str = "orders.csv";
/// Name of the data directory in the folder of a shift.
pub const DATA: &str = "data";
const LEDGER: &str = "ledger.jsonl";

/// A running simulator and the files around it.
pub struct Shift {
    /// The simulator.
    pub sim: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Loads it will feed.
    pub loads: u64,
    folder: PathBuf,
    limit: Duration,
}

impl Shift {
    /// Starts the simulator of the demo plant at `speed` in `folder`, which holds the order file; `limit` holds for
    /// every child of the shift.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, speed: u32, limit: Duration) -> Result<Self> {
        // The port is the system's choice: what the plant of the simulator says is not used.
        let plant = write_demo(folder, "sim.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
        let (plant, speed) = (plant.display().to_string(), speed.to_string());
        let mut arguments = vec!["sim", "run", "--plant", &plant, "--listen", "127.0.0.1:0"];
        arguments.extend(["--orders", ORDERS, "--speed", &speed, "--ledger", LEDGER]);
        let mut sim = Child::start(wcs(folder, &arguments)?, limit)?;
        let listening = sim.wait_out("listening on ")?;
        let (address, loads) = listening.split_once(", ").context("an address and a number of loads")?;
        let loads = loads.trim_end_matches(" loads").parse()?;
        let address = address.parse()?;
        write_demo(folder, "plant.toml", address)?;
        Ok(Self { sim, address, loads, folder: folder.to_owned(), limit })
    }

    /// Starts a daemon on the data directory of the shift.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_daemon(&self) -> Result<Child> {
        self.start_daemon_on(DATA)
    }

    /// Starts a daemon on the data directory of the shift as a service of `manager`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_service(&self, manager: &ServiceManager) -> Result<Child> {
        Child::start(manager.around(self.daemon(DATA)?), self.limit)
    }

    /// Starts a daemon on `data`, another directory in the folder of the shift.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_daemon_on(&self, data: &str) -> Result<Child> {
        Child::start(self.daemon(data)?, self.limit)
    }

    /// The command that starts a daemon on `data`.
    ///
    /// # Errors
    /// The binary was not built.
    pub fn daemon(&self, data: &str) -> Result<Command> {
        let arguments =
            ["run", "--plant", "plant.toml", "--data", data, "--orders", ORDERS, "--report", "run.json"];
        wcs(&self.folder, &arguments)
    }

    /// Process id of the daemon that uses the data directory, or used it last.
    ///
    /// # Errors
    /// There was none yet.
    pub fn daemon_id(&self) -> Result<Pid> {
        let lock = fs::read_to_string(self.journal().join(LOCK_NAME))?;
        Ok(Pid::from_raw(lock.trim().parse().with_context(|| lock.clone())?))
    }

    /// The journal directory.
    pub fn journal(&self) -> PathBuf {
        self.folder.join(DATA).join("journal")
    }

    /// Copies a data directory; nobody may write in it meanwhile.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn copy_data(&self, from: &str, to: &str) -> Result<PathBuf> {
        let to = self.folder.join(to);
        copy_folder(&self.folder.join(from), &to)?;
        Ok(to)
    }

    /// Starts a daemon and waits until it commands; gives the milliseconds it says it took.
    ///
    /// # Errors
    /// It ended or never commanded.
    pub fn start_commanding(&self) -> Result<(Child, u64)> {
        self.start_commanding_on(DATA)
    }

    /// The same on `data`, another directory in the folder of the shift.
    ///
    /// # Errors
    /// It ended or never commanded.
    pub fn start_commanding_on(&self, data: &str) -> Result<(Child, u64)> {
        let mut daemon = self.start_daemon_on(data)?;
        let said = daemon.wait_out("commanding after ")?;
        let ms = said.split(' ').next().unwrap_or_default().parse().with_context(|| said.clone())?;
        Ok((daemon, ms))
    }

    /// Whole lines in the ledger so far.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn ledger_lines(&self) -> Result<usize> {
        Ok(fs::read(self.folder.join(LEDGER))?.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Loads an hour of wall time, of the last `count` loads that came onto the belt.
    ///
    /// # Errors
    /// The ledger cannot be read, or fewer came.
    pub fn induction_rate(&self, count: usize) -> Result<u64> {
        let text = fs::read_to_string(self.folder.join(LEDGER))?;
        let rows = text.lines().rev().filter(|line| line.contains("\"event\":\"inducted\""));
        let mut times = Vec::new();
        for row in rows.take(count) {
            let row: serde_json::Value = serde_json::from_str(row).with_context(|| row.to_owned())?;
            times.push(row["at_ms"].as_u64().with_context(|| row.to_string())?);
        }
        let (Some(last), Some(first)) = (times.first(), times.get(count - 1)) else {
            bail!("{} loads of {count} came onto the belt", times.len());
        };
        Ok((count as u64 - 1) * 3_600_000 / (last - first).max(1))
    }

    /// Runs a command of the binary in the folder of the shift to its end.
    ///
    /// # Errors
    /// It takes too long.
    pub fn run(&self, arguments: &[&str]) -> Result<Ended> {
        Child::run(wcs(&self.folder, arguments)?, self.limit)
    }

    /// Ends the simulator, then holds journal against ledger and replays and verifies the journal; gives what
    /// `wcs reconcile` printed.
    ///
    /// # Errors
    /// Anything of it does not end with 0.
    pub fn settle(self) -> Result<serde_json::Value> {
        self.settle_on(DATA)
    }

    /// The same with the journal in `data`, another directory in the folder of the shift.
    ///
    /// # Errors
    /// Anything of it does not end with 0.
    pub fn settle_on(self, data: &str) -> Result<serde_json::Value> {
        let Self { sim, folder, limit, .. } = self;
        sim.interrupt()?.expect_code(0)?;
        let run = |arguments: &[&str]| Child::run(wcs(&folder, arguments)?, limit)?.expect_code(0);
        let reconciled = run(&["reconcile", "--data", data, "--ledger", LEDGER])?;
        run(&["replay", data])?;
        run(&["journal", "verify", data])?;
        Ok(serde_json::from_str(&reconciled.out)?)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
