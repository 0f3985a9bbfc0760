//! Files a person may get wrong: each is refused with exit code 2 and a message that names the place, before anything
//! is opened or moved.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wcs_tests::child::Child;
use wcs_tests::plant::{demo_plant, write_demo};
use wcs_tests::program::wcs;
use wcs_tests::{Ended, orders};

/// Nothing that is refused takes long.
const LIMIT: Duration = Duration::from_secs(15);

fn run(folder: &Path, arguments: &[&str]) -> Result<Ended> {
    Child::run(wcs(folder, arguments)?, LIMIT)
}

/// Refused: exit 2, and every one of `parts` in the message.
fn expect_refused(ended: Ended, parts: &[&str]) -> Result<()> {
    let ended = ended.expect_code(2)?;
    for part in parts {
        ensure!(ended.err.contains(part), "`{part}` is not in the message: {ended}");
    }
    ensure!(!ended.err.contains("panicked"), "{ended}");
    Ok(())
}

/// Line of the first place where `text` has `part`.
fn line_of(text: &str, part: &str) -> Result<usize> {
    let at = text.find(part).with_context(|| format!("`{part}` is in the file"))?;
    Ok(text[..at].matches('\n').count() + 1)
}

/// What is replaced in the demo plant, by what, the part of the changed file whose line is named, and the message.
const PLANTS: [(&str, &str, &str, &str); 8] = [
    ("unit_id = 1", "unit_id = 1\nunitid = 2", "unitid", "no key `unitid`"),
    ("lanes = \"61-62\"", "lanes = \"60-62\"", "lanes = \"60-62\"", "belongs to the chute on line"),
    ("127.0.0.1:1502", "127.0.0.1", "endpoint =", "`endpoint` must be host:port"),
    ("127.0.0.1:1502", "127.0.0.300:1502", "endpoint =", "not a name or an address"),
    ("lanes = \"64\"", "lanes = \"64-1025\"", "lanes = \"64-1025\"", "at most 1024 lanes"),
    ("profile = \"wcs-sorter-hs\"", "profile = \"wcs-sorter\"", "profile =", "no profile `wcs-sorter`"),
    ("link = \"plc1\"", "link = \"plc2\"", "link = \"plc2\"", "no link `plc2`"),
    ("day_start = \"06:00\"", "day_start = \"6 am\"", "day_start", "`day_start` must be a time"),
];

#[test]
fn plant_files_are_refused_with_file_and_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let demo = demo_plant()?;
    for (from, to, place, message) in PLANTS {
        ensure!(demo.contains(from), "{from}");
        let text = demo.replacen(from, to, 1);
        fs::write(folder.path().join("bad.toml"), &text)?;
        let place = format!("bad.toml:{}: ", line_of(&text, place)?);
        expect_refused(
            run(folder.path(), &["run", "--plant", "bad.toml", "--data", "data"])?,
            &[&place, message],
        )?;
        expect_refused(run(folder.path(), &["check", "bad.toml"])?, &[&place, message])?;
        ensure!(!folder.path().join("data").exists(), "a refused plant leaves nothing behind");
    }
    Ok(())
}

#[test]
fn two_owners_of_a_link_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let demo = demo_plant()?;
    let (head, chutes) = demo.split_once("# One chute").context("the demo plant has chutes")?;
    let line = &head[head.find("[[line]]").context("the demo plant has a line")?..];
    let second = line.replace("sorter1", "sorter2");
    let more = chutes.replace("sorter1", "sorter2").replace("id = \"", "id = \"second_");
    let text = format!("{demo}\n{second}\n# One chute{more}");
    fs::write(folder.path().join("bad.toml"), &text)?;
    let place = format!("bad.toml:{}: ", line_of(&text, "id = \"sorter2\"")?);
    let ended = run(folder.path(), &["run", "--plant", "bad.toml", "--data", "data"])?;
    expect_refused(ended, &[&place, "unit 1 of link `plc1` is owned by the line on line"])
}

