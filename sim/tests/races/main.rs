//! Cancelling, adding and closing while loads are scanned: random people ask at random moments in virtual time, through
//! the real session, engine and core, over a faulty journal, with restarts of the PLC and of the daemon. After every
//! turn all invariants of the core hold; every question has one answer and stands in the journal once; the journal
//! replays to the same state; every load has one outcome, and planned + added − cancelled = done + short, job by job.
//!
//! 300 interleavings in every run, 10 000 with `WCS_FULL_SIZE`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod script;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use script::{Incident, Race};
use wcs_engine::Replay;
use wcs_sim::faults::FaultPlan;
use wcs_sim::people::Asked;
use wcs_sim::prove::{Account, Endings, Sums};
use wcs_sim::report::{Physical, Tally, reconcile};
use wcs_sim::server::{FaultTargets, HostedSorter};
use wcs_sim::stack::{Stack, StackSetup, WireSetup};
use wcs_sim::supervisor::Supervisor;
use wcs_sim::world::{Knob, LedgerEvent, Sorter};
use wcs_types::{
    CORE_VERSION, Fact, Input, LineId, MonoTime, Nanos, Outcome, Record, Reply, Ticket, Verb, VerbRefusal,
};

const REDUCED: u64 = 300;
const FULL: u64 = 10_000;
/// Far behind the last question of every script.
const END: MonoTime = MonoTime(3_600_000_000_000);

/// What the runs showed, so that a test can insist that something happened.
#[derive(Debug, Default)]
struct Figures {
    questions: u64,
    refused: u64,
    records: u64,
    loads: u64,
    sums: Sums,
    /// Questions with the answer `Done`, by verb.
    done: BTreeMap<String, u64>,
    /// Questions whose process went down before it answered.
    lost: u64,
    exact: u64,
}

/// A run with its journal.
struct Ran {
    race: Race,
    stack: Stack,
    records: Vec<Record>,
    physical: Physical,
}

fn play(seed: u64) -> Result<Ran, String> {
    let race = Race::draw(seed);
    let physical = Rc::new(RefCell::new(Physical::default()));
    let targets = FaultTargets::default();
    let ledger = Rc::clone(&physical);
    let sink = Box::new(move |event: &LedgerEvent| {
        ledger.borrow_mut().add(event);
        Ok(())
    });
    let sorter = Sorter::new(race.setup.clone()).unwrap();
    let setup = StackSetup {
        plant: race.plant.clone(),
        sorter: HostedSorter::new(sorter, FaultPlan::default(), targets.clone(), sink),
        targets,
        groups: vec![race.loads.clone()],
        supervisor: Supervisor::new(Vec::new(), Nanos::from_secs(60)),
        wire: WireSetup::default(),
        sync_time: Nanos::from_millis(1 + seed % 20),
        seed,
        check_every: 1,
        checkpoint_every: 0,
    };
    let mut stack = Stack::new(setup).map_err(|error| error.to_string())?;
    stack.watch();
    stack.ask(race.script.clone());
    for knob in &race.knobs {
        assert!(stack.hosted().sorter_mut().apply(MonoTime::ZERO, *knob, None));
    }
    for (at, incident) in &race.incidents {
        stack.run(*at).map_err(|error| error.to_string())?;
        let came = match *incident {
            Incident::Crash { down, seed } => stack.crash(down, seed),
            Incident::Stop { down } => stack.stop(down),
            Incident::PlcRestart { person } => {
                let knob = Knob::PlcRestart { person, may_lose_events: false };
                let now = stack.now();
                stack.hosted().sorter_mut().apply(now, knob, None);
                Ok(())
            }
        };
        came.map_err(|error| error.to_string())?;
    }
    if !stack.run(END).map_err(|error| error.to_string())? {
        return Err("the run comes to no end".into());
    }
    let records = stack.daemon().records().map_err(|error| error.to_string())?;
    let records: Result<Vec<Record>, _> = records.map(|entry| entry.map(|entry| entry.record)).collect();
    let records = records.map_err(|error| error.to_string())?;
    let physical = std::mem::take(&mut *physical.borrow_mut());
    Ok(Ran { race, stack, records, physical })
}

