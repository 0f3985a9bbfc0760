//! `wcs journal verify`, `wcs journal inspect` and `wcs journal export`.

use std::io::Write;

use serde_json::{Value, json};
use wcs_journal::{FileStorage, inspect, verify};
use wcs_types::Seq;

use crate::arguments::{DirOptions, ExportOptions};
use crate::exit::Failure;
use crate::journal_dir::{JournalDir, journal_dir};
use crate::shown::Shown;

pub(crate) fn verify_command(options: &DirOptions, shown: Shown) -> Result<(), Failure> {
    let storage = FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    let report = verify(&storage).map_err(Failure::not_ok)?;
    let found = &report.recovered;
    if found.segments.is_empty() {
        return Err(Failure::bad_input(format!("{}: there is no journal", options.dir.display())));
    }
    let segments: Vec<Value> = found
        .segments
        .iter()
        .map(|segment| {
            json!({ "segment": segment.segment, "writer": segment.epoch, "core_version": segment.core_version,
                "batches": segment.batches, "first": segment.first.0, "last": segment.last.0,
                "bytes": segment.used })
        })
        .collect();
    let checkpoints: Vec<u64> = report.checkpoints.iter().map(|seq| seq.0).collect();
    let document = json!({
        "ok": true,
        "records": report.records,
        "batches": found.last_batch,
        "is_sealed": found.was_sealed,
        "torn": found.torn.as_ref().map(ToString::to_string),
        "void": found.void,
        "checkpoints": checkpoints,
        "segments": segments,
    });
    shown.print(&document, || report.to_string())
}

pub(crate) fn inspect_command(options: &DirOptions, shown: Shown) -> Result<(), Failure> {
    let storage = FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    let found = inspect(&storage).map_err(Failure::not_ok)?;
    let text = found.to_string();
    let lines: Vec<&str> = text.lines().collect();
    let document = json!({ "segments": found.segments(), "frames": found.frames(), "lines": lines });
    shown.print(&document, || text.clone())
}

/// One record a line. A reader that goes away early, such as `head`, ends it without an error.
pub(crate) fn export_command(options: &ExportOptions) -> Result<(), Failure> {
    let journal = JournalDir::open(&options.dir)?;
    let (from, to) = (Seq(options.from), options.to.map_or(journal.found.last_seq, Seq));
    // All there is of a journal without records is nothing.
    let is_all_of_nothing = journal.found.last_seq == Seq::NONE && options.to.is_none() && from == Seq(1);
    if !is_all_of_nothing && (from > to || from > journal.found.last_seq) {
        let last = journal.found.last_seq.0;
        let message = format!("there is no record from {} to {}; the last is {last}", from.0, to.0);
        return Err(Failure::bad_input(message));
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for entry in journal.records_between(from, to)?.into_iter().flatten() {
        let record = entry.map_err(Failure::not_ok)?.record;
        let line = serde_json::to_string(&record).map_err(Failure::not_ok)?;
        match writeln!(out, "{line}") {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(Failure::not_ok)?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        flushed => flushed.map_err(Failure::not_ok),
    }
}
