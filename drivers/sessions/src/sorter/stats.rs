//! What a session counts. Counters only grow; the histogram is in microseconds.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use wcs_types::RejectCode;

/// Longest latency the histogram tells apart, in microseconds; longer ones count as this long.
const LATENCY_MAX_US: u64 = 60_000_000;

/// Counters of one session.
#[derive(Clone, Debug)]
pub struct SessionStats {
    /// Exchanges answered, by whatever answer.
    pub exchanges: u64,
    /// Exchanges without an answer in time.
    pub silences: u64,
    /// Modbus exceptions by code.
    pub exceptions: BTreeMap<u8, u64>,
    /// Connections made after the first one.
    pub reconnects: u64,
    /// Times the device was declared lost.
    pub losses: u64,
    /// Events dropped by PLCs, summed over their lives.
    pub evt_lost: u64,
    /// Times the event window was full.
    pub window_full: u64,
    /// Times induction stopped although it was permitted and the machine names no reason of its own.
    pub induction_stops: u64,
    /// Event slots that were not valid when read.
    pub torn_slots: u64,
    /// Event types this version does not know.
    pub unknown_events: u64,
    /// Commands the PLC refused, by code.
    pub rejected_commands: BTreeMap<RejectCode, u64>,
    /// Refusals the PLC counted, of blocks and commands together.
    pub refusals_counted: u64,
    /// Destinations not written because their decision point had passed.
    pub late: u64,
    /// Destinations written.
    pub destinations: u64,
    /// Commands written again after the PLC could not read them.
    pub rewritten: u64,
    /// Commands for another life of the PLC, or older than one sent: dropped.
    pub stale_commands: u64,
    /// Refusals, machine commands or watches that found no room.
    pub overflowed: u64,
    /// From the receipt of the header that showed a scan to the acknowledged block that published its
    /// destination, microseconds.
    pub scan_to_destination_us: Histogram<u64>,
}

impl SessionStats {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("bounds are valid");
        Self {
            exchanges: 0,
            silences: 0,
            exceptions: BTreeMap::new(),
            reconnects: 0,
            losses: 0,
            evt_lost: 0,
            window_full: 0,
            induction_stops: 0,
            torn_slots: 0,
            unknown_events: 0,
            rejected_commands: BTreeMap::new(),
            refusals_counted: 0,
            late: 0,
            destinations: 0,
            rewritten: 0,
            stale_commands: 0,
            overflowed: 0,
            scan_to_destination_us: histogram,
        }
    }

    pub(super) fn record_latency(&mut self, micros: u64) {
        self.scan_to_destination_us.saturating_record(micros.max(1));
    }
}
