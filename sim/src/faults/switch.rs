//! Switches between the fault schedule and whoever has to do the harm: a disk that has no room, syncs that fail, a
//! store nobody can reach. They only say what is on, and count what took effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Something that is on or off. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FaultSwitch(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_on: AtomicBool,
    applied: AtomicU64,
}

impl FaultSwitch {
    /// True while the fault lasts.
    pub fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Acquire)
    }

    /// Turns it on or off.
    pub fn set(&self, is_on: bool) {
        self.0.is_on.store(is_on, Ordering::Release);
    }

    /// It took effect once more.
    pub fn count_applied(&self) {
        self.0.applied.fetch_add(1, Ordering::Relaxed);
    }

    /// Times it took effect.
    pub fn applied(&self) -> u64 {
        self.0.applied.load(Ordering::Relaxed)
    }
}

/// Something that goes wrong so many times. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FaultCharges(Arc<Charges>);

#[derive(Debug, Default)]
struct Charges {
    left: AtomicU64,
    applied: AtomicU64,
}

impl FaultCharges {
    /// It goes wrong so many times more.
    pub fn add(&self, count: u64) {
        self.0.left.fetch_add(count, Ordering::Relaxed);
    }

    /// True when it goes wrong this time.
    pub fn take(&self) -> bool {
        let spend = |left: u64| left.checked_sub(1);
        let is_hit = self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok();
        self.0.applied.fetch_add(u64::from(is_hit), Ordering::Relaxed);
        is_hit
    }

    /// Times it went wrong.
    pub fn applied(&self) -> u64 {
        self.0.applied.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_spent_and_counted_and_clones_share_them() {
        let charges = FaultCharges::default();
        assert!(!charges.take());
        charges.clone().add(2);
        assert!(charges.take() && charges.take() && !charges.take());
        assert_eq!(charges.applied(), 2);
        let switch = FaultSwitch::default();
        switch.clone().set(true);
        switch.count_applied();
        assert!(switch.is_on() && switch.applied() == 1);
    }
}
