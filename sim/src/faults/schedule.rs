//! Which faults of a plan begin and end now, and whether every planned one was applied. The schedule knows two
//! clocks, because plant time is divided by the speed of a run and the time of disks and links is not. It only
//! announces; whoever does the harm reports back what took effect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wcs_types::Nanos;

use super::{Begin, Fault, FaultKind, FaultPlan, SpanClock};

/// An entry of the plan: its index.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FaultId(pub usize);

/// What happens to an entry now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Do it.
    Begin(FaultId),
    /// Take it back.
    End(FaultId),
}

/// The line of one kind in a report.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FaultCount {
    /// Entries of the plan.
    pub planned: u64,
    /// How often it took effect.
    pub applied: u64,
    /// Different loads it touched.
    pub loads_touched: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Waiting,
    /// Begun; ends at this reading of its clock.
    Active {
        until: Option<Nanos>,
    },
    Over,
}

/// The plan of one run while it runs.
#[derive(Clone, Debug)]
pub struct Schedule {
    plan: FaultPlan,
    states: Vec<State>,
    counts: BTreeMap<FaultKind, FaultCount>,
}

impl Schedule {
    /// A plan of which nothing has begun.
    pub fn new(plan: FaultPlan) -> Self {
        let mut counts: BTreeMap<FaultKind, FaultCount> = BTreeMap::new();
        for fault in &plan.faults {
            counts.entry(fault.kind).or_default().planned += 1;
        }
        let states = vec![State::Waiting; plan.faults.len()];
        Self { plan, states, counts }
    }

    /// An entry of the plan.
    pub fn fault(&self, id: FaultId) -> &Fault {
        &self.plan.faults[id.0]
    }

    /// Entries that have begun and not ended.
    pub fn active(&self) -> impl Iterator<Item = &Fault> {
        let both = self.plan.faults.iter().zip(&self.states);
        both.filter(|(_, state)| matches!(state, State::Active { .. })).map(|(fault, _)| fault)
    }

    /// The next entry that begins or ends, given plant time, unscaled time (both since the sorter started)
    /// and the loads inducted so far; `None` when nothing more is due. An entry that begins is announced once,
    /// and ends only after it was announced.
    pub fn poll(&mut self, plant: Nanos, wall: Nanos, inducted: u64) -> Option<Change> {
        for (index, state) in self.states.iter_mut().enumerate() {
            let fault = &self.plan.faults[index];
            let clock = match fault.span_clock {
                SpanClock::Plant => plant,
                SpanClock::Wall => wall,
            };
            match *state {
                State::Waiting => {
                    let is_due = match fault.begin {
                        Begin::At(at) => plant >= at,
                        Begin::AfterLoads(loads) => inducted >= loads,
                    };
                    if is_due {
                        *state = State::Active { until: fault.span.map(|span| clock + span) };
                        return Some(Change::Begin(FaultId(index)));
                    }
                }
                State::Active { until: Some(until) } if clock >= until => {
                    *state = State::Over;
                    return Some(Change::End(FaultId(index)));
                }
                State::Active { .. } | State::Over => {}
            }
        }
        None
    }

    /// Earliest plant time and earliest unscaled time at which `poll` has something to say; entries that wait
    /// for loads are not in it.
    pub fn next_change(&self) -> (Option<Nanos>, Option<Nanos>) {
        let (mut plant, mut wall) = (None, None);
        let earlier = |kept: &mut Option<Nanos>, at: Nanos| {
            *kept = Some(kept.map_or(at, |kept: Nanos| kept.at_most(at)));
        };
        for (fault, state) in self.plan.faults.iter().zip(&self.states) {
            match (*state, fault.begin, fault.span_clock) {
                (State::Waiting, Begin::At(at), _) => earlier(&mut plant, at),
                (State::Active { until: Some(until) }, _, SpanClock::Plant) => earlier(&mut plant, until),
                (State::Active { until: Some(until) }, _, SpanClock::Wall) => earlier(&mut wall, until),
                _ => {}
            }
        }
        (plant, wall)
    }

    /// Sets what took effect of a kind so far: how often, and on how many different loads.
    pub fn set_applied(&mut self, kind: FaultKind, applied: u64, loads_touched: u64) {
        if let Some(count) = self.counts.get_mut(&kind) {
            count.applied = applied;
            count.loads_touched = loads_touched;
        }
    }

    /// The counts for the report, by kind.
    pub fn counts(&self) -> &BTreeMap<FaultKind, FaultCount> {
        &self.counts
    }

    /// Kinds that were planned more often than they took effect.
    pub fn unapplied(&self) -> Vec<FaultKind> {
        let missing = self.counts.iter().filter(|(_, count)| count.applied < count.planned);
        missing.map(|(kind, _)| *kind).collect()
    }
}
