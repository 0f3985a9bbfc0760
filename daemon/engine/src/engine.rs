//! One turn after the other: the engine owns the core, the batch that is being filled and the gate. The shell
//! drives it; the engine tells when it is full instead of growing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wcs_core::{Core, Step};
use wcs_journal::{BATCH_SIZE_MAX, Batch};
use wcs_types::limits::{OWN_GAP_MAX_MS, RECORD_SIZE_MAX, RECORDS_PENDING_MAX};
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::output::OutputKind;
use wcs_types::{
    Decision, Fact, Input, JobSpec, LineId, LinkChange, MonoTime, Nanos, OfflineReason, Output, Record,
    Reply, Seq, StorageState, Target, Verb, VerbRefusal,
};

use crate::gate::Gate;
use crate::poison::{Poison, PoisonList, digest_of, invariant_of, words};

/// Bytes in the batch that is being filled, from which on nothing more is admitted: far below what the journal takes,
/// so that even a large last record fits.
const BATCH_FILL_MAX: usize = BATCH_SIZE_MAX / 4;

/// What became of an input.
#[derive(Debug, Eq, PartialEq)]
#[must_use]
pub enum Admission {
    /// Taken; it stands in this record.
    Taken(Seq),
    /// Not taken: every reserved record waits for the disk. Offer it again later.
    Full(Box<Input>),
    /// Not taken: it would fill a record beyond what every reader takes. It was answered.
    TooLarge,
    /// Not taken: an input broke an invariant of the core. The process has to end; see [`Engine::poison`].
    Broken,
}

/// How the core takes one input. There is one way, [`Core::handle`]; a test puts a broken one in its place.
pub type Stepper = fn(&mut Core, MonoTime, Nanos, &Input, &mut Step);

/// Core, journal batch and gate of one plant.
#[derive(Debug)]
pub struct Engine {
    core: Core,
    stepper: Stepper,
    poisons: PoisonList,
    poison: Option<Box<Poison>>,
    step: Step,
    filling: Batch,
    gate: Gate,
    storage: StorageState,
    has_failed: bool,
    last_turn: MonoTime,
    gap: Nanos,
    facts: Vec<(Seq, Fact)>,
}

impl Engine {
    /// An engine around a core that was recovered up to its last durable record (or is new), at core time `now`.
    pub fn new(core: Core, now: MonoTime) -> Self {
        assert!(now >= core.now(), "core time never goes back over a restart");
        Self {
            gate: Gate::new(core.seq()),
            last_turn: now,
            core,
            stepper: |core, now, gap, input, step| core.handle(now, gap, input, None, step),
            poisons: PoisonList::default(),
            poison: None,
            step: Step::default(),
            filling: Batch::new(),
            storage: StorageState::Good,
            has_failed: false,
            gap: Nanos::ZERO,
            facts: Vec::new(),
        }
    }

    /// Puts another stepper in the place of the core's own.
    pub fn set_stepper(&mut self, stepper: Stepper) {
        self.stepper = stepper;
    }

    /// The inputs that processes before this one ended at.
    pub fn set_poisons(&mut self, poisons: PoisonList) {
        self.poisons = poisons;
    }

    /// The input that broke an invariant, once one has: the core is not to be trusted any more, and the engine takes
    /// nothing. The poison stands in the list as it has to be kept for the next process.
    pub fn poison(&self) -> Option<(&PoisonList, &Poison)> {
        self.poison.as_deref().map(|poison| (&self.poisons, poison))
    }

    /// First records of a process: links that an earlier process held are not up, lines that it was fenced off from may
    /// be taken up again, and its journal worries are over.
    pub fn boot(&mut self) {
        for line in 0..self.core.plant().lines.len() {
            let line = LineId(u16::try_from(line).expect("the plant bounds its lines"));
            self.step_core(Input::Link { line, change: LinkChange::Offline(OfflineReason::NewProcess) });
        }
        self.step_core(Input::Storage(StorageState::Good));
    }

    /// Begins a turn: the clock was read once, here it is. Deadlines of the core that have passed are handled.
    pub fn begin_turn(&mut self, now: MonoTime) {
        let now = now.later(self.last_turn);
        let gap = now.since(self.last_turn);
        let is_stalled = |gap: Nanos| gap > Nanos::from_millis(OWN_GAP_MAX_MS);
        // A long gap that no record tells of yet, because there was no room for one, is not forgotten.
        self.gap = if is_stalled(self.gap) { self.gap + gap } else { gap };
        self.last_turn = now;
        // A stall is told before anything that waited in it, even if nothing did.
        let is_due = self.core.next_timeout().is_some_and(|(due, _)| due <= now) || is_stalled(self.gap);
        if is_due && !self.is_full() {
            let input = self.put_aside(Input::Timeout);
            self.step_core(input);
        }
        self.judge_storage();
    }

    /// Takes one input in the current turn.
    pub fn admit(&mut self, input: Input) -> Admission {
        if self.poison.is_some() {
            return Admission::Broken;
        }
        if self.is_full() {
            return Admission::Full(Box::new(input));
        }
        if let Input::Verb { ticket, verb: Verb::Stage { jobs, .. }, .. } = &input
            && is_too_large(jobs)
        {
            let what = OutputKind::Reply(Reply::Refused(VerbRefusal::TooMany));
            let target = Target::Asker(*ticket);
            self.gate.push(Output { target, generation: 0, after: Seq::NONE, what });
            return Admission::TooLarge;
        }
        let input = self.put_aside(input);
        if self.step_core(input) { Admission::Taken(self.core.seq()) } else { Admission::Broken }
    }

