//! Batches the core holds: what was staged, how far each has come, and which job a label belongs to. It follows the
//! core's own rules for what counts as staged, so that a screen can answer for a label while the store is down; it
//! decides nothing.
//!
//! ```text
//! staged -> running <-> paused -> closing -> ended -> (forgotten when the next batch of the line is staged)
//! ```

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::batch::{chain_content, part_content};
use wcs_types::limits::{BATCHES_OPEN_MAX, CODES_PER_JOB_MAX, JOBS_PER_BATCH_MAX, JOBS_PER_PART_MAX};
use wcs_types::{
    BatchId, BatchSpec, ChuteId, Code, Identify, JobId, JobSpec, LineId, OrderKey, Pieces, SkuKey,
};

use super::loads::Stamp;

/// Where a batch is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// Parts are handed over; not started.
    Staged,
    /// Takes loads.
    Running,
    /// Takes no loads for now.
    Paused,
    /// No new decisions; its loads are still on the belt.
    Closing,
    /// Over.
    Ended,
}

/// One job.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Job {
    /// Its class: index into [`Batch::classes`].
    pub class: u32,
    /// The article.
    pub sku: SkuKey,
    /// Codes of its loads.
    pub codes: Vec<Code>,
    /// Pieces planned.
    pub planned: u32,
    /// Pieces in their chute.
    pub done: u32,
    /// Pieces of loads on the belt.
    pub in_flight: u32,
    /// Pieces of one load.
    pub portion: u32,
}

impl Job {
    /// One more load can be for it.
    pub fn has_room(&self) -> bool {
        self.done + self.in_flight + self.portion <= self.planned
    }
}

/// One class: an order, and the chute it has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Class {
    /// The order.
    pub order: OrderKey,
    /// Its chute.
    pub chute: Option<ChuteId>,
    /// Pieces planned.
    pub planned: u32,
    /// Pieces in the chute.
    pub done: u32,
    /// What was still to come was cancelled.
    pub is_cancelled: bool,
}

/// One batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// What it is, apart from its jobs.
    pub spec: BatchSpec,
    /// Where it is in its life.
    pub state: BatchState,
    /// Closed with unfinished work.
    pub is_forced: bool,
    /// Since when it is in this state.
    pub since: Stamp,
    /// When it was started.
    pub started: Option<Stamp>,
    /// Its jobs; `JobId` is the index.
    pub jobs: Vec<Job>,
    /// Its classes, in the order of their first job.
    pub classes: Vec<Class>,
    /// Loads of it on the belt.
    pub on_belt: u32,
    /// Pieces that were missing when it ended.
    pub short: u32,
    index: HashMap<OrderKey, u32>,
    parts: Vec<u64>,
    content: u64,
}

/// How far a batch has come, from facts that are durable.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct BatchProgress {
    /// Its number in the journal.
    pub core_id: u32,
    /// Where it is in its life.
    pub state: BatchState,
    /// Pieces planned.
    pub planned: u32,
    /// Pieces in their chutes.
    pub done: u32,
    /// Pieces of loads on the belt.
    pub in_flight: u32,
    /// Loads of it on the belt.
    pub loads_on_belt: u32,
    /// Pieces that were missing when it ended.
    pub short: u32,
    /// Orders of the batch.
    pub classes: u32,
    /// Orders whose pieces are all in their chute.
    pub classes_complete: u32,
    /// Orders that have a chute.
    pub classes_bound: u32,
    /// Milliseconds since 1970 at which it was started; null before.
    pub started_unix_ms: Option<u64>,
    /// Milliseconds since 1970 since when it is in this state.
    pub since_unix_ms: u64,
    /// Last record that changed its state.
    pub since_position: u64,
}

impl Batch {
    fn new(spec: BatchSpec, at: Stamp) -> Self {
        Self {
            spec,
            state: BatchState::Staged,
            is_forced: false,
            since: at,
            started: None,
            jobs: Vec::new(),
            classes: Vec::new(),
            on_belt: 0,
            short: 0,
            index: HashMap::new(),
            parts: Vec::new(),
            content: 0,
        }
    }

    /// Index of the class of an order.
    pub fn class_of(&self, order: &OrderKey) -> Option<u32> {
        self.index.get(order).copied()
    }

