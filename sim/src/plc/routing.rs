//! What becomes of an item: destinations at the decision points, and what the PLC does by itself when there is
//! none, when lanes cannot take it, when its label cannot be read. Physical accidents are told from outside.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{Code, LaneState, MonoTime};

use super::Plc;
use super::event::{Left, Scanned};
use super::items::{AtEnd, Destination, Plan};
use crate::world::agenda::{Agenda, BeltMark};
use crate::world::belt::Travel;
use crate::world::load::LoadIndex;

/// What an item does at its decision point.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Runs on.
    RunOn,
    /// Is diverted into `lane`, to be reported as `result`.
    Divert { lane: u16, result: u16 },
    /// Goes round.
    GoRound,
    /// The lane could not take it.
    Refused { lane: u16 },
    /// The diverter missed it.
    Missed,
}

/// A load in front of the scanner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting<'a> {
    pub(crate) load: LoadIndex,
    /// Number the PLC should know it by; unknown numbers are entered anew.
    pub(crate) item: u32,
    pub(crate) label: &'a Code,
    pub(crate) origin: Travel,
    pub(crate) read: u16,
    pub(crate) has_no_gap: bool,
}

impl Plc {
    /// A load comes on the belt.
    pub(crate) fn induct(&mut self, at: MonoTime, load: LoadIndex, label: &Code, origin: Travel) -> u32 {
        self.inducted += 1;
        self.mark_dirty(at);
        self.items.enter(load, label.clone(), self.epoch, origin)
    }

    /// A load that no item stands for has come to the end of the line.
    pub(crate) fn meet_unexpected(
        &mut self,
        at: MonoTime,
        load: LoadIndex,
        label: &Code,
        origin: Travel,
    ) -> u32 {
        let number = self.induct(at, load, label, origin);
        let item = self.items.get_mut(number).expect("the item has just been entered");
        item.plan = Plan::Leaving;
        number
    }

    /// A load passes the scanner. Gives the number of its item, which is new when the PLC did not know it.
    pub(crate) fn scan(&mut self, at: MonoTime, seen: &Sighting<'_>, agenda: &mut Agenda) -> u32 {
        let is_known = self.items.get(seen.item).is_some_and(|item| item.load == seen.load);
        let number = if is_known { seen.item } else { self.induct(at, seen.load, seen.label, seen.origin) };
        let stamp = self.stamp(at, Some(number));
        let item = self.items.get_mut(number).expect("the item was known or has just been entered");
        item.origin = seen.origin;
        item.read = seen.read;
        item.scan_tick = stamp.tick;
        item.destination = None;
        item.is_lane_invalid = false;
        item.has_no_gap = seen.has_no_gap;
        item.is_open = true;
        let scanned = Scanned {
            item: number,
            label: seen.label,
            read: seen.read,
            turns: item.turns,
            deadline_mm: (self.geometry.point(1) - self.geometry.scanner).belt_mm(),
            length_mm: self.load_length_mm,
        };
        for event in self.tables.scan_events(stamp, &scanned) {
            self.report(at, event);
        }
        let plan = if seen.has_no_gap {
            Plan::End(AtEnd::Leave(self.tables.words.exits.gap))
        } else {
            Plan::Unanswered
        };
        self.plan(number, plan, agenda);
        number
    }

    /// Sets the plan of an item and the mark at the decision point it leads to.
    fn plan(&mut self, number: u32, plan: Plan, agenda: &mut Agenda) {
        let geometry = self.geometry;
        let reads = self.tables.words.reads;
        let item = self.items.get_mut(number).expect("only known items are planned");
        item.plan = plan;
        item.token = agenda.token();
        let lane = match plan {
            Plan::Try { lane, .. } => lane,
            Plan::Unanswered if item.read != reads.ok && !item.is_lane_invalid => geometry.lane_noread,
            Plan::Unanswered | Plan::End(_) => geometry.lane_exception,
            Plan::Ahead | Plan::Leaving => return,
        };
        agenda.at_travel(
            item.origin + geometry.point(lane),
            BeltMark::Point { item: number, token: item.token },
        );
    }

