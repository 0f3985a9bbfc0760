//! The books of a journal, kept once more from its facts alone: which class a chute has, which loads of a label are open,
//! what of a job is done, which batches are over. Shares nothing with the tables of the core.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::{
    BatchId, ChuteId, Code, Fact, Identify, Input, JobId, JobSpec, LoadKey, Outcome, Pieces, Record, Verb,
};

/// Books of a journal.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Chutes that have a class.
    bound: BTreeSet<ChuteId>,
    ended: BTreeSet<BatchId>,
    /// Parts that were staged.
    parts: BTreeSet<(BatchId, u16)>,
    planned: BTreeMap<BatchId, Vec<u64>>,
    done: BTreeMap<(BatchId, JobId), u64>,
    open: BTreeMap<LoadKey, Code>,
    /// Several loads carry the same label.
    are_labels_shared: bool,
    checked: u64,
    broken: Option<String>,
}

impl Books {
    pub(super) fn add(&mut self, record: &Record) {
        if let Input::Verb { verb, .. } = &record.input {
            self.see_verb(verb, &record.facts);
        }
        for fact in &record.facts {
            self.see_fact(fact);
        }
    }

    /// Entries looked at.
    pub fn checked(&self) -> u64 {
        self.checked
    }

    /// The first entry that cannot be.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    fn see_verb(&mut self, verb: &Verb, facts: &[Fact]) {
        match verb {
            Verb::Stage { spec, part, jobs } => {
                self.are_labels_shared |= spec.identify == Identify::Sku;
                if self.parts.insert((spec.batch, *part)) {
                    self.plan(spec.batch, jobs);
                }
            }
            Verb::Add { batch, jobs, .. }
                if facts.iter().any(|fact| matches!(fact, Fact::JobsAdded { .. })) =>
            {
                self.plan(*batch, jobs);
            }
            Verb::Unstage { batch } => {
                self.parts.retain(|(staged, _)| staged != batch);
                self.planned.remove(batch);
            }
            _ => {}
        }
    }

    fn plan(&mut self, batch: BatchId, jobs: &[JobSpec]) {
        let quantities = jobs.iter().map(|job| u64::from(job.quantity.0));
        self.planned.entry(batch).or_default().extend(quantities);
    }

    fn see_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::ClassBound { batch, chute, .. } => {
                self.check_open(*batch, "binds a chute");
                let is_free = self.bound.insert(*chute);
                self.note(is_free, || format!("chute {chute} gets a class while it has another"));
            }
            Fact::ChuteFreed { chute } => {
                self.bound.remove(chute);
            }
            Fact::PiecesShort { batch, .. } => self.check_open(*batch, "lists missing pieces"),
            Fact::BatchEnded { batch } => {
                self.check_open(*batch, "ends once more");
                self.ended.insert(*batch);
            }
            Fact::LoadSeen { load, label, .. } => self.see_load(*load, label),
            Fact::LoadEnded(end) => {
                self.open.remove(&end.load);
                if let (Outcome::Sorted, Some((batch, job))) = (end.outcome, end.job) {
                    self.book(batch, job, end.pieces);
                }
            }
            Fact::LoadHandSorted { batch, job, pieces, .. } => self.book(*batch, *job, *pieces),
            _ => {}
        }
    }

    fn check_open(&mut self, batch: BatchId, what: &str) {
        let is_open = !self.ended.contains(&batch);
        self.note(is_open, || format!("batch {batch} {what} after its end"));
    }

    /// A load is seen for the first time once. Where a label is one load's alone, no load of an earlier life of the PLC
    /// may be open under it.
    fn see_load(&mut self, load: LoadKey, label: &Code) {
        if !label.is_empty() && !self.are_labels_shared {
            let earlier = self.open.iter().find(|(key, open)| {
                *open == label && key.line == load.line && key.plc_epoch != load.plc_epoch
            });
            let earlier = earlier.map(|(key, _)| *key);
            self.note(earlier.is_none(), || {
                let earlier = earlier.map(|key| key.to_string()).unwrap_or_default();
                format!("{label} is seen as load {load} while it is open as load {earlier}")
            });
        }
        let is_new = self.open.insert(load, label.clone()).is_none();
        self.note(is_new, || format!("load {load} is seen for the first time while it is open"));
    }

    fn book(&mut self, batch: BatchId, job: JobId, pieces: Pieces) {
        let done = self.done.entry((batch, job)).or_default();
        *done += u64::from(pieces.0);
        let done = *done;
        let planned = self.planned.get(&batch).and_then(|jobs| jobs.get(job.0 as usize)).copied();
        self.note(planned.is_none_or(|planned| done <= planned), || {
            format!("job {job} of batch {batch} has {done} pieces of {}", planned.unwrap_or(0))
        });
    }

    fn note(&mut self, is_good: bool, what: impl FnOnce() -> String) {
        self.checked += 1;
        if !is_good {
            self.broken.get_or_insert_with(what);
        }
    }
}
