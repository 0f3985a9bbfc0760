//! What is going to happen: marks on the belt (by travel, so that a stopped belt needs no rescheduling) and marks
//! in time. Equal keys keep the order in which they were set. A mark that no longer counts is recognised by its
//! token when it comes up; nothing is searched or removed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wcs_types::MonoTime;

use super::belt::Travel;
use super::knobs::Knob;
use super::load::LoadIndex;

/// Something that happens when the belt gets there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum BeltMark {
    /// The place at the induction may be free now.
    Gap,
    /// A load reaches the scanner.
    Scan { load: LoadIndex, token: u64 },
    /// An item reaches the decision point it is planned for.
    Point { item: u32, token: u64 },
    /// A diverted load reaches the eye of its lane.
    Arrive { load: LoadIndex, token: u64 },
    /// A load that no item stands for reaches the end of a line.
    End { load: LoadIndex, token: u64 },
}

/// Something that happens at an instant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum TimeMark {
    /// The feed offers its next load.
    FeedDue,
    /// The PLC looks whether its owner is alive.
    Watchdog,
    /// The chute operator sees the lamp of a closed lane.
    LampSeen { lane: u16, token: u64 },
    /// A new box stands in a lane.
    SwapDone { lane: u16, token: u64 },
    /// The exception operator takes a load.
    Taken { load: LoadIndex, token: u64 },
    /// A person resets the machine at its panel.
    LocalReset { token: u64 },
    /// A person starts the machine.
    Start { token: u64 },
    /// Nobody has raised the permit anew: feed the next group all the same.
    PatienceOver { token: u64 },
    /// The built-in second client writes.
    SecondClient { token: u64 },
    /// An emergency stop is pulled out.
    StopPulled,
    /// A knob goes back.
    Withdraw { knob: Knob, token: u64 },
}

/// The agenda.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    belt: BinaryHeap<Reverse<(Travel, u64, BeltMark)>>,
    time: BinaryHeap<Reverse<(MonoTime, u64, TimeMark)>>,
    count: u64,
}

impl Agenda {
    /// A number that was never given before.
    pub(crate) fn token(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn at_travel(&mut self, travel: Travel, mark: BeltMark) {
        let order = self.token();
        self.belt.push(Reverse((travel, order, mark)));
    }

    pub(crate) fn at_time(&mut self, at: MonoTime, mark: TimeMark) {
        let order = self.token();
        self.time.push(Reverse((at, order, mark)));
    }

    pub(crate) fn next_travel(&self) -> Option<Travel> {
        self.belt.peek().map(|Reverse((travel, ..))| *travel)
    }

    pub(crate) fn next_time(&self) -> MonoTime {
        self.time.peek().map_or(MonoTime::NEVER, |Reverse((at, ..))| *at)
    }

    pub(crate) fn pop_belt(&mut self) -> Option<(Travel, BeltMark)> {
        self.belt.pop().map(|Reverse((travel, _, mark))| (travel, mark))
    }

    pub(crate) fn pop_time(&mut self) -> Option<(MonoTime, TimeMark)> {
        self.time.pop().map(|Reverse((at, _, mark))| (at, mark))
    }
}
