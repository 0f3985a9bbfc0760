//! Number "virtual time": the whole stack in one thread at 40 000 loads an hour and 400 chutes, PLC cycle 10 ms, with
//! real session, engine, core, record encoding, state hash and journal (in memory, with its frames and checksums).
//!
//! The demo sorter cannot carry that: 300 mm loads with 200 mm gaps at 2 m/s are 14 400 an hour. This one has a 3 m/s
//! belt and 160 mm loads with 80 mm gaps (45 000 an hour at most), 404 lanes a metre apart on a 440 m loop; the feed
//! offers 43 000 an hour, so that 40 000 are reached although people wait between two batches for the belt to empty.
//! A batch is 400 orders of 100 lines. What is timed is the run from the first instant to the last, staging included;
//! making the orders and judging the result are not.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};
use wcs_intake::{Mapping, plan, read_orders};
use wcs_sim::faults::FaultPlan;
use wcs_sim::feed::{FeedMapping, FeedPlan, Groups};
use wcs_sim::report::Tally;
use wcs_sim::server::{FaultTargets, HostedSorter};
use wcs_sim::stack::{Stack, StackSetup, WireSetup};
use wcs_sim::supervisor::Supervisor;
use wcs_sim::world::{Sorter, SorterSetup};
use wcs_specs::load_plant;
use wcs_types::{Assign, ChuteKind, ChuteSpec, Identify, LaneNo, LineId, MonoTime, Nanos, Outcome, Plant};

const PLANT: &str = include_str!("../../../../configs/plant.toml");
const CHUTES: u16 = 400;
const LINES_PER_ORDER: u32 = 100;
const FEED_PER_HOUR: u32 = 43_000;
const SYNC_TIME: Nanos = Nanos::from_micros(200);
const QUIET: Nanos = Nanos::from_secs(180);

/// Runs `hours` of plant time.
pub(crate) fn measure(hours: u64) -> Result<Value> {
    let mut stack = Stack::new(setup(Work::of_hours(hours))?)?;
    let began = Instant::now();
    stack.run(MonoTime::ZERO + Nanos::from_secs(hours * 3_600))?;
    let wall = began.elapsed().as_secs_f64();
    stack.drain()?;
    stack.daemon().engine().core().check_invariants().map_err(|broken| anyhow!("{broken}"))?;
    let mut tally = Tally::default();
    let plant = stack.daemon().engine().core().plant().clone();
    for entry in stack.daemon().records()? {
        tally.add(&plant, &entry?.record);
    }
    let ends = || tally.loads.values().filter_map(|load| load.end.as_ref());
    let sorted = ends().filter(|end| end.outcome == Outcome::Sorted).count();
    let missorted = ends().filter(|end| end.outcome == Outcome::Missorted).count();
    let figures = stack.daemon().figures();
    ensure!(figures.evt_lost == 0, "{} events were lost", figures.evt_lost);
    let counts = stack.sorter().counts();
    let simulated = (hours * 3_600) as f64;
    Ok(json!({
        "simulated_seconds": simulated,
        "wall_seconds": wall,
        "factor": simulated / wall,
        "inducted": counts.inducted,
        "loads_per_hour": counts.inducted as f64 / hours as f64,
        "sorted": sorted,
        "missorted": missorted,
        "recirculated": counts.recirculated,
        "late": tally.deadline.late,
        "records": tally.records,
        "batches_written": figures.batches,
        "records_per_wall_second": tally.records as f64 / wall,
    }))
}

/// How much work there is for a stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Order chutes, and orders of a batch.
    pub(crate) chutes: u16,
    pub(crate) lines_per_order: u32,
    pub(crate) batches: u64,
}

impl Work {
    /// More than `hours` at full size need.
    pub(crate) fn of_hours(hours: u64) -> Self {
        Self { chutes: CHUTES, lines_per_order: LINES_PER_ORDER, batches: hours + hours / 8 + 1 }
    }
}

/// The stack that is measured, with work for it.
pub(crate) fn setup(work: Work) -> Result<StackSetup> {
    let plant = wide_plant(work.chutes)?;
    let sorter = Sorter::new(SorterSetup {
        lanes: SorterSetup::lanes_of(usize::from(work.chutes), 2),
        loop_mm: 440_000,
        belt_mm_s: 3_000,
        load_length_mm: 160,
        gap_mm: 80,
        feed_per_hour: FEED_PER_HOUR,
        ..SorterSetup::demo()
    })?;
    let orders = orders(work);
    let intake_mapping =
        Mapping::parse(Mapping::retail_text(), "the retail mapping").map_err(|error| anyhow!("{error}"))?;
    let intake = read_orders(orders.as_bytes(), &intake_mapping).map_err(|error| anyhow!("{error}"))?;
    let chutes = usize::from(work.chutes);
    let batches = plan(&intake, chutes, Assign::Volume, Identify::Lpn, LineId(0));
    let feed = FeedPlan { identify: Identify::Lpn, assign: Assign::Volume, chutes, seed: 1 };
    let groups = Groups::read(orders.as_bytes(), &FeedMapping::parse(Mapping::retail_text())?, feed)?;
    let targets = FaultTargets::default();
    Ok(StackSetup {
        plant,
        sorter: HostedSorter::new(sorter, FaultPlan::default(), targets.clone(), Box::new(|_| Ok(()))),
        targets,
        groups: groups.groups,
        supervisor: Supervisor::new(batches, QUIET),
        wire: WireSetup::default(),
        sync_time: SYNC_TIME,
        seed: 1,
        // Whole-table checks belong to proofs; each step still checks what it touches.
        check_every: 0,
        checkpoint_every: 0,
    })
}

/// The demo plant with more order lanes in front of the special ones.
fn wide_plant(chutes: u16) -> Result<Plant> {
    let mut plant = load_plant(PLANT, "plant.toml").map_err(|problems| anyhow!("{problems}"))?;
    let lanes =
        |lane: u16| heapless::Vec::from_slice(&[LaneNo(lane)]).map_err(|_| anyhow!("a chute has a lane"));
    let chute = |lane: u16, kind: ChuteKind| {
        Ok(ChuteSpec { id: format!("chute-{lane}"), line: LineId(0), kind, lanes: lanes(lane)? })
    };
    let kinds = SorterSetup::lanes_of(usize::from(chutes), 2);
    plant.chutes = (1_u16..).zip(kinds).map(|(lane, kind)| chute(lane, kind)).collect::<Result<_>>()?;
    plant.lines[0].lane_max = LaneNo(chutes + 4);
    Ok(plant)
}

/// Orders in the shape of the retail sample.
fn orders(work: Work) -> String {
    let mut csv =
        String::from("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n");
    for order in 0..work.batches * u64::from(work.chutes) {
        for line in 0..work.lines_per_order {
            let sku = 10_000 + (order * 37 + u64::from(line) * 101) % 80_000;
            writeln!(
                csv,
                "{},{sku},MADE,{},2011-12-05 09:00:00,2.55,17850.0,United Kingdom",
                600_000 + order,
                1 + line % 12
            )
            .expect("a text takes every row");
        }
    }
    csv
}
