//! What a shadow lists when a plant file changes: each test runs a short shift in the scenario language, offers another
//! plant to its journal and names every decision that must differ. Whatever is offered, the state stays the record's.

#![expect(clippy::unwrap_used, reason = "a shift that cannot be run is a broken test")]

#[expect(dead_code, reason = "a part of it is enough here")]
mod language;

use language::Stage;
use wcs_core::{Difference, Shadow};
use wcs_types::{ChuteId, ChuteKind, ChuteSpec, Decision, Destination, LaneNo, LineId, Plant};

/// Runs a shift and tells what differs for the changed plant, `WHAT: RECORDED > CHOSEN` each.
fn differing(shift: &str, change: impl FnOnce(&mut Plant)) -> Vec<String> {
    let mut stage = Stage::new();
    for command in shift.lines().map(str::trim).filter(|line| !line.is_empty()) {
        for answer in stage.run(command) {
            assert!(!answer.contains("refused"), "{command}: {answer}");
        }
    }
    let (plant, records) = stage.journal();
    let mut offered = plant.clone();
    change(&mut offered);
    let mut names: Vec<&str> = plant.chutes.iter().map(|chute| chute.id.as_str()).collect();
    names.extend(offered.chutes.iter().map(|chute| chute.id.as_str()).filter(|id| !known(&plant, id)));
    let mut shadow = Shadow::new(plant.clone());
    shadow.offer(&offered).unwrap();
    let mut found = Vec::new();
    for record in &records {
        shadow.follow(record);
        assert!(shadow.is_as_recorded(record), "record {}", record.seq.0);
        found.extend(shadow.differences().iter().map(|difference| words(&shadow, &names, difference)));
    }
    found
}

fn known(plant: &Plant, id: &str) -> bool {
    plant.chutes.iter().any(|chute| chute.id == id)
}

fn words(shadow: &Shadow, names: &[&str], difference: &Difference) -> String {
    let name = |chute: ChuteId| names[usize::from(chute.0)].to_owned();
    let choice = |decision: &Decision| match decision {
        Decision::Bind { chute, .. } => chute.map_or("none".to_owned(), name),
        Decision::Route { destination, .. } => match destination {
            Destination::Chute { chute, .. } => name(*chute),
            other => format!("{other:?}"),
        },
    };
    let what = match &difference.own {
        own @ Decision::Bind { .. } => shadow.order(own).unwrap().number.clone(),
        Decision::Route { load, .. } => format!("load {}", load.item),
    };
    let recorded = difference.recorded.as_ref().map_or("nothing".to_owned(), choice);
    format!("{what}: {recorded} > {}", choice(&difference.own))
}

fn without(plant: &mut Plant, id: &str) {
    plant.chutes.retain(|chute| chute.id != id);
}

/// A chute for orders at this place; its lane is one the PLC has ready and no order uses.
fn with_one_more(plant: &mut Plant, place: usize) {
    let lanes = heapless::Vec::from_slice(&[LaneNo(5)]).unwrap();
    plant.chutes.insert(place, ChuteSpec { id: "X".into(), line: LineId(0), kind: ChuteKind::Order, lanes });
}

/// A batch of orders of one piece each, named like their pieces, over at most `limit` chutes.
fn shift(limit: u16, body: &str) -> String {
    let orders = ["A", "B", "C", "D", "E", "F"].map(|order| format!("{order}={order}:1")).join(" ");
    format!("stage 1 lpn first_scan limit={limit} {orders}\nstart 1\nup\n{body}")
}

const A_IS_DONE: &str = "exit 1 1 first\nlane 1 closed\nlane 1 ready\n";

#[test]
fn the_same_plant_under_a_limit_differs_in_nothing() {
    let body = format!(
        "lane 2 fault\nscan 1 A\nscan 2 B\nscan 3 C\nlane 2 ready\n{A_IS_DONE}scan 4 D\nscan 5 E\nscan 6 F"
    );
    assert_eq!(differing(&shift(2, &body), |_| {}), [""; 0]);
}

