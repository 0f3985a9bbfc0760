//! Times at which nothing may move: from a safety stop or a start of the PLC until a person has reset and started the
//! machine. Notes what physically happened, and when; whether it should have is for others to judge.
//!
//! ```text
//!            safety stop, start of the PLC
//!  any ------------------------------------> stands --first motion of any kind--> a departure
//!                                            ^    | person resets (chain closed), person starts: noted
//!                                            +----+
//! ```

use std::collections::VecDeque;

use wcs_types::MonoTime;

/// Departures kept for whoever looks. More than can come between two looks.
const DEPARTURES_KEPT_MAX: usize = 64;

/// Why nothing may move.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StandCause {
    /// The safety chain was opened.
    SafetyStop,
    /// The PLC started anew.
    PlcStart,
}

impl StandCause {
    /// In words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::SafetyStop => "a safety stop",
            Self::PlcStart => "a restart of the PLC",
        }
    }
}

/// What moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Motion {
    /// The belt.
    Belt,
    /// A load came on the belt.
    Induction,
    /// A load came into a lane.
    Exit,
}

impl Motion {
    /// In words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Belt => "the belt moves",
            Self::Induction => "a load comes on the belt",
            Self::Exit => "a load comes into a lane",
        }
    }
}

/// A time at which nothing may move, with what people have done about it since.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// Why.
    pub(crate) cause: StandCause,
    /// Since when.
    pub(crate) since: MonoTime,
    /// A person pressed reset at the panel while the safety chain was closed: the last time.
    pub(crate) reset_at: Option<MonoTime>,
    /// A person pressed start at the panel: the last time.
    pub(crate) started_at: Option<MonoTime>,
}

/// The first motion after such a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Departure {
    /// What came before.
    pub(crate) standing: Standing,
    /// When.
    pub(crate) at: MonoTime,
    /// What moved first.
    pub(crate) motion: Motion,
}

/// The present one, and how the last ones ended.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    current: Option<Standing>,
    departures: VecDeque<Departure>,
    departed: u64,
}

impl Standings {
    /// From now on nothing may move; what people did before no longer counts.
    pub(crate) fn begin(&mut self, since: MonoTime, cause: StandCause) {
        self.current = Some(Standing { cause, since, reset_at: None, started_at: None });
    }

    pub(crate) fn see_reset(&mut self, now: MonoTime) {
        if let Some(standing) = &mut self.current {
            standing.reset_at = Some(now);
        }
    }

    pub(crate) fn see_start(&mut self, now: MonoTime) {
        if let Some(standing) = &mut self.current {
            standing.started_at = Some(now);
        }
    }

    pub(crate) fn see_motion(&mut self, at: MonoTime, motion: Motion) {
        let Some(standing) = self.current.take() else { return };
        if self.departures.len() == DEPARTURES_KEPT_MAX {
            self.departures.pop_front();
        }
        self.departures.push_back(Departure { standing, at, motion });
        self.departed += 1;
    }

    /// Departures so far.
    pub(crate) fn departed(&self) -> u64 {
        self.departed
    }

    /// Departures after the first `known`, as far as they are kept.
    pub(crate) fn departures_after(&self, known: u64) -> impl Iterator<Item = &Departure> {
        let new = usize::try_from(self.departed - known).unwrap_or(usize::MAX);
        self.departures.iter().skip(self.departures.len().saturating_sub(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_departure_tells_what_people_did_since_the_last_stop() {
        let at = |ms: u64| MonoTime(ms * 1_000_000);
        let mut standings = Standings::default();
        standings.see_motion(at(1), Motion::Belt);
        assert_eq!(standings.departed(), 0, "it may move");
        standings.begin(at(2), StandCause::PlcStart);
        standings.see_reset(at(3));
        standings.begin(at(4), StandCause::SafetyStop);
        standings.see_start(at(5));
        standings.see_motion(at(6), Motion::Induction);
        standings.see_motion(at(7), Motion::Belt);
        let standing =
            Standing { cause: StandCause::SafetyStop, since: at(4), reset_at: None, started_at: Some(at(5)) };
        let departure = Departure { standing, at: at(6), motion: Motion::Induction };
        assert_eq!(standings.departures_after(0).collect::<Vec<_>>(), [&departure]);
        assert_eq!(standings.departures_after(1).count(), 0);
    }

    #[test]
    fn the_last_departures_are_kept() {
        let mut standings = Standings::default();
        for round in 0..70 {
            standings.begin(MonoTime(2 * round), StandCause::SafetyStop);
            standings.see_motion(MonoTime(2 * round + 1), Motion::Belt);
        }
        assert_eq!(standings.departures_after(0).count(), DEPARTURES_KEPT_MAX);
        let newest: Vec<MonoTime> = standings.departures_after(68).map(|departure| departure.at).collect();
        assert_eq!(newest, [MonoTime(137), MonoTime(139)]);
    }
}
