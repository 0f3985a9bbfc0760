//! Shifts over HTTP: what day it is with and without a store, and that closing writes down once what was open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use wcs_store::{Address, LineDraft, OrderDraft, Settings, Store};
use wcs_types::*;

use super::Times;
use crate::fixture::{self, Story};
use crate::live::feed::LiveHandle;
use crate::ports::{Asking, Control, Figures, Gauges};
use crate::server::routes;
use crate::state::{Api, Limits, Parts, StoreSlot};

struct Nobody;

impl Control for Nobody {
    fn ask(&self, _: OperatorId, verb: Verb) -> Asking<'_> {
        panic!("closing a shift asks the core nothing, not even {verb:?}");
    }
}

impl Figures for Nobody {
    fn collect(&self, _: &mut dyn Gauges) {}
}

struct Service {
    router: Router,
    live: LiveHandle,
    now_ms: Arc<AtomicI64>,
    store: Option<Store>,
    _folder: TempDir,
}

const EARLY_ENDS: &str = "2026-11-25T05:00:00Z"; // 14:00 in Seoul

impl Service {
    /// A plant in Seoul with two shifts, at 11:00.
    async fn new(has_store: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("store.db"));
        let settings = Settings { patience: Duration::from_secs(20), ..Settings::new(address) };
        let store = if has_store { Some(Store::open(&settings, 0).await.unwrap()) } else { None };
        let shift = |name: &str, start: u16, end: u16| ShiftSpec {
            name: name.to_owned(),
            start_minute: start * 60,
            end_minute: end * 60,
            days: Weekdays::ALL,
        };
        let calendar = Calendar {
            time_zone: "Asia/Seoul".to_owned(),
            day_start_minute: 360,
            shifts: vec![shift("early", 6, 14), shift("late shift", 15, 23)],
        };
        let plant = Arc::new(fixture::plant());
        let live = LiveHandle::new(Arc::clone(&plant));
        let now_ms = Arc::new(AtomicI64::new(ms("2026-11-25T02:00:00Z")));
        let told_ms = Arc::clone(&now_ms);
        let api = Api::new(Parts {
            times: Times::new(&calendar).unwrap(),
            store: store.clone().map_or_else(StoreSlot::default, StoreSlot::of),
            control: Arc::new(Nobody),
            records: Story::new().records(),
            figures: Arc::new(Nobody),
            live: live.clone(),
            mappings: BTreeMap::new(),
            limits: Limits::default(),
            now_ms: Arc::new(move || told_ms.load(Ordering::Relaxed)),
            plant,
        });
        Self { router: routes(api), live, now_ms, store, _folder: folder }
    }

    fn set_now(&self, text: &str) {
        self.now_ms.store(ms(text), Ordering::Relaxed);
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, uri: &str) -> (u16, Value) {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn close(&self, body: Value) -> (u16, Value) {
        let request = Request::post("/api/shifts/close").header("content-type", "application/json");
        let request = request.header("wcs-operator", "7");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }
}

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// One load on the belt, one that ended, one alarm.
fn story() -> Story {
    let mut story = Story::new();
    story.ready();
    story.start_batch(1, &[("A", "L1", 1), ("B", "L2", 1)]);
    story.bind(1, "A", ChuteId(0));
    story.scan(1, "L1", Some((1, 0, ChuteId(0), LaneNo(1))));
    story.exit(1, "L1", Some((1, 0)), 1, Outcome::Sorted, Reason::FirstChoice, LaneNo(1));
    story.scan(2, "X9", None);
    let alarm = AlarmKey { code: AlarmCode::NoChute, line: Some(LineId(0)), chute: None, detail: 0 };
    story.fact(Fact::AlarmRaised(alarm));
    story
}

#[tokio::test]
async fn day_and_shifts_are_told_without_a_store() {
    let service = Service::new(false).await;
    let (status, now) = service.get("/api/shifts").await;
    assert_eq!(status, 200, "{now}");
    assert_eq!(
        (&now["time_zone"], &now["business_day"]["date"]),
        (&json!("Asia/Seoul"), &json!("2026-11-25"))
    );
    assert_eq!(now["business_day"]["start"], "2026-11-24T21:00:00Z");
    assert_eq!((&now["current"]["shift"], &now["current"]["end"]), (&json!("early"), &json!(EARLY_ENDS)));
    assert_eq!(
        (&now["last"]["shift"], &now["last"]["business_day"]),
        (&json!("late shift"), &json!("2026-11-24"))
    );
    assert_eq!((&now["next"]["shift"], &now["next"]["is_closed"]), (&json!("late shift"), &Value::Null));
    assert_eq!(now["shifts"].as_array().unwrap().len(), 2);
    service.set_now("2026-11-25T05:30:00Z");
    assert_eq!(service.get("/api/shifts").await.1["current"], Value::Null);
    let (status, refused) = service.close(json!({})).await;
    assert_eq!((status, &refused["code"]), (503, &json!("store.unavailable")));
}

