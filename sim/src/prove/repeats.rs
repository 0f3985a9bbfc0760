//! Events that stand in the journal more than once. A daemon attaches behind the last event its journal holds, and a
//! session passes on once what the PLC shows twice: so there are none, whatever was lost in between.

use std::collections::BTreeSet;

use wcs_types::{Input, LineId, Record};

/// What tells events apart: line, life of the FIFO, sequence, item, tick.
type Event = (LineId, u16, u16, u32, u32);

/// Events seen so far.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    seen: BTreeSet<Event>,
    broken: Option<String>,
}

impl Repeats {
    pub(super) fn add(&mut self, record: &Record) {
        let Input::Sorter { line, event } = &record.input else { return };
        let mark = (*line, event.fifo_epoch.0, event.seq.0, event.item, event.plc_tick_ms);
        if !self.seen.insert(mark) {
            let (seq, item, at) = (event.seq.0, event.item, record.seq.0);
            self.broken
                .get_or_insert_with(|| format!("event {seq} of item {item} stands once more in record {at}"));
        }
    }

    /// Events that were told apart.
    pub fn events(&self) -> u64 {
        self.seen.len() as u64
    }

    /// The first event that was taken twice.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }
}
