//! What a seed stands for: plant, sorter, orders, faults and outages of one run. Drawing decides nothing about what
//! is right; it only keeps rates and spans within what a plant can meet and the run can end under.

use serde::{Deserialize, Serialize};
use wcs_intake::{Mapping, PlannedBatch, plan, read_orders};
use wcs_types::{
    Assign, ChuteKind, ChuteSpec, Identify, LaneNo, LineId, LineKind, LineSpec, LinkId, LinkSpec, MonoTime,
    Nanos, Plant,
};

use super::lots::Lots;
use super::meddling::Meddling;
use super::outages::{self, Outage, OutageKind};
use super::{fault_mix, meddling, stalls};
use crate::faults::{FaultKind, FaultPlan};
use crate::feed::{FeedMapping, FeedPlan, Groups, made_orders};
use crate::stack::WireSetup;
use crate::world::SorterSetup;

/// Orders drawn for one run at most.
const ORDERS_MAX: u32 = 2_000;

/// How large the runs are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunSize {
    /// 2 000 to 3 600 loads; people bring what was not sorted back, so that about twice as many come on the belt.
    Full,
    /// 40 to 90 loads, for tests.
    Small,
}

/// One run.
#[derive(Clone)]
pub struct RunPlan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// The size it was drawn for.
    pub size: RunSize,
    /// Loads its orders were drawn for.
    pub loads_wanted: u64,
    /// Seed of its orders.
    pub(super) order_seed: u64,
    /// How they are put on the belt.
    pub(super) feed: FeedPlan,
    /// What the daemon controls.
    pub plant: Plant,
    /// What is built.
    pub setup: SorterSetup,
    /// What people put on the belt.
    pub groups: Groups,
    /// What the daemon is to do.
    pub batches: Vec<PlannedBatch>,
    /// What goes wrong, as a fault file.
    pub fault_text: String,
    /// The same, read.
    pub faults: FaultPlan,
    /// When the daemon goes down, in order.
    pub outages: Vec<Outage>,
    /// When the process of the daemon is stopped, and for how long, in order.
    pub stalls: Vec<(MonoTime, Nanos)>,
    /// What people ask besides.
    pub meddling: Meddling,
    /// The wire.
    pub wire: WireSetup,
    /// Time of one sync.
    pub sync_time: Nanos,
    /// Records between two checkpoints; 0 is none.
    pub checkpoint_every: u64,
}

