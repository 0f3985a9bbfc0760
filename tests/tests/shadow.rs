//! `wcs shadow`: another plant file over the journal of a shift. What it lists is held against what the exported records
//! say by themselves: the decisions that chose the changed chute, and only those. At full size over a real day. Beside a
//! journal that grows it comes to the same.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_journal::{Batch, FileStorage, Opened, Options, Reader, Room, Writer, open, recover};
use wcs_tests::child::Child;
use wcs_tests::program::wcs;
use wcs_tests::{Ended, orders, plant, size};
use wcs_types::{Record, Seq};

const LIMIT: Duration = Duration::from_secs(120);

fn run(folder: &Path, arguments: &[&str]) -> Result<Ended> {
    Child::run(wcs(folder, arguments)?, LIMIT)?.expect_code(0)
}

/// A folder with the journal of a shift in `data`: a real day at full size, where there is one.
fn shift(assign: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("orders.csv");
    match orders::real_days().filter(|_| size::is_full()) {
        Some(days) => {
            std::fs::copy(days.join(orders::DAYS[1]), &file)?;
        }
        None => {
            orders::write_made(&file, 6, 30)?;
        }
    }
    let demo = ["demo", "--virtual", "--orders", "orders.csv", "--assign", assign, "--data", "data"];
    run(folder.path(), &demo)?;
    let shipped = plant::demo_plant()?;
    std::fs::write(folder.path().join("same.toml"), &shipped)?;
    // Lane 3 is chute number 2.
    let changed = shipped.replacen("lanes = \"1-60\"", "lanes = \"1-2,4-60\"", 1);
    ensure!(changed != shipped, "the shipped plant has lanes 1 to 60 for orders");
    std::fs::write(folder.path().join("changed.toml"), changed)?;
    Ok(folder)
}

/// Records of the decisions that chose the chute, and how many decisions there are.
fn choices(export: &str, chute: u64) -> Result<(Vec<u64>, u64)> {
    let (mut found, mut count) = (Vec::new(), 0);
    for line in export.lines() {
        let record: Value = serde_json::from_str(line)?;
        let seq = record["seq"].as_u64().context("a record has a number")?;
        for decision in record["decisions"].as_array().context("a record has decisions")? {
            count += 1;
            let bound = decision.pointer("/Bind/chute");
            let routed = decision.pointer("/Route/destination/Chute/chute");
            if bound.or(routed).and_then(Value::as_u64) == Some(chute) {
                found.push(seq);
            }
        }
    }
    Ok((found, count))
}

#[test]
fn one_chute_less_lists_the_decisions_that_chose_it_and_only_those() -> Result<()> {
    for assign in ["volume", "first_scan"] {
        let folder = shift(assign)?;
        let export = run(folder.path(), &["journal", "export", "data"])?;
        let (expected, decisions) = choices(&export.out, 2)?;
        ensure!(expected.len() > 1, "{} decisions chose the chute", expected.len());

        let shadow = |name: &str| -> Result<Value> {
            let shadow = ["--json", "shadow", "--plant", name, "--journal", "data"];
            Ok(serde_json::from_str(&run(folder.path(), &shadow)?.out)?)
        };
        let same = shadow("same.toml")?;
        ensure!(same["differ"] == 0 && same["decisions"].as_u64() == Some(decisions), "{same}");
        let found = shadow("changed.toml")?;
        ensure!(found["decisions"].as_u64() == Some(decisions), "{}", found["decisions"]);
        ensure!(found["changes"] == serde_json::json!(["chute order-3 is not in this plant"]), "{found}");
        let listed = found["differing"].as_array().context("differing decisions are listed")?;
        let seqs: Vec<u64> = listed.iter().filter_map(|one| one["seq"].as_u64()).collect();
        ensure!(seqs == expected, "listed {seqs:?}, the journal says {expected:?}");
        for one in listed {
            ensure!(one["reason"] == "chute order-3 is not in this plant", "{one}");
            ensure!(one["shadow"] != one["recorded"], "{one}");
        }
        let text = run(folder.path(), &["shadow", "--plant", "changed.toml", "--journal", "data"])?;
        let sum = format!("{} of {decisions} decisions differ", seqs.len());
        ensure!(text.out.lines().last().is_some_and(|line| line.starts_with(&sum)), "{text}");
        ensure!(text.out.lines().filter(|line| line.starts_with("record ")).count() == seqs.len(), "{text}");
        println!("shadow: bound by {assign}, {sum}, as the journal says");
    }
    Ok(())
}

