//! Orders in and out as JSON: each answer of intake, lists in pages, cancelling.

use serde_json::{Value, json};

use crate::service::Service;

/// An order with `lines` lines of one piece each.
pub(crate) fn order(number: &str, lines: u32) -> Value {
    let lines: Vec<Value> =
        (1..=lines).map(|line| json!({"sku": format!("sku{line}"), "quantity": line})).collect();
    json!({"number": number, "customer": "shop", "lines": lines})
}

#[tokio::test]
async fn good_orders_are_stored_and_repeats_change_nothing() {
    let service = Service::new().await;
    let body = json!({"orders": [order("a", 2), order("b", 1)]});
    let first = service.post("/api/orders", body.clone()).await.with(200);
    assert_eq!((&first["stored"], &first["repeated"], &first["position"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!(first["orders"][0]["result"], "stored");
    assert_eq!(first["orders"][0]["lines"], 2);
    let again = service.post("/api/orders", body).await.with(200);
    assert_eq!((&again["stored"], &again["repeated"]), (&json!(0), &json!(2)));
    assert_eq!(again["orders"][1]["id"], first["orders"][1]["id"]);
    let listed = service.get("/api/orders").await.with(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(listed["next_cursor"], Value::Null);
    let shown = service.get("/api/orders/-/a").await.with(200);
    assert_eq!((&shown["state"], &shown["pieces"]["ordered"]), (&json!("wait"), &json!(3)));
    assert_eq!(shown["lines"][1]["sku"], "sku2");
    service.get("/api/orders/-/nobody").await.problem(404, "order.not_found");
}

#[tokio::test]
async fn another_content_is_a_conflict_with_its_difference() {
    let service = Service::new().await;
    service.post("/api/orders", json!({"orders": [order("a", 2)]})).await.with(200);
    let mut other = order("a", 2);
    other["lines"][1]["quantity"] = json!(7);
    let single = service.post("/api/orders", json!({"orders": [other.clone()]})).await;
    let problem = single.problem(409, "order.differs");
    assert_eq!(problem["difference"], json!([{"field": "lines[2].quantity", "stored": "2", "sent": "7"}]));
    let many = service.post("/api/orders", json!({"orders": [other, order("b", 1)]})).await.with(207);
    assert_eq!((&many["differing"], &many["stored"]), (&json!(1), &json!(1)));
    assert_eq!(many["orders"][0]["result"], "differs");
    let shown = service.get("/api/orders/-/a").await.with(200);
    assert_eq!(shown["pieces"]["ordered"], 3, "the stored order stayed as it was");
}

#[tokio::test]
async fn good_orders_are_stored_beside_refused_ones() {
    let service = Service::new().await;
    let mut half = order("half", 3);
    half["lines"][1]["quantity"] = json!(0);
    let mut none = order("none", 1);
    none["lines"][0]["sku"] = json!("");
    let mut early = order("early", 1);
    early["due_at"] = json!("1969-12-31T23:59:59Z");
    let long = order(&"x".repeat(54), 1);
    let sent = json!({"orders": [order("good", 1), half, none, early, long]});
    let answer = service.post("/api/orders", sent).await.with(207);
    assert_eq!((&answer["stored"], &answer["refused"]), (&json!(2), &json!(3)));
    let orders = &answer["orders"];
    assert_eq!(orders[1]["refused_lines"], json!([{"index": 1, "line": 2, "reason": "bad_quantity"}]));
    assert_eq!(orders[2]["refused_lines"][0]["reason"], "blank_sku");
    for refused in [2, 3, 4] {
        assert_eq!(orders[refused]["result"], "refused");
        assert!(!orders[refused]["reason"].as_str().unwrap().is_empty());
    }
    let listed = service.get("/api/orders").await.with(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let mut single = order("single", 1);
    single["lines"][0]["quantity"] = json!(0);
    let problem =
        service.post("/api/orders", json!({"orders": [single]})).await.problem(422, "order.refused");
    assert_eq!(problem["errors"][0]["pointer"], "/orders/0/lines/0");
}

#[tokio::test]
async fn lists_come_in_pages_by_their_own_cursor() {
    let service = Service::new().await;
    let orders: Vec<Value> = (0..5).map(|number| order(&format!("o{number}"), 1)).collect();
    service.post("/api/orders", json!({"orders": orders})).await.with(200);
    let mut numbers = Vec::new();
    let mut uri = "/api/orders?limit=2".to_owned();
    loop {
        let page = service.get(&uri).await.with(200);
        let items = page["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|item| item["number"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        assert_eq!(items.len(), 2);
        uri = format!("/api/orders?limit=2&cursor={cursor}");
    }
    assert_eq!(numbers, ["o0", "o1", "o2", "o3", "o4"]);
    let cursor = service.get("/api/orders?limit=2").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let other = format!("/api/orders?state=wait&cursor={cursor}");
    service.get(&other).await.problem(400, "cursor.invalid");
    assert_eq!(service.get("/api/orders?state=wait").await.with(200)["items"].as_array().unwrap().len(), 5);
    assert_eq!(service.get("/api/orders?state=boxed").await.with(200)["items"], json!([]));
    for bad in [
        "state=nothing",
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=o.1",
        "more=1",
        "limit=1&limit=2",
        "state=wait&batch=1",
    ] {
        assert_eq!(service.get(&format!("/api/orders?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_read_behind_its_position_says_so() {
    let service = Service::new().await;
    let answer = service.get("/api/orders?position=7").await;
    let problem = answer.problem(202, "position.ahead");
    assert_eq!((&problem["position"], &problem["reflected"]), (&json!(7), &json!(0)));
    assert!(answer.headers.contains_key("retry-after"));
    service.get("/api/orders?position=0").await.with(200);
}

#[tokio::test]
async fn a_waiting_order_is_cancelled_once() {
    let service = Service::new().await;
    service.post("/api/orders", json!({"orders": [order("a", 2)]})).await.with(200);
    for _ in 0..2 {
        let answer = service.post("/api/orders/-/a/cancel", Value::Null).await.with(200);
        assert_eq!((&answer["number"], &answer["batch"]), (&json!("a"), &Value::Null));
    }
    let shown = service.get("/api/orders/-/a").await.with(200);
    assert_eq!((&shown["state"], &shown["pieces"]["cancelled"]), (&json!("cancel"), &json!(3)));
    assert_eq!(service.core.taken(), [], "an order that waits is no matter of the core");
    service.post("/api/orders/-/b/cancel", Value::Null).await.problem(404, "order.not_found");
    service.post("/api/orders/-/a/cancel", json!({})).await.problem(400, "body.unexpected");
}

#[tokio::test]
async fn articles_are_listed_with_their_barcodes() {
    let service = Service::new().await;
    let lines = json!([
        {"sku": "b", "quantity": 1, "description": "second", "barcodes": ["8801", "8802"]},
        {"sku": "a", "quantity": 1},
        {"sku": "c", "sku_owner": "other", "quantity": 1}
    ]);
    service.post("/api/orders", json!({"orders": [{"number": "1", "lines": lines}]})).await.with(200);
    let first = service.get("/api/skus?limit=2").await.with(200);
    assert_eq!(first["items"][0], json!({"owner": "-", "code": "a", "description": "", "barcodes": []}));
    assert_eq!(first["items"][1]["barcodes"], json!(["8801", "8802"]));
    let rest = format!("/api/skus?cursor={}", first["next_cursor"].as_str().unwrap());
    let rest = service.get(&rest).await.with(200);
    assert_eq!((&rest["items"][0]["owner"], &rest["next_cursor"]), (&json!("other"), &Value::Null));
}
