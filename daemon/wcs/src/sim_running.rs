//! `wcs sim run`: the PLC and its world as a process of their own, with a ledger.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wcs_sim::faults::{DiskStall, FaultPlan};
use wcs_sim::world::SorterSetup;
use wcs_specs::load_plant;
use wcs_types::{ChuteKind, LineId, Plant};

use crate::arguments::SimRunOptions;
use crate::exit::Failure;
use crate::feed_source::{FeedSource, read_text};
use crate::interrupt::Interrupt;
use crate::shown::Shown;
use crate::sim_host::{SimHost, SimSetup, SimShared, new_life};

const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run(options: &SimRunOptions, shown: Shown) -> Result<(), Failure> {
    let interrupt = Interrupt::listen().map_err(Failure::not_ok)?;
    let plant = load_plant(&read_text(&options.plant)?, &options.plant.display().to_string())
        .map_err(Failure::bad_input)?;
    let faults = match &options.faults {
        Some(path) => {
            FaultPlan::parse(&read_text(path)?, &path.display().to_string()).map_err(Failure::bad_input)?
        }
        None => FaultPlan::default(),
    };
    let mut setup = setup_of(&plant)?;
    setup.seed = options.order.seed;
    setup.speed = options.speed;
    setup.plc.first_epoch = new_life();
    if let Some(first) = faults.first_sequence() {
        setup.plc.first_event_seq = first;
        setup.plc.first_command_seq = first;
    }
    let groups = FeedSource::open(&options.order)?.groups(&options.order)?;
    let loads = groups.load_count();
    let shared = Arc::new(SimShared::default());
    let listen = options.listen.map_or_else(|| plant.links[0].endpoint.clone(), |listen| listen.to_string());
    let host = SimHost::start(SimSetup {
        setup,
        groups: groups.groups,
        faults,
        link_name: plant.links[0].id.clone(),
        stall: DiskStall::default(),
        listen,
        ledger: Some(options.ledger.clone()),
        shared: Arc::clone(&shared),
        asks: None,
    })?;
    let address = host.address();
    let listening = serde_json::json!({ "address": address.to_string(), "loads": loads });
    shown.tell("listening", &listening, || format!("listening on {address}, {loads} loads"))?;
    let mut is_told = false;
    while !interrupt.is_asked() && !host.is_finished() {
        std::thread::sleep(LOOK);
        if !is_told && shared.is_idle.load(Ordering::Acquire) {
            is_told = true;
            let done = serde_json::json!({ "loads": loads });
            shown.tell("all_loads_final", &done, || "all loads are final".to_owned())?;
        }
    }
    host.stop()
}

/// The sorter of the plant's first line, as long as its highest lane needs.
fn setup_of(plant: &Plant) -> Result<SorterSetup, Failure> {
    let line = plant.lines.first().ok_or_else(|| Failure::bad_input("the plant has no line"))?;
    let mut setup = SorterSetup::demo();
    let lanes = usize::from(line.lane_max.0);
    // A lane no chute uses exists all the same; nobody sends anything there.
    setup.lanes = vec![ChuteKind::Order; lanes];
    for (_, chute) in plant.chutes_of(LineId(0)) {
        for lane in &chute.lanes {
            setup.lanes[usize::from(lane.0) - 1] = chute.kind;
        }
    }
    let path = u32::try_from(setup.path_mm()).map_err(Failure::bad_input)?;
    setup.loop_mm = setup.loop_mm.max(path + setup.induction_mm + 20_000);
    setup.plc.unit = line.unit_id;
    setup.plc.bases = line.blocks;
    Ok(setup)
}
