//! The service while there is no store at all: what is running is shown, people can do what they do at a line, and
//! loads are explained out of the journal.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Value, json};
use wcs_types::*;

use crate::fixture::{Service, Story, code, key};
use crate::state::STREAMS_MAX;

const CHUTE: ChuteId = ChuteId(0);

/// Two loads: one sorted over a chute that was bound before it came, one that went to exception; a third is on the belt.
fn day() -> Story {
    let mut story = Story::new();
    story.ready();
    story.start_batch(1, &[("A", "600/1", 1), ("A", "600/2", 1), ("B", "600/3", 1)]);
    story.bind(1, "A", CHUTE);
    story.fact(Fact::PermitChanged { line: LineId(0), is_permitted: true });
    story.scan(7, "600/1", Some((1, 0, CHUTE, LaneNo(1))));
    story.scan(8, "600/2", None);
    story.exit(7, "600/1", Some((1, 0)), 1, Outcome::Sorted, Reason::FirstChoice, LaneNo(1));
    story.exit(8, "600/2", None, 0, Outcome::Exception, Reason::LaneFull, LaneNo(5));
    story.scan(9, "600/9", None);
    story
}

#[tokio::test]
async fn a_line_shows_what_it_does() {
    let service = Service::of(&day());
    let (status, lines) = service.get("/api/lines").await;
    assert_eq!(status, 200, "{lines}");
    let line = &lines["items"][0];
    assert_eq!(line["id"], "sorter1");
    assert_eq!(line["link"]["state"], "ready");
    assert_eq!(line["machine"]["state"], "execute");
    assert_eq!(line["is_permitted"], true);
    assert_eq!(line["loads_on_belt"], 1);
    assert_eq!(line["batches"][0]["done"], 1);
    assert_eq!(line["batches"][0]["state"], "running");
    assert_eq!(line["totals"]["seen"], 3);
    let (status, one) = service.get("/api/lines/sorter1").await;
    assert_eq!((status, &one), (200, line));
    let (status, problem) = service.get("/api/lines/sorter9").await;
    assert_eq!((status, &problem["code"]), (404, &json!("line.not_found")));
    let (status, problem) = service.get("/api/lines?more=1").await;
    assert_eq!((status, &problem["code"]), (400, &json!("query.invalid")));
    let (status, problem) = service.get("/api/lines?position=999").await;
    assert_eq!((status, &problem["code"]), (202, &json!("position.ahead")));
}

#[tokio::test]
async fn a_machine_that_is_stopped_is_brought_to_idle_before_it_starts() {
    let mut story = day();
    let service = Service::of(&story);
    let line = LineId(0);
    let command = |command| Verb::Line { line, command };
    let (status, done) = service.post("/api/lines/sorter1/start", Value::Null).await;
    assert_eq!((status, &done["position"]), (200, &json!(77)));
    assert_eq!(service.core.taken(), [command(UnitCommand::Start)]);
    story.state(MachineState::STOPPED, 0);
    service.go_on(&story);
    service.post("/api/lines/sorter1/start", Value::Null).await;
    assert_eq!(service.core.taken(), [command(UnitCommand::Reset), command(UnitCommand::Start)]);
    service.post("/api/lines/sorter1/stop", Value::Null).await;
    assert_eq!(service.core.taken(), [command(UnitCommand::Stop)]);
    let (status, problem) = service.post("/api/lines/sorter1/stop", json!({})).await;
    assert_eq!((status, &problem["code"]), (400, &json!("body.unexpected")));
    assert_eq!(service.core.taken(), []);
}

#[tokio::test]
async fn chutes_come_in_pages_with_what_they_hold() {
    let service = Service::of(&day());
    let (_, page) = service.get("/api/chutes?limit=3").await;
    let names: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["order-1", "order-2", "no_read"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, rest) = service.get(&format!("/api/chutes?cursor={cursor}")).await;
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!("exception"), &Value::Null));
    let (_, chute) = service.get("/api/chutes/order-1").await;
    assert_eq!(chute["state"], "bound");
    assert_eq!(
        (&chute["bound"]["order"], &chute["bound"]["done"], &chute["bound"]["planned"]),
        (&json!("A"), &json!(1), &json!(2))
    );
    assert_eq!((&chute["box"]["pieces"], &chute["loads_on_way"]), (&json!(1), &json!(0)));
    *service.core.refusal.lock().unwrap() = Some(VerbRefusal::NotClosing);
    let (status, problem) = service.post("/api/chutes/order-1/confirm-empty", Value::Null).await;
    assert_eq!((status, &problem["code"]), (409, &json!("chute.not_closing")));
    assert_eq!(service.core.taken(), [Verb::ConfirmEmpty { chute: CHUTE }]);
}

