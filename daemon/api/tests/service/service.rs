//! A service for one test: its store in a folder of its own, a played core that keeps the verbs it was asked, and
//! requests in one line.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tower::ServiceExt;
use wcs_api::ports::{AskError, Asked, Asking, Control, Figures, Gauges, Records, RecordsError, Told};
use wcs_api::shifts::Times;
use wcs_api::{Api, Limits, LiveHandle, Parts, StoreSlot, routes};
use wcs_intake::Mapping;
use wcs_store::{Address, Settings, Store};
use wcs_types::*;

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// How a played core answers a verb.
type Answering = dyn FnMut(&Verb) -> Result<(Reply, Vec<Fact>), AskError> + Send;

/// A core that does what it is asked, unless the test says otherwise.
pub(crate) struct Played {
    pub(crate) verbs: Mutex<Vec<Verb>>,
    answering: Mutex<Box<Answering>>,
}

impl Played {
    fn new() -> Self {
        Self { verbs: Mutex::default(), answering: Mutex::new(Box::new(|_| Ok((Reply::Done, Vec::new())))) }
    }

    pub(crate) fn answers(
        &self,
        answering: impl FnMut(&Verb) -> Result<(Reply, Vec<Fact>), AskError> + Send + 'static,
    ) {
        *self.answering.lock().unwrap() = Box::new(answering);
    }

    /// The verbs asked since the last call.
    pub(crate) fn taken(&self) -> Vec<Verb> {
        std::mem::take(&mut self.verbs.lock().unwrap())
    }
}

impl Control for Played {
    fn ask(&self, _: OperatorId, verb: Verb) -> Asking<'_> {
        let answer = (self.answering.lock().unwrap())(&verb);
        let mut verbs = self.verbs.lock().unwrap();
        verbs.push(verb);
        let position = Seq(verbs.len() as u64);
        let answer = answer.map(|(reply, facts)| Asked { reply, position, facts });
        Box::pin(std::future::ready(answer))
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

pub(crate) struct Service {
    pub(crate) core: Arc<Played>,
    pub(crate) store: Store,
    pub(crate) api: Api,
    router: Router,
    folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub(crate) fn with(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The problem of this status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.with(status);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            (body["status"].as_u64(), body["code"].as_str()),
            (Some(u64::from(status)), Some(code)),
            "{body}"
        );
        body
    }
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default(), plant(8)).await
    }

    pub(crate) async fn with(limits: Limits, plant: Plant) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("store.db"));
        let settings = Settings { patience: Duration::from_secs(20), ..Settings::new(address) };
        let store = Store::open(&settings, NOW_MS).await.unwrap();
        let plant = Arc::new(plant);
        store.set_chutes(&plant).await.unwrap();
        let core = Arc::new(Played::new());
        let api = Api::new(Parts {
            times: Times::new(&Calendar::default()).unwrap(),
            store: StoreSlot::of(store.clone()),
            control: Arc::clone(&core) as Arc<dyn Control>,
            records: Arc::new(Nothing),
            figures: Arc::new(Nothing),
            live: LiveHandle::new(Arc::clone(&plant)),
            mappings: BTreeMap::from([("retail".to_owned(), Mapping::retail())]),
            limits,
            now_ms: Arc::new(|| NOW_MS),
            plant,
        });
        Self { core, store, router: routes(api.clone()), api, folder }
    }

    /// Plays the projector: writes a column that the journal owns.
    pub(crate) async fn projected(&self, sql: &'static str) {
        let path = self.folder.path().join("store.db");
        let mut connection = SqliteConnection::connect(&path.display().to_string()).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    /// Posts JSON; null is no body.
    pub(crate) async fn post(&self, uri: &str, body: Value) -> Answer {
        self.send(post(uri, body)).await
    }

    pub(crate) async fn post_csv(&self, uri: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(uri).header(header::CONTENT_TYPE, "text/csv");
        self.send(request.body(body.into()).unwrap()).await
    }
}

pub(crate) fn post(uri: &str, body: Value) -> Request<Body> {
    let request = Request::post(uri);
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
}

/// One line with this many order chutes.
pub(crate) fn plant(chutes: u16) -> Plant {
    let chute = |name: String, kind, lane| ChuteSpec {
        id: name,
        line: LineId(0),
        kind,
        lanes: [LaneNo(lane)].into_iter().collect(),
    };
    let mut all: Vec<ChuteSpec> =
        (1..=chutes).map(|number| chute(format!("c{number}"), ChuteKind::Order, number)).collect();
    all.push(chute("no_read".to_owned(), ChuteKind::NoRead, chutes + 1));
    all.push(chute("exception".to_owned(), ChuteKind::Exception, chutes + 2));
    Plant {
        id: "test".to_owned(),
        time_zone: "Asia/Seoul".to_owned(),
        day_start_minute: 0,
        links: vec![LinkSpec {
            id: "plc1".to_owned(),
            endpoint: "127.0.0.1:1502".to_owned(),
            transport: plant::Transport::ModbusTcp,
        }],
        lines: vec![LineSpec {
            id: "sorter1".to_owned(),
            kind: LineKind::Sorter,
            profile: "wcs-sorter-hs".to_owned(),
            link: LinkId(0),
            unit_id: 1,
            lane_max: LaneNo(chutes + 2),
            blocks: plant::BlockBases::default(),
        }],
        chutes: all,
    }
}
