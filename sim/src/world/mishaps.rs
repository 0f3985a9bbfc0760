//! Mishaps: what knobs do to loads, lanes, drive and PLC, and what becomes of the loads when the PLC begins a new
//! life.

use wcs_types::{ChuteKind, Code, LaneNo, MonoTime, Nanos};

use super::agenda::{BeltMark, TimeMark};
use super::knobs::{Knob, KnobKind};
use super::ledger_event::LedgerKind;
use super::load::{Fate, LoadIndex, Place};
use super::sorter::Sorter;
use super::standing::StandCause;
use crate::plc::machine::Ask;

/// How often the built-in second client writes.
const SECOND_CLIENT_PERIOD: Nanos = Nanos::from_millis(100);

impl Sorter {
    /// Turns a knob at `now`, until it is withdrawn or until `until`. False when the sorter has no such lane.
    /// Restarts and resets happen once; `until` means nothing to them. Of emergency stops several may be pressed.
    pub fn apply(&mut self, now: MonoTime, knob: Knob, until: Option<MonoTime>) -> bool {
        self.advance(now);
        if let Knob::LaneFull { lane } | Knob::LaneFault { lane } = knob
            && !self.has_lane_that_may_fail(lane)
        {
            return false;
        }
        let token = self.agenda.token();
        match knob {
            Knob::PlcRestart { person, may_lose_events } => {
                self.people.attendant.way = person;
                self.ask(Ask::Restart, may_lose_events);
                return true;
            }
            Knob::FifoReset { may_lose_events } => {
                self.ask(Ask::FifoReset, may_lose_events);
                return true;
            }
            Knob::SafetyStop { person } => {
                self.press_emergency_stop(person, until);
                return true;
            }
            _ => self.knobs.turn_on(knob, token),
        }
        self.begin_mishap(&knob, token);
        if let Some(until) = until {
            self.agenda.at_time(until.later(self.now), TimeMark::Withdraw { knob, token });
        }
        true
    }

    /// Turns a knob back at `now`; its setting does not matter, its lane does. False when it was not turned.
    pub fn withdraw(&mut self, now: MonoTime, knob: &Knob) -> bool {
        self.advance(now);
        self.turn_back(knob)
    }

    fn ask(&mut self, ask: Ask, may_lose_events: bool) {
        if may_lose_events {
            self.plc.ask(self.now, ask);
        } else {
            self.plc.ask_when_quiet(self.now, ask);
        }
    }

    fn has_lane_that_may_fail(&self, lane: LaneNo) -> bool {
        lane != LaneNo::NONE
            && self.lanes.get(usize::from(lane.0 - 1)).is_some_and(|lane| lane.kind != ChuteKind::Exception)
    }

    fn begin_mishap(&mut self, knob: &Knob, token: u64) {
        match *knob {
            Knob::LaneFull { lane } => {
                self.lanes[usize::from(lane.0 - 1)].is_eye_covered = true;
                self.knobs.note(knob.kind(), None);
                self.show_lane(lane.0);
            }
            Knob::LaneFault { lane } => {
                self.lanes[usize::from(lane.0 - 1)].has_fault = true;
                self.knobs.note(knob.kind(), None);
                self.show_lane(lane.0);
            }
            Knob::FrozenLife => {
                self.plc.freeze_life(self.now, true);
                self.knobs.note(knob.kind(), None);
            }
            Knob::DriveStop => {
                self.plc.ask(self.now, Ask::DriveStop);
                self.knobs.note(knob.kind(), None);
            }
            Knob::OldOwner | Knob::DoubleOwner => {
                self.agenda.at_time(self.now, TimeMark::SecondClient { token });
            }
            _ => {}
        }
    }

    pub(crate) fn turn_back(&mut self, knob: &Knob) -> bool {
        if let Knob::SafetyStop { .. } = knob {
            return self.pull_emergency_stop();
        }
        if !self.knobs.turn_off(knob) {
            return false;
        }
        match *knob {
            Knob::LaneFull { lane } => {
                self.lanes[usize::from(lane.0 - 1)].is_eye_covered = false;
                self.show_lane(lane.0);
            }
            Knob::LaneFault { lane } => {
                self.lanes[usize::from(lane.0 - 1)].has_fault = false;
                self.show_lane(lane.0);
            }
            Knob::FrozenLife => self.plc.freeze_life(self.now, false),
            Knob::DriveStop => self.plc.ask(self.now, Ask::DriveStart),
            Knob::FifoStall => self.plc.mark_dirty(self.now),
            _ => {}
        }
        true
    }

    pub(crate) fn let_second_client_write(&mut self, token: u64) {
        for knob in [Knob::OldOwner, Knob::DoubleOwner] {
            if self.knobs.is_current(&knob, token) {
                self.plc.write_as_second_client(self.now, knob == Knob::DoubleOwner);
                self.agenda.at_time(self.now + SECOND_CLIENT_PERIOD, TimeMark::SecondClient { token });
            }
        }
    }

