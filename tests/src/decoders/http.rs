//! Requests to the HTTP service, through its router and with a store and a core behind it. Whatever is asked: no
//! handler panics, no answer is a failure of the server, and every refusal is a problem document with a code.
//!
//! Input: a request as text: method and target, headers, an empty line, the body. What is no request at all (the
//! business of the HTTP library) is passed over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use futures_util::StreamExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;
use wcs_api::ports::{Asked, Asking, Control, Figures, Gauges, Records, RecordsError, Told};
use wcs_api::shifts::Times;
use wcs_api::{Api, Limits, LiveHandle, Parts, StoreSlot, routes};
use wcs_core::{Core, Step};
use wcs_intake::Mapping;
use wcs_specs::{load_calendar, load_plant};
use wcs_store::{Address, Settings, Store};
use wcs_types::{Input, Nanos, OperatorId, OutputKind, Plant, Reply, Seq, Ticket, Verb};

use super::words_of;
use crate::fuzzing::{Bounds, Decoder, Outcome};

const PLANT: &str = include_str!("../../../configs/plant.toml");
const NOW_MS: i64 = 1_700_000_000_000;
/// Bytes of an answer that are read: what comes behind is a stream without an end.
const BODY_READ_MAX: usize = 1 << 20;

pub(super) const REQUESTS: Decoder = Decoder {
    name: "http",
    reads: "requests to the HTTP service",
    seeds,
    words: || {
        words_of(
            &ASKED.concat(),
            &[
                "{",
                "}",
                "[",
                "]",
                "\"",
                ":",
                ",",
                "null",
                "true",
                "-1",
                "1e999",
                "\\u0000",
                "\\ud800",
                "{}",
                "[]",
                "%00",
                "%ff",
                "%2F",
                "?",
                "&",
                "=",
                "limit=",
                "cursor=",
                "position=1",
                "from=2026-01-31T09:00:00Z",
                "\n\n",
                "Idempotency-Key: k",
                "Accept-Language: ko",
                "Content-Type: text/csv",
                "Last-Event-ID: 1-0",
                "PUT",
                "OPTIONS",
            ],
        )
    },
    size_max: 4_096,
    cases: 150,
    answers_min: 16,
    bounds: Bounds { held: 16 << 20, held_per_byte: 400, allocations: 150_000, allocations_per_byte: 60 },
    bench: || {
        let service = Service::start();
        Box::new(move |input| service.check(input))
    },
};

