//! `wcs shadow`: another plant file, or this build, over a journal that a daemon writes or wrote: which decisions would
//! have been others. The journal is opened for reading alone and nothing is sent anywhere; what could be sent is not
//! even to be had from a `Shadow`.

use std::time::Duration;

use serde_json::{Value, json};
use wcs_engine::{Differing, Shadow};
use wcs_journal::{FileStorage, Reader};
use wcs_specs::load_plant;
use wcs_types::{CORE_VERSION, Plant, Seq};

use crate::arguments::ShadowOptions;
use crate::exit::Failure;
use crate::feed_source::read_text;
use crate::interrupt::Interrupt;
use crate::journal_dir::JournalDir;
use crate::shown::Shown;

/// Differing decisions that are listed; further ones are counted.
const LISTED_MAX: usize = 10_000;
/// How often a journal that is being written is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Batches that are looked over before their records are followed.
const BATCHES_AT_ONCE: u32 = 1_000;

/// What was found so far.
struct Found {
    shadow: Shadow,
    from: Seq,
    /// Records from `from` on, and decisions in them.
    records: u64,
    decisions: u64,
    differ: u64,
    /// Decisions with the same choice and other candidates passed over.
    passed_over: u64,
    listed: Vec<Differing>,
    foreign: u64,
    /// Each is told when it is found, and not listed in the end.
    is_told_at_once: bool,
}

pub(crate) fn shadow_command(options: &ShadowOptions, shown: Shown) -> Result<(), Failure> {
    let interrupt = Interrupt::listen().map_err(Failure::not_ok)?;
    let journal = JournalDir::open(&options.journal)?;
    let offered = options.plant.as_deref().map(read_plant).transpose()?;
    let shadow = Shadow::new(journal.plant.clone(), offered).map_err(Failure::bad_input)?;
    let mut found = Found {
        shadow,
        from: Seq(options.from),
        records: 0,
        decisions: 0,
        differ: 0,
        passed_over: 0,
        listed: Vec::new(),
        foreign: 0,
        is_told_at_once: options.is_followed,
    };
    let mut reader = journal.records()?;
    loop {
        if let Some(reader) = &mut reader {
            found.read_on(reader, &interrupt, shown)?;
        }
        if !options.is_followed || interrupt.is_asked() {
            break;
        }
        let is_more = match &mut reader {
            Some(reader) => reader.extend_to_written(BATCHES_AT_ONCE).map_err(Failure::not_ok)?,
            // A journal that had no records is small: its end is found anew until there is one.
            None => {
                reader = JournalDir::open(&options.journal)?.records()?;
                reader.is_some()
            }
        };
        if !is_more {
            std::thread::sleep(LOOK);
        }
    }
    found.shown(shown)
}

fn read_plant(path: &std::path::Path) -> Result<Plant, Failure> {
    load_plant(&read_text(path)?, &path.display().to_string()).map_err(Failure::bad_input)
}

impl Found {
    /// Reads all there is, or until somebody asks it to stop.
    fn read_on(
        &mut self,
        reader: &mut Reader<FileStorage>,
        interrupt: &Interrupt,
        shown: Shown,
    ) -> Result<(), Failure> {
        let before = self.shadow.records();
        while !interrupt.is_asked() {
            let Some(entry) = reader.next() else { break };
            let record = entry.map_err(Failure::not_ok)?.record;
            let version = reader.context().core_version;
            let passed_over = self.shadow.reasoned_otherwise();
            let differing = self.shadow.follow(&record, version).map_err(Failure::not_ok)?;
            if record.seq < self.from {
                continue;
            }
            self.foreign += u64::from(version != CORE_VERSION);
            self.records += 1;
            self.passed_over += self.shadow.reasoned_otherwise() - passed_over;
            self.decisions += record.decisions.len() as u64;
            self.differ += differing.len() as u64;
            for one in differing {
                self.take(one, shown)?;
            }
        }
        if self.shadow.records() > before {
            let (records, decisions, differ) = (self.shadow.records(), self.decisions, self.differ);
            tracing::info!(records, decisions, differ, "shadow read on");
        }
        Ok(())
    }

    fn take(&mut self, one: Differing, shown: Shown) -> Result<(), Failure> {
        tracing::debug!(
            seq = one.seq.0,
            what = one.what,
            own = one.own,
            reason = one.reason,
            "a decision differs"
        );
        if self.is_told_at_once {
            return shown.tell("decision_differs", &value(&one), || line(&one));
        }
        if self.listed.len() < LISTED_MAX {
            self.listed.push(one);
        }
        Ok(())
    }

    fn shown(&self, shown: Shown) -> Result<(), Failure> {
        let changes: Vec<String> = self.shadow.changes().iter().map(ToString::to_string).collect();
        let mut document = json!({
            "records": self.records,
            "records_of_other_versions": self.foreign,
            "decisions": self.decisions,
            "differ": self.differ,
            "same_choice_other_candidates": self.passed_over,
            "changes": changes,
        });
        if self.is_told_at_once {
            return shown.tell("stopped", &document, || self.sum(&changes));
        }
        let unlisted = self.differ - self.listed.len() as u64;
        document["not_listed"] = unlisted.into();
        document["differing"] = self.listed.iter().map(value).collect();
        shown.print(&document, || {
            let mut text: String = self.listed.iter().map(|one| line(one) + "\n").collect();
            if unlisted > 0 {
                text += &format!("{unlisted} more are not listed\n");
            }
            text + &self.sum(&changes)
        })
    }

    fn sum(&self, changes: &[String]) -> String {
        let mut text: String = changes.iter().map(|change| format!("{change}\n")).collect();
        if self.passed_over > 0 {
            text += &format!("{} have the same choice with other candidates passed over\n", self.passed_over);
        }
        let (differ, decisions, records) = (self.differ, self.decisions, self.records);
        text + &format!("{differ} of {decisions} decisions differ, in {records} records")
    }
}

fn line(one: &Differing) -> String {
    let order = || one.order.as_ref().map(|order| format!(" order {}", order.number));
    let which = one.label.as_ref().map(|label| format!(" label {label}")).or_else(order).unwrap_or_default();
    let recorded = one.recorded.as_deref().unwrap_or("nothing");
    format!(
        "record {} at {:.3} s: {}{which}: recorded {recorded}; here {}: {}",
        one.seq.0,
        one.now.0 as f64 / 1e9,
        one.what,
        one.own,
        one.reason
    )
}

fn value(one: &Differing) -> Value {
    json!({
        "seq": one.seq.0,
        "core_ns": one.now.0,
        "what": one.what,
        "label": one.label.as_ref().map(ToString::to_string),
        "order": one.order.as_ref().map(|order| json!(order)),
        "recorded": one.recorded,
        "shadow": one.own,
        "reason": one.reason,
    })
}
