//! Alarms come up and go: with the delays of their codes, one for each key, and no more of a line at once than a person
//! can read. Which states there are stands in `wcs_types::alarm`, what people do with alarms in `alarm_verbs`.
//!
//! ```text
//! there --lasts for the on-delay--> raised --away for the off-delay--> gone
//!   |__away sooner: nothing            |__there again sooner: still up
//! line: calm --more than ALARMS_SHOWN_MAX shown in the window--> flood --window passes with no more than that--> calm
//! ```
//!
//! Facts tell every raise and every end, shown or not: a flood and a headline only say what people need not read.

use wcs_types::limits::{ALARM_FLOOD_WINDOW_MS, ALARMS_SHOWN_MAX, LISTED_PER_RECORD_MAX};
use wcs_types::{AlarmCode, AlarmId, AlarmKey, AlarmPriority, ChuteId, Fact, LineId, MonoTime, Nanos};

use crate::alarm_rows::{AlarmRow, AlarmView, Due};
use crate::control::{Core, Turn};

/// Time in which more than `ALARMS_SHOWN_MAX` alarms of a line are a flood.
const FLOOD_WINDOW: Nanos = Nanos::from_millis(ALARM_FLOOD_WINDOW_MS);

/// The alarm that stands for a flood of a line; of the plant, where alarms are of no line.
pub(crate) const fn flood_key(line: Option<LineId>) -> AlarmKey {
    AlarmKey { code: AlarmCode::AlarmFlood, line, chute: None, detail: 0 }
}

/// The alarm that says that the list is not whole.
const LIST_FULL: AlarmKey = AlarmKey { code: AlarmCode::AlarmListFull, line: None, chute: None, detail: 0 };

impl Core {
    /// What the alarm tells of is there, or is not.
    pub(crate) fn set_alarm(&mut self, turn: &mut Turn<'_>, key: AlarmKey, is_there: bool) {
        if is_there {
            self.come(turn, key);
        } else {
            self.leave(turn, key);
        }
    }

