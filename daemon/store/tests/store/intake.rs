//! Orders coming in.

use wcs_store::{
    CancelRefusal, Cancelled, Claim, LineDraft, LineFault, OrderDraft, OrderRefusal, Received, Store,
};
use wcs_types::{OrderKey, SkuKey};

use crate::databases::{Databases, NOW_MS};

pub(crate) fn key(number: &str) -> OrderKey {
    OrderKey { owner: "-".into(), number: number.into() }
}

pub(crate) fn line(line_no: u32, sku: &str, quantity: u32) -> LineDraft {
    let sku = SkuKey { owner: "-".into(), code: sku.into() };
    LineDraft { line_no, sku, description: "thing".into(), quantity, barcodes: Vec::new() }
}

pub(crate) fn order(number: &str, lines: Vec<LineDraft>) -> OrderDraft {
    OrderDraft { key: key(number), customer: "shop 7".into(), priority: 3, due_at_s: 1_800_000_000, lines }
}

async fn receive(store: &Store, draft: &OrderDraft) -> Received {
    let mut answers = store.receive(std::slice::from_ref(draft), NOW_MS).await.unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

async fn quantities(store: &Store, number: &str) -> Vec<(i64, String, i64)> {
    let (_, lines) = store.order(&key(number)).await.unwrap().unwrap();
    lines.into_iter().map(|line| (line.line_no, line.sku_code, line.quantities.ordered)).collect()
}

pub(crate) async fn the_same_order_again_is_the_same_answer(databases: Databases) {
    let store = databases.main().await;
    let mut draft = order("A1", vec![line(1, "s1", 2), line(2, "s2", 0), line(3, "s1", 5)]);
    let first = receive(&store, &draft).await;
    let Received::Accepted { order: id, lines: 2, refusals, is_repeat: false } = &first else {
        panic!("{first:?}")
    };
    // In another order of lines it is the same order; so it is after a restart.
    draft.lines.swap(0, 2);
    store.close().await;
    let store = databases.main().await;
    let second = receive(&store, &draft).await;
    let Received::Accepted { order: again, lines: 2, refusals: same, is_repeat: true } = &second else {
        panic!("{second:?}")
    };
    assert_eq!((id, refusals[0].fault), (again, same[0].fault));
    assert_eq!(quantities(&store, "A1").await, [(1, "s1".into(), 2), (3, "s1".into(), 5)]);
    let (view, _) = store.order(&key("A1")).await.unwrap().unwrap();
    assert_eq!((view.state.as_str(), view.line_count, view.quantities.ordered), ("wait", 2, 7));
    assert_eq!((view.customer.as_str(), view.priority, view.received_at), ("shop 7", 3, NOW_MS));
    store.close().await;
}

pub(crate) async fn another_content_is_a_conflict_field_by_field(databases: Databases) {
    let store = databases.main().await;
    let draft = order("A1", vec![line(1, "s1", 2), line(2, "s2", 1)]);
    receive(&store, &draft).await;
    let mut other = order("A1", vec![line(1, "s9", 3), line(4, "s2", 1)]);
    other.priority = 9;
    let Received::Conflict { differences, .. } = receive(&store, &other).await else { panic!("no conflict") };
    let told: Vec<(&str, &str, &str)> =
        differences.iter().map(|d| (d.field.as_str(), d.stored.as_str(), d.sent.as_str())).collect();
    let expected = [
        ("priority", "3", "9"),
        ("lines[1].sku", "s1", "s9"),
        ("lines[1].quantity", "2", "3"),
        ("lines[2]", "s2 x 1", ""),
        ("lines[4]", "", "s2 x 1"),
    ];
    assert_eq!(told, expected);
    assert_eq!(quantities(&store, "A1").await, [(1, "s1".into(), 2), (2, "s2".into(), 1)]);
    store.close().await;
}

pub(crate) async fn a_bad_line_is_refused_alone_with_its_first_fault(databases: Databases) {
    let store = databases.main().await;
    let long = "x".repeat(65);
    let mut tabbed = line(6, "s\t1", 1);
    tabbed.description = "d".repeat(401);
    let mut coded = line(8, "s1", 1);
    coded.barcodes = vec![String::new()];
    let lines = vec![
        line(1, "s1", 1),
        line(0, "", 0),
        line(1, "", 0),
        line(2, "", 0),
        line(3, &long, 0),
        tabbed,
        line(7, "s1", 1_000_000),
        coded,
        line(9, "s1", 999_999),
    ];
    let Received::Accepted { lines: 2, refusals, .. } = receive(&store, &order("B1", lines)).await else {
        panic!("not accepted")
    };
    let told: Vec<(usize, LineFault)> = refusals.iter().map(|r| (r.index, r.fault)).collect();
    let expected = [
        (1, LineFault::BadLine),
        (2, LineFault::DuplicateLine),
        (3, LineFault::BlankSku),
        (4, LineFault::CodeTooLong),
        (5, LineFault::ControlCharacters),
        (6, LineFault::BadQuantity),
        (7, LineFault::BadBarcodes),
    ];
    assert_eq!(told, expected);
    assert_eq!(quantities(&store, "B1").await, [(1, "s1".into(), 1), (9, "s1".into(), 999_999)]);
    store.close().await;
}

pub(crate) async fn an_order_of_which_nothing_is_left_is_not_stored(databases: Databases) {
    let store = databases.main().await;
    let bad = order("C1", vec![line(1, "s1", 0)]);
    let nameless = order("", vec![line(1, "s1", 1)]);
    let good = order("C2", vec![line(1, "s1", 1)]);
    let answers = store.receive(&[bad, nameless, good], NOW_MS).await.unwrap();
    assert!(
        matches!(&answers[0], Received::Refused(OrderRefusal::NoLines { refusals }) if refusals.len() == 1)
    );
    assert_eq!(answers[1], Received::Refused(OrderRefusal::BadName { field: "number" }));
    assert!(matches!(answers[2], Received::Accepted { .. }));
    assert_eq!(store.order(&key("C1")).await.unwrap(), None);
    assert!(store.order(&key("C2")).await.unwrap().is_some());
    store.close().await;
}

pub(crate) async fn an_order_twice_in_one_list_is_stored_once(databases: Databases) {
    let store = databases.main().await;
    let one = order("D1", vec![line(1, "s1", 1)]);
    let other = order("D1", vec![line(1, "s1", 2)]);
    // More than a chunk in all, so that the second half meets what the first has stored.
    let mut drafts: Vec<OrderDraft> =
        (0..300).map(|at| order(&format!("E{at}"), vec![line(1, "s1", 1), line(2, "s2", 1)])).collect();
    drafts.extend([one.clone(), one, other]);
    let answers = store.receive(&drafts, NOW_MS).await.unwrap();
    let stored = answers.iter().filter(|a| matches!(a, Received::Accepted { is_repeat: false, .. })).count();
    assert_eq!((answers.len(), stored), (303, 301));
    assert!(matches!(answers[301], Received::Accepted { is_repeat: true, .. }));
    assert!(matches!(&answers[302], Received::Conflict { differences, .. } if differences.len() == 1));
    let again = store.receive(&drafts, NOW_MS).await.unwrap();
    assert!(again[..302].iter().all(|a| matches!(a, Received::Accepted { is_repeat: true, .. })));
    store.close().await;
}

pub(crate) async fn an_order_is_cancelled_before_its_start_only(databases: Databases) {
    let store = databases.main().await;
    receive(&store, &order("F1", vec![line(1, "s1", 4)])).await;
    assert_eq!(store.cancel_order(&key("F0")).await.unwrap(), Err(CancelRefusal::Unknown));
    let done = store.cancel_order(&key("F1")).await.unwrap().unwrap();
    assert_eq!((done.batch, done.is_plan_void), (None, false));
    assert_eq!(store.cancel_order(&key("F1")).await.unwrap(), Ok(done));
    let (view, lines) = store.order(&key("F1")).await.unwrap().unwrap();
    assert_eq!(
        (view.state.as_str(), view.quantities.cancelled, lines[0].quantities.cancelled),
        ("cancel", 4, 4)
    );

    // In a batch with a plan, the plan is void; once the batch is starting, it is too late.
    let batch = crate::batches::planned(&store, &["F2", "F3"]).await;
    let done = store.cancel_order(&key("F2")).await.unwrap().unwrap();
    assert_eq!(done, Cancelled { order: done.order, batch: Some(batch), is_plan_void: true });
    let view = store.batch(batch).await.unwrap().unwrap();
    assert_eq!((view.state.as_str(), view.planned), ("waiting", 0));
    let (view, _) = store.order(&key("F3")).await.unwrap().unwrap();
    assert_eq!((view.quantities.assigned, view.batch), (0, Some(batch)));
    store.assign(batch, &crate::batches::jobs_of(&["F3"])).await.unwrap();
    store.begin_start(batch, wcs_types::StartToken(1)).await.unwrap();
    let refused = store.cancel_order(&key("F3")).await.unwrap();
    assert_eq!(refused, Err(CancelRefusal::Started { batch }));
    store.close().await;
}

pub(crate) async fn a_sku_keeps_all_its_barcodes(databases: Databases) {
    let store = databases.main().await;
    let with = |number: &str, barcodes: &[&str]| {
        let mut line = line(1, "s1", 1);
        line.barcodes = barcodes.iter().map(|code| (*code).to_owned()).collect();
        order(number, vec![line])
    };
    receive(&store, &with("G1", &["880", "881"])).await;
    receive(&store, &with("G2", &["881", "882"])).await;
    assert_eq!(store.barcodes("-", "s1").await.unwrap(), ["880", "881", "882"]);
    store.close().await;
}

pub(crate) async fn a_token_answers_once(databases: Databases) {
    let store = databases.main().await;
    let claim = async |token: &str, request: &[u8]| store.claim_token(token, request, NOW_MS).await.unwrap();
    assert_eq!(claim("t1", b"POST /a x").await, Claim::New);
    assert_eq!(claim("t1", b"POST /a x").await, Claim::Open);
    assert_eq!(claim("t1", b"POST /a y").await, Claim::Differs);
    store.answer_token("t1", 201, b"made").await.unwrap();
    let answered = Claim::Answered { status: 201, body: b"made".to_vec() };
    assert_eq!(claim("t1", b"POST /a x").await, answered);
    // An answered token stays; one whose request changed nothing can be used again.
    store.free_token("t1").await.unwrap();
    assert_eq!(claim("t1", b"POST /a x").await, answered);
    assert_eq!(claim("t2", b"b").await, Claim::New);
    store.free_token("t2").await.unwrap();
    assert_eq!(claim("t2", b"c").await, Claim::New);
    assert_eq!(store.forget_tokens(NOW_MS + 1).await.unwrap(), 2);
    assert_eq!(claim("t1", b"POST /a y").await, Claim::New);
    store.close().await;
}
