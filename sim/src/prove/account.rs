//! The sheet of every job, kept from the facts of a journal alone: planned and added, cancelled, done, short. What does
//! not add up is named at the record that says so; so is anything that is told of a batch or job that is not there.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::{BatchId, Fact, Input, JobId, JobSpec, LoadKey, OrderKey, Outcome, Pieces, Record, Verb};

/// Pieces of one job.
#[derive(Debug)]
struct Sheet {
    order: OrderKey,
    planned: u64,
    cancelled: u64,
    done: u64,
    short: u64,
}

#[derive(Debug, Default)]
struct BatchSheet {
    jobs: Vec<Sheet>,
    cancelled: BTreeSet<OrderKey>,
    is_ended: bool,
}

/// Sums over all batches that ended.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sums {
    pub planned: u64,
    pub added: u64,
    pub cancelled: u64,
    pub done: u64,
    pub short: u64,
    pub orders_cancelled: u64,
    pub starts_cancelled: u64,
}

/// The account of one run.
#[derive(Debug, Default)]
pub struct Account {
    plans: BTreeMap<BatchId, Vec<JobSpec>>,
    open: BTreeMap<BatchId, BatchSheet>,
    /// Batches that were sorted to their end, when another of their name began.
    over: Vec<BatchSheet>,
    on_belt: BTreeSet<LoadKey>,
    sums: Sums,
    records: u64,
    broken: Option<String>,
}

impl Account {
    /// An account for batches with these jobs, which are known before any of them is staged.
    pub fn new(plans: BTreeMap<BatchId, Vec<JobSpec>>) -> Self {
        Self {
            plans,
            open: BTreeMap::new(),
            over: Vec::new(),
            on_belt: BTreeSet::new(),
            sums: Sums::default(),
            records: 0,
            broken: None,
        }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        for fact in &record.facts {
            self.see(&record.input, fact);
        }
    }

