//! Typed view of the `wcs-sorter-hs` register tables: where each named register stands. Every number comes
//! from `wcs-sorter-hs/profile.toml` (and the plant file, where it moves a block); sessions and the simulator
//! index register images through these fields and know no address of their own.

use wcs_types::plant::BlockBases;

use crate::profile::{Profile, ProfileError};

/// A block of registers: zero-based PDU address and length in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlockMap {
    /// Address of the first register.
    pub start: u16,
    /// Registers.
    pub count: u16,
}

macro_rules! offsets {
    ($(#[$doc:meta])* $name:ident, $block:literal { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        ///
        /// Each field is the offset of the register of that name inside the block or slot, in words; 32-bit
        /// values and texts start there.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: usize,)+ }

        impl $name {
            fn resolve(profile: &Profile) -> Result<Self, ProfileError> {
                Ok(Self { $($field: profile.offset($block, stringify!($field))?,)+ })
            }
        }
    };
}

offsets! {
    /// Hot header (section 2.1).
    HeaderMap, "header" {
        magic, version, plc_epoch, plc_life, wcs_life_echo, link_state, owner_epoch, state, mode, safety_status,
        status, evt_head, evt_taken_echo, evt_ack_echo, evt_backlog, evt_lost, cmd_tail, rej_seq, rej_code,
        rej_count, plc_tick, belt_mm, speed_mm_s, items_on_sorter, lane_gen, alarms_active, n_inducted, n_final,
    }
}
offsets! {
    /// Static block (section 2.2).
    StaticsMap, "statics" {
        lane_count, evt_slots, cmd_slots, fifo_size, plc_cycle_ms, max_recirc, lane_noread, lane_exception,
        lane_overflow_1, lane_overflow_2, induction_count, flags, loop_mm, owner_tag, path_mm,
    }
}
offsets! {
    /// Lane bitmaps (section 2.3): first word of each.
    LanesMap, "lanes" { lane_ready, lane_full, lane_fault }
}
offsets! {
    /// Event slot (section 2.4). Body fields carry the event type as prefix.
    EventSlotMap, "event_slot" {
        seq, kind, item, station, flags, plc_tick, belt_mm, body,
        scan_deadline_mm, scan_read, scan_length, scan_width, scan_height, scan_weight, scan_aim, scan_text_length,
        scan_text,
        exit_requested, exit_actual, exit_result, exit_detail, exit_turns, exit_command, exit_since_scan_ms,
        lane_lane, lane_old, lane_new, lane_fill,
        checkpoint_number, checkpoint_deviation_mm,
        alarm_code, alarm_raised, alarm_severity, alarm_place,
        state_old, state_new, state_cause,
        reject_command, reject_code, reject_owner_epoch,
        more_index, more_text_length, more_text,
        seq_copy,
    }
}
offsets! {
    /// Control block (section 3.1); lane closing follows it in the same write.
    ControlMap, "control" {
        version, wcs_epoch, wcs_life, evt_taken, evt_ack, cmd_head, unit_cmd, unit_cmd_cnt, permit, plc_epoch,
        utc_s, utc_ms, owner_tag, epoch_copy, lane_closing,
    }
}
offsets! {
    /// Command slot (section 3.2).
    CommandSlotMap, "command_slot" {
        seq, kind, item, lane, alternative_1, alternative_2, options, answers, ms_left, wcs_epoch, seq_copy,
    }
}

/// All tables of one sorter, with the blocks where its plant file puts them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SorterMap {
    /// Hot header block.
    pub header_block: BlockMap,
    /// Static block.
    pub statics_block: BlockMap,
    /// Lane bitmaps.
    pub lanes_block: BlockMap,
    /// Event window; `count` holds for the largest number of slots.
    pub events_block: BlockMap,
    /// Control block with lane closing.
    pub control_block: BlockMap,
    /// Length of the control block alone, without lane closing.
    pub control_count: u16,
    /// Command ring; `count` holds for the largest number of slots.
    pub commands_block: BlockMap,
    /// Words of one event slot.
    pub event_slot_count: u16,
    /// Words of one command slot.
    pub command_slot_count: u16,
    /// Value of the magic register.
    pub magic: u16,
    /// Version this profile speaks, high byte major.
    pub version: u16,
    /// Offsets in the hot header.
    pub header: HeaderMap,
    /// Offsets in the static block.
    pub statics: StaticsMap,
    /// Offsets in the lane bitmaps.
    pub lanes: LanesMap,
    /// Offsets in an event slot.
    pub event: EventSlotMap,
    /// Offsets in the control block.
    pub control: ControlMap,
    /// Offsets in a command slot.
    pub command: CommandSlotMap,
}

impl SorterMap {
    /// Resolves every name in `profile`, with the blocks moved where `bases` says so.
    ///
    /// # Errors
    /// The first name the profile does not define, or a moved block that would leave the address space.
    pub fn resolve(profile: &Profile, bases: &BlockBases) -> Result<Self, ProfileError> {
        Ok(Self {
            header_block: profile.block("header", bases.header)?,
            statics_block: profile.block("statics", bases.statics)?,
            lanes_block: profile.block("lanes", bases.lanes)?,
            events_block: profile.block("events", bases.events)?,
            control_block: profile.block("control", bases.control)?,
            control_count: profile.constant("control_words")?,
            commands_block: profile.block("commands", bases.commands)?,
            event_slot_count: profile.slot_words("event_slot")?,
            command_slot_count: profile.slot_words("command_slot")?,
            magic: profile.constant("magic")?,
            version: profile.constant("version")?,
            header: HeaderMap::resolve(profile)?,
            statics: StaticsMap::resolve(profile)?,
            lanes: LanesMap::resolve(profile)?,
            event: EventSlotMap::resolve(profile)?,
            control: ControlMap::resolve(profile)?,
            command: CommandSlotMap::resolve(profile)?,
        })
    }
}
