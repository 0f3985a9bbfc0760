//! Arms "under load": the shipped binary sorts at a simulated PLC while 20 readers poll lists and orders come in. In arm
//! "null" the same load generator asks a server that does nothing, and the service of the daemon is left alone; in the others
//! it asks the daemon, whose store is SQLite, SQLite that another program has locked, or PostgreSQL. The control path is
//! taken where the PLC sees it: from the request whose answer shows a scan to the write that publishes its destination.
//!
//! Core, links and simulator are on processor 0, everything else on processor 1.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use wcs_specs::{Profile, SorterMap, load_plant};

use crate::commanding::PLANT;
use crate::consoles;
use crate::filling::fill;
use crate::null_server;
use crate::pinning::{free_thread, pin_process};
use crate::plc_host::{PlcHost, Shift};
use crate::recording::figures;
use crate::served::{EngineChoice, Place, Served, Setup};

/// Who is asked, and what its store is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Asked {
    /// A server that does nothing; the daemon has its store on SQLite.
    Null,
    /// The daemon.
    Sqlite,
    /// The daemon, while another program holds the write lock of its store.
    Locked,
    /// The daemon.
    Postgres,
}

/// Orders and loads that are in the store already: ten hours.
const ROWS: u32 = 100_000;
/// Orders on the sorter: more than are sorted in the time.
const ORDERS: u32 = 2_000;
/// Loads that have to be final before anything is counted.
const RAMP: u64 = 300;
const RAMP_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
const SITE: &str = "[realtime]\ncore_cpu = 0\njournal_cpu = 1\nother_cpus = [1]\n";

/// Asks for `span` while the daemon sorts.
pub(crate) fn measure(asked: Asked, span: Duration, folder: &Path) -> Result<Value> {
    let engine = if asked == Asked::Postgres { EngineChoice::Postgres } else { EngineChoice::Sqlite };
    // What is started from here on inherits the processor; the database is one of all the others.
    pin_process(1)?;
    let place = Place::empty(engine, folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(&place, ROWS))?;
    let plant = load_plant(PLANT, "plant.toml").map_err(|problems| anyhow!("{problems}"))?;
    let profile = Profile::load(&plant.lines[0].profile)?;
    let shift = Shift::of_orders(ORDERS);
    let csv = shift.csv.clone();
    pin_process(0)?;
    let host = PlcHost::start(SorterMap::resolve(&profile, &plant.lines[0].blocks)?, shift)?;
    // The daemon places its threads itself.
    free_thread()?;
    let setup = Setup { plc: Some(host.address), orders_csv: Some(&csv), site: SITE };
    let mut served = Served::start(folder, &place, &setup)?;
    pin_process(1)?;
    served.process.wait("commanding after ")?;
    let began = Instant::now();
    while host.finals() < RAMP {
        ensure!(began.elapsed() < RAMP_MAX, "only {} loads were sorted", host.finals());
        std::thread::sleep(LOOK);
    }
    let lock = if asked == Asked::Locked { Some(runtime.block_on(lock(&place))?) } else { None };
    let target = if asked == Asked::Null { null_server::start()? } else { served.address };
    host.count_from_now();
    let before = host.finals();
    let seen = consoles::ask(target, span)?;
    let finals = host.finals() - before;
    drop(lock);
    drop(served);
    let plc = host.stop()?;
    drop(place);
    std::fs::remove_dir_all(folder)?;
    let control = plc.control_path_us();
    ensure!(control.len() > 100, "only {} scans were answered", control.len());
    Ok(json!({
        "control_path_us": figures(control),
        "loads": finals,
        "http": seen.figures(),
    }))
}

/// Takes the write lock of a store on SQLite for as long as the connection lives.
async fn lock(place: &Place) -> Result<SqliteConnection> {
    let Place::Sqlite(path) = place else { anyhow::bail!("only a file is locked here") };
    let mut connection = SqliteConnection::connect(&path.display().to_string()).await?;
    sqlx::raw_sql("PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE")
        .execute(&mut connection)
        .await
        .context("the lock of the store")?;
    Ok(connection)
}
