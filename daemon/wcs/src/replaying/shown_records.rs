//! The records of a replay as they are shown: for people one after the other, paced if that was asked for; as JSON kept
//! for the one document at the end, up to a bound.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use wcs_engine::words;
use wcs_types::{MonoTime, Record};

use super::selection::{Filter, Range};
use crate::exit::Failure;
use crate::shown::Shown;
use crate::when::shown_core_time;

/// Records that one JSON document holds; further ones are counted only.
const RECORDS_KEPT_MAX: usize = 10_000;

pub(super) struct ShownRecords {
    shown: Shown,
    speed: Option<u32>,
    range: Range,
    /// Core time of the last record that time was waited for.
    paced: Option<MonoTime>,
    matching: u64,
    kept: Vec<Value>,
}

impl ShownRecords {
    pub(super) fn new(shown: Shown, speed: Option<u32>, range: Range) -> Self {
        Self { shown, speed, range, paced: None, matching: 0, kept: Vec::new() }
    }

    /// Takes a record that was followed; false when nobody looks any more.
    pub(super) fn see(&mut self, record: &Record, filter: &mut Filter) -> Result<bool, Failure> {
        filter.see(record);
        if record.seq < self.range.first {
            return Ok(true);
        }
        self.pace(record.now);
        let value = serde_json::to_value(record).map_err(Failure::not_ok)?;
        if !filter.takes(record, &value) {
            return Ok(true);
        }
        self.matching += 1;
        match self.shown {
            Shown::Json => {
                if self.kept.len() < RECORDS_KEPT_MAX {
                    self.kept.push(value);
                }
                Ok(true)
            }
            Shown::Lines => print(record),
        }
    }

    /// Waits as long as the plant did, divided by the speed.
    fn pace(&mut self, now: MonoTime) {
        let Some(speed) = self.speed else { return };
        if let Some(before) = self.paced {
            std::thread::sleep(Duration::from_nanos(now.0.saturating_sub(before.0) / u64::from(speed)));
        }
        self.paced = Some(now);
    }

    pub(super) fn matching(&self) -> u64 {
        self.matching
    }

    pub(super) fn take_kept(&mut self) -> Value {
        Value::Array(std::mem::take(&mut self.kept))
    }
}

/// Prints a record; false when its reader has gone.
fn print(record: &Record) -> Result<bool, Failure> {
    let mut text = format!("{} {} {}\n", record.seq.0, shown_core_time(record.now), words(&record.input));
    for decision in &record.decisions {
        text += &format!("    decision {decision:?}\n");
    }
    for fact in &record.facts {
        text += &format!("    fact {fact:?}\n");
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).map_err(Failure::not_ok),
    }
}
