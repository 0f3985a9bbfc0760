//! A shift of the shipped demo plant in virtual time, with orders of its own and without faults.

use std::cell::RefCell;
use std::rc::Rc;

use wcs_intake::{Mapping, plan, read_orders};
use wcs_sim::faults::FaultPlan;
use wcs_sim::feed::{FeedMapping, FeedPlan, Groups, made_orders};
use wcs_sim::report::Physical;
use wcs_sim::server::{FaultTargets, HostedSorter};
use wcs_sim::stack::{Stack, StackSetup, WireSetup};
use wcs_sim::supervisor::Supervisor;
use wcs_sim::world::{LedgerEvent, Sorter, SorterSetup};
use wcs_specs::load_plant;
use wcs_types::{Assign, Identify, LineId, Nanos};

const PLANT: &str = include_str!("../../../configs/plant.toml");
const CHUTES: usize = 60;
const SEED: u64 = 41;

/// The shift with a bystander at its wire, and the pieces it has to sort.
pub(crate) fn begin(physical: &Rc<RefCell<Physical>>, order_count: u32) -> (Stack, i64) {
    let orders = made_orders(SEED, order_count);
    let mapping = Mapping::parse(Mapping::retail_text(), "mapping").unwrap();
    let intake = read_orders(orders.csv.as_bytes(), &mapping).unwrap();
    let feed = FeedPlan { identify: Identify::Lpn, assign: Assign::Volume, chutes: CHUTES, seed: SEED };
    let mapping = FeedMapping::parse(Mapping::retail_text()).unwrap();
    let groups = Groups::read(orders.csv.as_bytes(), &mapping, feed).unwrap();
    let targets = FaultTargets::default();
    let sorter = Sorter::new(SorterSetup::demo()).unwrap();
    let ledger = Rc::clone(physical);
    let sink = Box::new(move |event: &LedgerEvent| {
        ledger.borrow_mut().add(event);
        Ok(())
    });
    let setup = StackSetup {
        plant: load_plant(PLANT, "plant").unwrap(),
        sorter: HostedSorter::new(sorter, FaultPlan::default(), targets.clone(), sink),
        targets,
        groups: groups.groups,
        supervisor: Supervisor::new(
            plan(&intake, CHUTES, Assign::Volume, Identify::Lpn, LineId(0)),
            Nanos::from_secs(180),
        ),
        wire: WireSetup::default(),
        sync_time: Nanos::from_micros(200),
        seed: SEED,
        check_every: 100,
        checkpoint_every: 100,
    };
    let mut stack = Stack::new(setup).unwrap();
    stack.watch();
    (stack, i64::try_from(orders.totals.pieces).unwrap())
}
