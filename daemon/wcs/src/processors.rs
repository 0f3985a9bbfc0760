//! Which CPUs this machine has, and which of them a thread may use.

use std::collections::BTreeSet;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

const ONLINE: &str = "/sys/devices/system/cpu/online";

/// The CPUs that are switched on, as the kernel lists them.
pub(crate) fn machine_cpus() -> std::io::Result<BTreeSet<u16>> {
    let text = std::fs::read_to_string(ONLINE)?;
    parse_list(&text).ok_or_else(|| std::io::Error::other(format!("{ONLINE} has no list of CPUs: {text}")))
}

/// Numbers and spans such as `0-3,6`.
fn parse_list(text: &str) -> Option<BTreeSet<u16>> {
    let mut cpus = BTreeSet::new();
    for span in text.trim().split(',') {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        cpus.extend(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?);
    }
    Some(cpus)
}

/// The calling thread, and every thread it starts from now on, runs on one of `cpus`.
pub(crate) fn confine_to(cpus: &[u16]) -> Result<(), Errno> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(usize::from(*cpu))?;
    }
    let this_thread = Pid::from_raw(0);
    sched_setaffinity(this_thread, &set)?;
    // The kernel leaves out what the control group does not allow, and says so only when nothing is left.
    if sched_getaffinity(this_thread)? == set { Ok(()) } else { Err(Errno::EINVAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_kernel_are_read() {
        assert_eq!(parse_list("0\n"), Some([0].into()));
        assert_eq!(parse_list("0-3,6,8-9\n"), Some([0, 1, 2, 3, 6, 8, 9].into()));
        assert_eq!(parse_list("\n"), None);
        assert_eq!(parse_list("0-x"), None);
    }

    #[test]
    fn a_thread_is_where_it_was_put() {
        let cpus = machine_cpus().unwrap();
        let first = *cpus.first().unwrap();
        let stays = std::thread::spawn(move || {
            confine_to(&[first]).unwrap();
            let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
            (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(stays.join().unwrap(), [usize::from(first)]);
        assert_eq!(std::thread::spawn(|| confine_to(&[1_023])).join().unwrap(), Err(Errno::EINVAL));
    }
}
