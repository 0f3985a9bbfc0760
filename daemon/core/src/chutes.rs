//! Life of a chute after its class is complete. The lanes are held closed until a person was seen working at
//! each (LANE closed) and put it back into service (LANE ready): that is how "box closed and removed" is
//! confirmed without a screen. Only then can another class have the chute.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{AlarmCode, ChuteId, Code, Fact, LaneNo, LaneState, LineId, Seq, SorterCommand};

use crate::control::{Core, Turn};
use crate::rows::ChuteLife;

impl Core {
    /// The class of a chute is complete, or its batch is over: nothing more comes for it.
    pub(crate) fn complete_chute(&mut self, turn: &mut Turn<'_>, chute: ChuteId) {
        if self.chute(chute).life == ChuteLife::Bound {
            self.edit_chute(chute, |row| row.life = ChuteLife::Complete);
            self.close_when_idle(turn, chute);
        }
    }

    /// Closes a complete chute once no load on the belt has it as destination.
    pub(crate) fn close_when_idle(&mut self, turn: &mut Turn<'_>, chute: ChuteId) {
        let row = self.chute(chute);
        if row.life != ChuteLife::Complete || row.in_flight != 0 {
            return;
        }
        let line = row.line;
        self.edit_chute(chute, |row| {
            row.life = ChuteLife::Closing;
            row.is_box_closed = false;
            row.worked = 0;
            row.emptied = 0;
        });
        self.hold_lanes(turn, line, chute);
    }

    /// A lane changed state: what that means for the chute it belongs to.
    pub(crate) fn on_chute_lane(
        &mut self,
        turn: &mut Turn<'_>,
        line: LineId,
        lane: LaneNo,
        new: LaneState,
        was_full: bool,
    ) {
        let Some(chute) = self.chute_of_lane(line, lane) else { return };
        let row = self.chute(chute);
        let bit =
            1_u8 << row.lanes.iter().position(|l| *l == lane).expect("the look-up comes from the plant");
        let is_ready = matches!(new, LaneState::Ready | LaneState::HalfFull);
        if row.life == ChuteLife::Closing || row.is_box_closed {
            if new == LaneState::Closed {
                self.edit_chute(chute, |row| row.worked |= bit);
            } else if is_ready && row.worked & bit != 0 {
                self.edit_chute(chute, |row| row.emptied |= bit);
                let row = self.chute(chute);
                if usize::try_from(row.emptied.count_ones()).expect("small") == row.lanes.len() {
                    if row.is_box_closed {
                        self.swap_box(turn, chute);
                    } else {
                        self.free_chute(turn, chute);
                    }
                }
            }
        } else if is_ready && was_full && is_on(Mutation::ChuteRebound) {
            self.free_chute(turn, chute);
        } else if is_ready && was_full {
            self.edit_chute(chute, |row| row.box_code = Code::default());
            turn.out.fact(Fact::BoxSwapped { chute });
        }
    }

    /// The chute is empty and has a new box: the next class may have it.
    pub(crate) fn free_chute(&mut self, turn: &mut Turn<'_>, chute: ChuteId) {
        let row = self.chute(chute);
        assert!(
            row.in_flight == 0 || is_on(Mutation::ChuteRebound),
            "no load is on its way to a chute that is freed"
        );
        let (line, class) = (row.line, row.class);
        if let Some(class) = class
            && self.classes.find(class).is_some_and(|class| class.chute == Some(chute))
        {
            self.classes.edit(class, |class| class.chute = None);
        }
        self.edit_chute(chute, |row| {
            row.life = ChuteLife::Free;
            row.class = None;
            row.is_box_closed = false;
            row.box_code = Code::default();
            row.worked = 0;
            row.emptied = 0;
        });
        self.set_chute_alarm(turn, AlarmCode::ChuteConflict, chute, false);
        turn.out.fact(Fact::BoxSwapped { chute });
        turn.out.fact(Fact::ChuteFreed { chute });
        self.hold_lanes(turn, line, chute);
    }

    /// Holds the lanes of a chute closed, or lets them go, as its state demands.
    pub(crate) fn hold_lanes(&mut self, turn: &mut Turn<'_>, line: LineId, chute: ChuteId) {
        let row = self.chute(chute);
        let is_closed = row.life == ChuteLife::Closing || row.is_box_closed || row.is_out;
        let lanes = row.lanes.clone();
        self.lanes.edit(u32::from(line.0), |row| {
            for lane in &lanes {
                row.closed.set(*lane, is_closed);
            }
        });
        self.send_closed_lanes(turn, line);
    }

    pub(crate) fn send_closed_lanes(&self, turn: &mut Turn<'_>, line: LineId) {
        let closed = self.lane_row(line).closed.clone();
        turn.out.command(line, Seq::NONE, 0, SorterCommand::CloseLanes(closed));
    }
}