/// Writes records in batches of a few, as a daemon does.
fn write(writer: &mut Writer<FileStorage>, records: &[Record]) -> Result<()> {
    for part in records.chunks(7) {
        let mut batch = Batch::new();
        part.iter().for_each(|record| batch.push(record));
        writer.append(&batch)?;
        writer.sync()?;
    }
    Ok(())
}

#[test]
fn it_follows_a_journal_that_grows_over_its_segments() -> Result<()> {
    let folder = shift("first_scan")?;
    let shown = run(folder.path(), &["shadow", "--plant", "changed.toml", "--journal", "data"])?;
    let whole = FileStorage::open_read_only(&folder.path().join("data").join("journal"))?;
    let found = recover(&whole)?;
    let context = found.context.clone().context("a journal has a context")?;
    let read = Reader::open(&whole, Seq(1), found.last_seq)?;
    let records = read.map(|entry| Ok(entry?.record)).collect::<Result<Vec<Record>>>()?;

    let grown = folder.path().join("grown").join("journal");
    std::fs::create_dir_all(&grown)?;
    let storage = FileStorage::open(&grown)?;
    let room = Room { segment_size: 24 * 1024, reserve_size: 8 * 1024 };
    let options = Options { room, genesis: found.genesis, trusted: Seq::NONE };
    let Opened { mut writer, .. } = open(storage.clone(), context, options)?;
    let (first, rest) = records.split_at(records.len() / 2);
    write(&mut writer, first)?;
    let shadow = ["shadow", "--plant", "changed.toml", "--journal", "grown", "--follow"];
    let mut follower = Child::start(wcs(folder.path(), &shadow)?, LIMIT)?;
    follower.wait_err(&["shadow read on", &format!("records={} ", first.len())])?;
    let segments = recover(&storage)?.segments.len();
    write(&mut writer, rest)?;
    ensure!(recover(&storage)?.segments.len() > segments + 2, "the journal goes on in further segments");
    follower.wait_err(&["shadow read on", &format!("records={} ", records.len())])?;
    let followed = follower.interrupt()?.expect_code(0)?;
    // It tells each difference when it finds it, and in the end the same as a look at the whole.
    ensure!(followed.out == shown.out && followed.out.starts_with("record "), "{followed}\n{shown}");
    Ok(())
}

#[test]
fn it_tells_programs_that_follow_an_object_a_line() -> Result<()> {
    let folder = shift("first_scan")?;
    let shadow = ["--json", "shadow", "--plant", "changed.toml", "--journal", "data"];
    let whole: Value = serde_json::from_str(&run(folder.path(), &shadow)?.out)?;
    let records = whole["records"].as_u64().context("it says how many records there are")?;
    let mut follower = Child::start(wcs(folder.path(), &[&shadow[..], &["--follow"]].concat())?, LIMIT)?;
    follower.wait_err(&["shadow read on", &format!("records={records} ")])?;
    let followed = follower.interrupt()?.expect_code(0)?;
    let mut told = Vec::new();
    for line in followed.out.lines() {
        let mut object: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let event = object.as_object_mut().and_then(|object| object.remove("event"));
        told.push((event.context("every line is an event")?, object));
    }
    let (last, sum) = told.pop().context("it tells when it stops")?;
    ensure!(last == "stopped", "{last}: {sum}");
    // The same differences as a look at the whole, told one by one, and the same sum without their list.
    ensure!(told.len() > 1 && told.iter().all(|(event, _)| event == "decision_differs"), "{followed}");
    let differing: Vec<Value> = told.into_iter().map(|(_, object)| object).collect();
    ensure!(whole["differing"] == Value::from(differing), "{followed}\n{whole}");
    for key in [
        "records",
        "records_of_other_versions",
        "decisions",
        "differ",
        "same_choice_other_candidates",
        "changes",
    ] {
        ensure!(!sum[key].is_null() && sum[key] == whole[key], "{key}: {sum} {whole}");
    }
    ensure!(sum.get("differing").is_none() && sum.get("not_listed").is_none(), "{sum}");
    Ok(())
}

#[test]
fn another_line_is_refused_by_name() -> Result<()> {
    let folder = shift("volume")?;
    let renamed = plant::demo_plant()?.replace("sorter1", "elsewhere");
    std::fs::write(folder.path().join("renamed.toml"), renamed)?;
    let shadow = ["shadow", "--plant", "renamed.toml", "--journal", "data"];
    let refused = Child::run(wcs(folder.path(), &shadow)?, LIMIT)?.expect_code(2)?;
    ensure!(refused.err.contains("elsewhere") && !refused.err.contains("panicked"), "{refused}");
    Ok(())
}
