//! The real-time options of a site file on the real threads of the shipped binary, as the kernel shows them. Where
//! this machine does not grant them, the daemon must say so and not start.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::plant::write_demo;
use wcs_tests::program::wcs;
use wcs_tests::threads::{SCHED_FIFO, SCHED_OTHER, task, tasks};

const LIMIT: Duration = Duration::from_secs(30);
const PRIORITY: u32 = 40;
const ARGUMENTS: [&str; 7] = ["run", "--plant", "plant.toml", "--data", "data", "--site", "site.toml"];
/// Bits of the capabilities a process needs.
const CAP_SETPCAP: u64 = 8;
const CAP_IPC_LOCK: u64 = 14;
const CAP_SYS_NICE: u64 = 23;

/// A folder with a plant that nobody answers for, and a site.
fn scene(site: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    write_demo(folder.path(), "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
    fs::write(folder.path().join("site.toml"), site)?;
    Ok(folder)
}

/// The first and the last CPU of this machine.
fn cpus() -> Result<(u16, u16)> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online")?;
    let mut numbers = list.trim().split([',', '-']);
    let first = numbers.next().context("a machine has a CPU")?.parse()?;
    Ok((first, numbers.next_back().map_or(Ok(first), str::parse)?))
}

fn has_capability(bit: u64) -> Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let word = status.lines().find_map(|line| line.strip_prefix("CapEff:")).context("capabilities")?;
    Ok(u64::from_str_radix(word.trim(), 16)? >> bit & 1 == 1)
}

/// True when this machine lets us have `SCHED_FIFO` and locked memory, asked without the product.
fn is_granted() -> Result<bool> {
    let mut chrt = Command::new("chrt");
    chrt.args(["-f", &PRIORITY.to_string(), "true"]);
    let has_fifo = Child::run(chrt, LIMIT)?.code == Some(0);
    let limits = fs::read_to_string("/proc/self/limits")?;
    let locked = limits.lines().find(|line| line.starts_with("Max locked memory")).context("a limit")?;
    Ok(has_fifo && (locked.contains("unlimited") || has_capability(CAP_IPC_LOCK)?))
}

fn site(core: u16, others: u16, more: &str) -> String {
    format!(
        "[realtime]\ncore_cpu = {core}\nother_cpus = [{others}]\ncore_fifo_priority = {PRIORITY}\n\
         lock_memory = true\n{more}"
    )
}

#[test]
fn threads_are_where_the_site_file_says() -> Result<()> {
    let (first, last) = cpus()?;
    let folder = scene(&site(last, first, ""))?;
    let command = wcs(folder.path(), &ARGUMENTS)?;
    if first == last {
        let ended = Child::run(command, LIMIT)?.expect_code(2)?;
        ensure!(ended.err.contains("site.toml:3: `other_cpus` has CPU"), "{ended}");
        return Ok(());
    }
    if !is_granted()? {
        tell("this machine does not grant it");
        return expect_refused(Child::run(command, LIMIT)?, folder.path());
    }
    let mut daemon = Child::start(command, LIMIT)?;
    daemon.wait_err(&["real-time options in force"])?;
    let core = wait_until("the core thread is in its place", LIMIT, || {
        ensure!(daemon.is_running()?, "{daemon}");
        Ok(task(daemon.id(), "core").ok().filter(|core| core.policy == SCHED_FIFO))
    })?;
    tell(&format!("{core:?}"));
    ensure!(core.priority == PRIORITY && core.cpus == last.to_string(), "{core:?}");
    let all = tasks(daemon.id())?;
    ensure!(all.iter().any(|task| task.name == "journal"), "{all:?}");
    for other in all.iter().filter(|task| task.name != "core") {
        ensure!(other.policy != SCHED_FIFO && other.priority == 0, "{other:?}");
        ensure!(other.cpus == first.to_string(), "{other:?} may be on the CPU of the core");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).context("locked memory")?;
    tell(&format!("locked:{locked}"));
    let locked_kib: u64 = locked.trim().trim_end_matches(" kB").parse()?;
    ensure!(locked_kib > 1_024, "{locked} is not the memory of a daemon");
    daemon.interrupt()?.expect_code(0)?;
    Ok(())
}

