//! Daemon against ledger: pieces by label, outcome and lane, and the sums a report states. Every number comes
//! from one of the two sides, never from a remainder.

use std::collections::BTreeMap;

use wcs_types::{ChuteKind, LaneNo, LineId, LoadKey, Outcome, Plant};

use super::physical::{Physical, PhysicalEnd, PhysicalLoad};
use super::shape::{Loads, Reconcile};
use super::tally::{LoadTally, Tally};

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Reconciled {
    /// The section `loads` of the report.
    pub loads: Loads,
    /// The section `reconcile` of the report.
    pub pieces: Reconcile,
    /// Each label and place on which the sides disagree: label, outcome and lane, daemon pieces, ledger pieces.
    pub disagreements: Vec<(String, String, i64, i64)>,
}

type Places = BTreeMap<(String, Outcome, u16), (i64, i64)>;

/// Compares the two sides of one line. `expected_pieces` comes from the order file (or from the loads inducted,
/// for a run that was cut short).
pub fn reconcile(
    plant: &Plant,
    line: LineId,
    tally: &Tally,
    physical: &Physical,
    expected_pieces: i64,
) -> Reconciled {
    let mut places = Places::new();
    let mut sorted = 0;
    let mut hand_sorted = 0;
    let mut wanted = tally.planned.clone();
    for (number, load) in &physical.loads {
        let daemon = tally.loads.get(&key(line, *number));
        if let Some((outcome, lane)) = ledger_place(plant, line, load, daemon, &mut wanted) {
            let pieces = i64::from(load.qty);
            match outcome {
                Outcome::Sorted => sorted += pieces,
                Outcome::HandSorted => hand_sorted += pieces,
                _ => {}
            }
            places.entry((load.label.clone(), outcome, lane)).or_default().1 += pieces;
        }
    }
    for (key, load) in tally.loads.iter().filter(|(key, load)| key.line == line && load.is_counted()) {
        let (label, outcome, lane, pieces) = daemon_place(plant, physical, *key, load);
        places.entry((label, outcome, lane)).or_default().0 += pieces;
    }
    for (label, what) in &physical.contradictions {
        // The ledger speaks against itself: nothing the daemon says can agree with that.
        let place = (format!("{label} ({what})"), Outcome::Lost, 0);
        places.entry(place).or_default().1 += 1;
    }
    let disagreements: Vec<_> = places
        .iter()
        .filter(|(_, (daemon, ledger))| daemon != ledger)
        .map(|((label, outcome, lane), (daemon, ledger))| {
            (label.clone(), format!("{outcome} lane {lane}"), *daemon, *ledger)
        })
        .collect();
    let short: i64 = tally.shorts.iter().map(|short| i64::from(short.pieces)).sum();
    Reconciled {
        loads: count_loads(line, tally, physical),
        pieces: Reconcile {
            expected_pieces,
            sorted_pieces: sorted,
            hand_sorted_pieces: hand_sorted,
            short_pieces: short,
            difference: expected_pieces - sorted - hand_sorted - short,
            ledger_difference: disagreements
                .iter()
                .map(|(_, _, daemon, ledger)| (daemon - ledger).abs())
                .sum(),
        },
        disagreements,
    }
}

/// The daemon's own account of one line, for a run without a ledger: what it says of loads and pieces, compared with
/// nothing (`ledger_difference` stays 0).
pub fn own_account(line: LineId, tally: &Tally, expected_pieces: i64) -> (Loads, Reconcile) {
    let mut loads = count_loads(line, tally, &Physical::default());
    let mine = || tally.loads.iter().filter(|(key, _)| key.line == line).map(|(_, load)| load);
    loads.open = mine().filter(|load| load.end.is_none()).count() as u64;
    loads.inducted = loads.finals + loads.open;
    let pieces_of = |wanted: Outcome| -> i64 {
        let ended = mine().filter(|load| load.outcome().is_some_and(|(outcome, _)| outcome == wanted));
        let pieces = ended.map(|load| match (&load.hand, &load.end) {
            (Some((_, pieces)), _) => i64::from(pieces.0),
            (None, Some(end)) => i64::from(end.pieces.0),
            (None, None) => 0,
        });
        pieces.sum()
    };
    let (sorted, hand_sorted) = (pieces_of(Outcome::Sorted), pieces_of(Outcome::HandSorted));
    let short: i64 = tally.shorts.iter().map(|short| i64::from(short.pieces)).sum();
    let pieces = Reconcile {
        expected_pieces,
        sorted_pieces: sorted,
        hand_sorted_pieces: hand_sorted,
        short_pieces: short,
        difference: expected_pieces - sorted - hand_sorted - short,
        ledger_difference: 0,
    };
    (loads, pieces)
}

