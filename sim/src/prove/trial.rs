//! One run from start to end: the stack, the bystander at the wire, the outages at their instants. Collects evidence;
//! judges nothing.

use std::cell::RefCell;
use std::rc::Rc;

use wcs_core::InvariantBroken;
use wcs_engine::Replay;
use wcs_types::{CORE_VERSION, Identify, LineId, MonoTime, Nanos, Record};

use super::books::Books;
use super::course::{Outage, OutageKind, RunPlan};
use super::evidence::{End, Endings, Evidence, Replayed, Takeover};
use super::reasons::Reasons;
use super::repeats::Repeats;
use super::resumed::Resumed;
use crate::report::{Physical, Tally, reconcile};
use crate::server::{FaultTargets, HostedSorter};
use crate::stack::{Stack, StackError, StackSetup};
use crate::supervisor::Supervisor;
use crate::world::{KnobKind, Sorter};

/// Plant time without a load on the belt after which the supervisor closes a batch by force.
const QUIET: Nanos = Nanos::from_secs(180);
/// No fault hides a new owner of the PLC for longer.
const NOTICE_MAX: Nanos = Nanos::from_secs(180);
/// Every invariant is checked after so many records.
const CHECK_EVERY: u64 = 100;
/// No run takes longer.
const RUN_MAX: MonoTime = MonoTime(48 * 3_600 * 1_000_000_000);
/// Step and steps of the wait for a batch that is being written.
const WRITE_STEP: Nanos = Nanos::from_micros(50);
const WRITE_STEPS_MAX: u32 = 10_000;

/// Runs a plan to its end.
pub(super) fn run(plan: &RunPlan) -> Evidence {
    let physical = Rc::new(RefCell::new(Physical::default()));
    let mut evidence = Evidence::default();
    match build(plan, &physical) {
        Ok(mut stack) => {
            evidence.end = End::of(drive(plan, &mut stack, &mut evidence));
            collect(plan, &mut stack, &physical.borrow(), &mut evidence);
        }
        Err(error) => evidence.end = End::of(Err(error)),
    }
    evidence
}

fn build(plan: &RunPlan, physical: &Rc<RefCell<Physical>>) -> Result<Stack, StackError> {
    let targets = FaultTargets::default();
    let sorter = Sorter::new(plan.setup.clone()).expect("a drawn sorter can be built");
    let ledger = Rc::clone(physical);
    let sink = Box::new(move |event: &crate::world::LedgerEvent| {
        ledger.borrow_mut().add(event);
        Ok(())
    });
    let setup = StackSetup {
        plant: plan.plant.clone(),
        sorter: HostedSorter::new(sorter, plan.faults.clone(), targets.clone(), sink),
        targets,
        groups: plan.groups.groups.clone(),
        supervisor: Supervisor::new(plan.batches.clone(), QUIET),
        wire: plan.wire,
        sync_time: plan.sync_time,
        seed: plan.seed,
        check_every: CHECK_EVERY,
        checkpoint_every: plan.checkpoint_every,
    };
    let mut stack = Stack::new(setup)?;
    stack.watch();
    stack.stall_at(plan.stalls.clone());
    Ok(stack)
}

/// True when the run came to its end.
fn drive(plan: &RunPlan, stack: &mut Stack, evidence: &mut Evidence) -> Result<bool, StackError> {
    for outage in &plan.outages {
        if stack.run(MonoTime::ZERO + outage.at)? || !go_down(outage, stack)? {
            return Ok(true);
        }
        evidence.outages += 1;
        check_core(stack)?;
    }
    let is_done = stack.run(RUN_MAX)?;
    check_core(stack)?;
    if is_done {
        let is_kept = stack.take_over(NOTICE_MAX)?;
        evidence.takeover = Some(Takeover { is_fenced: stack.daemon().is_fenced(), is_kept });
    }
    Ok(is_done)
}

/// False when the work was done before the daemon could go down.
fn go_down(outage: &Outage, stack: &mut Stack) -> Result<bool, StackError> {
    if outage.kind == OutageKind::MidWrite {
        for _ in 0..WRITE_STEPS_MAX {
            if stack.daemon().pending_count() != 0 {
                break;
            }
            let until = stack.now() + WRITE_STEP;
            if stack.run(until)? {
                return Ok(false);
            }
        }
    }
    check_core(stack)?;
    match outage.kind {
        OutageKind::PowerLoss | OutageKind::MidWrite => stack.crash(outage.down, outage.seed)?,
        OutageKind::Stop => stack.stop(outage.down)?,
    }
    Ok(true)
}

