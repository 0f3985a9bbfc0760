//! Loads that fall silent. A load is lost when the belt has carried it well past every exit and nothing was
//! heard: judged in travel, never in time, so a stopped belt loses nothing.

use alloc::vec::Vec;

use wcs_types::limits::{LISTED_PER_RECORD_MAX, LOADS_ON_BELT_MAX};
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{
    AlarmCode, BeltMm, LaneNo, LineId, LoadKey, Millimeters, Outcome, Reason, Seq, SorterCommand,
};

use crate::control::{Core, Turn};
use crate::rows::LoadBelief;

impl Core {
    /// Belt position at which a load scanned at `belt` should long have left or been reported.
    pub(crate) fn silence_mark(&self, line: LineId, belt: BeltMm) -> BeltMm {
        belt.ahead(one_and_a_half(self.line(line).path_mm))
    }

    /// The same for a load that goes round once more: it must pass the scanner again.
    pub(crate) fn loop_mark(&self, line: LineId, belt: BeltMm) -> BeltMm {
        let row = self.line(line);
        belt.ahead(one_and_a_half(if row.loop_mm.0 == 0 { row.path_mm } else { row.loop_mm }))
    }

    /// Makes sure that the session watches for the mark of this load, or for an earlier one.
    pub(crate) fn watch_load(&mut self, turn: &mut Turn<'_>, id: u32) {
        let load = self.loads.get(id);
        let (line, mark) = (load.key.line, load.mark);
        if self.is_ready(line)
            && self.line(line).watch.is_none_or(|watch| watch.has_reached(mark) && watch != mark)
        {
            self.send_watch(turn, line, mark);
        }
    }

    /// An item that was kept over a restart has shown up: the search for such goes on for another loop.
    pub(crate) fn watch_uncertain(&mut self, turn: &mut Turn<'_>, line: LineId, belt: BeltMm) {
        let mark = self.loop_mark(line, belt);
        let row = self.line(line);
        if let Some(until) = row.uncertain_until {
            // The belt counter of an earlier life may say anything: never further than one search at a time.
            let search = mark.travel_since(belt);
            if mark.travel_since(until) <= search {
                self.edit_line(line, |row| row.uncertain_until = Some(mark));
            }
            return;
        }
        self.edit_line(line, |row| row.uncertain_until = Some(mark));
        if self.is_ready(line)
            && self.line(line).watch.is_none_or(|watch| watch.has_reached(mark) && watch != mark)
        {
            self.send_watch(turn, line, mark);
        }
    }

    fn send_watch(&mut self, turn: &mut Turn<'_>, line: LineId, at: BeltMm) {
        let plc_epoch = self.edit_line(line, |row| {
            row.watch = Some(at);
            row.plc_epoch
        });
        turn.out.command(line, Seq::NONE, 0, SorterCommand::Watch { plc_epoch, at });
    }

    /// The belt has reached the watched mark: ends what is overdue and watches for the next.
    pub(crate) fn on_travelled(&mut self, turn: &mut Turn<'_>, line: LineId, belt: BeltMm) {
        self.edit_line(line, |row| row.watch = None);
        if is_on(Mutation::SilenceUnwatched) {
            return;
        }
        let is_all = self.end_uncertain(turn, line, belt);
        let overdue: Vec<u32> = self
            .loads
            .iter()
            .filter(|(_, load)| load.key.line == line && load.belief != LoadBelief::Uncertain)
            .filter(|(_, load)| belt.has_reached(load.mark))
            .map(|(id, _)| id)
            .take(LISTED_PER_RECORD_MAX + 1)
            .collect();
        for id in overdue.iter().take(LISTED_PER_RECORD_MAX) {
            self.end_load(turn, *id, Outcome::Lost, Reason::TrackingLost, LaneNo::NONE, None);
        }
        if is_all && overdue.len() <= LISTED_PER_RECORD_MAX {
            self.watch_next(turn, line, belt);
        } else {
            // The rest goes into the next record: that place is reached already.
            self.send_watch(turn, line, belt);
        }
    }

    /// Watches for the nearest mark of any load or of the uncertain ones.
    pub(crate) fn watch_next(&mut self, turn: &mut Turn<'_>, line: LineId, belt: BeltMm) {
        let loads = self
            .loads
            .iter()
            .filter(|(_, load)| load.key.line == line && load.belief != LoadBelief::Uncertain)
            .map(|(_, load)| load.mark);
        let nearest = loads.chain(self.line(line).uncertain_until).min_by_key(|mark| mark.travel_since(belt));
        if let Some(mark) = nearest {
            self.send_watch(turn, line, mark);
        }
    }

    /// Keeps the table of loads bounded: the oldest makes room and is counted lost, with an alarm.
    pub(crate) fn make_room(&mut self, turn: &mut Turn<'_>, key: LoadKey) {
        if self.loads.count() < LOADS_ON_BELT_MAX * self.plant.lines.len() {
            return;
        }
        let oldest =
            self.loads.iter().filter(|(_, load)| load.key.line == key.line).min_by_key(|(_, load)| load.key);
        if let Some((id, _)) = oldest {
            self.set_line_alarm(turn, AlarmCode::TableFull, key.line, true);
            self.end_load(turn, id, Outcome::Lost, Reason::TrackingLost, LaneNo::NONE, None);
        }
    }
}

fn one_and_a_half(travel: Millimeters) -> Millimeters {
    Millimeters(travel.0.saturating_add(travel.0 / 2))
}
