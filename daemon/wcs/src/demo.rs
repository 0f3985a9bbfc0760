//! The demo: a plant, a simulated sorter and orders, put together from the options. Whether it runs over a socket or
//! in virtual time is decided in `wire_demo` and `virtual_demo`; what good means is decided in `reporting`.

use wcs_sim::faults::FaultPlan;
use wcs_sim::feed::Groups;
use wcs_sim::world::SorterSetup;
use wcs_specs::{load_calendar, load_plant, plant_toml, shifts_toml};
use wcs_types::{Assign, Calendar, ChuteKind, ChuteSpec, LaneNo, LineId, Nanos, Plant};

use crate::arguments::DemoOptions;
use crate::exit::Failure;
use crate::feed_source::{FeedSource, read_text};
use crate::shown::Shown;
use crate::{virtual_demo, wire_demo};

/// The plant of the demo, as a plant file.
const PLANT: &str = include_str!("../../../configs/plant.toml");
/// Less time to decide is no sorter any more.
const TIME_TO_DECIDE_MIN: Nanos = Nanos::from_millis(200);
/// Plant time without a load on the belt after which the supervisor closes a batch by force.
pub(crate) const QUIET: Nanos = Nanos::from_secs(180);

/// Everything a demo is made of.
pub(crate) struct Demo {
    pub(crate) plant: Plant,
    pub(crate) setup: SorterSetup,
    pub(crate) source: FeedSource,
    pub(crate) groups: Groups,
    pub(crate) faults: FaultPlan,
    pub(crate) is_first_scan: bool,
    /// `--orders` without `--for`.
    pub(crate) is_whole_file: bool,
}

/// Runs `wcs demo`.
pub(crate) fn demo(options: &DemoOptions, shown: Shown) -> Result<(), Failure> {
    if let Some(dir) = &options.write_config {
        return write_config(dir, shown);
    }
    let speed = options.speed.unwrap_or(if options.is_virtual { 1 } else { 5 });
    let demo = Demo::from_options(options, speed)?;
    if options.is_virtual {
        virtual_demo::run(options, demo, shown)
    } else {
        wire_demo::run(options, demo, shown)
    }
}

impl Demo {
    fn from_options(options: &DemoOptions, speed: u32) -> Result<Self, Failure> {
        let faults = match &options.faults {
            Some(path) => FaultPlan::parse(&read_text(path)?, &path.display().to_string())
                .map_err(Failure::bad_input)?,
            None => FaultPlan::default(),
        };
        let mut setup = SorterSetup::demo();
        setup.first_lane_mm = options.first_lane * 1_000;
        setup.feed_per_hour = options.feed;
        setup.seed = options.order.seed;
        setup.speed = speed;
        setup.people.may_hand_sort = true;
        if let Some(first) = faults.first_sequence() {
            setup.plc.first_event_seq = first;
            setup.plc.first_command_seq = first;
        }
        if setup.time_to_decide() < TIME_TO_DECIDE_MIN {
            return Err(Failure::bad_input(format!(
                "--speed {speed} leaves {} ms from scan to first lane, less than {} ms: lower the speed",
                setup.time_to_decide().as_millis(),
                TIME_TO_DECIDE_MIN.as_millis()
            )));
        }
        let plant = widened(demo_plant()?, usize::from(options.order.chutes), &mut setup)?;
        let source = FeedSource::open(&options.order)?;
        // The intake reads first: its refusals name the line and the remedy.
        source.intake()?;
        let groups = source.groups(&options.order)?;
        Ok(Self {
            plant,
            setup,
            source,
            groups,
            faults,
            is_first_scan: Assign::from(options.order.assign) == Assign::FirstScan,
            is_whole_file: options.order.orders.is_some() && options.span.is_none(),
        })
    }
}

/// The plant of the demo sorter.
pub(crate) fn demo_plant() -> Result<Plant, Failure> {
    load_plant(PLANT, "plant.toml").map_err(Failure::bad_input)
}

/// When the demo sorter works.
pub(crate) fn demo_calendar() -> Result<Calendar, Failure> {
    load_calendar(PLANT, "plant.toml").map_err(Failure::bad_input)
}

/// A demo with more chutes than the 60 of the demo sorter gets a longer sorter: the same special lanes behind more
/// order lanes.
fn widened(mut plant: Plant, chutes: usize, setup: &mut SorterSetup) -> Result<Plant, Failure> {
    let order_lanes = plant.chutes.iter().filter(|chute| chute.kind == ChuteKind::Order).count();
    if chutes <= order_lanes {
        return Ok(plant);
    }
    let extra = u16::try_from(chutes - order_lanes).map_err(Failure::bad_input)?;
    for chute in &mut plant.chutes {
        if chute.kind != ChuteKind::Order {
            for lane in &mut chute.lanes {
                lane.0 += extra;
            }
        }
    }
    let last = u16::try_from(order_lanes).map_err(Failure::bad_input)?;
    for lane in last + 1..=last + extra {
        let lanes = heapless::Vec::from_slice(&[LaneNo(lane)])
            .map_err(|_| Failure::bad_input("a chute has a lane"))?;
        let id = format!("order-{lane}");
        plant.chutes.push(ChuteSpec { id, line: LineId(0), kind: ChuteKind::Order, lanes });
    }
    plant.chutes.sort_by_key(|chute| chute.lanes.first().copied());
    plant.lines[0].lane_max.0 += extra;
    setup.lanes = SorterSetup::lanes_of(chutes, 2);
    setup.loop_mm += u32::from(extra) * setup.lane_pitch_mm;
    Ok(plant)
}

fn write_config(dir: &std::path::Path, shown: Shown) -> Result<(), Failure> {
    let place =
        |error: std::io::Error| Failure::bad_input(format!("cannot write {}: {error}", dir.display()));
    std::fs::create_dir_all(dir.join("mappings")).map_err(place)?;
    let plant = plant_toml(&demo_plant()?) + &shifts_toml(&demo_calendar()?);
    std::fs::write(dir.join("plant.toml"), plant).map_err(place)?;
    std::fs::write(dir.join("mappings/retail.toml"), wcs_intake::Mapping::retail_text()).map_err(place)?;
    let wrote = serde_json::json!({ "dir": dir, "files": ["plant.toml", "mappings/retail.toml"] });
    shown.print(&wrote, || format!("wrote plant.toml and mappings/retail.toml to {}", dir.display()))
}
