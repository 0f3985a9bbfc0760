//! Arm "stack" of the wire number: the daemon's own threads (core with its links, journal on real files) at the
//! simulated PLC, run by the scripted supervisor. The figure is the session's own: from the receipt of the header that shows the scan
//! to the acknowledged block that publishes its destination.
//!
//! Pinned, core with links and simulator share processor 0; the journal thread, which is not on the path of a
//! destination whose binding is durable, has processor 1.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wcs_sim::faults::DiskStall;
use wcs_sim::supervisor::Supervisor;
use wcs_specs::{Profile, SorterMap, load_plant};
use wcs_types::{Nanos, Plant};

use crate::pinning::{ThreadFigures, move_threads};
use crate::plc_host::{PlcHost, Shift};
use crate::realtime::Realtime;
use crate::recording::figures;
use crate::service::Service;

const PLANT: &str = include_str!("../../../../configs/plant.toml");
const QUIET: Nanos = Nanos::from_secs(60);

/// Drives the usual sorter for `span`; the journal goes to `data`, which is removed afterwards.
pub(crate) fn measure(span: Duration, data: &Path, is_pinned: bool) -> Result<Value> {
    let mut daemon = Daemon::start(data, Shift::usual(), is_pinned)?;
    std::thread::sleep(span / 4);
    daemon.count_from_now()?;
    std::thread::sleep(span - span / 4);
    daemon.stop()
}

/// The daemon at its sorter.
pub(crate) struct Daemon {
    pub(crate) host: PlcHost,
    service: Service,
    data: PathBuf,
    plant: Plant,
    /// Loads and figures of the core thread when counting began.
    since: Option<(u64, ThreadFigures)>,
}

impl Daemon {
    /// Starts both.
    pub(crate) fn start(data: &Path, shift: Shift, is_pinned: bool) -> Result<Self> {
        if data.exists() {
            std::fs::remove_dir_all(data)?;
        }
        let mut plant = load_plant(PLANT, "plant.toml").map_err(|problems| anyhow!("{problems}"))?;
        let profile = Profile::load(&plant.lines[0].profile)?;
        let supervisor = Supervisor::new(shift.batches()?, QUIET);
        let host = PlcHost::start(SorterMap::resolve(&profile, &plant.lines[0].blocks)?, shift)?;
        plant.links[0].endpoint = host.address.to_string();
        let service = Service::start(
            &plant,
            data,
            &data.join("journal"),
            supervisor,
            DiskStall::default(),
            &Realtime::default(),
        )?;
        if is_pinned {
            move_threads("journal", 1)?;
        }
        Ok(Self { host, service, data: data.to_owned(), plant, since: None })
    }

    /// What a load costs is counted from here on: it is in full swing.
    pub(crate) fn count_from_now(&mut self) -> Result<()> {
        self.since = Some((self.host.finals(), ThreadFigures::of("core")?));
        Ok(())
    }

    /// A thread of the daemon ended.
    pub(crate) fn has_failed(&self) -> bool {
        self.service.has_failed()
    }

    /// Stops both; the figures of the run.
    pub(crate) fn stop(self) -> Result<Value> {
        self.end(|_, _| Ok(()))
    }

    /// Stops both, and lets `look` at the journal before it goes; the figures of the run.
    pub(crate) fn end(self, look: impl FnOnce(&Path, &Plant) -> Result<()>) -> Result<Value> {
        ensure!(!self.service.has_failed(), "a thread of the daemon ended");
        let costs = self.costs()?;
        let end = self.service.stop(|_| ())?;
        let plc = self.host.stop()?;
        let (_, stats) =
            end.links.first().and_then(|link| link.sessions.first()).context("the plant has a line")?;
        let mut found = plc.figures(&stats.scan_to_destination_us)?;
        found["fsync_us"] = figures(&end.fsync_us);
        found["exchanges"] = json!(stats.exchanges);
        found["late"] = json!(stats.late);
        found["evt_lost"] = json!(stats.evt_lost);
        found["window_full"] = json!(stats.window_full);
        found["per_load"] = costs;
        found["exchanges_per_load"] = json!(stats.exchanges as f64 / plc.counts.finals.max(1) as f64);
        found["turns_per_load"] = json!(end.turns as f64 / plc.counts.finals.max(1) as f64);
        look(&self.data.join("journal"), &self.plant)?;
        std::fs::remove_dir_all(self.data)?;
        Ok(found)
    }

    /// What each load since then cost the core thread.
    fn costs(&self) -> Result<Value> {
        let Some((finals, before)) = self.since else { return Ok(Value::Null) };
        let (loads, after) = ((self.host.finals() - finals).max(1) as f64, ThreadFigures::of("core")?);
        Ok(json!({
            "core_waits": (after.waits - before.waits) as f64 / loads,
            "core_preemptions": (after.preemptions - before.preemptions) as f64 / loads,
            "core_cpu_us": (after.cpu_us - before.cpu_us) as f64 / loads,
        }))
    }
}
