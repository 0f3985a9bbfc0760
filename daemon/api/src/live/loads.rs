//! Loads on the belt, and the last that ended. Of each it keeps what lists show and which records tell of it; the
//! records themselves stay in the journal.

use std::collections::{BTreeMap, VecDeque};

use wcs_types::limits::LOADS_ENDED_KEPT_MAX;
use wcs_types::{
    BatchId, ChuteId, Code, Destination, ExitResult, JobId, LaneNo, LoadKey, Outcome, Reason, Seq,
};

/// A record and when it came about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stamp {
    /// The record.
    pub seq: Seq,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// Where.
    pub outcome: Outcome,
    /// Why there.
    pub reason: Reason,
    /// Lane it left at; `NONE` for none.
    pub lane: LaneNo,
    /// What the PLC reported.
    pub result: Option<ExitResult>,
    /// The record that says so.
    pub at: Stamp,
}

/// A load as it is believed to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Load {
    /// Line, life of the PLC, item.
    pub key: LoadKey,
    /// The code it was found by; empty when it had none.
    pub label: Code,
    /// First seen in.
    pub seen: Stamp,
    /// The attempt of the same label before it.
    pub previous: Option<LoadKey>,
    /// Rounds it made.
    pub turns: u16,
    /// Decisions that came too late.
    pub late: u32,
    /// Its job, where it has one.
    pub job: Option<(BatchId, JobId)>,
    /// Where it was sent last, and why.
    pub sent: Option<(Destination, Reason)>,
    /// The record that bound the chute it was sent to.
    pub bound_in: Option<Seq>,
    /// How it ended; `None` while it is on the belt.
    pub end: Option<End>,
    /// Put into this chute by a person afterwards.
    pub hand: Option<(ChuteId, Stamp)>,
}

impl Load {
    fn new(key: LoadKey, seen: Stamp) -> Self {
        Self {
            key,
            label: Code::default(),
            seen,
            previous: None,
            turns: 0,
            late: 0,
            job: None,
            sent: None,
            bound_in: None,
            end: None,
            hand: None,
        }
    }

    /// The chute it is on its way to.
    pub fn chute(&self) -> Option<ChuteId> {
        match self.sent {
            Some((Destination::Chute { chute, .. }, _)) => Some(chute),
            _ => None,
        }
    }

    /// Its one current outcome and reason; `None` while it is on the belt.
    pub fn outcome(&self) -> Option<(Outcome, Reason)> {
        let end = self.end?;
        Some(match self.hand {
            Some(_) => (Outcome::HandSorted, Reason::ByHand),
            None => (end.outcome, end.reason),
        })
    }
}

/// Loads on the belt, bounded by the core, and the last [`LOADS_ENDED_KEPT_MAX`] that ended; older ones are forgotten.
///
/// Trees, because loads come and go for as long as the daemon lives: a hash table that is more than half full doubles
/// some day for the places of those that went, and never gives that back.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    open: BTreeMap<LoadKey, Load>,
    ended: BTreeMap<LoadKey, Load>,
    /// In the order in which they ended. One that was on the belt again since then stands here twice.
    order: VecDeque<(Seq, LoadKey)>,
}

impl Loads {
    /// A load on the belt or among the last that ended.
    pub fn find(&self, key: LoadKey) -> Option<&Load> {
        self.open.get(&key).or_else(|| self.ended.get(&key))
    }

    /// Loads on the belt, by key.
    pub fn open(&self) -> impl Iterator<Item = &Load> {
        self.open.values()
    }

    /// The last that ended, newest first.
    pub fn ended(&self) -> impl Iterator<Item = &Load> {
        self.order.iter().rev().filter_map(|(seq, key)| {
            self.ended.get(key).filter(|load| load.end.is_some_and(|end| end.at.seq == *seq))
        })
    }

    pub(crate) fn on_belt_mut(&mut self, key: LoadKey) -> Option<&mut Load> {
        self.open.get_mut(&key)
    }

    pub(crate) fn any_mut(&mut self, key: LoadKey) -> Option<&mut Load> {
        if self.open.contains_key(&key) {
            return self.open.get_mut(&key);
        }
        self.ended.get_mut(&key)
    }

    /// A load is seen: new, or one that only silence had ended and that goes on.
    pub(crate) fn see(&mut self, key: LoadKey, label: &Code, previous: Option<LoadKey>, at: Stamp) {
        let load = match self.ended.remove(&key) {
            Some(load) => Load { end: None, sent: None, job: None, hand: None, ..load },
            None => Load::new(key, at),
        };
        let load = Load { label: label.clone(), previous: previous.or(load.previous), ..load };
        self.open.insert(key, load);
    }

    /// A load ends, or what is known of its end changes.
    pub(crate) fn end(&mut self, key: LoadKey, label: &Code, end: End) {
        let mut load = self
            .open
            .remove(&key)
            .or_else(|| self.ended.remove(&key))
            .unwrap_or_else(|| Load::new(key, end.at));
        if !label.is_empty() {
            load.label = label.clone();
        }
        load.end = Some(end);
        self.ended.insert(key, load);
        self.order.push_back((end.at.seq, key));
        while self.order.len() > LOADS_ENDED_KEPT_MAX {
            let Some((seq, oldest)) = self.order.pop_front() else { break };
            if self.ended.get(&oldest).is_some_and(|load| load.end.is_some_and(|end| end.at.seq == seq)) {
                self.ended.remove(&oldest);
            }
        }
    }
}
