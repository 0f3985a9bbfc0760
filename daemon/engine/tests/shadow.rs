//! Another plant over kept journals: exactly the decisions that rest on the changed chute differ, as counted from the
//! records alone; an unchanged plant changes nothing; what cannot be compared is refused with a name.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its stage is broken")]

#[expect(dead_code, reason = "a part of it is enough here")]
mod kept;

use std::collections::BTreeMap;

use kept::{made_anew, members};
use wcs_core::OfferRefused;
use wcs_engine::{Differing, Divergence, Shadow};
use wcs_types::{CORE_VERSION, ChuteId, Decision, Destination, LineId, Plant, Record, Seq};

/// The chute a recorded decision chose.
fn chosen(decision: &Decision) -> Option<ChuteId> {
    match decision {
        Decision::Bind { chute, .. } => *chute,
        Decision::Route { destination: Destination::Chute { chute, .. }, .. } => Some(*chute),
        Decision::Route { .. } => None,
    }
}

/// A kept journal of orders, as this version makes it, and the chute most decisions chose.
fn journal() -> (Plant, Vec<Record>, ChuteId) {
    let read = members().into_iter().map(|member| {
        let (_, plant, records) = member.read();
        let records = made_anew(&plant, records);
        (plant, records)
    });
    let (plant, records) = read.max_by_key(|(_, records)| decisions(records).count()).unwrap();
    let mut counts: BTreeMap<ChuteId, usize> = BTreeMap::new();
    decisions(&records).filter_map(|(_, decision)| chosen(decision)).for_each(|chute| {
        *counts.entry(chute).or_default() += 1;
    });
    let most = *counts.iter().max_by_key(|(_, count)| **count).unwrap().0;
    assert!(counts.len() > 1, "several chutes are used");
    (plant, records, most)
}

fn decisions(records: &[Record]) -> impl Iterator<Item = (Seq, &Decision)> {
    records.iter().flat_map(|record| record.decisions.iter().map(|decision| (record.seq, decision)))
}

fn shadowed(recorded: &Plant, offered: Option<Plant>, records: &[Record]) -> Vec<Differing> {
    let mut shadow = Shadow::new(recorded.clone(), offered).unwrap();
    let found: Vec<Differing> =
        records.iter().flat_map(|record| shadow.follow(record, CORE_VERSION).unwrap()).collect();
    assert_eq!(shadow.differ(), found.len() as u64);
    assert_eq!(shadow.decisions(), decisions(records).count() as u64);
    found
}

fn seqs(found: &[Differing]) -> Vec<Seq> {
    found.iter().map(|one| one.seq).collect()
}

#[test]
fn the_same_plant_decides_the_same() {
    let (plant, records, _) = journal();
    assert_eq!(shadowed(&plant, None, &records), []);
    assert_eq!(shadowed(&plant, Some(plant.clone()), &records), []);
}

#[test]
fn the_journal_of_another_version_is_imposed_and_as_much_differs_as_in_a_replay() {
    let mut passed_over = 0;
    for member in members() {
        let (_, plant, records) = member.read();
        let mut shadow = Shadow::new(plant, None).unwrap();
        records.iter().for_each(|record| drop(shadow.follow(record, member.core).unwrap()));
        assert_eq!(shadow.differ() + shadow.reasoned_otherwise(), member.differ, "{}", member.name);
        passed_over += shadow.reasoned_otherwise();
    }
    assert!(passed_over > 0, "a version that passed over other lanes is among the kept ones");
}

