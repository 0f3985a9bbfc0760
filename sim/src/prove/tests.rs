//! The proof itself: seeds are clean, a run follows from nothing but its seed, and every checker notices what it is
//! there for.

use wcs_types::{
    BatchId, BeltMm, ChuteId, Code, Decision, Destination, Epoch, EventBody, EventSeq, ExitResult, Fact,
    Input, LineId, LoadEnd, LoadKey, MonoTime, Nanos, OrderKey, Outcome, Pieces, Reason, Record, Seq,
    SorterEvent, StateHash,
};

use super::evidence::{End, Sightings};
use super::*;
use crate::report::LoadTally;
use crate::stack::{Breach, WatchRule};

#[test]
fn few_small_seeds_are_clean() {
    let report = prove(1..9, RunSize::Small, Panel::default(), 2, |_, _| {});
    let lines: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.ok, "{}", lines.join("\n"));
    assert_eq!(report.seeds, 8);
    assert!(report.crashes > 0 && report.loads >= 8 * 40);
    // Few loads are late, and few runs have a machine that stands for people or a stall with a line that is well.
    let is_rare = |name: &str| ["late_by_travel", "motion_by_person", "blame_founded"].contains(&name);
    for checker in CHECKERS.iter().filter(|checker| !is_rare(checker.name)) {
        assert!(report.checks[checker.name] > 0, "{} looked at nothing", checker.name);
    }
}

#[test]
fn same_seed_twice_is_the_same_to_the_byte() {
    let text = |seed| serde_json::to_string(&prove_seed(seed, RunSize::Small, Panel::default())).unwrap();
    assert_eq!(text(3), text(3));
    assert_ne!(text(3), text(4));
}

#[test]
fn a_failure_is_one_line_that_shows_it_again() {
    let failure = Failure::new(17, RunSize::Full, "progress", "no end\n in sight".into());
    assert_eq!(failure.to_string(), "seed 17: progress: no end in sight -- wcs sim prove --seed 17");
}

fn key(item: u32) -> LoadKey {
    LoadKey { line: LineId(0), plc_epoch: Epoch(1), item }
}

fn breach(evidence: &mut Evidence, rule: WatchRule) {
    let breach = Breach { rule, at: MonoTime(5_000_000), what: "seen".into() };
    evidence.watched = Some(Sightings { breaches: vec![breach], ..Sightings::default() });
}

fn end(outcome: Outcome, reason: Reason) -> LoadEnd {
    LoadEnd {
        load: key(1),
        label: Code::from_bytes(b"A/1").unwrap(),
        job: None,
        pieces: Pieces(0),
        outcome,
        reason,
        lane: wcs_types::ActualLane::default(),
        result: Some(ExitResult::Missed),
    }
}

/// An event of item 1 in a record.
fn record(body: EventBody, facts: Vec<Fact>) -> Record {
    let event = SorterEvent {
        seq: EventSeq(1),
        seq_last: EventSeq(1),
        plc_epoch: Epoch(1),
        fifo_epoch: Epoch(1),
        item: 1,
        station: 0,
        plc_tick_ms: 7,
        belt: BeltMm(0),
        body,
    };
    Record {
        seq: Seq(1),
        now: MonoTime(1),
        gap: Nanos::ZERO,
        input: Input::Sorter { line: LineId(0), event },
        decisions: Vec::new(),
        facts,
        hash: StateHash::default(),
    }
}

fn missorted(evidence: &mut Evidence) {
    let end = end(Outcome::Missorted, Reason::WrongLane);
    let load = LoadTally { label: "A/1".into(), end: Some(end), ..LoadTally::default() };
    evidence.tally.loads.insert(key(1), load);
}

