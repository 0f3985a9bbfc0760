//! What must hold for every run, whatever went wrong in it. Each checker has a name of its own; it looks only at the
//! evidence and says how much it looked at and what is broken first.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::Outcome;

use super::evidence::{End, Evidence};
use crate::stack::WatchRule;

/// One thing that must hold.
#[derive(Clone, Copy)]
pub struct Checker {
    /// Its name in reports.
    pub name: &'static str,
    /// What must hold.
    pub demand: &'static str,
    /// Looks at a run.
    pub check: fn(&Evidence) -> Finding,
}

/// What a checker found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Finding {
    /// Things looked at.
    pub checked: u64,
    /// The first thing that is broken.
    pub broken: Option<String>,
}

impl Finding {
    fn of(checked: u64, broken: Option<String>) -> Self {
        Self { checked, broken }
    }

    /// Nothing can be said: the run broke off.
    fn none() -> Self {
        Self::default()
    }
}

/// Every checker, in the order of reports.
pub const CHECKERS: &[Checker] = &[
    Checker {
        name: "core_invariants",
        demand: "every table of the core agrees with every other, while it runs, at each outage and at the end",
        check: core_invariants,
    },
    Checker { name: "restart", demand: "the daemon comes up after every outage", check: restart },
    Checker { name: "progress", demand: "every run comes to its end", check: progress },
    Checker {
        name: "ack_after_durable",
        demand: "the PLC forgets no event that is in no durable record",
        check: ack_after_durable,
    },
    Checker {
        name: "command_after_binding",
        demand: "no destination reaches the PLC before the binding of its chute is durable",
        check: command_after_binding,
    },
    Checker {
        name: "command_when_attached",
        demand: "no destination reaches the PLC from anybody but the owner it obeys",
        check: command_when_attached,
    },
    Checker {
        name: "permit_by_core",
        demand: "the PLC sees no permit the core does not give",
        check: permit_by_core,
    },
    Checker {
        name: "owner_obeyed",
        demand: "the PLC obeys blocks of the owner it shows and of nobody else",
        check: owner_obeyed,
    },
    Checker {
        name: "fenced_off",
        demand: "a daemon whose line was taken over notices and stays away",
        check: fenced_off,
    },
    Checker {
        name: "late_by_travel",
        demand: "no load is called late that the belt has still to carry to its point",
        check: late_by_travel,
    },
    Checker {
        name: "answered_again",
        demand: "a load that is open at a new attachment is answered in time",
        check: answered_again,
    },
    Checker { name: "event_once", demand: "no event is taken into the journal twice", check: event_once },
    Checker {
        name: "reason",
        demand: "every load ends with the reason the exit, the scanner or the decision gave",
        check: reason,
    },
    Checker {
        name: "one_outcome",
        demand: "a load has one outcome, replaced only by a person, or where silence alone had given it up",
        check: one_outcome,
    },
    Checker {
        name: "conservation",
        demand: "loads inducted are final, none is open, and no piece is unaccounted for",
        check: conservation,
    },
    Checker { name: "ledger", demand: "daemon and ledger agree label by label", check: ledger },
    Checker { name: "missort", demand: "no load is mis-sorted that nobody pushed", check: missort },
    Checker { name: "events", demand: "the FIFO of the PLC never overflows", check: events },
    Checker {
        name: "replay",
        demand: "the journal replays to the same decisions, facts and hashes",
        check: replay,
    },
    Checker {
        name: "follower",
        demand: "the follower comes to what was recorded, and every start may begin with its newest checkpoint",
        check: follower,
    },
];

/// Outcomes a person may still replace.
const REPLACEABLE: [Outcome; 4] =
    [Outcome::Exception, Outcome::NoReadLane, Outcome::Overflow, Outcome::Missorted];

fn core_invariants(evidence: &Evidence) -> Finding {
    let broken = if let End::Invariant(what) = &evidence.end { Some(what.clone()) } else { None };
    Finding::of(evidence.replay.records / 100 + 2 * evidence.outages + 1, broken)
}

