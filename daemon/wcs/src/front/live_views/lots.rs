//! A core that is told whatever comes up: scans, exits, lanes, links and every verb, drawn by lot from a seed. Nothing
//! here judges what the core does; the views must only say the same.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use wcs_api::live::chutes::ChuteState;
use wcs_core::{Core, Step};
use wcs_types::batch::batch_content;
use wcs_types::plant::{BlockBases, Transport};
use wcs_types::*;

use super::Views;

const SEEDS: u64 = 60;
const STEPS: u64 = 700;
const LINE: LineId = LineId(0);

#[test]
fn live_views_say_what_the_core_says_of_anything() {
    let mut facts = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        let mut lots = Lots::new(seed);
        for _ in 0..STEPS {
            lots.step();
        }
        assert!(lots.views.compared > 0);
        // What tells two states apart in words reads a snapshot as JSON.
        serde_json::to_value(lots.core.snapshot()).unwrap();
        facts.extend(lots.facts);
    }
    // What people change stands in facts that must have come up for this to show anything.
    for name in [
        "LoadEnded",
        "LoadHandSorted",
        "OrderCancelled",
        "PiecesCancelled",
        "JobsAdded",
        "StartCancelled",
        "BoxBound",
        "ChuteFreed",
        "BatchEnded",
        "LoadRecirculated",
        "AlarmGone",
        "AlarmAcknowledged",
        "AlarmShelved",
        "AlarmUnshelved",
        "AlarmAssigned",
        "AlarmCommented",
    ] {
        assert!(facts.contains(name), "{name} never came up: {facts:?}");
    }
}

struct Lots {
    seed: u64,
    rng: ChaCha8Rng,
    core: Core,
    out: Step,
    views: Views,
    now: MonoTime,
    event_seq: EventSeq,
    belt: BeltMm,
    /// Items on the belt with where they were sent last.
    items: BTreeMap<u32, LaneNo>,
    next_item: u32,
    batches: BTreeMap<u32, (BatchSpec, Vec<Vec<JobSpec>>)>,
    next_batch: u32,
    facts: Vec<String>,
    /// Lanes the core holds closed.
    closed: LaneSet,
}

impl Lots {
    fn new(seed: u64) -> Self {
        let mut lots = Self {
            seed,
            rng: ChaCha8Rng::seed_from_u64(seed),
            core: Core::new(plant()),
            out: Step::default(),
            views: Views::new(&plant()),
            now: MonoTime::ZERO,
            event_seq: EventSeq(1),
            belt: BeltMm(0),
            items: BTreeMap::new(),
            next_item: 1,
            batches: BTreeMap::new(),
            next_batch: 1,
            facts: Vec::new(),
            closed: LaneSet::new(),
        };
        lots.bring_up();
        lots
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below
    }

    fn tell(&mut self, input: Input) {
        self.now += Nanos::from_millis(1);
        self.core.handle(self.now, Nanos::from_millis(1), &input, None, &mut self.out);
        let record = Record {
            seq: self.core.seq(),
            now: self.now,
            gap: Nanos::from_millis(1),
            input,
            decisions: self.out.decisions.clone(),
            facts: self.out.facts.clone(),
            hash: self.core.state_hash(),
        };
        for decision in &record.decisions {
            if let Decision::Route { load, destination, .. } = decision
                && let Some(lane) = self.items.get_mut(&load.item)
            {
                *lane = match destination {
                    Destination::Chute { lane, .. } | Destination::Overflow { lane } => *lane,
                    _ => LaneNo(7),
                };
            }
        }
        self.facts.extend(record.facts.iter().map(|fact| {
            let shown = format!("{fact:?}");
            shown.split([' ', '(']).next().unwrap_or_default().to_owned()
        }));
        self.views.add(&record);
        for output in &self.out.outputs {
            if let wcs_types::output::OutputKind::Sorter(SorterCommand::CloseLanes(closed)) = &output.what {
                self.closed = closed.clone();
            }
        }
        self.check_closed(&record);
        let (seed, seq) = (self.seed, record.seq.0);
        self.views.check(&self.core, &record, true, &|| format!("seed {seed}, record {seq}: {record:?}"));
    }

