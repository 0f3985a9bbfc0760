//! The table of alarms: those that are listed, those that wait until they have lasted long enough, and what was shown of
//! each line lately. Data with its hash and its look-ups; what happens to an alarm stands in `alarms`, what people do with
//! it in `alarm_verbs`.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use wcs_types::limits::ALARMS_LISTED_MAX;
use wcs_types::{
    AlarmCause, AlarmId, AlarmKey, AlarmPriority, AlarmState, FirstOut, LineId, MonoTime, Nanos, OperatorId,
    StateHash, StateHasher,
};

/// How far deadlines are put off that broke an invariant.
const PUT_OFF: Nanos = Nanos::from_secs(600);

/// A listed alarm. It is removed when it is normal again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct AlarmRow {
    pub(crate) id: AlarmId,
    pub(crate) is_up: bool,
    pub(crate) is_acknowledged: bool,
    /// When it counts as gone; `NEVER` while what it tells of is there.
    pub(crate) goes_at: MonoTime,
    /// Until when it is shelved; `NEVER` when it is not.
    pub(crate) shelved_until: MonoTime,
    pub(crate) assigned: Option<OperatorId>,
    pub(crate) comments: u8,
}

impl AlarmRow {
    pub(crate) fn new(id: AlarmId) -> Self {
        Self {
            id,
            is_up: true,
            is_acknowledged: false,
            goes_at: MonoTime::NEVER,
            shelved_until: MonoTime::NEVER,
            assigned: None,
            comments: 0,
        }
    }

    pub(crate) fn is_shelved(&self) -> bool {
        self.shelved_until != MonoTime::NEVER
    }

    /// Nothing is left that anybody has to know.
    pub(crate) fn is_normal(&self) -> bool {
        !self.is_up && !self.is_shelved() && self.is_acknowledged
    }

    fn state(&self) -> AlarmState {
        match (self.is_shelved(), self.is_up, self.is_acknowledged) {
            (true, ..) => AlarmState::Shelved,
            (false, true, false) => AlarmState::Unacknowledged,
            (false, true, true) => AlarmState::Acknowledged,
            (false, false, _) => AlarmState::Returned,
        }
    }
}

/// What was shown of a line lately: the instants of at most one alarm more than may be shown in the window.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct FloodRow {
    pub(crate) recent: VecDeque<MonoTime>,
    /// When the flood is over; `NEVER` while there is none.
    pub(crate) over_at: Option<MonoTime>,
}

/// What is due for an alarm.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Due {
    /// It has lasted long enough.
    Raise,
    /// It has been away long enough.
    Go,
    /// Its time on the shelf is over.
    Unshelve,
}

/// A listed alarm, as it is told outside of the core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AlarmView {
    /// What it is about.
    pub key: AlarmKey,
    /// Its name.
    pub id: AlarmId,
    /// Where it stands.
    pub state: AlarmState,
    /// What it tells of is there.
    pub is_up: bool,
    /// Until when it is shelved.
    pub shelved_until: Option<MonoTime>,
    /// Whose it is.
    pub assigned: Option<OperatorId>,
    /// Comments on it.
    pub comments: u8,
    /// The alarm that stands for it; `None` when it is a headline, or shelved.
    pub head: Option<AlarmId>,
}

/// Line, cause, known to a person, urgency, name.
type Member = (Option<LineId>, AlarmCause, bool, AlarmPriority, AlarmId);

/// All alarms that are not normal.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Alarms {
    #[serde(with = "pairs")]
    rows: BTreeMap<AlarmKey, AlarmRow>,
    /// When those are raised that have not lasted long enough yet.
    #[serde(with = "pairs")]
    waiting: BTreeMap<AlarmKey, MonoTime>,
    #[serde(with = "pairs")]
    floods: BTreeMap<Option<LineId>, FloodRow>,
    hash: StateHash,
    // Derived from the above: rebuilt on restore.
    #[serde(skip)]
    by_id: BTreeMap<AlarmId, AlarmKey>,
    #[serde(skip)]
    due: BTreeSet<(MonoTime, Due, AlarmKey)>,
    #[serde(skip)]
    returned: BTreeSet<AlarmId>,
    #[serde(skip)]
    groups: BTreeSet<Member>,
}

impl Alarms {
    pub(crate) fn hash(&self) -> StateHash {
        self.hash
    }

    pub(crate) fn full_hash(&self) -> StateHash {
        let mut hash = StateHash::default();
        self.rows.iter().for_each(|row| hash.add(row_hash(KIND_ROW, row)));
        self.waiting.iter().for_each(|row| hash.add(row_hash(KIND_WAITING, row)));
        self.floods.iter().for_each(|row| hash.add(row_hash(KIND_FLOOD, row)));
        hash
    }

    pub(crate) fn row(&self, key: &AlarmKey) -> Option<AlarmRow> {
        self.rows.get(key).copied()
    }

    pub(crate) fn key_of(&self, id: AlarmId) -> Option<AlarmKey> {
        self.by_id.get(&id).copied()
    }

