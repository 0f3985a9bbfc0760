//! What a sorter session is told once: which line and unit, where the registers stand, and its periods.

use wcs_specs::{SorterMap, SorterWords};
use wcs_types::limits::OWN_GAP_MAX_MS;
use wcs_types::{LaneNo, LineId, Nanos};

/// Settings of one sorter session. Start from [`SorterConfig::new`]; the periods are those of the profile.
#[derive(Clone, Debug)]
pub struct SorterConfig {
    /// The line whose inputs the session makes.
    pub line: LineId,
    /// Modbus unit of the PLC.
    pub unit: u8,
    /// Where every register stands.
    pub map: SorterMap,
    /// What stands in the registers: numbers and bits of the profile.
    pub words: SorterWords,
    /// Highest lane the plant file uses; a PLC with fewer lanes is not operated.
    pub lane_needed: LaneNo,
    /// Random number of this process, never 0: tells two owners of the same epoch apart.
    pub owner_tag: u16,
    /// Unix time in milliseconds at core time zero; the control block carries the wall clock for the PLC's log.
    pub utc_at_zero_ms: u64,
    /// Header poll while nothing is pending.
    pub poll_period: Nanos,
    /// Header poll of a device that is not commanded.
    pub slow_poll_period: Nanos,
    /// An exchange without an answer for so long is a silence.
    pub response_timeout: Nanos,
    /// The control block is written at least this often, and `wcs_life` changes this often.
    pub life_period: Nanos,
    /// An unchanged `plc_life` or an echo so far behind means that the device is lost.
    pub lost_after: Nanos,
    /// The long form of the control block is written at least this often.
    pub closing_period: Nanos,
    /// Lane bitmaps are read at least this often.
    pub lanes_period: Nanos,
    /// A PLC that has not taken our epoch for so long is checked anew.
    pub attach_timeout: Nanos,
    /// Without any answer for so long the connection is given up.
    pub reconnect_after: Nanos,
    /// Pause after the exception "busy".
    pub busy_pause: Nanos,
    /// A gap between our own calls longer than this restarts the life timers: we were late, not the device.
    pub own_gap_max: Nanos,
}

impl SorterConfig {
    /// Settings with the periods of the profile.
    pub fn new(
        line: LineId,
        unit: u8,
        map: SorterMap,
        words: SorterWords,
        lane_needed: LaneNo,
        owner_tag: u16,
    ) -> Self {
        let period = |millis: u16| Nanos::from_millis(u64::from(millis));
        let numbers = words.numbers;
        Self {
            line,
            unit,
            map,
            words,
            lane_needed,
            owner_tag,
            utc_at_zero_ms: 0,
            poll_period: Nanos::from_millis(10),
            slow_poll_period: period(numbers.header_period_ms),
            response_timeout: period(numbers.response_timeout_ms),
            life_period: period(numbers.life_period_ms),
            lost_after: period(numbers.watchdog_ms),
            // One life period early: the bound holds for the write that follows.
            closing_period: period(numbers.lane_closing_period_ms) - period(numbers.life_period_ms).times(2),
            lanes_period: period(numbers.lanes_period_ms),
            attach_timeout: Nanos::from_secs(2),
            reconnect_after: Nanos::from_secs(3),
            busy_pause: Nanos::from_millis(20),
            own_gap_max: Nanos::from_millis(OWN_GAP_MAX_MS),
        }
    }
}
