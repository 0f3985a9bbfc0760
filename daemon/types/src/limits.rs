//! Every bound of the control core and what crosses its boundary, in one place. The policy for "full"
//! stands with each number; relations between numbers are checked at compile time below.

/// Bytes of one scanned code. Longer: the read counts as badly formatted.
pub const CODE_SIZE_MAX: usize = 64;
/// Codes of one read. More: the read counts as several codes.
pub const CODES_PER_READ_MAX: usize = 4;
/// Lanes of one sorter. More: the plant file is refused.
pub const LANE_COUNT_MAX: usize = 1024;
/// Lines of a plant. More: the plant file is refused.
pub const LINE_COUNT_MAX: usize = 64;
/// Chutes of a plant. More: the plant file is refused.
pub const CHUTE_COUNT_MAX: usize = 8_192;
/// Shifts in the table of a plant. More: the plant file is refused.
pub const SHIFT_COUNT_MAX: usize = 24;
/// Lanes of one chute: first choice and two alternatives are what a command can carry.
pub const LANES_PER_CHUTE_MAX: usize = 3;
/// Jobs in one staged part. More: the part is refused.
pub const JOBS_PER_PART_MAX: usize = 256;
/// Jobs of one batch. More: the start is refused.
pub const JOBS_PER_BATCH_MAX: usize = 200_000;
/// Jobs of an order that are cancelled at once. More: refused.
pub const JOBS_PER_CANCEL_MAX: usize = 16_384;
/// Batches that are staged, running or closing at once. More: staging is refused.
pub const BATCHES_OPEN_MAX: usize = 64;
/// Codes that identify one job. More: the part is refused.
pub const CODES_PER_JOB_MAX: usize = 16;
/// Loads believed to be on the belt, for each line of the plant. More in all: the oldest of the line is ended as lost.
pub const LOADS_ON_BELT_MAX: usize = 16_384;
/// Ended loads of the plant kept to catch late and doubled events. More: the oldest is forgotten.
pub const LOADS_ENDED_KEPT_MAX: usize = 32_768;
/// Rejected candidates kept in one decision. More: the count goes on, the list does not.
pub const REJECTED_KEPT_MAX: usize = 8;
/// Pieces on one order line. More: the line is refused at intake.
pub const PIECES_PER_LINE_MAX: u32 = 999_999;
/// Inputs taken in one turn of the engine; the rest waits for the next turn.
pub const INPUTS_PER_TURN_MAX: usize = 256;
/// Inputs one link may have on their way to the core. Without credit the link takes nothing.
pub const INPUTS_PER_LINK_MAX: usize = 256;
/// Commands on their way from the core to one link. Full: the engine answers with a refused output.
pub const COMMANDS_PER_LINK_MAX: usize = 4_096;
/// Journal records in memory that are not durable yet. At half: permits are withdrawn. Full: no input is admitted.
pub const RECORDS_PENDING_MAX: usize = 65_536;
/// Size of one encoded record that every reader must take. A verb that would fill more than half of it is refused
/// before it becomes a record; what the core has to say at length it says in parts.
pub const RECORD_SIZE_MAX: usize = 256 * 1024;
/// Missing pieces listed, and silent loads ended, in one record. More: the rest follows in the next records.
pub const LISTED_PER_RECORD_MAX: usize = 512;
/// Bytes of the text of an invariant that are kept with the input that broke it; more: cut off.
pub const INVARIANT_SIZE_MAX: usize = 512;
/// Inputs that broke an invariant, kept in the data directory. More: the oldest is forgotten.
pub const POISONS_KEPT_MAX: usize = 64;
/// Milliseconds between two turns, or two calls of a session. More: a stall of ours, no deadline of a device is judged
/// over it.
pub const OWN_GAP_MAX_MS: u64 = 500;
/// Alarms listed at once. More: the oldest that has gone again is forgotten; when all are up, the new one is not listed,
/// and `alarm_list_full` says so.
pub const ALARMS_LISTED_MAX: usize = 16_384;
/// Alarms of one line that may demand attention within `ALARM_FLOOD_WINDOW_MS`. More: `alarm_flood` stands for all.
pub const ALARMS_SHOWN_MAX: usize = 10;
/// Milliseconds in which more than `ALARMS_SHOWN_MAX` alarms are a flood.
pub const ALARM_FLOOD_WINDOW_MS: u64 = 60_000;
/// Minutes for which an alarm may be shelved. More: refused.
pub const ALARM_SHELF_MINUTES_MAX: u64 = 1_440;
/// Bytes of one comment on an alarm. More: refused.
pub const ALARM_COMMENT_SIZE_MAX: usize = 256;
/// Comments on one alarm. More: refused.
pub const ALARM_COMMENTS_MAX: usize = 16;

const _: () = {
    // A window may hold LANE_COUNT_MAX bits in whole words.
    assert!(LANE_COUNT_MAX.is_multiple_of(16));
    // One turn can never need more journal slots than half of what is reserved.
    assert!(INPUTS_PER_TURN_MAX * 2 < RECORDS_PENDING_MAX);
    // Ended loads outlive every load that can still be on the belt.
    assert!(LOADS_ENDED_KEPT_MAX >= LOADS_ON_BELT_MAX);
    // All listed alarms can be acknowledged in one record: an id takes at most eight bytes below 2^56.
    assert!(ALARMS_LISTED_MAX * 8 <= RECORD_SIZE_MAX / 2);
};
