//! The chute operator: swaps the box of a full lane, and works at a lane whose lamp says that the WCS closed it.
//! Each closing is served once, however long the lamp stays on.
//!
//! ```text
//! ready --full--> full --swap--> ready          ready or full --lamp seen--> closed --swap--> ready
//! ```

use wcs_types::{ChuteKind, LaneNo};

use crate::world::agenda::TimeMark;
use crate::world::ledger_event::{LedgerEvent, LedgerKind};
use crate::world::sorter::Sorter;

impl Sorter {
    /// Shows the PLC what the eyes of a lane see.
    pub(crate) fn show_lane(&mut self, lane: u16) {
        let place = &self.lanes[usize::from(lane - 1)];
        self.plc.report_lane(self.now, lane, place.state(), place.fill());
    }

    /// One more load lies in a lane; a full order lane gets a new box.
    pub(crate) fn fill_lane(&mut self, lane: u16) {
        let place = &mut self.lanes[usize::from(lane - 1)];
        place.count += 1;
        if place.kind == ChuteKind::Order && place.is_filled() && place.swap.is_none() {
            self.begin_swap(lane);
        }
        self.show_lane(lane);
    }

    fn begin_swap(&mut self, lane: u16) {
        let token = self.agenda.token();
        self.lanes[usize::from(lane - 1)].swap = Some(token);
        let swap = self.setup.scaled(self.setup.people.swap);
        self.agenda.at_time(self.now + swap, TimeMark::SwapDone { lane, token });
    }

    /// The WCS has closed a lane: its lamp is lit.
    pub(crate) fn light_lamp(&mut self, lane: u16) {
        if self.lanes[usize::from(lane - 1)].kind == ChuteKind::Order {
            self.watch_lamp(lane);
        }
    }

    fn watch_lamp(&mut self, lane: u16) {
        let token = self.agenda.token();
        self.lanes[usize::from(lane - 1)].lamp = Some(token);
        let lamp = self.setup.scaled(self.setup.people.lamp);
        self.agenda.at_time(self.now + lamp, TimeMark::LampSeen { lane, token });
    }

    /// The operator sees a lamp that is still lit. A lane with a fault is left alone until it is mended.
    pub(crate) fn see_lamp(&mut self, lane: u16, token: u64) {
        let place = &mut self.lanes[usize::from(lane - 1)];
        if place.lamp != Some(token) {
            return;
        }
        if place.has_fault || place.is_attended {
            self.watch_lamp(lane);
            return;
        }
        place.lamp = None;
        place.is_attended = true;
        if place.swap.is_none() {
            self.begin_swap(lane);
        }
        self.show_lane(lane);
    }

    /// A new, empty box stands in the lane.
    pub(crate) fn finish_swap(&mut self, lane: u16, token: u64) {
        let place = &mut self.lanes[usize::from(lane - 1)];
        if place.swap != Some(token) {
            return;
        }
        place.swap = None;
        place.is_attended = false;
        place.count = 0;
        self.ledger.push(LedgerEvent {
            at: self.now,
            load: 0,
            label: String::new(),
            order: String::new(),
            sku: String::new(),
            qty: 0,
            plc_epoch: self.plc.epoch,
            item: 0,
            attempt: 0,
            event: LedgerKind::Swapped,
            lane: LaneNo(lane),
            result: 0,
        });
        self.show_lane(lane);
    }
}