#[tokio::test]
async fn a_shift_is_closed_with_what_is_open_then() {
    let service = Service::new(true).await;
    let store = service.store.as_ref().unwrap();
    let line = LineDraft {
        line_no: 1,
        sku: SkuKey { owner: "-".into(), code: "s".into() },
        description: String::new(),
        quantity: 2,
        barcodes: Vec::new(),
    };
    let key = OrderKey { owner: "-".into(), number: "W".into() };
    let draft = OrderDraft { key, customer: String::new(), priority: 0, due_at_s: 0, lines: vec![line] };
    store.receive(&[draft], 1).await.unwrap();
    service.live.add(story().told(), false);
    let (status, closed) = service.close(json!({})).await;
    assert_eq!(status, 200, "{closed}");
    assert_eq!(
        (&closed["business_day"], &closed["shift"], &closed["closed_by"], &closed["is_repeat"]),
        (&json!("2026-11-25"), &json!("early"), &json!(7), &json!(false))
    );
    assert_eq!((&closed["open_load_count"], &closed["open_alarm_count"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&closed["open_loads"][0]["label"], &closed["open_loads"][0]["line"]),
        (&json!("X9"), &json!("sorter1"))
    );
    assert_eq!(
        (&closed["open_alarms"][0]["code"], &closed["waiting_orders"]),
        (&json!("no_chute"), &json!(1))
    );
    // Later, with nothing open any more: the same answer.
    service.set_now("2026-11-25T04:00:00Z");
    let mut later = story();
    later.exit(2, "X9", None, 0, Outcome::Exception, Reason::UnknownCode, LaneNo(5));
    service.live.add(later.told(), false);
    let (status, again) = service.close(json!({"shift": "early"})).await;
    assert_eq!((status, &again["is_repeat"]), (200, &json!(true)));
    let without = |mut answer: Value| {
        answer.as_object_mut().unwrap().remove("is_repeat");
        answer
    };
    assert_eq!(without(again), without(closed.clone()));
    let (_, now) = service.get("/api/shifts").await;
    assert_eq!((&now["current"]["is_closed"], &now["next"]["is_closed"]), (&json!(true), &json!(false)));
    let (_, listed) = service.get("/api/reports/shifts?limit=1").await;
    assert_eq!((&listed["items"][0]["shift"], &listed["next_cursor"]), (&json!("early"), &Value::Null));
    let (status, shown) = service.get("/api/reports/shifts/2026-11-25/early").await;
    assert_eq!((status, &shown["open_loads"]), (200, &closed["open_loads"]));
}

#[tokio::test]
async fn between_shifts_the_last_is_closed_and_one_to_come_is_not() {
    let service = Service::new(true).await;
    service.set_now("2026-11-25T05:30:00Z"); // 14:30: between the shifts
    let (status, closed) = service.close(json!({})).await;
    assert_eq!((status, &closed["shift"], &closed["end"]), (200, &json!("early"), &json!(EARLY_ENDS)));
    let (status, refused) = service.close(json!({"business_day": "2026-11-25", "shift": "late shift"})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("shift.not_begun")));
    assert_eq!(refused["start"], "2026-11-25T06:00:00Z");
    let (status, closed) = service.close(json!({"shift": "late shift"})).await;
    assert_eq!((status, &closed["business_day"]), (200, &json!("2026-11-24")));
    let (status, shown) = service.get("/api/reports/shifts/2026-11-24/late%20shift").await;
    assert_eq!((status, &shown["shift"]), (200, &json!("late shift")));
}

#[tokio::test]
async fn what_is_no_shift_is_refused_with_its_place() {
    let service = Service::new(true).await;
    let cases = [
        (json!({"shift": "night"}), 404, "shift.not_found", Value::Null),
        (json!({"business_day": "2026-11-24", "shift": "night"}), 404, "shift.not_found", Value::Null),
        (json!({"business_day": "9999-12-31", "shift": "early"}), 404, "shift.not_found", Value::Null),
        (json!({"business_day": "2026-11-31"}), 422, "body.invalid", json!("/business_day")),
        (json!({"business_day": "today"}), 422, "body.invalid", json!("/business_day")),
        (json!({"business_day": "2026-11-24"}), 422, "body.invalid", json!("/shift")),
        (json!({"force": true}), 422, "body.invalid", json!("/force")),
    ];
    for (body, status, code, pointer) in cases {
        let (found, problem) = service.close(body.clone()).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{body} {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let (status, _) = service.get("/api/reports/shifts/2026-11-25/early").await;
    assert_eq!(status, 404, "it was not closed");
    let (status, problem) = service.get("/api/reports/shifts?cursor=orders.1").await;
    assert_eq!((status, &problem["code"]), (400, &json!("cursor.invalid")));
    assert_eq!(service.get("/api/shifts?at=1").await.0, 400);
    assert_eq!(service.store.as_ref().unwrap().last_shift_position().await.unwrap(), 0);
}
