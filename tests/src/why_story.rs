//! A scripted run for `why`: the core itself decides, every input and its time are fixed, and what comes of it stands in
//! a journal as a daemon writes it. Six loads go wrong, each in its own way, and one order never comes.

use std::path::Path;

use anyhow::{Result, ensure};
use wcs_engine::{Admission, Boot, Engine, boot};
use wcs_journal::{Batch, FileStorage, Options, Room, Writer};
use wcs_types::batch::batch_content;
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, BeltMm, ChuteId, Code, DestinationCommand, Epoch, EventBody,
    EventSeq, ExitResult, Identify, Input, JobSpec, LaneNo, LaneSet, LaneState, LineId, LinkChange,
    MachineState, Millimeters, MonoTime, Nanos, OperatorId, OrderKey, Pieces, Plant, PlcHello, Read, Refusal,
    ScanEvent, Seq, SkuKey, SorterEvent, StartToken, Ticket, Verb,
};

/// Number of the journal: when it began, in milliseconds since 1970.
const GENESIS: u64 = 1_764_115_200_001;
/// Time from a scan to its last useful instant.
const DECIDE_MS: u64 = 1_500;
/// Longest step between two turns: a longer one is a stall.
const STEP_MS: u64 = 100;
const LINE: LineId = LineId(0);
const NO_READ: LaneNo = LaneNo(63);
const EXCEPTION: LaneNo = LaneNo(64);
/// Jobs as order, label and pieces. With two chutes order C waits for the second.
const JOBS: [(&str, &str, u32); 7] = [
    ("A", "A/1", 2),
    ("A", "A/2", 1),
    ("A", "A/3", 1),
    ("A", "A/4", 1),
    ("B", "B/1", 3),
    ("C", "C/1", 1),
    ("C", "C/2", 1),
];

/// Writes the journal of the run for `plant` into `journal`.
///
/// # Errors
/// It cannot be written, or the core takes an input otherwise than the script expects.
pub fn write(journal: &Path, plant: Plant) -> Result<()> {
    let files = FileStorage::open(journal)?;
    let options = Options { room: Room::default(), genesis: GENESIS, trusted: Seq::NONE };
    let Boot { engine, writer, .. } = boot(files, plant, options, |_| MonoTime::ZERO, |_| ())?;
    let mut run = Run { engine, writer, now_ms: 0, events: 0, tickets: 0 };
    run.begin()?;
    run.straight()?;
    run.round()?;
    run.not_read()?;
    run.late_decision()?;
    run.late_command()?;
    run.by_hand()?;
    run.told_late()?;
    run.end()
}

struct Run {
    engine: Engine,
    writer: Writer<FileStorage>,
    now_ms: u64,
    events: u16,
    tickets: u64,
}

impl Run {
    /// The line is met and a batch of three orders is started on two chutes.
    fn begin(&mut self) -> Result<()> {
        let hello = PlcHello {
            plc_epoch: Epoch(1),
            owner_epoch: Epoch(0),
            evt_ack_echo: EventSeq(0),
            evt_head: EventSeq(0),
            evt_lost: 0,
            is_fifo_retentive: false,
            max_recirc: 3,
            lane_noread: NO_READ,
            lane_exception: EXCEPTION,
            lane_overflow: [LaneNo(61), LaneNo(62)],
            loop_mm: Millimeters(100_000),
            path_mm: Millimeters(60_000),
            belt: BeltMm(1_000),
            state: MachineState::EXECUTE,
            safety: 1,
            ready: lanes(1..=64),
            full: LaneSet::new(),
            fault: LaneSet::new(),
        };
        self.link(LinkChange::Met(hello))?;
        self.link(LinkChange::Attached { owner: Epoch(1) })?;
        self.link(LinkChange::Drained { belt: BeltMm(1_000) })?;
        let spec = BatchSpec {
            batch: BatchId(1),
            line: LINE,
            kind: BatchKind::Sort,
            identify: Identify::Lpn,
            assign: Assign::FirstScan,
            chute_limit: 2,
        };
        let jobs: Vec<JobSpec> = (1..).zip(JOBS).map(|(line_no, job)| job_spec(line_no, job)).collect();
        let content_hash = batch_content(&spec, &jobs);
        self.verb(Verb::Stage { spec, part: 0, jobs })?;
        self.verb(Verb::Start { batch: BatchId(1), token: StartToken(7), parts: 1, content_hash })
    }

