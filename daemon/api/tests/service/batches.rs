//! Batches up to their start, and what is shown of them.

use serde_json::{Value, json};
use wcs_types::{Assign, BatchId, Verb};

use crate::orders::order;
use crate::service::Service;

/// Stores orders of one line each and makes a batch of them; its id.
pub(crate) async fn receiving(service: &Service, numbers: &[&str]) -> i64 {
    let orders: Vec<Value> = numbers.iter().map(|number| order(number, 2)).collect();
    service.post("/api/orders", json!({"orders": orders})).await.with(200);
    let named: Vec<Value> = numbers.iter().map(|number| json!({"number": number})).collect();
    let made = service.post("/api/batches", json!({"line": "sorter1", "orders": named})).await.with(201);
    assert_eq!(made["state"], "receiving");
    made["id"].as_i64().unwrap()
}

/// A batch that is ready.
pub(crate) async fn ready(service: &Service, numbers: &[&str]) -> i64 {
    let batch = receiving(service, numbers).await;
    let answer =
        service.post(&format!("/api/batches/{batch}/assign"), json!({"by": "volume"})).await.with(200);
    assert_eq!((&answer["state"], &answer["jobs"]), (&json!("ready"), &json!(numbers.len() * 2)));
    batch
}

#[tokio::test]
async fn a_batch_goes_from_receiving_to_ready() {
    let service = Service::new().await;
    let batch = receiving(&service, &["a", "b"]).await;
    let verb = |verb: &str| format!("/api/batches/{batch}/{verb}");
    service.post("/api/orders", json!({"orders": [order("c", 1)]})).await.with(200);
    service.post(&verb("orders"), json!({"orders": [{"number": "c"}, {"number": "a"}]})).await.with(200);
    let waiting = service.post(&verb("finish-receiving"), Value::Null).await.with(200);
    assert_eq!(waiting, json!({"id": batch, "state": "waiting", "position": 0}));
    let late = service.post(&verb("orders"), json!({"orders": [{"number": "c"}]})).await;
    let problem = late.problem(409, "batch.wrong_state");
    assert_eq!((&problem["state"], &problem["needed"]), (&json!("waiting"), &json!("receiving")));
    let assigned = service.post(&verb("assign"), json!({"by": "first_scan"})).await.with(200);
    assert_eq!(
        (&assigned["orders"], &assigned["jobs"], &assigned["pieces"]),
        (&json!(3), &json!(5), &json!(7))
    );
    let shown = service.get(&format!("/api/batches/{batch}")).await.with(200);
    assert_eq!(
        (&shown["state"], &shown["assign"], &shown["line"]),
        (&json!("ready"), &json!("first_scan"), &json!("sorter1"))
    );
    assert_eq!(shown["quantities"], json!({"planned": 7, "picked": 0, "boxed": 0, "short": 0}));
    let listed = service.get("/api/batches?state=ready").await.with(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let members = service.get(&format!("/api/orders?batch={batch}")).await.with(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 3);
    assert_eq!(service.core.taken(), [], "up to its start a batch is no matter of the core");
}

#[tokio::test]
async fn a_batch_is_made_whole_or_not_at_all() {
    let service = Service::new().await;
    service.post("/api/orders", json!({"orders": [order("a", 1)]})).await.with(200);
    let orders = json!([{"number": "a"}, {"number": "z"}]);
    let problem = service.post("/api/batches", json!({"line": "sorter1", "orders": orders})).await;
    let problem = problem.problem(409, "batch.orders");
    assert_eq!(
        (&problem["orders"][0]["number"], &problem["orders"][0]["reason"]),
        (&json!("z"), &json!("unknown"))
    );
    assert_eq!(service.get("/api/batches").await.with(200)["items"], json!([]));
    service.post("/api/batches", json!({"line": "none"})).await.problem(404, "line.not_found");
    let both = json!({"line": "sorter1", "orders": [{"number": "a"}], "select": {}});
    service.post("/api/batches", both).await.problem(422, "body.invalid");
}

#[tokio::test]
async fn a_reference_is_one_batch() {
    let service = Service::new().await;
    service.post("/api/orders", json!({"orders": [order("a", 1), order("b", 1)]})).await.with(200);
    let body = json!({"line": "sorter1", "reference": "wave 1", "chutes": 4, "orders": [{"number": "a"}]});
    let first = service.post("/api/batches", body.clone()).await.with(201);
    let id = first["id"].as_i64().unwrap();
    service.post(&format!("/api/batches/{id}/assign"), json!({"by": "first_scan"})).await.with(200);
    let again = service.post("/api/batches", body.clone()).await.with(200);
    assert_eq!(again["id"], first["id"], "how it is assigned by now is no difference");
    for (field, value) in
        [("chutes", json!(5)), ("orders", json!([{"number": "b"}])), ("identify", json!("sku"))]
    {
        let mut other = body.clone();
        other[field] = value;
        let problem = service.post("/api/batches", other).await.problem(409, "batch.reference_taken");
        assert_eq!(problem["batch"], first["id"]);
    }
}

#[tokio::test]
async fn orders_are_selected_by_what_they_are() {
    let service = Service::new().await;
    let mut orders: Vec<Value> = (0..4).map(|number| order(&format!("o{number}"), 1)).collect();
    orders[0]["priority"] = json!(9);
    orders[1]["due_at"] = json!("2026-01-31T18:00:00+09:00");
    orders[2]["owner"] = json!("other");
    service.post("/api/orders", json!({"orders": orders})).await.with(200);
    for (select, number) in [
        (json!({"priority_min": 5}), "o0"),
        (json!({"due_by": "2026-01-31T09:00:00Z"}), "o1"),
        (json!({"owner": "other", "customer": "shop"}), "o2"),
        (json!({"most": 1}), "o3"),
    ] {
        let made = service.post("/api/batches", json!({"line": "sorter1", "select": select})).await.with(201);
        let members = service.get(&format!("/api/orders?batch={}", made["id"])).await.with(200);
        let members = members["items"].as_array().unwrap().clone();
        assert_eq!((members.len(), &members[0]["number"]), (1, &json!(number)));
    }
    let rest = json!({"line": "sorter1", "select": {}});
    service.post("/api/batches", rest).await.problem(409, "batch.empty");
}

#[tokio::test]
async fn plans_are_cut_as_files_are() {
    let service = Service::new().await;
    let lines = json!([
        {"sku": "s1", "quantity": 2, "barcodes": ["880"]},
        {"sku": "s2", "quantity": 1},
        {"sku": "s1", "quantity": 3}
    ]);
    let order = json!({"number": "a", "priority": 7, "due_at": "1970-01-02T00:00:00Z", "lines": lines});
    service.post("/api/orders", json!({"orders": [order]})).await.with(200);
    let body = json!({"line": "sorter1", "identify": "sku", "orders": [{"number": "a"}]});
    let batch = service.post("/api/batches", body).await.with(201)["id"].as_i64().unwrap();
    let answer =
        service.post(&format!("/api/batches/{batch}/assign"), json!({"by": "volume"})).await.with(200);
    assert_eq!((&answer["jobs"], &answer["pieces"]), (&json!(2), &json!(6)));
    service.post(&format!("/api/batches/{batch}/start"), Value::Null).await.with(200);
    let verbs = service.core.taken();
    let Verb::Stage { spec, jobs, .. } = &verbs[0] else { panic!("{verbs:?}") };
    assert_eq!((spec.assign, spec.batch, spec.chute_limit), (Assign::Volume, BatchId(1), 0));
    let shown: Vec<(u32, u32, Vec<String>)> = jobs
        .iter()
        .map(|job| (job.line_no, job.quantity.0, job.codes.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(shown, [(1, 5, vec!["s1".into(), "880".into()]), (2, 1, vec!["s2".into()])]);
    assert_eq!((jobs[0].priority, jobs[0].due_at), (7, 86_400));
}

#[tokio::test]
async fn a_cancelled_order_leaves_its_batch_and_voids_its_plan() {
    let service = Service::new().await;
    let batch = ready(&service, &["a", "b"]).await;
    let answer = service.post("/api/orders/-/a/cancel", Value::Null).await.with(200);
    assert_eq!((&answer["batch"], &answer["is_plan_void"]), (&json!(batch), &json!(true)));
    let uri = format!("/api/batches/{batch}");
    assert_eq!(service.get(&uri).await.with(200)["state"], "waiting");
    service.post(&format!("{uri}/start"), Value::Null).await.problem(409, "batch.wrong_state");
    let answer = service.post(&format!("{uri}/assign"), json!({"by": "volume"})).await.with(200);
    assert_eq!(answer["orders"], 1);
    service.post("/api/orders/-/b/cancel", Value::Null).await.with(200);
    service.post(&format!("{uri}/assign"), json!({"by": "volume"})).await.problem(409, "batch.empty");
}

#[tokio::test]
async fn a_batch_is_taken_back_before_its_start() {
    let service = Service::new().await;
    let batch = ready(&service, &["a"]).await;
    for _ in 0..2 {
        let answer = service.post(&format!("/api/batches/{batch}/cancel"), Value::Null).await.with(200);
        assert_eq!(answer["state"], "cancelled");
    }
    let problem = service.post(&format!("/api/batches/{batch}/start"), Value::Null).await;
    problem.problem(409, "batch.wrong_state");
    receiving_again(&service).await;
    for verb in ["start", "pause", "resume", "close", "cancel", "finish-receiving"] {
        let answer = service.post(&format!("/api/batches/99/{verb}"), Value::Null).await;
        answer.problem(404, "batch.not_found");
    }
    service.get("/api/batches/99").await.problem(404, "batch.not_found");
    service.get("/api/batches/99/results.csv").await.problem(404, "batch.not_found");
    service.get("/api/batches/99/missing").await.problem(404, "batch.not_found");
    service.get("/api/batches/x").await.problem(400, "path.invalid");
}

async fn receiving_again(service: &Service) {
    let orders = json!({"line": "sorter1", "orders": [{"number": "a"}]});
    service.post("/api/batches", orders).await.with(201);
}

#[tokio::test]
async fn results_are_whole_however_many_there_are() {
    let service = Service::new().await;
    let numbers: Vec<String> = (0..3).map(|number| format!("o{number}")).collect();
    let orders: Vec<Value> = numbers.iter().map(|number| order(number, 400)).collect();
    service.post("/api/orders", json!({"orders": orders})).await.with(200);
    let named: Vec<Value> = numbers.iter().map(|number| json!({"number": number})).collect();
    let made = service.post("/api/batches", json!({"line": "sorter1", "orders": named})).await.with(201);
    let uri = format!("/api/batches/{}", made["id"]);
    service.post(&format!("{uri}/assign"), json!({"by": "volume"})).await.with(200);
    let answer = service.get(&format!("{uri}/results.csv")).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 1 + 1200);
    assert!(rows[0].starts_with("batch,owner,order,line,sku_owner,sku,label,planned,picked,boxed,short"));
    assert_eq!(rows[1200], format!("{},-,o2,400,-,sku400,o2/400,400,0,0,0,,", made["id"]));
    let mut missing = 0;
    let mut next = format!("{uri}/missing?limit=500");
    loop {
        let page = service.get(&next).await.with(200);
        missing += page["items"].as_array().unwrap().len();
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{uri}/missing?limit=500&cursor={cursor}");
    }
    assert_eq!(missing, 1200);
}
