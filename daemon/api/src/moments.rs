//! Moments in requests and answers: RFC 3339 with offset in, UTC out.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A moment as people and programs read it; `None` when it is none that can be written.
pub(crate) fn moment(unix_ms: i64) -> Option<String> {
    Timestamp::from_millisecond(unix_ms).ok().map(|at| at.to_string())
}

/// A moment with offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueAt(Timestamp);

impl DueAt {
    /// Seconds since 1970, without the fraction.
    pub(crate) fn seconds(self) -> i64 {
        self.0.as_second()
    }
}

impl<'de> Deserialize<'de> for DueAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("a time with offset is wanted, as 2026-01-31T18:00:00+09:00");
        text.parse().map(Self).map_err(|_| wrong())
    }
}
