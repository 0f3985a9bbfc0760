//! What people change while lines run: holds, boxes, chutes out of use, orders that are added or cancelled, starts that
//! are taken back. Part of the fold; decides nothing.

use wcs_types::{BatchId, Fact, JobId, LineId, Pieces};

use super::Live;
use super::loads::Stamp;

impl Live {
    pub(super) fn see_people(&mut self, fact: &Fact, at: Stamp) {
        match fact {
            Fact::LineHeld { line } => self.hold(*line, true),
            Fact::LineReleased { line } => self.hold(*line, false),
            Fact::InductionHeld { line, induction } => self.hold_induction(*line, *induction, true),
            Fact::InductionReleased { line, induction } => self.hold_induction(*line, *induction, false),
            Fact::BoxClosed { chute } => {
                if let Some(row) = self.chute_mut(*chute) {
                    row.is_box_closed = true;
                }
            }
            Fact::BoxBound { chute, code } => {
                if let Some(row) = self.chute_mut(*chute) {
                    row.box_code = Some(code.to_string());
                }
            }
            Fact::ChuteTakenOut { chute } | Fact::ChutePutBack { chute } => {
                if let Some(row) = self.chute_mut(*chute) {
                    row.is_closed = matches!(fact, Fact::ChuteTakenOut { .. });
                }
            }
            Fact::OrderCancelled { batch, order, jobs, .. } => {
                for (job, pieces) in jobs {
                    self.drop_pieces(*batch, *job, *pieces);
                }
                let chute = self.batches.get_mut(*batch).and_then(|batch| batch.cancel(order));
                if let Some(row) = chute.and_then(|chute| self.chute_mut(chute)) {
                    row.is_complete = true;
                }
            }
            Fact::PiecesCancelled { batch, job, pieces } => {
                self.drop_pieces(*batch, *job, *pieces);
                let chute = self.batches.find(*batch).and_then(|row| row.chute_of_cancelled(*job));
                if let Some(row) = chute.and_then(|chute| self.chute_mut(chute)) {
                    row.is_complete = true;
                }
            }
            Fact::StartCancelled { batch, .. } => self.batches.forget(*batch),
            Fact::JobsAdded { batch, .. } => {
                // The jobs themselves came with the verb that asked for them.
                if let Some(row) = self.batches.get_mut(*batch) {
                    row.since = at;
                }
            }
            _ => {}
        }
    }

    fn hold(&mut self, line: LineId, is_held: bool) {
        if let Some(row) = self.line_mut(line) {
            row.is_held = is_held;
        }
    }

    fn hold_induction(&mut self, line: LineId, induction: u8, is_held: bool) {
        let bit = 1_u16.checked_shl(u32::from(induction)).unwrap_or(0);
        if let Some(row) = self.line_mut(line) {
            row.inductions_held =
                if is_held { row.inductions_held | bit } else { row.inductions_held & !bit };
        }
    }

    fn drop_pieces(&mut self, batch: BatchId, job: JobId, pieces: Pieces) {
        if let Some(row) = self.batches.get_mut(batch) {
            row.drop_pieces(job, pieces);
        }
    }
}
