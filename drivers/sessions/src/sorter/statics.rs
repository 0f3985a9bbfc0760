//! The static block: what kind of sorter this is. Refuses values the profile does not allow, so that nothing
//! behind this file has to doubt a slot count or a lane number.

use wcs_types::limits::LANE_COUNT_MAX;
use wcs_types::{DeviceFault, LaneNo, Millimeters, Nanos};

use super::config::SorterConfig;
use super::registers::{double, word};

/// The static block, checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Statics {
    pub(super) lane_count: u16,
    pub(super) evt_slots: u16,
    pub(super) cmd_slots: u16,
    pub(super) plc_cycle: Nanos,
    pub(super) max_recirc: u16,
    pub(super) lane_noread: LaneNo,
    pub(super) lane_exception: LaneNo,
    pub(super) lane_overflow: [LaneNo; 2],
    pub(super) is_fifo_retentive: bool,
    pub(super) loop_mm: Millimeters,
    pub(super) path_mm: Millimeters,
    pub(super) owner_tag: u16,
}

impl Statics {
    /// The static block in a register image, checked for the plant of `config`.
    ///
    /// # Errors
    /// The first register with a value that forbids operating the device.
    pub(super) fn decode(config: &SorterConfig, words: &[u16]) -> Result<Self, DeviceFault> {
        let (at, numbers) = (&config.map.statics, &config.words.numbers);
        let lane_needed = config.lane_needed;
        let bad = |offset: usize| DeviceFault::BadStatics {
            address: config.map.statics_block.start.wrapping_add(offset as u16),
            found: word(words, offset),
        };
        let check = |offset: usize, is_good: fn(u16, u16) -> bool, bound: u16| {
            let value = word(words, offset);
            if is_good(value, bound) { Ok(value) } else { Err(bad(offset)) }
        };
        let lane_count = check(at.lane_count, |n, max| n >= 1 && n <= max, LANE_COUNT_MAX as u16)?;
        if lane_count < lane_needed.0 {
            return Err(DeviceFault::TooFewLanes { found: lane_count, needed: lane_needed.0 });
        }
        let slots = |offset: usize, min: u16, max: u16| {
            let count = check(offset, |n, max| n.is_power_of_two() && n <= max, max)?;
            if count >= min { Ok(count) } else { Err(bad(offset)) }
        };
        let evt_slots = slots(at.evt_slots, numbers.evt_slots_min, numbers.evt_slots_max)?;
        let cmd_slots = slots(at.cmd_slots, numbers.cmd_slots_min, numbers.cmd_slots_max)?;
        check(at.fifo_size, |n, min| n >= min, evt_slots)?;
        check(at.fifo_size, |n, max| n <= max, numbers.fifo_size_max)?;
        check(at.induction_count, |n, max| n <= max, numbers.induction_count_max)?;
        let plc_cycle_ms = check(at.plc_cycle_ms, |n, max| n <= max, 1_000)?;
        let is_lane: fn(u16, u16) -> bool = |n, max| n >= 1 && n <= max;
        let is_lane_or_none: fn(u16, u16) -> bool = |n, max| n <= max;
        Ok(Self {
            lane_count,
            evt_slots,
            cmd_slots,
            plc_cycle: Nanos::from_millis(u64::from(plc_cycle_ms)),
            max_recirc: word(words, at.max_recirc),
            lane_noread: LaneNo(check(at.lane_noread, is_lane, lane_count)?),
            lane_exception: LaneNo(check(at.lane_exception, is_lane, lane_count)?),
            lane_overflow: [
                LaneNo(check(at.lane_overflow_1, is_lane_or_none, lane_count)?),
                LaneNo(check(at.lane_overflow_2, is_lane_or_none, lane_count)?),
            ],
            is_fifo_retentive: word(words, at.flags) & config.words.static_flags.fifo_retentive != 0,
            loop_mm: Millimeters(double(words, at.loop_mm)),
            path_mm: Millimeters(double(words, at.path_mm)),
            owner_tag: word(words, at.owner_tag),
        })
    }

    /// Bitmap words that cover every lane.
    pub(super) fn lane_words(&self) -> u16 {
        self.lane_count.div_ceil(16)
    }
}
