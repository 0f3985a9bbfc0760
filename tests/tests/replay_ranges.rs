//! `wcs replay` with ranges, filters, pace and JSON, and what it says of the first divergence: which row of which table
//! has which field other than recorded.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_core::{Core, Step};
use wcs_engine::{Chronicle, journal_plant, save};
use wcs_journal::{
    Batch, Checkpoint, FileStorage, Opened, Options, Reader, Recovered, Room, open, recover, write_checkpoint,
};
use wcs_tests::child::Child;
use wcs_tests::program::wcs;
use wcs_tests::{Ended, orders};
use wcs_types::{EventBody, Input, Plant, Record, Seq};

const LIMIT: Duration = Duration::from_secs(60);

fn run(folder: &Path, arguments: &[&str]) -> Result<Ended> {
    Child::run(wcs(folder, arguments)?, LIMIT)
}

/// A folder with the journal of a shift in `data`, and its records.
fn shift() -> Result<(tempfile::TempDir, Recovered, Plant, Vec<Record>)> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 6, 12)?;
    run(folder.path(), &["demo", "--virtual", "--orders", "orders.csv", "--data", "data"])?.expect_code(0)?;
    let storage = FileStorage::open_read_only(&folder.path().join("data").join("journal"))?;
    let found = recover(&storage)?;
    let plant = journal_plant(found.context.as_ref().context("a context")?)?;
    let records = Reader::open(&storage, Seq(1), found.last_seq)?.map(|entry| Ok(entry?.record));
    let records: Result<Vec<Record>> = records.collect();
    Ok((folder, found, plant, records?))
}

/// What `wcs replay data --json` prints with these arguments.
fn replayed(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let ended = run(folder, &[&["replay", "data", "--json"][..], arguments].concat())?.expect_code(0)?;
    Ok(serde_json::from_str(&ended.out)?)
}

fn numbers(document: &Value) -> Vec<u64> {
    let records = document["matching"].as_array().into_iter().flatten();
    records.filter_map(|record| record["seq"].as_u64()).collect()
}

#[test]
fn records_of_a_range_are_shown_and_filters_leave_out_the_others() -> Result<()> {
    let (folder, _, _, records) = shift()?;
    let folder = folder.path();
    let all = u64::try_from(records.len())?;
    let range = replayed(folder, &["--from", "20", "--to", "29"])?;
    ensure!(numbers(&range) == (20..30).collect::<Vec<u64>>(), "{range}");
    ensure!(range["records"] == 29 && range["records_matching"] == 10, "{range}");
    // By time: the same records as their times say.
    let (since, until) = (5_000, 9_000);
    let wanted = records.iter().filter(|record| (since..=until).contains(&(record.now.0 / 1_000_000)));
    let wanted: Vec<u64> =
        wanted.filter(|record| record.now.0 <= until * 1_000_000).map(|record| record.seq.0).collect();
    let timed = replayed(folder, &["--since", "+5000ms", "--until", "+9000ms"])?;
    ensure!(!wanted.is_empty() && numbers(&timed) == wanted, "{timed}");
    // By kind, and several of them.
    let is_scan = |record: &&Record| matches!(&record.input, Input::Sorter { event, .. } if matches!(event.body, EventBody::Scan(_)));
    let scans: Vec<&Record> = records.iter().filter(is_scan).collect();
    let shown = replayed(folder, &["--kind", "scan"])?;
    ensure!(numbers(&shown) == scans.iter().map(|record| record.seq.0).collect::<Vec<u64>>(), "{shown}");
    let more = replayed(folder, &["--kind", "scan,load_ended"])?;
    ensure!(numbers(&more).len() > scans.len(), "{more}");
    let none = run(folder, &["replay", "data", "--kind", "scna"])?.expect_code(0)?;
    ensure!(none.out.contains("0 records shown") && none.out.contains("load_ended"), "{none}");
    // By label and by load: all that is about it, its exit included.
    let Input::Sorter { line, event } = &scans[3].input else { anyhow::bail!("a scan is of a sorter") };
    let EventBody::Scan(scan) = &event.body else { anyhow::bail!("a scan") };
    let label = scan.codes[0].to_string();
    let by_label = numbers(&replayed(folder, &["--label", &label])?);
    let load = format!("{}-{}-{}", line.0, event.plc_epoch.0, event.item);
    let by_load = numbers(&replayed(folder, &["--load", &load])?);
    ensure!(
        by_label == by_load && by_load.len() >= 2 && by_load[0] == scans[3].seq.0,
        "{by_label:?} {by_load:?}"
    );
    // By line, with a filter beside it.
    let of_line = replayed(folder, &["--line", "sorter1", "--kind", "exit"])?;
    ensure!(!numbers(&of_line).is_empty(), "{of_line}");
    for (arguments, part) in [
        (&["--line", "nowhere"][..], "there are: sorter1"),
        (&["--load", "seven"], "is no load"),
        (&["--from", "9", "--to", "3"], "there is no such record"),
        (&["--since", "+9000h"], "there is no such record"),
    ] {
        let refused = run(folder, &[&["replay", "data"][..], arguments].concat())?.expect_code(2)?;
        ensure!(refused.err.contains(part), "{refused}");
    }
    let whole = replayed(folder, &[])?;
    ensure!(whole["records"] == all && whole["matching"] == Value::Null, "{whole}");
    Ok(())
}

