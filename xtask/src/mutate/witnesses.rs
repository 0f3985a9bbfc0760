//! For each checker of `wcs sim prove` the mutation that nobody else notices.

use super::breakable::Size;

/// The mutation of a checker, on small runs unless what it takes is too rare there.
pub(super) fn witness(checker: &str) -> Option<(&'static str, Size)> {
    let (_, mutation) = WITNESSES.iter().find(|(known, _)| *known == checker)?;
    let size = if RARE.contains(mutation) { Size::Full } else { Size::Small };
    Some((mutation, size))
}

/// Mutations that small runs hardly give room to.
const RARE: &[&str] = &["silence_unwatched", "picked_untold", "permit_before_drained", "fifo_popping"];

/// Checker and mutation.
const WITNESSES: &[(&str, &str)] = &[
    ("ack_after_durable", "backlog_acked_early"),
    ("answered_again", "resync_silent"),
    ("blame_founded", "stall_blamed"),
    ("books", "seen_twice"),
    ("checkpoint", "checkpoint_damaged"),
    ("command_after_binding", "binding_ungated"),
    ("command_fresh", "commands_kept"),
    ("command_when_attached", "reattach_skipped"),
    ("conservation", "line_unplanned"),
    ("core_invariants", "picked_untold"),
    ("event_once", "lane_event_twice"),
    ("events", "fifo_overflow"),
    ("fenced_off", "fence_ignored"),
    ("late_by_travel", "late_miscalled"),
    ("ledger", "lane_as_commanded"),
    ("missort", "fifo_popping"),
    ("motion_by_person", "goes_on_after_safety_stop"),
    ("one_outcome", "end_told_twice"),
    ("owner_obeyed", "owner_unchecked"),
    ("permit_by_core", "permit_before_drained"),
    ("progress", "silence_unwatched"),
    ("reason", "reason_dropped"),
    ("replay", "instant_unrecorded"),
    ("restart", "torn_refused"),
    ("verb_answered", "reply_twice"),
];