    /// Load 1 goes where it should.
    fn straight(&mut self) -> Result<()> {
        self.scan(1, Read::Good, Some("A/1"), 0, 0)?;
        self.exit(1, LaneNo(1), LaneNo(1), ExitResult::FirstChoice, 0)
    }

    /// Load 2 finds its chute full, goes round, and is sorted the next time.
    fn round(&mut self) -> Result<()> {
        self.lane(LaneNo(2), LaneState::Ready, LaneState::Full)?;
        self.scan(2, Read::Good, Some("C/1"), 0, 0)?;
        self.exit(2, DestinationCommand::RECIRCULATE, LaneNo::NONE, ExitResult::Recirculated, 1)?;
        self.lane(LaneNo(2), LaneState::Full, LaneState::Ready)?;
        self.scan(2, Read::Good, Some("C/1"), 1, 0)?;
        self.exit(2, LaneNo(2), LaneNo(2), ExitResult::FirstChoice, 1)
    }

    /// Load 3 is not read.
    fn not_read(&mut self) -> Result<()> {
        self.scan(3, Read::NoRead, None, 0, 0)?;
        self.exit(3, LaneNo::NONE, NO_READ, ExitResult::NoRead, 0)
    }

    /// The scan of load 4 is told 120 ms after its last useful instant.
    fn late_decision(&mut self) -> Result<()> {
        self.scan(4, Read::Good, Some("A/2"), 0, DECIDE_MS + 120)?;
        self.exit(4, LaneNo::NONE, EXCEPTION, ExitResult::Late, 0)
    }

    /// The destination of load 5 is there in time, and the link writes it 40 ms too late.
    fn late_command(&mut self) -> Result<()> {
        let decide_by = self.scan(5, Read::Good, Some("A/4"), 0, 0)?;
        self.wait(DECIDE_MS + 40);
        self.refuse(5, LaneNo(1), EventSeq(self.events - 1), decide_by)?;
        self.exit(5, LaneNo::NONE, EXCEPTION, ExitResult::Late, 0)
    }

    /// The diverter misses load 6; a person puts it into its chute.
    fn by_hand(&mut self) -> Result<()> {
        self.scan(6, Read::Good, Some("A/3"), 0, 0)?;
        self.exit(6, LaneNo(1), EXCEPTION, ExitResult::Missed, 0)?;
        self.wait(20_000);
        self.verb(Verb::HandSort { line: LINE, label: code("A/3"), chute: ChuteId(0) })
    }

    /// Load 7 goes round without a destination, and that the link gave the first one up is told only after the next scan.
    fn told_late(&mut self) -> Result<()> {
        let decide_by = self.scan(7, Read::Good, Some("C/2"), 0, 0)?;
        let first = EventSeq(self.events - 1);
        self.exit(7, LaneNo::NONE, LaneNo::NONE, ExitResult::Recirculated, 1)?;
        self.scan(7, Read::Good, Some("C/2"), 1, 0)?;
        self.refuse(7, LaneNo(2), first, decide_by)?;
        self.exit(7, LaneNo(2), LaneNo(2), ExitResult::FirstChoice, 1)
    }

    /// The batch is closed although pieces are missing.
    fn end(&mut self) -> Result<()> {
        self.wait(5_000);
        self.verb(Verb::Close { batch: BatchId(1), is_forced: true })?;
        self.writer.seal()?;
        Ok(())
    }

    /// Lets time pass in turns.
    fn wait(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.now_ms < until {
            self.now_ms = until.min(self.now_ms + STEP_MS);
            self.engine.begin_turn(self.now());
        }
    }

    fn now(&self) -> MonoTime {
        MonoTime(self.now_ms * 1_000_000)
    }