    /// Gives an item a destination, or says why not.
    pub(crate) fn direct(
        &mut self,
        number: u32,
        destination: Destination,
        travel: Travel,
        agenda: &mut Agenda,
    ) -> Result<(), u16> {
        let (numbers, refusals) = (self.tables.words.numbers, self.tables.words.refusals);
        let geometry = self.geometry;
        let max_recirc = self.max_recirc;
        let item = self.items.get_mut(number).ok_or(refusals.unknown_item)?;
        let is_lane = |lane: u16| lane >= 1 && lane <= geometry.lane_count;
        let is_special =
            destination.lane == numbers.lane_recirculate || destination.lane == numbers.lane_to_exception;
        let are_alternatives_valid = destination.alternatives.iter().all(|lane| *lane == 0 || is_lane(*lane));
        if !(is_special || is_lane(destination.lane)) || !are_alternatives_valid {
            item.is_lane_invalid |= item.is_open && item.destination.is_none();
            return Err(refusals.invalid_lane);
        }
        let first = if is_special { geometry.end() } else { geometry.point(destination.lane) };
        if !item.is_open || travel >= item.origin + first {
            return Err(refusals.late);
        }
        item.destination = Some(destination);
        if item.has_no_gap {
            return Ok(());
        }
        let exits = self.tables.words.exits;
        let plan = if destination.lane == numbers.lane_to_exception {
            Plan::End(AtEnd::Leave(exits.first_choice))
        } else if destination.lane != numbers.lane_recirculate {
            Plan::Try { lane: destination.lane, rank: 0 }
        } else if geometry.is_loop() && item.turns < max_recirc {
            Plan::End(AtEnd::Recirculate(0))
        } else {
            Plan::End(AtEnd::Leave(exits.late))
        };
        self.plan(number, plan, agenda);
        Ok(())
    }

    /// Forgets the destination of an item, as if none had been given.
    pub(crate) fn cancel(&mut self, number: u32, travel: Travel, agenda: &mut Agenda) -> Result<(), u16> {
        let (refusals, exits) = (self.tables.words.refusals, self.tables.words.exits);
        let (geometry, reads) = (self.geometry, self.tables.words.reads);
        let item = self.items.get_mut(number).ok_or(refusals.unknown_item)?;
        if !item.is_open {
            return Err(refusals.late);
        }
        item.destination = None;
        item.is_lane_invalid = false;
        if !item.has_no_gap {
            let is_past_noread = travel >= item.origin + geometry.point(geometry.lane_noread);
            let is_too_late = item.read != reads.ok && is_past_noread;
            let plan = if is_too_late { Plan::End(AtEnd::Leave(exits.no_read)) } else { Plan::Unanswered };
            self.plan(number, plan, agenda);
        }
        Ok(())
    }

    /// An item is at the decision point of its plan. `is_missed`: the diverter will not move if it is told to.
    pub(crate) fn at_point(
        &mut self,
        at: MonoTime,
        number: u32,
        is_missed: bool,
        agenda: &mut Agenda,
    ) -> Verdict {
        let item = self.items.get(number).expect("the caller found the item");
        match item.plan {
            Plan::Try { lane, rank } => self.try_lane(number, lane, rank, is_missed, agenda),
            Plan::Unanswered => self.at_point_unanswered(at, number, agenda),
            Plan::End(AtEnd::Recirculate(detail)) => self.go_round(at, number, detail),
            Plan::End(AtEnd::Leave(result)) => self.divert(number, self.geometry.lane_exception, result),
            Plan::Ahead | Plan::Leaving => {
                unreachable!("an item has decision points only from scan to divert")
            }
        }
    }

    fn try_lane(
        &mut self,
        number: u32,
        lane: u16,
        rank: usize,
        is_missed: bool,
        agenda: &mut Agenda,
    ) -> Verdict {
        let exits = self.tables.words.exits;
        if self.is_usable(lane) {
            if is_missed {
                self.pop_for_follower(number, agenda);
                self.fall_back(number, exits.missed, true, agenda);
                return Verdict::Missed;
            }
            let result = if rank == 0 { exits.first_choice } else { exits.alternative };
            return self.divert(number, lane, result);
        }
        let item = self.items.get_mut(number).expect("the caller found the item");
        item.is_open = false;
        let destination = item.destination.expect("a lane is tried only for a destination");
        let here = self.geometry.point(lane);
        let next = (rank..2)
            .map(|index| (destination.alternatives[index], index + 1))
            .find(|(other, _)| *other != 0 && self.geometry.point(*other) > here);
        if let Some((other, rank)) = next {
            self.plan(number, Plan::Try { lane: other, rank }, agenda);
        } else {
            let code = self.blocked_code(destination.lane);
            self.fall_back(number, code, destination.may_recirculate, agenda);
        }
        Verdict::Refused { lane }
    }

    /// What a PLC does that keeps destinations in a queue and not with their items: a load that did not divert has
    /// used up the one of its follower, which takes the next. A mutation.
    fn pop_for_follower(&mut self, missed: u32, agenda: &mut Agenda) {
        if !is_on(Mutation::FifoPopping) {
            return;
        }
        let next = self.items.get(missed + 2).filter(|item| item.is_open).and_then(|item| item.destination);
        let Some(next) = next.filter(|next| next.lane <= self.geometry.lane_count) else { return };
        let Some(follower) = self.items.get_mut(missed + 1).filter(|item| item.is_open) else { return };
        if self.encoder < follower.origin + self.geometry.point(next.lane) {
            follower.destination = Some(next);
            self.plan(missed + 1, Plan::Try { lane: next.lane, rank: 0 }, agenda);
        }
    }

