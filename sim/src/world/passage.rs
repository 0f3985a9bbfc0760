//! The way of a load: on the belt when there is room, past the scanner, to its decision point, into a lane or round
//! once more.

use wcs_types::ChuteKind;

use super::agenda::{BeltMark, TimeMark};
use super::belt::Travel;
use super::feed::NextLoad;
use super::knobs::KnobKind;
use super::ledger_event::LedgerKind;
use super::load::{Fate, Load, LoadIndex, Place};
use super::sorter::Sorter;
use super::standing::Motion;
use crate::plc::routing::{Sighting, Verdict};

/// What keeps a label from being read; the first that hits has its way.
const UNREAD: [KnobKind; 4] =
    [KnobKind::NoRead, KnobKind::MultiRead, KnobKind::BadFormat, KnobKind::ScannerDown];

impl Sorter {
    /// The feed has a load ready, or a place may have come free.
    pub(crate) fn offer_load(&mut self) {
        self.feed.is_waiting = true;
        self.try_induct();
    }

    /// Puts the next load on the belt, when nothing is against it.
    pub(crate) fn try_induct(&mut self) {
        let may_run = self.belt.is_running() && self.plc.may_induct();
        if !self.feed.is_waiting || !may_run || !self.feed.has_next() {
            return;
        }
        let here = self.belt.travel_at(self.now);
        let spacing = self.plc.geometry.spacing;
        let near = Travel(here.0 - spacing.0 + 1)..Travel(here.0 + spacing.0);
        if let Some((blocker, _)) = self.occupancy.range(near).next_back() {
            self.feed.is_waiting = false;
            self.agenda.at_travel(*blocker + spacing, BeltMark::Gap);
            return;
        }
        let Some(next) = self.feed.next() else { return };
        self.feed.is_waiting = false;
        let due_at = self.feed.note_inducted(self.now);
        self.agenda.at_time(due_at, TimeMark::FeedDue);
        self.induct(next, here);
    }

    fn induct(&mut self, next: NextLoad, here: Travel) {
        self.standings.see_motion(self.now, Motion::Induction);
        let token = self.agenda.token();
        let place = Place::Belt { has_passed_scanner: false };
        let index = match next {
            NextLoad::New(feed) => {
                self.inducted += 1;
                let fate = Fate::Fine;
                self.loads.insert(Load {
                    feed,
                    number: self.inducted,
                    attempt: 1,
                    origin: here,
                    place,
                    fate,
                    plc_epoch: 0,
                    item: 0,
                    token,
                })
            }
            NextLoad::Returning(index) => {
                self.reinducted += 1;
                let load = self.loads.at_mut(index);
                (load.attempt, load.origin, load.place, load.token) = (load.attempt + 1, here, place, token);
                index
            }
        };
        let load = self.loads.at_mut(index);
        load.item = self.plc.induct(self.now, index, &load.feed.label, here);
        load.plc_epoch = self.plc.epoch;
        let earlier = self.occupancy.insert(here, index);
        assert!(earlier.is_none(), "the place was free");
        self.agenda.at_travel(here + self.plc.geometry.scanner, BeltMark::Scan { load: index, token });
        let load = self.loads.at(index).clone();
        self.book(&load, LedgerKind::Inducted, 0, 0);
    }

    /// A load is at the scanner.
    pub(crate) fn meet_scanner(&mut self, index: LoadIndex, token: u64) {
        if self.loads.current(index, token).is_none() {
            return;
        }
        let reads = self.plc.tables.words.reads;
        let trouble = UNREAD.into_iter().find(|kind| self.knobs.hits(*kind));
        let read = match trouble {
            Some(KnobKind::MultiRead) => reads.several,
            Some(KnobKind::BadFormat) => reads.bad_format,
            Some(KnobKind::ScannerDown) => reads.scanner_down,
            Some(_) => reads.no_read,
            None => reads.ok,
        };
        let has_no_gap = self.knobs.hits(KnobKind::Gap);
        let fate = self.draw_fate();
        let load = self.loads.at_mut(index);
        load.fate = fate;
        load.place = Place::Belt { has_passed_scanner: true };
        let seen = Sighting {
            load: index,
            item: load.item,
            label: &load.feed.label,
            origin: load.origin,
            read,
            has_no_gap,
        };
        if let Some(kind) = trouble {
            self.knobs.note(kind, Some(seen.label));
        }
        if has_no_gap {
            self.knobs.note(KnobKind::Gap, Some(seen.label));
        }
        let item = self.plc.scan(self.now, &seen, &mut self.agenda);
        let is_new = item != load.item;
        load.item = item;
        if is_new {
            load.plc_epoch = self.plc.epoch;
        }
    }

