//! Loads of an earlier life of the PLC. Their item numbers mean nothing any more; each is ended when its label
//! is scanned again (superseded), or after a loop of travel in the new life (lost).

use alloc::vec::Vec;

use wcs_types::limits::LISTED_PER_RECORD_MAX;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{ActualLane, BeltMm, Code, Fact, LaneNo, LineId, LoadEnd, LoadKey, Outcome, Reason};

use crate::control::{Core, Turn};
use crate::rows::LoadBelief;

impl Core {
    /// Every open load of a line becomes uncertain: its PLC has started anew.
    pub(crate) fn doubt_all(&mut self, line: LineId) {
        let open: Vec<u32> =
            self.loads.iter().filter(|(_, load)| load.key.line == line).map(|(id, _)| id).collect();
        for id in open {
            self.doubt_load(id);
        }
    }

    pub(crate) fn doubt_load(&mut self, id: u32) {
        let load = self.loads.get(id);
        if load.belief == LoadBelief::Uncertain {
            return;
        }
        let line = load.key.line;
        self.loads.edit(id, |load| load.belief = LoadBelief::Uncertain);
        self.edit_line(line, |row| row.uncertain_count += 1);
    }

    /// A label is seen as a new item: ends what it was before, and names that load.
    pub(crate) fn supersede(&mut self, turn: &mut Turn<'_>, key: LoadKey, label: &Code) -> Option<LoadKey> {
        if label.is_empty() {
            return None;
        }
        if self.line(key.line).uncertain_count != 0 {
            let uncertain = self
                .loads
                .iter()
                .filter(|(_, load)| load.belief == LoadBelief::Uncertain && load.key.line == key.line)
                .filter(|(_, load)| load.label == *label && load.key.plc_epoch != key.plc_epoch)
                .min_by_key(|(_, load)| load.key)
                .map(|(id, load)| (id, load.key));
            if let Some((id, previous)) = uncertain.filter(|_| !is_on(Mutation::SupersededUnbooked)) {
                self.end_load(turn, id, Outcome::Superseded, Reason::PlcRestart, LaneNo::NONE, None);
                return Some(previous);
            }
        }
        // A load the restart has made lost turns up before one that ended somewhere: labels may be shared.
        let given_up = self.ended.find_given_up(key.line, label);
        let given_up = given_up.filter(|ended| self.ended.row(*ended).key.plc_epoch != key.plc_epoch);
        let ended = given_up.or_else(|| self.ended.find_unsorted(key.line, label))?;
        let row = self.ended.row(ended).clone();
        if row.key == key {
            // The item itself was kept over the restart: it goes on under its own number.
            return None;
        }
        if given_up.is_some() {
            self.ended.edit(ended, |row| {
                row.is_replaced = true;
                row.outcome = Outcome::Superseded;
            });
            turn.out.fact(Fact::LoadEnded(LoadEnd {
                load: row.key,
                label: row.label,
                job: row.job.map(|job| self.job_name(job)),
                pieces: row.pieces,
                outcome: Outcome::Superseded,
                reason: Reason::PlcRestart,
                lane: ActualLane(LaneNo::NONE),
                result: None,
            }));
        }
        Some(row.key)
    }

    /// After a loop of travel in the new life, what has not shown up is lost. False when not all of it went into this
    /// record.
    pub(crate) fn end_uncertain(&mut self, turn: &mut Turn<'_>, line: LineId, belt: BeltMm) -> bool {
        if !self.line(line).uncertain_until.is_some_and(|mark| belt.has_reached(mark)) {
            return true;
        }
        let uncertain: Vec<(u32, bool)> = self
            .loads
            .iter()
            .filter(|(_, load)| load.key.line == line && load.belief == LoadBelief::Uncertain)
            .map(|(id, load)| (id, load.label.is_empty()))
            .take(LISTED_PER_RECORD_MAX + 1)
            .collect();
        let is_all = uncertain.len() <= LISTED_PER_RECORD_MAX;
        if is_all {
            self.edit_line(line, |row| row.uncertain_until = None);
        }
        for (id, is_unlabelled) in uncertain.into_iter().take(LISTED_PER_RECORD_MAX) {
            let reason = if is_unlabelled { Reason::PlcRestartUnidentified } else { Reason::PlcRestart };
            self.end_load(turn, id, Outcome::Lost, reason, LaneNo::NONE, None);
        }
        is_all
    }
}