fn follower(evidence: &Evidence) -> Finding {
    let broken = match &evidence.end {
        End::Diverged(what) => Some(what.clone()),
        _ => evidence.checkpoints_refused.first().cloned(),
    };
    Finding::of(evidence.restored, broken)
}

fn restart(evidence: &Evidence) -> Finding {
    let broken = if let End::NotStarted(what) = &evidence.end { Some(what.clone()) } else { None };
    Finding::of(evidence.outages, broken)
}

fn progress(evidence: &Evidence) -> Finding {
    let broken = if let End::Stuck(what) = &evidence.end { Some(what.clone()) } else { None };
    Finding::of(1, broken)
}

fn ack_after_durable(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::AckAfterDurable)
}

fn command_after_binding(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::CommandAfterBinding)
}

fn command_when_attached(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::CommandWhenAttached)
}

fn permit_by_core(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::PermitByCore)
}

fn owner_obeyed(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::OwnerObeyed)
}

fn late_by_travel(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::LateByTravel)
}

fn answered_again(evidence: &Evidence) -> Finding {
    watched(evidence, WatchRule::AnsweredAgain)
}

fn fenced_off(evidence: &Evidence) -> Finding {
    let Some(takeover) = evidence.takeover else { return Finding::none() };
    let broken = if !takeover.is_kept {
        Some("the line was taken back from its new owner")
    } else if !takeover.is_fenced {
        Some("the new owner was not noticed")
    } else {
        None
    };
    Finding::of(1, broken.map(str::to_owned))
}

fn event_once(evidence: &Evidence) -> Finding {
    Finding::of(evidence.repeats.events(), evidence.repeats.broken().map(str::to_owned))
}

fn reason(evidence: &Evidence) -> Finding {
    Finding::of(evidence.reasons.checked(), evidence.reasons.broken().map(str::to_owned))
}

fn watched(evidence: &Evidence, rule: WatchRule) -> Finding {
    let Some(seen) = &evidence.watched else { return Finding::none() };
    let breach = seen.breaches.iter().find(|breach| breach.rule == rule);
    let broken = breach.map(|breach| format!("at {} ms: {}", breach.at.0 / 1_000_000, breach.what));
    Finding::of(seen.checked.get(&rule).copied().unwrap_or(0), broken)
}

fn one_outcome(evidence: &Evidence) -> Finding {
    let broken = evidence.endings.first_broken().map(|(load, endings)| {
        let words: Vec<&str> = endings.iter().map(|ending| ending.outcome.as_str()).collect();
        format!("load {load} ended as {}", words.join(", then "))
    });
    Finding::of(evidence.endings.count(), broken)
}

fn conservation(evidence: &Evidence) -> Finding {
    if evidence.end != End::Done {
        return Finding::none();
    }
    let (loads, pieces) = (&evidence.reconciled.loads, &evidence.reconciled.pieces);
    // Where the PLC gave up an event, the daemon may list pieces as short that lie in their lane, and take the next
    // load of that label for the one that it waits for.
    let given_up = evidence.labels_given_up.len() as u64;
    let broken = if evidence.tally.planned_pieces != evidence.expected_pieces {
        let (planned, expected) = (evidence.tally.planned_pieces, evidence.expected_pieces);
        Some(format!("{planned} pieces planned by the daemon, {expected} read by the simulator"))
    } else if loads.open != 0 {
        Some(format!("{} loads are open", loads.open))
    } else if loads.inducted.abs_diff(loads.finals) > given_up {
        Some(format!("{} loads inducted, {} final", loads.inducted, loads.finals))
    } else if pieces.difference != 0 && given_up == 0 {
        Some(format!(
            "{} pieces expected, {} sorted, {} by hand, {} short",
            pieces.expected_pieces, pieces.sorted_pieces, pieces.hand_sorted_pieces, pieces.short_pieces
        ))
    } else {
        None
    };
    Finding::of(loads.inducted, broken)
}

