//! Alarms that are up, as code + raised or gone. At most one per key; raising a raised alarm changes nothing.

use alloc::collections::BTreeSet;
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use wcs_types::{AlarmCode, AlarmKey, ChuteId, Fact, LineId, StateHash, StateHasher};

use crate::control::{Core, Turn};

/// The alarms that are up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Alarms {
    raised: BTreeSet<AlarmKey>,
    hash: StateHash,
}

impl Alarms {
    pub(crate) fn hash(&self) -> StateHash {
        self.hash
    }

    pub(crate) fn full_hash(&self) -> StateHash {
        let mut hash = StateHash::default();
        for key in &self.raised {
            hash.add(row_hash(key));
        }
        hash
    }

    fn set(&mut self, key: AlarmKey, is_raised: bool) -> bool {
        let has_changed = if is_raised { self.raised.insert(key) } else { self.raised.remove(&key) };
        if has_changed {
            if is_raised {
                self.hash.add(row_hash(&key));
            } else {
                self.hash.remove(row_hash(&key));
            }
        }
        has_changed
    }
}

fn row_hash(key: &AlarmKey) -> StateHash {
    let mut hasher = StateHasher::new(11);
    key.hash(&mut hasher);
    StateHash(hasher.finish())
}

impl Core {
    pub(crate) fn set_alarm(&mut self, turn: &mut Turn<'_>, key: AlarmKey, is_raised: bool) {
        if self.alarms.set(key, is_raised) {
            turn.out.fact(if is_raised { Fact::AlarmRaised(key) } else { Fact::AlarmGone(key) });
        }
    }

    pub(crate) fn set_line_alarm(
        &mut self,
        turn: &mut Turn<'_>,
        code: AlarmCode,
        line: LineId,
        is_raised: bool,
    ) {
        self.set_alarm(turn, AlarmKey { code, line: Some(line), chute: None, detail: 0 }, is_raised);
    }

    pub(crate) fn set_chute_alarm(
        &mut self,
        turn: &mut Turn<'_>,
        code: AlarmCode,
        chute: ChuteId,
        is_raised: bool,
    ) {
        let line = Some(self.chute(chute).line);
        self.set_alarm(turn, AlarmKey { code, line, chute: Some(chute), detail: 0 }, is_raised);
    }

    /// Alarms that are up now, in key order.
    pub fn alarms(&self) -> impl Iterator<Item = &AlarmKey> {
        self.alarms.raised.iter()
    }
}
