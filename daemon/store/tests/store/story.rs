//! Journals for the projector: written through `wcs-journal` into memory, and the story of a shift with everything that
//! can become of a load, told by a seed together with what it adds up to.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wcs_journal::{Batch, Context, MemoryStorage, Options, Room, Writer, open};
use wcs_types::{
    ActualLane, BatchId, ChuteId, Epoch, ExitResult, Fact, Input, JobId, JobSpec, LaneNo, LastSeen, LineId,
    LoadEnd, LoadKey, MonoTime, Nanos, OrderKey, Outcome, Pieces, Reason, Record, Seq, StateHash,
};

const GENESIS: u64 = 0xFEED_0000_0000_0004;

/// A journal in memory.
pub(crate) struct Journal {
    storage: MemoryStorage,
    writer: RefCell<Writer<MemoryStorage>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        let storage = MemoryStorage::new();
        let context = Context { core_version: 2, plant: b"plant".to_vec(), limits: Vec::new() };
        // Small segments, so that a reader has to go from one to the next.
        let room = Room { segment_size: 2048, reserve_size: 512 };
        let options = Options { room, genesis: GENESIS, trusted: Seq::NONE };
        let writer = open(storage.clone(), context, options).unwrap().writer;
        Self { storage, writer: RefCell::new(writer) }
    }

    pub(crate) fn storage(&self) -> MemoryStorage {
        self.storage.clone()
    }

    pub(crate) fn genesis(&self) -> u64 {
        GENESIS
    }

    pub(crate) fn end(&self) -> Seq {
        self.writer.borrow().durable_seq()
    }

    /// Appends records with these facts, a few to a batch.
    pub(crate) fn append(&self, records: Vec<Vec<Fact>>) {
        let mut writer = self.writer.borrow_mut();
        for group in records.chunks(5) {
            let first = writer.durable_seq().0 + 1;
            let mut batch = Batch::new();
            for (seq, facts) in (first..).zip(group) {
                batch.push(&Record {
                    seq: Seq(seq),
                    now: MonoTime(seq * 1_000_000),
                    gap: Nanos(1_000_000),
                    input: Input::Timeout,
                    decisions: Vec::new(),
                    facts: facts.clone(),
                    hash: StateHash(seq),
                });
            }
            writer.append(&batch).unwrap();
            writer.sync().unwrap();
        }
    }
}

/// Pieces by line of an order: sorted, in boxes that were taken away, missing at the end.
pub(crate) type Lines = BTreeMap<LineKey, (i64, i64, i64)>;

/// Order and line number.
type LineKey = (OrderKey, u32);

/// A shift: one batch in which every job is one line.
pub(crate) struct Story {
    pub(crate) records: Vec<Vec<Fact>>,
    pub(crate) lines: Lines,
    /// Loads by current outcome.
    pub(crate) outcomes: BTreeMap<&'static str, i64>,
    /// Loads that wait for a person at the end.
    pub(crate) waiting: i64,
    pub(crate) boxes_closed: i64,
}

struct Teller {
    dice: u64,
    batch: BatchId,
    story: Story,
    next_item: u32,
    outcome_of: BTreeMap<LoadKey, Outcome>,
    waiting: BTreeMap<LoadKey, usize>,
    chutes: BTreeMap<OrderKey, ChuteId>,
    /// Lines and pieces in the open box of a chute.
    open: BTreeMap<ChuteId, Vec<(LineKey, i64)>>,
}

impl Story {
    /// Tells the story of a seed: batch `batch` with these jobs, a load each.
    pub(crate) fn of(seed: u64, batch: BatchId, jobs: &[JobSpec]) -> Self {
        let story = Self {
            records: Vec::new(),
            lines: jobs.iter().map(|job| ((job.order.clone(), job.line_no), (0, 0, 0))).collect(),
            outcomes: BTreeMap::new(),
            waiting: 0,
            boxes_closed: 0,
        };
        let mut teller = Teller {
            dice: seed,
            batch,
            story,
            next_item: 1,
            outcome_of: BTreeMap::new(),
            waiting: BTreeMap::new(),
            chutes: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        teller.tell(jobs);
        for outcome in teller.outcome_of.values() {
            *teller.story.outcomes.entry(outcome.as_str()).or_default() += 1;
        }
        teller.story.waiting = teller.waiting.len() as i64;
        teller.story
    }
}

impl Teller {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % sides
    }

    fn note(&mut self, facts: Vec<Fact>) {
        self.story.records.push(facts);
    }

