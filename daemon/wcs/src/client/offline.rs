//! Why, from the journal files alone: for when daemon, store and network are down. The records are read twice: first to
//! know which loads are meant, then to gather what concerns them. What a record means is told by the same code that
//! answers over HTTP.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use serde_json::{Value, json};
use wcs_api::event::{load_text, parse_load};
use wcs_api::ports::Told;
use wcs_api::why::{concerns, explain, load_of};
use wcs_types::{
    BatchId, ChuteId, Code, Decision, Destination, Fact, Input, JobId, JobSpec, LoadKey, OrderKey, Record,
    Verb,
};

use crate::client::why::{Found, LOADS_TOLD_MAX, order_name};
use crate::exit::Failure;
use crate::journal_dir::JournalDir;

/// Loads that a subject may mean. Of more the last ones are looked at.
const LOADS_MEANT_MAX: usize = 100_000;

/// Finds what a subject means in the journal of a data directory; `None` when it means nothing there.
pub(super) fn find(data: &Path, subject: &str) -> Result<Option<Found>, Failure> {
    let journal = JournalDir::open(data)?;
    let mut search = Search::of(subject);
    for_each(&journal, |record| search.see(&record))?;
    let order = search.order();
    let meant: Vec<LoadKey> = search.loads();
    if meant.is_empty() && order.is_null() {
        return Ok(None);
    }
    let left_out = meant.len().saturating_sub(LOADS_TOLD_MAX);
    let mut gathered = Gathered::of(&meant[left_out..]);
    for_each(&journal, |record| gathered.see(&journal, record))?;
    let order_of = |batch: BatchId, job: JobId| search.jobs.get(&(batch, job)).map(|job| job.order.clone());
    let loads = gathered.loads.iter().map(|(key, records)| {
        let (timeline, why) = explain(*key, records, &journal.plant, &order_of);
        json!({ "id": load_text(*key), "timeline": timeline, "why": why })
    });
    Ok(Some(Found { order, loads: loads.collect(), left_out }))
}

fn for_each(journal: &JournalDir, mut see: impl FnMut(Record)) -> Result<(), Failure> {
    for entry in journal.records()?.into_iter().flatten() {
        see(entry.map_err(Failure::not_ok)?.record);
    }
    Ok(())
}

/// A job as it was staged.
struct Job {
    order: OrderKey,
    pieces: u32,
}

/// Looks for the loads a subject means.
struct Search<'a> {
    subject: &'a str,
    key: Option<LoadKey>,
    order: OrderKey,
    jobs: HashMap<(BatchId, JobId), Job>,
    /// Parts and jobs of each batch so far.
    staged: HashMap<BatchId, (u16, u32)>,
    started: HashSet<BatchId>,
    by_label: Vec<LoadKey>,
    by_order: Vec<LoadKey>,
    labelled: HashSet<LoadKey>,
    ordered: HashSet<LoadKey>,
    picked: u32,
    short: u32,
    is_key_seen: bool,
}

impl<'a> Search<'a> {
    fn of(subject: &'a str) -> Self {
        let (owner, number) = order_name(subject);
        Self {
            subject,
            key: parse_load(subject),
            order: OrderKey { owner: owner.to_owned(), number: number.to_owned() },
            jobs: HashMap::new(),
            staged: HashMap::new(),
            started: HashSet::new(),
            by_label: Vec::new(),
            by_order: Vec::new(),
            labelled: HashSet::new(),
            ordered: HashSet::new(),
            picked: 0,
            short: 0,
            is_key_seen: false,
        }
    }

    fn see(&mut self, record: &Record) {
        if let Input::Verb { verb, .. } = &record.input {
            match verb {
                Verb::Stage { spec, part, jobs } => self.stage(spec.batch, *part, jobs),
                Verb::Add { batch, part, jobs } => self.stage(*batch, *part, jobs),
                Verb::Unstage { batch } => self.unstage(*batch),
                _ => {}
            }
        }
        for decision in &record.decisions {
            if let Decision::Route { load, destination: Destination::Chute { batch, job, .. }, .. } = decision
            {
                self.see_job(*load, (*batch, *job));
            }
        }
        for fact in &record.facts {
            self.is_key_seen |= self.key.is_some() && load_of(fact) == self.key;
            self.see_fact(fact);
        }
    }

