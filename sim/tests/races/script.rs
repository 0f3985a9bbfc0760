//! What a seed stands for: a small sorter, batches, loads, what goes wrong, and what people ask at which moment. Nothing
//! keeps a question from coming at the wrong moment; that is what they are for. At the end everything is let go again
//! and every batch is closed, so that a run has an end.

use std::collections::BTreeMap;

use wcs_sim::prove::Lots;
use wcs_sim::world::{FeedLoad, Knob, SorterSetup};
use wcs_types::batch::{chain_content, part_content, table_content};
use wcs_types::plant::{BlockBases, Transport};
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, ChuteId, ChuteKind, ChuteSpec, Code, Identify, JobSpec, LaneNo,
    LineId, LineKind, LineSpec, LinkId, LinkSpec, MonoTime, Nanos, OrderKey, Pieces, Plant, SkuKey,
    StartToken, Verb,
};

const LINE: LineId = LineId(0);
/// Time for what is on the belt, or lost from it, to come to its end.
const LET_GO: u64 = 110_000;

/// One race.
pub(crate) struct Race {
    pub(crate) plant: Plant,
    pub(crate) setup: SorterSetup,
    pub(crate) loads: Vec<FeedLoad>,
    /// What goes wrong from the start.
    pub(crate) knobs: Vec<Knob>,
    pub(crate) incidents: Vec<(MonoTime, Incident)>,
    pub(crate) script: Vec<(MonoTime, Verb)>,
    /// What each batch is staged with.
    pub(crate) plans: BTreeMap<BatchId, Vec<JobSpec>>,
    /// Each load has a label of its own, and nothing takes the daemon's memory of it.
    pub(crate) is_exact: bool,
}

/// What happens once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Incident {
    PlcRestart { person: Nanos },
    Crash { down: Nanos, seed: u64 },
    Stop { down: Nanos },
}

/// A batch as people know it.
struct Plan {
    spec: BatchSpec,
    parts: Vec<Vec<JobSpec>>,
    table: Vec<(OrderKey, ChuteId)>,
    added: Vec<Vec<JobSpec>>,
    orders: Vec<OrderKey>,
}

impl Race {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut lots = Lots::new(seed);
        let order_lanes = lots.within(3..=6);
        let setup = draw_sorter(&mut lots, seed, order_lanes);
        let plant = draw_plant(&mut lots, &setup);
        let chutes = plant.chutes.iter().filter(|chute| chute.kind == ChuteKind::Order).count() as u64;
        let identify = lots.pick(&[Identify::Lpn, Identify::Sku]);
        let plans: Vec<Plan> = (1..=lots.within(1..=3))
            .map(|batch| draw_plan(&mut lots, batch as u32, identify, chutes))
            .collect();
        let loads = draw_loads(&mut lots, &plans);
        let horizon = lots.within(12_000..=40_000);
        let knobs = draw_knobs(&mut lots, order_lanes);
        let script = Script { lots: &mut lots, plans: &plans, chutes, asked: Vec::new() }.draw(horizon);
        let incidents = draw_incidents(&mut lots, horizon, &script);
        let has_unread = knobs.iter().any(|knob| matches!(knob, Knob::NoRead { .. }));
        let is_exact =
            identify == Identify::Lpn && incidents.is_empty() && !(has_unread && setup.people.may_hand_sort);
        let plans = plans.into_iter().map(|plan| (plan.spec.batch, plan.parts.concat())).collect();
        Self { plant, setup, loads, knobs, incidents, script, plans, is_exact }
    }
}

fn at(millis: u64) -> MonoTime {
    MonoTime::ZERO + Nanos::from_millis(millis)
}