    /// How far it has come.
    pub fn progress(&self) -> BatchProgress {
        let sum = |pick: fn(&Job) -> u32| self.jobs.iter().map(pick).fold(0_u32, u32::saturating_add);
        let count = |is: fn(&Class) -> bool| {
            u32::try_from(self.classes.iter().filter(|class| is(class)).count()).unwrap_or(u32::MAX)
        };
        BatchProgress {
            core_id: self.spec.batch.0,
            state: self.state,
            planned: sum(|job| job.planned),
            done: sum(|job| job.done),
            in_flight: sum(|job| job.in_flight),
            loads_on_belt: self.on_belt,
            short: self.short,
            classes: count(|_| true),
            classes_complete: count(|class| class.done >= class.planned),
            classes_bound: count(|class| class.chute.is_some()),
            started_unix_ms: self.started.map(|at| at.unix_ms),
            since_unix_ms: self.since.unix_ms,
            since_position: self.since.seq.0,
        }
    }

    fn keep_jobs(&mut self, jobs: &[JobSpec]) {
        for spec in jobs {
            let classes = &mut self.classes;
            let class = *self.index.entry(spec.order.clone()).or_insert_with(|| {
                classes.push(Class {
                    order: spec.order.clone(),
                    chute: None,
                    planned: 0,
                    done: 0,
                    is_cancelled: false,
                });
                (classes.len() - 1) as u32
            });
            let planned = spec.quantity.0;
            let row = &mut classes[class as usize];
            row.planned = row.planned.saturating_add(planned);
            self.jobs.push(Job {
                class,
                sku: spec.sku.clone(),
                codes: spec.codes.clone(),
                planned,
                done: 0,
                in_flight: 0,
                portion: match self.spec.identify {
                    Identify::Lpn => planned,
                    Identify::Sku => 1,
                },
            });
        }
    }

    /// Fewer pieces of a job are planned.
    pub(crate) fn drop_pieces(&mut self, job: JobId, pieces: Pieces) {
        let Some(job) = self.jobs.get_mut(job.0 as usize) else { return };
        job.planned = job.planned.saturating_sub(pieces.0);
        if let Some(class) = self.classes.get_mut(job.class as usize) {
            class.planned = class.planned.saturating_sub(pieces.0);
        }
    }

    /// What was still to come of an order was cancelled; gives its chute when nothing more comes for it.
    pub(crate) fn cancel(&mut self, order: &OrderKey) -> Option<ChuteId> {
        let at = self.class_of(order)? as usize;
        let class = self.classes.get_mut(at)?;
        class.is_cancelled = true;
        class.chute.filter(|_| class.done >= class.planned)
    }

    /// The chute of a cancelled order for which nothing more comes.
    pub(crate) fn chute_of_cancelled(&self, job: JobId) -> Option<ChuteId> {
        let class = self.classes.get(self.jobs.get(job.0 as usize)?.class as usize)?;
        class.chute.filter(|_| class.is_cancelled && class.done >= class.planned)
    }

    pub(crate) fn change(&mut self, state: BatchState, at: Stamp) {
        self.state = state;
        self.since = at;
    }

    pub(crate) fn reserve(&mut self, job: JobId) {
        self.on_belt += 1;
        if let Some(job) = self.jobs.get_mut(job.0 as usize) {
            job.in_flight += job.portion;
        }
    }

    pub(crate) fn release(&mut self, job: JobId) {
        self.on_belt = self.on_belt.saturating_sub(1);
        if let Some(job) = self.jobs.get_mut(job.0 as usize) {
            job.in_flight = job.in_flight.saturating_sub(job.portion);
        }
    }

    /// Pieces of a job are in a chute; gives the chute of its class.
    pub(crate) fn credit(&mut self, job: JobId, pieces: Pieces) -> Option<ChuteId> {
        let job = self.jobs.get_mut(job.0 as usize)?;
        job.done = job.done.saturating_add(pieces.0);
        let class = self.classes.get_mut(job.class as usize)?;
        class.done = class.done.saturating_add(pieces.0);
        class.chute
    }
}

/// The batches the core holds, and their labels.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    rows: BTreeMap<BatchId, Batch>,
    /// A tree: labels come and go, and a hash table grows by those that went.
    labels: BTreeMap<Code, Vec<(BatchId, JobId)>>,
}

impl Batches {
    /// A batch the core holds.
    pub fn find(&self, batch: BatchId) -> Option<&Batch> {
        self.rows.get(&batch)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.rows.values()
    }

