//! Arm "under alarms" of the number "alarms": the daemon's threads at a simulated PLC that raises so many alarms a second
//! beside the loads it sorts. The control path is taken where the PLC sees it: from the request whose answer shows a scan
//! to the write that publishes its destination, behind all alarms that come with it.
//!
//! Core, link and simulator are on processor 0, the journal on processor 1. What the alarms made of it is read from the
//! journal afterwards, by replay.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wcs_engine::Replay;
use wcs_journal::{FileStorage, Reader, recover};
use wcs_types::{CORE_VERSION, Plant, Seq};

use crate::alarm_storm::is_raise;
use crate::alarm_table::AlarmTable;
use crate::pinning::pin_process;
use crate::plc_host::Shift;
use crate::stack_arm::Daemon;

/// Orders on the sorter: more than are sorted in the time.
const ORDERS: u32 = 5_000;
/// Loads that have to be final before anything is counted.
const RAMP: u64 = 300;
const RAMP_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// Drives the usual sorter for `span`, with these alarms from its start on.
pub(crate) fn measure(alarms: AlarmTable, span: Duration, data: &Path) -> Result<Value> {
    pin_process(0)?;
    let shift = Shift { alarms, ..Shift::of_orders(ORDERS) };
    let daemon = Daemon::start(data, shift, true)?;
    let began = Instant::now();
    while daemon.host.finals() < RAMP {
        ensure!(began.elapsed() < RAMP_MAX, "only {} loads were sorted", daemon.host.finals());
        ensure!(!daemon.has_failed(), "a thread of the daemon ended");
        std::thread::sleep(LOOK);
    }
    daemon.host.count_from_now();
    let before = daemon.host.finals();
    std::thread::sleep(span);
    let loads = daemon.host.finals() - before;
    let mut seen = Value::Null;
    let mut found = daemon.end(|journal, plant| {
        seen = told(journal, plant)?;
        Ok(())
    })?;
    found["loads"] = json!(loads);
    found["alarms"] = seen;
    Ok(found)
}

/// What the journal says of alarms.
fn told(journal: &Path, plant: &Plant) -> Result<Value> {
    let storage = FileStorage::open_read_only(journal)?;
    let last = recover(&storage)?.last_seq;
    let mut replay = Replay::new(plant.clone(), CORE_VERSION);
    let mut raised = 0_u64;
    for entry in Reader::open(&storage, Seq(1), last)? {
        let record = entry?.record;
        raised += record.facts.iter().filter(|fact| is_raise(fact)).count() as u64;
        replay.follow(&record)?;
    }
    let rows = || replay.core().listed_alarms();
    Ok(json!({
        "raised": raised,
        "listed": rows().count(),
        "headlines": rows().filter(|row| row.head.is_none()).count(),
    }))
}
