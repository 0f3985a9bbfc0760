//! Which processor a thread may use. A thread inherits it from the one that starts it.

use std::fs;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread, and every thread it starts from now on, runs on `processor` only.
pub(crate) fn pin_process(processor: usize) -> Result<()> {
    pin(0, processor)
}

/// Moves the threads of this process that are called `name` to `processor`.
pub(crate) fn move_threads(name: &str, processor: usize) -> Result<()> {
    for entry in fs::read_dir("/proc/self/task").context("threads of this process")? {
        let path = entry?.path();
        let is_meant = fs::read_to_string(path.join("comm")).is_ok_and(|found| found.trim_end() == name);
        if is_meant {
            let id =
                path.file_name().and_then(|id| id.to_str()?.parse().ok()).context("a thread has a number")?;
            pin(id, processor)?;
        }
    }
    Ok(())
}

fn pin(thread: i32, processor: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(processor)?;
    sched_setaffinity(Pid::from_raw(thread), &set).with_context(|| format!("processor {processor}"))
}