fn draw_sorter(lots: &mut Lots, seed: u64, order_lanes: u64) -> SorterSetup {
    let mut setup = SorterSetup::demo();
    setup.lanes = SorterSetup::lanes_of(order_lanes as usize, lots.pick(&[0, 1, 2]));
    setup.induction_mm = 1_000;
    setup.first_lane_mm = lots.pick(&[6_000, 10_000]);
    let spare = lots.within(2_000..=20_000) as u32;
    setup.loop_mm = setup.induction_mm + setup.path_mm() as u32 + spare;
    setup.feed_per_hour = lots.within(4_000..=12_000) as u32;
    setup.lane_capacity = lots.within(3..=10) as u32;
    setup.max_recirc = lots.within(1..=3) as u16;
    setup.people.lamp = Nanos::from_secs(1);
    setup.people.swap = Nanos::from_millis(lots.within(1_000..=8_000));
    setup.people.take = Nanos::from_secs(3);
    setup.people.take_jitter = Nanos::from_secs(2);
    setup.people.patience = Nanos::from_secs(5);
    setup.people.may_hand_sort = lots.percent(60);
    setup.people.hand_sort_from = lots.within(1..=2) as u32;
    setup.people.attempts_max = lots.within(2..=4) as u32;
    setup.plc.induction_count = lots.pick(&[1, 2]);
    setup.plc.is_fifo_retentive = lots.percent(50);
    setup.seed = seed;
    setup
}

fn draw_plant(lots: &mut Lots, setup: &SorterSetup) -> Plant {
    let joins = lots.percent(25);
    let mut chutes: Vec<ChuteSpec> = Vec::new();
    for (lane, kind) in (1..).map(LaneNo).zip(&setup.lanes) {
        let last = chutes.last_mut().filter(|last| last.lanes.len() < 2 && last.kind == ChuteKind::Order);
        if let Some(chute) = last.filter(|_| joins && *kind == ChuteKind::Order) {
            chute.lanes.push(lane).unwrap();
            continue;
        }
        let lanes = heapless::Vec::from_slice(&[lane]).unwrap();
        chutes.push(ChuteSpec { id: format!("chute-{lane}"), line: LINE, kind: *kind, lanes });
    }
    Plant {
        id: "race".into(),
        time_zone: "UTC".into(),
        day_start_minute: 0,
        links: vec![LinkSpec {
            id: "plc1".into(),
            endpoint: "in-process".into(),
            transport: Transport::ModbusTcp,
        }],
        lines: vec![LineSpec {
            id: "sorter1".into(),
            kind: LineKind::Sorter,
            profile: "wcs-sorter-hs".into(),
            link: LinkId(0),
            unit_id: setup.plc.unit,
            lane_max: LaneNo(setup.lanes.len() as u16),
            blocks: BlockBases::default(),
        }],
        chutes,
    }
}

fn draw_plan(lots: &mut Lots, batch: u32, identify: Identify, chutes: u64) -> Plan {
    let assign = lots.pick(&[Assign::Volume, Assign::FirstScan, Assign::Fixed]);
    let limit = if lots.percent(70) { 0 } else { lots.within(1..=chutes) as u16 };
    let spec = BatchSpec {
        batch: BatchId(batch),
        line: LINE,
        kind: BatchKind::Sort,
        identify,
        assign,
        chute_limit: limit,
    };
    let count = lots.within(1..=3);
    let mut orders: Vec<OrderKey> = (1..=count).map(|order| order_key(batch, order)).collect();
    let mut line_no = 0;
    let jobs: Vec<JobSpec> =
        orders.clone().iter().flat_map(|order| draw_jobs(lots, order, &mut line_no, identify)).collect();
    let parts =
        jobs.chunks(lots.within(1..=6).max(jobs.len() as u64 / 2) as usize).map(<[_]>::to_vec).collect();
    let first = lots.within(0..=chutes - 1);
    let table =
        (first..).zip(&orders).map(|(chute, order)| (order.clone(), ChuteId((chute % chutes) as u16)));
    let table = if assign == Assign::Fixed { table.collect() } else { Vec::new() };
    let mut added = Vec::new();
    for _ in 0..lots.within(0..=2) {
        let order = if lots.percent(50) {
            orders[lots.within(0..=orders.len() as u64 - 1) as usize].clone()
        } else {
            orders.push(order_key(batch, orders.len() as u64 + 1));
            orders[orders.len() - 1].clone()
        };
        added.push(draw_jobs(lots, &order, &mut line_no, identify));
    }
    Plan { spec, parts, table, added, orders }
}

fn order_key(batch: u32, order: u64) -> OrderKey {
    OrderKey { owner: "-".into(), number: format!("{batch}{order:02}") }
}

