//! The newest command generation sent for each item, so that a gated command that comes late never replaces
//! a newer one. Bounded: the item commanded longest ago is forgotten first.

use std::collections::{BTreeMap, VecDeque};

use wcs_types::Epoch;

/// Items remembered; more than a sorter carries.
const ITEMS_MAX: usize = 16_384;

/// Newest generation per item.
#[derive(Clone, Debug, Default)]
pub(super) struct Generations {
    plc_epoch: Epoch,
    newest: BTreeMap<u32, u32>,
    order: VecDeque<u32>,
}

impl Generations {
    /// Notes a command for `item`; false when a newer one was noted before.
    pub(super) fn admit(&mut self, item: u32, generation: u32) -> bool {
        match self.newest.get_mut(&item) {
            Some(newest) if generation < *newest => return false,
            Some(newest) => *newest = generation,
            None => {
                self.newest.insert(item, generation);
                self.order.push_back(item);
            }
        }
        if self.order.len() > ITEMS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.newest.remove(&oldest);
        }
        true
    }

    /// True when no newer command than `generation` was noted for `item`.
    pub(super) fn is_newest(&self, item: u32, generation: u32) -> bool {
        self.newest.get(&item).is_none_or(|newest| generation >= *newest)
    }

    /// Begins an attachment. A new life of the PLC numbers its items anew.
    pub(super) fn attach(&mut self, plc_epoch: Epoch) {
        if self.plc_epoch != plc_epoch {
            self.plc_epoch = plc_epoch;
            self.newest.clear();
            self.order.clear();
        }
    }
}
