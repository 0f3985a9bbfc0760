//! Daemon against ledger: what physically happened is the truth. Where a fault takes knowledge away that nobody can have,
//! that much and no more is forgiven.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::Outcome;

use super::Finding;
use crate::prove::evidence::{End, Evidence};

/// Outcomes a person may still replace.
const REPLACEABLE: [Outcome; 4] =
    [Outcome::Exception, Outcome::NoReadLane, Outcome::Overflow, Outcome::Missorted];

pub(super) fn conservation(evidence: &Evidence) -> Finding {
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

pub(super) fn ledger(evidence: &Evidence) -> Finding {
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

pub(super) fn missort(evidence: &Evidence) -> Finding {
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