#[test]
fn what_another_version_chose_otherwise_is_told_with_its_number() {
    let (plant, mut records, _) = journal();
    let is_sent =
        |decision: &Decision| matches!(decision, Decision::Route { .. }) && chosen(decision).is_some();
    let last = records.iter_mut().rfind(|record| record.decisions.iter().any(is_sent)).unwrap();
    let seq = last.seq;
    let decision = last.decisions.iter_mut().find(|decision| is_sent(decision)).unwrap();
    let Decision::Route { destination, .. } = decision else { panic!("a load is sent") };
    *destination = Destination::Exception;
    let mut shadow = Shadow::new(plant, None).unwrap();
    let follow = |record: &Record| shadow.follow(record, CORE_VERSION - 1).unwrap();
    let found: Vec<Differing> = records.iter().flat_map(follow).collect();
    assert_eq!(seqs(&found), [seq]);
    assert!(found[0].recorded.as_deref().unwrap().starts_with("exception"), "{found:?}");
    let versions =
        format!("core version {CORE_VERSION} chooses otherwise than version {} did", CORE_VERSION - 1);
    assert_eq!(found[0].reason, versions);
}

#[test]
fn a_state_that_is_not_the_recorded_one_ends_the_shadow_in_the_version_that_wrote_it() {
    let (plant, mut records, _) = journal();
    records[9].hash.0 ^= 1;
    let mut shadow = Shadow::new(plant.clone(), Some(plant)).unwrap();
    records[..9].iter().for_each(|record| drop(shadow.follow(record, CORE_VERSION).unwrap()));
    let ended = shadow.follow(&records[9], CORE_VERSION);
    assert!(matches!(ended, Err(Divergence::Hash { seq, .. }) if seq == records[9].seq), "{ended:?}");
}

#[test]
fn without_a_chute_the_decisions_that_chose_it_differ_and_no_others() {
    let (plant, records, chute) = journal();
    let mut offered = plant.clone();
    let gone = offered.chutes.remove(usize::from(chute.0));
    let chose = decisions(&records).filter(|(_, decision)| chosen(decision) == Some(chute));
    let expected: Vec<Seq> = chose.map(|(seq, _)| seq).collect();
    let found = shadowed(&plant, Some(offered), &records);
    assert!(expected.len() > 1, "{} decisions chose it", expected.len());
    assert_eq!(seqs(&found), expected);
    for one in &found {
        assert_eq!(one.reason, format!("chute {} is not in this plant", gone.id));
        assert!(!one.own.contains(&gone.id), "{one:?}");
    }
}

#[test]
fn with_other_lanes_the_loads_sent_to_the_chute_differ_and_no_others() {
    let (plant, records, chute) = journal();
    let mut offered = plant.clone();
    let lane = &mut offered.chutes[usize::from(chute.0)].lanes;
    // A lane this sorter does not have: it is never ready, and no other chute has it.
    lane.clear();
    lane.push(wcs_types::LaneNo(1_000)).unwrap();
    let sent = decisions(&records).filter(|(_, decision)| {
        matches!(decision, Decision::Route { .. }) && chosen(decision) == Some(chute)
    });
    let expected: Vec<Seq> = sent.map(|(seq, _)| seq).collect();
    assert!(!expected.is_empty());
    let found = shadowed(&plant, Some(offered), &records);
    let routed = found.iter().filter(|one| one.what.starts_with("load"));
    assert_eq!(routed.map(|one| one.seq).collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|one| one.reason.contains("has lanes 1000 in place of")), "{found:?}");
}

#[test]
fn other_lines_and_moved_chutes_are_refused_by_name() {
    let (plant, _, _) = journal();
    let mut renamed = plant.clone();
    renamed.lines[0].id = "elsewhere".into();
    let refused = Shadow::new(plant.clone(), Some(renamed)).err().unwrap();
    assert!(matches!(&refused, OfferRefused::Lines { offered, .. } if offered.contains("elsewhere")));
    let mut spoken = plant.clone();
    spoken.lines[0].profile = "other".into();
    let refused = Shadow::new(plant.clone(), Some(spoken)).err().unwrap();
    assert!(matches!(refused, OfferRefused::Profile { .. }), "{refused}");
    let mut two = plant.clone();
    let mut second = two.lines[0].clone();
    second.id = "second".into();
    two.lines.push(second);
    let mut moved = two.clone();
    moved.chutes[0].line = LineId(1);
    let refused = Shadow::new(two, Some(moved)).err().unwrap();
    assert!(matches!(refused, OfferRefused::Moved { .. }), "{refused}");
}
