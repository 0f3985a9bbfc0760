//! `wcs journal verify`, `wcs journal inspect` and `wcs journal export`.

use std::io::Write;

use wcs_journal::{FileStorage, inspect, verify};
use wcs_types::Seq;

use crate::arguments::{DirOptions, ExportOptions};
use crate::exit::Failure;
use crate::journal_dir::{JournalDir, journal_dir};

pub(crate) fn verify_command(options: &DirOptions) -> Result<(), Failure> {
    let storage = FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    let report = verify(&storage).map_err(Failure::not_ok)?;
    if report.recovered.segments.is_empty() {
        return Err(Failure::bad_input(format!("{}: there is no journal", options.dir.display())));
    }
    println!("{report}");
    Ok(())
}

pub(crate) fn inspect_command(options: &DirOptions) -> Result<(), Failure> {
    let storage = FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    println!("{}", inspect(&storage).map_err(Failure::not_ok)?);
    Ok(())
}

/// One record a line. A reader that goes away early, such as `head`, ends it without an error.
pub(crate) fn export_command(options: &ExportOptions) -> Result<(), Failure> {
    let journal = JournalDir::open(&options.dir)?;
    let (from, to) = (Seq(options.from), options.to.map_or(journal.found.last_seq, Seq));
    if from > to || from > journal.found.last_seq {
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