    /// Makes the row of a key what is given; no row is normal.
    pub(crate) fn put(&mut self, key: AlarmKey, row: Option<AlarmRow>) {
        if let Some(old) = self.rows.remove(&key) {
            self.hash.remove(row_hash(KIND_ROW, (&key, &old)));
            self.unlink(key, &old);
        }
        if let Some(row) = row {
            self.hash.add(row_hash(KIND_ROW, (&key, &row)));
            self.link(key, &row);
            self.rows.insert(key, row);
        }
    }

    pub(crate) fn waits_until(&self, key: &AlarmKey) -> Option<MonoTime> {
        self.waiting.get(key).copied()
    }

    /// The alarm is raised then, if it lasts; `None`: it does not wait any more.
    pub(crate) fn wait(&mut self, key: AlarmKey, until: Option<MonoTime>) {
        if let Some(old) = self.waiting.remove(&key) {
            self.hash.remove(row_hash(KIND_WAITING, (&key, &old)));
            self.due.remove(&(old, Due::Raise, key));
        }
        if let Some(until) = until {
            self.hash.add(row_hash(KIND_WAITING, (&key, &until)));
            self.due.insert((until, Due::Raise, key));
            self.waiting.insert(key, until);
        }
    }

    pub(crate) fn flood(&self, line: Option<LineId>) -> Option<&FloodRow> {
        self.floods.get(&line)
    }

    pub(crate) fn edit_flood(&mut self, line: Option<LineId>, change: impl FnOnce(&mut FloodRow)) {
        let mut row = self.floods.remove(&line).unwrap_or_default();
        if row != FloodRow::default() {
            self.hash.remove(row_hash(KIND_FLOOD, (&line, &row)));
        }
        change(&mut row);
        if row != FloodRow::default() {
            self.hash.add(row_hash(KIND_FLOOD, (&line, &row)));
            self.floods.insert(line, row);
        }
    }

    pub(crate) fn floods(&self) -> impl Iterator<Item = (Option<LineId>, &FloodRow)> {
        self.floods.iter().map(|(line, row)| (*line, row))
    }

    /// True when no alarm that came before stands for this one, which nobody knows of yet; floods aside.
    pub(crate) fn is_first(&self, key: &AlarmKey, id: AlarmId) -> bool {
        let Some(cause) = key.code.cause() else { return true };
        let mut urgencies =
            AlarmPriority::ALL.iter().copied().filter(|urgency| *urgency <= key.code.priority());
        urgencies.all(|urgency| {
            let from = (key.line, cause, false, urgency, AlarmId(0));
            self.groups.range(from..(key.line, cause, false, urgency, id)).next().is_none()
        })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= ALARMS_LISTED_MAX
    }

    /// As many wait as may be listed: no more do.
    pub(crate) fn is_waiting_full(&self) -> bool {
        self.waiting.len() >= ALARMS_LISTED_MAX
    }