/// What a day is made of, in an order in which it can be asked.
const ASKED: [&str; 46] = [
    "POST /api/orders\n{\"orders\":[{\"number\":\"a\",\"priority\":5,\"due_at\":\"2026-01-31T09:00:00Z\",\"customer\":\"c\",\"lines\":[{\"sku\":\"s1\",\"quantity\":2,\"description\":\"d\"},{\"sku\":\"s2\",\"quantity\":1}]}]}",
    "POST /api/orders\n{\"orders\":[{\"number\":\"b\",\"owner\":\"w\",\"lines\":[{\"line\":7,\"sku\":\"s1\",\"quantity\":3}]}]}",
    "POST /api/orders/receive?mapping=retail\nContent-Type: text/csv\n\nInvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n536365,85123A,HOLDER,6,x,2.55,17850,UK\n",
    "POST /api/batches\n{\"line\":\"sorter1\",\"reference\":\"wave 1\",\"chutes\":4,\"orders\":[{\"number\":\"a\"}]}",
    "POST /api/batches\n{\"line\":\"sorter1\",\"identify\":\"sku\",\"select\":{\"priority_min\":1,\"due_by\":\"2026-01-31T09:00:00Z\"}}",
    "POST /api/batches/1/orders\n{\"orders\":[{\"number\":\"b\",\"owner\":\"w\"}]}",
    "POST /api/batches/1/finish-receiving\n",
    "POST /api/batches/1/assign\n{\"by\":\"volume\"}",
    "POST /api/batches/1/assign\n{\"by\":\"first_scan\"}",
    "POST /api/batches/1/assign\n{\"by\":\"table\",\"table\":[{\"number\":\"a\",\"chute\":\"order-1\"}]}",
    "POST /api/batches/1/assign\n{\"by\":\"rules\",\"rules\":[{\"chute\":\"order-1\",\"customer\":\"c\"}]}",
    "POST /api/batches/1/start\n{\"line\":\"sorter1\"}",
    "POST /api/batches/1/pause\n",
    "POST /api/batches/1/resume\n",
    "POST /api/batches/1/cancel-start\n",
    "POST /api/batches/1/close\n{\"force\":true}",
    "POST /api/batches/1/cancel\n",
    "POST /api/orders/-/a/cancel\nIdempotency-Key: k1\n\n",
    "POST /api/exceptions/scan\n{\"line\":\"sorter1\",\"label\":\"a/1\"}",
    "POST /api/exceptions/confirm\n{\"line\":\"sorter1\",\"label\":\"a/1\",\"chute\":\"order-1\"}",
    "POST /api/chutes/order-1/close\n",
    "POST /api/chutes/order-1/open\n",
    "POST /api/chutes/order-1/close-box\n",
    "POST /api/chutes/order-1/bind-box\n{\"box\":\"box 1\"}",
    "POST /api/chutes/order-1/confirm-empty\n",
    "POST /api/lines/sorter1/hold\n",
    "POST /api/lines/sorter1/release\n",
    "POST /api/lines/sorter1/start\n",
    "POST /api/lines/sorter1/drain\n",
    "POST /api/lines/sorter1/inductions/1/hold\n",
    "POST /api/shifts/close\n{\"business_day\":\"2023-11-14\",\"shift\":\"late\"}",
    "GET /api/orders?state=received&limit=2&order=desc\n",
    "GET /api/orders/-/a?position=0\nAccept-Language: ko\n\n",
    "GET /api/orders/w/b/loads\n",
    "GET /api/batches?state=sorting&line=sorter1\n",
    "GET /api/batches/1/results.csv\n",
    "GET /api/batches/1/missing?limit=10\n",
    "GET /api/chutes?line=sorter1&state=free\n",
    "GET /api/exceptions?state=open\n",
    "GET /api/loads?label=a%2F1\n",
    "GET /api/loads/0-1-7\n",
    "GET /api/events?after=1-0&types=load.ended\nLast-Event-ID: 1-0\n\n",
    "GET /api/skus?q=s\n",
    "GET /api/reports/shifts/2023-11-14/late\n",
    "GET /api/shifts\n",
    "GET /metrics\n",
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = ASKED.iter().map(|asked| asked.as_bytes().to_vec()).collect();
    for path in documented() {
        seeds.push(format!("GET {path}\n").into_bytes());
        seeds.push(format!("POST {path}\n{{}}").into_bytes());
    }
    seeds
}

/// Every path the service documents, with something in place of what may stand there.
fn documented() -> Vec<String> {
    let service = Service::start();
    let asked = asked("GET /api/openapi.json\n".as_bytes()).expect("it is a request");
    let (_, _, body) = service.runtime.block_on(service.send(asked)).expect("the service answers");
    let document: Value = serde_json::from_slice(&body).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("it has paths").keys();
    let filled = |path: &String| {
        let known = [
            ("{batch}", "1"),
            ("{owner}", "-"),
            ("{number}", "a"),
            ("{line}", "sorter1"),
            ("{chute}", "order-1"),
            ("{induction}", "1"),
            ("{business_day}", "2023-11-14"),
            ("{shift}", "late"),
            ("{load}", "0-1-7"),
            ("{name}", "http"),
        ];
        known.iter().fold(path.clone(), |path, (place, value)| path.replace(place, value))
    };
    paths.map(filled).collect()
}

/// The request an input says, where it is one.
fn asked(input: &[u8]) -> Option<Request<Body>> {
    let (line, rest) = split_line(input);
    let line = std::str::from_utf8(line).ok()?;
    let (method, target) = line.split_once(' ')?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let target: Uri = target.trim().parse().ok()?;
    let mut request = Request::builder().method(method).uri(target);
    let mut body = rest;
    let mut has_type = false;
    // Without headers the body follows at once.
    if let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n")
        && !rest.starts_with(b"{")
    {
        body = &rest[end + 2..];
        for header in rest[..end].split(|byte| *byte == b'\n') {
            let mut parts = header.splitn(2, |byte| *byte == b':');
            let (name, value) = (parts.next()?, parts.next()?.trim_ascii());
            has_type |= name.eq_ignore_ascii_case(b"content-type");
            request = request.header(name, value);
        }
    }
    if !has_type && !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Body::from(body.to_vec())).ok()
}

fn split_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

