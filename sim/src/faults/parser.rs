//! Text of a fault file to a plan. Strict: an unknown key or kind, a missing key and a value that cannot be
//! meant are problems with their line, all reported at once. Rates and times become integers here.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wcs_specs::{Problem, Problems};
use wcs_types::limits::LANE_COUNT_MAX;
use wcs_types::{LaneNo, Nanos};

use super::kinds::{RULES, Rule, nearest};
use super::{Begin, Disturbance, Fault, FaultKind, FaultPlan, LinkFault};
use crate::world::Knob;

/// Entries of one file. More: a problem.
const FAULTS_MAX: usize = 1_000;
/// Longest text shown of a value that is wrong.
const SHOWN_MAX: usize = 40;
/// Where sequences start when `wrap` names no number.
const FIRST_SEQUENCE: u16 = 65_500;

struct File<'a> {
    name: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl File<'_> {
    fn problem(&mut self, at: usize, message: String) {
        let breaks = self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n');
        let line = u32::try_from(breaks.count() + 1).unwrap_or(u32::MAX);
        self.problems.push(Problem { file: self.name.to_owned(), line, message });
    }
}

pub(super) fn parse(text: &str, name: &str) -> Result<FaultPlan, Problems> {
    let mut file = File { name, text, problems: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        file.problem(error.span().map_or(0, |span| span.start), error.message().to_owned());
    }
    let mut faults = Vec::new();
    if file.problems.is_empty() {
        for (key, value) in document.get_ref() {
            if key.get_ref() == "fault" {
                faults = entries(&mut file, value);
            } else {
                let message =
                    format!("unknown key `{}`; a fault file has `[[fault]]` entries", shown(key.get_ref()));
                file.problem(key.span().start, message);
            }
        }
        if faults.iter().filter(|fault| fault.kind == FaultKind::Wrap).count() > 1 {
            file.problem(0, "`wrap` may stand only once".to_owned());
        }
    }
    if file.problems.is_empty() {
        return Ok(FaultPlan { faults });
    }
    file.problems.sort();
    Err(Problems(file.problems))
}

fn entries(file: &mut File<'_>, value: &Spanned<DeValue<'_>>) -> Vec<Fault> {
    let Some(entries) = value.get_ref().as_array() else {
        file.problem(value.span().start, "`fault` must be written `[[fault]]`".to_owned());
        return Vec::new();
    };
    if entries.iter().count() > FAULTS_MAX {
        file.problem(value.span().start, format!("more than {FAULTS_MAX} faults"));
        return Vec::new();
    }
    let mut faults = Vec::new();
    for entry in entries.iter() {
        match entry.get_ref().as_table() {
            Some(table) => faults.extend(Entry { file, table, start: entry.span().start }.read()),
            None => file.problem(entry.span().start, "a fault must be a table".to_owned()),
        }
    }
    faults
}

/// One `[[fault]]` while it is read.
struct Entry<'f, 't, 'x> {
    file: &'f mut File<'t>,
    table: &'f DeTable<'x>,
    start: usize,
}

impl<'x> Entry<'_, '_, 'x> {
    fn read(mut self) -> Option<Fault> {
        let known = self.file.problems.len();
        let rule = self.rule()?;
        self.check_keys(rule);
        let begin = self.begin();
        let span = self.span("for");
        let link = self.text("link").map(str::to_owned);
        let disturbance = self.disturbance(rule);
        if self.file.problems.len() > known {
            return None;
        }
        Some(Fault { kind: rule.kind, begin, span, span_clock: rule.clock, link, disturbance })
    }