    fn see(&mut self, input: &Input, fact: &Fact) {
        match fact {
            Fact::BatchStarted { batch } => self.start(*batch),
            Fact::JobsAdded { batch, first, count, pieces, .. } => {
                self.add_jobs(input, *batch, *first, *count, *pieces);
            }
            Fact::OrderCancelled { batch, order, picked, jobs, .. } => {
                self.cancel(*batch, order, *picked, jobs);
            }
            Fact::PiecesCancelled { batch, job, pieces } => {
                let is_cancelled = self.open.get(batch).is_some_and(|sheet| {
                    let order = sheet.jobs.get(job.0 as usize).map(|job| &job.order);
                    order.is_some_and(|order| sheet.cancelled.contains(order))
                });
                self.check(is_cancelled, || {
                    format!("pieces of job {job:?} go, and its order was not cancelled")
                });
                self.change(*batch, *job, |sheet| sheet.cancelled += u64::from(pieces.0));
            }
            Fact::StartCancelled { batch, .. } => {
                self.sums.starts_cancelled += 1;
                let sheet = self.open.remove(batch);
                let is_untouched = sheet.is_some_and(|sheet| sheet.jobs.iter().all(|job| job.done == 0));
                self.check(is_untouched, || {
                    format!("the start of {batch:?} is taken back with pieces sorted")
                });
            }
            Fact::LoadSeen { load, .. } => {
                self.on_belt.insert(*load);
            }
            Fact::LoadEnded(end) => {
                self.on_belt.remove(&end.load);
                if let (Some((batch, job)), Outcome::Sorted) = (end.job, end.outcome) {
                    self.change(batch, job, |sheet| sheet.done += u64::from(end.pieces.0));
                }
            }
            Fact::LoadHandSorted { batch, job, pieces, .. } => {
                let pieces = u64::from(pieces.0);
                // A person may finish what was listed as short.
                let is_ended = self.open.get(batch).is_some_and(|sheet| sheet.is_ended);
                self.change(*batch, *job, |sheet| {
                    sheet.done += pieces;
                    if is_ended {
                        sheet.short = sheet.short.saturating_sub(pieces);
                    }
                });
            }
            Fact::PiecesShort { batch, job, pieces, .. } => {
                self.change(*batch, *job, |sheet| sheet.short += u64::from(pieces.0));
            }
            Fact::BatchEnded { batch } => {
                if let Some(sheet) = self.open.get_mut(batch) {
                    sheet.is_ended = true;
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, batch: BatchId) {
        let jobs = self.plans.get(&batch).map_or(&[][..], Vec::as_slice);
        let sheet = BatchSheet { jobs: jobs.iter().map(Sheet::new).collect(), ..BatchSheet::default() };
        if let Some(before) = self.open.insert(batch, sheet) {
            self.check(before.is_ended, || format!("{batch:?} starts while it runs"));
            self.over.push(before);
        }
    }

    fn add_jobs(&mut self, input: &Input, batch: BatchId, first: JobId, count: u32, pieces: Pieces) {
        let Input::Verb { verb: Verb::Add { jobs, .. }, .. } = input else {
            return self.check(false, || format!("jobs of {batch:?} are added and nobody asked"));
        };
        let sum: u32 = jobs.iter().map(|job| job.quantity.0).sum();
        let Some(sheet) = self.open.get_mut(&batch) else {
            return self.check(false, || format!("jobs are added to {batch:?}, which does not run"));
        };
        let is_right =
            sheet.jobs.len() == first.0 as usize && jobs.len() == count as usize && sum == pieces.0;
        sheet.jobs.extend(jobs.iter().map(Sheet::new));
        let is_open = !sheet.is_ended && jobs.iter().all(|job| !sheet.cancelled.contains(&job.order));
        self.sums.added += u64::from(sum);
        self.check(is_right && is_open, || format!("jobs added to {batch:?} are not those that were asked"));
    }

    fn cancel(&mut self, batch: BatchId, order: &OrderKey, picked: Pieces, jobs: &[(JobId, Pieces)]) {
        self.sums.orders_cancelled += 1;
        let Some(sheet) = self.open.get_mut(&batch) else {
            return self.check(false, || format!("an order of {batch:?} is cancelled, which does not run"));
        };
        let is_first = sheet.cancelled.insert(order.clone()) && !sheet.is_ended;
        let of_order = sheet.jobs.iter().filter(|job| job.order == *order);
        let done: u64 = of_order.map(|job| job.done).sum();
        let is_own = jobs
            .iter()
            .all(|(job, _)| sheet.jobs.get(job.0 as usize).is_some_and(|sheet| sheet.order == *order));
        self.check(is_first && is_own && done == u64::from(picked.0), || {
            format!("order {} is cancelled with {} picked, {done} are", order.number, picked.0)
        });
        for (job, pieces) in jobs {
            self.change(batch, *job, |sheet| sheet.cancelled += u64::from(pieces.0));
        }
    }

    fn change(&mut self, batch: BatchId, job: JobId, change: impl FnOnce(&mut Sheet)) {
        let sheet = self.open.get_mut(&batch).and_then(|sheet| sheet.jobs.get_mut(job.0 as usize));
        let Some(sheet) = sheet else {
            return self.check(false, || format!("{batch:?} has no {job:?}"));
        };
        change(sheet);
        let is_within = sheet.done + sheet.cancelled + sheet.short <= sheet.planned;
        let text = format!("{batch:?} {job:?} has more than was planned: {sheet:?}");
        self.check(is_within, || text);
    }

    fn check(&mut self, is_good: bool, what: impl FnOnce() -> String) {
        if !is_good {
            self.broken.get_or_insert_with(what);
        }
    }

    /// Records that were added.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The first thing that does not add up.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The sums, when everything came to its end and adds up.
    ///
    /// # Errors
    /// What does not.
    pub fn close(mut self) -> Result<Sums, String> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if let Some(load) = self.on_belt.first() {
            return Err(format!("load {load} has no outcome"));
        }
        if let Some((batch, _)) = self.open.iter().find(|(_, sheet)| !sheet.is_ended) {
            return Err(format!("{batch:?} has not ended"));
        }
        for job in self.open.values().chain(&self.over).flat_map(|sheet| &sheet.jobs) {
            if job.planned - job.cancelled != job.done + job.short {
                return Err(format!("at the end {job:?} does not add up"));
            }
            self.sums.planned += job.planned;
            self.sums.cancelled += job.cancelled;
            self.sums.done += job.done;
            self.sums.short += job.short;
        }
        Ok(self.sums)
    }
}

impl Sheet {
    fn new(job: &JobSpec) -> Self {
        let planned = u64::from(job.quantity.0);
        Self { order: job.order.clone(), planned, cancelled: 0, done: 0, short: 0 }
    }
}