/// The core itself behind the service: what it is asked is on its disk at once.
struct CoreAtHand(Mutex<(Core, Step)>);

impl Control for CoreAtHand {
    fn ask(&self, operator: OperatorId, verb: Verb) -> Asking<'_> {
        let (core, step) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = core.now() + Nanos::from_millis(5);
        let input = Input::Verb { operator, ticket: Ticket(1), verb };
        core.handle(now, Nanos::from_millis(5), &input, None, step);
        let reply = step.outputs.iter().find_map(|output| match &output.what {
            OutputKind::Reply(reply) => Some(reply.clone()),
            _ => None,
        });
        let asked =
            Asked { reply: reply.unwrap_or(Reply::Done), position: core.seq(), facts: step.facts.to_vec() };
        Box::pin(std::future::ready(Ok(asked)))
    }
}

struct Nothing;

impl Records for Nothing {
    fn durable(&self) -> Seq {
        Seq(0)
    }

    fn read(&self, _: Seq, _: &mut dyn FnMut(&Told) -> bool) -> Result<(), RecordsError> {
        Ok(())
    }
}

impl Figures for Nothing {
    fn collect(&self, _: &mut dyn Gauges) {}
}

struct Service {
    router: Router,
    runtime: tokio::runtime::Runtime,
    /// Where the store is, as long as the service is there.
    _folder: TempDir,
}

impl Service {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime of one thread can be had");
        let folder = tempfile::tempdir().expect("there is room for a store");
        let plant: Plant = load_plant(PLANT, "plant.toml").expect("the sample plant is sound");
        let calendar = load_calendar(PLANT, "plant.toml").expect("the sample plant is sound");
        let settings = Settings::patient(Address::Sqlite(folder.path().join("store.db")));
        let router = runtime.block_on(async {
            let store = Store::open(&settings, NOW_MS).await.expect("a store can be made in an empty folder");
            store.set_chutes(&plant).await.expect("the store takes the plant");
            let plant = Arc::new(plant);
            let core = Core::new(plant.as_ref().clone());
            routes(Api::new(Parts {
                times: Times::new(&calendar).expect("the sample calendar is sound"),
                store: StoreSlot::of(store),
                control: Arc::new(CoreAtHand(Mutex::new((core, Step::default())))),
                records: Arc::new(Nothing),
                figures: Arc::new(Nothing),
                live: LiveHandle::new(Arc::clone(&plant)),
                mappings: BTreeMap::from([("retail".to_owned(), Mapping::retail())]),
                limits: Limits::default(),
                now_ms: Arc::new(|| NOW_MS),
                plant,
            }))
        });
        Self { router, runtime, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Result<(StatusCode, HeaderMap, Vec<u8>), String> {
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (head, body) = response.into_parts();
        let mut bytes = Vec::new();
        let is_stream = is(&head.headers, "text/event-stream");
        let mut parts = body.into_data_stream();
        // A stream has no end: that it begins is enough.
        while !is_stream && let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(|error| format!("the answer breaks off: {error}"))?);
            if bytes.len() > BODY_READ_MAX {
                return Err(format!("an answer of more than {BODY_READ_MAX} bytes"));
            }
        }
        Ok((head.status, head.headers, bytes))
    }

    fn check(&self, input: &[u8]) -> Outcome {
        let Some(request) = asked(input) else { return Ok("no request".to_owned()) };
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (status, headers, body) = self.runtime.block_on(self.send(request))?;
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(format!("{method} {status}"));
        }
        // The answer to a head has no body, as the protocol wants it.
        if method == Method::HEAD {
            return Ok(format!("HEAD {status}"));
        }
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let code = document["code"].as_str().unwrap_or_default().to_owned();
        let shown = String::from_utf8_lossy(&body);
        if !is(&headers, "application/problem+json") || code.is_empty() {
            return Err(format!("{method} {path} is {status} without a problem document: {shown}"));
        }
        if document["status"].as_u64() != Some(status.as_u16().into()) {
            return Err(format!("{status} and its document differ: {shown}"));
        }
        // The store is behind the record that is asked for: to come again is the answer, and no failure.
        let comes_again = code == "position.ahead" && headers.contains_key(header::RETRY_AFTER);
        if status.is_server_error() && !comes_again {
            return Err(format!("{method} {path} is {status}: {shown}"));
        }
        Ok(format!("{status} {code}"))
    }
}

fn is(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(kind.as_bytes()))
}
