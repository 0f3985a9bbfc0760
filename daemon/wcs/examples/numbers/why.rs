//! Number "why": how long it takes to tell why a load, a label, an order or a job went where it went, at any place of a
//! journal of a million records and more, with nothing but the files. Each question opens the journal and its index anew,
//! as the command does. Told with it: how long the index takes to be made, and its size.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use wcs_engine::journal_context;
use wcs_journal::{Batch, FileStorage, Options, Room, Writer, open};
use wcs_types::*;

use crate::offline;

/// Orders of one batch, each of four jobs of one load.
const ORDERS: u32 = 256;
const JOBS: u32 = 4;
/// Records of one batch of the journal.
const COMMIT: usize = 16;
const QUESTIONS: u64 = 500;

/// Asks in a journal of at least `records` records, which lies in `dir` meanwhile.
pub(crate) fn measure(records: u64, dir: &Path) -> Result<Value> {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    let mut made = Made::begin(&dir.join("journal"))?;
    while made.seq < records {
        made.day()?;
    }
    let (last, batches) = (made.finish()?, made.batches);
    let began = Instant::now();
    ensure!(found(dir, "no such thing")?.is_none(), "nothing has that name");
    let build_ms = began.elapsed().as_secs_f64() * 1e3;
    let size: u64 = std::fs::read_dir(dir.join("index"))?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<std::io::Result<u64>>()?;
    let mut taken = Histogram::<u64>::new(3)?;
    let mut slowest = (0, String::new());
    for question in 0..QUESTIONS {
        let batch = 1 + (question * 2_654_435_761 % u64::from(batches)) as u32;
        let (order, job) = ((question % u64::from(ORDERS)) as u32, (question % u64::from(JOBS)) as u32);
        let load = (batch - 1) * ORDERS * JOBS + order * JOBS + job + 1;
        let subject = match question % 4 {
            0 => format!("0-1-{load}"),
            1 => format!("{batch}-{order}/{job}"),
            2 => format!("order:{batch}-{order}"),
            _ => format!("job:{batch}/{}", order * JOBS + job),
        };
        let began = Instant::now();
        let answer = found(dir, &subject)?;
        let us = began.elapsed().as_micros() as u64;
        let loads = answer.map_or(0, |answer| answer.loads.len());
        ensure!(loads >= 1, "{subject} has no load");
        taken.record(us)?;
        if us > slowest.0 {
            slowest = (us, subject);
        }
    }
    std::fs::remove_dir_all(dir)?;
    let ms = |us: u64| us as f64 / 1e3;
    Ok(json!({
        "records": last,
        "questions": QUESTIONS,
        "p50_ms": ms(taken.value_at_quantile(0.5)),
        "p99_ms": ms(taken.value_at_quantile(0.99)),
        "max_ms": ms(taken.max()),
        "slowest": slowest.1,
        "build_ms": build_ms,
        "index_mib": size as f64 / f64::from(1 << 20),
    }))
}

fn found(dir: &Path, subject: &str) -> Result<Option<wcs_api::why::Answer>> {
    offline::find(dir, subject).map_err(|failure| anyhow!("{failure}"))
}

/// A journal that is made.
struct Made {
    writer: Writer<FileStorage>,
    filling: Batch,
    waiting: usize,
    seq: u64,
    batches: u32,
    events: u16,
}

impl Made {
    fn begin(dir: &Path) -> Result<Self> {
        let text = include_str!("../../../../configs/plant.toml");
        let plant = wcs_specs::load_plant(text, "plant.toml").map_err(|problems| anyhow!("{problems}"))?;
        let options = Options { room: Room::default(), genesis: 1_764_115_200_001, trusted: Seq::NONE };
        let writer = open(FileStorage::open(dir)?, journal_context(&plant), options)?.writer;
        Ok(Self { writer, filling: Batch::new(), waiting: 0, seq: 0, batches: 0, events: 0 })
    }

