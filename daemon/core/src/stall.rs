//! Stalls of our own: a long gap between two turns is ours, never a fault of the equipment. What fell due in it starts
//! anew or is counted as late because of us, and people are told once. Which deadlines there are stands in the files
//! that own them.
//!
//! ```text
//! good --gap > OWN_GAP_MAX--> stalled (alarm self_stall) --no long gap for SHOWN_FOR--> good
//!                               ^______gap > OWN_GAP_MAX______|
//! ```

use serde::{Deserialize, Serialize};
use wcs_types::limits::OWN_GAP_MAX_MS;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{AlarmCode, AlarmKey, Fact, LoadKey, MonoTime, Nanos};

use crate::control::{Core, Turn, line_id};

/// How long the alarm stays after the last stall: a process that stalls again and again raises it once.
const SHOWN_FOR: Nanos = Nanos::from_secs(10);

/// The last stall.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct StallRow {
    /// The last turn before it.
    from: MonoTime,
    /// The first turn after it.
    until: MonoTime,
    /// When it counts as over; `NEVER` while there is none.
    over_at: MonoTime,
}

impl StallRow {
    pub(crate) fn new() -> Self {
        Self { from: MonoTime::ZERO, until: MonoTime::ZERO, over_at: MonoTime::NEVER }
    }
}

impl Core {
    /// Time since the previous turn: a long one is a stall.
    pub(crate) fn judge_gap(&mut self, turn: &mut Turn<'_>, gap: Nanos) {
        if gap <= Nanos::from_millis(OWN_GAP_MAX_MS) {
            return;
        }
        let (from, until) = (self.now - gap, self.now);
        self.stall.edit(0, |row| *row = StallRow { from, until, over_at: until + SHOWN_FOR });
        turn.out.fact(Fact::SelfStalled { gap });
        let blamed = AlarmKey { code: AlarmCode::LinkDown, line: Some(line_id(0)), ..KEY };
        self.set_alarm(turn, if is_on(Mutation::StallBlamed) { blamed } else { KEY }, true);
        // Nothing was heard of what they wait for.
        self.alarms.begin_delays_anew(until);
    }

    /// When the last stall counts as over.
    pub(crate) fn stall_over_at(&self) -> Option<MonoTime> {
        Some(self.stall.get(0).over_at).filter(|at| *at != MonoTime::NEVER)
    }

    pub(crate) fn end_stall_when_over(&mut self, turn: &mut Turn<'_>) {
        if self.stall_over_at().is_some_and(|at| at <= self.now) {
            self.stall.edit(0, |row| row.over_at = MonoTime::NEVER);
            self.set_alarm(turn, KEY, false);
        }
    }

    /// The stall is over, whatever that would have been told to anybody.
    pub(crate) fn forget_stall_when_over(&mut self) {
        if self.stall_over_at().is_some_and(|at| at <= self.now) {
            self.stall.edit(0, |row| row.over_at = MonoTime::NEVER);
        }
    }

    /// Counts a decision as late, and as ours when it fell due in the last stall.
    pub(crate) fn count_late(&mut self, turn: &mut Turn<'_>, load: LoadKey, decide_by: MonoTime) {
        turn.out.fact(Fact::DecisionLate { load });
        if self.fell_in_stall(decide_by) {
            turn.out.fact(Fact::LateBySelfStall { load });
        }
    }

    /// True when an instant lies in the last stall, as long as that is remembered.
    pub(crate) fn fell_in_stall(&self, due: MonoTime) -> bool {
        let stall = self.stall.get(0);
        // A point that had passed before the event could be read at all has no instant: it is given as zero.
        let is_inside = due == MonoTime::ZERO || (due > stall.from && due <= stall.until);
        is_inside && stall.over_at != MonoTime::NEVER
    }
}

const KEY: AlarmKey = AlarmKey { code: AlarmCode::SelfStall, line: None, chute: None, detail: 0 };