impl RunPlan {
    /// The run a seed stands for.
    pub fn draw(seed: u64, size: RunSize) -> Self {
        let mut lots = Lots::new(seed);
        let lanes = lots.within(5..=30);
        let mut setup = draw_sorter(&mut lots, seed, lanes);
        let plant = draw_plant(&mut lots, &setup);
        let chutes = plant.chutes.iter().filter(|chute| chute.kind == ChuteKind::Order).count() as u64;
        // Who clears the belt at a reset must find every load in the tables of the PLC, or nobody is told of it.
        let is_purged = lots.percent(12);
        let identify = if is_purged { Identify::Lpn } else { lots.pick(&[Identify::Lpn, Identify::Sku]) };
        if is_purged {
            (setup.plc.is_fifo_retentive, setup.plc.are_items_retentive) = (true, true);
        }
        // A kept item of which only the sku is known cannot be told from another piece of it: the profile does not
        // say whose scan is whose.
        setup.plc.are_items_retentive &= identify == Identify::Lpn;
        let assign = lots.pick(&[Assign::Volume, Assign::FirstScan]);
        let loads = match size {
            RunSize::Full => lots.within(2_000..=3_600),
            RunSize::Small => lots.within(40..=90),
        };
        // A batch takes fewer than all chutes now and then, so that chutes are bound again more often.
        let limit = if lots.percent(50) { chutes } else { lots.within((chutes / 2).max(2)..=chutes) };
        let feed = FeedPlan {
            identify,
            assign,
            chutes: usize::try_from(limit).expect("a few chutes"),
            seed: lots.number(),
        };
        let order_seed = lots.number();
        let (mut groups, batches) = draw_orders(order_seed, loads, feed);
        let horizon = horizon(&groups, &setup);
        let mut fault_text = fault_mix::draw(&mut lots, size, horizon, lanes, is_purged);
        fault_text.push_str(&fault_mix::draw_standstill(seed));
        fault_text.push_str(&fault_mix::draw_safety_stops(seed, size, horizon));
        let outage_count = match size {
            RunSize::Full => lots.within(3..=10),
            RunSize::Small => lots.within(0..=3),
        };
        let outages = outages::draw(&mut lots, outage_count, horizon);
        fault_text.push_str(&fault_mix::draw_at_outage(&mut lots, &outages));
        let faults = FaultPlan::parse(&fault_text, "drawn faults").expect("drawn faults follow the grammar");
        // An event of an item that was kept over two lives would carry an epoch no slot may show.
        setup.plc.are_items_retentive &= count_new_lives(&faults) < 2;
        // Hand sorting names a label, not the load: with loads that could not be read in two lives of the PLC, daemon and
        // ledger may count one load differently (ARCHITECTURE.md, section 12).
        setup.people.may_hand_sort &= count_new_lives(&faults) == 0 || !has_unread(&faults);
        if let Some(first) = faults.first_sequence() {
            setup.plc.first_event_seq = first;
            setup.plc.first_command_seq = first;
        }
        let meddling = meddling::draw(seed, size, &plant, &batches, &mut groups, horizon);
        let sync_time = Nanos::from_micros(lots.pick(&[50, 200, 1_000, 5_000, 20_000]));
        let latency = Nanos::from_micros(lots.pick(&[20, 100, 500, 2_000]));
        let wire = WireSetup { latency, ..WireSetup::default() };
        let checkpoint_every = draw_checkpoints(&mut lots, size, &outages);
        Self {
            seed,
            size,
            loads_wanted: loads,
            order_seed,
            feed,
            plant,
            setup,
            groups,
            batches,
            fault_text,
            faults,
            outages,
            stalls: stalls::draw(seed, horizon),
            meddling,
            wire,
            sync_time,
            checkpoint_every,
        }
    }
}

fn draw_sorter(lots: &mut Lots, seed: u64, lanes: u64) -> SorterSetup {
    let mut setup = SorterSetup::demo();
    let order = usize::try_from(lanes).expect("a few lanes");
    setup.lanes = SorterSetup::lanes_of(order, lots.pick(&[0, 1, 2]));
    setup.first_lane_mm = lots.pick(&[10_000, 15_000, 20_000]);
    let spare = u32::try_from(lots.within(5_000..=60_000)).expect("a length");
    let path = u32::try_from(setup.path_mm()).expect("a length");
    setup.loop_mm = setup.induction_mm + path + spare;
    setup.feed_per_hour = u32::try_from(lots.within(4_000..=13_000)).expect("a rate");
    setup.lane_capacity = u32::try_from(lots.within(5..=40)).expect("a count");
    setup.max_recirc = u16::try_from(lots.within(1..=4)).expect("a count");
    setup.belt_start_mm = lots.pick(&[0, 4_294_900_000, 2_147_400_000]);
    setup.people.swap = Nanos::from_secs(lots.within(5..=25));
    setup.people.take = Nanos::from_secs(lots.within(10..=30));
    setup.people.may_hand_sort = lots.percent(70);
    setup.people.hand_sort_from = u32::try_from(lots.within(1..=4)).expect("a count");
    setup.people.attempts_max = u32::try_from(lots.within(4..=6)).expect("a count");
    setup.plc.cycle_ms = lots.pick(&[5, 10, 20]);
    setup.plc.evt_slots = lots.pick(&[16, 64, 256]);
    setup.plc.cmd_slots = lots.pick(&[16, 64, 256]);
    setup.plc.first_epoch = lots.pick(&[1, 7, 32_767, 65_534]);
    (setup.plc.is_fifo_retentive, setup.plc.are_items_retentive) =
        lots.pick(&[(false, false), (true, false), (true, true)]);
    setup.seed = seed;
    setup
}