    fn put(&mut self, input: Input, decisions: Vec<Decision>, facts: Vec<Fact>) -> Result<()> {
        self.seq += 1;
        let (seq, now) = (Seq(self.seq), MonoTime(self.seq * 50_000_000));
        let (gap, hash) = (Nanos::from_millis(50), StateHash(self.seq));
        self.filling.push(&Record { seq, now, gap, input, decisions, facts, hash });
        self.waiting += 1;
        if self.waiting >= COMMIT { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<()> {
        self.waiting = 0;
        if self.filling.is_empty() {
            return Ok(());
        }
        self.writer.append(&self.filling)?;
        self.filling.clear();
        self.writer.sync()?;
        Ok(())
    }

    fn finish(&mut self) -> Result<u64> {
        self.commit()?;
        self.writer.seal()?;
        Ok(self.seq)
    }

    fn event(&mut self, item: u32, body: EventBody) -> Input {
        self.events = self.events.wrapping_add(1);
        let seq = EventSeq(self.events);
        let (plc_epoch, fifo_epoch, belt) = (Epoch(1), Epoch(1), BeltMm(item));
        let event = SorterEvent {
            plc_epoch,
            fifo_epoch,
            seq,
            seq_last: seq,
            item,
            station: 1,
            plc_tick_ms: 0,
            belt,
            body,
        };
        Input::Sorter { line: LineId(0), event }
    }

    /// One batch from staging to its last load.
    fn day(&mut self) -> Result<()> {
        self.batches += 1;
        let batch = BatchId(self.batches);
        let (line, kind, identify) = (LineId(0), BatchKind::Sort, Identify::Lpn);
        let spec = BatchSpec { batch, line, kind, identify, assign: Assign::FirstScan, chute_limit: 0 };
        let specs: Vec<JobSpec> =
            (0..ORDERS).flat_map(|order| (0..JOBS).map(move |job| job_spec(batch.0, order, job))).collect();
        for (part, jobs) in (0..).zip(specs.chunks(limits::JOBS_PER_PART_MAX)) {
            let verb = Verb::Stage { spec, part, jobs: jobs.to_vec() };
            self.put(Input::Verb { operator: OperatorId(1), ticket: Ticket(1), verb }, vec![], vec![])?;
        }
        self.put(Input::Timeout, vec![], vec![Fact::BatchStarted { batch }])?;
        for order in 0..ORDERS {
            let chute = ChuteId((order % 60) as u16);
            let lane = LaneNo(chute.0 + 1);
            let state = EventBody::Lane {
                lane,
                old: LaneState::HalfFull,
                new: LaneState::Ready,
                fill_percent: Some(10),
            };
            let input = self.event(0, state);
            self.put(input, vec![], vec![])?;
            for job in 0..JOBS {
                self.load(batch, order, job, chute, lane)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, batch: BatchId, order: u32, job: u32, chute: ChuteId, lane: LaneNo) -> Result<()> {
        let item = (batch.0 - 1) * ORDERS * JOBS + order * JOBS + job + 1;
        let load = LoadKey { line: LineId(0), plc_epoch: Epoch(1), item };
        let (spec, number) = (job_spec(batch.0, order, job), JobId(order * JOBS + job));
        let label = spec.codes[0].clone();
        let scan = ScanEvent {
            read: Read::Good,
            codes: [label.clone()].into_iter().collect(),
            turns: 0,
            point: BeltMm(item),
            decide_by: MonoTime((self.seq + 30) * 50_000_000),
            is_retained: false,
            length: Some(Millimeters(300)),
            weight: None,
        };
        let mut facts = vec![Fact::LoadSeen { load, label: label.clone(), previous: None }];
        if job == 0 {
            facts.push(Fact::ClassBound { batch, order: spec.order, chute, is_rebound: true });
        }
        let alternatives = [LaneNo::NONE; 2];
        let destination = Destination::Chute { batch, job: number, chute, lane, alternatives };
        let (reason, rejected) = (Reason::FirstChoice, Default::default());
        let input = self.event(item, EventBody::Scan(scan));
        self.put(input, vec![Decision::Route { load, destination, reason, rejected }], facts)?;
        let result = ExitResult::FirstChoice;
        let exit = EventBody::Exit {
            requested: lane,
            actual: lane,
            result,
            detail: 0,
            turns: 0,
            applied: None,
            since_scan_ms: 9_000,
        };
        let ended = Fact::LoadEnded(LoadEnd {
            load,
            label,
            job: Some((batch, number)),
            pieces: Pieces(1),
            outcome: Outcome::Sorted,
            reason,
            lane: ActualLane(lane),
            result: Some(result),
        });
        let input = self.event(item, exit);
        self.put(input, vec![], vec![ended])
    }
}

fn job_spec(batch: u32, order: u32, job: u32) -> JobSpec {
    let number = format!("{batch}-{order}");
    let label = format!("{number}/{job}");
    JobSpec {
        order: OrderKey { owner: "-".to_owned(), number },
        line_no: job + 1,
        sku: SkuKey { owner: "-".to_owned(), code: format!("{}", 10_000 + order) },
        quantity: Pieces(1),
        codes: vec![Code::from_bytes(label.as_bytes()).expect("labels are short")],
        priority: 0,
        due_at: 0,
    }
}
