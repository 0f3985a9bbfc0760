//! Tells loads apart in a ledger that does not number them: another simulator, or a person, may write labels only. A
//! load is followed by the number its PLC gave it; under a new number it is the oldest open passage of its label.

use std::collections::BTreeMap;

use crate::world::ledger_event::{LedgerEvent, LedgerKind};

/// Numbers given to loads so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    last: u64,
    by_number: BTreeMap<(u16, u32), u64>,
    by_passage: BTreeMap<(String, u32), Vec<u64>>,
    /// Passage under way of a load on the belt.
    open: BTreeMap<u64, u32>,
    /// Life of the PLC that numbered a load last.
    epochs: BTreeMap<u64, u16>,
}

impl Names {
    /// The load an event is about; 0 where it is about none.
    pub(super) fn name(&mut self, event: &LedgerEvent) -> u64 {
        if event.event == LedgerKind::Swapped {
            return 0;
        }
        let number = (event.plc_epoch, event.item);
        let load = match self.by_number.get(&number).filter(|_| event.item != 0) {
            Some(load) => *load,
            None => self.find(event).unwrap_or_else(|| {
                self.last += 1;
                self.last
            }),
        };
        if event.item != 0 {
            self.by_number.insert(number, load);
            self.epochs.insert(load, event.plc_epoch);
        }
        if event.event == LedgerKind::Inducted {
            self.open.insert(load, event.attempt);
            let passage = self.by_passage.entry((event.label.clone(), event.attempt)).or_default();
            if !passage.contains(&load) {
                passage.push(load);
            }
        } else {
            self.open.remove(&load);
        }
        load
    }

    /// A load of this label that is known under another number.
    fn find(&self, event: &LedgerEvent) -> Option<u64> {
        let of =
            |attempt| self.by_passage.get(&(event.label.clone(), attempt)).into_iter().flatten().copied();
        let is_open = |load: &u64| self.open.get(load) == Some(&event.attempt);
        match event.event {
            // Numbered anew while it was on the belt, or put on again after its last passage ended.
            LedgerKind::Inducted if event.attempt <= 1 => {
                of(1).filter(is_open).find(|load| self.epochs.get(load) != Some(&event.plc_epoch))
            }
            LedgerKind::Inducted => {
                of(event.attempt - 1).find(|load| of(event.attempt).all(|taken| taken != *load))
            }
            _ => of(event.attempt).find(is_open).or_else(|| of(event.attempt).next()),
        }
    }
}