    /// Lanes the core holds closed are those of chutes that are closing, closed, or without a box.
    fn check_closed(&self, record: &Record) {
        for (chute, spec) in (0..).map(ChuteId).zip(&self.core.plant().chutes) {
            let row = self.views.live.chute(chute).unwrap();
            let is_closing = self.views.live.chute_state(chute) == Some(ChuteState::Closing);
            let shown = is_closing || row.is_box_closed || row.is_closed;
            let held = self.closed.contains(spec.lanes[0]);
            assert_eq!(shown, held, "seed {}: chute {chute} {row:?} after {record:?}", self.seed);
        }
    }

    fn step(&mut self) {
        match self.draw(24) {
            0..=6 => self.scan(),
            7..=12 => self.exit(),
            13 => self.lane(),
            14 if self.draw(8) == 0 => {
                self.tell(Input::Link { line: LINE, change: LinkChange::Offline(OfflineReason::Closed) });
                self.bring_up();
            }
            20..=23 => self.alarm(),
            _ => {
                let verb = self.verb();
                self.tell(Input::Verb { operator: OperatorId(1), ticket: Ticket(1), verb });
            }
        }
    }

    fn bring_up(&mut self) {
        let mut all = LaneSet::new();
        (1..=7).for_each(|lane| all.set(LaneNo(lane), true));
        let hello = PlcHello {
            plc_epoch: Epoch(1),
            owner_epoch: Epoch(0),
            evt_ack_echo: self.event_seq,
            evt_head: self.event_seq,
            evt_lost: 0,
            is_fifo_retentive: false,
            max_recirc: 2,
            lane_noread: LaneNo(6),
            lane_exception: LaneNo(7),
            lane_overflow: [LaneNo(5), LaneNo::NONE],
            loop_mm: Millimeters(100_000),
            path_mm: Millimeters(60_000),
            belt: self.belt,
            state: MachineState::EXECUTE,
            safety: 1,
            ready: all,
            full: LaneSet::new(),
            fault: LaneSet::new(),
        };
        for change in [
            LinkChange::Met(hello),
            LinkChange::Attached { owner: Epoch(1) },
            LinkChange::Drained { belt: self.belt },
        ] {
            self.tell(Input::Link { line: LINE, change });
        }
    }

    fn event(&mut self, item: u32, body: EventBody) {
        let seq = self.event_seq;
        self.event_seq = seq.next();
        let event = SorterEvent {
            plc_epoch: Epoch(1),
            fifo_epoch: Epoch(1),
            seq,
            seq_last: seq,
            item,
            station: 1,
            plc_tick_ms: 0,
            belt: self.belt,
            body,
        };
        self.tell(Input::Sorter { line: LINE, event });
    }

    fn scan(&mut self) {
        let known: Vec<u32> = self.items.keys().copied().collect();
        let item = if !known.is_empty() && self.draw(4) == 0 {
            known[self.draw(known.len() as u64) as usize]
        } else {
            self.next_item += 1;
            self.items.insert(self.next_item, LaneNo(7));
            self.next_item
        };
        let read = if self.draw(10) == 0 { Read::NoRead } else { Read::Good };
        let label = self.label();
        let codes = if read == Read::Good { vec![label] } else { vec![] };
        let scan = ScanEvent {
            read,
            codes: codes.into_iter().collect(),
            turns: self.draw(3) as u16,
            point: self.belt.ahead(Millimeters(10_000)),
            decide_by: self.now + Nanos::from_millis(self.draw(30)),
            is_retained: false,
            length: None,
            weight: None,
        };
        self.event(item, EventBody::Scan(scan));
    }

