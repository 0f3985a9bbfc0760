//! A line in its steady state: the turns that answer scans and book exits allocate nothing. A process of its own,
//! because the allocator that counts serves all of it; it counts by thread.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

mod plant;

use std::collections::VecDeque;

use plant::plant;
use wcs_core::Core;
use wcs_engine::{Admission, Engine};
use wcs_journal::Batch;
use wcs_types::batch::batch_content;
use wcs_types::limits::LOADS_ENDED_KEPT_MAX;
use wcs_types::output::OutputKind;
use wcs_types::{
    Assign, BatchId, BatchKind, BatchSpec, BeltMm, ChuteKind, Code, Epoch, EventBody, EventSeq, ExitResult,
    Fact, Identify, Input, JobSpec, LaneNo, LaneSet, LineId, LinkChange, MachineState, Millimeters, MonoTime,
    Nanos, OperatorId, OrderKey, Pieces, PlcHello, Read, ScanEvent, Seq, SkuKey, SorterCommand, SorterEvent,
    StartToken, Ticket, Verb,
};

const LINE: LineId = LineId(0);
const LANES: u16 = 8;
const ON_BELT: usize = 64;
const TURNS: usize = 4_096;

/// A line at work, with every buffer a shell keeps.
struct Line {
    engine: Engine,
    spare: Batch,
    facts: Vec<(Seq, Fact)>,
    now: MonoTime,
    seq: EventSeq,
    belt: BeltMm,
    item: u32,
    on_belt: VecDeque<(u32, LaneNo)>,
    turns: usize,
}

impl Line {
    fn at_work() -> Self {
        let mut line = Self {
            engine: Engine::new(Core::new(plant(&kinds())), MonoTime::ZERO),
            spare: Batch::new(),
            facts: Vec::new(),
            now: MonoTime::ZERO,
            seq: EventSeq(1),
            belt: BeltMm(0),
            item: 0,
            on_belt: VecDeque::with_capacity(ON_BELT + 1),
            turns: 0,
        };
        let spec = BatchSpec {
            batch: BatchId(1),
            line: LINE,
            kind: BatchKind::Sort,
            identify: Identify::Lpn,
            assign: Assign::Volume,
            chute_limit: 0,
        };
        let (jobs, batch, token) = (jobs(), spec.batch, StartToken(7));
        let content_hash = batch_content(&spec, &jobs);
        for (verb, ticket) in
            [Verb::Stage { spec, part: 0, jobs }, Verb::Start { batch, token, parts: 1, content_hash }]
                .into_iter()
                .zip(1..)
        {
            line.turn(Input::Verb { operator: OperatorId(1), ticket: Ticket(ticket), verb });
        }
        for change in [
            LinkChange::Met(hello(line.seq, line.belt)),
            LinkChange::Attached { owner: Epoch(5) },
            LinkChange::Drained { belt: line.belt },
        ] {
            line.turn(Input::Link { line: LINE, change });
        }
        line
    }

    /// A load is scanned, and the one that has been on the belt longest leaves.
    fn pass(&mut self) {
        self.item += 1;
        self.belt = self.belt.ahead(Millimeters(500));
        let label = label(self.item % u32::from(LANES - 2));
        let scan = EventBody::Scan(ScanEvent {
            read: Read::Good,
            codes: heapless::Vec::from_slice(&[label]).unwrap(),
            turns: 0,
            point: self.belt.ahead(Millimeters(20_000)),
            decide_by: self.now + Nanos::from_secs(10),
            is_retained: false,
            length: Some(Millimeters(300)),
            weight: None,
        });
        let input = self.event(self.item, scan);
        let lane = self.turn(input).expect("each scan has a destination");
        self.on_belt.push_back((self.item, lane));
        if self.on_belt.len() > ON_BELT {
            let (item, lane) = self.on_belt.pop_front().unwrap();
            let exit = EventBody::Exit {
                requested: lane,
                actual: lane,
                result: ExitResult::FirstChoice,
                detail: 0,
                turns: 0,
                applied: None,
                since_scan_ms: 20_000,
            };
            let input = self.event(item, exit);
            self.turn(input);
        }
    }