#[test]
fn under_a_limit_a_chute_that_moves_up_is_as_taken_as_the_lost_one() {
    let body = "scan 1 A\nscan 2 B\nscan 3 C\nscan 4 D";
    assert_eq!(
        differing(&shift(3, body), |plant| without(plant, "C2")),
        ["B: C2 > C3", "load 2: C2 > Recirculate"]
    );
}

#[test]
fn a_lost_chute_that_was_out_of_service_leaves_its_place_to_a_class_that_waited() {
    // B has C3, so C waits under the limit although C4 would work; D is given the lost chute when it works again.
    let body = "close-chute 1\nscan 1 A\nscan 2 B\nscan 3 C\nscan 4 D\nopen-chute 1\nscan 5 E\nscan 6 F";
    assert_eq!(
        differing(&shift(3, body), |plant| without(plant, "C2")),
        ["C: none > C4", "E: C2 > none", "load 5: C2 > Recirculate"]
    );
}

#[test]
fn a_lost_chute_with_faulted_or_full_lanes_leaves_its_place_to_a_class_that_waited() {
    for state in ["fault", "full"] {
        let body = format!(
            "lane 2 {state}\nscan 1 A\nscan 2 B\nscan 3 C\nscan 4 D\nlane 2 ready\nscan 5 E\nscan 6 F"
        );
        let found = differing(&shift(3, &body), |plant| without(plant, "C2"));
        // B has the same chute without C2 passed over, and D waits the same without it: other candidates only.
        assert_eq!(
            found,
            ["B: C3 > C3", "C: none > C4", "D: none > none", "E: C2 > none", "load 5: C2 > Recirculate"],
            "{state}"
        );
    }
}

#[test]
fn a_chute_added_while_the_limit_binds_pushes_out_the_last_one() {
    // The class that had the chute beyond the limit takes the one that the new chute left free.
    let body = format!("scan 1 A\nscan 2 B\nscan 3 C\nscan 4 D\n{A_IS_DONE}scan 5 E\nscan 6 F");
    assert_eq!(
        differing(&shift(3, &body), |plant| with_one_more(plant, 0)),
        ["A: C1 > X", "C: C3 > C1", "E: C1 > X"]
    );
    assert_eq!(differing(&shift(3, &body), |plant| with_one_more(plant, 2)), ["C: C3 > X"]);
    assert_eq!(differing(&shift(3, &body), |plant| with_one_more(plant, 3)), [""; 0]);
}

#[test]
fn a_chute_more_is_one_choice_that_differs_and_a_class_less_that_waits() {
    let body =
        format!("scan 1 A\nscan 2 B\nscan 3 C\nscan 4 D\nscan 5 E\nscan 6 F\n{A_IS_DONE}scan 5 E turns=1");
    // A is gone and with it what it held: E has the new chute like A before it.
    assert_eq!(
        differing(&shift(0, &body), |plant| with_one_more(plant, 0)),
        ["A: C1 > X", "E: none > C1", "E: C1 > X"]
    );
}

#[test]
fn a_lane_that_works_in_place_of_a_faulted_one_is_given_out_once() {
    let body = "lane 1 fault\nscan 1 A\nscan 2 B\nscan 3 C\nscan 4 D\nscan 5 E\nlane 1 ready\nscan 6 F";
    let found = differing(&shift(0, body), |plant| plant.chutes[0].lanes[0] = LaneNo(5));
    // The others passed over a faulted lane that is no longer theirs.
    let chosen: Vec<&String> = found
        .iter()
        .filter(|one| {
            one.split_once(": ").and_then(|(_, rest)| rest.split_once(" > ")).is_none_or(|(a, b)| a != b)
        })
        .collect();
    assert_eq!(chosen, ["A: C2 > C1", "D: none > C2", "F: C1 > none"]);
}

#[test]
fn chutes_in_another_order_differ_where_the_first_free_one_is_another() {
    let body = "scan 1 A\nscan 2 B\nscan 3 C\nscan 4 D\nscan 5 E";
    let found = differing(&shift(0, body), |plant| plant.chutes.swap(0, 2));
    assert_eq!(found, ["A: C1 > C3", "C: C3 > C4"]);
}
