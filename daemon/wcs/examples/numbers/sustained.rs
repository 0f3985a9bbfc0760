//! Number "sustained": a thousand loads a second on one sorter link, each with a SCAN and an EXIT of its own, for as long
//! as asked. The daemon's threads, real files, loopback.
//!
//! No sorter runs like that; this one has a 60 m/s belt with a load every 40 mm, a PLC cycle of 1 ms and a window of
//! 256 slots. All loads are one batch, so that no change of batch comes between, and its lanes never fill up. The
//! rate is taken from what the sorter counts as final, after the first seconds.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wcs_sim::world::{PlcSetup, SorterSetup};

use crate::alarm_table::AlarmTable;
use crate::plc_host::Shift;
use crate::stack_arm::Daemon;

const ORDERS: u64 = 60;
/// More than are wanted, so that the rate is not the feed's.
const LOADS_PER_SECOND: u64 = 1_150;
const SPEED: u32 = 20;
/// Loads that have to be final before the rate is taken.
const RAMP: u64 = 5_000;
const RAMP_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// Drives the dense sorter for `span`.
pub(crate) fn measure(span: Duration, data: &Path) -> Result<Value> {
    let mut daemon = Daemon::start(data, shift(span), false)?;
    let began = Instant::now();
    while daemon.host.finals() < RAMP {
        ensure!(began.elapsed() < RAMP_MAX, "only {} loads were sorted", daemon.host.finals());
        ensure!(!daemon.has_failed(), "a thread of the daemon ended");
        std::thread::sleep(LOOK);
    }
    daemon.count_from_now()?;
    let (began, before) = (Instant::now(), daemon.host.finals());
    std::thread::sleep(span);
    let (took, finals) = (began.elapsed(), daemon.host.finals() - before);
    let mut found = daemon.stop()?;
    found["seconds"] = json!(took.as_secs_f64());
    found["loads_per_second"] = json!(finals as f64 / took.as_secs_f64());
    Ok(found)
}

fn shift(span: Duration) -> Shift {
    let setup = SorterSetup {
        belt_mm_s: 3_000,
        load_length_mm: 20,
        gap_mm: 20,
        lane_capacity: 1_000_000,
        feed_per_hour: u32::try_from(LOADS_PER_SECOND * 3_600 / u64::from(SPEED)).expect("a small number"),
        plc: PlcSetup { cycle_ms: 1, evt_slots: 256, cmd_slots: 256, ..PlcSetup::default() },
        speed: SPEED,
        ..SorterSetup::demo()
    };
    Shift { setup, csv: orders(LOADS_PER_SECOND * (span.as_secs() + 12)), alarms: AlarmTable::default() }
}

/// One load for each order line.
fn orders(loads: u64) -> String {
    let mut csv =
        String::from("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n");
    for load in 0..loads {
        let (order, sku) = (600_000 + load % ORDERS, 10_000 + load / ORDERS);
        writeln!(csv, "{order},{sku},MADE,1,2011-12-05 09:00:00,2.55,17850.0,United Kingdom")
            .expect("a text takes every row");
    }
    csv
}
