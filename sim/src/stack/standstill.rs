//! A machine that stands because of a safety stop or because its PLC has started anew: it moves again when a person has
//! reset it at its panel and a person has started it, and not before, whatever the WCS or the PLC says. Part of the
//! bystander, who goes by what the world has noted of people, belt and loads, also while there was no daemon.
//!
//! ```text
//! any --safety stop, start of the PLC--> stands --reset at the panel, then start there or at a screen--> any
//! ```

use wcs_types::MonoTime;

use super::answers::Sight;
use super::watch::WatchRule;
use crate::world::Sorter;
use crate::world::standing::Departure;

/// What is known of the machine.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    /// Departures that were judged.
    departed: u64,
    /// When a person at a screen last asked for a start.
    asked_at: Option<MonoTime>,
}

impl Standstill {
    /// A person at a screen asks for the start of the machine.
    pub(super) fn see_start_asked(&mut self, now: MonoTime) {
        self.asked_at = Some(now);
    }

    pub(super) fn look(&mut self, sorter: &Sorter, seen: &mut Vec<Sight>) {
        for departure in sorter.standings.departures_after(self.departed) {
            let missing = missing_before(departure, self.asked_at);
            let (motion, cause) = (departure.motion.words(), departure.standing.cause.words());
            let what = format!("{motion} after {cause}, and {}", missing.unwrap_or("all is well"));
            seen.push((WatchRule::MotionByPerson, missing.is_none(), what));
        }
        self.departed = sorter.standings.departed();
    }
}

/// What people have not done before something moved.
fn missing_before(departure: &Departure, asked_at: Option<MonoTime>) -> Option<&'static str> {
    let standing = departure.standing;
    let Some(reset_at) = standing.reset_at else { return Some("nobody has reset it") };
    let at_panel = standing.started_at.is_some_and(|at| at >= reset_at);
    // What was asked before the stop does not count: such a command is stale.
    let at_screen = asked_at.is_some_and(|at| at >= standing.since);
    (!at_panel && !at_screen).then_some("nobody has started it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::standing::{Motion, StandCause, Standing};

    #[test]
    fn a_reset_and_then_a_start_are_needed() {
        let at = |ms: u64| MonoTime(ms * 1_000_000);
        let missing = |reset_at, started_at, asked_at| {
            let cause = StandCause::SafetyStop;
            let standing = Standing { cause, since: at(10), reset_at, started_at };
            missing_before(&Departure { standing, at: at(40), motion: Motion::Belt }, asked_at)
        };
        assert_eq!(missing(Some(at(20)), Some(at(30)), None), None);
        assert_eq!(missing(Some(at(20)), None, Some(at(30))), None, "at a screen");
        assert_eq!(missing(None, Some(at(30)), Some(at(30))), Some("nobody has reset it"));
        assert_eq!(missing(Some(at(20)), None, None), Some("nobody has started it"));
        assert_eq!(missing(Some(at(20)), Some(at(15)), None), Some("nobody has started it"));
        assert_eq!(missing(Some(at(20)), None, Some(at(9))), Some("nobody has started it"), "stale");
    }
}