    /// Swaps the filled batch for an empty one; false when there is nothing to write.
    pub fn take_batch(&mut self, wall_unix_ms: u64, empty: &mut Batch) -> bool {
        assert!(empty.is_empty(), "the batch that is handed over is empty");
        if self.filling.is_empty() {
            return false;
        }
        self.filling.set_wall(wall_unix_ms);
        std::mem::swap(&mut self.filling, empty);
        true
    }

    /// Everything up to `seq` is on disk: what waited for it may leave.
    pub fn handle_durable(&mut self, seq: Seq) {
        assert!(seq <= self.core.seq(), "only records that were made become durable");
        self.has_failed = false;
        self.gate.release(seq);
    }

    /// The journal cannot be written at the moment.
    pub fn handle_write_failed(&mut self) {
        self.has_failed = true;
    }

    /// The next output that may leave now.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.gate.pop()
    }

    /// Moves the facts since the last call to `into`.
    pub fn drain_facts(&mut self, into: &mut Vec<(Seq, Fact)>) {
        into.append(&mut self.facts);
    }

    /// When the core wants a turn even without input.
    pub fn next_timeout(&self) -> Option<MonoTime> {
        self.core.next_timeout().map(|(at, _)| at)
    }

    /// The core, for reading.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Last record made.
    pub fn last_seq(&self) -> Seq {
        self.core.seq()
    }

    /// Last record known to be on disk.
    pub fn durable_seq(&self) -> Seq {
        self.gate.durable()
    }

    /// Records made and not known to be on disk.
    pub fn pending_count(&self) -> usize {
        (self.core.seq().0 - self.gate.durable().0) as usize
    }

    /// Outputs that wait for the disk.
    pub fn gated_count(&self) -> usize {
        self.gate.waiting_count()
    }

    fn is_full(&self) -> bool {
        // Two records are kept back for what the engine itself has to say.
        self.pending_count() + 2 >= RECORDS_PENDING_MAX || self.filling.size() >= BATCH_FILL_MAX
    }

    /// Tells the core when the journal falls behind and when it has caught up; with hysteresis, so that permits
    /// do not flutter.
    fn judge_storage(&mut self) {
        let pending = self.pending_count();
        let state = if self.has_failed {
            StorageState::Failed
        } else if pending >= RECORDS_PENDING_MAX / 2
            || (self.storage != StorageState::Good && pending >= RECORDS_PENDING_MAX / 4)
        {
            StorageState::Behind
        } else {
            StorageState::Good
        };
        if state != self.storage && self.pending_count() < RECORDS_PENDING_MAX {
            self.storage = state;
            self.step_core(Input::Storage(state));
        }
    }

    /// The input, or what the core is given in its place.
    fn put_aside(&self, input: Input) -> Input {
        let core = &self.core;
        let envelope = self.poisons.envelope(&input, |input| match input {
            Input::Sorter { line, event } => core.was_put_aside(*line, event),
            _ => false,
        });
        envelope.map_or(input, Input::Quarantined)
    }

    /// True when the core has taken it.
    fn step_core(&mut self, input: Input) -> bool {
        if self.poison.is_some() {
            return false;
        }
        let unrecorded = Nanos(u64::from(is_on(Mutation::InstantUnrecorded)));
        let (core, step, now, gap) = (&mut self.core, &mut self.step, self.last_turn + unrecorded, self.gap);
        let stepper = self.stepper;
        // What a failed invariant leaves behind is never looked at again.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| stepper(core, now, gap, &input, step))) {
            self.note_poison(&input, &*panic);
            return false;
        }
        self.record(input);
        true
    }

    fn note_poison(&mut self, input: &Input, panic: &(dyn Any + Send)) {
        let poison = Poison {
            digest: digest_of(input),
            crashes: 1,
            what: words(input),
            invariant: invariant_of(panic),
        };
        let (list, poison) = self.poisons.noted(poison);
        self.poisons = list;
        self.poison = Some(Box::new(poison));
    }

    fn record(&mut self, input: Input) {
        let seq = self.core.seq();
        self.facts.extend(self.step.facts.iter().map(|fact| (seq, fact.clone())));
        let decisions: Vec<Decision> = std::mem::take(&mut self.step.decisions);
        let facts = std::mem::take(&mut self.step.facts);
        let record = Record {
            seq,
            now: self.last_turn,
            gap: self.gap,
            input,
            decisions,
            facts,
            hash: self.core.state_hash(),
        };
        self.filling.push(&record);
        // The buffers go back, so that a steady line allocates nothing for them.
        self.step.decisions = record.decisions;
        self.step.facts = record.facts;
        // The gap belongs to the first input of a turn.
        self.gap = Nanos::ZERO;
        for output in self.step.outputs.drain(..) {
            self.gate.push(output);
        }
    }
}

/// A part with texts that leave no room for the rest of its record. Numbers of a job take a few bytes each.
fn is_too_large(jobs: &[JobSpec]) -> bool {
    const NUMBERS: usize = 64;
    let sizes = jobs.iter().map(|job| {
        let codes: usize = job.codes.iter().map(|code| code.as_bytes().len() + 2).sum();
        let (order, sku) = (&job.order, &job.sku);
        NUMBERS + order.owner.len() + order.number.len() + sku.owner.len() + sku.code.len() + codes
    });
    sizes.sum::<usize>() > RECORD_SIZE_MAX / 2
}
