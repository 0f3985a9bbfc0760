//! Batches up to their start.

use wcs_store::{BatchDraft, BatchError, BatchRefusal, MemberFault, PageAt, PlanFault, Projector, Store};
use wcs_types::batch::batch_content;
use wcs_types::{
    Assign, BatchId, BatchKind, Code, Fact, Identify, JobSpec, OrderKey, Pieces, Seq, SkuKey, StartToken,
};

use crate::databases::{Databases, NOW_MS};
use crate::intake::{key, line, order};
use crate::story::Journal;

pub(crate) fn draft(identify: Identify) -> BatchDraft {
    BatchDraft {
        reference: None,
        line: 0,
        kind: BatchKind::Sort,
        identify,
        assign: Assign::Volume,
        chute_limit: 12,
    }
}

pub(crate) fn job(order: &OrderKey, line_no: u32, sku: &str, quantity: u32) -> JobSpec {
    JobSpec {
        order: order.clone(),
        line_no,
        sku: SkuKey { owner: "-".into(), code: sku.into() },
        quantity: Pieces(quantity),
        codes: vec![Code::from_bytes(format!("{}/{line_no}", order.number).as_bytes()).unwrap()],
        priority: 3,
        due_at: 1_800_000_000,
    }
}

/// Jobs of the orders that [`planned`] makes: one line of 4 pieces each.
pub(crate) fn jobs_of(numbers: &[&str]) -> Vec<JobSpec> {
    numbers.iter().map(|number| job(&key(number), 1, "s1", 4)).collect()
}

async fn stored(store: &Store, numbers: &[&str]) -> Vec<OrderKey> {
    let drafts: Vec<_> = numbers.iter().map(|number| order(number, vec![line(1, "s1", 4)])).collect();
    store.receive(&drafts, NOW_MS).await.unwrap();
    numbers.iter().map(|number| key(number)).collect()
}

async fn waiting(store: &Store, numbers: &[&str], identify: Identify) -> i64 {
    let orders = stored(store, numbers).await;
    let batch = store.make_batch(&draft(identify), NOW_MS).await.unwrap().batch;
    store.add_orders(batch, &orders).await.unwrap();
    store.finish_receiving(batch).await.unwrap();
    batch
}

