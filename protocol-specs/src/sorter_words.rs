//! Typed view of the numbers and bits of `wcs-sorter-hs`: what stands in a register, not where. Every number
//! comes from `wcs-sorter-hs/profile.toml`.

use crate::profile::{Profile, ProfileError};

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident, $method:ident($list:literal) { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: u16,)+ }

        impl $name {
            /// Resolves every name in `profile`.
            ///
            /// # Errors
            /// The first name the profile does not define.
            pub fn resolve(profile: &Profile) -> Result<Self, ProfileError> {
                Ok(Self { $($field: profile.$method($list, stringify!($field))?,)+ })
            }
        }
    };
}

numbers! {
    /// Event types (section 2.4).
    EventKinds, number("event_type") { scan, exit, lane, checkpoint, alarm, state, command_reject, scan_more }
}
numbers! {
    /// Command types (section 3.2).
    CommandKinds, number("command_type") { destination, cancel }
}
numbers! {
    /// Values of the link_state register.
    LinkStates, number("link_state") { waiting, ok, wcs_lost, version_mismatch }
}
numbers! {
    /// Values of the state register (PackML).
    MachineStates, number("machine_state") {
        clearing, stopped, starting, idle, suspended, execute, stopping, aborting, aborted, holding, held,
        unholding, suspending, unsuspending, resetting, completing, complete,
    }
}
numbers! {
    /// Values of the mode register.
    Modes, number("mode") { production, maintenance, manual }
}
numbers! {
    /// Read results of a scan.
    ReadResults, number("read_result") { ok, no_read, several, bad_format, scanner_down }
}
numbers! {
    /// Results of an EXIT (section 4).
    ExitResults, number("exit_result") {
        first_choice, alternative, missed, lane_full, lane_fault, lost, recirculated, late, no_read,
        invalid_destination, removed, gap, unexpected, purged, other_exit,
    }
}
numbers! {
    /// States of a lane.
    LaneStates, number("lane_state") { unavailable, ready, half_full, full, fault, closed }
}
numbers! {
    /// Causes of a change of state.
    StateCauses, number("state_cause") { command, operator, alarm, safety, wcs_lost }
}
numbers! {
    /// Refusal codes (section 5).
    Refusals, number("refusal") {
        late, unknown_item, invalid_lane, wrong_state, malformed_slot, pointer_out_of_range, foreign_epoch,
    }
}
numbers! {
    /// PackML commands.
    UnitCommands, number("unit_command") { none, reset, start, stop, hold, unhold, suspend, unsuspend }
}
numbers! {
    /// Masks of the status register.
    StatusBits, mask("status") {
        induct_running, induct_permitted, recirculation_full, jam, energy_save, scanner_fault, encoder_fault,
        fifo_throttle,
    }
}
numbers! {
    /// Masks of the safety_status register.
    SafetyBits, mask("safety") { chain_ok, emergency_stop, guard_open, reset_needed }
}
numbers! {
    /// Masks of the flags register of the static block.
    StaticFlags, mask("static_flags") { fifo_retentive, items_retentive }
}
numbers! {
    /// Masks of the flags register of an event slot. Those named scan_ count in SCAN and SCAN_MORE.
    EventFlags, mask("event_flags") { scan_text_continues, scan_further_codes, exit_command_valid, epoch_byte }
}
numbers! {
    /// Masks of the read register of a SCAN.
    ScanReadBits, mask("scan_read") { result, turns }
}
numbers! {
    /// Masks of the options register of a command.
    CommandOptions, mask("command_options") { may_recirculate }
}
numbers! {
    /// Masks of the permit register.
    PermitBits, mask("permit") { all, inductions }
}

macro_rules! constants {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: u16,)+ }

        impl $name {
            /// Resolves every name in `profile`.
            ///
            /// # Errors
            /// The first name the profile does not define.
            pub fn resolve(profile: &Profile) -> Result<Self, ProfileError> {
                Ok(Self { $($field: profile.constant(stringify!($field))?,)+ })
            }
        }
    };
}