    fn event(&mut self, item: u32, body: EventBody) -> Input {
        let seq = self.seq;
        self.seq = seq.next();
        let event = SorterEvent {
            plc_epoch: Epoch(1),
            fifo_epoch: Epoch(1),
            seq,
            seq_last: seq,
            item,
            station: 1,
            plc_tick_ms: (self.now.0 / 1_000_000) as u32,
            belt: self.belt,
            body,
        };
        Input::Sorter { line: LINE, event }
    }

    /// A whole turn, as the daemon makes it; every eighth, everything is durable, and so it is when a chute was bound.
    fn turn(&mut self, input: Input) -> Option<LaneNo> {
        self.turns += 1;
        self.now += Nanos::from_millis(1);
        self.engine.begin_turn(self.now);
        assert!(matches!(self.engine.admit(input), Admission::Taken(_)));
        let lane = self.take_outputs();
        self.facts.clear();
        self.engine.drain_facts(&mut self.facts);
        let is_due = self.turns.is_multiple_of(8) || self.item <= u32::from(LANES);
        if is_due && self.engine.take_batch(1, &mut self.spare) {
            self.spare.clear();
            self.engine.handle_durable(self.engine.last_seq());
            return self.take_outputs().or(lane);
        }
        lane
    }

    fn take_outputs(&mut self) -> Option<LaneNo> {
        let mut lane = None;
        while let Some(output) = self.engine.poll_output() {
            if let OutputKind::Sorter(SorterCommand::Destination(command)) = output.what {
                lane = Some(command.lane);
            }
        }
        lane
    }
}

#[test]
fn turns_of_a_steady_line_allocate_nothing() {
    let mut line = Line::at_work();
    // Until the core remembers as many loads as it ever does, and every buffer has been as full as it gets.
    for _ in 0..LOADS_ENDED_KEPT_MAX + TURNS {
        line.pass();
    }
    let counted = allocation_counter::measure(|| {
        for _ in 0..TURNS {
            line.pass();
        }
    });
    assert_eq!(counted.count_total, 0, "{} bytes in {TURNS} loads", counted.bytes_total);
    // The counter does count.
    let one = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(line.item))));
    assert_eq!(one.count_total, 1);
}

/// A label of one letter: made without a text.
fn label(job: u32) -> Code {
    Code::from_bytes(&[b'A' + u8::try_from(job).unwrap()]).unwrap()
}

/// Order lanes, then one for unread loads and one for exceptions.
fn kinds() -> Vec<ChuteKind> {
    let mut kinds = vec![ChuteKind::Order; usize::from(LANES) - 2];
    kinds.extend([ChuteKind::NoRead, ChuteKind::Exception]);
    kinds
}

fn jobs() -> Vec<JobSpec> {
    let job = |job: u32| JobSpec {
        order: OrderKey { owner: "-".into(), number: format!("{job}") },
        line_no: 1,
        sku: SkuKey { owner: "-".into(), code: "S".into() },
        quantity: Pieces(999_999),
        codes: vec![label(job)],
        priority: 0,
        due_at: 0,
    };
    (0..u32::from(LANES - 2)).map(job).collect()
}

fn hello(seq: EventSeq, belt: BeltMm) -> PlcHello {
    let mut ready = LaneSet::new();
    for lane in 1..=LANES {
        ready.set(LaneNo(lane), true);
    }
    PlcHello {
        plc_epoch: Epoch(1),
        owner_epoch: Epoch(4),
        evt_ack_echo: seq,
        evt_head: seq,
        evt_lost: 0,
        is_fifo_retentive: false,
        max_recirc: 3,
        lane_noread: LaneNo(LANES - 1),
        lane_exception: LaneNo(LANES),
        lane_overflow: [LaneNo(LANES), LaneNo(LANES)],
        loop_mm: Millimeters(200_000),
        path_mm: Millimeters(83_500),
        belt,
        state: MachineState::EXECUTE,
        safety: 1,
        ready,
        full: LaneSet::new(),
        fault: LaneSet::new(),
    }
}
