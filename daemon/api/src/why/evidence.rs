//! Gathers what tells of a load: its own records, those that bound the chutes it was sent to, and the last reports of the
//! lanes that were in question. It finds them by keys and holds each against what it was looked for by.

use std::collections::{BTreeMap, BTreeSet};

use wcs_types::{
    Candidate, ChuteId, Code, Decision, Destination, EventBody, Fact, Input, LaneNo, LineId, LinkChange,
    LoadKey, Plant, Seq,
};

use super::keys::Key;
use super::{LaneView, concerns};
use crate::event::time_text;
use crate::ports::{FindError, Records, Sought, Told};
use crate::words;

/// Records of one load that are told. More: the rest is left out, and the answer says so.
const RECORDS_TOLD_MAX: usize = 512;

/// What tells of a load.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Its records and those it rests on, in order.
    pub records: Vec<Told>,
    /// There are more of them.
    pub is_truncated: bool,
    lanes: Vec<(Seq, LaneView)>,
}

impl Evidence {
    /// Lanes in question at a decision.
    pub(super) fn lanes_at(&self, decision: Seq) -> Vec<LaneView> {
        self.lanes.iter().filter(|(seq, _)| *seq == decision).map(|(_, view)| view.clone()).collect()
    }
}

/// The latest load that was seen with a label.
///
/// # Errors
/// The journal cannot be read.
pub fn last_of_label(records: &dyn Records, label: &Code) -> Result<Option<LoadKey>, FindError> {
    let mut last = None;
    let mut through = records.durable();
    // Usually the first look finds it; another label under the same number is passed over.
    while last.is_none() {
        let found = records.find(&Sought::last(Key::Label(label), through))?;
        let Some(seq) = found.last() else { break };
        records.read_these(&[*seq], &mut |told| last = seen_with(told, label).last().or(last))?;
        through = Seq(seq.0 - 1);
    }
    Ok(last)
}

/// Loads a record says were seen with a label.
pub(super) fn seen_with<'a>(told: &'a Told, label: &'a Code) -> impl Iterator<Item = LoadKey> + 'a {
    told.record.facts.iter().filter_map(move |fact| match fact {
        Fact::LoadSeen { load, label: seen, .. } if seen == label => Some(*load),
        _ => None,
    })
}

/// Gathers what tells of a load; `None` when nothing does.
///
/// # Errors
/// The journal cannot be read.
pub fn gather(records: &dyn Records, plant: &Plant, key: LoadKey) -> Result<Option<Evidence>, FindError> {
    let mut seqs = records.find(&Sought::all(Key::Load(key)))?;
    let is_truncated = seqs.len() > RECORDS_TOLD_MAX;
    seqs.truncate(RECORDS_TOLD_MAX);
    let mut own = Vec::new();
    records.read_these(&seqs, &mut |told| {
        if concerns(told, key) {
            own.push(told.clone());
        }
    })?;
    // What only names it in passing is no sign of it.
    if !own.iter().any(|told| told.record.facts.iter().any(|fact| super::load_of(fact) == Some(key))) {
        return Ok(None);
    }
    let mut wanted = Wanted::default();
    for told in &own {
        for decision in &told.record.decisions {
            if let Decision::Route { load, destination, .. } = decision
                && *load == key
            {
                let lanes = rejected_lanes(&told.record.decisions, plant, key);
                wanted.add(records, told.record.seq, key.line, *destination, lanes)?;
            }
        }
    }
    wanted.gather(records, own, key.line).map(|evidence| Some(Evidence { is_truncated, ..evidence }))
}

/// Lanes that were passed over in a record for a load: by themselves, or with their chute.
fn rejected_lanes(decisions: &[Decision], plant: &Plant, key: LoadKey) -> Vec<LaneNo> {
    let rows = decisions.iter().flat_map(|decision| match decision {
        Decision::Route { load, rejected, .. } if *load == key => rejected.as_slice(),
        // A chute that was looked for in the record that routes the load was looked for because of it.
        Decision::Bind { rejected, .. } => rejected.as_slice(),
        Decision::Route { .. } => &[],
    });
    let mut lanes = Vec::new();
    for row in rows {
        match row.candidate {
            Candidate::Lane(lane) => lanes.push(lane),
            Candidate::Chute(chute) => {
                let spec = plant.chutes.get(usize::from(chute.0));
                lanes.extend(spec.into_iter().flat_map(|spec| spec.lanes.iter().copied()));
            }
            Candidate::Job { .. } => {}
        }
    }
    lanes
}

