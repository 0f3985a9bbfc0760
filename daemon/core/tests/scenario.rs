//! Table tests of the core in a small scenario language. A scenario file holds commands (`> ...`) and, below each,
//! what the core made of it: outputs (`->`) and facts (`*`), one per line. `#` begins a comment.
//!
//! `UPDATE_SCENARIOS=1 cargo test -p wcs-core` writes what the core does now into the files; the difference is then
//! read and argued about like any other change. After each command all invariants are checked, and at the end a
//! snapshot must restore to the same state and a replay must come to the same hash.

#![expect(clippy::unwrap_used, reason = "a scenario that cannot be read is a broken test")]

#[expect(dead_code, reason = "scenarios need no journal, and are checked after each input")]
mod language;

use std::path::Path;

use language::Stage;

fn transcript(source: &str) -> String {
    let mut stage = Stage::new();
    let mut out = String::new();
    for line in source.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            out.push_str(line);
            out.push('\n');
            for answer in stage.run(command) {
                out.push_str("  ");
                out.push_str(&answer);
                out.push('\n');
            }
        } else if !line.starts_with("  ") {
            out.push_str(line);
            out.push('\n');
        }
    }
    stage.check_end();
    out
}

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(format!("{name}.txt"));
    let source = std::fs::read_to_string(&path).unwrap();
    let found = transcript(&source);
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(&path, &found).unwrap();
        return;
    }
    for (number, (expected, found)) in source.lines().zip(found.lines()).enumerate() {
        assert_eq!(expected, found, "{name}.txt:{}", number + 1);
    }
    assert_eq!(source.lines().count(), found.lines().count(), "{name}.txt: length");
}

macro_rules! scenarios {
    ($($name:ident)+) => { $(#[test] fn $name() { check(&stringify!($name).replace('_', "-")); })+ };
}

scenarios! {
    people_hold_lines_and_inductions
    boxes_and_chutes_are_handled_by_people
    orders_are_added_to_a_running_batch
    orders_are_cancelled_while_they_are_sorted
    cancelled_class_without_a_chute_goes_to_exception
    permit_goes_with_the_last_cancelled_piece
    starts_and_stagings_are_taken_back
    chutes_can_be_fixed_by_a_table
    two_batches_run_on_one_line
    volume_batch_is_sorted_and_chutes_are_freed
    first_scan_binds_waits_and_binds_again
    every_exit_has_its_outcome
    unread_and_unknown_loads
    sku_candidates_are_ranked
    over_quantity_and_rescan
    pause_close_and_forced_close
    plc_restart_makes_loads_uncertain
    number_in_doubt_is_not_answered
    reconnect_sends_open_destinations_again
    missing_records_keep_the_line_down
    fenced_line_is_taken_up_by_the_next_process
    hand_sorting_replaces_an_outcome_once
    silence_is_judged_in_travel
    verbs_in_the_wrong_state_are_refused
    scan_after_exit_faults_the_device
    exit_tells_of_a_decision_a_crash_lost
    input_that_breaks_us_is_put_aside
    stall_of_ours_is_not_held_against_the_equipment
    alarms_live_with_people
    alarms_that_do_not_last_are_none
    first_alarm_stands_for_what_follows
    flood_of_alarms_is_one_headline
    safety_stop_costs_no_load
}
