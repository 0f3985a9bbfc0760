//! Arm "stack" of the wire number: the daemon's own threads (core with its links, journal on real files) at the simulated PLC,
//! run by the scripted supervisor. The figure is the session's own: from the receipt of the header that shows the scan
//! to the acknowledged block that publishes its destination.
//!
//! Pinned, core with links and simulator share processor 0; the journal thread, which is not on the path of a destination
//! whose binding is durable, has processor 1.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wcs_sim::faults::DiskStall;
use wcs_sim::supervisor::Supervisor;
use wcs_specs::{Profile, SorterMap, load_plant};
use wcs_types::Nanos;

use crate::pinning::move_threads;
use crate::plc_host::{PlcHost, batches};
use crate::realtime::Realtime;
use crate::recording::figures;
use crate::service::Service;

const PLANT: &str = include_str!("../../../../configs/plant.toml");
const QUIET: Nanos = Nanos::from_secs(60);

/// Drives the sorter for `span`; the journal goes to `data`, which is removed afterwards.
pub(crate) fn measure(span: Duration, data: &Path, is_pinned: bool) -> Result<Value> {
    if data.exists() {
        std::fs::remove_dir_all(data)?;
    }
    let mut plant = load_plant(PLANT, "plant.toml").map_err(|problems| anyhow!("{problems}"))?;
    let profile = Profile::load(&plant.lines[0].profile)?;
    let host = PlcHost::start(SorterMap::resolve(&profile, &plant.lines[0].blocks)?)?;
    plant.links[0].endpoint = host.address.to_string();
    let supervisor = Supervisor::new(batches()?, QUIET);
    let realtime = Realtime::default();
    let service = Service::start(&plant, data, supervisor, DiskStall::default(), &realtime)?;
    if is_pinned {
        move_threads("journal", 1)?;
    }
    std::thread::sleep(span);
    ensure!(!service.has_failed(), "a thread of the daemon ended");
    let end = service.stop()?;
    let plc = host.stop()?;
    let (_, stats) =
        end.links.first().and_then(|link| link.sessions.first()).context("the plant has a line")?;
    ensure!(stats.evt_lost == 0, "{} events were lost", stats.evt_lost);
    let mut found = plc.figures(&stats.scan_to_destination_us)?;
    found["fsync_us"] = figures(&end.fsync_us);
    found["exchanges"] = json!(stats.exchanges);
    found["late"] = json!(stats.late);
    std::fs::remove_dir_all(data)?;
    Ok(found)
}
