//! Which records of a journal a replay is about: a range by sequence or by time, and filters by load, label, kind and
//! line. Records before the range are replayed unseen, records that a filter leaves out are replayed all the same.

use std::collections::BTreeSet;

use serde_json::Value;
use wcs_api::event::parse_load;
use wcs_types::{LineId, LoadKey, MonoTime, Plant, Record, Seq};

use super::kinds::{kinds_of, load_with_label, names_line, names_load};
use super::options::ReplayOptions;
use crate::exit::Failure;
use crate::journal_dir::JournalDir;

/// Kinds that were seen, told when a filter by kind found nothing.
const KINDS_TOLD_MAX: usize = 64;

/// A range of records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
}

impl Range {
    /// The range that sequences and times name together, as far as the journal goes.
    pub(crate) fn find(journal: &JournalDir, options: &ReplayOptions) -> Result<Self, Failure> {
        let end = journal.found.last_seq;
        let genesis = journal.found.genesis;
        let since = options.since.map_or(MonoTime::ZERO, |when| when.core_time(genesis));
        let until = options.until.map_or(MonoTime::NEVER, |when| when.core_time(genesis));
        let mut range =
            Self { first: Seq(options.from.unwrap_or(1)), last: options.to.map_or(end, Seq).min(end) };
        if options.since.is_some() || options.until.is_some() {
            let by_time = Self::between(journal, since, until)?;
            range.first = range.first.max(by_time.first);
            range.last = range.last.min(by_time.last);
        }
        if range.first > range.last {
            let last_at = journal.found.last_stamp.map_or(MonoTime::ZERO, |stamp| stamp.now);
            return Err(Failure::bad_input(format!(
                "there is no such record: the journal has records 1 to {}, up to {}",
                end.0,
                crate::when::shown_core_time(last_at)
            )));
        }
        Ok(range)
    }

    /// The records made from one core time to another; `first` is behind `last` when there are none.
    pub(crate) fn between(journal: &JournalDir, since: MonoTime, until: MonoTime) -> Result<Self, Failure> {
        let mut range = Self { first: journal.found.last_seq.next(), last: Seq::NONE };
        for entry in journal.records()?.into_iter().flatten() {
            let record = entry.map_err(Failure::not_ok)?.record;
            if record.now > until {
                break;
            }
            if record.now >= since {
                range.first = range.first.min(record.seq);
                range.last = record.seq;
            }
        }
        Ok(range)
    }
}

/// What is shown of the records in the range.
#[derive(Debug, Default)]
pub(super) struct Filter {
    load: Option<LoadKey>,
    label: Option<String>,
    /// Loads that were seen with the label.
    labelled: BTreeSet<LoadKey>,
    kinds: BTreeSet<String>,
    line: Option<LineId>,
    kinds_seen: BTreeSet<String>,
}

impl Filter {
    /// The filters of a command line; names are looked up in the plant.
    pub(super) fn of(options: &ReplayOptions, plant: &Plant) -> Result<Self, Failure> {
        let load = options.load.as_deref().map(|text| {
            parse_load(text).ok_or_else(|| {
                Failure::bad_input(format!("`{text}` is no load: write line-epoch-item, such as 0-1-17"))
            })
        });
        let line = options.line.as_deref().map(|name| line_of(plant, name));
        Ok(Self {
            load: load.transpose()?,
            label: options.label.clone(),
            kinds: options.kind.iter().cloned().collect(),
            line: line.transpose()?,
            ..Self::default()
        })
    }

    /// A label is known from the scan that read it, which may lie before the range: everything has to be seen.
    pub(super) fn needs_all(&self) -> bool {
        self.label.is_some()
    }

    /// Notes what later records are judged by; also of records before the range.
    pub(super) fn see(&mut self, record: &Record) {
        if let Some(label) = &self.label {
            self.labelled.extend(load_with_label(record, label));
        }
    }

    /// True when the record is to be shown.
    pub(super) fn takes(&mut self, record: &Record, value: &Value) -> bool {
        let mut takes = true;
        if !self.kinds.is_empty() {
            let kinds = kinds_of(value);
            takes = !kinds.is_disjoint(&self.kinds);
            let room = KINDS_TOLD_MAX.saturating_sub(self.kinds_seen.len());
            self.kinds_seen.extend(kinds.into_iter().take(room));
        }
        takes
            && self.load.is_none_or(|load| names_load(record, value, load))
            && self.line.is_none_or(|line| names_line(record, value, line))
            && (self.label.is_none() || self.labelled.iter().any(|load| names_load(record, value, *load)))
    }

    /// Kinds there were, when a filter by kind was asked for.
    pub(super) fn kinds_seen(&self) -> Vec<&str> {
        self.kinds_seen.iter().map(String::as_str).collect()
    }
}

fn line_of(plant: &Plant, name: &str) -> Result<LineId, Failure> {
    let at = plant.lines.iter().position(|line| line.id == name);
    let at = at.and_then(|at| u16::try_from(at).ok());
    at.map(LineId).ok_or_else(|| {
        let names: Vec<&str> = plant.lines.iter().map(|line| line.id.as_str()).collect();
        Failure::bad_input(format!("there is no line `{name}`; there are: {}", names.join(", ")))
    })
}
