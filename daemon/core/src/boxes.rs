//! Boxes and chutes as people handle them: a full box of a class that is not complete, the box that stands at a chute,
//! and chutes that are out of use. Why a chute is freed for another class stands in `chutes.rs`.
//!
//! ```text
//! box of a bound chute:  standing --CloseBox--> closed (lanes held closed) --BindBox, ConfirmEmpty, lanes seen--> standing
//! chute:                 in use <--CloseChute, OpenChute--> out of use (lanes held closed, gets no class)
//! ```

use wcs_types::{ChuteId, ChuteKind, Code, Fact, VerbRefusal};

use crate::control::{Core, Turn};
use crate::rows::ChuteLife;

impl Core {
    pub(crate) fn close_box(&mut self, turn: &mut Turn<'_>, chute: ChuteId) -> Result<(), VerbRefusal> {
        self.check_kind(chute, &[ChuteKind::Order])?;
        let row = self.chute(chute);
        match row.life {
            ChuteLife::Bound if !row.is_box_closed => {
                let line = row.line;
                self.edit_chute(chute, |row| {
                    row.is_box_closed = true;
                    row.worked = 0;
                    row.emptied = 0;
                });
                turn.out.fact(Fact::BoxClosed { chute });
                self.hold_lanes(turn, line, chute);
            }
            // The box of a complete class is closed as soon as nothing more comes for it.
            ChuteLife::Bound | ChuteLife::Complete | ChuteLife::Closing => {}
            ChuteLife::Free | ChuteLife::Blocked => return Err(VerbRefusal::NoBox),
        }
        Ok(())
    }

    pub(crate) fn bind_box(
        &mut self,
        turn: &mut Turn<'_>,
        chute: ChuteId,
        code: &Code,
    ) -> Result<(), VerbRefusal> {
        self.check_kind(chute, &[ChuteKind::Order])?;
        if code.is_empty() {
            return Err(VerbRefusal::NoCode);
        }
        if let Some(other) = self.chute_with_box(code).filter(|other| *other != chute) {
            return Err(VerbRefusal::BoxTaken { chute: other });
        }
        let row = self.chute(chute);
        if row.box_code == *code && !row.is_box_closed && row.life != ChuteLife::Closing {
            return Ok(());
        }
        match row.life {
            ChuteLife::Bound | ChuteLife::Complete if row.is_box_closed => self.swap_box(turn, chute),
            ChuteLife::Closing if row.in_flight == 0 => self.free_chute(turn, chute),
            ChuteLife::Free | ChuteLife::Bound | ChuteLife::Complete if row.box_code.is_empty() => {}
            _ => return Err(VerbRefusal::BoxStands),
        }
        self.edit_chute(chute, |row| row.box_code = code.clone());
        turn.out.fact(Fact::BoxBound { chute, code: code.clone() });
        Ok(())
    }

    /// The chute at which the box with this code stands.
    fn chute_with_box(&self, code: &Code) -> Option<ChuteId> {
        let mut chutes = (0_u16..).map(ChuteId).zip(self.chutes.iter());
        chutes.find(|(_, (_, row))| row.box_code == *code).map(|(chute, _)| chute)
    }

    /// A new box stands at a chute whose class goes on.
    pub(crate) fn swap_box(&mut self, turn: &mut Turn<'_>, chute: ChuteId) {
        let row = self.chute(chute);
        let has_class = matches!(row.life, ChuteLife::Bound | ChuteLife::Complete);
        assert!(has_class, "only a chute that keeps its class gets another box");
        let (line, was_closed) = (row.line, row.is_box_closed);
        self.edit_chute(chute, |row| {
            row.is_box_closed = false;
            row.box_code = Code::default();
            row.worked = 0;
            row.emptied = 0;
        });
        turn.out.fact(Fact::BoxSwapped { chute });
        if was_closed {
            self.hold_lanes(turn, line, chute);
        }
    }

    /// Takes a chute out of use, or puts it back.
    pub(crate) fn take_out(
        &mut self,
        turn: &mut Turn<'_>,
        chute: ChuteId,
        is_out: bool,
    ) -> Result<(), VerbRefusal> {
        self.check_kind(chute, &[ChuteKind::Order, ChuteKind::Overflow])?;
        let row = self.chute(chute);
        if row.is_out != is_out {
            let line = row.line;
            self.edit_chute(chute, |row| row.is_out = is_out);
            turn.out.fact(if is_out { Fact::ChuteTakenOut { chute } } else { Fact::ChutePutBack { chute } });
            self.hold_lanes(turn, line, chute);
        }
        Ok(())
    }

    fn check_kind(&self, chute: ChuteId, kinds: &[ChuteKind]) -> Result<(), VerbRefusal> {
        match self.plant.chutes.get(usize::from(chute.0)) {
            None => Err(VerbRefusal::UnknownChute),
            Some(spec) if kinds.contains(&spec.kind) => Ok(()),
            Some(spec) if spec.kind == ChuteKind::Overflow => Err(VerbRefusal::NoBox),
            Some(_) => Err(VerbRefusal::MustStayOpen),
        }
    }
}
