//! The bundles of `tests/corpus`: one by the last commit of each closed issue. Every one replays, on every machine and
//! by every later version: one of the present version with equal hashes, an older one imposed, with as many differing
//! decisions as `bundles.txt` lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wcs_tests::child::{Child, tell};
use wcs_tests::program::{root, wcs};
use wcs_types::CORE_VERSION;

const LIMIT: Duration = Duration::from_secs(60);
/// No bundle in the tree is larger.
const BUNDLE_SIZE_MAX: u64 = 300 * 1024;

/// A line of `bundles.txt`.
struct Bundle {
    name: String,
    core: u32,
    records: u64,
    differ: u64,
}

fn folder() -> PathBuf {
    root().join("tests").join("corpus")
}

fn bundles() -> Result<Vec<Bundle>> {
    let text = fs::read_to_string(folder().join("bundles.txt"))?;
    text.lines().filter(|line| !line.starts_with('#')).map(bundle).collect()
}

fn bundle(line: &str) -> Result<Bundle> {
    let mut words = line.split_whitespace();
    let name = words.next().context("a name")?.to_owned();
    let mut number = |key: &str| -> Result<u64> {
        let word = words.next().with_context(|| format!("{line}: no {key}"))?;
        Ok(word.strip_prefix(key).with_context(|| format!("{line}: no {key}"))?.parse()?)
    };
    let core = u32::try_from(number("core=")?)?;
    Ok(Bundle { name, core, records: number("records=")?, differ: number("differ=")? })
}

#[test]
fn every_bundle_replays_and_an_older_one_lists_what_differs() -> Result<()> {
    let mut differing = 0;
    for bundle in bundles()? {
        let path = folder().join(format!("{}.tar", bundle.name));
        let size = fs::metadata(&path).with_context(|| bundle.name.clone())?.len();
        ensure!(size <= BUNDLE_SIZE_MAX, "{} has {size} bytes", bundle.name);
        let path = path.display().to_string();
        let command = wcs(&folder(), &["incident", "replay", &path, "--json"])?;
        let replayed: Value = serde_json::from_str(&Child::run(command, LIMIT)?.expect_code(0)?.out)?;
        let counts = (replayed["records"].as_u64(), replayed["differences"].as_u64());
        ensure!(counts == (Some(bundle.records), Some(bundle.differ)), "{}: {replayed}", bundle.name);
        ensure!(replayed["core_versions"] == serde_json::json!([bundle.core]), "{}: {replayed}", bundle.name);
        let (equal, imposed) =
            if bundle.core == CORE_VERSION { (bundle.records, 0) } else { (0, bundle.records) };
        ensure!(replayed["equal"] == equal && replayed["imposed"] == imposed, "{}: {replayed}", bundle.name);
        let listed = replayed["first_differences"].as_array().map_or(0, Vec::len);
        ensure!(listed as u64 == bundle.differ, "{}: {listed} differences are listed", bundle.name);
        differing += u64::from(bundle.core < CORE_VERSION && bundle.differ > 0);
        tell(&format!(
            "bundles: {} by core {}: {} records, {equal} equal, {} decisions differ",
            bundle.name, bundle.core, bundle.records, bundle.differ
        ));
    }
    ensure!(differing > 0, "an older bundle has differing decisions");
    Ok(())
}

#[test]
fn every_bundle_stands_in_the_list_and_says_where_it_is_from() -> Result<()> {
    let listed: BTreeSet<String> = bundles()?.into_iter().map(|bundle| bundle.name).collect();
    let readme = fs::read_to_string(folder().join("README.md"))?;
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tar") {
            found.insert(path.file_stem().context("a name")?.to_string_lossy().into_owned());
        }
    }
    ensure!(found == listed, "{found:?} and {listed:?}");
    let untold: Vec<&String> = listed.iter().filter(|name| !readme.contains(&format!("`{name}`"))).collect();
    ensure!(untold.is_empty(), "README.md does not say how these were made: {untold:?}");
    Ok(())
}