/// Records between two checkpoints. One holds every job of a batch: one per record would be all that a long run does.
fn draw_checkpoints(lots: &mut Lots, size: RunSize, outages: &[Outage]) -> u64 {
    match size {
        RunSize::Full if outages.iter().all(|outage| outage.kind != OutageKind::Checkpoint) => {
            lots.pick(&[0, 400, 1_500, 6_000])
        }
        RunSize::Full => lots.pick(&[200, 400, 1_000]),
        RunSize::Small => lots.pick(&[0, 1, 13, 100, 400]),
    }
}

fn count_new_lives(faults: &FaultPlan) -> usize {
    let is_new_life = |kind: FaultKind| matches!(kind, FaultKind::PlcRestart | FaultKind::FifoReset);
    faults.faults.iter().filter(|fault| is_new_life(fault.kind)).count()
}

fn has_unread(faults: &FaultPlan) -> bool {
    let is_unread = |kind: FaultKind| {
        matches!(
            kind,
            FaultKind::NoRead | FaultKind::MultiRead | FaultKind::BadFormat | FaultKind::ScannerDown
        )
    };
    faults.faults.iter().any(|fault| is_unread(fault.kind))
}

/// About how long the loads take.
pub(super) fn horizon(groups: &Groups, setup: &SorterSetup) -> Nanos {
    let offered = groups.load_count() * 3_600_000 / u64::from(setup.feed_per_hour);
    Nanos::from_millis(offered) + Nanos::from_secs(30).times(groups.groups.len() as u64)
}

/// Orders of about so many loads.
pub(super) fn draw_orders(seed: u64, loads: u64, feed: FeedPlan) -> (Groups, Vec<PlannedBatch>) {
    let text = Mapping::retail_text();
    let reading = FeedMapping::parse(text).expect("the sample mapping is good");
    let mapping = Mapping::parse(text, "the sample mapping").expect("the sample mapping is good");
    let mut orders = 1;
    loop {
        let made = made_orders(seed, orders);
        let groups = Groups::read(made.csv.as_bytes(), &reading, feed).expect("made orders can be read");
        let found = groups.load_count();
        if found >= loads || orders >= ORDERS_MAX {
            let intake = read_orders(made.csv.as_bytes(), &mapping).expect("made orders can be read");
            let batches = plan(&intake, feed.chutes, feed.assign, feed.identify, LineId(0));
            return (groups, batches);
        }
        // As many more as the loads so far promise, at least one.
        let wanted = u64::from(orders) * loads / found.max(1) + 1;
        orders = u32::try_from(wanted).expect("a few orders").clamp(orders + 1, 4 * orders).min(ORDERS_MAX);
    }
}

/// The plant of a sorter; order lanes are joined to chutes of one to three.
fn draw_plant(lots: &mut Lots, setup: &SorterSetup) -> Plant {
    let joins = lots.percent(25);
    let mut chutes: Vec<ChuteSpec> = Vec::new();
    let mut room = 0;
    for (lane, kind) in (1..).map(LaneNo).zip(&setup.lanes) {
        if *kind == ChuteKind::Order && room > 0 {
            let chute = chutes.last_mut().expect("a chute with room was begun");
            chute.lanes.push(lane).expect("a chute has room for three lanes");
            room -= 1;
            continue;
        }
        let lanes = heapless::Vec::from_slice(&[lane]).expect("a chute has room for a lane");
        chutes.push(ChuteSpec { id: format!("chute-{lane}"), line: LineId(0), kind: *kind, lanes });
        room = if joins { lots.within(0..=1) } else { 0 };
    }
    let lane_max = LaneNo(u16::try_from(setup.lanes.len()).expect("a few lanes"));
    Plant {
        id: "proof".into(),
        time_zone: "UTC".into(),
        day_start_minute: 0,
        links: vec![LinkSpec {
            id: "plc1".into(),
            endpoint: "in-process".into(),
            transport: wcs_types::plant::Transport::ModbusTcp,
        }],
        lines: vec![LineSpec {
            id: "sorter1".into(),
            kind: LineKind::Sorter,
            profile: "wcs-sorter-hs".into(),
            link: LinkId(0),
            unit_id: setup.plc.unit,
            lane_max,
            blocks: wcs_types::plant::BlockBases::default(),
        }],
        chutes,
    }
}
