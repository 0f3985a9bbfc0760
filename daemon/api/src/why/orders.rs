//! Where the pieces of a job or an order stand, and why the missing ones are missing. Told from the records in which its
//! batch was staged and what happened to its loads; it needs neither store nor live views.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{
    BatchId, Decision, Destination, Fact, Identify, Input, JobId, JobSpec, LastSeen, LoadKey, OrderKey,
    Outcome, Plant, Seq, Verb,
};

use super::Sentence;
use super::evidence::seen_with;
use super::keys::Key;
use crate::event::{chute_name, load_text};
use crate::ports::{FindError, Records, Sought, Told};

/// Jobs of one order that are told. More: the rest is counted only.
const JOBS_TOLD_MAX: usize = 200;
/// Loads of one job that are looked for by its label. More: the last ones.
const LABELLED_MAX: usize = 50;

/// Pieces of a job or an order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
#[schema(as = WhyPieces)]
pub struct PiecesView {
    /// Planned.
    pub ordered: u64,
    /// In their chute.
    pub picked: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Found missing when the batch ended.
    pub short: u64,
    /// Neither in their chute nor cancelled.
    pub missing: u64,
}

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WhyJob)]
pub struct JobView {
    /// Number of the batch in the journal.
    pub core_id: u32,
    /// Number of the job in it.
    pub job: u32,
    /// Owner of its order.
    pub owner: String,
    /// Its order.
    pub order: String,
    /// Its article.
    pub sku: String,
    /// Codes it is known by.
    pub codes: Vec<String>,
    /// Its pieces.
    pub pieces: PiecesView,
    /// Its loads, oldest first.
    pub loads: Vec<JobLoadView>,
    /// Why pieces are missing; empty when none is.
    pub missing: Vec<Sentence>,
}

/// A load of a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WhyJobLoad)]
pub struct JobLoadView {
    /// Its id.
    pub id: String,
    /// Where it ended and why; null while it is on the belt.
    pub ended: Option<String>,
    /// Pieces in the chute by it.
    pub picked: u64,
}

/// An order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WhyOrder)]
pub struct OrderView {
    /// Its owner.
    pub owner: String,
    /// Its number.
    pub number: String,
    /// Numbers of its batches in the journal.
    pub core_ids: Vec<u32>,
    /// Chutes it was bound to, in order.
    pub chutes: Vec<String>,
    /// Its pieces.
    pub pieces: PiecesView,
    /// Its jobs.
    pub jobs: Vec<JobView>,
    /// Jobs that are not told.
    pub jobs_left_out: usize,
}

/// A job, and which loads are its.
pub(super) struct Job {
    pub(super) view: JobView,
    pub(super) loads: Vec<LoadKey>,
}

/// An order, and which loads are its.
pub(super) struct Order {
    pub(super) view: OrderView,
    pub(super) loads: Vec<LoadKey>,
}

/// A job as it was staged.
struct Staged {
    batch: BatchId,
    job: JobId,
    identify: Option<Identify>,
    spec: JobSpec,
}

/// Tells a job; `None` when no batch has it.
pub(super) fn job(records: &dyn Records, batch: BatchId, job: JobId) -> Result<Option<Job>, FindError> {
    let staged = staged(records, batch, &|of, _| of == job)?;
    staged.into_iter().next().map(|staged| tell_job(records, staged)).transpose()
}