    fn come(&mut self, turn: &mut Turn<'_>, key: AlarmKey) {
        if let Some(row) = self.alarms.row(&key).filter(|row| row.is_up) {
            if row.goes_at != MonoTime::NEVER {
                self.alarms.put(key, Some(AlarmRow { goes_at: MonoTime::NEVER, ..row }));
            }
            return;
        }
        let delay = key.code.on_delay();
        if delay == Nanos::ZERO || self.alarms.is_waiting_full() {
            self.raise(turn, key);
            return;
        }
        // One that fell due before this turn did so while no process was there to judge it.
        if self.alarms.waits_until(&key).is_none_or(|due| due < self.now) {
            self.alarms.wait(key, Some(self.now + delay));
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>, key: AlarmKey) {
        self.alarms.wait(key, None);
        let Some(row) = self.alarms.row(&key).filter(|row| row.is_up) else { return };
        let delay = key.code.off_delay();
        if delay == Nanos::ZERO {
            self.go(turn, key, row);
        } else if row.goes_at == MonoTime::NEVER {
            self.alarms.put(key, Some(AlarmRow { goes_at: self.now + delay, ..row }));
        }
    }

    fn raise(&mut self, turn: &mut Turn<'_>, key: AlarmKey) {
        self.alarms.wait(key, None);
        let row = match self.alarms.row(&key) {
            Some(row) => AlarmRow { is_up: true, is_acknowledged: false, goes_at: MonoTime::NEVER, ..row },
            None => {
                if !self.make_room_for_alarm(turn) && !key.code.is_always_listed() {
                    self.set_alarm(turn, LIST_FULL, true);
                    return;
                }
                let is_raise = |fact: &&Fact| matches!(fact, Fact::AlarmRaised(_));
                let before = turn.out.facts.iter().filter(is_raise).count();
                AlarmRow::new(AlarmId::new(self.seq, before as u32))
            }
        };
        turn.out.fact(Fact::AlarmRaised(key));
        self.alarms.put(key, Some(row));
        self.count_shown(turn, key, &row);
    }

    fn go(&mut self, turn: &mut Turn<'_>, key: AlarmKey, row: AlarmRow) {
        turn.out.fact(Fact::AlarmGone(key));
        let row = AlarmRow { is_up: false, goes_at: MonoTime::NEVER, ..row };
        self.alarms.put(key, Some(row).filter(|row| !row.is_normal()));
    }

    /// False when every alarm of a full list is up or shelved.
    fn make_room_for_alarm(&mut self, turn: &mut Turn<'_>) -> bool {
        if !self.alarms.is_full() {
            return true;
        }
        let Some((alarm, key)) = self.alarms.oldest_returned() else { return false };
        self.alarms.put(key, None);
        turn.out.fact(Fact::AlarmForgotten { alarm });
        true
    }

    /// Counts an alarm that demands attention; one too many in the window begins a flood, or prolongs it.
    fn count_shown(&mut self, turn: &mut Turn<'_>, key: AlarmKey, row: &AlarmRow) {
        let is_counted = key.code != AlarmCode::AlarmFlood && key.code.priority() != AlarmPriority::Critical;
        if !is_counted || row.is_shelved() || !self.alarms.is_first(&key, row.id) {
            return;
        }
        let now = self.now;
        let was_flooded = self.alarms.flood(key.line).is_some_and(|flood| flood.over_at.is_some());
        self.alarms.edit_flood(key.line, |flood| {
            if flood.recent.len() > ALARMS_SHOWN_MAX {
                flood.recent.pop_front();
            }
            flood.recent.push_back(now);
            let first = flood.recent.front().copied().filter(|_| flood.recent.len() > ALARMS_SHOWN_MAX);
            let over_at = first.map(|first| first + FLOOD_WINDOW).filter(|over_at| *over_at > now);
            if over_at.is_some() {
                flood.over_at = over_at;
            }
        });
        let is_flooded = self.alarms.flood(key.line).is_some_and(|flood| flood.over_at.is_some());
        if is_flooded && !was_flooded {
            self.set_alarm(turn, flood_key(key.line), true);
        }
    }

    /// What is due is done; of very much, the rest follows in the next records.
    pub(crate) fn on_alarms_due(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..LISTED_PER_RECORD_MAX {
            let Some((due, key)) = self.alarms.first_due(self.now) else { break };
            match (due, self.alarms.row(&key)) {
                (Due::Raise, _) => self.raise(turn, key),
                (Due::Go, Some(row)) => self.go(turn, key, row),
                (Due::Unshelve, Some(row)) => self.take_off_shelf(turn, key, row, None),
                (Due::Go | Due::Unshelve, None) => unreachable!("only listed alarms go or are shelved"),
            }
        }
        let over = self.alarms.floods().filter(|(_, flood)| flood.over_at.is_some_and(|at| at <= self.now));
        let lines: alloc::vec::Vec<Option<LineId>> = over.map(|(line, _)| line).collect();
        for line in lines {
            self.alarms.edit_flood(line, |flood| *flood = Default::default());
            self.set_alarm(turn, flood_key(line), false);
        }
    }

    pub(crate) fn set_line_alarm(
        &mut self,
        turn: &mut Turn<'_>,
        code: AlarmCode,
        line: LineId,
        is_there: bool,
    ) {
        self.set_alarm(turn, AlarmKey { code, line: Some(line), chute: None, detail: 0 }, is_there);
    }

    pub(crate) fn set_chute_alarm(
        &mut self,
        turn: &mut Turn<'_>,
        code: AlarmCode,
        chute: ChuteId,
        is_there: bool,
    ) {
        let line = Some(self.chute(chute).line);
        self.set_alarm(turn, AlarmKey { code, line, chute: Some(chute), detail: 0 }, is_there);
    }

    /// Alarms that are up now, in key order.
    pub fn alarms(&self) -> impl Iterator<Item = &AlarmKey> {
        self.alarms.up()
    }

    /// Alarms that are not normal, by id.
    pub fn listed_alarms(&self) -> impl Iterator<Item = AlarmView> {
        self.alarms.listed()
    }
}