constants! {
    /// Numbers both sides agree on: bounds, periods, watchdogs, special lanes. The unit stands in the name.
    SorterNumbers {
        evt_slots_min, evt_slots_max, evt_slots_default, cmd_slots_min, cmd_slots_max, cmd_slots_default,
        slots_per_read, slots_per_write, lane_count_max, induction_count_max, fifo_size_max, lane_recirculate,
        lane_to_exception, unmeasured, text_bytes_max, header_period_ms, lanes_period_ms, life_period_ms,
        lane_closing_period_ms, watchdog_ms, response_timeout_ms, timeouts_in_a_row, echoes_in_a_row, torn_cycles,
        request_ms_max, throttle_start_percent, throttle_stop_percent, throttle_reserve, fifo_reserve,
        lost_path_percent,
    }
}

/// Every number and bit of the profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub struct SorterWords {
    pub events: EventKinds,
    pub commands: CommandKinds,
    pub link_states: LinkStates,
    pub machine_states: MachineStates,
    pub modes: Modes,
    pub reads: ReadResults,
    pub exits: ExitResults,
    pub lanes: LaneStates,
    pub causes: StateCauses,
    pub refusals: Refusals,
    pub unit_commands: UnitCommands,
    pub status: StatusBits,
    pub safety: SafetyBits,
    pub static_flags: StaticFlags,
    pub event_flags: EventFlags,
    pub scan_read: ScanReadBits,
    pub options: CommandOptions,
    pub permit: PermitBits,
    pub numbers: SorterNumbers,
}

impl SorterWords {
    /// Resolves every name in `profile`.
    ///
    /// # Errors
    /// The first name the profile does not define.
    pub fn resolve(profile: &Profile) -> Result<Self, ProfileError> {
        Ok(Self {
            events: EventKinds::resolve(profile)?,
            commands: CommandKinds::resolve(profile)?,
            link_states: LinkStates::resolve(profile)?,
            machine_states: MachineStates::resolve(profile)?,
            modes: Modes::resolve(profile)?,
            reads: ReadResults::resolve(profile)?,
            exits: ExitResults::resolve(profile)?,
            lanes: LaneStates::resolve(profile)?,
            causes: StateCauses::resolve(profile)?,
            refusals: Refusals::resolve(profile)?,
            unit_commands: UnitCommands::resolve(profile)?,
            status: StatusBits::resolve(profile)?,
            safety: SafetyBits::resolve(profile)?,
            static_flags: StaticFlags::resolve(profile)?,
            event_flags: EventFlags::resolve(profile)?,
            scan_read: ScanReadBits::resolve(profile)?,
            options: CommandOptions::resolve(profile)?,
            permit: PermitBits::resolve(profile)?,
            numbers: SorterNumbers::resolve(profile)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use wcs_types::{DestinationCommand, ExitResult, LaneState, RejectCode, UnitCommand};

    use super::*;

    fn words() -> SorterWords {
        SorterWords::resolve(&Profile::load("wcs-sorter-hs").unwrap()).unwrap()
    }

    #[test]
    fn numbers_agree_with_the_shared_types() {
        let words = words();
        let exits = words.exits;
        assert_eq!(exits.first_choice, ExitResult::FirstChoice.to_wire());
        assert_eq!(exits.recirculated, ExitResult::Recirculated.to_wire());
        assert_eq!(exits.invalid_destination, ExitResult::InvalidDestination.to_wire());
        assert_eq!(exits.purged, ExitResult::Purged.to_wire());
        assert_eq!(exits.other_exit, ExitResult::OtherExit.to_wire());
        assert_eq!(words.lanes.closed, LaneState::Closed.to_wire());
        assert_eq!(words.lanes.half_full, LaneState::HalfFull.to_wire());
        assert_eq!(RejectCode::from_wire(words.refusals.foreign_epoch), RejectCode::ForeignEpoch);
        assert_eq!(RejectCode::from_wire(words.refusals.late), RejectCode::Late);
        assert_eq!(words.unit_commands.unsuspend, UnitCommand::Unsuspend.to_wire());
        assert_eq!(words.numbers.lane_recirculate, DestinationCommand::RECIRCULATE.0);
        assert_eq!(words.numbers.lane_to_exception, DestinationCommand::EXCEPTION.0);
    }

    #[test]
    fn masks_are_the_bits_of_the_page() {
        let words = words();
        assert_eq!(words.status.fifo_throttle, 0x80);
        assert_eq!(words.safety.reset_needed, 8);
        assert_eq!((words.scan_read.result, words.scan_read.turns), (0x00FF, 0xFF00));
        assert_eq!(words.event_flags.epoch_byte, 0xFF00);
        assert_eq!((words.permit.all, words.permit.inductions), (1, 0xFFFE));
    }
}
