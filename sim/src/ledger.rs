//! The ledger on disk: what physically happened, one JSON object a line, flushed line by line so that a killed
//! simulator leaves everything but its last breath. Reading takes a torn last line for what it is and reports
//! it; any other line that cannot be read is an error. What the events mean is the world's business.

mod names;

use std::io::{self, Write};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;
use wcs_types::{LaneNo, MonoTime};

use self::names::Names;
use crate::world::ledger_event::{LedgerEvent, LedgerKind};

const NANOS_PER_MS: u64 = 1_000_000;

/// One line. The field names are part of the format.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    label: String,
    order: String,
    sku: String,
    qty: u32,
    plc_epoch: u16,
    item: u32,
    attempt: u32,
    event: LedgerKind,
    lane: u16,
    result: u16,
    /// Simulator time. Information: the sequence of events is that of the lines.
    #[serde(default, deserialize_with = "at_ms")]
    at_ms: u64,
    /// Tells loads of one label apart; a ledger of another simulator may lack it.
    #[serde(default)]
    load: Option<u64>,
}

/// Appends events to a ledger.
#[derive(Debug)]
pub struct LedgerWriter<W: Write> {
    output: W,
    line: Vec<u8>,
}

impl<W: Write> LedgerWriter<W> {
    /// A ledger that goes to `output`, which is written in whole lines.
    pub fn new(output: W) -> Self {
        Self { output, line: Vec::new() }
    }

    /// Writes one event and flushes it.
    ///
    /// # Errors
    /// The output cannot take it.
    pub fn write(&mut self, event: &LedgerEvent) -> io::Result<()> {
        let row = Row {
            label: event.label.clone(),
            order: event.order.clone(),
            sku: event.sku.clone(),
            qty: event.qty,
            plc_epoch: event.plc_epoch,
            item: event.item,
            attempt: event.attempt,
            event: event.event,
            lane: event.lane.0,
            result: event.result,
            at_ms: event.at.0 / NANOS_PER_MS,
            load: Some(event.load),
        };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &row)?;
        self.line.push(b'\n');
        self.output.write_all(&self.line)?;
        self.output.flush()
    }
}

/// A ledger as it was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ledger {
    /// Every whole event, in the order it happened; times in whole milliseconds.
    pub events: Vec<LedgerEvent>,
    /// Line number of a last line that was not written to its end.
    pub torn_line: Option<u64>,
}

/// Latest time a line can have: what follows is no simulator time.
const AT_MS_MAX: u64 = u64::MAX / NANOS_PER_MS;

/// Why a ledger cannot be read.
#[derive(Debug, Error)]
#[error("line {line} of the ledger cannot be read: {source}")]
pub struct LedgerError {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

impl Ledger {
    /// Reads a whole ledger.
    ///
    /// # Errors
    /// A line in the middle, or a whole last line, that is no event.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut ledger = Self::default();
        let mut names = Names::default();
        for (number, text) in (1_u64..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            let Some(text) = text.strip_suffix(b"\n") else {
                // Only a newline makes a line whole: a number cut in its digits is still JSON.
                ledger.torn_line = Some(number);
                break;
            };
            match serde_json::from_slice::<Row>(text) {
                Ok(row) => {
                    let is_named = row.load.is_some();
                    let mut event = row.into_event();
                    if !is_named {
                        event.load = names.name(&event);
                    }
                    ledger.events.push(event);
                }
                Err(source) => return Err(LedgerError { line: number, source }),
            }
        }
        Ok(ledger)
    }
}

fn at_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let at_ms = u64::deserialize(deserializer)?;
    if at_ms > AT_MS_MAX {
        return Err(D::Error::custom(format_args!("at_ms is {at_ms}, above {AT_MS_MAX}")));
    }
    Ok(at_ms)
}

