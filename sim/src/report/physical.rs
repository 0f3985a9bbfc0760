//! The simulator's side: where every load physically is, from the ledger alone.

use std::collections::BTreeMap;

use crate::world::ledger_event::{LedgerEvent, LedgerKind};

/// One number a load had, and where it ended under it.
#[derive(Clone, Debug)]
pub(super) struct PhysicalLoad {
    pub(super) label: String,
    pub(super) order: String,
    pub(super) sku: String,
    pub(super) qty: u32,
    pub(super) end: Option<PhysicalEnd>,
}

/// Where a load physically ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PhysicalEnd {
    Lane { lane: u16 },
    HandSorted { lane: u16 },
    Lost,
    Removed,
    Purged,
}

/// The ledger, added up.
#[derive(Clone, Debug, Default)]
pub struct Physical {
    pub(super) loads: BTreeMap<(u16, u32), PhysicalLoad>,
    /// Loads put on the belt, each attempt counted.
    pub inducted: u64,
    /// Pieces put on the belt for the first time.
    pub inducted_pieces: i64,
    /// Boxes changed.
    pub swapped: u64,
    /// Labels of loads that vanished.
    pub lost: Vec<(String, u32)>,
    /// What a ledger tells that cannot be: label, and what is wrong.
    pub(super) contradictions: Vec<(String, &'static str)>,
    /// The number each attempt of each load got last.
    numbers: BTreeMap<(u64, u32), (u16, u32)>,
}

/// Result the PLC reports for a load it lost track of.
const RESULT_LOST: u16 = 6;

impl Physical {
    /// Adds one event.
    pub fn add(&mut self, event: &LedgerEvent) {
        match event.event {
            LedgerKind::Inducted => {
                // Taken off a standing sorter and put on again, or told again under a new number: the same passage.
                let is_again = self.drop_open(event.load, event.attempt)
                    || (event.attempt > 1 && self.drop_open(event.load, event.attempt - 1));
                self.inducted += u64::from(!is_again);
                if event.attempt == 1 && !is_again {
                    self.inducted_pieces += i64::from(event.qty);
                }
                self.load(event);
            }
            LedgerKind::Exit if event.result == RESULT_LOST => self.end(event, PhysicalEnd::Lost),
            LedgerKind::Exit => self.end(event, PhysicalEnd::Lane { lane: event.lane.0 }),
            LedgerKind::Swapped => self.swapped += 1,
            LedgerKind::HandSorted => self.end(event, PhysicalEnd::HandSorted { lane: event.lane.0 }),
            LedgerKind::Lost => {
                self.lost.push((event.label.clone(), event.qty));
                self.end(event, PhysicalEnd::Lost);
            }
            LedgerKind::Removed => self.end(event, PhysicalEnd::Removed),
            LedgerKind::Purged => self.end(event, PhysicalEnd::Purged),
        }
    }

    /// Loads on the belt: put on it, and nowhere else yet.
    pub(super) fn open_count(&self) -> u64 {
        self.loads.values().filter(|load| load.end.is_none()).count() as u64
    }

    fn load(&mut self, event: &LedgerEvent) -> &mut PhysicalLoad {
        let number = (event.plc_epoch, event.item);
        self.numbers.insert((event.load, event.attempt), number);
        self.loads.entry(number).or_insert_with(|| PhysicalLoad {
            label: event.label.clone(),
            order: event.order.clone(),
            sku: event.sku.clone(),
            qty: event.qty,
            end: None,
        })
    }

    fn end(&mut self, event: &LedgerEvent, end: PhysicalEnd) {
        let known = self.numbers.get(&(event.load, event.attempt)).copied();
        if let Some(what) = self.contradiction(event, known) {
            self.contradictions.push((event.label.clone(), what));
        }
        if event.item == 0 {
            // No PLC knows it by a number: it keeps the one it had.
            if let Some(load) = known.and_then(|number| self.loads.get_mut(&number)) {
                load.end = Some(end);
            }
            return;
        }
        if known != Some((event.plc_epoch, event.item)) {
            // The PLC started anew under it and gave it another number.
            self.drop_open(event.load, event.attempt);
        }
        self.load(event).end = Some(end);
    }

    fn contradiction(&self, event: &LedgerEvent, known: Option<(u16, u32)>) -> Option<&'static str> {
        let Some(load) = known.and_then(|number| self.loads.get(&number)) else {
            return Some("left without having come");
        };
        let is_exit = event.event == LedgerKind::Exit && event.result != RESULT_LOST;
        if is_exit && matches!(load.end, Some(PhysicalEnd::Lane { .. })) {
            return Some("left twice");
        }
        let is_same = load.label == event.label && load.order == event.order && load.qty == event.qty;
        (!is_same).then_some("left as another load than it came")
    }

    /// Forgets the number of an attempt that never ended under it: it is void. False when there is none.
    fn drop_open(&mut self, load: u64, attempt: u32) -> bool {
        let Some(number) = self.numbers.get(&(load, attempt)) else { return false };
        let is_open = self.loads.get(number).is_some_and(|load| load.end.is_none());
        is_open && self.loads.remove(number).is_some()
    }
}

#[cfg(test)]
mod tests {
    use wcs_types::{LaneNo, MonoTime};

    use super::*;

    fn event(event: LedgerKind, label: &str, item: u32, lane: u16) -> LedgerEvent {
        LedgerEvent {
            at: MonoTime::ZERO,
            load: 1,
            label: label.to_owned(),
            order: "A".to_owned(),
            sku: "S".to_owned(),
            qty: 2,
            plc_epoch: 1,
            item,
            attempt: 1,
            event,
            lane: LaneNo(lane),
            result: 1,
        }
    }

    fn contradictions(events: &[LedgerEvent]) -> Vec<&'static str> {
        let mut physical = Physical::default();
        events.iter().for_each(|event| physical.add(event));
        physical.contradictions.iter().map(|(_, what)| *what).collect()
    }

    #[test]
    fn ledger_that_cannot_be_is_found_out() {
        let came = event(LedgerKind::Inducted, "A/1", 7, 0);
        let left = event(LedgerKind::Exit, "A/1", 7, 3);
        assert_eq!(contradictions(&[came.clone(), left.clone()]), [""; 0]);
        assert_eq!(contradictions(&[came.clone(), left.clone(), left.clone()]), ["left twice"]);
        assert_eq!(contradictions(std::slice::from_ref(&left)), ["left without having come"]);
        let other = event(LedgerKind::Exit, "A/2", 7, 3);
        assert_eq!(contradictions(&[came.clone(), other]), ["left as another load than it came"]);
        // Sorted by hand after it lay in a lane, or numbered anew by a PLC that restarted: both are told like this.
        let by_hand = event(LedgerKind::HandSorted, "A/1", 7, 3);
        assert_eq!(contradictions(&[came.clone(), left, by_hand]), [""; 0]);
        let renumbered = LedgerEvent { plc_epoch: 2, ..event(LedgerKind::Exit, "A/1", 1, 3) };
        assert_eq!(contradictions(&[came, renumbered]), [""; 0]);
    }
}
