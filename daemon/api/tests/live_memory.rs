//! Live views over a long life: once what they keep is full, batch after batch holds no byte more. A process of its own,
//! because the allocator that counts serves all of it; it counts by thread.
//!
//! So many loads, because a hash table fills slowly with the places of those that went: the one that was here doubled
//! after some 300 000.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

use std::sync::Arc;

use wcs_api::live::Live;
use wcs_api::ports::Told;
use wcs_types::limits::{JOBS_PER_PART_MAX, LOADS_ENDED_KEPT_MAX};
use wcs_types::*;

const LINE: LineId = LineId(0);
const PARTS: usize = 16;
const LOADS_PER_BATCH: usize = PARTS * JOBS_PER_PART_MAX;
/// Loads that are on the belt together.
const ON_BELT: usize = 64;
const BATCHES_FILLING: usize = LOADS_ENDED_KEPT_MAX / LOADS_PER_BATCH + 4;
const BATCHES: usize = 12 * LOADS_ENDED_KEPT_MAX / LOADS_PER_BATCH;
/// Nodes of a tree are fuller at one time than at another.
const SLACK: i64 = 256 * 1024;

fn plant() -> Plant {
    let line = LineSpec {
        id: "sorter1".to_owned(),
        kind: LineKind::Sorter,
        profile: "wcs-sorter-hs".to_owned(),
        link: LinkId(0),
        unit_id: 1,
        lane_max: LaneNo(1),
        blocks: plant::BlockBases::default(),
    };
    Plant {
        id: "test".to_owned(),
        time_zone: "UTC".to_owned(),
        day_start_minute: 0,
        links: Vec::new(),
        lines: vec![line],
        chutes: Vec::new(),
    }
}

/// Live views and where their story stands.
struct Story {
    live: Live,
    seq: Seq,
    /// The next load.
    item: u32,
    batch: u32,
}

impl Story {
    fn tell(&mut self, input: Input, facts: Vec<Fact>) {
        self.seq = self.seq.next();
        let record = Record {
            seq: self.seq,
            now: MonoTime(self.seq.0),
            gap: Nanos::ZERO,
            input,
            decisions: Vec::new(),
            facts,
            hash: StateHash::default(),
        };
        self.live.apply(&Told { unix_ms: self.seq.0, record });
    }

    fn stage(&mut self, spec: BatchSpec, part: usize) {
        let first = self.item + u32::try_from(part * JOBS_PER_PART_MAX).unwrap();
        let items = first..first + u32::try_from(JOBS_PER_PART_MAX).unwrap();
        let jobs = items.zip(1..).map(|(item, line_no)| JobSpec {
            order: OrderKey { owner: "-".to_owned(), number: format!("{:03}", item % 100) },
            line_no,
            sku: SkuKey { owner: "-".to_owned(), code: "sku".to_owned() },
            quantity: Pieces(1),
            codes: vec![label(item)],
            priority: 0,
            due_at: 0,
        });
        let part = u16::try_from(part).unwrap();
        let verb = Verb::Stage { spec, part, jobs: jobs.collect() };
        self.tell(Input::Verb { operator: OperatorId(1), ticket: Ticket(1), verb }, Vec::new());
    }

    fn see(&mut self, item: u32) {
        self.tell(
            Input::Timeout,
            vec![Fact::LoadSeen { load: key(item), label: label(item), previous: None }],
        );
    }

    fn end(&mut self, item: u32) {
        let end = LoadEnd {
            load: key(item),
            label: label(item),
            job: None,
            pieces: Pieces(1),
            outcome: Outcome::Sorted,
            reason: Reason::FirstChoice,
            lane: ActualLane(LaneNo(1)),
            result: Some(ExitResult::FirstChoice),
        };
        self.tell(Input::Timeout, vec![Fact::LoadEnded(end)]);
    }

    /// A batch from its first part to its end.
    fn live_a_batch(&mut self) {
        self.batch += 1;
        let batch = BatchId(self.batch);
        let spec = BatchSpec {
            batch,
            line: LINE,
            kind: BatchKind::Sort,
            identify: Identify::Lpn,
            assign: Assign::FirstScan,
            chute_limit: 0,
        };
        (0..PARTS).for_each(|part| self.stage(spec, part));
        self.tell(Input::Timeout, vec![Fact::BatchStarted { batch }]);
        let behind = u32::try_from(ON_BELT).unwrap();
        let items = self.item..self.item + u32::try_from(LOADS_PER_BATCH).unwrap();
        for item in items.clone() {
            self.see(item);
            if item >= items.start + behind {
                self.end(item - behind);
            }
        }
        (items.end - behind..items.end).for_each(|item| self.end(item));
        self.item = items.end;
        self.tell(Input::Timeout, vec![Fact::BatchEnded { batch }]);
    }
}

fn key(item: u32) -> LoadKey {
    LoadKey { line: LINE, plc_epoch: Epoch(1), item }
}

fn label(item: u32) -> Code {
    Code::from_bytes(format!("600/{item:08}").as_bytes()).unwrap()
}

#[test]
fn live_views_hold_no_more_for_a_load_that_is_forgotten() {
    let mut story = Story { live: Live::new(Arc::new(plant())), seq: Seq::NONE, item: 0, batch: 0 };
    (0..BATCHES_FILLING).for_each(|_| story.live_a_batch());
    let counted = allocation_counter::measure(|| (0..BATCHES).for_each(|_| story.live_a_batch()));
    let kept = (story.live.loads().ended().count(), story.live.batches().iter().count());
    assert_eq!(kept, (LOADS_ENDED_KEPT_MAX, 1));
    assert_eq!(story.live.loads().open().count(), 0);
    let held = counted.bytes_current;
    assert!(held <= SLACK, "{held} bytes more after {} loads", BATCHES * LOADS_PER_BATCH);
}
