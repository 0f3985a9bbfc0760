//! What tests of this crate share: a small plant, records told by hand as the core would write them, and a service
//! over them that has no store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt;
use wcs_types::*;

use crate::live::feed::LiveHandle;
use crate::ports::{Asked, Asking, Control, Figures, Gauges, Records, RecordsError, Told};
use crate::server::routes;
use crate::shifts::Times;
use crate::state::{Api, Limits, Parts, StoreSlot};

/// Milliseconds at which the first record was written.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// One line with two chutes for orders (three lanes), one for what is not read and one for exceptions.
pub(crate) fn plant() -> Plant {
    let chute = |id: &str, kind, lanes: &[u16]| ChuteSpec {
        id: id.to_owned(),
        line: LineId(0),
        kind,
        lanes: lanes.iter().map(|lane| LaneNo(*lane)).collect(),
    };
    Plant {
        id: "test".to_owned(),
        time_zone: "UTC".to_owned(),
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
            lane_max: LaneNo(5),
            blocks: plant::BlockBases::default(),
        }],
        chutes: vec![
            chute("order-1", ChuteKind::Order, &[1]),
            chute("order-2", ChuteKind::Order, &[2, 3]),
            chute("no_read", ChuteKind::NoRead, &[4]),
            chute("exception", ChuteKind::Exception, &[5]),
        ],
    }
}

pub(crate) fn code(text: &str) -> Code {
    Code::from_bytes(text.as_bytes()).unwrap()
}

pub(crate) fn key(item: u32) -> LoadKey {
    LoadKey { line: LineId(0), plc_epoch: Epoch(1), item }
}

