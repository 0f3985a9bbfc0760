//! The alarm table of a machine that raises a number of alarms a second: which number comes up and which goes, in what
//! millisecond. The arms of the number "alarms" share it, the one in core and engine and the one on the wire.
//!
//! One of 8 000 numbers comes up after the other, in even steps, and goes four seconds later, so that at a thousand a
//! second about four thousand are up.

use anyhow::{Result, ensure};

/// Severity of each of them: none is critical.
pub(crate) const SEVERITY: u16 = 2;

/// Numbers of the table that come up in turn.
const NUMBERS: u32 = 8_000;
/// How long each is up, in milliseconds.
const UP_MS: u32 = 4_000;

/// A table as time passes; as it comes, it raises nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlarmTable {
    per_second: u32,
    is_only_gone: bool,
    raised: u32,
}

/// A number that comes up or goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) number: u16,
    pub(crate) is_raised: bool,
}

impl AlarmTable {
    /// At most one alarm comes up in a millisecond.
    pub(crate) fn new(per_second: u32) -> Result<Self> {
        ensure!(per_second <= 1_000, "at most one alarm a millisecond");
        Ok(Self { per_second, ..Self::default() })
    }

    /// As many events, each of a number that goes: none was up, so the daemon has the events and no alarm.
    pub(crate) fn only_gone(self) -> Self {
        Self { is_only_gone: true, ..self }
    }

    /// What changes in the millisecond `ms` from the beginning; each is asked for once, in order.
    pub(crate) fn change(&mut self, ms: u32) -> impl Iterator<Item = Change> + use<> {
        let of = |ms: u32| u64::from(ms) * u64::from(self.per_second) / 1_000;
        let is_due = of(ms) != of(ms + 1);
        let number = |count: u32| 1 + (count % NUMBERS) as u16;
        let is_raised = !self.is_only_gone;
        let up = is_due.then(|| Change { number: number(self.raised), is_raised });
        // Whatever is up is taken down in the order it came.
        let gone = self.raised.checked_sub(UP_MS * self.per_second / 1_000).filter(|_| is_due);
        let gone = gone.map(|count| Change { number: number(count), is_raised: false });
        self.raised += u32::from(is_due);
        up.into_iter().chain(gone)
    }

    /// Alarms that came up so far.
    pub(crate) fn raised(&self) -> u32 {
        self.raised
    }
}
