//! The feed: groups of loads in front of the induction, and loads that come back from people. Decides what comes
//! next and when; whether the belt and the PLC allow it is asked by the sorter.
//!
//! The next group starts when every earlier load is final and the permit was seen off and then on. A permit that
//! rose while only people still held loads, and then stays on over an idle sorter, counts after some patience.

use std::collections::VecDeque;

use wcs_types::{MonoTime, Nanos};

use super::load::{FeedLoad, LoadIndex};

/// What comes on the belt next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NextLoad {
    New(FeedLoad),
    Returning(LoadIndex),
}

/// The feed.
#[derive(Debug)]
pub(crate) struct Feed {
    interval: Nanos,
    due_at: MonoTime,
    groups: VecDeque<VecDeque<FeedLoad>>,
    current: VecDeque<FeedLoad>,
    returning: VecDeque<LoadIndex>,
    /// No mark is pending: the next chance has to be asked for.
    pub(crate) is_waiting: bool,
    is_armed: bool,
    was_low_with_leftovers: bool,
    rose_with_leftovers: bool,
    /// Token of the patience under way.
    pub(crate) patience: Option<u64>,
    /// Loads handed over, in all groups.
    pub(crate) fed: u64,
    /// Loads of groups that have begun.
    pub(crate) started: u64,
    /// Loads that are final.
    pub(crate) finals: u64,
}

/// What the sorter knows when the feed looks whether the next group may begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    pub(crate) is_permitted: bool,
    /// Nothing on the belt or on its way into a lane.
    pub(crate) is_belt_empty: bool,
}

impl Feed {
    pub(crate) fn new(interval: Nanos) -> Self {
        Self {
            interval,
            due_at: MonoTime::ZERO,
            groups: VecDeque::new(),
            current: VecDeque::new(),
            returning: VecDeque::new(),
            is_waiting: true,
            is_armed: true,
            was_low_with_leftovers: false,
            rose_with_leftovers: false,
            patience: None,
            fed: 0,
            started: 0,
            finals: 0,
        }
    }

    pub(crate) fn push_group(&mut self, group: Vec<FeedLoad>) {
        if !group.is_empty() {
            self.fed += group.len() as u64;
            self.groups.push_back(group.into());
        }
    }

    pub(crate) fn push_returning(&mut self, load: LoadIndex) {
        self.returning.push_back(load);
    }

    /// Something waits to come on the belt.
    pub(crate) fn has_next(&self) -> bool {
        !self.returning.is_empty() || !self.current.is_empty()
    }

    /// Loads come back before new ones.
    pub(crate) fn next(&mut self) -> Option<NextLoad> {
        if let Some(index) = self.returning.pop_front() {
            return Some(NextLoad::Returning(index));
        }
        self.current.pop_front().map(NextLoad::New)
    }

    /// A load came on at `now`: when the next one is due. Late loads are not caught up with in a burst.
    pub(crate) fn note_inducted(&mut self, now: MonoTime) -> MonoTime {
        self.due_at = (self.due_at + self.interval).later(now);
        self.due_at
    }

    /// Looks at the permit; true when the next group begins now.
    pub(crate) fn review(&mut self, outlook: Outlook) -> bool {
        if self.current.is_empty() && outlook.is_belt_empty {
            self.rose_with_leftovers |= outlook.is_permitted && self.was_low_with_leftovers;
            self.was_low_with_leftovers |= !outlook.is_permitted;
        }
        if !self.is_between_groups() {
            return false;
        }
        self.is_armed |= !outlook.is_permitted;
        if !outlook.is_permitted {
            self.patience = None;
        }
        self.is_armed && outlook.is_permitted && self.begin_group()
    }

    /// True when a group waits for a permit that rose too early to count.
    pub(crate) fn needs_patience(&self) -> bool {
        self.is_between_groups() && self.rose_with_leftovers && !self.is_armed && !self.groups.is_empty()
    }

    /// Begins the next group, if there is one.
    pub(crate) fn begin_group(&mut self) -> bool {
        let Some(group) = self.groups.pop_front() else { return false };
        assert!(self.is_between_groups(), "a group begins when all earlier loads are final");
        self.started += group.len() as u64;
        self.current = group;
        self.is_armed = false;
        self.was_low_with_leftovers = false;
        self.rose_with_leftovers = false;
        self.patience = None;
        true
    }

    fn is_between_groups(&self) -> bool {
        self.current.is_empty() && self.started == self.finals
    }

    pub(crate) fn queued(&self) -> u64 {
        self.current.len() as u64 + self.fed - self.started
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wcs_types::Code;

    fn group() -> Vec<FeedLoad> {
        let label = Code::from_bytes(b"A/1").unwrap();
        vec![FeedLoad { label, order: "A".into(), sku: "1".into(), qty: 1 }]
    }

    const OFF: Outlook = Outlook { is_permitted: false, is_belt_empty: true };
    const ON: Outlook = Outlook { is_permitted: true, is_belt_empty: true };

    #[test]
    fn first_group_needs_only_the_permit_and_the_second_a_new_one() {
        let mut feed = Feed::new(Nanos(1));
        feed.push_group(group());
        feed.push_group(group());
        assert!(!feed.review(OFF));
        assert!(feed.review(ON));
        assert!(feed.next().is_some());
        assert!(!feed.review(ON), "the load is under way");
        feed.finals = 1;
        assert!(!feed.review(ON), "the permit has not been off");
        assert!(!feed.needs_patience(), "the permit did not rise");
        assert!(!feed.review(OFF));
        assert!(feed.review(ON));
    }

    #[test]
    fn permit_that_rises_over_leftovers_counts_after_patience() {
        let mut feed = Feed::new(Nanos(1));
        feed.push_group(group());
        feed.push_group(group());
        assert!(feed.review(ON));
        assert!(feed.next().is_some());
        assert!(!feed.review(OFF) && !feed.review(ON), "a person still holds the load");
        feed.finals = 1;
        assert!(!feed.review(ON));
        assert!(feed.needs_patience());
        assert!(feed.begin_group());
    }
}