/// Tells an order; `None` when no batch has it.
pub(super) fn order(
    records: &dyn Records,
    plant: &Plant,
    key: &OrderKey,
) -> Result<Option<Order>, FindError> {
    let seqs = records.find(&Sought::all(Key::Order(key)))?;
    let (mut batches, mut chutes) = (BTreeSet::new(), Vec::new());
    records.read_these(&seqs, &mut |told| {
        if let Input::Verb { verb: Verb::Stage { jobs, .. } | Verb::Add { jobs, .. }, .. } =
            &told.record.input
            && jobs.iter().any(|job| job.order == *key)
        {
            batches.extend(batch_of(told));
        }
        for fact in &told.record.facts {
            if let Fact::ClassBound { order, chute, .. } = fact
                && order == key
            {
                chutes.push(chute_name(plant, *chute));
            }
        }
    })?;
    let mut view = OrderView {
        owner: key.owner.clone(),
        number: key.number.clone(),
        core_ids: Vec::new(),
        chutes,
        pieces: PiecesView::default(),
        jobs: Vec::new(),
        jobs_left_out: 0,
    };
    let mut loads: Vec<LoadKey> = Vec::new();
    for batch in batches {
        let staged = staged(records, batch, &|_, spec| spec.order == *key)?;
        if !staged.is_empty() {
            view.core_ids.push(batch.0);
        }
        for staged in staged {
            let job = tell_job(records, staged)?;
            view.pieces.add(job.view.pieces);
            for load in job.loads {
                if !loads.contains(&load) {
                    loads.push(load);
                }
            }
            if view.jobs.len() < JOBS_TOLD_MAX {
                view.jobs.push(job.view);
            } else {
                view.jobs_left_out += 1;
            }
        }
    }
    // Items are numbered in the order in which they come.
    loads.sort_by_key(|key| (key.line, key.plc_epoch.0, key.item));
    Ok((!view.core_ids.is_empty()).then_some(Order { view, loads }))
}

fn batch_of(told: &Told) -> Option<BatchId> {
    match &told.record.input {
        Input::Verb { verb: Verb::Stage { spec, .. }, .. } => Some(spec.batch),
        Input::Verb { verb: Verb::Add { batch, .. } | Verb::Unstage { batch }, .. } => Some(*batch),
        _ => None,
    }
}

/// Jobs of a batch as they are known. A refusal stands in no record: a part that does not come next was refused, or is
/// one that is known.
fn staged(
    records: &dyn Records,
    batch: BatchId,
    is_wanted: &dyn Fn(JobId, &JobSpec) -> bool,
) -> Result<Vec<Staged>, FindError> {
    let seqs = records.find(&Sought::all(Key::Batch(batch)))?;
    let (mut parts, mut count, mut is_started, mut identify) = (0, 0, false, None);
    let mut found: Vec<Staged> = Vec::new();
    records.read_these(&seqs, &mut |told| {
        if batch_of(told) == Some(batch)
            && let Input::Verb { verb, .. } = &told.record.input
        {
            match verb {
                Verb::Stage { part, jobs, .. } | Verb::Add { part, jobs, .. } if *part == parts => {
                    if let Verb::Stage { spec, .. } = verb {
                        identify = Some(spec.identify);
                    }
                    parts += 1;
                    for spec in jobs {
                        if is_wanted(JobId(count), spec) {
                            let (job, spec) = (JobId(count), spec.clone());
                            found.push(Staged { batch, job, identify, spec });
                        }
                        count += 1;
                    }
                }
                // A batch that was started is never dropped.
                Verb::Unstage { .. } if !is_started => {
                    (parts, count) = (0, 0);
                    found.clear();
                }
                _ => {}
            }
        }
        for fact in &told.record.facts {
            match fact {
                Fact::BatchStarted { batch: of } if *of == batch => is_started = true,
                Fact::StartCancelled { batch: of, .. } if *of == batch => is_started = false,
                _ => {}
            }
        }
    })?;
    Ok(found)
}

/// What became of one load of a job.
#[derive(Clone, Debug, Default)]
struct LoadState {
    ended: Option<String>,
    picked: u64,
}

#[derive(Default)]
struct JobHistory {
    /// In the order in which they turned up.
    loads: Vec<(LoadKey, LoadState)>,
    cancelled: u64,
    short: u64,
    missing: Vec<Sentence>,
}