    /// Why a lane cannot take anything, as an exit result.
    fn blocked_code(&self, lane: u16) -> u16 {
        let is_full =
            self.lane_states[usize::from(lane - 1)] == LaneState::Full && !self.owner.is_closed(lane);
        if is_full { self.tables.words.exits.lane_full } else { self.tables.words.exits.lane_fault }
    }

    /// Nothing is left to try: go round if that is allowed, else leave at the exception lane.
    fn fall_back(&mut self, number: u32, code: u16, may_recirculate: bool, agenda: &mut Agenda) {
        let is_loop = self.geometry.is_loop();
        let item = self.items.get_mut(number).expect("the caller found the item");
        item.is_open = false;
        let goes_round = may_recirculate && is_loop && item.turns < self.max_recirc;
        let end = if goes_round { AtEnd::Recirculate(code) } else { AtEnd::Leave(code) };
        self.plan(number, Plan::End(end), agenda);
    }

    fn at_point_unanswered(&mut self, at: MonoTime, number: u32, agenda: &mut Agenda) -> Verdict {
        let (exits, reads) = (self.tables.words.exits, self.tables.words.reads);
        let lane = self.geometry.lane_noread;
        let item = self.items.get(number).expect("the caller found the item");
        if item.is_lane_invalid {
            // The mark may have been set for the no-read lane before the refusal came.
            if item.read != reads.ok && lane != self.geometry.lane_exception {
                self.fall_back(number, exits.invalid_destination, false, agenda);
                return Verdict::RunOn;
            }
            return self.divert(number, self.geometry.lane_exception, exits.invalid_destination);
        }
        if item.read != reads.ok {
            if self.is_usable(lane) {
                return self.divert(number, lane, exits.no_read);
            }
            self.fall_back(number, exits.no_read, false, agenda);
            return Verdict::Refused { lane };
        }
        if self.geometry.is_loop() && item.turns < self.max_recirc {
            return self.go_round(at, number, exits.late);
        }
        self.divert(number, self.geometry.lane_exception, exits.late)
    }

    fn divert(&mut self, number: u32, lane: u16, result: u16) -> Verdict {
        let item = self.items.get_mut(number).expect("the caller found the item");
        item.is_open = false;
        item.plan = Plan::Leaving;
        item.token = 0;
        Verdict::Divert { lane, result }
    }

    fn go_round(&mut self, at: MonoTime, number: u32, detail: u16) -> Verdict {
        let (exits, round) = (self.tables.words.exits, self.geometry.round);
        let item = self.items.get_mut(number).expect("the caller found the item");
        item.turns += 1;
        item.origin = item.origin + round;
        item.plan = Plan::Ahead;
        item.is_open = false;
        item.token = 0;
        self.report_exit(at, number, 0, exits.recirculated, detail);
        let item = self.items.get_mut(number).expect("the item stays on the sorter");
        item.destination = None;
        Verdict::GoRound
    }

    /// An item leaves for good.
    pub(crate) fn leave(&mut self, at: MonoTime, number: u32, actual: u16, result: u16) {
        self.report_exit(at, number, actual, result, 0);
        self.forget(at, number);
    }

    /// Drops an item without a word.
    pub(crate) fn forget(&mut self, at: MonoTime, number: u32) {
        if self.items.remove(number).is_some() {
            self.finals += 1;
            self.mark_dirty(at);
        }
    }

    fn report_exit(&mut self, at: MonoTime, number: u32, actual: u16, result: u16, detail: u16) {
        let stamp = self.stamp(at, Some(number));
        let item = self.items.get(number).expect("only known items leave");
        let left = Left {
            item: number,
            requested: item.destination.map_or(0, |destination| destination.lane),
            actual,
            result,
            detail,
            turns: item.turns,
            command: item.destination.map(|destination| destination.command),
            since_scan_ms: stamp.tick.wrapping_sub(item.scan_tick),
        };
        let label = item.label.clone();
        let event = self.tables.exit_event(stamp, &left, &label);
        self.report(at, event);
    }

    /// True when a lane can take a load. The exception lane is the end of the line and cannot refuse.
    pub(crate) fn is_usable(&self, lane: u16) -> bool {
        if lane == self.geometry.lane_exception {
            return true;
        }
        let state = self.lane_states[usize::from(lane - 1)];
        matches!(state, LaneState::Ready | LaneState::HalfFull) && !self.owner.is_closed(lane)
    }
}