impl Row {
    fn into_event(self) -> LedgerEvent {
        LedgerEvent {
            at: MonoTime(self.at_ms * NANOS_PER_MS),
            load: self.load.unwrap_or(0),
            label: self.label,
            order: self.order,
            sku: self.sku,
            qty: self.qty,
            plc_epoch: self.plc_epoch,
            item: self.item,
            attempt: self.attempt,
            event: self.event,
            lane: LaneNo(self.lane),
            result: self.result,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(label: &str, event: LedgerKind, lane: u16) -> LedgerEvent {
        LedgerEvent {
            at: MonoTime(1_500_000_000),
            load: 9,
            label: label.to_owned(),
            order: "536365".to_owned(),
            sku: "85123A".to_owned(),
            qty: 6,
            plc_epoch: 3,
            item: 70_000,
            attempt: 1,
            event,
            lane: LaneNo(lane),
            result: 1,
        }
    }

    fn written(events: &[LedgerEvent]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = LedgerWriter::new(&mut bytes);
        for event in events {
            writer.write(event).unwrap();
        }
        bytes
    }

    #[test]
    fn the_format_is_the_agreed_one() {
        let text = String::from_utf8(written(&[event("536365/1", LedgerKind::HandSorted, 12)])).unwrap();
        assert_eq!(
            text,
            "{\"label\":\"536365/1\",\"order\":\"536365\",\"sku\":\"85123A\",\"qty\":6,\"plc_epoch\":3,\"item\":70000,\
             \"attempt\":1,\"event\":\"hand_sorted\",\"lane\":12,\"result\":1,\"at_ms\":1500,\"load\":9}\n"
        );
    }

    #[test]
    fn a_torn_last_line_is_reported_and_the_rest_kept() {
        let events = [event("a/1", LedgerKind::Inducted, 0), event("a/1", LedgerKind::Exit, 5)];
        let bytes = written(&events);
        for cut in 1..bytes.len() {
            let ledger = Ledger::parse(&bytes[..cut]).unwrap();
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(ledger.events, events[..whole], "cut at {cut}");
            let is_torn = bytes[cut - 1] != b'\n';
            assert_eq!(ledger.torn_line, is_torn.then_some(whole as u64 + 1), "cut at {cut}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let mut bytes = written(&[event("a/1", LedgerKind::Inducted, 0)]);
        bytes.extend_from_slice(b"{\"label\":3}\n");
        assert_eq!(Ledger::parse(&bytes).unwrap_err().line, 2);
        bytes.extend(written(&[event("a/1", LedgerKind::Exit, 5)]));
        assert_eq!(Ledger::parse(&bytes).unwrap_err().line, 2);
    }

    #[test]
    fn every_line_is_flushed_by_itself() {
        struct Counting {
            pending: usize,
            flushed: usize,
        }
        impl Write for Counting {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.pending += bytes.len();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.flushed += self.pending;
                self.pending = 0;
                Ok(())
            }
        }
        let mut writer = LedgerWriter::new(Counting { pending: 0, flushed: 0 });
        writer.write(&event("a/1", LedgerKind::Inducted, 0)).unwrap();
        assert_eq!(writer.output.pending, 0);
        assert!(writer.output.flushed > 100);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(labels in prop::collection::vec(("\\PC{0,20}", 0_u16..2000), 0..8)) {
            let events: Vec<_> = labels.iter().map(|(label, lane)| event(label, LedgerKind::Exit, *lane)).collect();
            let ledger = Ledger::parse(&written(&events)).unwrap();
            prop_assert_eq!(ledger, Ledger { events, torn_line: None });
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Ledger::parse(&bytes));
        }
    }

    #[test]
    fn ledger_without_numbers_tells_loads_apart_by_what_happens_to_them() {
        let line = |epoch: u16, item: u32, attempt: u32, event: &str, lane: u16| {
            format!(
                "{{\"label\":\"S\",\"order\":\"\",\"sku\":\"S\",\"qty\":1,\"plc_epoch\":{epoch},\"item\":{item},\
                 \"attempt\":{attempt},\"event\":\"{event}\",\"lane\":{lane},\"result\":1}}\n"
            )
        };
        let text = [
            line(1, 1, 1, "inducted", 0),
            line(1, 2, 1, "inducted", 0),
            line(1, 1, 1, "exit", 64),
            // Put on again: the first load, whose passage has ended.
            line(1, 3, 2, "inducted", 0),
            // The PLC started anew under the second load.
            line(2, 1, 1, "exit", 5),
            line(1, 3, 2, "exit", 5),
        ]
        .concat();
        let ledger = Ledger::parse(text.as_bytes()).unwrap();
        let loads: Vec<u64> = ledger.events.iter().map(|event| event.load).collect();
        assert_eq!(loads, [1, 2, 1, 1, 2, 1]);
    }
}
