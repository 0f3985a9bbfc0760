//! The newest command generation sent for each item, so that a gated command that comes late never replaces
//! a newer one. Bounded: an item is forgotten when a later one takes its place.

use wcs_types::Epoch;

use super::item_memory::ItemMemory;

/// Items remembered; more than a sorter carries.
const ITEMS_MAX: usize = 16_384;

/// Newest generation per item.
#[derive(Clone, Debug)]
pub(super) struct Generations {
    plc_epoch: Epoch,
    newest: ItemMemory<u32>,
}

impl Default for Generations {
    fn default() -> Self {
        Self { plc_epoch: Epoch::NONE, newest: ItemMemory::new(ITEMS_MAX) }
    }
}

impl Generations {
    /// Notes a command for `item`; false when a newer one was noted before.
    pub(super) fn admit(&mut self, item: u32, generation: u32) -> bool {
        let is_newest = self.is_newest(item, generation);
        if is_newest {
            self.newest.keep(item, generation);
        }
        is_newest
    }

    /// True when no newer command than `generation` was noted for `item`.
    pub(super) fn is_newest(&self, item: u32, generation: u32) -> bool {
        self.newest.find(item).is_none_or(|newest| generation >= newest)
    }

    /// Begins an attachment. A new life of the PLC numbers its items anew.
    pub(super) fn attach(&mut self, plc_epoch: Epoch) {
        if self.plc_epoch != plc_epoch {
            self.plc_epoch = plc_epoch;
            self.newest.clear();
        }
    }
}
