//! What the daemon owes a load that waits for its answer, seen from the belt: that it is not called late while the
//! belt has still to carry it, and that after a new attachment it is answered in time. Part of the bystander; where
//! the wire or the disk was in the way it says nothing.

use std::collections::{BTreeSet, VecDeque};

use wcs_types::{LoadKey, MonoTime, Nanos};

use super::watch::WatchRule;
use crate::plc::Plc;

/// Two slow writes, two cycles and the oldest reading a session goes by, together: a load that is called late has less
/// left than this.
const LATE_LEFT_MS: i64 = 2_000;
/// So many headers were read within so short a time: the daemon knows where the belt is.
const HEADERS_READ: usize = 4;
const HEADERS_WITHIN: Nanos = Nanos::from_millis(800);
/// A load with this much left when the daemon is ready again has to be answered …
const OWED_FROM_MS: i64 = 3_000;
/// … before it has this much left.
const OWED_UNTIL_MS: i64 = 800;
/// The journal has to have kept up for this long, for a destination may wait for it …
const CALM: Nanos = Nanos::from_millis(1_500);
/// … and lags when nothing has become durable for this long.
const LAG: Nanos = Nanos::from_millis(300);

/// A rule, whether it held, and what was seen if not.
pub(super) type Sight = (WatchRule, bool, String);

/// What the daemon says of itself when the bystander looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Everything runs: it is attached and has all events that waited.
    pub(super) is_ready: bool,
    /// Everything it has made is on disk.
    pub(super) is_durable: bool,
}

/// Loads that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Loads that were called late since the last look.
    called_late: Vec<LoadKey>,
    headers: VecDeque<MonoTime>,
    is_ready: bool,
    owed: BTreeSet<u32>,
    durable_at: MonoTime,
    calm_since: MonoTime,
}

impl Answers {
    /// The process is gone with all it owed.
    pub(super) fn forget_process(&mut self) {
        self.called_late.clear();
        self.headers.clear();
        self.owed.clear();
        self.is_ready = false;
    }

    /// The header was read.
    pub(super) fn see_header_read(&mut self, now: MonoTime) {
        self.headers.push_back(now);
        if self.headers.len() > HEADERS_READ {
            self.headers.pop_front();
        }
    }

    /// The daemon says that the answer to this load came too late.
    pub(super) fn see_called_late(&mut self, load: LoadKey) {
        self.called_late.push(load);
    }

    /// Something became durable.
    pub(super) fn see_durable(&mut self, now: MonoTime) {
        self.durable_at = now;
    }

    /// Holds what was said and what is owed against the belt, which moves at `speed_mm_s`.
    pub(super) fn look(
        &mut self,
        now: MonoTime,
        plc: &Plc,
        speed_mm_s: u32,
        standing: Standing,
        seen: &mut Vec<Sight>,
    ) {
        let left_ms = |left: crate::world::belt::Travel| left.0 / i64::from(speed_mm_s);
        let knows_belt = self.headers.len() == HEADERS_READ
            && self.headers.front().is_some_and(|first| now.since(*first) <= HEADERS_WITHIN);
        for load in self.called_late.drain(..).filter(|load| load.plc_epoch.0 == plc.epoch && knows_belt) {
            let left = plc.unanswered().find(|(item, _)| *item == load.item).map(|(_, left)| left_ms(left));
            let what =
                format!("item {} is called late {} ms short of its point", load.item, left.unwrap_or(0));
            seen.push((WatchRule::LateByTravel, left.is_none_or(|left| left <= LATE_LEFT_MS), what));
        }
        if standing.is_durable {
            self.durable_at = now;
        } else if now.since(self.durable_at) > LAG {
            self.calm_since = now;
        }
        let was_ready = std::mem::replace(&mut self.is_ready, standing.is_ready);
        if !standing.is_ready {
            self.owed.clear();
        } else if !was_ready && plc.are_events_shown() {
            let in_time = plc.unanswered().filter(|(_, left)| left_ms(*left) >= OWED_FROM_MS);
            self.owed.extend(in_time.map(|(item, _)| item));
        }
        if self.owed.is_empty() {
            return;
        }
        let unanswered: Vec<(u32, i64)> =
            plc.unanswered().map(|(item, left)| (item, left_ms(left))).collect();
        let is_calm = now.since(self.calm_since) >= CALM;
        self.owed.retain(|item| {
            let left = unanswered.iter().find(|(other, _)| other == item).map(|(_, left)| *left);
            let is_over = left.is_none_or(|left| left < OWED_UNTIL_MS);
            if is_over && (is_calm || left.is_none()) {
                let what = format!("item {item} was open at the attachment and is never answered");
                seen.push((WatchRule::AnsweredAgain, left.is_none(), what));
            }
            !is_over
        });
    }
}
