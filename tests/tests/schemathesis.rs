//! The service against its own OpenAPI document: schemathesis, a program that is not ours, makes requests from the document,
//! right and wrong ones, and holds every answer against it. No answer is a 5xx, none is undocumented or of another shape,
//! nothing the document forbids is accepted, and what it did to the store is what the journal says.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_journal::{FileStorage, recover};
use wcs_store::{Address, Settings, Store};
use wcs_tests::child::{Child, tell};
use wcs_tests::front_door::FrontDoor;
use wcs_tests::program::python;
use wcs_tests::size::choose;

/// Seconds it makes requests: little here, five minutes where the acceptance line asks for it.
const SECONDS: (u64, u64) = (20, 300);
const LIMIT: Duration = Duration::from_secs(500);
/// What an answer is held to. Left out: that whatever the document allows is accepted. It cannot say that a cursor comes from
/// the page before or that a mapping file has its columns, and JSON writes whole numbers as 1.0 too.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      missing_required_header,unsupported_method,allow_header_conformance";
/// Statuses that refuse what the document forbids. Orders sent together stand or fall alone: 207 says what became of each.
const CONFIGURATION: &str = "[checks.negative_data_rejection]\n\
    expected-statuses = [207, 400, 403, 404, 405, 406, 408, 409, 413, 415, 422, 429, 503]\n";
/// The stream of events has no end: a request for it would wait for one.
const WITHOUT_END: &str = "/api/events";
/// Any instant will do: the store is told what time it is.
const NOW_MS: i64 = 1_800_000_000_000;

#[test]
fn every_answer_is_one_the_document_has() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let door = FrontDoor::start(folder.path(), "", LIMIT)?;
    let document = format!("http://{}/api/openapi.json", door.address);
    let seconds = choose(SECONDS.0, SECONDS.1);
    std::fs::write(folder.path().join("schemathesis.toml"), CONFIGURATION)?;
    let mut command = Command::new(program()?);
    command
        .args(["run", &document, "--checks", CHECKS, "--exclude-path", WITHOUT_END])
        .args(["--max-time", &seconds.to_string(), "--seed", "1", "--no-color", "--request-timeout", "20"])
        .args(["--output-truncate", "false", "--no-shrink"])
        // Its configuration is there; what it keeps between runs must not decide this one.
        .current_dir(folder.path())
        .env("HYPOTHESIS_STORAGE_DIRECTORY", folder.path().join("hypothesis"));
    let ended = Child::run(command, LIMIT)?.expect_code(0)?;
    ensure!(
        !ended.out.contains("Unresolvable references"),
        "the document names what it does not have: {ended}"
    );
    let count = ended.out.lines().find_map(generated);
    let operations = ended.out.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    let (count, operations) = (count.context("a number of requests")?, operations.context("operations")?);
    ensure!(operations.parse::<u32>()? >= 30, "only {operations} operations were asked: {ended}");
    tell(&format!(
        "schemathesis: {count} requests to {operations} operations, none answered against the document"
    ));

    let (store, journal) = door.stop()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(must_be_rebuilt(&store, &journal))
}

/// The number before the word, in `Test cases: 4321 generated, ...`; digits may be grouped.
fn generated(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| match *pair {
        [count, word] if word.starts_with("generated") => count.replace([',', '_'], "").parse().ok(),
        _ => None,
    })
}

/// A rebuild from a copy of the store and the whole journal is the same.
async fn must_be_rebuilt(path: &Path, journal: &Path) -> Result<()> {
    let copy = path.with_extension("copy");
    std::fs::copy(path, &copy)?;
    let open = |path: &Path| Settings::patient(Address::Sqlite(path.to_owned()));
    let (store, copy) = (Store::open(&open(path), NOW_MS).await?, Store::open(&open(&copy), NOW_MS).await?);
    let storage = FileStorage::open_read_only(journal)?;
    let found = recover(&storage)?;
    copy.rebuild(storage, found.genesis, found.last_seq).await?;
    let differences = store.journal_differences(&copy).await?;
    ensure!(differences.is_empty(), "{differences:#?}");
    tell(&format!("a rebuild from {} records equals the store", found.last_seq.0));
    store.close().await;
    copy.close().await;
    Ok(())
}

/// The program beside the Python of the tests.
fn program() -> Result<PathBuf> {
    let python = python()?;
    let program = python.with_file_name("schemathesis");
    ensure!(program.is_file(), "{} is missing: `tests/run` installs it", program.display());
    // Not one of somebody's configuration files.
    ensure!(env::var_os("SCHEMATHESIS_CONFIG").is_none(), "SCHEMATHESIS_CONFIG is set");
    Ok(program)
}