    /// Jobs of a label, in the order in which they were staged.
    pub fn jobs_of(&self, label: &Code) -> impl Iterator<Item = (&Batch, JobId, &Job)> {
        self.labels.get(label).into_iter().flatten().filter_map(|(batch, id)| {
            let batch = self.rows.get(batch)?;
            Some((batch, *id, batch.jobs.get(id.0 as usize)?))
        })
    }

    pub(crate) fn get_mut(&mut self, batch: BatchId) -> Option<&mut Batch> {
        self.rows.get_mut(&batch)
    }

    /// A part was handed over. Refusals stand in no record: the rules of the core are followed here.
    pub(crate) fn stage(
        &mut self,
        spec: &BatchSpec,
        part: u16,
        jobs: &[JobSpec],
        line_count: usize,
        at: Stamp,
    ) {
        if usize::from(spec.line.0) >= line_count || !are_good(spec, jobs) {
            return;
        }
        let part = usize::from(part);
        if let Some(batch) = self.rows.get(&spec.batch) {
            let may = batch.state == BatchState::Staged
                && batch.spec == *spec
                && batch.parts.len() == part
                && batch.jobs.len() + jobs.len() <= JOBS_PER_BATCH_MAX;
            if !may {
                return;
            }
        } else if part != 0 {
            return;
        } else {
            self.forget_ended(spec.line);
            if self.rows.len() >= BATCHES_OPEN_MAX {
                return;
            }
        }
        let batch = self.rows.entry(spec.batch).or_insert_with(|| Batch::new(*spec, at));
        let first = batch.jobs.len();
        batch.keep_jobs(jobs);
        let hash = part_content(spec, jobs);
        batch.parts.push(hash);
        batch.content = chain_content(batch.content, hash);
        self.keep_labels(spec.batch, first, jobs);
    }

    /// Jobs were added to a batch that runs.
    pub(crate) fn add(&mut self, batch: BatchId, jobs: &[JobSpec]) {
        let Some(row) = self.rows.get_mut(&batch) else { return };
        let first = row.jobs.len();
        row.keep_jobs(jobs);
        self.keep_labels(batch, first, jobs);
    }

    /// A staged batch is dropped; one that was started is not.
    pub(crate) fn unstage(&mut self, batch: BatchId) {
        if self.rows.get(&batch).is_some_and(|row| row.state == BatchState::Staged) {
            self.forget(batch);
        }
    }

    fn keep_labels(&mut self, batch: BatchId, first: usize, jobs: &[JobSpec]) {
        for (at, job) in jobs.iter().enumerate() {
            let id = JobId(u32::try_from(first + at).unwrap_or(u32::MAX));
            for code in &job.codes {
                self.labels.entry(code.clone()).or_default().push((batch, id));
            }
        }
    }

    /// Ended batches of a line go when the next is staged, as in the core.
    fn forget_ended(&mut self, line: LineId) {
        let ended: Vec<BatchId> = self
            .rows
            .values()
            .filter(|batch| batch.spec.line == line && batch.state == BatchState::Ended)
            .map(|batch| batch.spec.batch)
            .collect();
        for batch in ended {
            self.forget(batch);
        }
    }

    /// A batch is gone, and its labels with it.
    pub(crate) fn forget(&mut self, batch: BatchId) {
        let Some(row) = self.rows.remove(&batch) else { return };
        for code in row.jobs.iter().flat_map(|job| &job.codes) {
            if let Some(jobs) = self.labels.get_mut(code) {
                jobs.retain(|(of, _)| *of != batch);
                if jobs.is_empty() {
                    self.labels.remove(code);
                }
            }
        }
    }
}

/// What the core checks of the jobs of a part.
fn are_good(spec: &BatchSpec, jobs: &[JobSpec]) -> bool {
    let is_good = |job: &JobSpec| {
        let has_codes = !job.codes.is_empty() && job.codes.len() <= CODES_PER_JOB_MAX;
        let most = match spec.identify {
            Identify::Lpn => wcs_types::limits::PIECES_PER_LINE_MAX,
            Identify::Sku => u32::MAX / 1024 - 1,
        };
        has_codes && (1..=most).contains(&job.quantity.0) && !job.codes.iter().any(Code::is_empty)
    };
    jobs.len() <= JOBS_PER_PART_MAX && jobs.iter().all(is_good)
}
