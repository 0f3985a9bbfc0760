//! One run from start to end: the stack, the bystander at the wire, the outages at their instants. Collects evidence;
//! judges nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wcs_core::InvariantBroken;
use wcs_engine::Replay;
use wcs_types::{BatchId, CORE_VERSION, Code, Fact, Identify, JobSpec, LineId, MonoTime, Nanos, Record};

use super::account::Account;
use super::books::Books;
use super::course::RunPlan;
use super::coverage::Encounters;
use super::evidence::{End, Endings, Evidence, Replayed, Takeover};
use super::outages::{CLOCK_BACK, CLOCK_FORWARD, Outage, OutageKind};
use super::reasons::Reasons;
use super::repeats::Repeats;
use super::resumed::Resumed;
use crate::report::{Physical, Tally, reconcile};
use crate::server::{FaultTargets, HostedSorter};
use crate::stack::{Death, RecoveryCase, Stack, StackError, StackSetup};
use crate::supervisor::Supervisor;
use crate::world::{KnobKind, Sorter};

/// Plant time without a load on the belt after which the supervisor closes a batch by force.
const QUIET: Nanos = Nanos::from_secs(180);
/// No fault hides a new owner of the PLC for longer.
const NOTICE_MAX: Nanos = Nanos::from_secs(180);
/// Every table is held against every other after so many records; the account is kept record by record.
const CHECK_EVERY: u64 = 1_000;
/// No run takes longer.
const RUN_MAX: MonoTime = MonoTime(48 * 3_600 * 1_000_000_000);
/// How long a daemon may take to get to the point at which its power shall go. Then it goes as it is.
const POINT_WAIT: Nanos = Nanos::from_secs(300);

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
    stack.ask(plan.meddling.script.clone());
    Ok(stack)
}

/// True when the run came to its end.
fn drive(plan: &RunPlan, stack: &mut Stack, evidence: &mut Evidence) -> Result<bool, StackError> {
    for outage in &plan.outages {
        evidence.outage_kinds.entry(outage.kind.name()).or_default().planned += 1;
    }
    let mut is_done = false;
    for outage in &plan.outages {
        is_done = stack.run(MonoTime::ZERO + outage.at)?;
        is_done = is_done || go_down(outage, stack, evidence)?;
        if is_done {
            break;
        }
        evidence.outages += 1;
        check_core(stack)?;
    }
    let is_done = is_done || stack.run(RUN_MAX)?;
    check_core(stack)?;
    if is_done {
        let is_kept = stack.take_over(NOTICE_MAX)?;
        evidence.takeover = Some(Takeover { is_fenced: stack.daemon().is_fenced(), is_kept });
    }
    Ok(is_done)
}

