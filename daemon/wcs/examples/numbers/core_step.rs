//! Number "core": what `Engine::admit` takes for a scan: one step of the core with the record encoded into the batch
//! and the state hashed. The exit that ends the load is timed apart, and so are the parts of the batch.
//!
//! Each job has a label of its own, as with `lpn`, but 1 000 pieces or more and one piece per load: so it stays open
//! when a load of it is sorted, and the number of open jobs stays what it is. Labels come in the order of a lot, 128
//! loads are on the belt, and as many loads have ended before the first sample as the core remembers. What is not the
//! step (making the input, sending outputs, handing the batch over) is not timed. The two readings of the clock around
//! a step are subtracted; what they cost is stated.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use wcs_core::Core;
use wcs_engine::{Admission, Engine};
use wcs_journal::Batch;
use wcs_specs::load_plant;
use wcs_types::batch::batch_content;
use wcs_types::limits::{JOBS_PER_PART_MAX, LOADS_ENDED_KEPT_MAX};
use wcs_types::output::OutputKind;
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, BeltMm, Code, Epoch, EventBody, EventSeq, ExitResult, Identify,
    Input, JobSpec, LaneNo, LaneSet, LineId, LinkChange, MachineState, Millimeters, MonoTime, Nanos,
    OperatorId, OrderKey, Pieces, PlcHello, Read, ScanEvent, SkuKey, SorterCommand, SorterEvent, StartToken,
    Ticket, Verb,
};

use crate::alarm_storm::is_raise;
use crate::recording::{figures, histogram, record_nanos};

const PLANT: &str = include_str!("../../../../configs/plant.toml");
const LINE: LineId = LineId(0);
const ORDER_LANES: u32 = 60;
const ON_BELT: usize = 128;
const WARM_UP: usize = LOADS_ENDED_KEPT_MAX + 8_192;
const SAMPLES: usize = 100_000;
/// Records after which the batch is handed over and everything is durable.
const BATCH_EVERY: usize = 64;
/// Planned pieces of all jobs together.
const PIECES: u32 = 1_000_000_000;
/// Belt travel between two loads.
const PITCH: Millimeters = Millimeters(500);

/// Measures at `jobs` open jobs.
pub(crate) fn measure(jobs: u32) -> Result<Value> {
    let timer = timer_nanos();
    let mut bench = CoreBench::new(timer)?;
    let mut parts = histogram();
    bench.start_batch(jobs, &mut parts)?;
    bench.bring_up();
    let (mut scans, mut exits) = (histogram(), histogram());
    for step in 0..WARM_UP + SAMPLES {
        let (scan, exit) = bench.pass(jobs)?;
        if step >= WARM_UP {
            scans.saturating_record(scan);
            exits.saturating_record(exit);
        }
    }
    bench.engine.core().check_invariants().map_err(|broken| anyhow::anyhow!("{broken}"))?;
    Ok(json!({
        "jobs": jobs,
        "timer_ns": timer,
        "scan_ns": figures(&scans),
        "exit_ns": figures(&exits),
        "part_ns": figures(&parts),
        "part_jobs": JOBS_PER_PART_MAX,
    }))
}

/// What two readings of the clock, one after the other, lie apart: the middle of many.
pub(crate) fn timer_nanos() -> u64 {
    let mut apart: Histogram<u64> = histogram();
    for _ in 0..20_000 {
        let began = Instant::now();
        record_nanos(&mut apart, began.elapsed());
    }
    apart.value_at_quantile(0.5)
}

pub(crate) struct CoreBench {
    pub(crate) engine: Engine,
    spare: Batch,
    facts: Vec<(wcs_types::Seq, wcs_types::Fact)>,
    lots: ChaCha8Rng,
    pub(crate) now: MonoTime,
    seq: EventSeq,
    item: u32,
    belt: BeltMm,
    ticket: u64,
    steps: usize,
    timer: u64,
    on_belt: VecDeque<(u32, LaneNo)>,
    /// Alarms that came up.
    pub(crate) raised: u64,
}

