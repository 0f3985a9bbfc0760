//! Permit of a line: loads may be inducted only while the link is ready, the journal keeps up, and a running
//! batch still misses pieces. Withdrawing it never stops what is on the belt.

use wcs_types::{AlarmCode, AlarmKey, Fact, LineId, Seq, SorterCommand, StorageState};

use crate::control::{Core, Turn, line_id};
use crate::rows::BatchLife;

/// Every induction.
const PERMIT_ALL: u16 = 0xFFFF;

impl Core {
    /// Sends the permit where it differs from what was sent last.
    pub(crate) fn renew_permit(&mut self, turn: &mut Turn<'_>, line: LineId) {
        let is_permitted = self.deserves_permit(line);
        if self.line(line).is_permitted != is_permitted {
            self.edit_line(line, |row| row.is_permitted = is_permitted);
            turn.out.fact(Fact::PermitChanged { line, is_permitted });
            if self.is_ready(line) {
                let permit = if is_permitted { PERMIT_ALL } else { 0 };
                turn.out.command(line, Seq::NONE, 0, SorterCommand::Permit(permit));
            }
        }
    }

    fn deserves_permit(&self, line: LineId) -> bool {
        self.is_ready(line)
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
