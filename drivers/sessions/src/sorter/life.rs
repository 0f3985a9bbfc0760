//! Signs of life in both directions, and the silence count. A deadline of the device is judged only over time
//! in which this session itself was called: a stall of ours restarts the timers.

use wcs_types::{MonoTime, Nanos};

/// Life values whose first sending is remembered; at one per 100 ms more than the two seconds that matter.
const REMEMBERED: usize = 64;

/// Life words of one device and of ours.
#[derive(Clone, Debug)]
pub(super) struct Life {
    wcs_life: u16,
    alive_until: MonoTime,
    made_at: [MonoTime; REMEMBERED],
    judged_from: MonoTime,
    plc_life: Option<u16>,
    changed_at: MonoTime,
    changes: u32,
    misses: u16,
    answered_at: MonoTime,
    called_at: MonoTime,
}

impl Life {
    /// Starts counting at `wcs_life`; different processes start at different values, so that a PLC sees a change.
    pub(super) fn new(wcs_life: u16) -> Self {
        Self {
            wcs_life,
            alive_until: MonoTime::ZERO,
            made_at: [MonoTime::ZERO; REMEMBERED],
            judged_from: MonoTime::ZERO,
            plc_life: None,
            changed_at: MonoTime::ZERO,
            changes: 0,
            misses: 0,
            answered_at: MonoTime::ZERO,
            called_at: MonoTime::ZERO,
        }
    }

    /// Notes that the session is being called; a gap longer than `gap_max` was ours.
    pub(super) fn called(&mut self, now: MonoTime, gap_max: Nanos) {
        if now.since(self.called_at) > gap_max {
            self.restart(now);
        }
        self.called_at = self.called_at.later(now);
    }

    /// Forgets how long anything has lasted.
    pub(super) fn restart(&mut self, now: MonoTime) {
        self.judged_from = now;
        self.changed_at = now;
        self.answered_at = now;
    }

    /// A new device or a new life of it: nothing has been seen yet.
    pub(super) fn forget_device(&mut self, now: MonoTime) {
        self.plc_life = None;
        self.changes = 0;
        self.misses = 0;
        self.restart(now);
    }

    /// The core thread vouches for itself until then.
    pub(super) fn renew_alive(&mut self, alive_until: MonoTime) {
        self.alive_until = self.alive_until.later(alive_until);
    }

    /// The life word for a block sent now; changes at most once per `period` and only while the core is alive.
    pub(super) fn make(&mut self, now: MonoTime, period: Nanos) -> u16 {
        let is_due = now.since(self.made_at[self.index(self.wcs_life)]) >= period;
        if is_due && now < self.alive_until {
            self.step(now);
        }
        self.wcs_life
    }

    /// A life word that differs from the last one, for the first block of an owner.
    pub(super) fn make_new(&mut self, now: MonoTime) -> u16 {
        self.step(now);
        self.wcs_life
    }

    pub(super) fn wcs_life(&self) -> u16 {
        self.wcs_life
    }

    fn step(&mut self, now: MonoTime) {
        self.wcs_life = self.wcs_life.wrapping_add(1);
        let index = self.index(self.wcs_life);
        self.made_at[index] = now;
    }

    fn index(&self, life: u16) -> usize {
        usize::from(life) % REMEMBERED
    }

    /// Notes the life word of the PLC.
    pub(super) fn see_plc(&mut self, now: MonoTime, plc_life: u16) {
        if self.plc_life != Some(plc_life) {
            if self.plc_life.is_some() {
                self.changes = self.changes.saturating_add(1);
            }
            self.plc_life = Some(plc_life);
            self.changed_at = now;
        }
    }

    /// True when the life word changed since the device was forgotten.
    pub(super) fn has_changed(&self) -> bool {
        self.changes > 0
    }

    /// Changes seen since the device was forgotten.
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    /// How long the life word of the PLC has not changed.
    pub(super) fn frozen_for(&self, now: MonoTime) -> Nanos {
        now.since(self.changed_at)
    }

    /// How far the echo of our life word is behind: the time since a newer one than it was made.
    pub(super) fn echo_behind(&self, now: MonoTime, echo: u16) -> Nanos {
        let steps = self.wcs_life.wrapping_sub(echo);
        let longest = now.since(self.judged_from);
        if steps == 0 {
            Nanos::ZERO
        } else if usize::from(steps) < REMEMBERED {
            now.since(self.made_at[self.index(echo.wrapping_add(1))]).at_most(longest)
        } else {
            longest
        }
    }

    /// Notes a valid answer.
    pub(super) fn answered(&mut self, now: MonoTime) {
        self.misses = 0;
        self.answered_at = now;
    }

    /// Notes a silence; true when it is the `bound`th in a row or later: the device is lost.
    pub(super) fn missed(&mut self, bound: u16) -> bool {
        self.misses = self.misses.saturating_add(1);
        self.misses >= bound
    }

    /// How long nothing valid has been answered.
    pub(super) fn silent_for(&self, now: MonoTime) -> Nanos {
        now.since(self.answered_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Nanos = Nanos::from_millis(100);

    fn at(millis: u64) -> MonoTime {
        MonoTime::ZERO + Nanos::from_millis(millis)
    }

    #[test]
    fn life_changes_only_while_the_core_is_alive() {
        let mut life = Life::new(7);
        life.renew_alive(at(1_000));
        assert_eq!(life.make(at(500), PERIOD), 8);
        assert_eq!(life.make(at(599), PERIOD), 8);
        assert_eq!(life.make(at(600), PERIOD), 9);
        assert_eq!(life.make(at(1_000), PERIOD), 9);
        life.renew_alive(at(2_000));
        assert_eq!(life.make(at(1_001), PERIOD), 10);
    }

    #[test]
    fn echo_age_counts_from_the_value_that_followed_it() {
        let mut life = Life::new(0);
        life.renew_alive(MonoTime::NEVER);
        for step in 0..40 {
            life.make(at(1_000 + step * 100), PERIOD);
        }
        let now = at(4_900);
        assert_eq!(life.echo_behind(now, 40), Nanos::ZERO);
        assert_eq!(life.echo_behind(now, 39), Nanos::ZERO);
        assert_eq!(life.echo_behind(now, 19), Nanos::from_millis(2_000));
        assert_eq!(life.echo_behind(now, 12_345), Nanos::from_millis(4_900));
        life.restart(at(4_000));
        assert_eq!(life.echo_behind(now, 19), Nanos::from_millis(900));
    }

    #[test]
    fn a_gap_of_ours_is_not_held_against_the_device() {
        let mut life = Life::new(0);
        let gap_max = Nanos::from_millis(500);
        life.called(at(0), gap_max);
        life.see_plc(at(0), 1);
        life.called(at(500), gap_max);
        assert_eq!(life.frozen_for(at(500)), Nanos::from_millis(500));
        life.called(at(5_000), gap_max);
        assert_eq!(life.frozen_for(at(5_000)), Nanos::ZERO);
    }
}