    /// Refusals stand in no record: a part that does not come next was refused, or is one that is known.
    fn stage(&mut self, batch: BatchId, part: u16, jobs: &[JobSpec]) {
        let (parts, count) = self.staged.entry(batch).or_default();
        if part != *parts {
            return;
        }
        *parts += 1;
        for job in jobs {
            let row = Job { order: job.order.clone(), pieces: job.quantity.0 };
            self.jobs.insert((batch, JobId(*count)), row);
            *count += 1;
        }
    }

    /// A batch that was started is never dropped.
    fn unstage(&mut self, batch: BatchId) {
        if !self.started.contains(&batch) && self.staged.remove(&batch).is_some() {
            self.jobs.retain(|(of, _), _| *of != batch);
        }
    }

    fn see_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::BatchStarted { batch } => {
                self.started.insert(*batch);
            }
            Fact::LoadSeen { load, label, .. } => self.see_label(*load, label),
            Fact::LoadEnded(end) => {
                if let Some(job) = end.job {
                    self.see_job(end.load, job);
                    if end.outcome == wcs_types::Outcome::Sorted && self.is_of_order(job) {
                        self.picked += end.pieces.0;
                    }
                }
            }
            Fact::LoadHandSorted { load, batch, job, pieces, .. } => {
                self.see_job(*load, (*batch, *job));
                if self.is_of_order((*batch, *job)) {
                    self.picked += pieces.0;
                }
            }
            Fact::PiecesShort { order, pieces, .. } if *order == self.order => self.short += pieces.0,
            _ => {}
        }
    }

    fn see_label(&mut self, load: LoadKey, label: &Code) {
        // A load that was silent is seen again under its key.
        if label.to_string() == self.subject && self.labelled.insert(load) {
            keep(&mut self.by_label, load);
        }
    }

    fn is_of_order(&self, job: (BatchId, JobId)) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.order == self.order)
    }

    fn see_job(&mut self, load: LoadKey, job: (BatchId, JobId)) {
        if self.is_of_order(job) && self.ordered.insert(load) {
            keep(&mut self.by_order, load);
        }
    }

    /// The loads that are meant, oldest first: an id before a label, a label before an order.
    fn loads(&self) -> Vec<LoadKey> {
        match (self.key.filter(|_| self.is_key_seen), self.by_label.is_empty()) {
            (Some(key), _) => vec![key],
            (None, false) => self.by_label.clone(),
            (None, true) => self.by_order.clone(),
        }
    }

    /// The order as far as the journal knows it; null when the subject is something else.
    fn order(&self) -> Value {
        let planned: Vec<&Job> = self.jobs.values().filter(|job| job.order == self.order).collect();
        if planned.is_empty() || self.is_key_seen || !self.by_label.is_empty() {
            return Value::Null;
        }
        let ordered: u32 = planned.iter().map(|job| job.pieces).sum();
        json!({
            "owner": self.order.owner,
            "number": self.order.number,
            "pieces": { "ordered": ordered, "picked": self.picked, "short": self.short },
        })
    }
}

fn keep(loads: &mut Vec<LoadKey>, load: LoadKey) {
    if loads.len() == LOADS_MEANT_MAX {
        loads.remove(0);
    }
    loads.push(load);
}

/// Records of the loads that are told, each with the bindings it rests on.
struct Gathered {
    keys: BTreeSet<LoadKey>,
    loads: BTreeMap<LoadKey, Vec<Told>>,
    /// The record that bound each chute last.
    bound: HashMap<ChuteId, Told>,
}

impl Gathered {
    fn of(keys: &[LoadKey]) -> Self {
        let keys: BTreeSet<LoadKey> = keys.iter().copied().collect();
        let loads = keys.iter().map(|key| (*key, Vec::new())).collect();
        Self { keys, loads, bound: HashMap::new() }
    }

    fn see(&mut self, journal: &JournalDir, record: Record) {
        let unix_ms = journal.found.genesis.saturating_add(record.now.0 / 1_000_000);
        let told = Told { unix_ms, record };
        for fact in &told.record.facts {
            if let Fact::ClassBound { chute, .. } = fact {
                self.bound.insert(*chute, told.clone());
            }
        }
        for key in &self.keys {
            if !concerns(&told, *key) {
                continue;
            }
            let records = self.loads.entry(*key).or_default();
            for decision in &told.record.decisions {
                if let Decision::Route { load, destination: Destination::Chute { chute, .. }, .. } = decision
                    && load == key
                    && let Some(binding) = self.bound.get(chute)
                    && binding.record.seq < told.record.seq
                    && !records.iter().any(|known| known.record.seq == binding.record.seq)
                {
                    records.push(binding.clone());
                }
            }
            records.push(told.clone());
        }
    }
}