fn draw_jobs(lots: &mut Lots, order: &OrderKey, line_no: &mut u32, identify: Identify) -> Vec<JobSpec> {
    (0..lots.within(1..=3))
        .map(|_| {
            *line_no += 1;
            let sku = format!("S{}", lots.within(1..=4));
            let label = match identify {
                Identify::Lpn => format!("{}/{line_no}", order.number),
                Identify::Sku => sku.clone(),
            };
            JobSpec {
                order: order.clone(),
                line_no: *line_no,
                sku: SkuKey { owner: "-".into(), code: sku },
                quantity: Pieces(lots.within(1..=3) as u32),
                codes: vec![Code::from_bytes(label.as_bytes()).unwrap()],
                priority: lots.within(0..=2) as u8,
                due_at: 0,
            }
        })
        .collect()
}

fn draw_loads(lots: &mut Lots, plans: &[Plan]) -> Vec<FeedLoad> {
    let mut loads = Vec::new();
    for plan in plans {
        for job in plan.parts.iter().chain(&plan.added).flatten() {
            let is_labelled = plan.spec.identify == Identify::Lpn;
            let (count, qty) = if is_labelled { (1, job.quantity.0) } else { (job.quantity.0, 1) };
            let order = if is_labelled { job.order.number.clone() } else { String::new() };
            let load = FeedLoad { label: job.codes[0].clone(), order, sku: job.sku.code.clone(), qty };
            // A load too many now and then.
            let more = u32::from(!is_labelled && lots.percent(5));
            loads.extend((0..count + more).map(|_| load.clone()));
        }
    }
    for last in (1..loads.len()).rev() {
        loads.swap(last, lots.within(0..=last as u64) as usize);
    }
    loads
}

fn draw_knobs(lots: &mut Lots, order_lanes: u64) -> Vec<Knob> {
    let mut knobs = Vec::new();
    if lots.percent(25) {
        knobs.push(Knob::NoRead { per_million: 50_000 });
    }
    if lots.percent(40) {
        knobs.push(Knob::Missed { per_million: 100_000 });
    }
    if lots.percent(20) {
        knobs.push(Knob::Lost { per_million: 30_000, is_silent: lots.percent(50) });
    }
    if lots.percent(20) {
        knobs.push(Knob::Removed { per_million: 30_000 });
    }
    if lots.percent(20) {
        knobs.push(Knob::LaneFull { lane: LaneNo(lots.within(1..=order_lanes) as u16) });
    }
    knobs
}

fn draw_incidents(lots: &mut Lots, horizon: u64, script: &[(MonoTime, Verb)]) -> Vec<(MonoTime, Incident)> {
    let mut incidents = Vec::new();
    if lots.percent(20) {
        let person = Nanos::from_millis(lots.within(500..=5_000));
        incidents.push((at(lots.within(1_000..=horizon)), Incident::PlcRestart { person }));
    }
    if lots.percent(15) {
        let down = Nanos::from_millis(lots.within(50..=3_000));
        let seed = lots.number();
        let incident =
            if lots.percent(70) { Incident::Crash { down, seed } } else { Incident::Stop { down } };
        // Mostly while somebody waits for an answer.
        let asked = script[lots.within(0..=script.len() as u64 - 1) as usize].0
            + Nanos::from_millis(lots.within(1..=10));
        let when =
            if lots.percent(70) { asked.earlier(at(horizon)) } else { at(lots.within(1_000..=horizon)) };
        incidents.push((when, incident));
    }
    incidents.sort_by_key(|(at, _)| *at);
    incidents
}

/// The script while it is written.
struct Script<'a> {
    lots: &'a mut Lots,
    plans: &'a [Plan],
    chutes: u64,
    asked: Vec<(MonoTime, Verb)>,
}

