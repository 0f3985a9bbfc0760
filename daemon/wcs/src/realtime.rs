//! The real-time options of a site at work: which thread runs on which CPU, under which policy, and whether memory
//! may be paged out. Everything is tried before the daemon opens anything, so that a refusal by the system is a
//! sentence with a remedy and not a daemon that is slower than its site file says. Which options make sense
//! together is the site file's business (`wcs-specs`).

use std::fmt;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use wcs_specs::Demand;

use crate::exit::Failure;
use crate::processors::confine_to;

/// Bit of the capability that lets a process lock as much memory as it likes.
const CAP_IPC_LOCK: u64 = 14;

/// What the crate for priorities calls a nice value of 0.
const NICE_ZERO: u8 = 47;

/// Threads that are placed together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Group {
    Core,
    Journal,
    Others,
}

const GROUPS: [Group; 3] = [Group::Core, Group::Journal, Group::Others];

/// The options in force: those of the site file, without what the system refused and the site can do without.
#[derive(Clone, Debug, Default)]
pub(crate) struct Realtime {
    options: wcs_specs::Realtime,
}

/// What the system does not let this process do.
#[derive(Clone, Debug)]
struct Refused {
    what: String,
    why: String,
    remedy: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what, self.why, self.remedy)
    }
}

impl Realtime {
    /// Locks memory, confines the calling thread (and with it all that it starts) to the CPUs of the others, and
    /// tries for each group whether a thread may go where it is wanted.
    pub(crate) fn prepare(wanted: &wcs_specs::Realtime) -> Result<Self, Failure> {
        let mut this = Self { options: wanted.clone() };
        if wanted.lock_memory
            && let Err(refused) = lock_memory()
        {
            this.refuse(&refused, |options| options.lock_memory = false)?;
        }
        for group in GROUPS {
            let cpus = this.cpus(group);
            if !cpus.is_empty()
                && let Err(refused) = tried(move || confine(&cpus))?
            {
                this.refuse(&refused, |options| forget_cpus(options, group))?;
            }
        }
        for group in GROUPS {
            let Some(priority) = this.priority(group) else { continue };
            if let Err(refused) = tried(move || take_fifo(priority))? {
                this.refuse(&refused, |options| forget_fifo(options, group))?;
            }
        }
        confine(&this.cpus(Group::Others)).map_err(Failure::bad_input)?;
        if this.options != wcs_specs::Realtime::default() {
            tracing::info!(
                core_cpu = this.options.core_cpu,
                journal_cpu = this.options.journal_cpu,
                other_cpus = ?this.options.other_cpus,
                core_fifo_priority = this.options.core_fifo_priority,
                lock_memory = this.options.lock_memory,
                "real-time options in force"
            );
        }
        Ok(this)
    }

    /// Starts a thread of `group`, which goes where it belongs before it does anything else.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        group: Group,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, Failure> {
        let placed = self.clone();
        let begin = move || {
            placed.enter(group);
            work()
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(begin).map_err(Failure::not_ok)
    }

    /// Moves the calling thread to where `group` belongs. A thread has CPUs and policy of the one that started it.
    pub(crate) fn enter(&self, group: Group) {
        let placed = confine(&self.cpus(group)).and_then(|()| match self.priority(group) {
            Some(priority) => take_fifo(priority),
            None if self.has_fifo() => leave_fifo(),
            None => Ok(()),
        });
        if let Err(refused) = placed {
            panic!("the system took back what it granted when the daemon started: {refused}");
        }
    }

    /// CPUs of a group; empty leaves it to the system.
    fn cpus(&self, group: Group) -> Vec<u16> {
        let options = &self.options;
        let own = match group {
            Group::Core => options.core_cpu,
            Group::Journal => options.journal_cpu,
            Group::Others => None,
        };
        own.map_or_else(|| options.other_cpus.clone(), |cpu| vec![cpu])
    }

    fn priority(&self, group: Group) -> Option<u8> {
        match group {
            Group::Core => self.options.core_fifo_priority,
            Group::Journal | Group::Others => None,
        }
    }

    fn has_fifo(&self) -> bool {
        GROUPS.iter().any(|group| self.priority(*group).is_some())
    }

    /// Ends the start, or goes on without the option where the site file allows it.
    fn refuse(
        &mut self,
        refused: &Refused,
        forget: impl FnOnce(&mut wcs_specs::Realtime),
    ) -> Result<(), Failure> {
        match self.options.demand {
            Demand::Require => Err(Failure::bad_input(refused)),
            Demand::Prefer => {
                tracing::warn!(%refused, "a real-time option is not in force");
                forget(&mut self.options);
                Ok(())
            }
        }
    }
}

/// Without CPUs of its own a group is among the others, and nobody may be under `SCHED_FIFO` who is not alone.
fn forget_cpus(options: &mut wcs_specs::Realtime, group: Group) {
    match group {
        Group::Core => (options.core_cpu, options.core_fifo_priority) = (None, None),
        Group::Journal => options.journal_cpu = None,
        Group::Others => {
            options.other_cpus.clear();
            options.core_fifo_priority = None;
        }
    }
}

fn forget_fifo(options: &mut wcs_specs::Realtime, group: Group) {
    match group {
        Group::Core => options.core_fifo_priority = None,
        Group::Journal | Group::Others => {}
    }
}

