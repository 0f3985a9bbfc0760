//! The PLC's tracking: one item per load it knows, with what is planned for it on this pass.
//!
//! ```text
//! Ahead → Unanswered ⇄ Try(first choice) → Try(alternative) → End → Leaving → gone (EXIT)
//!   ^                                                           |
//!   +---------------------- EXIT 7 -----------------------------+
//! ```

use std::collections::BTreeMap;

use wcs_types::Code;

use crate::world::belt::Travel;
use crate::world::load::LoadIndex;

/// A destination the PLC has accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Destination {
    pub(crate) command: u16,
    /// First choice, or a special lane.
    pub(crate) lane: u16,
    pub(crate) alternatives: [u16; 2],
    pub(crate) may_recirculate: bool,
}

/// What happens at the last decision point.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AtEnd {
    /// Goes round, with this detail.
    Recirculate(u16),
    /// Leaves at the exception lane, with this result.
    Leave(u16),
}

/// What is planned for an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Plan {
    /// Before the scanner.
    Ahead,
    /// Scanned, no destination.
    Unanswered,
    /// Will try this lane; rank 0 is the first choice.
    Try { lane: u16, rank: usize },
    /// Nothing is left to try before the end.
    End(AtEnd),
    /// Diverted.
    Leaving,
}

/// An item.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) load: LoadIndex,
    pub(crate) label: Code,
    /// Life that numbered it.
    pub(crate) epoch: u16,
    pub(crate) origin: Travel,
    pub(crate) turns: u16,
    pub(crate) read: u16,
    pub(crate) scan_tick: u32,
    pub(crate) destination: Option<Destination>,
    /// A command for it named an invalid lane.
    pub(crate) is_lane_invalid: bool,
    /// Too close to its neighbour.
    pub(crate) has_no_gap: bool,
    /// A destination may still be set or replaced.
    pub(crate) is_open: bool,
    pub(crate) plan: Plan,
    /// The only token whose decision point counts.
    pub(crate) token: u64,
}

/// The item table.
#[derive(Debug)]
pub(crate) struct Items {
    by_number: BTreeMap<u32, Item>,
    next: u32,
}

impl Items {
    pub(crate) fn new() -> Self {
        Self { by_number: BTreeMap::new(), next: 1 }
    }

    /// Enters a load that comes on at `origin`, and numbers it.
    pub(crate) fn enter(&mut self, load: LoadIndex, label: Code, epoch: u16, origin: Travel) -> u32 {
        let number = self.next;
        self.next = self.next.checked_add(1).expect("one PLC life sees fewer than four billion items");
        let item = Item {
            load,
            label,
            epoch,
            origin,
            turns: 0,
            read: 0,
            scan_tick: 0,
            destination: None,
            is_lane_invalid: false,
            has_no_gap: false,
            is_open: false,
            plan: Plan::Ahead,
            token: 0,
        };
        self.by_number.insert(number, item);
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Item> {
        self.by_number.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Item> {
        self.by_number.get_mut(&number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Item)> {
        self.by_number.iter().map(|(number, item)| (*number, item))
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Item> {
        self.by_number.remove(&number)
    }

    pub(crate) fn count(&self) -> usize {
        self.by_number.len()
    }

    /// Forgets every item; numbering starts anew with the new life.
    pub(crate) fn clear(&mut self) {
        self.by_number.clear();
        self.next = 1;
    }
}
