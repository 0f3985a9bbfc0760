//! Batches that are changed while they run: orders added and cancelled, starts taken back. What the projector would
//! write is written by hand.

use std::time::Duration;

use serde_json::{Value, json};
use wcs_api::ports::AskError;
use wcs_api::settle_starting;
use wcs_types::*;

use crate::batches::ready;
use crate::orders::order;
use crate::service::Service;

type Said = Result<(Reply, Vec<Fact>), AskError>;

fn done() -> Said {
    Ok((Reply::Done, Vec::new()))
}

fn refused(refusal: VerbRefusal) -> Said {
    Ok((Reply::Refused(refusal), Vec::new()))
}

const RUNS: &str = "UPDATE batches SET run_state = 'running'; UPDATE orders SET run_state = 'picking' WHERE id IN \
    (SELECT order_id FROM batch_members)";

/// A batch of one order with two jobs that runs, and orders `b` and `c` that wait.
async fn running(service: &Service) -> i64 {
    let batch = ready(service, &["a"]).await;
    service.post(&format!("/api/batches/{batch}/start"), Value::Null).await.with(200);
    service.projected(RUNS).await;
    service.post("/api/orders", json!({"orders": [order("b", 200), order("c", 100)]})).await.with(200);
    service.core.taken();
    batch
}

fn both() -> Value {
    json!({"orders": [{"number": "b"}, {"number": "c"}]})
}

async fn order_of(service: &Service, number: &str) -> (Value, Value) {
    let shown = service.get(&format!("/api/orders/-/{number}")).await.with(200);
    (shown["batch"].clone(), shown["pieces"]["assigned"].clone())
}

async fn planned(service: &Service, batch: i64) -> Value {
    service.get(&format!("/api/batches/{batch}")).await.with(200)["quantities"]["planned"].clone()
}

