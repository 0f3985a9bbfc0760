//! The exception operator: takes what lies in the exception, no-read and overflow lanes and brings it back to the
//! induction. What keeps coming he sorts by hand, if the screen lets him, or puts on the shelf in the end.

use std::collections::VecDeque;

use wcs_types::{ChuteKind, Code, LaneNo};

use super::PersonRequest;
use crate::world::agenda::TimeMark;
use crate::world::ledger_event::LedgerKind;
use crate::world::load::{LoadIndex, Place};
use crate::world::sorter::Sorter;

/// The desk at the exception station.
#[derive(Debug, Default)]
pub(crate) struct ExceptionDesk {
    /// Questions not yet asked.
    asking: VecDeque<PersonRequest>,
    /// Loads on the desk, waiting for an answer.
    waiting: VecDeque<LoadIndex>,
}

impl Sorter {
    /// A load lies in a lane that the exception operator looks after.
    pub(crate) fn lie_in_lane(&mut self, index: LoadIndex, lane: u16) {
        let token = self.agenda.token();
        let load = self.loads.at_mut(index);
        load.place = Place::Lane { lane };
        load.token = token;
        let people = &self.setup.people;
        let delay = self.setup.scaled(people.take) + self.knobs.jitter(self.setup.scaled(people.take_jitter));
        self.agenda.at_time(self.now + delay, TimeMark::Taken { load: index, token });
    }

    /// The operator takes a load out of its lane.
    pub(crate) fn take_from_lane(&mut self, index: LoadIndex, token: u64) {
        let Some(load) = self.loads.current(index, token) else { return };
        let Place::Lane { lane } = load.place else {
            unreachable!("only loads in a lane are taken out of it")
        };
        let (attempt, label) = (load.attempt, load.feed.label.clone());
        self.loads.at_mut(index).place = Place::Hands;
        let place = &mut self.lanes[usize::from(lane - 1)];
        place.count = place.count.checked_sub(1).expect("a load that is taken was counted");
        self.show_lane(lane);
        if self.setup.people.may_hand_sort && attempt >= self.setup.people.hand_sort_from {
            self.people.desk.asking.push_back(PersonRequest::HandSort { label });
            self.people.desk.waiting.push_back(index);
        } else {
            self.bring_back(index);
        }
    }

    /// Brings a load back to the induction, or puts it on the shelf when that was done too often.
    fn bring_back(&mut self, index: LoadIndex) {
        if self.loads.at(index).attempt >= self.setup.people.attempts_max {
            self.finish(index);
        } else {
            self.feed.push_returning(index);
            self.try_induct();
        }
    }

    /// The next thing a person asks the screen.
    pub fn poll_person(&mut self) -> Option<PersonRequest> {
        self.people.desk.asking.pop_front()
    }

    /// The screen's answer to a hand-sort request: the lane the load belongs into, or nothing, and then it goes back
    /// to the induction. False when no load with this label waits, or when the lane is not an order lane.
    pub fn person_answer(&mut self, label: &Code, lane: Option<LaneNo>) -> bool {
        if let Some(lane) = lane
            && !self.is_order_lane(lane)
        {
            return false;
        }
        let desk = &mut self.people.desk.waiting;
        let loads = &self.loads;
        let Some(position) = desk.iter().position(|index| loads.at(*index).feed.label == *label) else {
            return false;
        };
        let index = desk.remove(position).expect("the position was just found");
        match lane {
            Some(lane) => {
                let load = self.loads.at(index).clone();
                self.book(&load, LedgerKind::HandSorted, lane.0, 0);
                self.fill_lane(lane.0);
                self.finish(index);
            }
            None => self.bring_back(index),
        }
        true
    }

    fn is_order_lane(&self, lane: LaneNo) -> bool {
        lane != LaneNo::NONE
            && self.lanes.get(usize::from(lane.0 - 1)).is_some_and(|lane| lane.kind == ChuteKind::Order)
    }
}
