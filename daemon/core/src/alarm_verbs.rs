//! What people do with alarms: acknowledge, shelve, unshelve, assign, comment. None of it changes what an alarm tells of,
//! and nothing here resets a machine.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use wcs_types::limits::{ALARM_COMMENT_SIZE_MAX, ALARM_COMMENTS_MAX, ALARM_SHELF_MINUTES_MAX};
use wcs_types::{AlarmId, AlarmKey, AlarmState, Fact, MonoTime, Nanos, OperatorId, Verb, VerbRefusal};

use crate::alarm_rows::AlarmRow;
use crate::control::{Core, Turn};

const SHELF_TIME_MAX: Nanos = Nanos::from_secs(ALARM_SHELF_MINUTES_MAX * 60);

impl Core {
    pub(crate) fn on_alarm_verb(
        &mut self,
        turn: &mut Turn<'_>,
        operator: OperatorId,
        verb: &Verb,
    ) -> Result<(), VerbRefusal> {
        match verb {
            Verb::AcknowledgeAlarm { alarm } => self.acknowledge(turn, operator, *alarm),
            Verb::ShelveAlarm { alarm, span } => self.shelve(turn, operator, *alarm, *span),
            Verb::UnshelveAlarm { alarm } => {
                let (key, row) = self.listed_alarm(*alarm)?;
                if row.is_shelved() {
                    self.take_off_shelf(turn, key, row, Some(operator));
                }
                Ok(())
            }
            Verb::AssignAlarm { alarm, to } => {
                let (key, row) = self.listed_alarm(*alarm)?;
                if row.assigned != *to {
                    self.alarms.put(key, Some(AlarmRow { assigned: *to, ..row }));
                    turn.out.fact(Fact::AlarmAssigned { alarm: *alarm, to: *to, operator });
                }
                Ok(())
            }
            Verb::CommentAlarm { alarm, text } => self.comment(turn, operator, *alarm, text),
            _ => unreachable!("only verbs of alarms come here"),
        }
    }

    fn listed_alarm(&self, alarm: AlarmId) -> Result<(AlarmKey, AlarmRow), VerbRefusal> {
        let key = self.alarms.key_of(alarm).ok_or(VerbRefusal::UnknownAlarm)?;
        let row = self.alarms.row(&key).ok_or(VerbRefusal::UnknownAlarm)?;
        Ok((key, row))
    }

    /// The alarm and what it stands for are known now.
    fn acknowledge(
        &mut self,
        turn: &mut Turn<'_>,
        operator: OperatorId,
        alarm: AlarmId,
    ) -> Result<(), VerbRefusal> {
        let (_, row) = self.listed_alarm(alarm)?;
        if row.is_shelved() {
            return Err(VerbRefusal::AlarmShelved);
        }
        let is_unknown = |state| matches!(state, AlarmState::Unacknowledged | AlarmState::Returned);
        let under = self.alarms.listed().filter(|other| other.head == Some(alarm) && is_unknown(other.state));
        let with: Vec<AlarmId> = under.map(|other| other.id).collect();
        if row.is_acknowledged && with.is_empty() {
            return Ok(());
        }
        turn.out.fact(Fact::AlarmAcknowledged { alarm, with: with.clone(), operator });
        for id in core::iter::once(alarm).chain(with) {
            let Ok((key, row)) = self.listed_alarm(id) else { continue };
            let has_ended = row.is_up && key.code.ends_when_acknowledged();
            if has_ended {
                turn.out.fact(Fact::AlarmGone(key));
            }
            let row = AlarmRow { is_acknowledged: true, is_up: row.is_up && !has_ended, ..row };
            self.alarms.put(key, Some(row).filter(|row| !row.is_normal()));
        }
        Ok(())
    }

    fn shelve(
        &mut self,
        turn: &mut Turn<'_>,
        operator: OperatorId,
        alarm: AlarmId,
        span: Nanos,
    ) -> Result<(), VerbRefusal> {
        let (key, row) = self.listed_alarm(alarm)?;
        if !key.code.may_be_shelved() {
            return Err(VerbRefusal::MayNotBeShelved);
        }
        if span == Nanos::ZERO || span > SHELF_TIME_MAX {
            return Err(VerbRefusal::BadShelfTime { minutes_max: ALARM_SHELF_MINUTES_MAX as u16 });
        }
        let until = self.now + span;
        self.alarms.put(key, Some(AlarmRow { shelved_until: until, ..row }));
        turn.out.fact(Fact::AlarmShelved { alarm, until, operator });
        Ok(())
    }

    /// What is up demands attention again; what has gone meanwhile is normal.
    pub(crate) fn take_off_shelf(
        &mut self,
        turn: &mut Turn<'_>,
        key: AlarmKey,
        row: AlarmRow,
        operator: Option<OperatorId>,
    ) {
        turn.out.fact(Fact::AlarmUnshelved { alarm: row.id, operator });
        let shown = AlarmRow { shelved_until: MonoTime::NEVER, is_acknowledged: false, ..row };
        self.alarms.put(key, row.is_up.then_some(shown));
    }

    fn comment(
        &mut self,
        turn: &mut Turn<'_>,
        operator: OperatorId,
        alarm: AlarmId,
        text: &str,
    ) -> Result<(), VerbRefusal> {
        let (key, row) = self.listed_alarm(alarm)?;
        if text.is_empty() || text.len() > ALARM_COMMENT_SIZE_MAX {
            return Err(VerbRefusal::BadComment { size_max: ALARM_COMMENT_SIZE_MAX as u16 });
        }
        if usize::from(row.comments) >= ALARM_COMMENTS_MAX {
            return Err(VerbRefusal::TooManyComments);
        }
        self.alarms.put(key, Some(AlarmRow { comments: row.comments + 1, ..row }));
        turn.out.fact(Fact::AlarmCommented { alarm, text: text.to_owned(), operator });
        Ok(())
    }
}
