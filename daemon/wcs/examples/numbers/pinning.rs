//! Threads of this process: which processor they may use (a thread inherits it from the one that starts it), and what the
//! system counted of them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread, and every thread it starts from now on, runs on `processor` only.
pub(crate) fn pin_process(processor: usize) -> Result<()> {
    pin(0, processor)
}

/// The calling thread may run everywhere again.
pub(crate) fn free_thread() -> Result<()> {
    let mut set = CpuSet::new();
    for processor in 0..std::fs::read_to_string("/proc/stat")?.matches("\ncpu").count() {
        set.set(processor)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set).context("all processors")
}

/// Moves the threads of this process that are called `name` to `processor`.
pub(crate) fn move_threads(name: &str, processor: usize) -> Result<()> {
    for path in threads_called(name)? {
        let id =
            path.file_name().and_then(|id| id.to_str()?.parse().ok()).context("a thread has a number")?;
        pin(id, processor)?;
    }
    Ok(())
}

/// What the system counted of a thread since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadFigures {
    /// Times it gave up the processor because it had nothing to do.
    pub(crate) waits: u64,
    /// Times the processor was taken from it.
    pub(crate) preemptions: u64,
    /// Time on a processor.
    pub(crate) cpu_us: u64,
}

impl ThreadFigures {
    /// Figures of the thread called `name`.
    pub(crate) fn of(name: &str) -> Result<Self> {
        let path = threads_called(name)?.pop().with_context(|| format!("no thread is called {name}"))?;
        let status = fs::read_to_string(path.join("status")).context("status of a thread")?;
        let count = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.trim().parse().ok()).with_context(|| format!("no {key} in its status"))
        };
        let times = fs::read_to_string(path.join("schedstat")).context("times of a thread")?;
        let nanos: u64 =
            times.split_whitespace().next().and_then(|first| first.parse().ok()).context("its time")?;
        Ok(Self {
            waits: count("voluntary_ctxt_switches:")?,
            preemptions: count("nonvoluntary_ctxt_switches:")?,
            cpu_us: nanos / 1_000,
        })
    }
}

fn threads_called(name: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/task").context("threads of this process")? {
        let path = entry?.path();
        if fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name) {
            found.push(path);
        }
    }
    Ok(found)
}

fn pin(thread: i32, processor: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(processor)?;
    sched_setaffinity(Pid::from_raw(thread), &set).with_context(|| format!("processor {processor}"))
}