    /// What will go wrong with a load on the pass it begins.
    pub(crate) fn draw_fate(&mut self) -> Fate {
        if self.knobs.hits(KnobKind::Lost) {
            let is_silent =
                matches!(self.knobs.setting(KnobKind::Lost), Some(Knob::Lost { is_silent: true, .. }));
            return Fate::Lost { is_silent };
        }
        for (kind, fate) in [
            (KnobKind::Removed, Fate::Removed),
            (KnobKind::Missed, Fate::Missed),
            (KnobKind::Missort, Fate::Missort),
        ] {
            if self.knobs.hits(kind) {
                return fate;
            }
        }
        Fate::Fine
    }

    /// A load is not where it should be: the PLC notices at the decision point, or not at all.
    pub(crate) fn vanish(&mut self, index: LoadIndex, is_silent: bool) {
        let load = self.loads.at(index).clone();
        self.knobs.note(KnobKind::Lost, Some(&load.feed.label));
        let lost = self.plc.tables.words.exits.lost;
        if is_silent {
            self.plc.forget(self.now, load.item);
        } else {
            self.plc.leave(self.now, load.item, 0, lost);
        }
        self.take_off_belt(index);
        self.book(&load, LedgerKind::Lost, 0, if is_silent { 0 } else { lost });
        self.finish(index);
    }

    /// A person takes a load off the belt for good, and tells the PLC.
    pub(crate) fn remove_by_hand(&mut self, index: LoadIndex) {
        let load = self.loads.at(index).clone();
        self.knobs.note(KnobKind::Removed, Some(&load.feed.label));
        let removed = self.plc.tables.words.exits.removed;
        self.plc.leave(self.now, load.item, 0, removed);
        self.take_off_belt(index);
        self.book(&load, LedgerKind::Removed, 0, removed);
        self.finish(index);
    }

    /// A lane could not take a load: a knob may be behind it.
    pub(crate) fn note_refusal(&mut self, index: LoadIndex, lane: u16) {
        let label = &self.loads.at(index).feed.label;
        let place = &self.lanes[usize::from(lane - 1)];
        if place.is_eye_covered {
            self.knobs.touch(KnobKind::LaneFull, label);
        }
        if place.has_fault {
            self.knobs.touch(KnobKind::LaneFault, label);
        }
    }

    /// The PLC has begun a new life. Loads stay where they are; those it forgot are new items at their next scan.
    pub(crate) fn survive_new_life(&mut self, is_start: bool, forgotten: &[Code]) {
        let kind = if is_start { KnobKind::PlcRestart } else { KnobKind::FifoReset };
        self.knobs.note(kind, None);
        for label in forgotten {
            self.knobs.touch(kind, label);
            self.forgotten.insert(label.clone());
        }
        let on_belt: Vec<LoadIndex> = self.occupancy.values().copied().collect();
        let diverting: Vec<LoadIndex> = self.diverting.iter().copied().collect();
        for index in on_belt.iter().chain(&diverting) {
            self.knobs.touch(kind, &self.loads.at(*index).feed.label);
        }
        if self.plc.forgets_items() {
            for index in on_belt {
                self.run_on_unknown(index);
            }
            for index in diverting {
                self.hand_to_attendant(index, is_start);
            }
        }
        if is_start {
            self.standings.begin(self.now, StandCause::PlcStart);
            self.call_attendant();
        }
    }

    /// A load that no item stands for any more goes on to its next scan, or to the end of the line.
    fn run_on_unknown(&mut self, index: LoadIndex) {
        let load = self.loads.at_mut(index);
        (load.item, load.plc_epoch, load.fate) = (0, 0, Fate::Fine);
        if load.place == (Place::Belt { has_passed_scanner: false }) {
            return;
        }
        if self.plc.geometry.is_loop() {
            self.go_round(index);
            return;
        }
        let token = self.agenda.token();
        let load = self.loads.at_mut(index);
        load.token = token;
        let end = load.origin + self.plc.geometry.end();
        self.agenda.at_travel(end, BeltMark::End { load: index, token });
    }

    /// A load stuck in a divert is taken out and put in front of the induction.
    fn hand_to_attendant(&mut self, index: LoadIndex, is_start: bool) {
        self.diverting.remove(&index);
        let token = self.agenda.token();
        let load = self.loads.at_mut(index);
        (load.item, load.plc_epoch, load.place, load.token) = (0, 0, Place::Hands, token);
        if is_start {
            self.people.attendant.held.push(index);
        } else {
            self.feed.push_returning(index);
        }
    }

    /// Clears the belt by hand.
    pub(crate) fn purge(&mut self) {
        let purged = self.plc.tables.words.exits.purged;
        let on_belt: Vec<LoadIndex> = self.occupancy.values().copied().collect();
        for index in &on_belt {
            self.take_off_belt(*index);
        }
        let diverting = std::mem::take(&mut self.diverting);
        for index in on_belt.into_iter().chain(diverting) {
            let load = self.loads.at(index).clone();
            self.knobs.note(KnobKind::PurgeAtReset, Some(&load.feed.label));
            if load.item != 0 {
                self.plc.leave(self.now, load.item, 0, purged);
            }
            self.book(&load, LedgerKind::Purged, 0, purged);
            self.finish(index);
        }
    }
}