    fn exit(&mut self) {
        let known: Vec<u32> = self.items.keys().copied().collect();
        if known.is_empty() {
            return;
        }
        let item = known[self.draw(known.len() as u64) as usize];
        let sent = self.items[&item];
        let (lane, result) = match self.draw(12) {
            0 => (LaneNo(7), ExitResult::Missed),
            1 => (LaneNo(6), ExitResult::NoRead),
            2 => (LaneNo(1 + self.draw(5) as u16), ExitResult::OtherExit),
            3 => (LaneNo::NONE, ExitResult::Lost),
            4 | 5 => (LaneNo::NONE, ExitResult::Recirculated),
            6 => (LaneNo::NONE, ExitResult::Removed),
            _ => (sent, ExitResult::FirstChoice),
        };
        if result.is_final() {
            self.items.remove(&item);
        }
        let body = EventBody::Exit {
            requested: sent,
            actual: lane,
            result,
            detail: 0,
            turns: 1,
            applied: None,
            since_scan_ms: 1_000,
        };
        self.event(item, body);
    }

    fn lane(&mut self) {
        let states = [LaneState::Full, LaneState::Ready, LaneState::Closed, LaneState::Ready];
        let new = states[self.draw(4) as usize];
        let lane = LaneNo(1 + self.draw(5) as u16);
        self.event(0, EventBody::Lane { lane, old: LaneState::Ready, new, fill_percent: None });
    }

    /// An alarm comes or goes, time passes for all of them, or a person does something with one.
    fn alarm(&mut self) {
        match self.draw(8) {
            0..=2 => {
                let (code, is_raised) = (1 + self.draw(5) as u16, self.draw(3) != 0);
                self.event(0, EventBody::Alarm { code, is_raised, severity: 2, place: 0 });
            }
            3 => {
                let (new, cause) =
                    [(MachineState::STOPPED, 3), (MachineState::EXECUTE, 0)][self.draw(2) as usize];
                self.event(0, EventBody::State { old: MachineState::IDLE, new, cause });
            }
            4 => {
                let passed = self.draw(6_000);
                self.now += Nanos::from_millis(passed);
                self.tell(Input::Timeout);
            }
            5 if self.draw(4) == 0 => {
                self.tell(Input::Link { line: LINE, change: LinkChange::EventsLost { evt_lost: 1 } });
            }
            _ => {
                let listed: Vec<AlarmId> = self.core.listed_alarms().map(|alarm| alarm.id).collect();
                let Some(alarm) = listed.get(self.draw(listed.len() as u64 + 1) as usize).copied() else {
                    return;
                };
                let verb = match self.draw(7) {
                    0..=2 => Verb::AcknowledgeAlarm { alarm },
                    3 => Verb::ShelveAlarm { alarm, span: Nanos::from_millis(self.draw(20_000)) },
                    4 => Verb::UnshelveAlarm { alarm },
                    5 => Verb::AssignAlarm { alarm, to: (self.draw(2) == 0).then_some(OperatorId(7)) },
                    _ => Verb::CommentAlarm { alarm, text: "looked at".to_owned() },
                };
                self.tell(Input::Verb { operator: OperatorId(1), ticket: Ticket(1), verb });
            }
        }
        self.core.check_invariants().unwrap_or_else(|broken| panic!("seed {}: {broken}", self.seed));
        let restored = Core::restore(self.core.snapshot()).unwrap();
        assert!(restored.listed_alarms().eq(self.core.listed_alarms()), "seed {}", self.seed);
        assert_eq!(restored.next_timeout(), self.core.next_timeout(), "seed {}", self.seed);
    }

    fn label(&mut self) -> Code {
        let number = self.draw(14);
        Code::from_bytes(format!("L{number}").as_bytes()).unwrap()
    }

    fn order(&mut self) -> OrderKey {
        OrderKey { owner: "-".to_owned(), number: format!("{}", self.draw(5)) }
    }

    fn jobs(&mut self) -> Vec<JobSpec> {
        let count = 1 + self.draw(4);
        (0..count)
            .map(|line_no| JobSpec {
                order: self.order(),
                line_no: line_no as u32 + 1,
                sku: SkuKey { owner: "-".to_owned(), code: "sku".to_owned() },
                // One in many is none at all, which is refused.
                quantity: Pieces(self.draw(12) as u32),
                codes: vec![self.label()],
                priority: 0,
                due_at: 0,
            })
            .collect()
    }

    /// One of the newest batches.
    fn batch(&mut self) -> BatchId {
        let back = self.draw(3) as u32;
        BatchId(self.next_batch.saturating_sub(1 + back))
    }

