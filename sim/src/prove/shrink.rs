//! Shrinks a plan that fails: fewer outages and stalls, fewer faults, fewer loads and with them a shorter day, as long
//! as the same checker still finds something. Greedy, bounded, and a matter of the plan alone.
//!
//! ```text
//! fewer loads -> no outage, stall, fault, question? -> each of them alone -> fewer loads -> what is left
//! ```

use super::course::RunPlan;

/// Loads below which nothing gets easier to read.
const LOADS_MIN: u64 = 4;

/// What is left of a plan.
pub struct Shrunk {
    /// The plan; it still fails.
    pub plan: RunPlan,
    /// Runs it took.
    pub runs: u32,
}

/// Shrinks `plan`, which fails, within `runs_max` runs; `still_fails` says what else does.
pub fn shrink(plan: RunPlan, runs_max: u32, still_fails: impl Fn(&RunPlan) -> bool) -> Shrunk {
    let mut search = Search { plan, runs: 0, runs_max, still_fails };
    search.fewer_loads();
    search.fewer_parts();
    search.fewer_loads();
    Shrunk { plan: search.plan, runs: search.runs }
}

struct Search<F> {
    plan: RunPlan,
    runs: u32,
    runs_max: u32,
    still_fails: F,
}

impl<F: Fn(&RunPlan) -> bool> Search<F> {
    /// Goes on with `smaller` when it still fails.
    fn take(&mut self, smaller: RunPlan) -> bool {
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        let is_good = (self.still_fails)(&smaller);
        if is_good {
            self.plan = smaller;
        }
        is_good
    }

    /// Halves the loads while that goes, then takes a quarter of them away.
    fn fewer_loads(&mut self) {
        for (keep, of) in [(1, 2), (3, 4)] {
            loop {
                let loads = self.plan.groups.load_count();
                let fewer = self.plan.with_orders(loads * keep / of, self.plan.is_meddled_with());
                let is_fewer = (LOADS_MIN..loads).contains(&fewer.groups.load_count());
                if !is_fewer || !self.take(fewer) {
                    break;
                }
            }
        }
    }

    /// Leaves out all of a kind, else as many one by one as can be missed.
    fn fewer_parts(&mut self) {
        if self.plan.is_meddled_with() {
            self.take(self.plan.with_orders(self.plan.loads_wanted, false));
        }
        for part in Part::ALL {
            if part.count(&self.plan) > 1 && self.take(part.without(&self.plan, |_| false)) {
                continue;
            }
            for index in (0..part.count(&self.plan)).rev() {
                self.take(part.without(&self.plan, |other| other != index));
            }
        }
    }
}

/// What a plan consists of beside its orders.
#[derive(Clone, Copy)]
enum Part {
    Outages,
    Stalls,
    Faults,
}

impl Part {
    const ALL: [Self; 3] = [Self::Outages, Self::Stalls, Self::Faults];

    fn count(self, plan: &RunPlan) -> usize {
        match self {
            Self::Outages => plan.outages.len(),
            Self::Stalls => plan.stalls.len(),
            Self::Faults => plan.faults.faults.len(),
        }
    }

    /// The plan with those of which the index is kept.
    fn without(self, plan: &RunPlan, is_kept: impl Fn(usize) -> bool) -> RunPlan {
        let mut plan = plan.clone();
        match self {
            Self::Outages => keep(&mut plan.outages, is_kept),
            Self::Stalls => keep(&mut plan.stalls, is_kept),
            Self::Faults => plan.keep_faults(is_kept),
        }
        plan
    }
}

fn keep<T>(all: &mut Vec<T>, is_kept: impl Fn(usize) -> bool) {
    let mut index = 0;
    all.retain(|_| {
        index += 1;
        is_kept(index - 1)
    });
}