impl JobHistory {
    fn load(&mut self, key: LoadKey) -> &mut LoadState {
        let at = self.loads.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.loads.push((key, LoadState::default()));
            self.loads.len() - 1
        });
        &mut self.loads[at].1
    }

    fn see(&mut self, told: &Told, job: (BatchId, JobId)) {
        for decision in &told.record.decisions {
            let Decision::Route { load, destination, .. } = decision else { continue };
            if matches!(destination, Destination::Chute { batch, job: of, .. } if (*batch, *of) == job) {
                self.load(*load).ended = None;
            }
        }
        for fact in &told.record.facts {
            self.see_fact(fact, job);
        }
    }

    fn see_fact(&mut self, fact: &Fact, job: (BatchId, JobId)) {
        match fact {
            Fact::LoadEnded(end) if end.job == Some(job) => {
                let state = self.load(end.load);
                state.ended = Some(format!("{}, {}", end.outcome, end.reason));
                if end.outcome == Outcome::Sorted {
                    state.picked += u64::from(end.pieces.0);
                }
            }
            Fact::LoadHandSorted { load, batch, job: of, pieces, .. } if (*batch, *of) == job => {
                let state = self.load(*load);
                state.ended = Some(format!("{}, {}", Outcome::HandSorted, wcs_types::Reason::ByHand));
                state.picked += u64::from(pieces.0);
            }
            Fact::PiecesCancelled { batch, job: of, pieces } if (*batch, *of) == job => {
                self.cancelled += u64::from(pieces.0);
            }
            Fact::OrderCancelled { batch, jobs, .. } if *batch == job.0 => {
                let of_job = jobs.iter().filter(|(of, _)| *of == job.1);
                self.cancelled += of_job.map(|(_, pieces)| u64::from(pieces.0)).sum::<u64>();
            }
            Fact::PiecesShort { batch, job: of, pieces, last_seen, reason, .. } if (*batch, *of) == job => {
                self.short += u64::from(pieces.0);
                self.missing.push(short(u64::from(pieces.0), *last_seen, reason.as_str()));
            }
            _ => {}
        }
    }
}

fn short(pieces: u64, last_seen: LastSeen, reason: &str) -> Sentence {
    let (en, ko) = match last_seen {
        // Loads with its label may have been seen all the same: not read in time, or taken for no job.
        LastSeen::Never => ("no load was taken for it".to_owned(), "이 작업으로 처리된 화물 없음".to_owned()),
        LastSeen::Scanner(load) => {
            let load = load_text(load);
            (
                format!("last seen at the scanner as load {load}"),
                format!("마지막으로 스캐너에서 화물 {load}(으)로 봄"),
            )
        }
        LastSeen::Lane(load, lane) => {
            let load = load_text(load);
            (
                format!("last seen at lane {lane} as load {load}"),
                format!("마지막으로 {lane}번 레인에서 화물 {load}(으)로 봄"),
            )
        }
    };
    Sentence::new(
        format!("{pieces} missing when the batch ended ({reason}): {en}."),
        format!("배치 종료 시 {pieces}개 부족 ({reason}): {ko}."),
    )
}

fn tell_job(records: &dyn Records, staged: Staged) -> Result<Job, FindError> {
    let Staged { batch, job, identify, spec } = staged;
    let mut history = JobHistory::default();
    let seqs = records.find(&Sought::all(Key::Job(batch, job)))?;
    records.read_these(&seqs, &mut |told| history.see(told, (batch, job)))?;
    // A label is one load of one job: what was seen with it is of the job, whether it was taken for it or not.
    let is_named = identify == Some(Identify::Lpn);
    if is_named {
        for code in &spec.codes {
            add_labelled(records, &mut history, code)?;
        }
    }
    let ordered = u64::from(spec.quantity.0);
    let picked = history.loads.iter().map(|(_, state)| state.picked).sum();
    let missing = ordered.saturating_sub(picked).saturating_sub(history.cancelled);
    let pieces = PiecesView { ordered, picked, cancelled: history.cancelled, short: history.short, missing };
    if missing > 0 {
        tell_missing(&mut history, missing, is_named);
    }
    let view = JobView {
        core_id: batch.0,
        job: job.0,
        owner: spec.order.owner,
        order: spec.order.number,
        sku: spec.sku.code,
        codes: spec.codes.iter().map(ToString::to_string).collect(),
        pieces,
        loads: history
            .loads
            .iter()
            .map(|(key, state)| JobLoadView {
                id: load_text(*key),
                ended: state.ended.clone(),
                picked: state.picked,
            })
            .collect(),
        missing: history.missing,
    };
    Ok(Job { view, loads: history.loads.into_iter().map(|(key, _)| key).collect() })
}

