//! Starts that are settled, and the verbs of batches that run.

use std::time::Duration;

use serde_json::{Value, json};
use wcs_api::ports::AskError;
use wcs_api::{SettledStart, settle_starting};
use wcs_types::{BatchId, Fact, Reply, StartToken, Verb, VerbRefusal};

use crate::batches::{ready, receiving};
use crate::orders::order;
use crate::service::Service;

fn done(facts: Vec<Fact>) -> Result<(Reply, Vec<Fact>), AskError> {
    Ok((Reply::Done, facts))
}

fn refused(refusal: VerbRefusal) -> Result<(Reply, Vec<Fact>), AskError> {
    Ok((Reply::Refused(refusal), Vec::new()))
}

async fn state(service: &Service, batch: i64) -> Value {
    service.get(&format!("/api/batches/{batch}")).await.with(200)["state"].clone()
}

#[tokio::test]
async fn a_start_hands_over_every_part_and_then_starts() {
    let service = Service::new().await;
    let orders: Vec<Value> = (0..3).map(|number| order(&format!("o{number}"), 200)).collect();
    service.post("/api/orders", json!({"orders": orders})).await.with(200);
    let named = json!([{"number": "o0"}, {"number": "o1"}, {"number": "o2"}]);
    let made = service
        .post("/api/batches", json!({"line": "sorter1", "chutes": 5, "orders": named}))
        .await
        .with(201);
    let uri = format!("/api/batches/{}", made["id"]);
    service.post(&format!("{uri}/assign"), json!({"by": "volume"})).await.with(200);
    let answer = service.post(&format!("{uri}/start"), Value::Null).await;
    assert_eq!(answer.headers["wcs-position"], "4");
    assert_eq!(answer.with(200), json!({"id": made["id"], "state": "running", "position": 4}));
    let verbs = service.core.taken();
    let mut all = Vec::new();
    for (at, verb) in verbs[..3].iter().enumerate() {
        let Verb::Stage { spec, part, jobs } = verb else { panic!("{verb:?}") };
        assert_eq!((spec.chute_limit, usize::from(*part)), (5, at));
        all.extend(jobs.iter().cloned());
    }
    let Verb::Stage { spec, .. } = &verbs[0] else { unreachable!() };
    let Verb::Start { batch, parts, content_hash, .. } = verbs[3] else { panic!("{:?}", verbs[3]) };
    assert_eq!((batch, parts, all.len()), (BatchId(1), 3, 600));
    assert_eq!(content_hash, wcs_types::batch::batch_content(spec, &all));
}

#[tokio::test]
async fn a_refused_start_makes_the_batch_ready_again() {
    let service = Service::new().await;
    let batch = ready(&service, &["a", "b"]).await;
    let uri = format!("/api/batches/{batch}/start");
    service.core.answers(|verb| match verb {
        Verb::Start { .. } => refused(VerbRefusal::TooFewChutes { classes: 2, chutes: 1 }),
        _ => done(Vec::new()),
    });
    let problem = service.post(&uri, Value::Null).await.problem(409, "chutes.too_few");
    assert_eq!(
        (&problem["classes"], &problem["chutes"], &problem["batch"]),
        (&json!(2), &json!(1), &json!(batch))
    );
    assert_eq!(state(&service, batch).await, "ready");
    service.core.answers(|_| done(Vec::new()));
    service.post(&uri, Value::Null).await.with(200);
}

#[tokio::test]
async fn a_start_without_an_answer_goes_on_when_it_is_asked_again() {
    let service = Service::new().await;
    let batch = ready(&service, &["a"]).await;
    let uri = format!("/api/batches/{batch}/start");
    service.core.answers(|verb| match verb {
        Verb::Start { .. } => Err(AskError::NotDurable { waited: Duration::from_secs(5) }),
        _ => done(Vec::new()),
    });
    let answer = service.post(&uri, Value::Null).await;
    answer.problem(503, "control.not_durable");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(state(&service, batch).await, "starting");
    let first = service.core.taken();
    service.core.answers(|_| done(Vec::new()));
    service.post(&format!("{uri}?token=7"), Value::Null).await.problem(409, "batch.other_token");
    assert_eq!(service.core.taken(), []);
    service.post(&uri, Value::Null).await.with(200);
    assert_eq!(service.core.taken(), first, "the very same verbs");
}

