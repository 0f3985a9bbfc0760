//! Alarms that are not normal, from the facts that raise and clear them and those of what people did with them. It follows
//! what the core said and repeats none of its rules but one: what stands for what (`FirstOut`), which is a view.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::{
    AlarmCode, AlarmId, AlarmKey, AlarmPriority, AlarmState, Fact, FirstOut, LineId, MonoTime, OperatorId,
    Seq,
};

use super::loads::Stamp;

/// What a person wrote about an alarm.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Comment {
    /// Who.
    pub by: OperatorId,
    /// When.
    pub at: Stamp,
    /// What.
    pub text: String,
}

/// A listed alarm.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// What it is about.
    pub key: AlarmKey,
    /// Its name.
    pub id: AlarmId,
    /// When it came up; the last time, if it came up again before anybody knew.
    pub raised: Stamp,
    /// How often it came up since it was normal.
    pub raised_count: u32,
    /// When it went; `None` while it is up.
    pub gone: Option<Stamp>,
    /// Who said that they know, and when.
    pub acknowledged: Option<(OperatorId, Stamp)>,
    /// Until when it is shelved (milliseconds since 1970), and by whom.
    pub shelved: Option<(u64, OperatorId)>,
    /// Whose it is.
    pub assigned: Option<OperatorId>,
    /// What was written about it.
    pub comments: Vec<Comment>,
    /// Of a flood: alarms of its line that came up while it lasts, the first one too many included.
    pub flood_count: u64,
}

impl Alarm {
    fn new(key: AlarmKey, id: AlarmId, at: Stamp) -> Self {
        Self {
            key,
            id,
            raised: at,
            raised_count: 1,
            gone: None,
            acknowledged: None,
            shelved: None,
            assigned: None,
            comments: Vec::new(),
            flood_count: 0,
        }
    }

    /// What it tells of is there.
    pub fn is_up(&self) -> bool {
        self.gone.is_none()
    }

    /// Where it stands.
    pub fn state(&self) -> AlarmState {
        match (self.shelved.is_some(), self.is_up(), self.acknowledged.is_some()) {
            (true, ..) => AlarmState::Shelved,
            (false, true, false) => AlarmState::Unacknowledged,
            (false, true, true) => AlarmState::Acknowledged,
            (false, false, _) => AlarmState::Returned,
        }
    }
}

/// Which alarms stand in front, and how many each stands for.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    head_of: BTreeMap<AlarmId, AlarmId>,
    grouped: BTreeMap<AlarmId, usize>,
}

impl Heads {
    /// The alarm that stands for this one.
    pub fn head_of(&self, id: AlarmId) -> Option<AlarmId> {
        self.head_of.get(&id).copied()
    }

    /// How many it stands for.
    pub fn grouped(&self, id: AlarmId) -> usize {
        self.grouped.get(&id).copied().unwrap_or(0)
    }
}

/// Alarms that are not normal. The core lists at most `ALARMS_LISTED_MAX` and the few of `is_always_listed`.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    rows: BTreeMap<AlarmId, Alarm>,
    ids: BTreeMap<AlarmKey, AlarmId>,
    up: BTreeSet<AlarmKey>,
    raised_total: BTreeMap<AlarmCode, u64>,
    /// The record that is being told, its core time, and how many alarms it raised until now.
    telling: (Seq, MonoTime, u32),
}

impl Alarms {
    /// Those that are up, by code, with the record that raised each.
    pub fn iter(&self) -> impl Iterator<Item = (&AlarmKey, &Stamp)> {
        self.up.iter().filter_map(|key| Some((key, &self.find(key)?.raised)))
    }

    /// How many are up.
    pub fn count(&self) -> usize {
        self.up.len()
    }

    /// Those that are not normal, oldest first.
    pub fn listed(&self) -> impl Iterator<Item = &Alarm> {
        self.rows.values()
    }

    /// Those that are listed behind one, oldest first.
    pub fn listed_after(&self, id: AlarmId) -> impl Iterator<Item = &Alarm> {
        self.rows.range(AlarmId(id.0.saturating_add(1))..).map(|(_, row)| row)
    }

    /// The alarm of this name.
    pub fn get(&self, id: AlarmId) -> Option<&Alarm> {
        self.rows.get(&id)
    }

    /// How often alarms of this code came up since the journal began.
    pub fn raised_total(&self, code: AlarmCode) -> u64 {
        self.raised_total.get(&code).copied().unwrap_or(0)
    }