fn key(line: LineId, (plc_epoch, item): (u16, u32)) -> LoadKey {
    LoadKey { line, plc_epoch: wcs_types::Epoch(plc_epoch), item }
}

/// Outcome and lane of a load by the ledger. Whether a lane stood for the load's order is the only thing taken
/// from the daemon's bindings: the ledger knows lanes and labels, no decisions.
fn ledger_place(
    plant: &Plant,
    line: LineId,
    load: &PhysicalLoad,
    daemon: Option<&LoadTally>,
    wanted: &mut BTreeMap<(String, String), i64>,
) -> Option<(Outcome, u16)> {
    Some(match load.end? {
        PhysicalEnd::Lost => (Outcome::Lost, 0),
        PhysicalEnd::Removed => (Outcome::Removed, 0),
        PhysicalEnd::Purged => (Outcome::Purged, 0),
        PhysicalEnd::HandSorted { lane } => (Outcome::HandSorted, lane),
        PhysicalEnd::Lane { lane } => {
            let kind =
                plant.chute_of_lane(line, LaneNo(lane)).map(|chute| plant.chutes[usize::from(chute.0)].kind);
            let outcome = match kind? {
                ChuteKind::Order => {
                    let bound = daemon.and_then(|daemon| daemon.bound_at_exit.as_ref());
                    let is_own = bound.is_some_and(|order| takes(wanted, &order.number, load));
                    if is_own { Outcome::Sorted } else { Outcome::Missorted }
                }
                ChuteKind::Overflow => Outcome::Overflow,
                ChuteKind::NoRead => Outcome::NoReadLane,
                ChuteKind::Exception => Outcome::Exception,
            };
            (outcome, lane)
        }
    })
}

/// True when an order takes this load. A labelled load belongs to one order; a bare piece of a sku to any order that
/// still wants one.
fn takes(wanted: &mut BTreeMap<(String, String), i64>, order: &str, load: &PhysicalLoad) -> bool {
    if !load.order.is_empty() {
        return load.order == order;
    }
    let Some(left) = wanted.get_mut(&(order.to_owned(), load.sku.clone())) else { return false };
    *left -= i64::from(load.qty);
    *left >= 0
}

fn daemon_place(
    plant: &Plant,
    physical: &Physical,
    key: LoadKey,
    load: &LoadTally,
) -> (String, Outcome, u16, i64) {
    let (outcome, _) = load.outcome().expect("only loads with an outcome are counted");
    let end = load.end.as_ref().expect("a load with an outcome has an end");
    let known = physical.loads.get(&(key.plc_epoch.0, key.item));
    if let Some((chute, pieces)) = load.hand {
        let lane = plant.chutes[usize::from(chute.0)].lanes.first().map_or(0, |lane| lane.0);
        return (load.hand_label.clone(), outcome, lane, i64::from(pieces.0));
    }
    // Without a label or a job the daemon claims a place only: what lay there is the ledger's to say.
    let label = match known {
        Some(physical) if load.label.is_empty() || end.job.is_none() => physical.label.clone(),
        _ => load.label.clone(),
    };
    let pieces = match (end.job, known) {
        (Some(_), _) => i64::from(end.pieces.0),
        (None, Some(physical)) => i64::from(physical.qty),
        (None, None) => 0,
    };
    (label, outcome, end.lane.0.0, pieces)
}

fn count_loads(line: LineId, tally: &Tally, physical: &Physical) -> Loads {
    let mut loads =
        Loads { inducted: physical.inducted, recirculated: tally.recirculated, ..Loads::default() };
    for (_, load) in tally.loads.iter().filter(|(key, _)| key.line == line) {
        if let Some((outcome, reason)) = load.outcome() {
            *loads.outcomes.entry(outcome.to_string()).or_default() += 1;
            *loads.reasons.entry(reason.to_string()).or_default() += 1;
            loads.missorted += u64::from(outcome == Outcome::Missorted);
            loads.finals += u64::from(load.is_counted());
        }
    }
    // What is on the belt is the ledger's to say: the daemon cannot know what no scanner has seen, nor which of two
    // numbers a PLC that started anew has given a load.
    loads.open = physical.open_count();
    loads
}