/// What a decision rests on.
#[derive(Default)]
struct Wanted {
    bindings: BTreeSet<(Seq, ChuteId)>,
    /// Decision, lane, last record of the lane alone and of all lanes.
    lanes: Vec<(Seq, LaneNo, Option<Seq>, Option<Seq>)>,
}

impl Wanted {
    fn add(
        &mut self,
        records: &dyn Records,
        decision: Seq,
        line: LineId,
        destination: Destination,
        mut lanes: Vec<LaneNo>,
    ) -> Result<(), FindError> {
        match destination {
            Destination::Chute { chute, lane, alternatives, .. } => {
                lanes.extend([lane, alternatives[0], alternatives[1]]);
                let bound = records.find(&Sought::last(Key::Bound(chute), decision))?;
                self.bindings.extend(bound.last().map(|seq| (*seq, chute)));
            }
            Destination::Overflow { lane } => lanes.push(lane),
            Destination::Recirculate | Destination::Exception | Destination::Unanswered => {}
        }
        lanes.retain(|lane| *lane != LaneNo::NONE);
        lanes.sort_unstable();
        lanes.dedup();
        if lanes.is_empty() {
            return Ok(());
        }
        let all = records.find(&Sought::last(Key::Lanes(line), decision))?.last().copied();
        for lane in lanes {
            let alone = records.find(&Sought::last(Key::Lane(line, lane), decision))?.last().copied();
            self.lanes.push((decision, lane, alone, all));
        }
        Ok(())
    }

    fn gather(self, records: &dyn Records, own: Vec<Told>, line: LineId) -> Result<Evidence, FindError> {
        let of_lanes = self.lanes.iter().flat_map(|(_, _, alone, all)| alone.iter().chain(all).copied());
        let seqs: BTreeSet<Seq> = self.bindings.iter().map(|(seq, _)| *seq).chain(of_lanes).collect();
        let seqs: Vec<Seq> = seqs.into_iter().collect();
        let mut read: BTreeMap<Seq, Told> = BTreeMap::new();
        records.read_these(&seqs, &mut |told| {
            read.insert(told.record.seq, told.clone());
        })?;
        let mut own: BTreeMap<Seq, Told> = own.into_iter().map(|told| (told.record.seq, told)).collect();
        let lanes = self.lanes.iter().filter_map(|(decision, lane, alone, all)| {
            let newest = alone.iter().chain(all).max()?;
            let told = read.get(newest)?;
            let (state, at) = (lane_state(told, line, *lane)?, time_text(told.unix_ms));
            let before_ms = own.get(decision)?.record.now.since(told.record.now).as_millis();
            Some((*decision, LaneView { lane: lane.0, state, position: newest.0, at, before_ms }))
        });
        let lanes = lanes.collect();
        for (seq, chute) in self.bindings {
            if let Some(told) = read.get(&seq).filter(|told| binds(told, chute)) {
                own.entry(seq).or_insert_with(|| told.clone());
            }
        }
        Ok(Evidence { records: own.into_values().collect(), is_truncated: false, lanes })
    }
}

fn binds(told: &Told, wanted: ChuteId) -> bool {
    let is_binding = |fact: &Fact| matches!(fact, Fact::ClassBound { chute, .. } if *chute == wanted);
    told.record.facts.iter().any(is_binding)
}

/// The state of a lane in a record that reports it.
fn lane_state(told: &Told, line: LineId, wanted: LaneNo) -> Option<&'static str> {
    let (ready, full, fault) = match &told.record.input {
        Input::Sorter { line: of, event } if *of == line => match &event.body {
            EventBody::Lane { lane, new, .. } if *lane == wanted => return Some(words::lane(*new)),
            _ => return None,
        },
        Input::Link { line: of, change: LinkChange::Lanes { ready, full, fault } } if *of == line => {
            (ready, full, fault)
        }
        Input::Link { line: of, change: LinkChange::Met(hello) } if *of == line => {
            (&hello.ready, &hello.full, &hello.fault)
        }
        _ => return None,
    };
    // The order in which the core asks.
    let states = [(fault, "fault"), (full, "full"), (ready, "ready")];
    let found = states.into_iter().find(|(lanes, _)| lanes.contains(wanted));
    Some(found.map_or("unavailable", |(_, state)| state))
}