/// What breaks a run so that a checker must notice.
type Break = (&'static str, fn(&mut Evidence));

const BREAKS: &[Break] = &[
    ("core_invariants", |evidence| evidence.end = End::Invariant("broken".into())),
    ("core_invariants", |evidence| evidence.account_broken = Some("planned 2, done 3".into())),
    ("restart", |evidence| evidence.end = End::NotStarted("damaged".into())),
    ("progress", |evidence| evidence.end = End::Stuck("open".into())),
    ("ack_after_durable", |evidence| breach(evidence, WatchRule::AckAfterDurable)),
    ("command_after_binding", |evidence| breach(evidence, WatchRule::CommandAfterBinding)),
    ("command_when_attached", |evidence| breach(evidence, WatchRule::CommandWhenAttached)),
    ("permit_by_core", |evidence| breach(evidence, WatchRule::PermitByCore)),
    ("owner_obeyed", |evidence| breach(evidence, WatchRule::OwnerObeyed)),
    ("command_fresh", |evidence| breach(evidence, WatchRule::CommandFresh)),
    ("motion_by_person", |evidence| breach(evidence, WatchRule::MotionByPerson)),
    ("blame_founded", |evidence| breach(evidence, WatchRule::BlameFounded)),
    ("verb_answered", |evidence| breach(evidence, WatchRule::VerbAnswered)),
    ("late_by_travel", |evidence| breach(evidence, WatchRule::LateByTravel)),
    ("answered_again", |evidence| breach(evidence, WatchRule::AnsweredAgain)),
    ("fenced_off", |evidence| evidence.takeover = Some(Takeover { is_fenced: false, is_kept: true })),
    ("fenced_off", |evidence| evidence.takeover = Some(Takeover { is_fenced: true, is_kept: false })),
    ("event_once", |evidence| {
        let event = record(EventBody::Checkpoint { checkpoint: 1, deviation_mm: 0 }, Vec::new());
        evidence.repeats.add(&event);
        evidence.repeats.add(&event);
    }),
    ("reason", |evidence| {
        let any = EventBody::Unknown { kind: 9 };
        evidence.reasons.add(&record(any, vec![Fact::LoadEnded(end(Outcome::Exception, Reason::LaneFull))]));
    }),
    ("reason", |evidence| {
        let route = Decision::Route {
            load: key(1),
            destination: Destination::Exception,
            reason: Reason::FirstChoice,
            rejected: heapless::Vec::new(),
        };
        let mut record = record(EventBody::Unknown { kind: 9 }, Vec::new());
        record.decisions.push(route);
        evidence.reasons.add(&record);
    }),
    ("one_outcome", |evidence| {
        evidence.endings.note(key(1), Outcome::Sorted, true);
        evidence.endings.note(key(1), Outcome::Exception, true);
    }),
    ("conservation", |evidence| evidence.reconciled.loads.open = 1),
    ("conservation", |evidence| evidence.reconciled.loads.inducted = 1),
    ("conservation", |evidence| evidence.reconciled.pieces.difference = -1),
    ("conservation", |evidence| evidence.expected_pieces = 1),
    ("ledger", |evidence| {
        evidence.reconciled.disagreements.push(("A/1".into(), "sorted lane 1".into(), 1, 0));
    }),
    ("ledger", |evidence| {
        evidence.are_labels_shared = true;
        evidence.reconciled.disagreements.push(("A".into(), "exception lane 9".into(), 0, 1));
    }),
    ("missort", missorted),
    ("events", |evidence| evidence.evt_lost = 1),
    ("replay", |evidence| evidence.replay.broken = Some("diverged".into())),
    ("replay", |evidence| evidence.replay.durable = 1),
    ("replay", |evidence| evidence.replay.live_hash = Some(1)),
    ("replay", |evidence| evidence.end = End::Diverged("record 7".into())),
    ("checkpoint", |evidence| evidence.checkpoints_refused.push("damaged".into())),
    ("books", |evidence| bind_twice(evidence, false)),
    ("books", |evidence| seen_under(evidence, 2)),
    ("books", |evidence| {
        let ended = Fact::BatchEnded { batch: BatchId(1) };
        evidence.books.add(&record(EventBody::Unknown { kind: 9 }, vec![ended.clone(), ended]));
    }),
];

/// A chute gets a class twice, and is free in between or not.
fn bind_twice(evidence: &mut Evidence, is_freed: bool) {
    let order = OrderKey { owner: "o".into(), number: "1".into() };
    let (batch, chute) = (BatchId(1), ChuteId(3));
    let bound = Fact::ClassBound { batch, order, chute, is_rebound: false };
    let freed = is_freed.then_some(Fact::ChuteFreed { chute });
    let facts = [bound.clone()].into_iter().chain(freed).chain([bound]).collect();
    evidence.books.add(&record(EventBody::Unknown { kind: 9 }, facts));
}

/// A label is seen as two loads, the second one of this life of the PLC.
fn seen_under(evidence: &mut Evidence, plc_epoch: u16) {
    let label = Code::from_bytes(b"A/1").unwrap();
    for load in [key(1), LoadKey { plc_epoch: Epoch(plc_epoch), item: 2, ..key(1) }] {
        let seen = Fact::LoadSeen { load, label: label.clone(), previous: None };
        evidence.books.add(&record(EventBody::Unknown { kind: 9 }, vec![seen]));
    }
}

#[test]
fn books_let_pass_what_may_be() {
    let mut evidence = Evidence::default();
    bind_twice(&mut evidence, true);
    seen_under(&mut evidence, 1);
    assert_eq!(evidence.books.broken(), None);
}

#[test]
fn a_plan_is_the_same_from_its_file() {
    let drawn = RunPlan::draw(5, RunSize::Small);
    let file = PlanFile::of(&drawn, "ledger", "nothing".into());
    assert_eq!(PlanFile::parse(&file.text()).unwrap(), file);
    let text = |plan| serde_json::to_string(&prove_plan(plan, Panel::default())).unwrap();
    assert_eq!(text(&file.plan().unwrap()), text(&drawn));
}

#[test]
fn a_plan_shrinks_to_what_it_fails_by() {
    let drawn = (1..).map(|seed| RunPlan::draw(seed, RunSize::Small));
    let mut drawn = drawn.filter(|plan| plan.faults.faults.len() > 2 && !plan.outages.is_empty());
    let plan = drawn.next().unwrap();
    let kind = plan.faults.faults[1].kind;
    let has_kind = |plan: &RunPlan| plan.faults.faults.iter().any(|fault| fault.kind == kind);
    let shrunk = shrink::shrink(plan, 200, has_kind).plan;
    assert!(has_kind(&shrunk) && shrunk.faults.faults.len() == 1);
    assert_eq!((shrunk.outages.len(), shrunk.stalls.len()), (0, 0));
    assert_eq!(shrunk.groups.orders, 1);
}

#[test]
fn a_panel_leaves_out_one_checker() {
    assert_eq!(Panel::default().checkers().count(), CHECKERS.len());
    let panel = Panel::without("ledger").unwrap();
    assert_eq!(panel.checkers().count(), CHECKERS.len() - 1);
    assert!(panel.checkers().all(|checker| checker.name != "ledger"));
    assert!(Panel::without("nobody").is_none());
}

#[test]
fn every_checker_notices_what_it_is_there_for() {
    let found = |evidence: &Evidence| -> Vec<&str> {
        let broken = CHECKERS.iter().filter(|checker| (checker.check)(evidence).broken.is_some());
        broken.map(|checker| checker.name).collect()
    };
    assert_eq!(found(&Evidence::default()), Vec::<&str>::new());
    for (name, break_it) in BREAKS {
        let mut evidence = Evidence::default();
        break_it(&mut evidence);
        assert_eq!(found(&evidence), [*name]);
    }
    for checker in CHECKERS {
        assert!(BREAKS.iter().any(|(name, _)| *name == checker.name), "nothing breaks {}", checker.name);
    }
}

#[test]
fn an_outcome_is_replaced_only_where_it_may_be() {
    let is_broken = |outcomes: &[(Outcome, bool)]| {
        let mut evidence = Evidence::default();
        for (outcome, has_exit) in outcomes {
            evidence.endings.note(key(7), *outcome, *has_exit);
        }
        evidence.endings.first_broken().is_some()
    };
    assert!(!is_broken(&[(Outcome::Exception, true), (Outcome::HandSorted, false)]));
    assert!(!is_broken(&[(Outcome::Lost, false), (Outcome::Superseded, false)]));
    assert!(!is_broken(&[(Outcome::Lost, false), (Outcome::Exception, true), (Outcome::HandSorted, false)]));
    assert!(is_broken(&[(Outcome::HandSorted, false)]));
    assert!(is_broken(&[(Outcome::Sorted, true), (Outcome::HandSorted, false)]));
    assert!(is_broken(&[(Outcome::Lost, true), (Outcome::Sorted, true)]));
    assert!(is_broken(&[(Outcome::Lost, false), (Outcome::Sorted, false)]));
    assert!(is_broken(&[
        (Outcome::Exception, true),
        (Outcome::HandSorted, false),
        (Outcome::HandSorted, false)
    ]));
}
