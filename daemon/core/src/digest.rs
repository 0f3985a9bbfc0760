//! The plant digest: open loads and destinations, job quantities, lanes and bindings. Unlike the state hash it
//! means the same in every version of the core, so it is what two versions are compared by.

use core::hash::{Hash, Hasher};

use wcs_types::{StateHash, StateHasher};

use crate::control::Core;

impl Core {
    /// Digest of what the plant would notice.
    pub fn plant_digest(&self) -> StateHash {
        let mut digest = StateHash::default();
        let mut add = |part: &dyn Fn(&mut StateHasher)| {
            let mut hasher = StateHasher::new(20);
            part(&mut hasher);
            digest.add(StateHash(hasher.finish()));
        };
        for (_, load) in self.loads.iter() {
            add(&|hasher| (load.key, load.destination).hash(hasher));
        }
        for (id, job) in self.jobs.iter() {
            let name = self.job_name(id);
            add(&|hasher| (name, job.planned, job.done, job.in_flight).hash(hasher));
        }
        for (line, lanes) in self.lanes.iter() {
            add(&|hasher| (line, lanes).hash(hasher));
        }
        for (chute, row) in self.chutes.iter() {
            let order = row.class.and_then(|class| self.classes.find(class)).map(|class| &class.order);
            add(&|hasher| (chute, order).hash(hasher));
        }
        digest
    }
}