/// The command without the rights and limits it may have inherited.
fn without_rights(folder: &Path) -> Result<Command> {
    let daemon = wcs(folder, &ARGUMENTS)?;
    let mut command = Command::new("prlimit");
    command.args(["--rtprio=0:0", "--memlock=65536:65536"]);
    if has_capability(CAP_SETPCAP)? && (has_capability(CAP_SYS_NICE)? || has_capability(CAP_IPC_LOCK)?) {
        let less = "-sys_nice,-ipc_lock";
        command.arg("setpriv").args(["--bounding-set", less, "--inh-caps", less]);
    }
    command.arg(daemon.get_program()).args(ARGUMENTS);
    command.current_dir(folder).env("WCS_LOG", "info").env("NO_COLOR", "1");
    Ok(command)
}

fn expect_refused(ended: wcs_tests::Ended, folder: &Path) -> Result<()> {
    let ended = ended.expect_code(2)?;
    let is_clear = ["memory cannot be locked", "cannot run under SCHED_FIFO"]
        .iter()
        .any(|what| ended.err.contains(what));
    ensure!(is_clear && ended.err.contains("grant ") && !ended.err.contains("panicked"), "{ended}");
    ensure!(!folder.join("data").exists(), "it was refused after something was opened");
    Ok(())
}

#[test]
fn what_the_system_refuses_ends_the_start_with_the_remedy() -> Result<()> {
    let (first, last) = cpus()?;
    let fifo = "LimitRTPRIO=";
    let lock = "LimitMEMLOCK=infinity";
    let only_fifo =
        format!("[realtime]\ncore_cpu = {last}\nother_cpus = [{first}]\ncore_fifo_priority = {PRIORITY}\n");
    for (text, remedy) in [(only_fifo, fifo), ("[realtime]\nlock_memory = true\n".to_owned(), lock)] {
        if first == last && remedy == fifo {
            continue; // such a site file is refused for itself; the other test shows it
        }
        let folder = scene(&text)?;
        let ended = Child::run(without_rights(folder.path())?, LIMIT)?;
        ensure!(ended.err.contains(remedy), "{ended}");
        expect_refused(ended, folder.path())?;
    }
    Ok(())
}

#[test]
fn a_site_that_can_do_without_starts_without() -> Result<()> {
    let (first, last) = cpus()?;
    let wanted = if first == last {
        "[realtime]\nlock_memory = true\ndemand = \"prefer\"\n".to_owned()
    } else {
        site(last, first, "demand = \"prefer\"\n")
    };
    let folder = scene(&wanted)?;
    let mut daemon = Child::start(without_rights(folder.path())?, LIMIT)?;
    daemon.wait_err(&["a real-time option is not in force", "memory cannot be locked"])?;
    if first != last {
        daemon.wait_err(&["a real-time option is not in force", "SCHED_FIFO"])?;
    }
    daemon.wait_err(&["real-time options in force"])?;
    let core = wait_until("the core thread runs", LIMIT, || {
        ensure!(daemon.is_running()?, "{daemon}");
        Ok(task(daemon.id(), "core").ok())
    })?;
    ensure!(core.policy == SCHED_OTHER, "{core:?}");
    // What it could have, it has.
    ensure!(first == last || core.cpus == last.to_string(), "{core:?}");
    daemon.interrupt()?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_cpu_shared_with_a_thread_under_fifo_is_refused_by_check_and_run() -> Result<()> {
    let (first, _) = cpus()?;
    let folder = scene(&site(first, first, "journal_cpu = 5000\n"))?;
    for arguments in [&["check", "site.toml"][..], &ARGUMENTS] {
        let ended = Child::run(wcs(folder.path(), arguments)?, LIMIT)?.expect_code(2)?;
        ensure!(ended.err.contains("site.toml:3: `other_cpus` has CPU"), "{ended}");
        ensure!(ended.err.contains("site.toml:6: `journal_cpu` must be from 0 to 1023"), "{ended}");
    }
    fs::write(folder.path().join("site.toml"), format!("[realtime]\ncore_cpu = {first}\n"))?;
    let checked = Child::run(wcs(folder.path(), &["check", "."])?, LIMIT)?.expect_code(0)?;
    ensure!(checked.out.contains("site.toml: site, ok"), "{checked}");
    Ok(())
}