/// True when the work was done before the daemon could go down.
fn go_down(outage: &Outage, stack: &mut Stack, evidence: &mut Evidence) -> Result<bool, StackError> {
    let mut kind = outage.kind;
    if let Some(point) = outage.point() {
        stack.arm(Some(point));
        let until = stack.now() + POINT_WAIT;
        if stack.run(until)? {
            stack.arm(None);
            return Ok(true);
        }
        if !stack.is_down() {
            kind = OutageKind::PowerLoss;
        }
    }
    if !stack.is_down() {
        check_core(stack)?;
    }
    let interrupted = stack.daemon().interrupted_count();
    let death = match kind {
        OutageKind::Kill => Death::Killed,
        OutageKind::Stop | OutageKind::OwnerChange => Death::Stopped,
        _ => Death::Power { seed: outage.seed },
    };
    stack.go_down(death, outage.down, outage.back())?;
    if kind == OutageKind::Recovery && stack.daemon().interrupted_count() == interrupted {
        kind = OutageKind::PowerLoss;
    }
    evidence.outage_kinds.entry(kind.name()).or_default().applied += 1;
    let clock = if outage.clock_ms < 0 { CLOCK_BACK } else { CLOCK_FORWARD };
    if outage.clock_ms != 0 {
        let figures = evidence.outage_kinds.entry(clock).or_default();
        figures.planned += 1;
        figures.applied += 1;
    }
    Ok(false)
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
    evidence.labels_given_up.extend(unread_in_two_lives(stack));
    evidence.labels_missorted = stack.sorter().touched(KnobKind::Missort).clone();
    let (counts, _) = stack.hosted().fault_counts();
    evidence.faults = counts.clone();
    evidence.evt_lost = stack.daemon().figures().evt_lost;

    let mut tally = Tally::default();
    let mut endings = Endings::default();
    let (mut reasons, mut repeats) = (Reasons::default(), Repeats::default());
    let mut books = Books::default();
    let mut encounters = encounters_of(stack);
    let mut account = Account::new(account_plans(plan));
    let mut own_ended = BTreeSet::new();
    let see = |record: &Record| {
        account.add(record);
        encounters.see(record);
        for fact in &record.facts {
            if let Fact::BatchEnded { batch } = fact {
                own_ended.insert(*batch);
            }
        }
        reasons.add(record);
        repeats.add(record);
        books.add(record);
        tally.add(&plan.plant, record);
        endings.add(record);
    };
    evidence.replay = follow(plan, stack, see);
    evidence.endings = endings;
    (evidence.reasons, evidence.repeats, evidence.books) = (reasons, repeats, books);
    // What people added and cancelled counts, and their own batches where they were closed.
    let own = plan.meddling.own.iter().filter(|(batch, _)| own_ended.contains(batch));
    let own: u64 = own.flat_map(|(_, jobs)| jobs).map(|job| u64::from(job.quantity.0)).sum();
    let expected = i64::try_from(plan.groups.expected_pieces + own).expect("a few pieces");
    let expected = expected + tally.added_pieces - tally.cancelled_pieces;
    evidence.encounters = encounters;
    evidence.account_broken = judge_account(account, &evidence.end);
    evidence.expected_pieces = expected;
    evidence.reconciled = reconcile(&plan.plant, LineId(0), &tally, physical, expected);
    evidence.tally = tally;
}

/// Jobs of every batch that can be started.
fn account_plans(plan: &RunPlan) -> BTreeMap<BatchId, Vec<JobSpec>> {
    let planned = plan.batches.iter().map(|batch| (batch.spec.batch, batch.jobs.clone()));
    planned.chain(plan.meddling.own.clone()).collect()
}

/// What does not add up in the account: at the record that says so, and at the end of a run that came to one.
fn judge_account(account: Account, end: &End) -> Option<String> {
    if *end == End::Done { account.close().err() } else { account.broken().map(str::to_owned) }
}

/// What the run met beside its journal: answers, and how journals were found.
fn encounters_of(stack: &Stack) -> Encounters {
    let mut encounters = Encounters::default();
    for reply in stack.askers().asked().iter().filter_map(|asked| asked.reply.as_ref()) {
        encounters.see_reply(reply);
    }
    let daemon = stack.daemon();
    for case in daemon.recoveries() {
        let name = match case {
            RecoveryCase::Torn => "torn",
            RecoveryCase::Sealed => "sealed",
            RecoveryCase::Clean => "clean",
        };
        encounters.count("recovery", name, 1);
    }
    let starts = daemon.recoveries().len() as u64;
    encounters.count("recovery", "from_checkpoint", daemon.restored_count());
    encounters.count("recovery", "from_first_record", starts - daemon.restored_count());
    encounters.count("recovery", "interrupted", daemon.interrupted_count());
    encounters.count("recovery", "clock_doubted", daemon.clock_doubt_count());
    encounters
}

/// Labels of loads that were on the belt when the PLC forgot them and that could not be read at some scan: seen again
/// without its label such a load is one more, and nobody can say which of those that were lost it is.
fn unread_in_two_lives(stack: &Stack) -> BTreeSet<Code> {
    let touched = |kinds: &[KnobKind]| -> BTreeSet<Code> {
        kinds.iter().flat_map(|kind| stack.sorter().touched(*kind)).cloned().collect()
    };
    let had_two_lives = touched(&[KnobKind::PlcRestart, KnobKind::FifoReset]);
    let unread =
        touched(&[KnobKind::NoRead, KnobKind::MultiRead, KnobKind::BadFormat, KnobKind::ScannerDown]);
    had_two_lives.intersection(&unread).cloned().collect()
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