/// Records in the order in which they come about, one second apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    told: Vec<Told>,
    events: u16,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn told(&self) -> &[Told] {
        &self.told
    }

    pub(crate) fn records(&self) -> Arc<FakeRecords> {
        Arc::new(FakeRecords(Mutex::new(self.told.clone())))
    }

    pub(crate) fn order(&self, number: &str) -> OrderKey {
        OrderKey { owner: "-".to_owned(), number: number.to_owned() }
    }

    pub(crate) fn push(&mut self, input: Input, decisions: Vec<Decision>, facts: Vec<Fact>) {
        let seq = self.told.len() as u64 + 1;
        self.told.push(Told {
            unix_ms: START_MS + seq * 1_000,
            record: Record {
                seq: Seq(seq),
                now: MonoTime(seq * 1_000_000_000),
                gap: Nanos::ZERO,
                input,
                decisions,
                facts,
                hash: StateHash::default(),
            },
        });
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.push(input, vec![], vec![]);
    }

    pub(crate) fn fact(&mut self, fact: Fact) {
        self.push(Input::Timeout, vec![], vec![fact]);
    }

    pub(crate) fn verb(&mut self, verb: Verb, facts: Vec<Fact>) {
        let input = Input::Verb { operator: OperatorId(0), ticket: Ticket(1), verb };
        self.push(input, vec![], facts);
    }

    /// Jobs as (order, label, pieces).
    pub(crate) fn stage(&mut self, batch: u32, part: u16, jobs: &[(&str, &str, u32)]) {
        let spec = BatchSpec {
            batch: BatchId(batch),
            line: LineId(0),
            kind: BatchKind::Sort,
            identify: Identify::Lpn,
            assign: Assign::FirstScan,
            chute_limit: 0,
        };
        let jobs = (1..)
            .zip(jobs)
            .map(|(line_no, (order, label, pieces))| JobSpec {
                order: self.order(order),
                line_no,
                sku: SkuKey { owner: "-".to_owned(), code: format!("sku {label}") },
                quantity: Pieces(*pieces),
                codes: vec![code(label)],
                priority: 0,
                due_at: 0,
            })
            .collect();
        self.verb(Verb::Stage { spec, part, jobs }, vec![]);
    }

    /// Two records.
    pub(crate) fn start_batch(&mut self, batch: u32, jobs: &[(&str, &str, u32)]) {
        self.stage(batch, 0, jobs);
        self.fact(Fact::BatchStarted { batch: BatchId(batch) });
    }

    pub(crate) fn bind(&mut self, batch: u32, order: &str, chute: ChuteId) {
        let order = self.order(order);
        self.fact(Fact::ClassBound { batch: BatchId(batch), order, chute, is_rebound: false });
    }

    fn event(&mut self, item: u32, body: EventBody) -> Input {
        self.events += 1;
        Input::Sorter {
            line: LineId(0),
            event: SorterEvent {
                plc_epoch: Epoch(1),
                fifo_epoch: Epoch(1),
                seq: EventSeq(self.events),
                seq_last: EventSeq(self.events),
                item,
                station: 1,
                plc_tick_ms: 0,
                belt: BeltMm(1_000),
                body,
            },
        }
    }

    fn scan_input(&mut self, item: u32, label: &str) -> Input {
        let scan = ScanEvent {
            read: Read::Good,
            codes: [code(label)].into_iter().collect(),
            turns: 0,
            point: BeltMm(2_000),
            decide_by: MonoTime((self.told.len() as u64 + 2) * 1_000_000_000),
            is_retained: false,
            length: None,
            weight: None,
        };
        self.event(item, EventBody::Scan(scan))
    }

    /// A first scan; sent to a lane of a chute as (batch, job, chute, lane), or to the exception lane.
    pub(crate) fn scan(&mut self, item: u32, label: &str, sent: Option<(u32, u32, ChuteId, LaneNo)>) {
        self.scan_of(item, label, sent, None);
    }

    pub(crate) fn scan_again(&mut self, item: u32, label: &str, previous: LoadKey) {
        self.scan_of(item, label, None, Some(previous));
    }

    fn scan_of(
        &mut self,
        item: u32,
        label: &str,
        sent: Option<(u32, u32, ChuteId, LaneNo)>,
        previous: Option<LoadKey>,
    ) {
        let (destination, reason) = match sent {
            Some((batch, job, chute, lane)) => (
                Destination::Chute {
                    batch: BatchId(batch),
                    job: JobId(job),
                    chute,
                    lane,
                    alternatives: [LaneNo::NONE; 2],
                },
                Reason::FirstChoice,
            ),
            None => (Destination::Exception, Reason::UnknownCode),
        };
        let rejected = [Rejected { candidate: Candidate::Lane(LaneNo(2)), reason: Reason::LaneFull }]
            .into_iter()
            .collect();
        let input = self.scan_input(item, label);
        let route = Decision::Route { load: key(item), destination, reason, rejected };
        let seen = Fact::LoadSeen { load: key(item), label: code(label), previous };
        self.push(input, vec![route], vec![seen]);
    }

    #[expect(clippy::too_many_arguments, reason = "an exit is told with all it says")]
    pub(crate) fn exit(
        &mut self,
        item: u32,
        label: &str,
        job: Option<(u32, u32)>,
        pieces: u32,
        outcome: Outcome,
        reason: Reason,
        lane: LaneNo,
    ) {
        let result = ExitResult::FirstChoice;
        let body = EventBody::Exit {
            requested: lane,
            actual: lane,
            result,
            detail: 0,
            turns: 0,
            applied: None,
            since_scan_ms: 4_200,
        };
        let input = self.event(item, body);
        let ended = Fact::LoadEnded(LoadEnd {
            load: key(item),
            label: code(label),
            job: job.map(|(batch, job)| (BatchId(batch), JobId(job))),
            pieces: Pieces(pieces),
            outcome,
            reason,
            lane: ActualLane(lane),
            result: Some(result),
        });
        self.push(input, vec![], vec![ended]);
    }

    /// The machine changes its state.
    pub(crate) fn state(&mut self, new: MachineState, cause: u16) {
        let old = MachineState::EXECUTE;
        let input = self.event(0, EventBody::State { old, new, cause });
        self.input(input);
    }

    pub(crate) fn hand_sort(&mut self, item: u32, label: &str, (batch, job): (u32, u32), chute: ChuteId) {
        let verb = Verb::HandSort { line: LineId(0), label: code(label), chute };
        let fact = Fact::LoadHandSorted {
            load: key(item),
            label: code(label),
            batch: BatchId(batch),
            job: JobId(job),
            pieces: Pieces(1),
            chute,
        };
        self.verb(verb, vec![fact]);
    }

    pub(crate) fn link(&mut self, change: LinkChange) {
        self.input(Input::Link { line: LineId(0), change });
    }

    /// Met, attached, drained: the line is ready.
    pub(crate) fn ready(&mut self) {
        let lanes = |lanes: &[u16]| {
            let mut set = LaneSet::new();
            lanes.iter().for_each(|lane| set.set(LaneNo(*lane), true));
            set
        };
        let hello = PlcHello {
            plc_epoch: Epoch(1),
            owner_epoch: Epoch(0),
            evt_ack_echo: EventSeq(0),
            evt_head: EventSeq(0),
            evt_lost: 0,
            is_fifo_retentive: false,
            max_recirc: 3,
            lane_noread: LaneNo(4),
            lane_exception: LaneNo(5),
            lane_overflow: [LaneNo::NONE; 2],
            loop_mm: Millimeters(10_000),
            path_mm: Millimeters(8_000),
            belt: BeltMm(0),
            state: MachineState::EXECUTE,
            safety: 1,
            ready: lanes(&[1, 2, 3, 4, 5]),
            full: lanes(&[]),
            fault: lanes(&[]),
        };
        self.link(LinkChange::Met(hello));
        self.link(LinkChange::Attached { owner: Epoch(1) });
        self.link(LinkChange::Drained { belt: BeltMm(0) });
    }
}

