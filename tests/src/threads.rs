//! Threads of a running daemon as the kernel shows them, and one of them stopped alone while the others go on.

use std::fs;
use std::marker::PhantomData;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Scheduling policy of an ordinary thread, as in `/proc`.
pub const SCHED_OTHER: u32 = 0;
/// First in, first out, as in `/proc`.
pub const SCHED_FIFO: u32 = 1;
/// Fields of `stat` behind the name of the thread: real-time priority and policy.
const PRIORITY_AT: usize = 37;
const POLICY_AT: usize = 38;

/// One thread.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Task {
    /// Its number.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Its scheduling policy.
    pub policy: u32,
    /// Its real-time priority; 0 is none.
    pub priority: u32,
    /// CPUs it may use, such as `0-3,6`.
    pub cpus: String,
}

/// Every thread of a process. One that ends meanwhile is left out.
///
/// # Errors
/// The process is gone, or the kernel shows something unknown.
pub fn tasks(process: u32) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let folder = entry?.path();
        let files = ["stat", "status", "comm"].map(|name| fs::read_to_string(folder.join(name)));
        let [Ok(stat), Ok(status), Ok(name)] = files else { continue };
        let id =
            folder.file_name().and_then(|id| id.to_str()?.parse().ok()).context("a thread has a number")?;
        // The name stands in brackets and may hold anything; the numbers begin behind it.
        let (_, numbers) = stat.rsplit_once(") ").with_context(|| stat.clone())?;
        let number = |at: usize| numbers.split(' ').nth(at).and_then(|text| text.trim().parse().ok());
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        tasks.push(Task {
            id,
            name: name.trim_end().to_owned(),
            policy: number(POLICY_AT).with_context(|| stat.clone())?,
            priority: number(PRIORITY_AT).with_context(|| stat.clone())?,
            cpus: cpus.context("a thread has CPUs")?.trim().to_owned(),
        });
    }
    Ok(tasks)
}

/// The one thread of a process that has this name.
///
/// # Errors
/// There is none, or there are several.
pub fn task(process: u32, name: &str) -> Result<Task> {
    let mut found: Vec<Task> = tasks(process)?.into_iter().filter(|task| task.name == name).collect();
    ensure!(found.len() == 1, "threads called {name}: {found:?}");
    Ok(found.remove(0))
}

/// A thread that stands still while the others of its process go on. The kernel lets only the thread that stopped it
/// let it go on, so this cannot be sent to another.
pub struct Standing {
    thread: Pid,
    only_here: PhantomData<*const ()>,
}

impl Standing {
    /// Stops the thread called `name`.
    ///
    /// # Errors
    /// There is no such thread, or the kernel does not allow it.
    pub fn stop(process: u32, name: &str) -> Result<Self> {
        let thread = Pid::from_raw(task(process, name)?.id);
        ptrace::seize(thread, ptrace::Options::empty()).with_context(|| format!("attach to {name}"))?;
        ptrace::interrupt(thread)?;
        match waitpid(thread, Some(WaitPidFlag::__WALL))? {
            WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..) => {
                Ok(Self { thread, only_here: PhantomData })
            }
            other => bail!("{name} was not stopped: {other:?}"),
        }
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It is gone.
    pub fn go_on(self) -> Result<()> {
        Ok(ptrace::detach(self.thread, None)?)
    }

    /// Takes note that it ended with its process, which the kernel keeps until then.
    ///
    /// # Errors
    /// It did not end.
    pub fn take_end(self) -> Result<()> {
        match waitpid(self.thread, Some(WaitPidFlag::__WALL))? {
            WaitStatus::Signaled(..) | WaitStatus::Exited(..) => Ok(()),
            other => bail!("it has not ended: {other:?}"),
        }
    }
}
