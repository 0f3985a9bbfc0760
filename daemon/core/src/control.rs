//! The core as a value: its tables, its one entry `handle`, its timers and its hash. Dispatch only; what each
//! input means stands in the file named after it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use wcs_types::{
    BatchId, ChuteId, Decision, Input, LaneNo, LineId, LoadKey, MonoTime, Nanos, Plant, Seq, StateHash,
    StorageState,
};

use crate::alarm_rows::Alarms;
use crate::ended::Ended;
use crate::identify::Codes;
use crate::index::Index;
use crate::offer::Offer;
use crate::rows::{
    BatchLists, BatchRow, ChuteLife, ChuteRow, ClassRow, JobRow, JobText, LaneRow, LineRow, LinkPhase,
    ListingRow, LoadRow,
};
use crate::stall::StallRow;
use crate::step::Step;
use crate::table::Table;

/// Why the core wants to be called again at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WakeReason {
    /// An alarm is raised, goes, or comes off its shelf; or a flood of alarms is over.
    Alarm,
    /// The list of what a batch misses goes on.
    Listing,
    /// This process has kept its turns for long enough after a stall.
    StallOver,
}

/// What every handler needs besides the tables.
pub(crate) struct Turn<'a> {
    pub(crate) imposed: Option<&'a [Decision]>,
    pub(crate) out: &'a mut Step,
}

impl Turn<'_> {
    pub(crate) fn settle(&mut self, own: Decision) -> Decision {
        self.out.settle(self.imposed, own)
    }
}

/// The control core of one plant.
#[derive(Clone, Debug)]
pub struct Core {
    pub(crate) plant: Plant,
    pub(crate) seq: Seq,
    pub(crate) now: MonoTime,
    pub(crate) storage: StorageState,
    pub(crate) lines: Table<LineRow>,
    pub(crate) lanes: Table<LaneRow>,
    pub(crate) chutes: Table<ChuteRow>,
    pub(crate) batches: Table<BatchRow>,
    pub(crate) classes: Table<ClassRow>,
    pub(crate) jobs: Table<JobRow>,
    pub(crate) loads: Table<LoadRow>,
    pub(crate) ended: Ended,
    pub(crate) alarms: Alarms,
    pub(crate) stall: Table<StallRow>,
    pub(crate) listings: Table<ListingRow>,
    // What never changes of jobs, by job row.
    pub(crate) job_texts: Vec<Option<JobText>>,
    // What a batch consists of, by batch row.
    pub(crate) batch_lists: Vec<Option<BatchLists>>,
    // Derived from the above: look-up only, rebuilt on restore.
    pub(crate) batch_ids: BTreeMap<BatchId, u32>,
    pub(crate) load_index: Index,
    pub(crate) codes: Codes,
    pub(crate) lane_chutes: Vec<Vec<Option<ChuteId>>>,
    // What a shadow chooses among in place of the chutes of its plant; never part of the state.
    pub(crate) offer: Option<Box<Offer>>,
}

pub(crate) const KIND_LINE: u64 = 2;
pub(crate) const KIND_LANE: u64 = 3;
pub(crate) const KIND_CHUTE: u64 = 4;
pub(crate) const KIND_BATCH: u64 = 5;
pub(crate) const KIND_CLASS: u64 = 6;
pub(crate) const KIND_JOB: u64 = 7;
pub(crate) const KIND_LOAD: u64 = 8;
pub(crate) const KIND_STALL: u64 = 9;
pub(crate) const KIND_LISTING: u64 = 21;

impl Core {
    /// A core that knows the plant and nothing else.
    pub fn new(plant: Plant) -> Self {
        let mut core = Self {
            seq: Seq::NONE,
            now: MonoTime::ZERO,
            storage: StorageState::Good,
            lines: Table::new(KIND_LINE),
            lanes: Table::new(KIND_LANE),
            chutes: Table::new(KIND_CHUTE),
            batches: Table::new(KIND_BATCH),
            classes: Table::new(KIND_CLASS),
            jobs: Table::new(KIND_JOB),
            loads: Table::new(KIND_LOAD),
            ended: Ended::default(),
            alarms: Alarms::default(),
            stall: Table::new(KIND_STALL),
            listings: Table::new(KIND_LISTING),
            job_texts: Vec::new(),
            batch_lists: Vec::new(),
            batch_ids: BTreeMap::new(),
            load_index: Index::default(),
            codes: Codes::default(),
            lane_chutes: lane_chutes(&plant),
            offer: None,
            plant,
        };
        for _ in 0..core.plant.lines.len() {
            core.lines.insert(LineRow::new());
            core.lanes.insert(LaneRow::default());
        }
        core.stall.insert(StallRow::new());
        for chute in &core.plant.chutes {
            core.chutes.insert(ChuteRow::new(chute));
        }
        core
    }

    /// Takes one input. `gap` is the time since the previous turn: what fell due in a long one is judged as ours. With `imposed`, recorded decisions are adopted
    /// in place of the core's own, and differences are listed.
    ///
    /// Inputs that name lines, chutes or batches the plant does not have are refused or ignored, never a panic.
    pub fn handle(
        &mut self,
        now: MonoTime,
        gap: Nanos,
        input: &Input,
        imposed: Option<&[Decision]>,
        out: &mut Step,
    ) {
        assert!(now >= self.now, "core time never goes back");
        out.clear();
        self.seq = self.seq.next();
        self.now = now;
        let turn = &mut Turn { imposed, out };
        self.judge_gap(turn, gap);
        match input {
            Input::Sorter { line, event } if self.has_line(*line) => self.on_event(turn, *line, event),
            Input::Link { line, change } if self.has_line(*line) => self.on_link(turn, *line, change),
            Input::Refused { line, refusal } if self.has_line(*line) => self.on_refused(turn, *line, refusal),
            Input::Sorter { .. } | Input::Link { .. } | Input::Refused { .. } => {}
            Input::Verb { operator, ticket, verb } => self.on_verb(turn, *operator, *ticket, verb),
            Input::Timeout => self.on_timeout(turn),
            Input::Storage(state) => self.on_storage(turn, *state),
            Input::Quarantined(quarantined) => self.on_quarantined(turn, quarantined),
        }
    }

