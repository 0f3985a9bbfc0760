//! Table `[realtime]` of a site file: where threads run and how urgently.
//!
//! A thread under `SCHED_FIFO` keeps its CPU for as long as it wants. So it may have one only where no other thread
//! of the daemon can be: this rule is checked here, before anything is started.

use std::collections::BTreeSet;

use super::word_of;
use crate::section::{Place, Reading, Section};

/// Highest number a CPU may have.
const CPU_MAX: i64 = 1_023;
/// 99 is left to the kernel's own threads.
const PRIORITY_MAX: i64 = 98;
const KEYS: [&str; 6] =
    ["core_cpu", "journal_cpu", "other_cpus", "core_fifo_priority", "lock_memory", "demand"];

/// Table `[realtime]`. Nothing in it: the system decides, as for any program.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Realtime {
    /// CPU of the core thread, which runs the links too; one of `other_cpus` when not given.
    pub core_cpu: Option<u16>,
    /// CPU of the journal thread; one of `other_cpus` when not given.
    pub journal_cpu: Option<u16>,
    /// CPUs of every other thread; empty leaves it to the system.
    pub other_cpus: Vec<u16>,
    /// Priority of the core thread under `SCHED_FIFO`.
    pub core_fifo_priority: Option<u8>,
    /// Nothing of the process is ever paged out.
    pub lock_memory: bool,
    /// What happens when the system refuses something of this.
    pub demand: Demand,
}

/// How much depends on the real-time options.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Demand {
    /// The daemon does not start without them.
    #[default]
    Require,
    /// It starts without what it was refused, and says so.
    Prefer,
}

/// A CPU named in the file: which, under what key, and where.
struct Named {
    key: &'static str,
    cpu: u16,
    place: Place,
}

pub(super) fn read_realtime(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    machine_cpus: &BTreeSet<u16>,
) -> Realtime {
    section.check_keys(reading, &KEYS);
    let mut named = Vec::new();
    let mut one = |reading: &mut Reading<'_>, key: &'static str| {
        let (number, place) = section.number_or_none(reading, key, 0..=CPU_MAX)?;
        let cpu = u16::try_from(number).ok()?;
        named.push(Named { key, cpu, place });
        Some(cpu)
    };
    let core_cpu = one(reading, "core_cpu");
    let journal_cpu = one(reading, "journal_cpu");
    let other_cpus = read_other_cpus(reading, section, &mut named);
    check_known(reading, &named, machine_cpus);
    let core_fifo_priority = read_priority(reading, section, &named);
    Realtime {
        core_cpu,
        journal_cpu,
        other_cpus,
        core_fifo_priority,
        lock_memory: section.flag(reading, "lock_memory").unwrap_or_default(),
        demand: read_demand(reading, section).unwrap_or_default(),
    }
}

fn read_priority(reading: &mut Reading<'_>, section: &Section<'_, '_>, named: &[Named]) -> Option<u8> {
    let (key, cpu_key) = ("core_fifo_priority", "core_cpu");
    let (number, place) = section.number_or_none(reading, key, 1..=PRIORITY_MAX)?;
    check_own_cpu(reading, section, key, cpu_key, named, &place);
    u8::try_from(number).ok()
}

fn read_other_cpus(reading: &mut Reading<'_>, section: &Section<'_, '_>, named: &mut Vec<Named>) -> Vec<u16> {
    let mut cpus: Vec<u16> = Vec::new();
    for (number, place) in section.placed_numbers(reading, "other_cpus", 0..=CPU_MAX) {
        let cpu = u16::try_from(number).expect("CPU_MAX fits");
        if cpus.contains(&cpu) {
            reading.report(&place, format!("`other_cpus` has CPU {cpu} twice"));
            continue;
        }
        cpus.push(cpu);
        named.push(Named { key: "other_cpus", cpu, place });
    }
    let value = section.entries().find(|(key, _)| *key == "other_cpus").map(|(_, value)| value);
    if let Some(value) = value
        && matches!(value.get_ref(), toml::de::DeValue::Array(list) if list.is_empty())
    {
        let message = "`other_cpus` is empty: name at least one CPU, or leave the key out";
        reading.report(&value.span(), message.to_owned());
    }
    cpus
}

fn check_known(reading: &mut Reading<'_>, named: &[Named], machine_cpus: &BTreeSet<u16>) {
    for Named { key, cpu, place } in named {
        if !machine_cpus.contains(cpu) {
            let known = shown(machine_cpus);
            reading.report(place, format!("`{key}` names CPU {cpu}, and this machine has {known}"));
        }
    }
}

/// A thread under `SCHED_FIFO` has a CPU of its own: `cpu_key` is given, and no other key can lead there.
fn check_own_cpu(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    key: &str,
    cpu_key: &str,
    named: &[Named],
    place: &Place,
) {
    for needed in [cpu_key, "other_cpus"] {
        if !section.has(needed) {
            let why = if needed == cpu_key {
                "a thread under SCHED_FIFO needs a CPU of its own"
            } else {
                "without it any other thread may come to the CPU of the one under SCHED_FIFO"
            };
            reading.report(place, format!("`{key}` needs the key `{needed}` too: {why}"));
        }
    }
    let Some(own) = named.iter().find(|named| named.key == cpu_key) else { return };
    for other in named.iter().filter(|other| other.key != cpu_key && other.cpu == own.cpu) {
        let message = format!(
            "`{}` has CPU {}, which is `{cpu_key}` and, with `{key}`, belongs to that thread alone",
            other.key, other.cpu
        );
        reading.report(&other.place, message);
    }
}