#[tokio::test]
async fn orders_are_added_behind_the_parts_of_the_start() {
    let service = Service::new().await;
    let batch = running(&service).await;
    let uri = format!("/api/batches/{batch}/orders");
    let answer = service.post(&uri, both()).await.with(200);
    assert_eq!((&answer["state"], &answer["position"]), (&json!("running"), &json!(2)));
    let verbs = service.core.taken();
    let parts: Vec<(u16, usize, &str)> = verbs
        .iter()
        .map(|verb| match verb {
            Verb::Add { batch: BatchId(1), part, jobs } => (*part, jobs.len(), jobs[0].order.number.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(parts, [(1, 200, "b"), (2, 100, "c")]);
    assert_eq!(planned(&service, batch).await, 3 + 20_100 + 5_050);
    assert_eq!(order_of(&service, "c").await, (json!(batch), json!(5_050)));
    // Again is done already, and what is new goes on behind.
    service.post(&uri, both()).await.with(200);
    assert_eq!(service.core.taken(), []);
    service.post("/api/orders", json!({"orders": [order("d", 1)]})).await.with(200);
    service.post(&uri, json!({"orders": [{"number": "c"}, {"number": "d"}]})).await.with(200);
    let verbs = service.core.taken();
    assert!(matches!(&verbs[..], [Verb::Add { part: 3, jobs, .. }] if jobs.len() == 1), "{verbs:?}");
    let results = service.get(&format!("/api/batches/{batch}/results.csv")).await;
    assert_eq!(String::from_utf8(results.body).unwrap().lines().count(), 1 + 2 + 300 + 1);
}

#[tokio::test]
async fn what_the_core_refuses_is_out_again() {
    let service = Service::new().await;
    let batch = running(&service).await;
    let uri = format!("/api/batches/{batch}/orders");
    service.core.answers(|verb| match verb {
        Verb::Add { part: 1, .. } => done(),
        _ => refused(VerbRefusal::TooFewChutes { classes: 1, chutes: 0 }),
    });
    let problem = service.post(&uri, both()).await.problem(409, "chutes.too_few");
    assert_eq!(problem["left_out"], json!([{"owner": "-", "number": "c"}]));
    assert_eq!(order_of(&service, "b").await, (json!(batch), json!(20_100)));
    assert_eq!(order_of(&service, "c").await, (Value::Null, json!(0)));
    assert_eq!(planned(&service, batch).await, 3 + 20_100);
    service.core.taken();
    service.core.answers(|_| done());
    service.post(&uri, both()).await.with(200);
    let verbs = service.core.taken();
    assert!(
        matches!(&verbs[..], [Verb::Add { part: 2, .. }]),
        "the number goes on where the core is: {verbs:?}"
    );
    let unknown = json!({"orders": [{"number": "z"}]});
    let problem = service.post(&uri, unknown).await.problem(409, "batch.orders");
    assert_eq!(problem["orders"][0]["reason"], "unknown");
}

#[tokio::test]
async fn an_addition_without_an_answer_is_settled() {
    let service = Service::new().await;
    let batch = running(&service).await;
    let uri = format!("/api/batches/{batch}/orders");
    service.core.answers(|verb| match verb {
        Verb::Add { part: 2, .. } => Err(AskError::NotDurable { waited: Duration::from_secs(5) }),
        _ => done(),
    });
    service.post(&uri, both()).await.problem(503, "control.not_durable");
    let first = service.core.taken();
    service.core.answers(|_| done());
    settle_starting(&service.api).await.unwrap();
    assert_eq!(service.core.taken(), first, "the very same parts");
    settle_starting(&service.api).await.unwrap();
    service.post(&uri, both()).await.with(200);
    assert_eq!(service.core.taken(), [], "nothing is open any more");
    assert_eq!(order_of(&service, "c").await, (json!(batch), json!(5_050)));
}

#[tokio::test]
async fn an_order_that_is_sorted_is_cancelled_by_the_core() {
    let service = Service::new().await;
    let batch = running(&service).await;
    service.core.answers(|_| {
        let cancelled = Fact::OrderCancelled {
            batch: BatchId(1),
            order: OrderKey { owner: "-".into(), number: "a".into() },
            chute: Some(ChuteId(2)),
            picked: Pieces(1),
            in_flight: Pieces(0),
            jobs: vec![(JobId(1), Pieces(2))],
        };
        Ok((Reply::Done, vec![cancelled]))
    });
    let answer = service.post("/api/orders/-/a/cancel", Value::Null).await.with(200);
    assert_eq!((&answer["batch"], &answer["position"]), (&json!(batch), &json!(1)));
    let sorting = json!({"cancelled": 2, "jobs": 1, "picked": 1, "on_belt": 0, "chute": "c3"});
    assert_eq!(answer["sorting"], sorting);
    let verbs = service.core.taken();
    assert!(
        matches!(&verbs[..], [Verb::CancelOrder { batch: BatchId(1), order }] if order.number == "a"),
        "{verbs:?}"
    );
    // Once more, when the journal shows it as picked with less than was ordered.
    service
        .projected("UPDATE orders SET run_state = 'picked', picked = 1, short = 2 WHERE number = 'a'")
        .await;
    service.core.answers(|_| done());
    let again = service.post("/api/orders/-/a/cancel", Value::Null).await.with(200);
    assert_eq!((&again["sorting"]["cancelled"], &again["sorting"]["picked"]), (&json!(0), &json!(1)));
    service.core.answers(|_| refused(VerbRefusal::AlreadyPicked { pieces: Pieces(3), loads: 0 }));
    let problem = service.post("/api/orders/-/a/cancel", Value::Null).await.problem(409, "order.sorted");
    assert_eq!((&problem["picked"], &problem["batch"]), (&json!(3), &json!(batch)));
    service.core.answers(|_| refused(VerbRefusal::UnknownBatch));
    let problem = service.post("/api/orders/-/a/cancel", Value::Null).await.problem(409, "order.over");
    assert_eq!(problem["state"], "picked");
}

#[tokio::test]
async fn a_start_is_taken_back_and_made_anew() {
    let service = Service::new().await;
    let batch = running(&service).await;
    let uri = format!("/api/batches/{batch}/cancel-start");
    service.core.answers(|_| refused(VerbRefusal::AlreadyPicked { pieces: Pieces(2), loads: 1 }));
    let problem = service.post(&uri, Value::Null).await.problem(409, "control.refused");
    assert_eq!((&problem["picked"], &problem["loads_on_belt"]), (&json!(2), &json!(1)));
    service.core.answers(|_| done());
    let answer = service.post(&uri, Value::Null).await.with(200);
    assert_eq!(answer["state"], "starting", "the store has not heard of it yet");
    service
        .projected(
            "UPDATE batches SET run_state = NULL, taken_back = token; UPDATE orders SET run_state = NULL",
        )
        .await;
    settle_starting(&service.api).await.unwrap();
    assert_eq!(service.get(&format!("/api/batches/{batch}")).await.with(200)["state"], "ready");
    service.core.taken();
    service.post(&format!("/api/batches/{batch}/start"), Value::Null).await.with(200);
    let verbs = service.core.taken();
    assert!(matches!(&verbs[..], [Verb::Stage { .. }, Verb::Start { .. }]), "{verbs:?}");
    // It is another start: one that was taken back does not take this one back.
    assert_eq!(service.store.taken_back().await.unwrap(), []);
}
