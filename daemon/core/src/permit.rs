//! Permit of a line: loads may be inducted only while the link is ready, the journal keeps up, no person holds the
//! line or the induction, and a running batch still misses pieces. Withdrawing it never stops what is on the belt.

use wcs_types::{AlarmCode, AlarmKey, Fact, LineId, Seq, SorterCommand, StorageState, VerbRefusal};

use crate::control::{Core, Turn, line_id};
use crate::rows::BatchLife;

/// Every induction.
const PERMIT_ALL: u16 = 0xFFFF;
/// Highest number of an induction: the permit has a bit for each.
const INDUCTION_MAX: u8 = 15;

impl Core {
    /// Sends the permit where it differs from what was sent last.
    pub(crate) fn renew_permit(&mut self, turn: &mut Turn<'_>, line: LineId) {
        let is_permitted = self.deserves_permit(line);
        let row = self.line(line);
        let (sent, permit) = (row.permit, if is_permitted { PERMIT_ALL & !row.held_inductions } else { 0 });
        if sent == permit {
            return;
        }
        self.edit_line(line, |row| row.permit = permit);
        if is_permitted != (sent != 0) {
            turn.out.fact(Fact::PermitChanged { line, is_permitted });
        }
        if self.is_ready(line) {
            turn.out.command(line, Seq::NONE, 0, SorterCommand::Permit(permit));
        }
    }

    /// A person withdraws the permission to feed a line, or gives it back.
    pub(crate) fn hold_line(
        &mut self,
        turn: &mut Turn<'_>,
        line: LineId,
        is_held: bool,
    ) -> Result<(), VerbRefusal> {
        if !self.has_line(line) {
            return Err(VerbRefusal::UnknownLine);
        }
        if self.line(line).is_held != is_held {
            self.edit_line(line, |row| row.is_held = is_held);
            turn.out.fact(if is_held { Fact::LineHeld { line } } else { Fact::LineReleased { line } });
            self.renew_permit(turn, line);
        }
        Ok(())
    }

    /// The same for one of its inductions.
    pub(crate) fn hold_induction(
        &mut self,
        turn: &mut Turn<'_>,
        line: LineId,
        induction: u8,
        is_held: bool,
    ) -> Result<(), VerbRefusal> {
        if !self.has_line(line) {
            return Err(VerbRefusal::UnknownLine);
        }
        if !(1..=INDUCTION_MAX).contains(&induction) {
            return Err(VerbRefusal::UnknownInduction { highest: INDUCTION_MAX });
        }
        let bit = 1_u16 << induction;
        if (self.line(line).held_inductions & bit != 0) != is_held {
            self.edit_line(line, |row| row.held_inductions ^= bit);
            turn.out.fact(if is_held {
                Fact::InductionHeld { line, induction }
            } else {
                Fact::InductionReleased { line, induction }
            });
            self.renew_permit(turn, line);
        }
        Ok(())
    }

    fn deserves_permit(&self, line: LineId) -> bool {
        self.is_ready(line)
            && !self.line(line).is_held
            && self.storage == StorageState::Good
            && self.batches.iter().any(|(_, batch)| {
                batch.spec.line == line && batch.life == BatchLife::Running && batch.done < batch.planned
            })
    }

    pub(crate) fn on_storage(&mut self, turn: &mut Turn<'_>, state: StorageState) {
        self.storage = state;
        let key = AlarmKey { code: AlarmCode::JournalStalled, line: None, chute: None, detail: 0 };
        self.set_alarm(turn, key, state != StorageState::Good);
        for line in 0..self.plant.lines.len() as u32 {
            self.renew_permit(turn, line_id(line));
        }
    }
}
