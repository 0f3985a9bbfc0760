//! Incident bundles: taken from a daemon at work, replayed elsewhere with equal hashes, and refused with the place
//! when a byte of them is not what was written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::{Child, tell, wait_until};
use wcs_tests::program::wcs;
use wcs_tests::{Ended, Shift, orders, size};

const LIMIT: Duration = Duration::from_secs(60);

fn run(folder: &Path, arguments: &[&str]) -> Result<Ended> {
    Child::run(wcs(folder, arguments)?, LIMIT)
}

fn json(folder: &Path, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&run(folder, arguments)?.expect_code(0)?.out)?)
}

#[test]
fn bundle_of_a_daemon_at_work_begins_at_its_checkpoint_and_replays_elsewhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path();
    orders::write_made(&home.join("orders.csv"), 4, 30)?;
    let shift = Shift::start(home, 20, LIMIT)?;
    let (daemon, _) = shift.start_commanding()?;
    wait_until("loads are sorted", LIMIT, || Ok((shift.ledger_lines()? >= 60).then_some(())))?;
    daemon.interrupt()?.expect_code(0)?;
    let verified = json(home, &["journal", "verify", "data", "--json"])?;
    let saved = verified["checkpoints"][0].as_u64().context("a checkpoint of the stop")?;
    // The next daemon is at work while the bundle is taken.
    let (daemon, _) = shift.start_commanding()?;
    wait_until("more loads are sorted", LIMIT, || Ok((shift.ledger_lines()? >= 140).then_some(())))?;
    let record = (saved + 20).to_string();
    let shown =
        run(home, &["journal", "export", "data", "--from", &record, "--to", &record])?.expect_code(0)?;
    let now: Value = serde_json::from_str(&shown.out)?;
    let around = format!("+{}ms", now["now"].as_u64().context("a time")? / 1_000_000);
    fs::write(
        home.join("site.toml"),
        "# a remark\nplant = \"plant.toml\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
    )?;
    let log = "a link in trouble, wire trace at level debug\nnothing\nframe before_us=3 way=Out bytes=0001\n";
    fs::write(home.join("wcs.log"), log)?;
    let arguments =
        ["incident", "export", "data", "--around", &around, "--for", "10ms", "--site", "site.toml"];
    let export = [&arguments[..], &["--log", "wcs.log", "--json"]].concat();
    let exported = json(home, &export)?;
    ensure!(exported["manifest"]["checkpoint"]["record"] == saved, "{exported}");
    daemon.interrupt()?.expect_code(0)?;
    // Elsewhere there is nothing but the bundle.
    let elsewhere = tempfile::tempdir()?;
    fs::copy(home.join("incident.tar"), elsewhere.path().join("taken.tar"))?;
    let replayed = json(elsewhere.path(), &["incident", "replay", "taken.tar", "--json"])?;
    ensure!(replayed["state"] == exported["manifest"]["state"], "{replayed}");
    let (first, last) =
        (replayed["first"].as_u64().context("first")?, replayed["last"].as_u64().context("last")?);
    ensure!(first == saved + 1 && last >= saved + 20, "{replayed}");
    ensure!(replayed["equal"] == last + 1 - first && replayed["imposed"] == 0, "{replayed}");
    let text = run(elsewhere.path(), &["incident", "replay", "taken.tar"])?.expect_code(0)?;
    ensure!(text.out.contains("came out with equal decisions, facts and hashes"), "{text}");
    tell(&format!("incident: {}", text.out.lines().collect::<Vec<_>>().join("; ")));
    // Other programs read it as well, and find no remark and no other line of the log.
    let mut tar = std::process::Command::new("tar");
    tar.args(["-xf", "taken.tar"]).current_dir(elsewhere.path());
    Child::run(tar, LIMIT)?.expect_code(0)?;
    let mut sum = std::process::Command::new("sha256sum");
    sum.args(["-c", "manifest.sha256"]).current_dir(elsewhere.path());
    Child::run(sum, LIMIT)?.expect_code(0)?;
    let site = fs::read_to_string(elsewhere.path().join("site.toml"))?;
    ensure!(site.contains("plant.toml") && !site.contains("remark"), "{site}");
    ensure!(elsewhere.path().join("plant.toml").is_file(), "the plant file the site names");
    let wire = fs::read_to_string(elsewhere.path().join("wire.log"))?;
    ensure!(wire.lines().count() == 2, "{wire}");
    // The whole of it, from the first record.
    let whole =
        ["incident", "export", "data", "--around", &around, "--whole", "--for", "1h", "--out", "whole.tar"];
    run(home, &whole)?.expect_code(0)?;
    let whole = json(home, &["incident", "replay", "whole.tar", "--json"])?;
    ensure!(whole["checkpoint"] == Value::Null && whole["first"] == 1, "{whole}");
    ensure!(whole["equal"] == whole["last"], "{whole}");
    Ok(())
}