/// Everything that must hold of a run.
fn judge(ran: &Ran) -> Result<Figures, String> {
    let mut figures = Figures { records: ran.records.len() as u64, ..Figures::default() };
    judge_answers(ran, &mut figures)?;
    let mut replay = Replay::new(ran.race.plant.clone(), CORE_VERSION);
    let mut endings = Endings::default();
    let mut account = Account::new(ran.race.plans.clone());
    for record in &ran.records {
        replay.follow(record).map_err(|divergence| divergence.to_string())?;
        endings.add(record);
        account.add(record);
    }
    let live = ran.stack.daemon().engine().core();
    if replay.core().state_hash() != live.state_hash() || replay.core().seq() != live.seq() {
        return Err("the journal replays to another state".into());
    }
    if let Some((load, endings)) = endings.first_broken() {
        return Err(format!("load {load} ended as {endings:?}"));
    }
    let breaches = ran.stack.watched().unwrap().breaches();
    if let Some(breach) = breaches.first() {
        return Err(format!("the bystander at the wire saw {breach:?}"));
    }
    figures.sums = account.close()?;
    figures.loads = endings.count();
    judge_ledger(ran, &mut figures)?;
    Ok(figures)
}

/// Every question has one answer and one record, and what was done is done again without a change.
fn judge_answers(ran: &Ran, figures: &mut Figures) -> Result<(), String> {
    let askers = ran.stack.askers();
    if let Some(broken) = askers.broken() {
        return Err(broken.to_owned());
    }
    let mut recorded: BTreeMap<Ticket, u64> = BTreeMap::new();
    for record in &ran.records {
        if let Input::Verb { ticket, .. } = &record.input {
            *recorded.entry(*ticket).or_default() += 1;
        }
    }
    for asked in askers.asked() {
        figures.questions += 1;
        let times = recorded.get(&asked.ticket).copied().unwrap_or(0);
        match &asked.reply {
            Some(_) if times != 1 => {
                return Err(format!("answered, and {times} times in the journal: {asked:?}"));
            }
            None if times > 1 => return Err(format!("{times} times in the journal: {asked:?}")),
            None => figures.lost += 1,
            Some(Reply::Refused(_)) => figures.refused += 1,
            Some(Reply::Done) => *figures.done.entry(name(&asked.verb)).or_default() += 1,
        }
    }
    let had_crash = ran.race.incidents.iter().any(|(_, what)| !matches!(what, Incident::PlcRestart { .. }));
    if figures.lost > 0 && !had_crash {
        return Err(format!("{} questions were never answered", figures.lost));
    }
    let twins = askers.asked().windows(2).find(|pair| is_changed_by_asking_twice(&pair[0], &pair[1]));
    twins.map_or(Ok(()), |pair| Err(format!("asked twice at once: {pair:?}")))
}

fn is_changed_by_asking_twice(first: &Asked, second: &Asked) -> bool {
    let is_gone = matches!(first.verb, Verb::CancelStart { .. } | Verb::Unstage { .. });
    let wanted = if is_gone { Reply::Refused(VerbRefusal::UnknownBatch) } else { Reply::Done };
    let may_differ = matches!(first.verb, Verb::ConfirmEmpty { .. });
    first.due == second.due
        && first.verb == second.verb
        && first.reply == Some(Reply::Done)
        && second.reply.as_ref().is_some_and(|reply| *reply != wanted)
        && !may_differ
}

/// Where each load has a label of its own, daemon and ledger agree label by label; nowhere is a load mis-sorted.
fn judge_ledger(ran: &Ran, figures: &mut Figures) -> Result<(), String> {
    let mut tally = Tally::default();
    ran.records.iter().for_each(|record| tally.add(&ran.race.plant, record));
    let astray = tally
        .loads
        .iter()
        .find(|(_, load)| load.end.as_ref().is_some_and(|end| end.outcome == Outcome::Missorted));
    if let Some((key, load)) = astray {
        return Err(format!("load {key}, {} is mis-sorted", load.label));
    }
    let found = reconcile(&ran.race.plant, LineId(0), &tally, &ran.physical, 0);
    // Taken out of a diverter at a restart of the PLC, a load may wait for a permit that never comes; and which of two
    // numbers was whose only the daemon has to settle.
    let has_new_life = ran.race.incidents.iter().any(|(_, what)| matches!(what, Incident::PlcRestart { .. }));
    if !has_new_life && (found.loads.open != 0 || found.loads.inducted != found.loads.finals) {
        let loads = &found.loads;
        return Err(format!("{} inducted, {} final, {} open", loads.inducted, loads.finals, loads.open));
    }
    if ran.race.is_exact {
        figures.exact += 1;
        if let Some(difference) = found.disagreements.first() {
            return Err(format!("daemon and ledger differ: {difference:?}"));
        }
    }
    Ok(())
}

