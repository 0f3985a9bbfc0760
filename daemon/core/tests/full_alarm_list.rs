//! What becomes of an alarm when every alarm of a full list is up: it is not listed, and the list says so. Critical ones
//! are listed all the same.

#![expect(clippy::unwrap_used, reason = "a story that cannot be run is a broken test")]

#[expect(dead_code, reason = "a part of it is enough here")]
mod language;

use language::Stage;
use wcs_types::limits::ALARMS_LISTED_MAX;

/// The alarm of this code as the list tells it: `= ID CODE STATE`.
fn listed(stage: &mut Stage, code: &str) -> Option<String> {
    stage.run("alarms").into_iter().find(|row| row.contains(code))
}

fn acknowledge(stage: &mut Stage, code: &str) -> Vec<String> {
    let row = listed(stage, code).unwrap();
    let id = row.split_whitespace().nth(1).unwrap();
    stage.run(&format!("ack {id}"))
}

#[test]
fn what_is_not_listed_is_told_once_until_somebody_knows() {
    let mut stage = Stage::new();
    stage.run("up");
    stage.run_unchecked(&format!("machine-alarms 1 {ALARMS_LISTED_MAX}"));
    assert_eq!(stage.run("alarms").len(), ALARMS_LISTED_MAX);
    assert_eq!(stage.run("machine-alarm 30000 on"), ["* alarm alarm_list_full"]);
    assert_eq!(stage.run("machine-alarm 30001 on"), [""; 0]);
    assert_eq!(listed(&mut stage, "device 30000"), None);
    // Somebody may be hurt, or two programs command one machine.
    assert_eq!(stage.run("machine safety"), ["* alarm safety_stop"]);
    assert_eq!(stage.run("fenced 9"), ["* alarm fenced_off"]);
    assert_eq!(stage.run("alarms").len(), ALARMS_LISTED_MAX + 3);

    let answers = acknowledge(&mut stage, "alarm_list_full");
    assert!(answers.iter().any(|answer| answer == "* alarm gone alarm_list_full"), "{answers:?}");
    assert_eq!(listed(&mut stage, "alarm_list_full"), None);
    assert_eq!(stage.run("machine-alarm 30002 on"), ["* alarm alarm_list_full"]);

    // One that has gone makes room for one.
    stage.run("machine-alarm 5 off");
    stage.run("wait 2");
    let answers = stage.run("machine-alarm 30003 on");
    assert!(answers.iter().any(|answer| answer == "* alarm device 30003"), "{answers:?}");
    assert_eq!(stage.run("alarms").len(), ALARMS_LISTED_MAX + 3);
    stage.check_end();
}