#[tokio::test]
async fn starts_left_open_are_settled_at_boot() {
    let service = Service::new().await;
    let (good, bad) = (ready(&service, &["a"]).await, ready(&service, &["b"]).await);
    for batch in [good, bad] {
        service.store.begin_start(batch, StartToken(batch.cast_unsigned())).await.unwrap();
    }
    service.core.answers(|verb| match verb {
        Verb::Start { batch: BatchId(2), .. } => refused(VerbRefusal::ContentDiffers),
        _ => done(Vec::new()),
    });
    let settled = settle_starting(&service.api).await.unwrap();
    let expected = [(good, true), (bad, false)].map(|(batch, is_started)| SettledStart { batch, is_started });
    assert_eq!(settled, expected);
    let starts: Vec<_> =
        service.core.taken().into_iter().filter(|verb| matches!(verb, Verb::Start { .. })).collect();
    let Verb::Start { token, .. } = starts[0] else { unreachable!() };
    assert_eq!(token, StartToken(good.cast_unsigned()), "the token the store kept");
    assert_eq!(
        (state(&service, good).await, state(&service, bad).await),
        (json!("starting"), json!("ready"))
    );
}

#[tokio::test]
async fn verbs_of_running_batches_tell_where_the_batch_is() {
    let service = Service::new().await;
    let batch = ready(&service, &["a"]).await;
    let uri = |verb: &str| format!("/api/batches/{batch}/{verb}");
    let early = service.post(&uri("pause"), Value::Null).await.problem(409, "batch.wrong_state");
    assert_eq!((&early["state"], &early["needed"]), (&json!("ready"), &json!("running")));
    service.post(&uri("start"), Value::Null).await.with(200);
    let core = BatchId(1);
    service.core.answers(move |verb| match verb {
        Verb::Pause { .. } => done(vec![Fact::BatchPaused { batch: core }]),
        Verb::Resume { .. } => done(vec![Fact::BatchResumed { batch: core }]),
        Verb::Close { is_forced: false, .. } => refused(VerbRefusal::Unfinished { jobs: 2 }),
        Verb::Close { is_forced, .. } => {
            let closing = Fact::BatchClosing { batch: core, is_forced: *is_forced };
            done(vec![closing, Fact::BatchEnded { batch: core }])
        }
        _ => refused(VerbRefusal::WrongState),
    });
    assert_eq!(service.post(&uri("pause"), Value::Null).await.with(200)["state"], "paused");
    assert_eq!(service.post(&uri("resume"), Value::Null).await.with(200)["state"], "running");
    for body in [Value::Null, json!({}), json!({"forced": false})] {
        let problem = service.post(&uri("close"), body).await.problem(409, "batch.unfinished");
        assert_eq!((&problem["unfinished"], &problem["unfinished_pieces"]), (&json!(2), &json!(3)));
    }
    assert_eq!(service.post(&uri("close"), json!({"forced": true})).await.with(200)["state"], "ended");
    service.core.answers(|_| refused(VerbRefusal::WrongState));
    let problem = service.post(&uri("resume"), Value::Null).await.problem(409, "batch.wrong_state");
    assert_eq!((&problem["needed"], &problem["unfinished"]), (&json!("paused"), &json!(3)));
    service.core.answers(|_| Err(AskError::Busy { retry_after: Duration::from_secs(3) }));
    let answer = service.post(&uri("pause"), Value::Null).await;
    answer.problem(503, "control.busy");
    assert_eq!(answer.headers["retry-after"], "3");
}

#[tokio::test]
async fn a_running_batch_is_paused_without_the_store() {
    let service = Service::new().await;
    let batch = ready(&service, &["a"]).await;
    let other = receiving(&service, &["b"]).await;
    service.post(&format!("/api/batches/{batch}/start"), Value::Null).await.with(200);
    service.store.close().await;
    service.core.answers(|_| done(vec![Fact::BatchPaused { batch: BatchId(1) }]));
    let paused = service.post(&format!("/api/batches/{batch}/pause"), Value::Null).await.with(200);
    assert_eq!(paused["state"], "paused");
    for uri in [format!("/api/batches/{other}/start"), format!("/api/batches/{batch}/cancel")] {
        let answer = service.post(&uri, Value::Null).await;
        answer.problem(503, "store.unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    let intake = service.post("/api/orders", json!({"orders": [order("c", 1)]})).await;
    intake.problem(503, "store.unavailable");
    service.get("/api/orders").await.problem(503, "store.unavailable");
}