/// Records that were told.
#[derive(Debug, Default)]
pub(crate) struct FakeRecords(Mutex<Vec<Told>>);

impl FakeRecords {
    /// More became durable.
    pub(crate) fn set(&self, story: &Story) {
        *self.0.lock().unwrap() = story.told.clone();
    }
}

impl Records for FakeRecords {
    fn durable(&self) -> Seq {
        Seq(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, from: Seq, visit: &mut dyn FnMut(&Told) -> bool) -> Result<(), RecordsError> {
        let told = self.0.lock().unwrap().clone();
        for told in told.iter().filter(|told| told.record.seq >= from) {
            if !visit(told) {
                break;
            }
        }
        Ok(())
    }
}

/// A core that does what it is asked and remembers it, unless it is told to refuse.
#[derive(Default)]
pub(crate) struct Played {
    verbs: Mutex<Vec<Verb>>,
    pub(crate) refusal: Mutex<Option<VerbRefusal>>,
    pub(crate) facts: Mutex<Vec<Fact>>,
}

impl Played {
    /// The verbs asked since the last call.
    pub(crate) fn taken(&self) -> Vec<Verb> {
        std::mem::take(&mut self.verbs.lock().unwrap())
    }
}

impl Control for Played {
    fn ask(&self, _: OperatorId, verb: Verb) -> Asking<'_> {
        self.verbs.lock().unwrap().push(verb);
        let refusal = *self.refusal.lock().unwrap();
        let reply = refusal.map_or(Reply::Done, Reply::Refused);
        let facts = self.facts.lock().unwrap().clone();
        Box::pin(std::future::ready(Ok(Asked { reply, position: Seq(77), facts })))
    }
}

/// A process whose core turns as often as somebody looks, unless it stands still.
#[derive(Default)]
pub(crate) struct Turning {
    turns: AtomicU64,
    pub(crate) is_still: AtomicBool,
}

impl Figures for Turning {
    fn collect(&self, metrics: &mut dyn Gauges) {
        let more = u64::from(!self.is_still.load(Ordering::Relaxed));
        let turns = self.turns.fetch_add(more, Ordering::Relaxed);
        metrics.counter("wcs_core_turns_total", "Turns.", &[], turns as f64);
        metrics.gauge("wcs_queue_depth", "What waits.", &[("queue", "records")], 3.0);
    }
}

/// The service without a store.
pub(crate) struct Service {
    pub(crate) core: Arc<Played>,
    pub(crate) process: Arc<Turning>,
    pub(crate) records: Arc<FakeRecords>,
    pub(crate) live: LiveHandle,
    pub(crate) api: Api,
    pub(crate) store: StoreSlot,
    router: Router,
}

impl Service {
    /// One whose records are durable and whose live views do not know them yet.
    pub(crate) fn unaware(story: &Story) -> Self {
        let (core, process, records) = (Arc::default(), Arc::default(), story.records());
        let store = StoreSlot::default();
        let plant = Arc::new(plant());
        let live = LiveHandle::new(Arc::clone(&plant));
        let api = Api::new(Parts {
            plant,
            times: Times::new(&Calendar::default()).unwrap(),
            store: store.clone(),
            control: Arc::clone(&core) as Arc<dyn Control>,
            records: Arc::clone(&records) as Arc<dyn Records>,
            figures: Arc::clone(&process) as Arc<dyn Figures>,
            live: live.clone(),
            mappings: BTreeMap::new(),
            limits: Limits::default(),
            now_ms: Arc::new(|| START_MS.cast_signed() + 60_000),
        });
        Self { core, process, records, live, router: routes(api.clone()), api, store }
    }

    /// One whose live views are up to date.
    pub(crate) fn of(story: &Story) -> Self {
        let service = Self::unaware(story);
        service.live.add(story.told(), true);
        service
    }

    /// More happened.
    pub(crate) fn go_on(&self, story: &Story) {
        self.records.set(story);
        let known = self.live.position();
        let told: Vec<Told> = story.told().iter().filter(|told| told.record.seq > known).cloned().collect();
        self.live.add(&told, true);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Status and JSON of an answer.
    pub(crate) async fn get(&self, uri: &str) -> (u16, Value) {
        answer(self.send(Request::get(uri).body(Body::empty()).unwrap()).await).await
    }

    /// The same of a write; null is no body.
    pub(crate) async fn post(&self, uri: &str, body: Value) -> (u16, Value) {
        let request = Request::post(uri);
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        };
        answer(self.send(request.unwrap()).await).await
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let json = serde_json::from_slice(&body);
    (status, json.unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned())))
}