impl CoreBench {
    pub(crate) fn new(timer: u64) -> Result<Self> {
        let plant = load_plant(PLANT, "plant.toml").map_err(|problems| anyhow::anyhow!("{problems}"))?;
        Ok(Self {
            engine: Engine::new(Core::new(plant), MonoTime::ZERO),
            spare: Batch::new(),
            facts: Vec::new(),
            lots: ChaCha8Rng::seed_from_u64(1),
            now: MonoTime::ZERO,
            seq: EventSeq(1),
            item: 0,
            belt: BeltMm(0),
            ticket: 0,
            steps: 0,
            timer,
            on_belt: VecDeque::with_capacity(ON_BELT + 1),
            raised: 0,
        })
    }

    /// A load is scanned, and the one that has been on the belt longest leaves into its chute.
    pub(crate) fn pass(&mut self, jobs: u32) -> Result<(u64, u64)> {
        let label = label_of(self.lots.next_u32() % jobs);
        self.item += 1;
        let scan = self.scan(label);
        let input = self.event(self.item, scan);
        let took = self.step(input);
        let lane = self.take_destination().context("a scan without a destination")?;
        self.on_belt.push_back((self.item, lane));
        let mut exit_took = 0;
        if self.on_belt.len() > ON_BELT {
            let (item, lane) = self.on_belt.pop_front().expect("counted");
            let input = self.event(item, exit_at(lane));
            exit_took = self.step(input);
            self.take_destination();
        }
        Ok((took, exit_took.max(1)))
    }

    /// One timed step in a turn of its own.
    fn step(&mut self, input: Input) -> u64 {
        self.now += Nanos::from_millis(1);
        self.engine.begin_turn(self.now);
        self.admit(input)
    }