    /// An item is at its decision point.
    pub(crate) fn meet_point(&mut self, number: u32, token: u64) {
        let Some(item) = self.plc.items.get(number).filter(|item| item.token == token) else { return };
        let index = item.load;
        let fate = self.loads.at(index).fate;
        match fate {
            Fate::Lost { is_silent } => return self.vanish(index, is_silent),
            Fate::Removed => return self.remove_by_hand(index),
            Fate::Fine | Fate::Missed | Fate::Missort => {}
        }
        match self.plc.at_point(self.now, number, fate == Fate::Missed, &mut self.agenda) {
            Verdict::RunOn => {}
            Verdict::Divert { lane, result } => self.divert(index, lane, result),
            Verdict::GoRound => self.go_round(index),
            Verdict::Refused { lane } => self.note_refusal(index, lane),
            Verdict::Missed => self.knobs.note(KnobKind::Missed, Some(&self.loads.at(index).feed.label)),
        }
    }

    /// A load leaves the belt towards a lane.
    fn divert(&mut self, index: LoadIndex, commanded: u16, result: u16) {
        let (lane, result) = self.missort(index, commanded).unwrap_or((commanded, result));
        self.take_off_belt(index);
        let token = self.agenda.token();
        let load = self.loads.at_mut(index);
        load.token = token;
        load.place = Place::Divert { lane, result };
        let eye = load.origin + self.plc.geometry.point(lane) + self.plc.geometry.divert;
        self.diverting.insert(index);
        self.agenda.at_travel(eye, BeltMark::Arrive { load: index, token });
    }

    /// A load goes round: its origin is where it will pass the induction.
    pub(crate) fn go_round(&mut self, index: LoadIndex) {
        self.take_off_belt(index);
        self.recirculated += 1;
        let token = self.agenda.token();
        let load = self.loads.at_mut(index);
        load.origin = load.origin + self.plc.geometry.round;
        load.token = token;
        load.place = Place::Belt { has_passed_scanner: false };
        let earlier = self.occupancy.insert(load.origin, index);
        assert!(earlier.is_none(), "loads keep their places going round");
        let scanner = load.origin + self.plc.geometry.scanner;
        self.agenda.at_travel(scanner, BeltMark::Scan { load: index, token });
    }

    pub(crate) fn take_off_belt(&mut self, index: LoadIndex) {
        let found = self.occupancy.remove(&self.loads.at(index).origin);
        assert!(found == Some(index), "a load on the belt stands at its origin");
    }

    /// A load that the PLC knows nothing of is at the end of a line.
    pub(crate) fn meet_end(&mut self, index: LoadIndex, token: u64) {
        let Some(load) = self.loads.current(index, token) else { return };
        let (label, origin) = (load.feed.label.clone(), load.origin);
        let item = self.plc.meet_unexpected(self.now, index, &label, origin);
        let load = self.loads.at_mut(index);
        (load.item, load.plc_epoch, load.fate) = (item, self.plc.epoch, Fate::Fine);
        self.divert(index, self.plc.geometry.lane_exception, self.plc.tables.words.exits.unexpected);
    }

    /// A diverted load is at the eye of its lane.
    pub(crate) fn meet_lane(&mut self, index: LoadIndex, token: u64) {
        let Some(load) = self.loads.current(index, token) else { return };
        let Place::Divert { lane, result } = load.place else {
            unreachable!("only diverted loads arrive at a lane");
        };
        let load = load.clone();
        self.standings.see_motion(self.now, Motion::Exit);
        self.diverting.remove(&index);
        self.book(&load, LedgerKind::Exit, lane, result);
        self.plc.leave(self.now, load.item, lane, result);
        self.fill_lane(lane);
        if self.lanes[usize::from(lane - 1)].kind == ChuteKind::Order {
            self.finish(index);
        } else {
            self.lie_in_lane(index, lane);
        }
    }

    /// Loads that are at a place other than commanded, if that is their fate.
    fn missort(&mut self, index: LoadIndex, commanded: u16) -> Option<(u16, u16)> {
        let load = self.loads.at(index);
        let is_order = |lane: u16| {
            self.lanes.get(usize::from(lane - 1)).is_some_and(|lane| lane.kind == ChuteKind::Order)
        };
        if load.fate != Fate::Missort || !is_order(commanded) || !is_order(commanded + 1) {
            return None;
        }
        self.knobs.note(KnobKind::Missort, Some(&load.feed.label));
        Some((commanded + 1, self.plc.tables.words.exits.other_exit))
    }
}