fn ledger(evidence: &Evidence) -> Finding {
    if evidence.end != End::Done {
        return Finding::none();
    }
    let given_up: BTreeSet<String> = evidence.labels_given_up.iter().map(ToString::to_string).collect();
    let may_be_confused = may_be_confused(evidence);
    let mut confused: BTreeMap<&str, Confused> = BTreeMap::new();
    let mut broken = None;
    for (label, place, daemon, ledger) in &evidence.reconciled.disagreements {
        if given_up.contains(label) {
            continue;
        }
        if may_be_confused && REPLACEABLE.iter().any(|outcome| place.starts_with(outcome.as_str())) {
            let confused = confused.entry(label).or_default();
            confused.add(*daemon, *ledger);
            if evidence.are_labels_shared {
                // One piece a load.
                confused.portion = Some(1);
            }
        } else {
            broken.get_or_insert_with(|| format!("{label} {place}: daemon {daemon} pieces, ledger {ledger}"));
        }
    }
    let loads: i64 = confused.values().map(Confused::loads).sum();
    if loads != 0 {
        broken.get_or_insert_with(|| format!("in front of people daemon and ledger differ by {loads} loads"));
    }
    Finding::of(evidence.reconciled.loads.inducted, broken)
}

/// A person books by the label he reads. Which of several loads that could not be read it was, or which piece of a
/// sku, the daemon cannot tell; so it may take one for another, and only their number must be right.
fn may_be_confused(evidence: &Evidence) -> bool {
    let outcomes = &evidence.reconciled.loads.outcomes;
    let has = |outcome: Outcome| outcomes.contains_key(outcome.as_str());
    let has_unread = evidence.tally.loads.values().any(|load| load.label.is_empty());
    evidence.are_labels_shared || (has(Outcome::HandSorted) && has_unread)
}

/// Pieces of one label in places a person may still take them from.
#[derive(Default)]
struct Confused {
    difference: i64,
    /// Pieces of one load: the smallest number seen.
    portion: Option<i64>,
}

impl Confused {
    fn add(&mut self, daemon: i64, ledger: i64) {
        self.difference += daemon - ledger;
        for pieces in [daemon, ledger].into_iter().filter(|pieces| *pieces > 0) {
            self.portion = Some(self.portion.map_or(pieces, |portion| portion.min(pieces)));
        }
    }

    fn loads(&self) -> i64 {
        self.difference / self.portion.unwrap_or(1)
    }
}

fn missort(evidence: &Evidence) -> Finding {
    let pushed: BTreeSet<String> = evidence.labels_missorted.iter().map(ToString::to_string).collect();
    let missorted = evidence
        .tally
        .loads
        .iter()
        .filter(|(_, load)| load.end.as_ref().is_some_and(|end| end.outcome == Outcome::Missorted));
    let mut count = 0;
    let mut broken = None;
    for (key, load) in missorted {
        count += 1;
        if !pushed.contains(&load.label) {
            broken = broken.or_else(|| Some(format!("load {key}, {} went astray by itself", load.label)));
        }
    }
    let exits = evidence.tally.loads.len() as u64;
    assert!(count <= exits, "only known loads are mis-sorted");
    Finding::of(exits, broken)
}

fn events(evidence: &Evidence) -> Finding {
    let broken = (evidence.evt_lost != 0).then(|| format!("{} events dropped", evidence.evt_lost));
    Finding::of(1, broken)
}

fn replay(evidence: &Evidence) -> Finding {
    let replay = &evidence.replay;
    let broken = replay.broken.clone().or_else(|| {
        if replay.records != replay.durable {
            return Some(format!("{} records replayed of {}", replay.records, replay.durable));
        }
        let live = replay.live_hash.filter(|hash| *hash != replay.hash)?;
        Some(format!("the core that ran ended in state {live:016x}, the replay in {:016x}", replay.hash))
    });
    Finding::of(replay.records, broken)
}