/// A batch that is ready, of new orders with one line each.
pub(crate) async fn planned(store: &Store, numbers: &[&str]) -> i64 {
    let batch = waiting(store, numbers, Identify::Lpn).await;
    store.assign(batch, &jobs_of(numbers)).await.unwrap();
    batch
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, BatchError>) -> BatchRefusal {
    match answer {
        Err(BatchError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn state(store: &Store, batch: i64) -> String {
    store.batch(batch).await.unwrap().unwrap().state
}

pub(crate) async fn a_reference_makes_one_batch(databases: Databases) {
    let store = databases.main().await;
    let named = BatchDraft { reference: Some("wave 1".into()), ..draft(Identify::Lpn) };
    let first = store.make_batch(&named, NOW_MS).await.unwrap();
    let again = store.make_batch(&named, NOW_MS).await.unwrap();
    assert_eq!((first.is_repeat, again.is_repeat, first.batch), (false, true, again.batch));
    let other = BatchDraft { line: 1, ..named.clone() };
    let taken = BatchRefusal::ReferenceTaken { batch: first.batch, field: "line" };
    assert_eq!(refusal(store.make_batch(&other, NOW_MS).await), taken);
    let nameless = BatchDraft { reference: Some(String::new()), ..named };
    assert_eq!(refusal(store.make_batch(&nameless, NOW_MS).await), BatchRefusal::BadReference);
    store.close().await;
}

pub(crate) async fn orders_are_in_one_batch_at_most(databases: Databases) {
    let store = databases.main().await;
    let orders = stored(&store, &["A", "B", "C"]).await;
    let one = store.make_batch(&draft(Identify::Lpn), NOW_MS).await.unwrap().batch;
    let two = store.make_batch(&draft(Identify::Lpn), NOW_MS).await.unwrap().batch;
    assert_eq!(refusal(store.finish_receiving(one).await), BatchRefusal::Empty);
    store.add_orders(one, &orders[..1]).await.unwrap();
    store.add_orders(one, &orders[..2]).await.unwrap();
    store.cancel_order(&orders[2]).await.unwrap().unwrap();
    let asked = [orders[0].clone(), key("Z"), orders[2].clone(), key("Z")];
    let BatchRefusal::Orders { orders: faults } = refusal(store.add_orders(two, &asked).await) else {
        panic!()
    };
    let faults: Vec<MemberFault> = faults.into_iter().map(|(_, fault)| fault).collect();
    let cancelled = MemberFault::State { state: "cancel".into() };
    assert_eq!(
        faults,
        [MemberFault::Taken { batch: one }, MemberFault::Unknown, cancelled, MemberFault::Twice]
    );
    store.finish_receiving(one).await.unwrap();
    store.finish_receiving(one).await.unwrap();
    assert!(matches!(refusal(store.add_orders(one, &orders[..1]).await), BatchRefusal::WrongState { .. }));
    assert_eq!(refusal(store.add_orders(99, &orders).await), BatchRefusal::Unknown { batch: 99 });
    store.close().await;
}

pub(crate) async fn a_plan_fills_the_lines_it_names(databases: Databases) {
    let store = databases.main().await;
    let lines = vec![line(1, "s1", 3), line(2, "s2", 1), line(5, "s1", 2)];
    store.receive(&[order("A", lines)], NOW_MS).await.unwrap();
    let batch = store.make_batch(&draft(Identify::Sku), NOW_MS).await.unwrap().batch;
    store.add_orders(batch, &[key("A")]).await.unwrap();
    store.finish_receiving(batch).await.unwrap();
    // One job for both lines of s1, less than ordered.
    store.assign(batch, &[job(&key("A"), 1, "s1", 4), job(&key("A"), 2, "s2", 1)]).await.unwrap();
    assert_eq!(assigned(&store, "A").await, (5, vec![3, 1, 1]));
    // A new plan takes the place of the old one.
    store.assign(batch, &[job(&key("A"), 1, "s1", 2)]).await.unwrap();
    assert_eq!(assigned(&store, "A").await, (2, vec![2, 0, 0]));
    let view = store.batch(batch).await.unwrap().unwrap();
    assert_eq!((view.state.as_str(), view.planned), ("ready", 2));
    store.close().await;
}

async fn assigned(store: &Store, number: &str) -> (i64, Vec<i64>) {
    let (order, lines) = store.order(&key(number)).await.unwrap().unwrap();
    (order.quantities.assigned, lines.iter().map(|line| line.quantities.assigned).collect())
}

pub(crate) async fn a_plan_that_does_not_fit_is_refused(databases: Databases) {
    let store = databases.main().await;
    let batch = waiting(&store, &["A", "B"], Identify::Lpn).await;
    let mut codeless = job(&key("A"), 1, "s1", 4);
    codeless.codes.clear();
    for (plan, fault, at) in [
        (vec![job(&key("A"), 1, "s1", 4), job(&key("C"), 1, "s1", 1)], PlanFault::NoMember, 1),
        (vec![job(&key("A"), 2, "s1", 4)], PlanFault::NoLine, 0),
        (vec![job(&key("A"), 1, "s2", 4)], PlanFault::NoLine, 0),
        (vec![job(&key("A"), 1, "s1", 5)], PlanFault::TooMuch, 0),
        (vec![job(&key("A"), 1, "s1", 3), job(&key("A"), 1, "s1", 2)], PlanFault::TooMuch, 1),
        (vec![job(&key("A"), 1, "s1", 0)], PlanFault::Incomplete, 0),
        (vec![codeless], PlanFault::Incomplete, 0),
    ] {
        let BatchRefusal::BadJob { index, fault: found, .. } = refusal(store.assign(batch, &plan).await)
        else {
            panic!()
        };
        assert_eq!((index, found), (at, fault));
    }
    assert_eq!(refusal(store.assign(batch, &[]).await), BatchRefusal::Empty);
    assert_eq!(state(&store, batch).await, "waiting");
    assert_eq!(assigned(&store, "A").await.0, 0);
    store.close().await;
}

pub(crate) async fn a_start_freezes_content_and_reads_it_back(databases: Databases) {
    let store = databases.main().await;
    let numbers: Vec<String> = (0..600).map(|at| format!("N{at}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let batch = planned(&store, &numbers).await;
    let started = store.begin_start(batch, StartToken(7)).await.unwrap();
    assert_eq!(store.begin_start(batch, StartToken(7)).await.unwrap(), started);
    assert_eq!(refusal(store.begin_start(batch, StartToken(8)).await), BatchRefusal::OtherToken);
    assert!(matches!(
        refusal(store.assign(batch, &jobs_of(&numbers)).await),
        BatchRefusal::WrongState { .. }
    ));
    assert_eq!((started.parts, started.spec.batch, started.spec.chute_limit), (3, BatchId(1), 12));
    let mut jobs = Vec::new();
    for part in 0..started.parts {
        let some = store.part(batch, part).await.unwrap();
        assert_eq!(some.len(), [256, 256, 88][usize::from(part)]);
        jobs.extend(some);
    }
    assert_eq!(jobs, jobs_of(&numbers));
    assert_eq!(started.content_hash, batch_content(&started.spec, &jobs));
    assert!(store.part(batch, 3).await.unwrap().is_empty());
    store.close().await;
}

pub(crate) async fn a_start_is_settled_or_taken_back(databases: Databases) {
    let store = databases.main().await;
    let batch = planned(&store, &["A"]).await;
    let ready = planned(&store, &["B"]).await;
    let started = store.begin_start(batch, StartToken(u64::MAX)).await.unwrap();
    store.close().await;
    // The process died before the core was asked: the next one finds what is to be settled.
    let store = databases.main().await;
    assert_eq!(store.starting().await.unwrap(), [started]);
    assert_eq!(refusal(store.refuse_start(batch, StartToken(1)).await), BatchRefusal::OtherToken);
    store.refuse_start(batch, StartToken(u64::MAX)).await.unwrap();
    assert_eq!(state(&store, batch).await, "ready");
    assert_eq!(store.starting().await.unwrap(), []);
    // The same plan keeps its id in the journal, whatever the token: the core has its parts.
    let again = store.begin_start(batch, StartToken(2)).await.unwrap();
    assert_eq!((again.spec, again.content_hash), (started.spec, started.content_hash));
    // Only the journal says that it runs.
    let journal = Journal::new();
    journal.append(vec![vec![Fact::BatchStarted { batch: again.spec.batch }]]);
    let mut projector =
        Projector::open(store.clone(), journal.storage(), journal.genesis(), Seq(1)).await.unwrap();
    projector.catch_up(Seq(1)).await.unwrap();
    assert_eq!(state(&store, batch).await, "running");
    assert_eq!(store.starting().await.unwrap(), []);
    assert_eq!(store.begin_start(batch, StartToken(2)).await.unwrap(), again);
    assert!(matches!(
        refusal(store.refuse_start(batch, StartToken(2)).await),
        BatchRefusal::WrongState { .. }
    ));
    assert!(matches!(refusal(store.cancel_batch(batch).await), BatchRefusal::WrongState { .. }));
    assert_eq!(state(&store, ready).await, "ready");
    store.close().await;
}

pub(crate) async fn a_new_plan_gets_a_new_id_above_the_journal(databases: Databases) {
    let store = databases.main().await;
    let batch = planned(&store, &["A"]).await;
    let first = store.begin_start(batch, StartToken(1)).await.unwrap().spec.batch;
    store.refuse_start(batch, StartToken(1)).await.unwrap();
    store.assign(batch, &jobs_of(&["A"])).await.unwrap();
    let second = store.begin_start(batch, StartToken(1)).await.unwrap().spec.batch;
    assert_eq!((first, second), (BatchId(1), BatchId(2)));
    // A journal in which somebody else has used ids: they are never given out again.
    let journal = Journal::new();
    journal.append(vec![vec![Fact::BatchStarted { batch: BatchId(41) }]]);
    let mut projector =
        Projector::open(store.clone(), journal.storage(), journal.genesis(), Seq(1)).await.unwrap();
    projector.catch_up(Seq(1)).await.unwrap();
    let next = planned(&store, &["B"]).await;
    assert_eq!(store.begin_start(next, StartToken(1)).await.unwrap().spec.batch, BatchId(42));
    store.close().await;
}

pub(crate) async fn batches_are_cancelled_and_merged(databases: Databases) {
    let store = databases.main().await;
    let gone = planned(&store, &["A"]).await;
    store.cancel_batch(gone).await.unwrap();
    store.cancel_batch(gone).await.unwrap();
    assert_eq!((state(&store, gone).await.as_str(), assigned(&store, "A").await.0), ("cancelled", 0));
    let from = store.make_batch(&draft(Identify::Lpn), NOW_MS).await.unwrap().batch;
    store.add_orders(from, &[key("A")]).await.unwrap();
    let into = waiting(&store, &["B"], Identify::Lpn).await;
    let unlike = waiting(&store, &["C"], Identify::Sku).await;
    assert_eq!(refusal(store.merge_batches(from, unlike).await), BatchRefusal::Unlike { from, into: unlike });
    assert_eq!(refusal(store.merge_batches(from, from).await), BatchRefusal::Unlike { from, into: from });
    store.merge_batches(from, into).await.unwrap();
    let view = store.batch(from).await.unwrap().unwrap();
    assert_eq!((view.state.as_str(), view.merged_into), ("merged", Some(into)));
    store.assign(into, &jobs_of(&["A", "B"])).await.unwrap();
    let results = store.results(into, PageAt { after: -1, size: 10 }).await.unwrap();
    assert_eq!(results.items.iter().map(|result| result.label.as_str()).collect::<Vec<_>>(), ["A/1", "B/1"]);
    store.close().await;
}