    fn tell(&mut self, jobs: &[JobSpec]) {
        let batch = self.batch;
        let mut first = vec![Fact::BatchStarted { batch }];
        for job in jobs {
            let next = ChuteId(self.chutes.len() as u16);
            if !self.chutes.contains_key(&job.order) {
                self.chutes.insert(job.order.clone(), next);
                let order = job.order.clone();
                first.push(Fact::ClassBound { batch, order, chute: next, is_rebound: false });
            }
        }
        self.note(first);
        for (at, job) in jobs.iter().enumerate() {
            // Some never come.
            if self.roll(12) > 0 {
                self.send(at, job, None);
            }
            if self.roll(20) == 0 {
                let chute = ChuteId(self.roll(self.chutes.len() as u64) as u16);
                self.swap(chute, Vec::new());
            }
            if self.roll(25) == 0 {
                self.note(vec![Fact::BatchPaused { batch }]);
                self.note(vec![Fact::BatchResumed { batch }]);
            }
        }
        self.work_off(jobs);
        self.close(jobs);
        let chutes: Vec<ChuteId> = self.chutes.values().copied().collect();
        for chute in chutes {
            if self.roll(4) > 0 {
                self.swap(chute, vec![Fact::ChuteFreed { chute }]);
            }
        }
    }

    /// A load of a job passes the scanner and ends somewhere.
    fn send(&mut self, at: usize, job: &JobSpec, previous: Option<LoadKey>) {
        let load = LoadKey { line: LineId(0), plc_epoch: Epoch(3), item: self.next_item };
        self.next_item += 1;
        let label = job.codes[0].clone();
        self.note(vec![Fact::LoadSeen { load, label: label.clone(), previous }]);
        if let Some(previous) = previous {
            self.waiting.remove(&previous);
        }
        if self.roll(6) == 0 {
            self.note(vec![Fact::LoadRecirculated { load, reason: Reason::LaneFull, turns: 1 }]);
        }
        if self.roll(15) == 0 {
            self.note(vec![Fact::DecisionLate { load }]);
        }
        let (outcome, reason) = match self.roll(12) {
            0 => (Outcome::Exception, Reason::OverQuantity),
            1 => (Outcome::Missorted, Reason::WrongLane),
            2 => (Outcome::Lost, Reason::TrackingLost),
            3 => (Outcome::NoReadLane, Reason::NoRead),
            4 => (Outcome::Overflow, Reason::NoChute),
            _ => (Outcome::Sorted, Reason::FirstChoice),
        };
        let chute = self.chutes[&job.order];
        let end = LoadEnd {
            load,
            label,
            job: (outcome != Outcome::NoReadLane).then_some((self.batch, JobId(at as u32))),
            pieces: job.quantity,
            outcome,
            reason,
            lane: ActualLane(LaneNo(chute.0 + 1)),
            result: Some(ExitResult::FirstChoice),
        };
        self.outcome_of.insert(load, outcome);
        self.note(vec![Fact::LoadEnded(end)]);
        if outcome == Outcome::Sorted {
            self.credit(job);
        } else if outcome.may_be_hand_sorted() {
            self.waiting.insert(load, at);
        }
    }

    fn credit(&mut self, job: &JobSpec) {
        let line = (job.order.clone(), job.line_no);
        let pieces = i64::from(job.quantity.0);
        self.story.lines.get_mut(&line).unwrap().0 += pieces;
        self.open.entry(self.chutes[&job.order]).or_default().push((line, pieces));
    }

    /// People at the exception station: by hand, round again, or not yet.
    fn work_off(&mut self, jobs: &[JobSpec]) {
        for (load, at) in self.waiting.clone() {
            let job = &jobs[at];
            match self.roll(3) {
                0 => self.hand_sort(load, at, job),
                1 => self.send(at, job, Some(load)),
                _ => {}
            }
        }
    }

    fn hand_sort(&mut self, load: LoadKey, at: usize, job: &JobSpec) {
        let chute = self.chutes[&job.order];
        let (label, batch, pieces) = (job.codes[0].clone(), self.batch, job.quantity);
        self.note(vec![Fact::LoadHandSorted { load, label, batch, job: JobId(at as u32), pieces, chute }]);
        self.outcome_of.insert(load, Outcome::HandSorted);
        self.waiting.remove(&load);
        self.credit(job);
    }

    fn swap(&mut self, chute: ChuteId, more: Vec<Fact>) {
        let content = self.open.remove(&chute).unwrap_or_default();
        self.story.boxes_closed += i64::from(!content.is_empty());
        for (line, pieces) in content {
            self.story.lines.get_mut(&line).unwrap().1 += pieces;
        }
        self.note([vec![Fact::BoxSwapped { chute }], more].concat());
    }

    fn close(&mut self, jobs: &[JobSpec]) {
        let batch = self.batch;
        self.note(vec![Fact::BatchClosing { batch, is_forced: true }]);
        let mut last = Vec::new();
        for (at, job) in jobs.iter().enumerate() {
            let line = self.story.lines.get_mut(&(job.order.clone(), job.line_no)).unwrap();
            let missing = i64::from(job.quantity.0) - line.0;
            if missing == 0 {
                continue;
            }
            line.2 = missing;
            last.push(Fact::PiecesShort {
                batch,
                job: JobId(at as u32),
                order: job.order.clone(),
                sku: job.sku.clone(),
                label: job.codes[0].clone(),
                pieces: Pieces(missing as u32),
                last_seen: LastSeen::Never,
                reason: Reason::BatchClosed,
            });
        }
        last.push(Fact::BatchEnded { batch });
        self.note(last);
    }
}