impl Script<'_> {
    fn draw(mut self, horizon: u64) -> Vec<(MonoTime, Verb)> {
        for plan in self.plans {
            let begin = if self.lots.percent(60) { 0 } else { self.lots.within(0..=horizon / 2) };
            self.begin(plan, begin);
            for (added, jobs) in plan.added.iter().enumerate() {
                let part = (plan.parts.len() + added) as u16;
                let verb = Verb::Add { batch: plan.spec.batch, part, jobs: jobs.clone() };
                let when = self.lots.within(begin..=horizon);
                self.ask(when, verb);
            }
        }
        for _ in 0..self.lots.within(6..=25) {
            let when = self.lots.within(500..=horizon);
            let plan = &self.plans[self.lots.within(0..=self.plans.len() as u64 - 1) as usize];
            let verb = self.any(plan);
            if matches!(verb, Verb::CancelStart { .. } | Verb::Unstage { .. }) && self.lots.percent(70) {
                let again = when + self.lots.within(0..=2_000);
                self.begin(plan, again);
            }
            self.ask(when, verb);
        }
        self.let_go(horizon);
        self.asked
    }

    /// Asks, and now and then asks at once again.
    fn ask(&mut self, when: u64, verb: Verb) {
        if self.lots.percent(25) {
            self.asked.push((at(when), verb.clone()));
        }
        self.asked.push((at(when), verb));
    }

    fn begin(&mut self, plan: &Plan, when: u64) {
        let (spec, batch) = (plan.spec, plan.spec.batch);
        for (part, jobs) in (0..).zip(&plan.parts) {
            self.ask(when, Verb::Stage { spec, part, jobs: jobs.clone() });
        }
        let mut content =
            plan.parts.iter().fold(0, |sum, part| chain_content(sum, part_content(&spec, part)));
        if !plan.table.is_empty() {
            content = chain_content(content, table_content(&plan.table));
            self.ask(when, Verb::StageTable { batch, part: 0, pairs: plan.table.clone() });
        }
        let start = Verb::Start {
            batch,
            token: StartToken(content | 1),
            parts: plan.parts.len() as u16,
            content_hash: content,
        };
        // It waits for chutes where there are none.
        for late in [0, 6_000, 12_000] {
            self.asked.push((at(when + late), start.clone()));
        }
    }

    fn any(&mut self, plan: &Plan) -> Verb {
        let batch = plan.spec.batch;
        let chute = ChuteId(self.lots.within(0..=self.chutes + 1) as u16);
        let induction = self.lots.within(1..=2) as u8;
        let order = plan.orders[self.lots.within(0..=plan.orders.len() as u64 - 1) as usize].clone();
        let code = Code::from_bytes(format!("BOX{}", self.lots.within(1..=5)).as_bytes()).unwrap();
        match self.lots.within(1..=24) {
            1..=7 => Verb::CancelOrder { batch, order },
            8 => Verb::Pause { batch },
            9 => Verb::Resume { batch },
            10 => Verb::Close { batch, is_forced: true },
            11 => Verb::Close { batch, is_forced: false },
            12 => Verb::CancelStart { batch },
            13 => Verb::Unstage { batch },
            14 => Verb::Hold { line: LINE },
            15 => Verb::Release { line: LINE },
            16 => Verb::HoldInduction { line: LINE, induction },
            17 => Verb::ReleaseInduction { line: LINE, induction },
            18 | 19 => Verb::CloseBox { chute },
            20 | 21 => Verb::BindBox { chute, code },
            22 => Verb::CloseChute { chute },
            23 => Verb::OpenChute { chute },
            _ => Verb::ConfirmEmpty { chute },
        }
    }

    /// Nothing is held any more; what still runs goes on for a while and is closed.
    fn let_go(&mut self, horizon: u64) {
        let mut last = Vec::new();
        last.push((horizon, Verb::Release { line: LINE }));
        last.extend([1, 2].map(|induction| (horizon, Verb::ReleaseInduction { line: LINE, induction })));
        last.extend(
            (0..=self.chutes + 1).map(|chute| (horizon, Verb::OpenChute { chute: ChuteId(chute as u16) })),
        );
        let batches: Vec<BatchId> = self.plans.iter().map(|plan| plan.spec.batch).collect();
        last.extend(batches.iter().map(|batch| (horizon, Verb::Resume { batch: *batch })));
        let closing = horizon + 15_000;
        for (late, is_forced) in [(0, false), (2_000, true)] {
            last.extend(
                batches.iter().map(|batch| (closing + late, Verb::Close { batch: *batch, is_forced })),
            );
        }
        // The last question of all: until then everything comes to its end.
        last.push((closing + LET_GO, Verb::Release { line: LINE }));
        self.asked.extend(last.into_iter().map(|(when, verb)| (at(when), verb)));
    }
}
