//! Idempotency keys: one answer for one request, however often it is asked.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::orders::order;
use crate::service::{Service, post};

fn keyed(uri: &str, body: Value, key: &str) -> Request<Body> {
    let mut request = post(uri, body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

#[tokio::test]
async fn a_key_gives_the_answer_that_was_kept() {
    let service = Service::new().await;
    let body = json!({"orders": [order("a", 1)]});
    let first = service.send(keyed("/api/orders", body.clone(), "k1")).await;
    let again = service.send(keyed("/api/orders", body, "k1")).await;
    assert_eq!(first.with(200), again.with(200), "stored, and not repeated");
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["wcs-position"], "0");
    let other = json!({"orders": [order("b", 1)]});
    service.send(keyed("/api/orders", other.clone(), "k1")).await.problem(409, "idempotency.mismatch");
    service
        .send(keyed("/api/orders/-/a/cancel", Value::Null, "k1"))
        .await
        .problem(409, "idempotency.mismatch");
    service.send(keyed("/api/orders", other, "k2")).await.with(200);
}

#[tokio::test]
async fn what_failed_leaves_its_key_free() {
    let service = Service::new().await;
    service.send(keyed("/api/orders/-/a/cancel", Value::Null, "k")).await.problem(404, "order.not_found");
    service.post("/api/orders", json!({"orders": [order("a", 1)]})).await.with(200);
    service.send(keyed("/api/orders/-/a/cancel", Value::Null, "k")).await.with(200);
}

#[tokio::test]
async fn a_key_left_open_by_a_dead_process_is_carried_out() {
    let service = Service::new().await;
    let body = json!({"orders": [order("a", 1)]});
    let asked = format!("/api/orders\napplication/json\n{body}");
    service.store.claim_token("k", asked.as_bytes(), 0).await.unwrap();
    let answer = service.send(keyed("/api/orders", body, "k")).await.with(200);
    assert_eq!(answer["stored"], 1);
}

#[tokio::test]
async fn keys_are_bounded_words() {
    let service = Service::new().await;
    let long = "x".repeat(129);
    for key in ["", "two words", &long] {
        service.send(keyed("/api/orders/-/a/cancel", Value::Null, key)).await.problem(400, "header.invalid");
    }
}