#[test]
fn records_are_shown_one_by_one_at_the_pace_that_is_asked_for() -> Result<()> {
    let (folder, _, _, records) = shift()?;
    let (first, last) = (&records[9], &records[59]);
    let (from, to) = (first.seq.0.to_string(), last.seq.0.to_string());
    let began = std::time::Instant::now();
    let arguments = ["replay", "data", "--from", &from, "--to", &to, "--speed", "50"];
    let shown = run(folder.path(), &arguments)?.expect_code(0)?;
    // Never faster than asked for; how much slower is the machine's business.
    let least = Duration::from_nanos((last.now.0 - first.now.0) / 50);
    ensure!(began.elapsed() >= least, "{:?}, at least {least:?}", began.elapsed());
    let heads = shown.out.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    ensure!(heads.clone().filter(|line| line.contains(" +")).count() == 51, "{shown}");
    ensure!(shown.out.contains("51 records shown of records 10 to 60"), "{shown}");
    Ok(())
}

/// Writes these records as the journal in `data`, anew.
fn write(folder: &Path, found: &Recovered, records: &[Record]) -> Result<FileStorage> {
    let dir = folder.join("data").join("journal");
    std::fs::remove_dir_all(&dir)?;
    std::fs::create_dir_all(&dir)?;
    let storage = FileStorage::open(&dir)?;
    let context = found.context.clone().context("a context")?;
    let options = Options { room: Room::default(), genesis: found.genesis, trusted: Seq::NONE };
    let Opened { mut writer, .. } = open(storage.clone(), context, options)?;
    for part in records.chunks(16) {
        let mut batch = Batch::new();
        part.iter().for_each(|record| batch.push(record));
        writer.append(&batch)?;
        writer.sync()?;
    }
    Ok(storage)
}

/// Position of the first scan that is answered, behind the tenth.
fn a_scan(records: &[Record]) -> Result<usize> {
    let scans = records.iter().enumerate().filter(|(_, record)| {
        matches!(&record.input, Input::Sorter { event, .. } if matches!(event.body, EventBody::Scan(_)))
            && !record.decisions.is_empty()
    });
    scans.map(|(at, _)| at).nth(10).context("eleven scans")
}

#[test]
fn only_a_hash_that_differs_is_told_apart_from_a_state_that_differs() -> Result<()> {
    let (folder, found, _, mut records) = shift()?;
    let at = a_scan(&records)?;
    records[at].hash.0 ^= 1;
    write(folder.path(), &found, &records)?;
    let diverged = run(folder.path(), &["replay", "data"])?.expect_code(1)?;
    ensure!(diverged.err.contains(&format!("record {}: the state hash was", at + 1)), "{diverged}");
    ensure!(diverged.err.contains("is as recorded again behind record"), "{diverged}");
    Ok(())
}

#[test]
fn a_state_that_differs_is_told_row_by_row_against_the_nearest_checkpoint() -> Result<()> {
    let (folder, found, plant, mut records) = shift()?;
    let at = a_scan(&records)?;
    let end = at + 2;
    // A core that went another way without anybody deciding otherwise: it took the scan for one at another place.
    let (mut core, mut step, mut chronicle) = (Core::new(plant), Step::default(), Chronicle::default());
    for (index, record) in records.iter_mut().enumerate().take(end) {
        let mut input = record.input.clone();
        if index == at
            && let Input::Sorter { event, .. } = &mut input
            && let EventBody::Scan(scan) = &mut event.body
        {
            scan.point.0 += 7;
        }
        core.handle(record.now, record.gap, &input, Some(&record.decisions), &mut step);
        ensure!(index < at || step.differences.is_empty(), "the point changes no decision");
        record.hash = core.state_hash();
        record.facts.clone_from(&step.facts);
        chronicle.see_record(record);
    }
    records.truncate(end);
    let storage = write(folder.path(), &found, &records)?;
    let body = save(&core, &chronicle);
    let context = found.context.clone().context("a context")?;
    let (seq, hash) = (core.seq(), core.state_hash());
    write_checkpoint(&storage, &Checkpoint { seq, genesis: found.genesis, context, hash, body })?;
    let diverged = run(folder.path(), &["replay", "data"])?.expect_code(1)?;
    ensure!(diverged.err.contains(&format!("record {}: the state hash was", at + 1)), "{diverged}");
    ensure!(diverged.err.contains(&format!("checkpoint, of record {end}, 1 records later")), "{diverged}");
    let told = diverged.err.lines().find(|line| line.contains("loads row") && line.contains("point is"));
    ensure!(told.is_some_and(|line| line.contains("recorded was")), "{diverged}");
    // The same as a document.
    let json = run(folder.path(), &["replay", "data", "--json"])?.expect_code(1)?;
    let document: Value = serde_json::from_str(&json.out)?;
    ensure!(document["ok"] == false && document["record"] == at + 1, "{document}");
    ensure!(document["state_difference"].as_array().is_some_and(|lines| !lines.is_empty()), "{document}");
    Ok(())
}
