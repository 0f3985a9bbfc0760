//! `wcs journal export`: every record of a journal is one line of JSON, any range of them can be had, and a reader
//! that has seen enough ends it without an error.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::Child;
use wcs_tests::program::{binary, wcs};
use wcs_tests::{Ended, orders};

const LIMIT: Duration = Duration::from_secs(60);

fn run(folder: &Path, arguments: &[&str]) -> Result<Ended> {
    Child::run(wcs(folder, arguments)?, LIMIT)
}

/// A folder with the journal of a shift in `data`, and how many records its report counts.
fn shift() -> Result<(tempfile::TempDir, usize)> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 6, 20)?;
    let demo = ["demo", "--virtual", "--orders", "orders.csv", "--data", "data", "--report", "report.json"];
    run(folder.path(), &demo)?.expect_code(0)?;
    let report: Value = serde_json::from_slice(&std::fs::read(folder.path().join("report.json"))?)?;
    let records = report["journal"]["records"].as_u64().context("the report counts records")?;
    Ok((folder, usize::try_from(records)?))
}

#[test]
fn every_record_is_one_line_and_any_range_can_be_had() -> Result<()> {
    let (folder, records) = shift()?;
    let whole = run(folder.path(), &["journal", "export", "data"])?.expect_code(0)?;
    let lines: Vec<&str> = whole.out.lines().collect();
    ensure!(lines.len() == records, "{} lines of {records} records", lines.len());
    for (number, line) in (1_u64..).zip(&lines) {
        let record: Value = serde_json::from_str(line)?;
        ensure!(record["seq"].as_u64() == Some(number), "line {number} is {line}");
        ensure!(record["input"] != Value::Null && record["hash"] != Value::Null, "{line}");
    }
    let (last, beyond) = (records.to_string(), (records + 1).to_string());
    for (arguments, wanted) in [
        (&["--from", "10", "--to", "12"][..], &lines[9..12]),
        (&["--to", "1"], &lines[..1]),
        (&["--from", &last], &lines[records - 1..]),
        (&["--from", &last, "--to", "999999999"], &lines[records - 1..]),
    ] {
        let part = run(folder.path(), &[&["journal", "export", "data"][..], arguments].concat())?;
        let part = part.expect_code(0)?;
        ensure!(part.out.lines().collect::<Vec<_>>() == wanted, "{part}");
    }
    for arguments in [&["--from", "12", "--to", "10"][..], &["--from", &beyond], &["--from", "0"]] {
        let refused = run(folder.path(), &[&["journal", "export", "data"][..], arguments].concat())?;
        let refused = refused.expect_code(2)?;
        ensure!(refused.out.is_empty() && !refused.err.contains("panicked"), "{refused}");
        ensure!(
            arguments.contains(&"0") || refused.err.contains(&format!("the last is {last}")),
            "{refused}"
        );
    }
    Ok(())
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_without_an_error() -> Result<()> {
    let (folder, _) = shift()?;
    let mut command = Command::new("bash");
    // The exit code of the export itself, with everything it had to say.
    command.args(["-c", "\"$0\" journal export data | head -n 2; echo \"exit ${PIPESTATUS[0]}\""]);
    command.arg(binary()?).current_dir(folder.path());
    let ended = Child::run(command, LIMIT)?.expect_code(0)?;
    let lines: Vec<&str> = ended.out.lines().collect();
    ensure!(lines.len() == 3 && lines[2] == "exit 0", "{ended}");
    ensure!(ended.err.is_empty(), "{ended}");
    Ok(())
}
