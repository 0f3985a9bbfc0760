//! Who is blamed for a stall of ours: nobody but us. While the process was stopped, and for a while afterwards, no alarm
//! of the equipment may come up, unless something was wrong with the line itself. Part of the bystander.
//!
//! ```text
//! closed --process stopped--> open --trouble of the line--> excused
//!    ^_____SHOWN_FOR after it goes on, or another process______|
//! ```

use wcs_types::{AlarmCode, MonoTime, Nanos};

use super::answers::{Sight, Standing};
use super::watch::WatchRule;

/// How long after a stall an alarm may still come of it.
const SHOWN_FOR: Nanos = Nanos::from_secs(10);
/// Alarms that speak of the line, by what the daemon itself has seen of it. What a device raises is its own word.
const OF_EQUIPMENT: [AlarmCode; 3] =
    [AlarmCode::LinkDown, AlarmCode::DeviceFaulted, AlarmCode::RecordsMissing];

/// The last stall, while it matters.
#[derive(Debug, Default)]
pub(super) struct Blame {
    open_until: Option<MonoTime>,
    plc_epoch: Option<u16>,
    is_excused: bool,
}

impl Blame {
    /// The process stands still until then.
    pub(super) fn begin(&mut self, until: MonoTime, standing: Standing) {
        let is_excused = !standing.is_ready || (self.is_open() && self.is_excused);
        *self = Self { open_until: Some(until + SHOWN_FOR), plc_epoch: None, is_excused };
    }

    pub(super) fn is_open(&self) -> bool {
        self.open_until.is_some()
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether the line is in trouble of its own; says once that a stall passed without blame.
    pub(super) fn look(&mut self, now: MonoTime, plc_epoch: u16, is_in_trouble: bool) -> Option<Sight> {
        let until = self.open_until?;
        let is_new_life = *self.plc_epoch.get_or_insert(plc_epoch) != plc_epoch;
        self.is_excused |= is_in_trouble || is_new_life;
        if now < until {
            return None;
        }
        let is_excused = self.is_excused;
        self.forget();
        (!is_excused).then(|| (WatchRule::BlameFounded, true, String::new()))
    }

    /// An alarm comes up.
    pub(super) fn see_alarm(&mut self, code: AlarmCode) -> Option<Sight> {
        let is_blame = self.is_open() && !self.is_excused && OF_EQUIPMENT.contains(&code);
        let what = || format!("alarm {code} comes of a stall of ours, with a line that was well");
        is_blame.then(|| (WatchRule::BlameFounded, false, what()))
    }
}
