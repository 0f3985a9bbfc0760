//! What cannot be taken: every answer is a problem with a stable code and, for a body, a pointer; nothing is stored.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use futures_util::stream;
use serde_json::{Value, json};
use wcs_api::Limits;

use crate::orders::order;
use crate::service::{Service, plant, post};

fn raw(body: impl Into<Body>) -> Request<Body> {
    Request::post("/api/orders").header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

async fn nothing_is_stored(service: &Service) {
    assert_eq!(service.get("/api/orders").await.with(200)["items"], json!([]));
}

#[tokio::test]
async fn json_that_is_none_is_refused() {
    let service = Service::new().await;
    let nested = format!("{{\"orders\":[{}", "[".repeat(10_000));
    let deep = format!("{{\"orders\":[{{\"number\":{}", "{\"a\":".repeat(10_000));
    for text in ["", "{", "{\"orders\":[", "nonsense", "{\"orders\":[]} more"] {
        service.send(raw(text.to_owned())).await.problem(400, "body.malformed");
    }
    for text in [nested, deep] {
        let answer = service.send(raw(text)).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{answer:?}");
    }
    service.send(raw(b"{\"orders\":[{\"number\":\"\xFF\"".to_vec())).await.problem(400, "body.not_text");
    nothing_is_stored(&service).await;
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_have_a_pointer() {
    let service = Service::new().await;
    let good = order("a", 1);
    let change = |pointer: &str, value: Value| {
        let mut body = json!({"orders": [good.clone(), good.clone()]});
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value;
        body
    };
    for (pointer, value) in [
        ("/orders/1/number", json!(5)),
        ("/orders/1/more", json!(5)),
        ("/orders/1/lines/0/quantity", json!("many")),
        ("/orders/1/lines/0/quantity", json!(1.5)),
        ("/orders/1/lines/0/quantity", json!(-1)),
        ("/orders/1/lines/0/quantity", json!(4_294_967_296_u64)),
        ("/orders/1/lines/0/barcodes", json!([1])),
        ("/orders/1/lines/0/size", json!(1)),
        ("/orders/1/priority", json!(256)),
        ("/orders/1/due_at", json!("tomorrow")),
        ("/orders/1/due_at", json!("2026-01-31 18:00")),
        ("/owner", json!("x")),
        ("/orders", json!({})),
        ("/orders", Value::Null),
        ("/orders", json!([])),
    ] {
        let answer = service.post("/api/orders", change(pointer, value.clone())).await;
        let problem = answer.problem(422, "body.invalid");
        let told = problem["errors"][0]["pointer"].as_str().unwrap();
        assert!(told.starts_with(pointer), "{pointer} {value}: {problem}");
    }
    let many: Vec<Value> = (0..10_001).map(|number| order(&number.to_string(), 1)).collect();
    let problem = service.post("/api/orders", json!({"orders": many})).await.problem(422, "body.invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/orders");
    nothing_is_stored(&service).await;
}

#[tokio::test]
async fn bodies_are_bounded_in_size() {
    let limits = Limits { json_size_max: 1000, file_size_max: 2000, ..Limits::default() };
    let service = Service::with(limits, plant(2)).await;
    let long = json!({"orders": [order("a", 50)]}).to_string();
    assert!(long.len() > 1000);
    service.send(raw(long.clone())).await.problem(413, "body.too_large");
    // Without a length, in parts that each fit.
    let parts: Vec<Result<Bytes, std::io::Error>> =
        long.as_bytes().chunks(100).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    service.send(raw(Body::from_stream(stream::iter(parts)))).await.problem(413, "body.too_large");
    // A length that promises more than it may is refused before anything is read.
    let mut endless = raw(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()));
    endless.headers_mut().insert(header::CONTENT_LENGTH, "104857600".parse().unwrap());
    service.send(endless).await.problem(413, "body.too_large");
    service
        .post_csv("/api/orders/receive?mapping=retail", "x".repeat(2001))
        .await
        .problem(413, "body.too_large");
    nothing_is_stored(&service).await;
}

#[tokio::test]
async fn slow_and_broken_bodies_are_refused() {
    let limits = Limits { body_time_max: Duration::from_secs(30), ..Limits::default() };
    let service = Service::with(limits, plant(2)).await;
    tokio::time::pause();
    let slow = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    service.send(raw(slow)).await.problem(408, "body.slow");
    let broken = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))];
    service.send(raw(Body::from_stream(stream::iter(broken)))).await.problem(400, "body.broken");
}

#[tokio::test]
async fn other_media_types_and_methods_are_refused() {
    let service = Service::new().await;
    let body = json!({"orders": [order("a", 1)]}).to_string();
    for kind in ["text/plain", "application/xml", "application/jsonx", ""] {
        let request = Request::post("/api/orders").header(header::CONTENT_TYPE, kind);
        let answer = service.send(request.body(Body::from(body.clone())).unwrap()).await;
        answer.problem(415, "media_type.unsupported");
    }
    let request = Request::post("/api/orders").body(Body::from(body.clone())).unwrap();
    service.send(request).await.problem(415, "media_type.unsupported");
    let answer = service.send(Request::delete("/api/orders").body(Body::empty()).unwrap()).await;
    answer.problem(405, "method.not_allowed");
    let allowed = answer.headers[header::ALLOW].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    service.get("/api/nothing").await.problem(404, "route.not_found");
    nothing_is_stored(&service).await;
    let request =
        Request::post("/api/orders").header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8");
    service.send(request.body(Body::from(body)).unwrap()).await.with(200);
}

#[tokio::test]
async fn names_cannot_carry_headers_or_control_letters() {
    let service = Service::new().await;
    let zero = json!({"orders": [order("a\0b", 1)]});
    service.post("/api/orders", zero).await.problem(422, "body.invalid");
    for name in ["a\r\nSet-Cookie: x=1", "a\u{7f}"] {
        let mut sent = order(name, 1);
        let answer = service.post("/api/orders", json!({"orders": [sent.clone()]})).await;
        answer.problem(422, "order.refused");
        assert!(!answer.headers.contains_key("set-cookie"));
        sent["number"] = json!("good");
        sent["lines"][0]["sku"] = json!(name);
        service.post("/api/orders", json!({"orders": [sent]})).await.problem(422, "order.refused");
    }
    service.get("/api/orders/-/a%0d%0aSet-Cookie:%20x=1").await.problem(404, "order.not_found");
    service.get("/api/orders/-/a%00b").await.problem(400, "path.invalid");
    service.get("/api/orders/-/%ff").await.problem(400, "path.invalid");
    service.get("/api/orders?cursor=%00").await.problem(400, "query.invalid");
    let mut request = post("/api/orders/-/a/cancel", Value::Null);
    request.headers_mut().insert("accept-language", "ko".parse().unwrap());
    let answer = service.send(request).await;
    let problem = answer.problem(404, "order.not_found");
    assert_eq!(problem["title"], "주문이 없습니다");
    assert_eq!(answer.headers[header::CONTENT_LANGUAGE], "ko");
    nothing_is_stored(&service).await;
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_again() {
    let service = Service::with(Limits { requests_max: 0, ..Limits::default() }, plant(2)).await;
    let answer = service.get("/api/orders").await;
    answer.problem(503, "server.busy");
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
}