/// Loads that were seen with the label of a job, and how they ended.
fn add_labelled(
    records: &dyn Records,
    history: &mut JobHistory,
    code: &wcs_types::Code,
) -> Result<(), FindError> {
    let mut seqs: Vec<Seq> = records.find(&Sought::all(Key::Label(code)))?;
    let older = seqs.len().saturating_sub(LABELLED_MAX);
    let mut others = Vec::new();
    records.read_these(&seqs.split_off(older), &mut |told| others.extend(seen_with(told, code)))?;
    others.retain(|key| !history.loads.iter().any(|(known, _)| known == key));
    others.dedup();
    for key in others {
        let mut ended = None;
        let seqs = records.find(&Sought::all(Key::Load(key)))?;
        records.read_these(&seqs, &mut |told| {
            for fact in &told.record.facts {
                match fact {
                    Fact::LoadSeen { load, .. } if *load == key => ended = None,
                    Fact::LoadEnded(end) if end.load == key => {
                        ended = Some(format!("{}, {}", end.outcome, end.reason));
                    }
                    _ => {}
                }
            }
        })?;
        history.loads.push((key, LoadState { ended, picked: 0 }));
    }
    history.loads.sort_by_key(|(key, _)| (key.plc_epoch.0, key.item));
    Ok(())
}

/// Says for the loads that brought nothing where they stand, and what was never seen; `is_named` when each load says by
/// its label that it is of the job, so that one that was never taken for it is known.
fn tell_missing(history: &mut JobHistory, missing: u64, is_named: bool) {
    if history.loads.is_empty() {
        let (en, ko) = match is_named {
            true => ("no load of it was seen on this line", "이 라인에서 해당 화물을 본 적이 없습니다"),
            false => ("no load was taken for it", "이 작업으로 처리된 화물이 없습니다"),
        };
        history
            .missing
            .push(Sentence::new(format!("{missing} missing: {en}."), format!("{missing}개 부족: {ko}.")));
    }
    for (key, state) in history.loads.iter().filter(|(_, state)| state.picked == 0) {
        let id = load_text(*key);
        history.missing.push(match &state.ended {
            Some(ended) => Sentence::new(
                format!("Load {id} did not bring it: {ended}."),
                format!("{id} 화물은 채우지 못했습니다: {ended}."),
            ),
            None => Sentence::new(
                format!("Load {id} is on the belt."),
                format!("{id} 화물이 벨트 위에 있습니다."),
            ),
        });
    }
    if !history.loads.is_empty() && history.loads.iter().all(|(_, state)| state.picked > 0) {
        let (en, ko) = match is_named {
            true => {
                ("no further load of it was seen on this line", "이 라인에서 해당 화물을 더 보지 못했습니다")
            }
            false => ("no further load was taken for it", "이 작업으로 처리된 화물이 더 없습니다"),
        };
        history
            .missing
            .push(Sentence::new(format!("{missing} missing: {en}."), format!("{missing}개 부족: {ko}.")));
    }
}

impl PiecesView {
    fn add(&mut self, other: Self) {
        self.ordered += other.ordered;
        self.picked += other.picked;
        self.cancelled += other.cancelled;
        self.short += other.short;
        self.missing += other.missing;
    }
}