fn check_core(stack: &Stack) -> Result<(), StackError> {
    let check: Result<(), InvariantBroken> = stack.daemon().engine().core().check_invariants();
    check.map_err(|broken| StackError::Invariant { at: stack.now(), broken })
}

fn collect(plan: &RunPlan, stack: &mut Stack, physical: &Physical, evidence: &mut Evidence) {
    evidence.simulated = stack.now().since(MonoTime::ZERO);
    evidence.are_labels_shared = plan.batches.iter().any(|batch| batch.spec.identify == Identify::Sku);
    evidence.loads_fed = plan.groups.load_count();
    evidence.recoveries = stack.daemon().recoveries().to_vec();
    evidence.restored = stack.daemon().restored_count();
    evidence.checkpoints_refused = stack.daemon().checkpoints_refused().to_vec();
    if evidence.end == End::Done {
        stack.close_watch();
    }
    let watch = stack.watched().expect("the run was watched");
    evidence.watched = Some(watch.into());
    evidence.labels_given_up = watch.labels_given_up();
    evidence.labels_given_up.extend(stack.sorter().labels_forgotten().iter().cloned());
    if evidence.are_labels_shared && has_new_life(stack) {
        // Gone without a word while the PLC began a new life: the next piece of that sku is taken for it.
        evidence.labels_given_up.extend(stack.sorter().touched(KnobKind::Lost).iter().cloned());
    }
    evidence.labels_missorted = stack.sorter().touched(KnobKind::Missort).clone();
    let (counts, _) = stack.hosted().fault_counts();
    evidence.faults = counts.clone();
    evidence.evt_lost = stack.daemon().figures().evt_lost;

    let mut tally = Tally::default();
    let mut endings = Endings::default();
    let (mut reasons, mut repeats) = (Reasons::default(), Repeats::default());
    let mut books = Books::default();
    let see = |record: &Record| {
        reasons.add(record);
        repeats.add(record);
        books.add(record);
        tally.add(&plan.plant, record);
        endings.add(record);
    };
    evidence.replay = follow(plan, stack, see);
    evidence.endings = endings;
    (evidence.reasons, evidence.repeats, evidence.books) = (reasons, repeats, books);
    let expected = i64::try_from(plan.groups.expected_pieces).expect("a few pieces");
    evidence.expected_pieces = expected;
    evidence.reconciled = reconcile(&plan.plant, LineId(0), &tally, physical, expected);
    evidence.tally = tally;
}

fn has_new_life(stack: &Stack) -> bool {
    [KnobKind::PlcRestart, KnobKind::FifoReset].iter().any(|kind| stack.sorter().applied(*kind) > 0)
}

/// Replays the journal of the whole run.
fn follow(plan: &RunPlan, stack: &Stack, mut see: impl FnMut(&Record)) -> Replayed {
    let live = stack.daemon().engine();
    let mut replay = Replay::new(plan.plant.clone(), CORE_VERSION);
    let mut resumed = Resumed::new(stack.daemon().checkpoints_kept());
    let mut replayed = Replayed { durable: stack.daemon().durable_seq().0, ..Replayed::default() };
    let mut diverged = None;
    let outcome = stack.daemon().records().map_err(|error| error.to_string()).and_then(|reader| {
        for entry in reader {
            let record = entry.map_err(|error| error.to_string())?.record;
            // What a journal says counts for the other checkers, whether it comes out again or not.
            see(&record);
            if diverged.is_none() {
                diverged = replay.follow(&record).err().map(|divergence| divergence.to_string());
                resumed.add(&record);
            }
        }
        Ok(())
    });
    replayed.broken = outcome.err().or(diverged).or(resumed.broken);
    replayed.resumed = resumed.records;
    replayed.records = replay.records();
    replayed.hash = replay.core().state_hash().0;
    let is_whole = live.last_seq() == stack.daemon().durable_seq();
    replayed.live_hash = is_whole.then(|| live.core().state_hash().0);
    replayed
}