    /// One timed step in the turn that is under way.
    pub(crate) fn admit(&mut self, input: Input) -> u64 {
        let began = Instant::now();
        let admission = self.engine.admit(input);
        let took = began.elapsed();
        assert!(matches!(admission, Admission::Taken(_)), "everything before is durable");
        self.steps += 1;
        if self.steps.is_multiple_of(BATCH_EVERY) {
            self.make_durable();
        }
        self.facts.clear();
        self.engine.drain_facts(&mut self.facts);
        self.raised += self.facts.iter().filter(|(_, fact)| is_raise(fact)).count() as u64;
        u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).saturating_sub(self.timer).max(1)
    }

    pub(crate) fn make_durable(&mut self) {
        if self.engine.take_batch(1, &mut self.spare) {
            self.spare.clear();
            self.engine.handle_durable(self.engine.last_seq());
        }
    }

    /// Sends everything; the lane of the destination among it.
    pub(crate) fn take_destination(&mut self) -> Option<LaneNo> {
        let mut lane = None;
        while let Some(output) = self.engine.poll_output() {
            if let OutputKind::Sorter(SorterCommand::Destination(command)) = output.what {
                lane = Some(command.lane);
            }
        }
        lane.filter(|lane| u32::from(lane.0) <= ORDER_LANES)
    }

    pub(crate) fn start_batch(&mut self, jobs: u32, parts: &mut Histogram<u64>) -> Result<()> {
        let spec = BatchSpec {
            batch: BatchId(1),
            line: LINE,
            kind: BatchKind::Sort,
            identify: Identify::Sku,
            assign: Assign::Volume,
            chute_limit: 0,
        };
        let planned = Pieces((PIECES / jobs).min(999_999));
        ensure!(planned.0 >= 1_000, "too many jobs to keep them open");
        let jobs: Vec<JobSpec> = (0..jobs).map(|job| job_of(job, planned)).collect();
        let mut count = 0;
        for (part, jobs) in (0_u16..).zip(jobs.chunks(JOBS_PER_PART_MAX)) {
            let verb = Verb::Stage { spec, part, jobs: jobs.to_vec() };
            let took = self.ask(verb);
            parts.saturating_record(took);
            count = part + 1;
        }
        let (token, content_hash) = (StartToken(1), batch_content(&spec, &jobs));
        self.ask(Verb::Start { batch: spec.batch, token, parts: count, content_hash });
        self.make_durable();
        self.take_destination();
        Ok(())
    }

    fn ask(&mut self, verb: Verb) -> u64 {
        self.ticket += 1;
        self.step(Input::Verb { operator: OperatorId(1), ticket: Ticket(self.ticket), verb })
    }

    pub(crate) fn bring_up(&mut self) {
        let mut ready = LaneSet::new();
        for lane in 1..=64 {
            ready.set(LaneNo(lane), true);
        }
        let hello = PlcHello {
            plc_epoch: Epoch(1),
            owner_epoch: Epoch(4),
            evt_ack_echo: self.seq,
            evt_head: self.seq,
            evt_lost: 0,
            is_fifo_retentive: false,
            max_recirc: 3,
            lane_noread: LaneNo(63),
            lane_exception: LaneNo(64),
            lane_overflow: [LaneNo(61), LaneNo(62)],
            loop_mm: Millimeters(200_000),
            path_mm: Millimeters(83_500),
            belt: self.belt,
            state: MachineState::EXECUTE,
            safety: 1,
            ready,
            full: LaneSet::new(),
            fault: LaneSet::new(),
        };
        let changes = [
            LinkChange::Met(hello),
            LinkChange::Attached { owner: Epoch(5) },
            LinkChange::Drained { belt: self.belt },
        ];
        for change in changes {
            self.step(Input::Link { line: LINE, change });
        }
        self.make_durable();
        self.take_destination();
    }

    fn scan(&mut self, label: Code) -> EventBody {
        self.belt = self.belt.ahead(PITCH);
        let mut codes = heapless::Vec::new();
        codes.push(label).expect("a read holds a code");
        EventBody::Scan(ScanEvent {
            read: Read::Good,
            codes,
            turns: 0,
            point: self.belt.ahead(Millimeters(20_000)),
            decide_by: self.now + Nanos::from_secs(10),
            is_retained: false,
            length: Some(Millimeters(300)),
            weight: None,
        })
    }

    pub(crate) fn event(&mut self, item: u32, body: EventBody) -> Input {
        let seq = self.seq;
        self.seq = seq.next();
        let plc_tick_ms = (self.now.0 / 1_000_000) as u32;
        let (plc_epoch, belt) = (Epoch(1), self.belt);
        let event = SorterEvent {
            plc_epoch,
            fifo_epoch: plc_epoch,
            seq,
            seq_last: seq,
            item,
            station: 1,
            plc_tick_ms,
            belt,
            body,
        };
        Input::Sorter { line: LINE, event }
    }
}

fn exit_at(lane: LaneNo) -> EventBody {
    EventBody::Exit {
        requested: lane,
        actual: lane,
        result: ExitResult::FirstChoice,
        detail: 0,
        turns: 0,
        applied: None,
        since_scan_ms: 20_000,
    }
}

/// A label of the usual shape, `order/ordinal`.
fn label_of(job: u32) -> Code {
    let text = format!("{}/{}", 600_000 + job % ORDER_LANES, 1 + job / ORDER_LANES);
    Code::from_bytes(text.as_bytes()).expect("a made label is short")
}

fn job_of(job: u32, quantity: Pieces) -> JobSpec {
    let owner = || "-".to_owned();
    JobSpec {
        order: OrderKey { owner: owner(), number: (600_000 + job % ORDER_LANES).to_string() },
        line_no: 1 + job / ORDER_LANES,
        sku: SkuKey { owner: owner(), code: (10_000 + job).to_string() },
        quantity,
        codes: vec![label_of(job)],
        priority: 0,
        due_at: 0,
    }
}