#[test]
fn every_problem_of_a_plant_file_comes_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut text = demo_plant()?;
    for (from, to) in [
        ("unit_id = 1", "unit_id = 300"),
        ("lanes = \"61-62\"", "lanes = \"60-62\""),
        ("127.0.0.1:1502", "127.0.0.1:0"),
    ] {
        text = text.replacen(from, to, 1);
    }
    fs::write(folder.path().join("bad.toml"), &text)?;
    let places = ["unit_id = 300", "lanes = \"60-62\"", "endpoint ="];
    let places: Vec<String> = places
        .iter()
        .map(|place| Ok(format!("bad.toml:{}: ", line_of(&text, place)?)))
        .collect::<Result<_>>()?;
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    expect_refused(run(folder.path(), &["check", "bad.toml"])?, &places)
}

#[test]
fn order_files_are_refused_with_the_column() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_demo(folder.path(), "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
    let good = folder.path().join("good.csv");
    orders::write_made(&good, 1, 3)?;
    let good = fs::read_to_string(good)?;
    let cases = [
        ("missing column", good.replacen("StockCode", "Article", 1), vec!["StockCode", "missing"]),
        ("semicolons", good.replace(',', ";"), vec!["InvoiceNo", "missing"]),
        ("column twice", good.replacen("UnitPrice", "Quantity", 1), vec!["Quantity", "twice"]),
        ("empty", "\n".to_owned(), vec!["the file is empty"]),
    ];
    for (what, text, parts) in cases {
        fs::write(folder.path().join("bad.csv"), text)?;
        let arguments = ["run", "--plant", "plant.toml", "--data", "data", "--orders", "bad.csv"];
        expect_refused(run(folder.path(), &arguments)?, &parts).with_context(|| what.to_owned())?;
        let ended = run(folder.path(), &["demo", "--virtual", "--orders", "bad.csv"])?;
        expect_refused(ended, &parts).with_context(|| what.to_owned())?;
    }
    expect_refused(run(folder.path(), &["demo", "--virtual", "--orders", "none.csv"])?, &["none.csv"])
}

#[test]
fn mappings_and_fault_files_are_refused_with_file_and_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    expect_written_config(folder.path())?;
    orders::write_made(&folder.path().join("orders.csv"), 1, 3)?;
    let mapping = fs::read_to_string(folder.path().join("config/mappings/retail.toml"))?;
    let cases = [
        (mapping.replacen("sku =", "skew =", 1), "skew", "no key `skew`"),
        (
            mapping.replacen("rule = \"not_positive\"", "rule = \"positive\"", 1),
            "rule = \"positive\"",
            "`rule` must be",
        ),
        (mapping.replacen("utf-8\"", "latin-1\"", 1), "latin-1", "`encoding` must be one of"),
        (mapping.replacen("[A-Za-z]", "[A-Za-z", 1), "rule = { not_matching", "not a regular expression"),
    ];
    for (text, place, message) in cases {
        ensure!(text != mapping, "the mapping has what is replaced: {message}");
        fs::write(folder.path().join("map.toml"), &text)?;
        let place = format!("map.toml:{}: ", line_of(&text, place)?);
        let mut arguments = vec!["run", "--plant", "config/plant.toml", "--data", "data"];
        arguments.extend(["--orders", "orders.csv", "--mapping", "map.toml"]);
        expect_refused(run(folder.path(), &arguments)?, &[&place, message])?;
        expect_refused(run(folder.path(), &["check", "map.toml"])?, &[&place, message])?;
    }
    let cases = [
        (
            "[[fault]]\nkind = \"no_reed\"\nrate = 0.1\n",
            2,
            "unknown kind `no_reed`; the nearest is `no_read`",
        ),
        ("[[fault]]\nkind = \"no_read\"\nrat = 0.1\n", 3, "has no key `rat`"),
        ("[[fault]]\nkind = \"no_read\"\nrate = 2.0\n", 3, "`rate` must be"),
        ("[[fault]]\nrate = 0.1\n", 1, "has no `kind`"),
    ];
    for (text, line, message) in cases {
        fs::write(folder.path().join("faults.toml"), text)?;
        let place = format!("faults.toml:{line}: ");
        let arguments = ["demo", "--virtual", "--orders", "orders.csv", "--faults", "faults.toml"];
        expect_refused(run(folder.path(), &arguments)?, &[&place, message])?;
        expect_refused(run(folder.path(), &["check", "faults.toml"])?, &[&place, message])?;
    }
    Ok(())
}