    /// What stands for what now.
    pub fn heads(&self) -> Heads {
        let floods = self
            .rows
            .values()
            .filter(|row| row.key.code == AlarmCode::AlarmFlood && row.is_up() && row.shelved.is_none());
        let mut first_out = FirstOut::new(floods.map(|row| (row.key.line, row.id)));
        let mut heads = Heads::default();
        for row in self.rows.values().filter(|row| row.shelved.is_none()) {
            if let Some(head) = first_out.head_of(row.id, &row.key, row.acknowledged.is_some()) {
                heads.head_of.insert(row.id, head);
                *heads.grouped.entry(head).or_default() += 1;
            }
        }
        heads
    }

    /// The facts that follow are of this record.
    pub(crate) fn begin(&mut self, seq: Seq, now: MonoTime) {
        self.telling = (seq, now, 0);
    }

    pub(crate) fn see(&mut self, fact: &Fact, at: Stamp) {
        match fact {
            Fact::AlarmRaised(key) => self.raise(*key, at),
            Fact::AlarmGone(key) => self.clear(*key, at),
            Fact::AlarmAcknowledged { alarm, with, operator } => {
                for id in std::iter::once(alarm).chain(with) {
                    self.acknowledge(*id, (*operator, at));
                }
            }
            Fact::AlarmShelved { alarm, until, operator } => {
                let until = at.unix_ms + until.since(self.telling.1).as_millis();
                if let Some(row) = self.rows.get_mut(alarm) {
                    row.shelved = Some((until, *operator));
                }
            }
            Fact::AlarmUnshelved { alarm, .. } => {
                let Some(row) = self.rows.get_mut(alarm) else { return };
                (row.shelved, row.acknowledged) = (None, None);
                if !row.is_up() {
                    self.remove(*alarm);
                }
            }
            Fact::AlarmAssigned { alarm, to, .. } => {
                if let Some(row) = self.rows.get_mut(alarm) {
                    row.assigned = *to;
                }
            }
            Fact::AlarmCommented { alarm, text, operator } => {
                if let Some(row) = self.rows.get_mut(alarm) {
                    row.comments.push(Comment { by: *operator, at, text: text.clone() });
                }
            }
            Fact::AlarmForgotten { alarm } => self.remove(*alarm),
            _ => {}
        }
    }

    fn find(&self, key: &AlarmKey) -> Option<&Alarm> {
        self.rows.get(self.ids.get(key)?)
    }

    fn raise(&mut self, key: AlarmKey, at: Stamp) {
        let (seq, _, index) = self.telling;
        self.telling.2 += 1;
        *self.raised_total.entry(key.code).or_default() += 1;
        if !self.up.insert(key) {
            return;
        }
        let id = *self.ids.entry(key).or_insert(AlarmId::new(seq, index));
        let mut is_shelved = false;
        self.rows
            .entry(id)
            .and_modify(|row| {
                (row.raised, row.gone, row.acknowledged) = (at, None, None);
                row.raised_count = row.raised_count.saturating_add(1);
                is_shelved = row.shelved.is_some();
            })
            .or_insert_with(|| Alarm::new(key, id, at));
        self.count_into_flood(key, is_shelved);
    }

    /// While a line is flooded, its flood counts what comes up.
    fn count_into_flood(&mut self, key: AlarmKey, is_shelved: bool) {
        let flood = AlarmKey { code: AlarmCode::AlarmFlood, line: key.line, chute: None, detail: 0 };
        let Some(row) = self.ids.get(&flood).and_then(|id| self.rows.get_mut(id)).filter(|row| row.is_up())
        else {
            return;
        };
        if key == flood {
            row.flood_count = 1;
        } else if key.code.priority() != AlarmPriority::Critical && !is_shelved {
            row.flood_count += 1;
        }
    }

    fn clear(&mut self, key: AlarmKey, at: Stamp) {
        self.up.remove(&key);
        let Some(id) = self.ids.get(&key).copied() else { return };
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.gone.get_or_insert(at);
        if row.acknowledged.is_some() && row.shelved.is_none() {
            self.remove(id);
        }
    }

    fn acknowledge(&mut self, id: AlarmId, by: (OperatorId, Stamp)) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.acknowledged = Some(by);
        if !row.is_up() && row.shelved.is_none() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: AlarmId) {
        if let Some(row) = self.rows.remove(&id) {
            self.ids.remove(&row.key);
            self.up.remove(&row.key);
        }
    }

    /// Those of a line that are up.
    pub fn of_line(&self, line: LineId) -> impl Iterator<Item = (&AlarmKey, &Stamp)> {
        self.iter().filter(move |(key, _)| key.line == Some(line))
    }
}
