//! A core that follows records and says where it would have chosen otherwise: with another plant file, in another
//! version, or both. The recorded decision is adopted each time, so the state stays that of the journal.
//!
//! It cannot command anything: what a step would send stays inside and is thrown away with it. There is no way from a
//! shadow to the outputs, or back to a [`Core`]. Differences, and what they are about, is all it gives:
//!
//! ```
//! use wcs_core::Shadow;
//! let shadow = Shadow::new(wcs_types::Plant::default());
//! assert_eq!(shadow.seq(), wcs_types::Seq::NONE);
//! ```
//!
//! It has no outputs:
//!
//! ```compile_fail,E0599
//! use wcs_core::Shadow;
//! let shadow = Shadow::new(wcs_types::Plant::default());
//! let _ = shadow.outputs();
//! ```
//!
//! its step cannot be reached:
//!
//! ```compile_fail,E0616
//! use wcs_core::Shadow;
//! let shadow = Shadow::new(wcs_types::Plant::default());
//! let _ = shadow.step;
//! ```
//!
//! it is no core, and does not lend its own:
//!
//! ```compile_fail,E0616
//! use wcs_core::Shadow;
//! let shadow = Shadow::new(wcs_types::Plant::default());
//! let _: wcs_core::Core = shadow.core;
//! ```
//!
//! ```compile_fail,E0308
//! use wcs_core::{Core, Shadow};
//! let shadow: Core = Shadow::new(wcs_types::Plant::default());
//! ```

use alloc::boxed::Box;

use wcs_types::{BatchId, Code, Decision, LoadKey, MonoTime, OrderKey, Plant, Record, Seq, StateHash};

use crate::control::Core;
use crate::offer::{Offer, OfferRefused};
use crate::step::{Difference, Step};

/// A core without hands.
pub struct Shadow {
    core: Core,
    step: Step,
}

impl Shadow {
    /// A shadow at the beginning of a journal that was written for `recorded`.
    pub fn new(recorded: Plant) -> Self {
        Self { core: Core::new(recorded), step: Step::default() }
    }

    /// From here on it chooses among the chutes of another plant.
    ///
    /// # Errors
    /// The plant is of other lines than the journal.
    pub fn offer(&mut self, offered: &Plant) -> Result<(), OfferRefused> {
        self.core.offer = Some(Box::new(Offer::new(&self.core.plant, offered)?));
        Ok(())
    }

    /// Takes the next record, which must follow the one before in number and time, and adopts what was decided.
    pub fn follow(&mut self, record: &Record) {
        self.core.handle(record.now, record.gap, &record.input, Some(&record.decisions), &mut self.step);
        self.step.outputs.clear();
    }

    /// Where it would have chosen otherwise in the last record.
    pub fn differences(&self) -> &[Difference] {
        &self.step.differences
    }

    /// Decisions, facts and state came out as recorded. They do in the version that made the record, whatever plant is
    /// offered.
    pub fn is_as_recorded(&self, record: &Record) -> bool {
        self.step.decisions == record.decisions
            && self.step.facts == record.facts
            && self.core.state_hash() == record.hash
    }

    /// The state, as a hash.
    pub fn state_hash(&self) -> StateHash {
        self.core.state_hash()
    }

    /// The last record taken.
    pub fn seq(&self) -> Seq {
        self.core.seq()
    }

    /// Core time of the last record.
    pub fn now(&self) -> MonoTime {
        self.core.now()
    }

    /// The label of a load on the belt.
    pub fn label(&self, load: LoadKey) -> Option<&Code> {
        let row = self.core.find_load(load)?;
        Some(&self.core.loads.get(row).label)
    }

    /// The order of the class a decision binds, or of the job a load is a piece of.
    pub fn order(&self, decision: &Decision) -> Option<&OrderKey> {
        let class = match decision {
            Decision::Bind { batch, class, .. } => self.class_row(*batch, *class)?,
            Decision::Route { load, .. } => {
                let row = self.core.find_load(*load)?;
                self.core.jobs.get(self.core.loads.get(row).job?).class
            }
        };
        Some(&self.core.classes.get(class).order)
    }

    fn class_row(&self, batch: BatchId, class: u32) -> Option<u32> {
        let batch = self.core.batch_ids.get(&batch)?;
        self.core.lists(*batch).classes.get(class as usize).copied()
    }
}