fn read_demand(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<Demand> {
    const WORDS: [(&str, Demand); 2] = [("require", Demand::Require), ("prefer", Demand::Prefer)];
    word_of(reading, section, "demand", &WORDS)
}

/// CPUs as people write them: `CPU 0`, `CPUs 0-3, 6`.
fn shown(cpus: &BTreeSet<u16>) -> String {
    let mut spans: Vec<(u16, u16)> = Vec::new();
    for cpu in cpus {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *cpu => *last = *cpu,
            _ => spans.push((*cpu, *cpu)),
        }
    }
    let spans: Vec<String> = spans
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    format!("{} {}", if cpus.len() == 1 { "CPU" } else { "CPUs" }, spans.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;
    use crate::site::{Site, Surroundings, load_site};

    fn load(text: &str) -> Result<Site, Problems> {
        let surroundings = Surroundings { cpus: (0..4).collect(), check_filter: |_| Ok(()) };
        load_site(text, "site.toml", &surroundings)
    }

    fn problem(text: &str, line: u32, part: &str) {
        let problems = load(text).unwrap_err();
        let is_there = problems.0.iter().any(|found| found.line == line && found.message.contains(part));
        assert!(is_there, "no `{part}` on line {line} in:\n{problems}");
    }

    const WHOLE: &str = "[realtime]\ncore_cpu = 1\njournal_cpu = 0\nother_cpus = [0, 3]\n\
                         core_fifo_priority = 40\nlock_memory = true\ndemand = \"prefer\"\n";

    #[test]
    fn whole_file_is_read() {
        let realtime = load(WHOLE).unwrap().realtime;
        let wanted = Realtime {
            core_cpu: Some(1),
            journal_cpu: Some(0),
            other_cpus: vec![0, 3],
            core_fifo_priority: Some(40),
            lock_memory: true,
            demand: Demand::Prefer,
        };
        assert_eq!(realtime, wanted);
    }

    #[test]
    fn nothing_is_asked_for_by_an_empty_file() {
        assert_eq!(load("").unwrap(), Site::default());
        assert_eq!(load("[realtime]\n").unwrap(), Site::default());
        assert_eq!(Site::default().realtime.demand, Demand::Require);
    }

    #[test]
    fn fifo_without_a_cpu_of_its_own_is_refused() {
        problem("[realtime]\ncore_fifo_priority = 40\n", 2, "`core_fifo_priority` needs the key `core_cpu`");
        let open = "[realtime]\ncore_cpu = 1\ncore_fifo_priority = 40\n";
        problem(open, 3, "`core_fifo_priority` needs the key `other_cpus`");
        for (from, to, line, key) in [
            ("journal_cpu = 0", "journal_cpu = 1", 3, "`journal_cpu` has CPU 1"),
            ("[0, 3]", "[0, 1]", 4, "`other_cpus` has CPU 1"),
            ("[0, 3]", "[0, 1]", 4, "which is `core_cpu` and, with `core_fifo_priority`"),
        ] {
            problem(&WHOLE.replacen(from, to, 1), line, key);
        }
    }

    #[test]
    fn threads_without_fifo_may_share_a_cpu() {
        let text = "[realtime]\ncore_cpu = 1\njournal_cpu = 1\nother_cpus = [1]\n";
        assert_eq!(load(text).unwrap().realtime.other_cpus, [1]);
    }

    #[test]
    fn what_is_not_there_or_out_of_bounds_is_named_with_its_line() {
        problem("[realtime]\ncore_cpu = 4\n", 2, "names CPU 4, and this machine has CPUs 0-3");
        problem("[realtime]\nother_cpus = [0, 9]\n", 2, "names CPU 9");
        problem("[realtime]\nother_cpus = [0, 0]\n", 2, "twice");
        problem("[realtime]\nother_cpus = []\n", 2, "empty");
        problem("[realtime]\nother_cpus = 1\n", 2, "must be a list");
        problem(&WHOLE.replacen("= 40", "= 99", 1), 5, "from 1 to 98");
        problem(&WHOLE.replacen("= 40", "= 0", 1), 5, "from 1 to 98");
        problem("[realtime]\nlock_memory = 1\n", 2, "true or false");
        problem("[realtime]\ndemand = \"refer\"\n", 2, "the nearest is `prefer`");
        problem("[realtime]\ncore_cpus = 1\n", 2, "nearest valid key is `core_cpu`");
        problem("[realtimes]\n", 1, "has no key `realtimes`");
        problem("[realtime\n", 1, "not valid TOML");
    }

    #[test]
    fn every_problem_comes_at_once() {
        let text = "[realtime]\ncore_cpu = 7\njournal_cpu = -1\nlock_memory = \"yes\"\nfast = true\n";
        let lines: Vec<u32> = load(text).unwrap_err().0.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
    }

    #[test]
    fn cpus_are_shown_as_people_write_them() {
        assert_eq!(shown(&[0].into()), "CPU 0");
        assert_eq!(shown(&[0, 1, 2, 3, 6].into()), "CPUs 0-3, 6");
    }
}
