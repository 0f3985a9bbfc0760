//! A daemon under a service manager: what it is told, and that signs of life stand for the core thread. One thread
//! of the daemon is stopped alone (ptrace), which no stopped process could show.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::plant::write_demo;
use wcs_tests::program::wcs;
use wcs_tests::service_manager::LIFE;
use wcs_tests::threads::Standing;
use wcs_tests::{PlcView, Served, ServiceManager, Shift, Site, orders};

const LIMIT: Duration = Duration::from_secs(120);
/// Nothing that is told takes longer.
const TOLD: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(2);
const SPEED: u32 = 20;

#[test]
fn signs_of_life_stop_with_the_core_thread_alone_and_come_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 3, 30)?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let plc = PlcView::new(folder.path(), shift.address)?;
    let mut manager = ServiceManager::in_folder(folder.path(), TIMEOUT)?;
    let mut daemon = shift.start_service(&manager)?;
    let (_, before) = manager.wait_told("READY=1", TOLD)?;
    ensure!(!before.iter().any(|line| line == LIFE), "a sign of life came before it was ready: {before:?}");
    daemon.wait_out("commanding after ")?;
    let (status, _) = manager.wait_told("STATUS=1 line commanded", TOLD)?;
    tell(&status);

    let standing = Standing::stop(daemon.id(), "core")?;
    let stopped_at = Instant::now();
    manager.forget_told()?;
    let told = manager.wait_timed_out(TOLD)?;
    // The turns before the stop may be vouched for once; nothing else may.
    let signs = told.iter().filter(|line| *line == LIFE).count();
    ensure!(signs <= 1, "{signs} signs of life of a core that stands: {told:?}");
    ensure!(told.iter().any(|line| line.starts_with("STATUS=watchdog withheld: core turn ")), "{told:?}");
    tell(&format!("timed out {} ms after the core stood still", stopped_at.elapsed().as_millis()));
    daemon.wait_err(&["watchdog withheld: core turn ", " ms"])?;
    // Nobody vouches towards the PLC either: it holds the link for dead and stops induction by itself.
    wait_until("the PLC stops induction", LIMIT, || {
        let header = plc.header()?;
        let is_lost = header[plc.map.header.link_state] == plc.words.link_states.wcs_lost;
        Ok((is_lost && header[plc.map.header.status] & plc.words.status.induct_running == 0).then_some(()))
    })?;

    standing.go_on()?;
    manager.wait_told(LIFE, TOLD)?;
    daemon.wait_err(&["the core goes on"])?;
    ensure!(daemon.is_running()?, "{daemon}");
    daemon.interrupt()?.expect_code(0)?;
    manager.wait_told("STOPPING=1", TOLD)?;
    shift.sim.interrupt()?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_watchdog_kill_costs_nothing_and_has_its_cause_in_the_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let totals = orders::write_made(&folder.path().join("orders.csv"), 4, 20)?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let mut manager = ServiceManager::in_abstract(TIMEOUT)?;
    let mut daemon = shift.start_service(&manager)?;
    daemon.wait_out("commanding after ")?;
    let half = usize::try_from(shift.loads / 2)?;
    wait_until("half of the shift", LIMIT, || Ok((shift.ledger_lines()? >= half).then_some(())))?;
    let standing = Standing::stop(daemon.id(), "core")?;
    manager.forget_told()?;
    manager.wait_timed_out(TOLD)?;
    daemon.abort()?;
    standing.take_end()?;
    let killed = daemon.wait_end()?.expect_killed()?;
    ensure!(killed.err.contains("watchdog withheld: core turn "), "{killed}");

    let mut again = shift.start_service(&manager)?;
    manager.wait_told("READY=1", TOLD)?;
    let said = again.wait_out("commanding after ")?;
    tell(&format!("after the watchdog: commanding after {said}"));
    again.wait_end()?.expect_code(0)?;
    let loads = shift.loads;
    let settled = shift.settle()?;
    let (found, pieces) = (&settled["loads"], &settled["reconcile"]);
    ensure!(found["inducted"].as_u64() == Some(loads) && found["finals"] == found["inducted"], "{settled}");
    ensure!(pieces["expected_pieces"].as_u64() == Some(totals.pieces), "{settled}");
    ensure!(pieces["difference"] == 0 && pieces["ledger_difference"] == 0, "{settled}");
    Ok(())
}

#[test]
fn a_core_that_stands_is_said_over_http_and_the_next_process_serves_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 6, 20)?;
    let shift = Shift::start(folder.path(), SPEED, LIMIT)?;
    let mut manager = ServiceManager::in_abstract(TIMEOUT)?;
    let site = Site::new(folder.path(), LIMIT)?;
    let Served { daemon, desk } = site.start_as(manager.around(site.command()?))?;
    desk.receive_file(&std::fs::read(folder.path().join("orders.csv"))?)?;
    desk.http.get("/health/ready")?.expect(&[200])?;
    let taken_in = desk.orders()?;

    let standing = Standing::stop(daemon.id(), "core")?;
    manager.forget_told()?;
    manager.wait_timed_out(TOLD)?;
    // The service has threads of its own: it answers, and says what is wrong.
    let answer = desk.http.get("/health/ready")?.expect(&[503])?;
    let parts = answer.json()?["parts"].as_array().cloned().unwrap_or_default();
    ensure!(parts.iter().any(|part| part["part"] == "core" && part["status"] == "down"), "{answer}");
    desk.http.get("/health/live")?.expect(&[200])?;
    desk.http.get("/api/orders")?.expect(&[200])?;
    daemon.abort()?;
    standing.take_end()?;
    let killed = daemon.wait_end()?.expect_killed()?;
    ensure!(killed.err.contains("watchdog withheld: core turn "), "{killed}");

    let again = site.start_as(manager.around(site.command()?))?;
    manager.wait_told("READY=1", TOLD)?;
    again.desk.http.get("/health/ready")?.expect(&[200])?;
    ensure!(again.desk.orders()? == taken_in, "every order is there");
    again.daemon.interrupt()?.expect_code(0)?;
    shift.sim.interrupt()?.expect_code(0)?;
    tell(&format!("core stopped: {} orders are there after the watchdog", taken_in.len()));
    Ok(())
}

#[test]
fn a_dead_plc_and_a_journal_that_waits_are_no_reason_to_start_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // Nobody listens there: port 1 needs a right that no test has asked for.
    write_demo(folder.path(), "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
    let mut manager = ServiceManager::in_abstract(TIMEOUT)?;
    let command = wcs(folder.path(), &["run", "--plant", "plant.toml", "--data", "data"])?;
    let mut daemon = Child::start(manager.around(command), LIMIT)?;
    manager.wait_told("READY=1", TOLD)?;
    daemon.wait_err(&["link_down"])?;
    let standing = Standing::stop(daemon.id(), "journal")?;
    let until = Instant::now() + TIMEOUT * 2;
    while Instant::now() < until {
        manager.wait_told(LIFE, TIMEOUT)?;
    }
    standing.go_on()?;
    manager.wait_told(LIFE, TIMEOUT)?;
    daemon.interrupt()?.expect_code(0)?;
    Ok(())
}
