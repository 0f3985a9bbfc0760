//! What is counted of a line: totals since the journal began, which only grow, and the last hour by minutes, from which
//! rates are made. It reads no clock: whoever asks for a rate says what time it is.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wcs_types::{Outcome, Read, Reason};

use crate::words::READS;

/// Minutes that are kept. Older ones are forgotten.
const MINUTES: usize = 60;
/// Over how many whole minutes a rate is taken.
const RATE_MINUTES: u64 = 10;
const MINUTE_MS: u64 = 60_000;

/// Totals of one line since the journal began.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Loads that ended, by where and why.
    pub ended: BTreeMap<(Outcome, Reason), u64>,
    /// Passes of the scanner, by quality of the read.
    reads: [u64; READS.len()],
    /// Loads seen for the first time.
    pub seen: u64,
    /// Rounds of loads that passed all lanes.
    pub recirculated: u64,
    /// Decisions that came too late.
    pub late: u64,
    /// Of these, late because of a stall of ours.
    pub late_by_self_stall: u64,
    minutes: Minutes,
}

/// What happened in one minute.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Minute {
    /// Minutes since 1970.
    at: u64,
    scans: u32,
    good: u32,
    sorted: u32,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Minutes([Minute; MINUTES]);

impl Default for Minutes {
    fn default() -> Self {
        Self([Minute::default(); MINUTES])
    }
}

/// What a line did in the last whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Rates {
    /// Minutes the rates are taken over: the last whole ones.
    pub minutes: u64,
    /// Passes of the scanner in an hour.
    pub scans_per_hour: u64,
    /// Loads sorted in an hour.
    pub sorted_per_hour: u64,
    /// Share of the passes that were read well; null when there was none.
    pub read_rate: Option<f64>,
}

impl Counts {
    pub(crate) fn see_scan(&mut self, read: Read, unix_ms: u64) {
        if let Some(at) = READS.iter().position(|(known, _)| *known == read) {
            self.reads[at] += 1;
        }
        let minute = self.minutes.at(unix_ms);
        minute.scans += 1;
        minute.good += u32::from(read == Read::Good);
    }

    pub(crate) fn see_end(&mut self, outcome: Outcome, reason: Reason, unix_ms: u64) {
        *self.ended.entry((outcome, reason)).or_default() += 1;
        if outcome == Outcome::Sorted {
            self.minutes.at(unix_ms).sorted += 1;
        }
    }

    /// Passes of the scanner with the word of their quality.
    pub fn reads(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        READS.iter().map(|(_, word)| *word).zip(self.reads.iter().copied())
    }

    /// What was done in the whole minutes before `unix_ms`.
    pub fn rates(&self, unix_ms: u64) -> Rates {
        let now = unix_ms / MINUTE_MS;
        let whole = self.minutes.0.iter().filter(|minute| {
            let age = now.saturating_sub(minute.at);
            (1..=RATE_MINUTES).contains(&age)
        });
        let (mut scans, mut good, mut sorted) = (0_u64, 0_u64, 0_u64);
        for minute in whole {
            scans += u64::from(minute.scans);
            good += u64::from(minute.good);
            sorted += u64::from(minute.sorted);
        }
        Rates {
            minutes: RATE_MINUTES,
            scans_per_hour: scans * 60 / RATE_MINUTES,
            sorted_per_hour: sorted * 60 / RATE_MINUTES,
            read_rate: (scans != 0).then(|| good as f64 / scans as f64),
        }
    }
}

impl Minutes {
    fn at(&mut self, unix_ms: u64) -> &mut Minute {
        let at = unix_ms / MINUTE_MS;
        let minute = &mut self.0[(at % MINUTES as u64) as usize];
        if minute.at != at {
            *minute = Minute { at, ..Minute::default() };
        }
        minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_whole_minutes_and_forgets() {
        let mut counts = Counts::default();
        let start = 1_000 * MINUTE_MS;
        for second in 0..120 {
            let read = if second % 4 == 0 { Read::NoRead } else { Read::Good };
            counts.see_scan(read, start + second * 1_000);
        }
        let rates = counts.rates(start + 2 * MINUTE_MS);
        assert_eq!((rates.scans_per_hour, rates.read_rate), (720, Some(0.75)));
        // The minute that is running does not count yet.
        assert_eq!(counts.rates(start + MINUTE_MS).scans_per_hour, 360);
        assert_eq!(counts.rates(start + 12 * MINUTE_MS).read_rate, None);
        assert_eq!(counts.reads().collect::<Vec<_>>()[..2], [("good", 90), ("no_read", 30)]);
    }
}