    fn stage(&mut self) -> Verb {
        let batch = if self.draw(3) == 0 {
            self.batch()
        } else {
            self.next_batch += 1;
            BatchId(self.next_batch - 1)
        };
        let is_sku = self.draw(2) == 0;
        let assign = if self.draw(2) == 0 { Assign::Volume } else { Assign::FirstScan };
        let jobs = self.jobs();
        let new = || {
            let identify = if is_sku { Identify::Sku } else { Identify::Lpn };
            (BatchSpec { batch, line: LINE, kind: BatchKind::Sort, identify, assign, chute_limit: 0 }, vec![])
        };
        let (spec, parts) = self.batches.entry(batch.0).or_insert_with(new);
        let part = parts.len() as u16;
        if jobs.iter().all(|job| job.quantity.0 != 0) {
            parts.push(jobs.clone());
        }
        Verb::Stage { spec: *spec, part, jobs }
    }

    fn verb(&mut self) -> Verb {
        let (batch, chute) = (self.batch(), ChuteId(self.draw(4) as u16));
        match self.draw(22) {
            0..=2 => self.stage(),
            3..=6 => {
                let (spec, parts) = self.batches.get(&batch.0).cloned().unwrap_or_else(|| {
                    let (identify, assign) = (Identify::Sku, Assign::Volume);
                    let kind = BatchKind::Sort;
                    (BatchSpec { batch, line: LINE, kind, identify, assign, chute_limit: 0 }, vec![])
                });
                // A batch of several parts has another content than its jobs in one.
                let content = match parts.as_slice() {
                    [jobs] => batch_content(&spec, jobs),
                    parts => parts.iter().fold(0, |content, jobs| {
                        wcs_types::batch::chain_content(content, wcs_types::batch::part_content(&spec, jobs))
                    }),
                };
                let token = StartToken(batch.0.into());
                Verb::Start { batch, token, parts: parts.len() as u16, content_hash: content }
            }
            7 => Verb::Pause { batch },
            8 => Verb::Resume { batch },
            9 => Verb::Close { batch, is_forced: self.draw(3) == 0 },
            10 => Verb::Unstage { batch },
            11 | 12 => {
                let jobs = self.jobs();
                let part = self.batches.get(&batch.0).map_or(0, |(_, parts)| parts.len() as u16);
                Verb::Add { batch, part, jobs }
            }
            13 => Verb::CancelOrder { batch, order: self.order() },
            14 => Verb::CancelStart { batch },
            15 => Verb::ConfirmEmpty { chute },
            16 => Verb::CloseBox { chute },
            17 => Verb::BindBox { chute, code: self.label() },
            18 => Verb::CloseChute { chute },
            19 => Verb::OpenChute { chute },
            20 if self.draw(4) == 0 => Verb::Hold { line: LINE },
            _ if self.draw(3) == 0 => Verb::Release { line: LINE },
            _ => Verb::HandSort { line: LINE, label: self.label(), chute },
        }
    }
}

/// Lanes 1 to 4 for orders, 5 overflow, 6 no-read, 7 exception.
fn plant() -> Plant {
    let chute = |lane: u16| ChuteSpec {
        id: format!("chute-{lane}"),
        line: LINE,
        kind: match lane {
            1..=4 => ChuteKind::Order,
            5 => ChuteKind::Overflow,
            6 => ChuteKind::NoRead,
            _ => ChuteKind::Exception,
        },
        lanes: [LaneNo(lane)].into_iter().collect(),
    };
    Plant {
        id: "lots".to_owned(),
        time_zone: "UTC".to_owned(),
        day_start_minute: 0,
        links: vec![LinkSpec {
            id: "plc1".to_owned(),
            endpoint: "127.0.0.1:1502".to_owned(),
            transport: Transport::ModbusTcp,
        }],
        lines: vec![LineSpec {
            id: "sorter1".to_owned(),
            kind: LineKind::Sorter,
            profile: "wcs-sorter-hs".to_owned(),
            link: LinkId(0),
            unit_id: 1,
            lane_max: LaneNo(7),
            blocks: BlockBases::default(),
        }],
        chutes: (1..=7).map(chute).collect(),
    }
}