    /// The oldest that has gone again and that nobody has acknowledged.
    pub(crate) fn oldest_returned(&self) -> Option<(AlarmId, AlarmKey)> {
        let id = *self.returned.first()?;
        Some((id, self.key_of(id)?))
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<MonoTime> {
        let floods = self.floods.values().filter_map(|row| row.over_at);
        self.due.first().map(|(at, ..)| *at).into_iter().chain(floods).min()
    }

    /// What is due first, if it is due now.
    pub(crate) fn first_due(&self, now: MonoTime) -> Option<(Due, AlarmKey)> {
        self.due.first().filter(|(at, ..)| *at <= now).map(|(_, due, key)| (*due, *key))
    }

    /// Nothing was heard until now of what waits to be raised: what fell due meanwhile begins to wait anew.
    pub(crate) fn begin_delays_anew(&mut self, now: MonoTime) {
        let fell_due = self.waiting.iter().filter(|(_, due)| **due <= now);
        let keys: alloc::vec::Vec<AlarmKey> = fell_due.map(|(key, _)| *key).collect();
        for key in keys {
            self.wait(key, Some(now + key.code.on_delay()));
        }
    }

    /// What is due is dropped or comes later, and nobody is told.
    pub(crate) fn put_off(&mut self, now: MonoTime) {
        let later = now + PUT_OFF;
        while let Some((due, key)) = self.first_due(now) {
            match (due, self.row(&key)) {
                (Due::Go, Some(row)) => self.put(key, Some(AlarmRow { goes_at: later, ..row })),
                (Due::Unshelve, Some(row)) => self.put(key, Some(AlarmRow { shelved_until: later, ..row })),
                _ => self.wait(key, None),
            }
        }
        let due = self.floods.iter().filter(|(_, row)| row.over_at.is_some_and(|at| at <= now));
        let lines: alloc::vec::Vec<Option<LineId>> = due.map(|(line, _)| *line).collect();
        for line in lines {
            self.edit_flood(line, |row| row.over_at = Some(later));
        }
    }

    /// Keys of those that are up, in key order.
    pub(crate) fn up(&self) -> impl Iterator<Item = &AlarmKey> {
        self.rows.iter().filter(|(_, row)| row.is_up).map(|(key, _)| key)
    }

    /// All that are listed, by id, each with the alarm that stands for it.
    pub(crate) fn listed(&self) -> impl Iterator<Item = AlarmView> {
        let flooded = self.floods.iter().filter(|(_, row)| row.over_at.is_some()).filter_map(|(line, _)| {
            let row = self.rows.get(&crate::alarms::flood_key(*line))?;
            (!row.is_shelved()).then_some((*line, row.id))
        });
        let mut first_out = FirstOut::new(flooded);
        self.by_id.iter().filter_map(move |(id, key)| {
            let row = self.rows.get(key)?;
            let head = if row.is_shelved() { None } else { first_out.head_of(*id, key, row.is_acknowledged) };
            Some(AlarmView {
                key: *key,
                id: *id,
                state: row.state(),
                is_up: row.is_up,
                shelved_until: row.is_shelved().then_some(row.shelved_until),
                assigned: row.assigned,
                comments: row.comments,
                head,
            })
        })
    }

    /// Builds the look-ups from the rows.
    pub(crate) fn rebuild(&mut self) {
        let rows: alloc::vec::Vec<(AlarmKey, AlarmRow)> =
            self.rows.iter().map(|(key, row)| (*key, *row)).collect();
        for (key, row) in rows {
            self.link(key, &row);
        }
        self.due.extend(self.waiting.iter().map(|(key, at)| (*at, Due::Raise, *key)));
    }

    /// The first alarm that contradicts itself, the look-ups or the bounds.
    pub(crate) fn find_broken(&self) -> Option<AlarmKey> {
        let mut fresh = self.clone();
        fresh.by_id.clear();
        fresh.due.clear();
        fresh.returned.clear();
        fresh.groups.clear();
        fresh.rebuild();
        let is_indexed = (&fresh.by_id, &fresh.due, &fresh.returned, &fresh.groups)
            == (&self.by_id, &self.due, &self.returned, &self.groups);
        let is_sound = |(key, row): &(&AlarmKey, &AlarmRow)| {
            is_indexed
                && self.by_id.get(&row.id) == Some(key)
                && !row.is_normal()
                && (row.is_up || row.goes_at == MonoTime::NEVER)
                && (!row.is_shelved() || key.code.may_be_shelved())
                && !(row.is_up && self.waiting.contains_key(key))
        };
        let unsound = self.rows.iter().find(|row| !is_sound(row)).map(|(key, _)| *key);
        let flood = self.floods.iter().find_map(|(line, row)| {
            let key = crate::alarms::flood_key(*line);
            let is_up = self.rows.get(&key).is_some_and(|row| row.is_up);
            // A flood that found no room in the list is known by its row alone.
            (row.over_at.is_none() && is_up).then_some(key)
        });
        let bounded = || self.rows.keys().filter(|key| !key.code.is_always_listed());
        let over = (bounded().count() > ALARMS_LISTED_MAX).then(|| bounded().next().copied()).flatten();
        unsound.or(flood).or(over)
    }

    fn link(&mut self, key: AlarmKey, row: &AlarmRow) {
        self.by_id.insert(row.id, key);
        if row.goes_at != MonoTime::NEVER {
            self.due.insert((row.goes_at, Due::Go, key));
        }
        if row.is_shelved() {
            self.due.insert((row.shelved_until, Due::Unshelve, key));
            return;
        }
        if !row.is_up {
            self.returned.insert(row.id);
        }
        if let Some(cause) = key.code.cause() {
            self.groups.insert((key.line, cause, row.is_acknowledged, key.code.priority(), row.id));
        }
    }

    fn unlink(&mut self, key: AlarmKey, row: &AlarmRow) {
        self.by_id.remove(&row.id);
        self.due.remove(&(row.goes_at, Due::Go, key));
        self.due.remove(&(row.shelved_until, Due::Unshelve, key));
        self.returned.remove(&row.id);
        if let Some(cause) = key.code.cause() {
            self.groups.remove(&(key.line, cause, row.is_acknowledged, key.code.priority(), row.id));
        }
    }
}

/// Maps as lists of rows with their keys: a format whose maps have texts for keys can hold them too.
mod pairs {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    struct Written<'a, K, R> {
        key: &'a K,
        row: &'a R,
    }

    #[derive(Deserialize)]
    struct Read<K, R> {
        key: K,
        row: R,
    }

    pub(super) fn serialize<K: Serialize, R: Serialize, S: Serializer>(
        map: &BTreeMap<K, R>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter().map(|(key, row)| Written { key, row }))
    }

    pub(super) fn deserialize<'de, K, R, D>(deserializer: D) -> Result<BTreeMap<K, R>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        R: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let pairs = Vec::<Read<K, R>>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|pair| (pair.key, pair.row)).collect())
    }
}

const KIND_ROW: u64 = 11;
const KIND_WAITING: u64 = 22;
const KIND_FLOOD: u64 = 23;

fn row_hash(kind: u64, row: impl Hash) -> StateHash {
    let mut hasher = StateHasher::new(kind);
    row.hash(&mut hasher);
    StateHash(hasher.finish())
}