/// Does something on a thread of its own that ends afterwards.
fn tried(
    attempt: impl FnOnce() -> Result<(), Refused> + Send + 'static,
) -> Result<Result<(), Refused>, Failure> {
    let thread = std::thread::Builder::new().name("attempt".into()).spawn(attempt);
    thread.map_err(Failure::not_ok)?.join().map_err(|_| Failure::not_ok("a real-time option cannot be tried"))
}

fn confine(cpus: &[u16]) -> Result<(), Refused> {
    if cpus.is_empty() {
        return Ok(());
    }
    confine_to(cpus).map_err(|errno| Refused {
        what: format!("a thread cannot be confined to the CPUs {cpus:?}"),
        why: errno.desc().to_owned(),
        remedy: "name CPUs that the control group of this process may use (AllowedCPUs= of its unit)",
    })
}

fn take_fifo(priority: u8) -> Result<(), Refused> {
    let value = ThreadPriorityValue::try_from(priority).expect("a site file allows 1 to 98");
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let set =
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy);
    set.map_err(|error| Refused {
        what: format!("a thread cannot run under SCHED_FIFO at priority {priority}"),
        why: reason(&error),
        remedy: "grant CAP_SYS_NICE or LimitRTPRIO= of at least this priority, leave the priority out of \
                 [realtime], or set demand = \"prefer\"",
    })
}

fn leave_fifo() -> Result<(), Refused> {
    let policy = ThreadSchedulePolicy::Normal(thread_priority::NormalThreadSchedulePolicy::Other);
    let usual = ThreadPriorityValue::try_from(NICE_ZERO).expect("it is inside 0 to 99");
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(usual), policy).map_err(
        |error| Refused {
            what: "a thread cannot leave SCHED_FIFO".to_owned(),
            why: reason(&error),
            remedy: "leave core_fifo_priority out of [realtime]",
        },
    )
}

fn reason(error: &thread_priority::Error) -> String {
    match error {
        thread_priority::Error::OS(number) => Errno::from_raw(*number).desc().to_owned(),
        other => other.to_string(),
    }
}

/// Locks what the process has and everything it will have. Refused where a limit would let an allocation fail later,
/// in the middle of the work.
fn lock_memory() -> Result<(), Refused> {
    let refused = |why: String| Refused {
        what: "memory cannot be locked".to_owned(),
        why,
        remedy: "grant LimitMEMLOCK=infinity or CAP_IPC_LOCK, leave lock_memory out of [realtime], or set \
                 demand = \"prefer\"",
    };
    let (limit, _) = getrlimit(Resource::RLIMIT_MEMLOCK).map_err(|errno| refused(errno.desc().to_owned()))?;
    if limit != RLIM_INFINITY && !has_capability(CAP_IPC_LOCK) {
        return Err(refused(format!("at most {} KiB may be locked", limit / 1_024)));
    }
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
        .map_err(|errno| refused(errno.desc().to_owned()))
}

/// True when the process has the capability of this number in force.
fn has_capability(bit: u64) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|word| u64::from_str_radix(word.trim(), 16).ok())
        .is_some_and(|set| set >> bit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> wcs_specs::Realtime {
        wcs_specs::Realtime {
            core_cpu: Some(1),
            other_cpus: vec![0, 3],
            core_fifo_priority: Some(40),
            ..wcs_specs::Realtime::default()
        }
    }

    #[test]
    fn groups_without_a_cpu_of_their_own_are_among_the_others() {
        let realtime = Realtime { options: options() };
        assert_eq!(realtime.cpus(Group::Core), [1]);
        assert_eq!(realtime.cpus(Group::Journal), [0, 3]);
        assert_eq!(realtime.cpus(Group::Others), [0, 3]);
    }

    #[test]
    fn nobody_keeps_fifo_whose_cpu_others_may_use() {
        let mut options = options();
        forget_cpus(&mut options, Group::Journal);
        assert_eq!(options.core_fifo_priority, Some(40));
        forget_cpus(&mut options, Group::Others);
        assert_eq!((options.core_fifo_priority, options.core_cpu), (None, Some(1)));
    }

    #[test]
    fn leaving_fifo_is_the_usual_nice_value() {
        let policy = ThreadSchedulePolicy::Normal(thread_priority::NormalThreadSchedulePolicy::Other);
        let value = ThreadPriorityValue::try_from(NICE_ZERO).unwrap();
        assert_eq!(ThreadPriority::Crossplatform(value).to_posix(policy).unwrap(), 0);
    }

    #[test]
    fn a_refusal_ends_the_start_unless_the_site_can_do_without() {
        let refused = Refused { what: "this".into(), why: "no right".into(), remedy: "grant it" };
        let mut realtime = Realtime { options: options() };
        let failure = realtime.refuse(&refused, |options| options.core_cpu = None).unwrap_err();
        assert_eq!(failure.to_string(), "this: no right; grant it");
        assert_eq!(realtime.options, self::options());
        realtime.options.demand = Demand::Prefer;
        realtime.refuse(&refused, |options| forget_fifo(options, Group::Core)).unwrap();
        assert_eq!(realtime.options.core_fifo_priority, None);
    }
}