    fn value(&self, key: &str) -> Option<&Spanned<DeValue<'x>>> {
        self.table.iter().find(|(found, _)| found.get_ref() == key).map(|(_, value)| value)
    }

    /// A problem with the value of `key`, which is present.
    fn wrong(&mut self, key: &str, wanted: &str) {
        let span = self.value(key).map_or(self.start..self.start, Spanned::span);
        let found = shown(self.file.text.get(span.clone()).unwrap_or_default());
        self.file.problem(span.start, format!("`{key}` must be {wanted}, not {found}"));
    }

    fn rule(&mut self) -> Option<&'static Rule> {
        let Some(value) = self.value("kind") else {
            self.file.problem(self.start, "the fault has no `kind`".to_owned());
            return None;
        };
        let at = value.span().start;
        let Some(name) = value.get_ref().as_str().map(str::to_owned) else {
            self.wrong("kind", "a text such as \"no_read\"");
            return None;
        };
        let found = RULES.iter().find(|rule| rule.name == name);
        if found.is_none() {
            let near = nearest(&name, RULES.iter().map(|rule| rule.name)).unwrap_or_default();
            self.file.problem(at, format!("unknown kind `{}`; the nearest is `{near}`", shown(&name)));
        }
        found
    }

    fn check_keys(&mut self, rule: &Rule) {
        let allowed = || ["kind"].into_iter().chain(rule.required.iter().chain(rule.optional).copied());
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !allowed().any(|word| word == name) {
                let near = nearest(name, allowed()).unwrap_or_default();
                let message =
                    format!("`{}` has no key `{}`; the nearest is `{near}`", rule.name, shown(name));
                self.file.problem(key.span().start, message);
            }
        }
        for key in rule.required {
            if self.value(key).is_none() {
                self.file.problem(self.start, format!("`{}` needs `{key}`", rule.name));
            }
        }
        if rule.kind == FaultKind::Exception06 && self.value("count").is_some() == self.value("for").is_some()
        {
            self.file.problem(self.start, "`exception_06` needs either `for` or `count`".to_owned());
        }
    }

    fn begin(&mut self) -> Begin {
        if self.value("at").is_some() && self.value("after_loads").is_some() {
            self.file.problem(self.start, "`at` and `after_loads` exclude each other".to_owned());
        }
        let loads = self.number("after_loads", 1, u64::from(u32::MAX)).map(Begin::AfterLoads);
        loads.unwrap_or_else(|| Begin::At(self.duration("at").unwrap_or(Nanos::ZERO)))
    }

    fn disturbance(&mut self, rule: &Rule) -> Disturbance {
        use FaultKind as K;
        let knob = match rule.kind {
            K::DiskStall => return Disturbance::DiskStall,
            K::DiskFull => return Disturbance::DiskFull,
            K::DiskError => {
                return Disturbance::DiskError { count: self.number("count", 1, 1_000_000).unwrap_or(1) };
            }
            K::StoreOutage => return Disturbance::StoreOutage,
            K::HalfOpen => return Disturbance::Link(LinkFault::HalfOpen),
            K::TcpCut => return Disturbance::Link(LinkFault::TcpCut),
            K::LateReplies => {
                let every = self.number("every", 1, 1_000_000).unwrap_or(1);
                let every = u32::try_from(every).expect("the range was checked");
                return Disturbance::Link(LinkFault::LateReplies { every, delay: self.some_span("delay") });
            }
            K::Wrap => {
                let first = self.number("first", 0, u64::from(u16::MAX));
                let first = first.map(|first| u16::try_from(first).expect("the range was checked"));
                return Disturbance::Wrap { first: first.unwrap_or(FIRST_SEQUENCE) };
            }
            K::BadFormat => Knob::BadFormat { per_million: self.rate() },
            K::DoubleOwner => Knob::DoubleOwner,
            K::DriveStop => Knob::DriveStop,
            K::Exception06 => {
                let requests = self.number("count", 1, 1_000_000).unwrap_or(0);
                Knob::Exception06 { requests: u32::try_from(requests).expect("the range was checked") }
            }
            K::FifoReset => Knob::FifoReset { may_lose_events: self.flag("may_lose_events") },
            K::FifoStall => Knob::FifoStall,
            K::FrozenLife => Knob::FrozenLife,
            K::Gap => Knob::Gap { per_million: self.rate() },
            K::LaneFault => Knob::LaneFault { lane: self.lane() },
            K::LaneFull => Knob::LaneFull { lane: self.lane() },
            K::Lost => Knob::Lost { per_million: self.rate(), is_silent: self.flag("silent") },
            K::Missed => Knob::Missed { per_million: self.rate() },
            K::Missort => Knob::Missort { per_million: self.rate() },
            K::MultiRead => Knob::MultiRead { per_million: self.rate() },
            K::NoRead => Knob::NoRead { per_million: self.rate() },
            K::OldOwner => Knob::OldOwner,
            K::OneRequestPerCycle => Knob::OneRequestPerCycle,
            K::PlcRestart => Knob::PlcRestart {
                person: self.duration("person").unwrap_or(Nanos::ZERO),
                may_lose_events: self.flag("may_lose_events"),
            },
            K::PurgeAtReset => Knob::PurgeAtReset,
            K::Removed => Knob::Removed { per_million: self.rate() },
            K::ReplyDelay => Knob::ReplyDelay {
                base: self.some_span("delay"),
                jitter: self.duration("jitter").unwrap_or(Nanos::ZERO),
            },
            K::SafetyStop => Knob::SafetyStop { person: self.duration("person").unwrap_or(Nanos::ZERO) },
            K::ScannerDown => Knob::ScannerDown { per_million: self.rate() },
            K::StaleEcho => Knob::StaleEcho,
            K::TornSlots => Knob::TornSlots { per_million: self.rate() },
        };
        Disturbance::Sorter(knob)
    }

    fn text(&mut self, key: &str) -> Option<&str> {
        let is_text = self.value(key)?.get_ref().as_str().is_some_and(|text| !text.is_empty());
        if !is_text {
            self.wrong(key, "a text that is not empty");
        }
        self.value(key)?.get_ref().as_str()
    }

    fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.value(key) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, "true or false");
        }
        flag.unwrap_or(false)
    }

    fn number(&mut self, key: &str, least: u64, most: u64) -> Option<u64> {
        let integer = self.value(key)?.get_ref().as_integer();
        let number = integer.and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok());
        let found = number.filter(|number| (least..=most).contains(number));
        if found.is_none() {
            self.wrong(key, &format!("a whole number from {least} to {most}"));
        }
        found
    }

    fn lane(&mut self) -> LaneNo {
        let lane = self.number("lane", 1, LANE_COUNT_MAX as u64).unwrap_or(1);
        LaneNo(u16::try_from(lane).expect("the range was checked"))
    }

    fn duration(&mut self, key: &str) -> Option<Nanos> {
        let found = self.value(key)?.get_ref().as_str().and_then(parse_duration);
        if found.is_none() {
            self.wrong(key, "a time such as \"5s\", \"250ms\" or \"10m\"");
        }
        found
    }

    /// A time that must not be zero.
    fn span(&mut self, key: &str) -> Option<Nanos> {
        let span = self.duration(key)?;
        if span == Nanos::ZERO {
            self.wrong(key, "longer than nothing");
        }
        Some(span)
    }

    fn some_span(&mut self, key: &str) -> Nanos {
        self.span(key).unwrap_or(Nanos::ZERO)
    }

    /// `rate` in parts per million, above 0.
    fn rate(&mut self) -> u32 {
        let Some(value) = self.value("rate") else { return 0 };
        let parts = match value.get_ref() {
            DeValue::Float(float) => parse_rate(float.as_str()),
            DeValue::Integer(integer) => parse_rate(integer.as_str()),
            _ => None,
        };
        if parts.is_none() {
            self.wrong("rate", "a share above 0 and up to 1, with at most six decimals, such as 0.02");
        }
        parts.unwrap_or(0)
    }
}

/// `"5s"`, `"250ms"`, `"10m"`.
pub(super) fn parse_duration(text: &str) -> Option<Nanos> {
    let unit_start = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_start);
    let scale = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale).map(Nanos)
}

/// A share as parts per million, without rounding: `0.02` is 20 000.
pub(super) fn parse_rate(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 6 || !is_digits(whole) || !is_digits(decimals) {
        return None;
    }
    let parts = format!("{whole}{decimals:0<6}").parse::<u32>().ok()?;
    (1..=1_000_000).contains(&parts).then_some(parts)
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