#[tokio::test]
async fn people_hold_lines_and_handle_boxes() {
    let mut story = day();
    story.fact(Fact::LineHeld { line: LineId(0) });
    story.fact(Fact::InductionHeld { line: LineId(0), induction: 3 });
    story.fact(Fact::BoxBound { chute: CHUTE, code: code("box 9") });
    let service = Service::of(&story);
    let (_, line) = service.get("/api/lines/sorter1").await;
    assert_eq!((&line["is_held"], &line["inductions_held"]), (&json!(true), &json!([3])));
    let (_, chute) = service.get("/api/chutes/order-1").await;
    assert_eq!(chute["box"]["code"], "box 9");
    let line = LineId(0);
    for (uri, body, verb) in [
        ("/api/lines/sorter1/hold", Value::Null, Verb::Hold { line }),
        ("/api/lines/sorter1/release", Value::Null, Verb::Release { line }),
        ("/api/lines/sorter1/inductions/2/hold", Value::Null, Verb::HoldInduction { line, induction: 2 }),
        (
            "/api/lines/sorter1/inductions/2/release",
            Value::Null,
            Verb::ReleaseInduction { line, induction: 2 },
        ),
        ("/api/chutes/order-1/close-box", Value::Null, Verb::CloseBox { chute: CHUTE }),
        ("/api/chutes/order-1/close", Value::Null, Verb::CloseChute { chute: CHUTE }),
        ("/api/chutes/order-1/open", Value::Null, Verb::OpenChute { chute: CHUTE }),
        (
            "/api/chutes/order-1/bind-box",
            json!({ "code": "box 10" }),
            Verb::BindBox { chute: CHUTE, code: code("box 10") },
        ),
    ] {
        let (status, done) = service.post(uri, body).await;
        assert_eq!((status, &done), (200, &json!({ "position": 77 })), "{uri}");
        assert_eq!(service.core.taken(), [verb], "{uri}");
    }
    for (refusal, status, wanted) in [
        (VerbRefusal::UnknownInduction { highest: 15 }, 404, "induction.not_found"),
        (VerbRefusal::NoBox, 409, "box.none"),
        (VerbRefusal::BoxStands, 409, "box.stands"),
        (VerbRefusal::BoxTaken { chute: ChuteId(1) }, 409, "box.taken"),
        (VerbRefusal::MustStayOpen, 409, "chute.must_stay_open"),
    ] {
        *service.core.refusal.lock().unwrap() = Some(refusal);
        let (found, problem) = service.post("/api/chutes/order-1/close-box", Value::Null).await;
        assert_eq!((found, &problem["code"]), (status, &json!(wanted)));
    }
    let (status, problem) = service.post("/api/lines/sorter1/inductions/x/hold", Value::Null).await;
    assert_eq!((status, &problem["code"]), (400, &json!("path.invalid")));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_drained_lists_what_is_left() {
    let service = Service::of(&day());
    let (status, left) = service.post("/api/lines/sorter1/drain", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!((&left["is_empty"], &left["loads_on_belt"]), (&json!(false), &json!(1)));
    assert_eq!((&left["leftovers"][0]["planned"], &left["leftovers"][0]["done"]), (&json!(3), &json!(1)));
    assert_eq!(service.core.taken(), [Verb::Hold { line: LineId(0) }]);
}

#[tokio::test]
async fn the_exception_station_answers_and_books() {
    let service = Service::of(&day());
    let (_, page) = service.get("/api/exceptions").await;
    let row = &page["items"][0];
    assert_eq!(
        (&row["load"], &row["reason"], &row["chute"]),
        (&json!("0-1-8"), &json!("lane_full"), &json!("exception"))
    );
    assert_eq!(row["action"]["code"], "change_box");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let (_, none) = service.get("/api/exceptions?reason=no_read").await;
    assert_eq!(none["items"], json!([]));
    let (status, _) = service.get("/api/exceptions?reason=nonsense").await;
    assert_eq!(status, 400);

    let (status, answer) = service.post("/api/exceptions/scan", json!({ "label": "600/2" })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["chute"], &answer["may_confirm"]), (&json!("order-1"), &json!(true)));
    let booked = Fact::LoadHandSorted {
        load: key(8),
        label: code("600/2"),
        batch: BatchId(1),
        job: JobId(1),
        pieces: Pieces(1),
        chute: CHUTE,
    };
    service.core.facts.lock().unwrap().push(booked);
    let body = json!({ "label": "600/2", "chute": "order-1" });
    let (status, answer) = service.post("/api/exceptions/confirm", body).await;
    assert_eq!((status, &answer["load"], &answer["pieces"]), (200, &json!("0-1-8"), &json!(1)));
    let (line, label) = (LineId(0), code("600/2"));
    assert_eq!(service.core.taken(), [Verb::HandSort { line, label, chute: CHUTE }]);
    for (body, status, wanted) in [
        (json!({ "label": "" }), 422, "body.invalid"),
        (json!({ "label": "x".repeat(65) }), 422, "body.invalid"),
        (json!({ "label": "600/2", "line": "other" }), 404, "line.not_found"),
        (json!({ "label": 5 }), 422, "body.invalid"),
    ] {
        let (found, problem) = service.post("/api/exceptions/scan", body.clone()).await;
        assert_eq!((found, &problem["code"]), (status, &json!(wanted)), "{body}");
    }
}

#[tokio::test]
async fn a_load_is_explained_from_scan_to_outcome() {
    let service = Service::of(&day());
    let (status, load) = service.get("/api/loads/0-1-7").await;
    assert_eq!(status, 200, "{load}");
    assert_eq!((&load["load"]["outcome"], &load["load"]["chute"]), (&json!("sorted"), &json!("order-1")));
    let kinds: Vec<&str> =
        load["timeline"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["scan", "decision", "load_seen", "exit", "load_ended"]);
    let pass = &load["why"]["passes"][0];
    assert_eq!(pass["scan"]["codes"], json!(["600/1"]));
    assert_eq!(
        (&pass["rejected"][0]["lane"], &pass["rejected"][0]["reason"]),
        (&json!(2), &json!("lane_full"))
    );
    assert_eq!((&pass["chosen"]["chute"], &pass["chosen"]["order"]), (&json!("order-1"), &json!("A")));
    // The binding is older than the load, and told all the same.
    assert_eq!((&pass["binding"]["position"], &pass["binding"]["order"]), (&json!(6), &json!("A")));
    assert_eq!(
        pass["deadline"],
        json!({ "slack_ms": 1000, "is_late": false, "is_late_by_self_stall": false, "late_ms": null })
    );
    assert_eq!((&pass["exit"]["lane"], &pass["exit"]["result"]), (&json!(1), &json!("first_choice")));
    assert_eq!(load["why"]["outcome"]["outcome"], "sorted");
    assert_eq!(
        load["why"]["text"]["en"],
        "+0.000 s: Scanned on sorter1: 600/1 (good). Passed over: lane 2 (lane_full). Rule chute_of_order: a load \
         goes to the chute of its order, to the first of its lanes that takes loads. Chute order-1 was bound to order A \
         in record 6, 2.000 s before. Lanes as they were reported last: lane 1 ready (record 1, 7.000 s before), lane 2 \
         ready (record 1, 7.000 s before). +0.000 s: Destination: chute order-1, lane 1, for order A, 1000 ms before it was \
         too late. +2.000 s: By then the machine had taken the destination, as record 10 tells. +2.000 s: It left at \
         lane 1 (first_choice) 4.2 s after the scan. +2.000 s: Outcome: sorted (first_choice), judged by the exit the \
         machine reported, record 10. Otherwise: nothing that was considered would have changed it; an answer more than \
         1000 ms later would have been too late."
    );
    assert!(load["why"]["text"]["ko"].as_str().unwrap().contains("order-1 슈트"));
    let (_, by_label) = service.get("/api/loads/600%2F1").await;
    assert_eq!(by_label, load);
    let (_, on_belt) = service.get("/api/loads/0-1-9").await;
    assert_eq!(on_belt["why"]["outcome"], Value::Null);
    assert!(on_belt["why"]["text"]["en"].as_str().unwrap().contains("It is on the belt."));
    for name in ["0-1-99", "nowhere"] {
        let (status, problem) = service.get(&format!("/api/loads/{name}")).await;
        assert_eq!((status, &problem["code"]), (404, &json!("load.not_found")), "{name}");
    }
}

#[tokio::test]
async fn why_answers_for_a_load_a_label_an_order_and_a_job() {
    let service = Service::unaware(&day());
    for (subject, kind, loads) in [
        ("0-1-7", "load", 1),
        ("load:0-1-7", "load", 1),
        ("600%2F1", "label", 1),
        ("A", "order", 1),
        ("order:-%2FA", "order", 1),
        ("1%2F0", "job", 1),
    ] {
        let (status, answer) = service.get(&format!("/api/why?subject={subject}")).await;
        assert_eq!(status, 200, "{subject}: {answer}");
        assert_eq!(answer["kind"], kind, "{subject}");
        assert!(answer["loads"].as_array().unwrap().len() >= loads, "{subject}: {answer}");
        assert!(
            answer["text"]["en"].as_str().unwrap().contains("load 0-1-7: sorted, first_choice; first seen "),
            "{answer}"
        );
    }
    let (_, order) = service.get("/api/why?subject=A").await;
    let pieces = &order["order"]["pieces"];
    let count = |name: &str| pieces[name].as_u64().unwrap();
    assert_eq!(count("missing"), count("ordered") - count("picked") - count("cancelled"), "{pieces}");
    assert_eq!(order["order"]["chutes"], json!(["order-1"]));
    for subject in ["nobody", "label:A", "load:A", "job:A", "order:600%2F1", "job:1%2F99", &"x".repeat(300)] {
        let (status, problem) = service.get(&format!("/api/why?subject={subject}")).await;
        assert_eq!((status, &problem["code"]), (404, &json!("load.not_found")), "{subject}");
    }
}

#[tokio::test]
async fn a_load_that_memory_forgot_is_searched_in_the_journal() {
    let story = day();
    let (aware, unaware) = (Service::of(&story), Service::unaware(&story));
    for name in ["0-1-8", "600%2F2"] {
        let (_, known) = aware.get(&format!("/api/loads/{name}")).await;
        let (status, searched) = unaware.get(&format!("/api/loads/{name}")).await;
        assert_eq!((status, &searched["load"]), (200, &Value::Null));
        assert_eq!(searched["timeline"], known["timeline"]);
        assert_eq!(searched["why"]["outcome"], known["why"]["outcome"]);
    }
}

#[tokio::test]
async fn what_a_store_says_it_does_not_have_is_not_searched() {
    let service = Service::unaware(&day());
    let folder = tempfile::tempdir().unwrap();
    let address = wcs_store::Address::Sqlite(folder.path().join("store.db"));
    service.store.fill(wcs_store::Store::open(&wcs_store::Settings::new(address), 0).await.unwrap());
    let (status, problem) = service.get("/api/loads/0-1-8").await;
    assert_eq!((status, &problem["code"]), (404, &json!("load.not_found")));
}

#[tokio::test]
async fn lists_of_loads_come_from_memory_while_there_is_no_store() {
    let service = Service::of(&day());
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|l| l["id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, belt) = service.get("/api/loads?on_belt=true").await;
    assert_eq!(ids(&belt), ["0-1-9"]);
    let (_, ended) = service.get("/api/loads").await;
    assert_eq!(ids(&ended), ["0-1-8", "0-1-7"]);
    let (_, sorted) = service.get("/api/loads?outcome=sorted").await;
    assert_eq!(ids(&sorted), ["0-1-7"]);
    let (_, labelled) = service.get("/api/loads?label=600%2F2").await;
    assert_eq!(ids(&labelled), ["0-1-8"]);
    let (status, problem) = service.get("/api/loads?outcome=gone").await;
    assert_eq!((status, &problem["code"]), (400, &json!("query.invalid")));
}

async fn stream(service: &Service, uri: &str, last: Option<&str>) -> Response {
    let mut request = Request::get(uri);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    service.send(request.body(Body::empty()).unwrap()).await
}

/// The ids of the next events of a stream.
async fn ids(response: &mut Response, count: usize) -> Vec<String> {
    let mut text = String::new();
    let body = std::mem::replace(response.body_mut(), Body::empty());
    let mut frames = body.into_data_stream();
    while text.matches("\n\n").count() < count {
        let frame = frames.next().await.expect("the stream goes on").unwrap();
        text.push_str(std::str::from_utf8(&frame).unwrap());
    }
    *response.body_mut() = Body::from_stream(frames);
    text.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_event_that_was_seen() {
    let mut story = day();
    let service = Service::of(&story);
    let mut all = stream(&service, "/api/events?after=0", None).await;
    assert_eq!(all.headers()["content-type"], "text/event-stream");
    let seen = ids(&mut all, 8).await;
    assert_eq!(seen, ["5.0", "6.0", "7.0", "8.0", "9.0", "10.0", "11.0", "12.0"]);
    let mut rest = stream(&service, "/api/events?after=0", Some("10.0")).await;
    assert_eq!(ids(&mut rest, 2).await, ["11.0", "12.0"]);
    // What happens next comes to both, and to one who asked for nothing before.
    let mut new = stream(&service, "/api/events", None).await;
    story.exit(9, "600/9", None, 0, Outcome::Exception, Reason::UnknownCode, LaneNo(5));
    service.go_on(&story);
    for stream in [&mut all, &mut rest, &mut new] {
        assert_eq!(ids(stream, 1).await, ["13.0"]);
    }
    service.live.stop();
    let mut frames = all.into_body().into_data_stream();
    assert!(frames.next().await.is_none(), "the stream ends when the daemon stops");
}

#[tokio::test]
async fn what_the_ring_never_held_is_read_from_the_journal() {
    let story = day();
    let service = Service::unaware(&story);
    service.live.add(&story.told()[..8], false);
    service.live.add(&story.told()[8..], true);
    let mut all = stream(&service, "/api/events?names=load_ended,load_seen", Some("0.0")).await;
    let seen = ids(&mut all, 5).await;
    assert_eq!(seen, ["8.0", "9.0", "10.0", "11.0", "12.0"]);
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let service = Service::of(&day());
    for last in ["x", "1.2.3", "-1"] {
        let response = stream(&service, "/api/events", Some(last)).await;
        assert_eq!(response.status(), 400, "{last}");
    }
    assert_eq!(stream(&service, "/api/events?after=x", None).await.status(), 400);
    assert_eq!(service.api.streams().available_permits(), STREAMS_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_disconnected() {
    let mut story = day();
    let service = Service::of(&story);
    let held = stream(&service, "/api/events", None).await;
    assert_eq!(service.api.streams().available_permits(), STREAMS_MAX - 1);
    for item in 100..400 {
        story.scan(item, "600/1", None);
    }
    service.go_on(&story);
    // Virtual time: nothing else is to be done, so it jumps to when the reader's patience ends.
    let place = service.api.streams().acquire_many(u32::try_from(STREAMS_MAX).unwrap()).await.unwrap();
    drop((place, held));
}

#[tokio::test]
async fn a_daemon_without_a_store_is_degraded_and_ready() {
    let service = Service::of(&day());
    let (status, ready) = service.get("/health/ready").await;
    assert_eq!((status, &ready["status"]), (200, &json!("degraded")));
    let state = |ready: &Value, part: &str| {
        let parts = ready["parts"].as_array().unwrap();
        parts.iter().find(|row| row["part"] == part).unwrap()["status"].clone()
    };
    assert_eq!((state(&ready, "core"), state(&ready, "store")), (json!("up"), json!("degraded")));
    let (status, health) = service.get("/actuator/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("UP")));
    assert_eq!(health["components"]["store"]["status"], "DOWN");
    assert_eq!(service.get("/health/live").await.0, 200);
    service.live.stop();
    assert_eq!(service.get("/health/ready").await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn a_core_that_stands_still_is_not_ready() {
    let service = Service::of(&day());
    service.process.is_still.store(true, Ordering::Relaxed);
    let (status, ready) = service.get("/health/ready").await;
    assert_eq!((status, &ready["status"]), (503, &json!("down")));
    let (status, health) = service.get("/actuator/health").await;
    assert_eq!((status, &health["components"]["core"]["status"]), (503, &json!("DOWN")));
    assert_eq!(service.get("/health/live").await.0, 200);
}

#[tokio::test]
async fn figures_are_told_by_name() {
    let service = Service::of(&day());
    service.get("/api/lines/sorter1").await;
    let (status, text) = service.get("/metrics").await;
    assert_eq!(status, 200);
    let text = text.as_str().unwrap();
    for line in [
        "wcs_loads_ended_total{line=\"sorter1\",outcome=\"exception\",reason=\"lane_full\"} 1",
        "wcs_loads_ended_total{line=\"sorter1\",outcome=\"sorted\",reason=\"first_choice\"} 1",
        "wcs_scans_total{line=\"sorter1\",read=\"good\"} 3",
        "wcs_scanner_read_rate{line=\"sorter1\"} 1",
        "wcs_exceptions_open 1",
        "wcs_alarms_open{code=\"link_down\"} 0",
        "wcs_batch_pieces{batch=\"1\",state=\"done\"} 1",
        "wcs_queue_depth{queue=\"records\"} 3",
        "http_requests_total{method=\"GET\",route=\"/api/lines/{line}\",status=\"200\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let (_, same) = service.get("/actuator/prometheus").await;
    assert!(same.as_str().unwrap().contains("wcs_exceptions_open 1"));
    let (_, names) = service.get("/actuator/metrics").await;
    assert!(names["names"].as_array().unwrap().contains(&json!("wcs_exceptions_open")));
    let (_, ended) = service.get("/actuator/metrics/wcs_loads_ended_total").await;
    assert_eq!(ended["measurements"], json!([{ "statistic": "COUNT", "value": 2.0 }]));
    let (_, one) = service.get("/actuator/metrics/wcs_loads_ended_total?tag=outcome:sorted").await;
    assert_eq!(one["measurements"][0]["value"], 1.0);
    for uri in ["/actuator/metrics/none", "/actuator/metrics/wcs_loads_ended_total?tag=outcome:none"] {
        let (status, problem) = service.get(uri).await;
        assert_eq!((status, &problem["code"]), (404, &json!("metric.not_found")), "{uri}");
    }
}

#[tokio::test]
async fn alarms_say_what_to_do() {
    let mut story = day();
    let key = AlarmKey { code: AlarmCode::SafetyStop, line: Some(LineId(0)), chute: None, detail: 0 };
    story.fact(Fact::AlarmRaised(key));
    let service = Service::of(&story);
    let (_, alarms) = service.get("/api/alarms").await;
    let alarm = &alarms["items"][0];
    assert_eq!((&alarm["code"], &alarm["line"]), (&json!("safety_stop"), &json!("sorter1")));
    assert_eq!(alarm["action"]["code"], "reset_at_machine");
    assert_eq!(service.get("/api/lines/sorter1").await.1["alarms"][0], *alarm);
}

/// Three alarms of the machine, and one of a chute; operator 5 has shelved the last.
fn alarms() -> (Story, [AlarmId; 4]) {
    let mut story = day();
    let key = |code, chute, detail| AlarmKey { code, line: Some(LineId(0)), chute, detail };
    let keys = [
        key(AlarmCode::Device, None, 11),
        key(AlarmCode::Device, None, 12),
        key(AlarmCode::ChuteConflict, Some(CHUTE), 0),
        key(AlarmCode::Device, None, 13),
    ];
    let ids = keys.map(|key| {
        story.fact(Fact::AlarmRaised(key));
        AlarmId::new(story.told().last().unwrap().record.seq, 0)
    });
    let now = story.told().last().unwrap().record.now;
    let (until, operator) = (now + Nanos::from_secs(600), OperatorId(5));
    story.fact(Fact::AlarmShelved { alarm: ids[3], until, operator });
    (story, ids)
}

#[tokio::test]
async fn the_first_alarm_stands_in_front_and_lists_are_filtered() {
    let (story, ids) = alarms();
    let service = Service::of(&story);
    let ids = ids.map(|id| id.0);
    let listed = async |query: &str| {
        let (status, page) = service.get(&format!("/api/alarms?{query}")).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ids);
    assert_eq!(listed("headline=true").await, [ids[0], ids[2]]);
    assert_eq!(listed("headline=false").await, [ids[1], ids[3]]);
    assert_eq!(listed("state=shelved").await, [ids[3]]);
    assert_eq!(listed("state=unacknowledged&line=sorter1").await, ids[..3]);
    assert_eq!(listed("priority=critical").await, [0_u64; 0]);
    assert_eq!(listed("up=false").await, [0_u64; 0]);
    let (_, page) = service.get("/api/alarms?limit=3").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(listed(&format!("limit=3&cursor={cursor}")).await, [ids[3]]);
    let (_, first) = service.get(&format!("/api/alarms/{}", ids[0])).await;
    assert_eq!((&first["grouped"], &first["is_headline"]), (&json!(1), &json!(true)));
    assert_eq!((&first["priority"], &first["detail"]), (&json!("medium"), &json!(11)));
    let (_, second) = service.get(&format!("/api/alarms/{}", ids[1])).await;
    assert_eq!((&second["under"], &second["is_headline"]), (&json!(ids[0]), &json!(false)));
    let (_, shelved) = service.get(&format!("/api/alarms/{}", ids[3])).await;
    assert_eq!((&shelved["state"], &shelved["shelved"]["operator"]), (&json!("shelved"), &json!(5)));
    for (query, code) in
        [("state=up", "query.invalid"), ("priority=1", "query.invalid"), ("line=x", "line.not_found")]
    {
        let (_, problem) = service.get(&format!("/api/alarms?{query}")).await;
        assert_eq!(problem["code"], code, "{query}");
    }
    let (status, problem) = service.get("/api/alarms/1").await;
    assert_eq!((status, &problem["code"]), (404, &json!("alarm.not_found")));
}

#[tokio::test]
async fn people_handle_alarms() {
    let (story, ids) = alarms();
    let service = Service::of(&story);
    let alarm = ids[0];
    let text = "looked at".to_owned();
    for (what, body, verb) in [
        ("acknowledge", Value::Null, Verb::AcknowledgeAlarm { alarm }),
        ("shelve", json!({ "minutes": 30 }), Verb::ShelveAlarm { alarm, span: Nanos::from_secs(1_800) }),
        ("unshelve", Value::Null, Verb::UnshelveAlarm { alarm }),
        ("assign", json!({ "operator": 42 }), Verb::AssignAlarm { alarm, to: Some(OperatorId(42)) }),
        ("assign", json!({ "operator": null }), Verb::AssignAlarm { alarm, to: None }),
        ("comment", json!({ "text": text }), Verb::CommentAlarm { alarm, text: text.clone() }),
    ] {
        let (status, done) = service.post(&format!("/api/alarms/{}/{what}", alarm.0), body).await;
        assert_eq!((status, &done), (200, &json!({ "position": 77 })), "{what}");
        assert_eq!(service.core.taken(), [verb], "{what}");
    }
    for (what, body) in [
        ("shelve", json!({ "minutes": 0 })),
        ("shelve", json!({ "minutes": 1_441 })),
        ("comment", json!({ "text": "" })),
        ("comment", json!({ "text": "x".repeat(257) })),
    ] {
        let (status, problem) = service.post(&format!("/api/alarms/{}/{what}", alarm.0), body).await;
        assert_eq!((status, &problem["code"]), (422, &json!("body.invalid")), "{what}");
        assert_eq!(service.core.taken(), [], "{what}");
    }
    for (refusal, status, wanted) in [
        (VerbRefusal::UnknownAlarm, 404, "alarm.not_found"),
        (VerbRefusal::AlarmShelved, 409, "alarm.shelved"),
        (VerbRefusal::MayNotBeShelved, 409, "alarm.not_shelvable"),
        (VerbRefusal::TooManyComments, 409, "alarm.comments_full"),
    ] {
        *service.core.refusal.lock().unwrap() = Some(refusal);
        let (found, problem) =
            service.post(&format!("/api/alarms/{}/acknowledge", alarm.0), Value::Null).await;
        assert_eq!((found, &problem["code"]), (status, &json!(wanted)));
        assert_eq!(problem["alarm"], alarm.0);
        service.core.taken();
    }
}

#[tokio::test]
async fn nothing_that_is_served_stands_for_a_safety_function() {
    let service = Service::of(&Story::new());
    let (status, document) = service.get("/api/openapi.json").await;
    assert_eq!(status, 200);
    let paths = document["paths"].as_object().unwrap();
    for path in ["/api/lines/{line}/start", "/api/loads/{load}", "/api/events", "/metrics", "/health/ready"] {
        assert!(paths.contains_key(path), "{path}");
    }
    for path in paths.keys() {
        for word in ["reset", "emergency", "estop", "e-stop", "mut", "safety"] {
            assert!(!path.split(['/', '-']).any(|part| part.starts_with(word)), "{path}");
        }
    }
    // A machine that is not ready is no problem document.
    for path in ["/health/ready", "/actuator/health"] {
        let content = &document["paths"][path]["get"]["responses"]["503"]["content"];
        assert!(content.get("application/json").is_some(), "{path}: {content}");
    }
    let viewer = service.send(Request::get("/api/docs/").body(Body::empty()).unwrap()).await;
    assert_eq!(viewer.status(), 200);
}
