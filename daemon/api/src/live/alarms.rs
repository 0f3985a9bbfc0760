//! Alarms that are up, from the facts that raise and clear them.

use std::collections::BTreeMap;

use wcs_types::{AlarmKey, LineId};

use super::loads::Stamp;

/// Alarms that are up. The core raises at most one for a key, so there are no more than keys.
#[derive(Clone, Debug, Default)]
pub struct Alarms(BTreeMap<AlarmKey, Stamp>);

impl Alarms {
    /// All, by code, with the record that raised each.
    pub fn iter(&self) -> impl Iterator<Item = (&AlarmKey, &Stamp)> {
        self.0.iter()
    }

    /// Those of a line.
    pub fn of_line(&self, line: LineId) -> impl Iterator<Item = (&AlarmKey, &Stamp)> {
        self.0.iter().filter(move |(key, _)| key.line == Some(line))
    }

    /// How many are up.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn raise(&mut self, key: AlarmKey, at: Stamp) {
        self.0.entry(key).or_insert(at);
    }

    pub(crate) fn clear(&mut self, key: AlarmKey) {
        self.0.remove(&key);
    }
}