/// A folder with a bundle of a small shift.
fn small_bundle() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 6, 8)?;
    let demo = ["demo", "--virtual", "--orders", "orders.csv", "--data", "data"];
    run(folder.path(), &demo)?.expect_code(0)?;
    let export = ["incident", "export", "data", "--around", "+30s", "--for", "40s", "--out", "good.tar"];
    run(folder.path(), &export)?.expect_code(0)?;
    run(folder.path(), &["incident", "replay", "good.tar"])?.expect_code(0)?;
    Ok(folder)
}

/// A bundle of these bytes is refused, with a place and without a panic.
fn must_refuse(folder: &Path, bytes: &[u8], part: &str) -> Result<()> {
    fs::write(folder.join("bad.tar"), bytes)?;
    let refused = run(folder, &["incident", "replay", "bad.tar"])?.expect_code(2)?;
    let said = refused.err.contains("bad.tar: ") && refused.err.contains(part);
    ensure!(said && refused.out.is_empty() && !refused.err.contains("panicked"), "{part}: {refused}");
    Ok(())
}

#[test]
fn every_byte_of_a_bundle_is_held_against_what_was_written() -> Result<()> {
    let folder = small_bundle()?;
    let good = fs::read(folder.path().join("good.tar"))?;
    let step = size::choose(1_499, 149);
    let mut places: Vec<usize> = (0..good.len()).step_by(step).collect();
    places.push(good.len() - 1);
    for at in &places {
        let mut bad = good.clone();
        bad[*at] ^= 0x04;
        must_refuse(folder.path(), &bad, "")?;
    }
    tell(&format!("incident: {} of {} bytes flipped, each refused", places.len(), good.len()));
    Ok(())
}

#[test]
fn damaged_and_foreign_files_are_refused_with_their_place() -> Result<()> {
    let folder = small_bundle()?;
    let folder = folder.path();
    let good = fs::read(folder.join("good.tar"))?;
    must_refuse(folder, b"", "byte 0: the archive ends too early")?;
    must_refuse(folder, &fs::read(folder.join("orders.csv"))?, "byte 0")?;
    must_refuse(folder, &good[..good.len() - 512], "does not end where it says")?;
    must_refuse(folder, &good[..good.len() / 2], "byte ")?;
    must_refuse(folder, &[&good[..], &[0; 512]].concat(), "does not end where it says")?;
    must_refuse(folder, &[0; 1024], "manifest.json: is missing")?;
    // A file of which nobody knows, put between the others as another program would.
    let unpacked = folder.join("unpacked");
    fs::create_dir(&unpacked)?;
    let mut tar = std::process::Command::new("tar");
    tar.args(["-xf", "../good.tar"]).current_dir(&unpacked);
    Child::run(tar, LIMIT)?.expect_code(0)?;
    let mut tar = std::process::Command::new("bash");
    tar.args(["-c", "tar -cf ../bad.tar *"]).current_dir(&unpacked);
    Child::run(tar, LIMIT)?.expect_code(0)?;
    let packed = fs::read(folder.join("bad.tar"))?;
    must_refuse(folder, &packed, "not a file header as wcs writes it")?;
    let missing = run(folder, &["incident", "replay", "nowhere.tar"])?.expect_code(2)?;
    ensure!(missing.err.contains("nowhere.tar"), "{missing}");
    for (arguments, part) in [
        (&["data", "--around", "+90h"][..], "there is no record from"),
        (&["data", "--around", "noon"], "is no time"),
        (&["nowhere", "--around", "+1s"], "nowhere"),
        (&["data", "--around", "+30s", "--site", "nowhere.toml"], "nowhere.toml"),
        (&["data", "--around", "+30s", "--out", "no/such/folder.tar"], "no/such/folder.tar"),
    ] {
        let refused = run(folder, &[&["incident", "export"][..], arguments].concat())?.expect_code(2)?;
        ensure!(refused.err.contains(part) && !refused.err.contains("panicked"), "{refused}");
    }
    Ok(())
}