/// `--write-config` writes files that `wcs check` finds sound.
fn expect_written_config(folder: &Path) -> Result<()> {
    run(folder, &["demo", "--write-config", "config"])?.expect_code(0)?;
    let checked = run(folder, &["check", "config"])?.expect_code(0)?;
    ensure!(checked.out.contains("plant.toml: plant, ok"), "{checked}");
    ensure!(checked.out.contains("retail.toml: mapping, ok"), "{checked}");
    Ok(())
}

#[test]
fn a_speed_that_leaves_no_time_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    orders::write_made(&folder.path().join("orders.csv"), 1, 3)?;
    for arguments in [
        &["demo", "--speed", "1000", "--for", "1s"][..],
        &["demo", "--speed", "101", "--orders", "orders.csv"],
        &["demo", "--virtual", "--speed", "101", "--orders", "orders.csv"],
    ] {
        expect_refused(run(folder.path(), arguments)?, &["--speed", "less than 200 ms"])?;
    }
    expect_refused(run(folder.path(), &["demo", "--speed", "0", "--for", "1s"])?, &["--speed"])
}

/// The speed register holds 65 535 mm/s: at 2 m/s the belt can be at most 32 times as fast.
#[test]
fn a_speed_the_sorter_cannot_have_is_refused_before_anything_starts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    orders::write_made(&folder.join("orders.csv"), 1, 3)?;
    write_demo(folder, "plant.toml", SocketAddr::from(([127, 0, 0, 1], 1)))?;
    let sim = [
        "sim",
        "run",
        "--plant",
        "plant.toml",
        "--listen",
        "127.0.0.1:0",
        "--orders",
        "orders.csv",
        "--speed",
        "40",
        "--ledger",
        "ledger.jsonl",
    ];
    for arguments in [&["demo", "--speed", "40", "--orders", "orders.csv"][..], &sim] {
        let ended = run(folder, arguments)?;
        ensure!(!ended.out.contains("listening"), "it was refused after it had started: {ended}");
        expect_refused(ended, &["speed"])?;
    }
    Ok(())
}

#[test]
fn missing_folders_and_files_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    fs::create_dir(folder.join("empty"))?;
    fs::write(folder.join("ledger.jsonl"), "")?;
    for (arguments, part) in [
        (&["run", "--plant", "none.toml", "--data", "data"][..], "none.toml"),
        (&["check", "none.toml"], "none.toml"),
        (&["check", "empty"], "no .toml file"),
        (&["replay", "none"], "none"),
        (&["replay", "empty"], "no journal"),
        (&["journal", "verify", "none"], "none"),
        (&["journal", "inspect", "none"], "none"),
        (&["reconcile", "--data", "none", "--ledger", "ledger.jsonl"], "none"),
        (&["reconcile", "--data", "empty", "--ledger", "ledger.jsonl"], "no journal"),
        (&["demo", "--virtual", "--faults", "none.toml", "--for", "1s"], "none.toml"),
        (&["demo", "--for", "60"], "60"),
        (&["demo", "--identify", "name"], "name"),
    ] {
        let ended = run(folder, arguments)?;
        expect_refused(ended, &[part]).with_context(|| format!("{arguments:?}"))?;
    }
    if folder.join("none").exists() {
        bail!("looking at a folder that is not there has made it");
    }
    Ok(())
}