    /// When the core wants `Input::Timeout`, and why.
    pub fn next_timeout(&self) -> Option<(MonoTime, WakeReason)> {
        self.alarms
            .next_due()
            .map(|at| (at, WakeReason::Alarm))
            .into_iter()
            .chain(self.stall_over_at().map(|at| (at, WakeReason::StallOver)))
            .chain(self.listings.iter().next().map(|_| (self.now, WakeReason::Listing)))
            .min_by_key(|(at, _)| *at)
    }

    /// Hash of the whole state: the sum of the row hashes of all tables.
    pub fn state_hash(&self) -> StateHash {
        let mut hash = StateHash(self.seq.0);
        for part in [
            self.lines.hash(),
            self.lanes.hash(),
            self.chutes.hash(),
            self.batches.hash(),
            self.classes.hash(),
            self.jobs.hash(),
            self.loads.hash(),
            self.ended.hash(),
            self.alarms.hash(),
            self.stall.hash(),
            self.listings.hash(),
        ] {
            hash.add(part);
        }
        hash
    }

    /// Position of the last input taken.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Core time of the last input taken.
    pub fn now(&self) -> MonoTime {
        self.now
    }

    /// The plant it controls.
    pub fn plant(&self) -> &Plant {
        &self.plant
    }

    pub(crate) fn has_line(&self, line: LineId) -> bool {
        usize::from(line.0) < self.plant.lines.len()
    }

    pub(crate) fn line(&self, line: LineId) -> &LineRow {
        self.lines.get(u32::from(line.0))
    }

    pub(crate) fn edit_line<T>(&mut self, line: LineId, change: impl FnOnce(&mut LineRow) -> T) -> T {
        self.lines.edit(u32::from(line.0), change)
    }

    pub(crate) fn lane_row(&self, line: LineId) -> &LaneRow {
        self.lanes.get(u32::from(line.0))
    }

    pub(crate) fn chute(&self, chute: ChuteId) -> &ChuteRow {
        self.chutes.get(u32::from(chute.0))
    }

    pub(crate) fn edit_chute<T>(&mut self, chute: ChuteId, change: impl FnOnce(&mut ChuteRow) -> T) -> T {
        self.chutes.edit(u32::from(chute.0), change)
    }

    pub(crate) fn chute_of_lane(&self, line: LineId, lane: LaneNo) -> Option<ChuteId> {
        let lanes = self.lane_chutes.get(usize::from(line.0))?;
        lanes.get(usize::from(lane.0)).copied().flatten()
    }

    pub(crate) fn find_load(&self, key: LoadKey) -> Option<u32> {
        self.load_index.find(load_hash(key), |row| self.loads.find(row).is_some_and(|load| load.key == key))
    }

    pub(crate) fn lists(&self, batch: u32) -> &BatchLists {
        self.batch_lists[batch as usize].as_ref().expect("a batch has its lists while it exists")
    }

    pub(crate) fn is_ready(&self, line: LineId) -> bool {
        self.line(line).phase == LinkPhase::Ready
    }
}

impl LineRow {
    fn new() -> Self {
        Self {
            phase: LinkPhase::Offline,
            plc_epoch: wcs_types::Epoch::NONE,
            evt_next: wcs_types::EventSeq(0),
            evt_lost: 0,
            owner: wcs_types::Epoch::NONE,
            max_recirc: 0,
            lane_noread: LaneNo::NONE,
            lane_exception: LaneNo::NONE,
            lane_overflow: [LaneNo::NONE; 2],
            loop_mm: wcs_types::Millimeters(0),
            path_mm: wcs_types::Millimeters(0),
            machine: wcs_types::MachineState(0),
            permit: 0,
            is_held: false,
            held_inductions: 0,
            watch: None,
            uncertain_until: None,
            uncertain_count: 0,
        }
    }
}

impl ChuteRow {
    fn new(spec: &wcs_types::ChuteSpec) -> Self {
        Self {
            line: spec.line,
            kind: spec.kind,
            lanes: spec.lanes.clone(),
            life: ChuteLife::Free,
            class: None,
            bound_in: Seq::NONE,
            in_flight: 0,
            worked: 0,
            emptied: 0,
            was_bound: false,
            is_out: false,
            is_box_closed: false,
            box_code: wcs_types::Code::default(),
        }
    }
}

pub(crate) fn line_id(row: u32) -> LineId {
    LineId(u16::try_from(row).expect("line rows are the plant's lines, bounded by LINE_COUNT_MAX"))
}

pub(crate) fn load_hash(key: LoadKey) -> u64 {
    let packed = u64::from(key.line.0) << 48 | u64::from(key.plc_epoch.0) << 32 | u64::from(key.item);
    packed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

pub(crate) fn lane_chutes(plant: &Plant) -> Vec<Vec<Option<ChuteId>>> {
    let mut table = alloc::vec![Vec::new(); plant.lines.len()];
    for (chute, spec) in (0_u16..).map(ChuteId).zip(&plant.chutes) {
        let lanes: &mut Vec<Option<ChuteId>> = &mut table[usize::from(spec.line.0)];
        for lane in &spec.lanes {
            let at = usize::from(lane.0);
            if lanes.len() <= at {
                lanes.resize(at + 1, None);
            }
            lanes[at] = Some(chute);
        }
    }
    table
}
