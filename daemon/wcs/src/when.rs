//! A time as people give it to a command about a journal: an instant of the wall clock, or a span after the journal
//! began. Turned into core time with what the journal says about its beginning.

use jiff::Timestamp;
use wcs_types::{MonoTime, Nanos};

use crate::arguments::parse_span;

/// Nanoseconds of a millisecond.
const NANOS_PER_MS: u64 = 1_000_000;

/// A time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum When {
    /// Milliseconds of the wall clock since 1970.
    Wall(u64),
    /// This long after the journal began.
    After(Nanos),
}

impl When {
    /// The core time of a journal that began at this wall time. An instant before its beginning is its beginning.
    pub(crate) fn core_time(self, genesis_ms: u64) -> MonoTime {
        match self {
            Self::Wall(unix_ms) => MonoTime(unix_ms.saturating_sub(genesis_ms).saturating_mul(NANOS_PER_MS)),
            Self::After(span) => MonoTime::ZERO + span,
        }
    }
}

/// Reads `2026-11-26T02:15:00Z`, or `+90s` for 90 seconds after the journal began.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    if let Some(span) = text.strip_prefix('+') {
        return parse_span(span).map(When::After);
    }
    let instant: Timestamp = text.parse().map_err(|_| {
        format!(
            "`{text}` is no time: write 2026-11-26T02:15:00Z, or +90s for 90 seconds after the journal began"
        )
    })?;
    u64::try_from(instant.as_millisecond()).map(When::Wall).map_err(|_| format!("`{text}` is before 1970"))
}

/// A core time as people read it: seconds after the journal began.
pub(crate) fn shown_core_time(now: MonoTime) -> String {
    let ms = now.0 / NANOS_PER_MS;
    format!("+{}.{:03}s", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_and_span_lead_to_core_time() {
        let genesis_ms = 1_000;
        assert_eq!(
            parse_when("1970-01-01T00:00:03Z").unwrap().core_time(genesis_ms),
            MonoTime(2_000_000_000)
        );
        assert_eq!(parse_when("1970-01-01T09:00:03+09:00"), parse_when("1970-01-01T00:00:03Z"));
        assert_eq!(parse_when("1970-01-01T00:00:00Z").unwrap().core_time(genesis_ms), MonoTime::ZERO);
        assert_eq!(parse_when("+90s").unwrap().core_time(genesis_ms), MonoTime(90_000_000_000));
        for bad in ["", "now", "90s", "+90", "12:00", "1960-01-01T00:00:00Z"] {
            assert!(parse_when(bad).is_err(), "{bad}");
        }
        assert_eq!(shown_core_time(MonoTime(61_007_999_999)), "+61.007s");
    }
}
