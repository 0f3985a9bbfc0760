//! Where the orders of a run come from, read twice: by the intake for the daemon, and by the simulator's own reading
//! for the loads. The two must agree; what differs shows in the report.

use std::collections::BTreeSet;
use std::path::Path;

use wcs_intake::{Intake, Mapping, PlannedBatch, plan, read_orders};
use wcs_sim::feed::{FeedMapping, FeedPlan, Groups, made_orders};
use wcs_types::{Assign, ChuteKind, LineId, Plant};

use crate::arguments::OrderOptions;
use crate::exit::Failure;

/// Orders a demo without an order file makes for itself: hours of work.
const MADE_ORDERS: u32 = 3_000;

/// The text of an order file with its mapping.
pub(crate) struct FeedSource {
    orders: Vec<u8>,
    mapping: String,
    mapping_name: String,
}

impl FeedSource {
    /// Reads the files the options name; without an order file, makes orders.
    pub(crate) fn open(options: &OrderOptions) -> Result<Self, Failure> {
        let orders = match &options.orders {
            Some(path) => read(path)?,
            None => made_orders(options.seed, MADE_ORDERS).csv.into_bytes(),
        };
        let (mapping, mapping_name) = match &options.mapping {
            Some(path) => {
                let text = String::from_utf8(read(path)?)
                    .map_err(|_| Failure::bad_input(format!("{}: not UTF-8", path.display())))?;
                (text, path.display().to_string())
            }
            None => (Mapping::retail_text().to_owned(), "the retail mapping".to_owned()),
        };
        Ok(Self { orders, mapping, mapping_name })
    }

    /// The order file.
    pub(crate) fn file(&self) -> &[u8] {
        &self.orders
    }

    /// The mapping of its columns.
    pub(crate) fn mapping(&self) -> Result<Mapping, Failure> {
        Mapping::parse(&self.mapping, &self.mapping_name).map_err(Failure::bad_input)
    }

    /// What the daemon reads.
    pub(crate) fn intake(&self) -> Result<Intake, Failure> {
        let mapping = self.mapping()?;
        read_orders(&self.orders, &mapping).map_err(Failure::bad_input)
    }

    /// The batches the daemon runs.
    pub(crate) fn batches(&self, options: &OrderOptions) -> Result<Vec<PlannedBatch>, Failure> {
        let intake = self.intake()?;
        let chutes = usize::from(options.chutes);
        Ok(plan(&intake, chutes, options.assign.into(), options.identify.into(), LineId(0)))
    }

    /// What people put on the belt.
    pub(crate) fn groups(&self, options: &OrderOptions) -> Result<Groups, Failure> {
        let mapping = FeedMapping::parse(&self.mapping).map_err(Failure::bad_input)?;
        let plan = FeedPlan {
            identify: options.identify.into(),
            assign: options.assign.into(),
            chutes: usize::from(options.chutes),
            seed: options.seed,
        };
        Groups::read(&self.orders, &mapping, plan).map_err(Failure::bad_input)
    }
}

/// Refuses batches that the plant can never start: more classes to be bound at once than it has order chutes.
pub(crate) fn check_chutes(plant: &Plant, batches: &[PlannedBatch]) -> Result<(), Failure> {
    let chutes = plant.chutes_of(LineId(0)).filter(|(_, chute)| chute.kind == ChuteKind::Order).count();
    for batch in batches.iter().filter(|batch| batch.spec.assign == Assign::Volume) {
        let classes: BTreeSet<_> = batch.jobs.iter().map(|job| &job.order).collect();
        let usable = chutes.min(usize::from(batch.spec.chute_limit));
        if classes.len() > usable {
            return Err(Failure::bad_input(format!(
                "batch {} has {} orders, the plant has {usable} order chutes for it: use --chutes {usable}",
                batch.spec.batch,
                classes.len()
            )));
        }
    }
    Ok(())
}

/// Reads a file the command line names.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", path.display())))
}

/// Reads a text file the command line names.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::bad_input(format!("{}: not UTF-8", path.display())))
}
