//! Words of the shared language as the service shows them. Outcomes, reasons and alarm codes have stable names of their
//! own; what has none gets one here, so that no shape of an internal enum ever becomes part of the service.

use wcs_types::{
    ChuteKind, DeviceFault, ExitResult, LaneState, LinkChange, MachineState, OfflineReason, Read, RejectCode,
    UnitCommand,
};

/// How an item left, as the PLC reported it.
pub fn exit_result(result: ExitResult) -> &'static str {
    match result {
        ExitResult::FirstChoice => "first_choice",
        ExitResult::Alternative => "alternative",
        ExitResult::Missed => "missed",
        ExitResult::LaneFull => "lane_full",
        ExitResult::LaneFault => "lane_fault",
        ExitResult::Lost => "lost",
        ExitResult::Recirculated => "recirculated",
        ExitResult::Late => "late",
        ExitResult::NoRead => "no_read",
        ExitResult::InvalidDestination => "invalid_destination",
        ExitResult::Removed => "removed",
        ExitResult::Gap => "gap",
        ExitResult::Unexpected => "unexpected",
        ExitResult::Purged => "purged",
        ExitResult::OtherExit => "other_exit",
    }
}

/// Every quality of a read, with its word.
pub const READS: [(Read, &str); 5] = [
    (Read::Good, "good"),
    (Read::NoRead, "no_read"),
    (Read::Multi, "multi_read"),
    (Read::BadFormat, "bad_format"),
    (Read::ScannerDown, "scanner_down"),
];

/// Quality of a read.
pub fn read(read: Read) -> &'static str {
    READS.iter().find(|(known, _)| *known == read).map_or("", |(_, word)| *word)
}

/// State of a machine by its PackML number.
pub fn machine(state: MachineState) -> &'static str {
    match state.0 {
        1 => "clearing",
        2 => "stopped",
        3 => "starting",
        4 => "idle",
        5 => "suspended",
        6 => "execute",
        7 => "stopping",
        8 => "aborting",
        9 => "aborted",
        10 => "holding",
        11 => "held",
        12 => "unholding",
        13 => "suspending",
        14 => "unsuspending",
        15 => "resetting",
        16 => "completing",
        17 => "complete",
        _ => "unknown",
    }
}

/// Why a machine changed its state.
pub fn machine_cause(cause: u16) -> &'static str {
    match cause {
        0 => "command",
        1 => "operator",
        2 => "alarm",
        3 => "safety",
        4 => "wcs_lost",
        _ => "unknown",
    }
}

/// Why a machine refused a command.
pub fn reject(code: RejectCode) -> &'static str {
    match code {
        RejectCode::Late => "late",
        RejectCode::UnknownItem => "unknown_item",
        RejectCode::InvalidLane => "invalid_lane",
        RejectCode::WrongState => "wrong_state",
        RejectCode::MalformedSlot => "malformed_slot",
        RejectCode::PointerOutOfRange => "pointer_out_of_range",
        RejectCode::ForeignEpoch => "foreign_epoch",
        RejectCode::Unknown => "unknown",
    }
}

/// State of a lane.
pub fn lane(state: LaneState) -> &'static str {
    match state {
        LaneState::Unavailable => "unavailable",
        LaneState::Ready => "ready",
        LaneState::HalfFull => "half_full",
        LaneState::Full => "full",
        LaneState::Fault => "fault",
        LaneState::Closed => "closed",
    }
}

/// What a chute is for.
pub fn chute_kind(kind: ChuteKind) -> &'static str {
    match kind {
        ChuteKind::Order => "order",
        ChuteKind::Overflow => "overflow",
        ChuteKind::NoRead => "no_read",
        ChuteKind::Exception => "exception",
    }
}

/// A machine command.
pub fn unit_command(command: UnitCommand) -> &'static str {
    match command {
        UnitCommand::Reset => "reset",
        UnitCommand::Start => "start",
        UnitCommand::Stop => "stop",
        UnitCommand::Hold => "hold",
        UnitCommand::Unhold => "unhold",
        UnitCommand::Suspend => "suspend",
        UnitCommand::Unsuspend => "unsuspend",
    }
}

/// Why a link is down or its device is not operated; `None` where the change says nothing of the kind.
pub fn link_cause(change: &LinkChange) -> Option<&'static str> {
    let word = match change {
        LinkChange::Offline(reason) => match reason {
            OfflineReason::ConnectFailed => "connect_failed",
            OfflineReason::Closed => "closed",
            OfflineReason::Timeouts => "timeouts",
            OfflineReason::LifeFrozen => "life_frozen",
            OfflineReason::EchoStale => "echo_stale",
            OfflineReason::PlcRestarted => "plc_restarted",
            OfflineReason::WindowTorn => "window_torn",
            OfflineReason::NotAttached => "not_attached",
            OfflineReason::Stopped => "stopped",
            OfflineReason::NewProcess => "new_process",
        },
        LinkChange::Faulted(fault) => match fault {
            DeviceFault::WrongMagic { .. } => "wrong_magic",
            DeviceFault::WrongVersion { .. } => "wrong_version",
            DeviceFault::TooFewLanes { .. } => "too_few_lanes",
            DeviceFault::BadStatics { .. } => "bad_statics",
            DeviceFault::Exception { .. } => "modbus_exception",
            DeviceFault::ScanAfterExit { .. } => "scan_after_exit",
            DeviceFault::RecordsMissing { .. } => "records_missing",
        },
        LinkChange::Fenced { .. } => "newer_owner",
        LinkChange::Met(_)
        | LinkChange::Attached { .. }
        | LinkChange::Drained { .. }
        | LinkChange::Lanes { .. }
        | LinkChange::Travelled { .. }
        | LinkChange::EventsLost { .. } => return None,
    };
    Some(word)
}