    /// An input, half a second after the one before it, and its record on disk.
    fn take(&mut self, input: Input) -> Result<()> {
        let what = format!("{input:?}");
        ensure!(matches!(self.engine.admit(input), Admission::Taken(_)), "not taken: {what}");
        let mut batch = Batch::new();
        if self.engine.take_batch(0, &mut batch) {
            self.writer.append(&batch)?;
            self.engine.handle_durable(self.writer.sync()?);
        }
        while self.engine.poll_output().is_some() {}
        Ok(())
    }

    fn link(&mut self, change: LinkChange) -> Result<()> {
        self.wait(500);
        self.take(Input::Link { line: LINE, change })
    }

    fn verb(&mut self, verb: Verb) -> Result<()> {
        self.wait(500);
        self.tickets += 1;
        self.take(Input::Verb { operator: OperatorId(1), ticket: Ticket(self.tickets), verb })
    }

    fn event(&mut self, item: u32, body: EventBody) -> Result<()> {
        self.events += 1;
        let event = SorterEvent {
            plc_epoch: Epoch(1),
            fifo_epoch: Epoch(1),
            seq: EventSeq(self.events - 1),
            seq_last: EventSeq(self.events - 1),
            item,
            station: 1,
            plc_tick_ms: u32::try_from(self.now_ms)?,
            belt: BeltMm(1_000),
            body,
        };
        self.take(Input::Sorter { line: LINE, event })
    }

    /// A scan that is told `told_after_ms` after it happened; returns its last useful instant.
    fn scan(
        &mut self,
        item: u32,
        read: Read,
        label: Option<&str>,
        turns: u16,
        told_after_ms: u64,
    ) -> Result<MonoTime> {
        self.wait(500);
        let decide_by = self.now() + Nanos::from_millis(DECIDE_MS);
        self.wait(told_after_ms);
        let scan = ScanEvent {
            read,
            codes: label.map(code).into_iter().collect(),
            turns,
            point: BeltMm(3_000),
            decide_by,
            is_retained: false,
            length: Some(Millimeters(350)),
            weight: None,
        };
        self.event(item, EventBody::Scan(scan))?;
        Ok(decide_by)
    }

    fn exit(
        &mut self,
        item: u32,
        requested: LaneNo,
        actual: LaneNo,
        result: ExitResult,
        turns: u16,
    ) -> Result<()> {
        self.wait(4_000);
        let body = EventBody::Exit {
            requested,
            actual,
            result,
            detail: 0,
            turns,
            applied: None,
            since_scan_ms: 4_000,
        };
        self.event(item, body)
    }

    /// The link gives up the destination that answers a scan.
    fn refuse(&mut self, item: u32, lane: LaneNo, answers: EventSeq, decide_by: MonoTime) -> Result<()> {
        let command = DestinationCommand {
            plc_epoch: Epoch(1),
            item,
            lane,
            alternatives: [LaneNo::NONE; 2],
            may_recirculate: true,
            answers,
            decide_by,
            point: BeltMm(3_000),
        };
        self.take(Input::Refused { line: LINE, refusal: Refusal::Late(command) })
    }

    fn lane(&mut self, lane: LaneNo, old: LaneState, new: LaneState) -> Result<()> {
        self.wait(500);
        self.event(0, EventBody::Lane { lane, old, new, fill_percent: None })
    }
}

fn lanes(range: std::ops::RangeInclusive<u16>) -> LaneSet {
    let mut set = LaneSet::new();
    range.for_each(|lane| set.set(LaneNo(lane), true));
    set
}

fn code(text: &str) -> Code {
    Code::from_bytes(text.as_bytes()).expect("labels of the script are short")
}

fn job_spec(line_no: u32, (order, label, pieces): (&str, &str, u32)) -> JobSpec {
    JobSpec {
        order: OrderKey { owner: "-".to_owned(), number: order.to_owned() },
        line_no,
        sku: SkuKey { owner: "-".to_owned(), code: format!("sku-{line_no}") },
        quantity: Pieces(pieces),
        codes: vec![code(label)],
        priority: 0,
        due_at: 0,
    }
}