fn name(verb: &Verb) -> String {
    let text = format!("{verb:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

impl Figures {
    fn merge(&mut self, other: Self) {
        self.questions += other.questions;
        self.refused += other.refused;
        self.records += other.records;
        self.loads += other.loads;
        self.lost += other.lost;
        self.exact += other.exact;
        for (verb, count) in other.done {
            *self.done.entry(verb).or_default() += count;
        }
        let (sums, more) = (&mut self.sums, other.sums);
        sums.planned += more.planned;
        sums.added += more.added;
        sums.cancelled += more.cancelled;
        sums.done += more.done;
        sums.short += more.short;
        sums.orders_cancelled += more.orders_cancelled;
        sums.starts_cancelled += more.starts_cancelled;
    }
}

/// Runs a seed; a broken assertion is a finding like any other.
fn run(seed: u64) -> Result<Figures, String> {
    let ran = catch_unwind(AssertUnwindSafe(|| play(seed).and_then(|ran| judge(&ran))));
    ran.unwrap_or_else(|_| Err("a panic".into())).map_err(|what| format!("seed {seed}: {what}"))
}

fn run_all(count: u64) -> (Figures, Vec<String>) {
    let next = AtomicU64::new(1);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let (mut figures, mut broken) = (Figures::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > count {
                return (figures, broken);
            }
            match run(seed) {
                Ok(found) => figures.merge(found),
                Err(what) => broken.push(what),
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let (mut figures, mut broken) = (Figures::default(), Vec::new());
        for worker in workers {
            let (more, failed) = worker.join().unwrap();
            figures.merge(more);
            broken.extend(failed);
        }
        (figures, broken)
    })
}

#[test]
fn cancel_add_and_close_race_with_scans() {
    // One seed again: RACE_SEED=17.
    if let Some(seed) = std::env::var("RACE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{:?}", run(seed));
        return;
    }
    let count = if std::env::var_os("WCS_FULL_SIZE").is_some() { FULL } else { REDUCED };
    let (figures, broken) = run_all(count);
    let first = &broken[..broken.len().min(20)];
    assert!(broken.is_empty(), "{} of {count} interleavings: {first:#?}", broken.len());
    let sums = figures.sums;
    println!(
        "races: {count} interleavings, {} questions, {} refused, {} lost in crashes, {} records, {} loads, {} exact; \
         {} planned of which {} added, {} cancelled, {} done, {} short",
        figures.questions,
        figures.refused,
        figures.lost,
        figures.records,
        figures.loads,
        figures.exact,
        sums.planned,
        sums.added,
        sums.cancelled,
        sums.done,
        sums.short
    );
    assert_eq!(sums.planned - sums.cancelled, sums.done + sums.short);
    for verb in [
        "Stage",
        "StageTable",
        "Start",
        "Pause",
        "Resume",
        "Close",
        "ConfirmEmpty",
        "Hold",
        "Release",
        "HoldInduction",
        "ReleaseInduction",
        "CloseBox",
        "BindBox",
        "CloseChute",
        "OpenChute",
        "Unstage",
        "Add",
        "CancelOrder",
        "CancelStart",
    ] {
        assert!(figures.done.contains_key(verb), "nobody ever succeeded with {verb}: {:?}", figures.done);
    }
    assert!(sums.done > count && sums.cancelled > count / 10 && sums.short > 0 && sums.added > 0, "{sums:?}");
    assert!(figures.exact > count / 10 && figures.lost > 0, "{figures:?}");
}

/// A way in which a cancel could be broken: what it would do to the journal.
type Break = (&'static str, fn(&mut Fact));

const BREAKS: &[Break] = &[
    ("the plan is kept", |fact| {
        if let Fact::OrderCancelled { jobs, .. } = fact {
            jobs.clear();
        }
    }),
    ("a piece too many is cancelled", |fact| {
        if let Fact::OrderCancelled { jobs, .. } = fact {
            jobs.iter_mut().for_each(|(_, pieces)| pieces.0 += 1);
        }
    }),
    ("what is picked is counted wrong", |fact| {
        if let Fact::OrderCancelled { picked, .. } = fact {
            picked.0 += 1;
        }
    }),
    ("what ends elsewhere stays planned", |fact| {
        if let Fact::PiecesCancelled { pieces, .. } = fact {
            pieces.0 = 0;
        }
    }),
    ("what is missing is not listed", |fact| {
        if let Fact::PiecesShort { pieces, .. } = fact {
            pieces.0 = 0;
        }
    }),
];

#[test]
fn a_broken_cancel_is_found() {
    let mut found = BTreeSet::new();
    for seed in 1..=120 {
        let Ok(ran) = play(seed) else { continue };
        for (what, break_it) in BREAKS {
            let mut account = Account::new(ran.race.plans.clone());
            for record in &ran.records {
                let mut record = record.clone();
                record.facts.iter_mut().for_each(break_it);
                account.add(&record);
            }
            if account.close().is_err() {
                found.insert(*what);
            }
        }
        if found.len() == BREAKS.len() {
            return;
        }
    }
    panic!("only {found:?} were found");
}
