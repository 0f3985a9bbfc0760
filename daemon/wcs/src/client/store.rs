//! `wcs store rebuild` and `wcs store check`: a store beside its journal, without a daemon.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wcs_store::{Address, ProjectError, Projector, Settings, Store};

use crate::client::options::{RebuildOptions, StoreCheckOptions};
use crate::exit::Failure;
use crate::journal_dir::JournalDir;
use crate::shown::Shown;

pub(super) fn rebuild(options: &RebuildOptions, shown: Shown) -> Result<(), Failure> {
    let journal = JournalDir::open(&options.journal)?;
    let copy = address(&options.from)?;
    let against = options.check.as_deref().map(address).transpose()?;
    if against.as_ref() == Some(&copy) {
        return Err(Failure::bad_input("the copy and the store it is held against are the same"));
    }
    let began = Instant::now();
    let (records, differences) = runtime()?.block_on(async {
        let copy = open(copy).await?;
        let rebuilt =
            copy.rebuild(journal.storage.clone(), journal.found.genesis, journal.found.last_seq).await;
        let records = rebuilt.map_err(Failure::not_ok)?;
        let mut differences = Vec::new();
        if let Some(against) = against {
            let store = open(against).await?;
            differences = store.journal_differences(&copy).await.map_err(Failure::not_ok)?;
            store.close().await;
        }
        copy.close().await;
        Ok::<_, Failure>((records, differences))
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let is_compared = options.check.is_some();
    let document = serde_json::json!({
        "ok": differences.is_empty(),
        "records": records,
        "seconds": seconds,
        "compared": is_compared,
        "differences": differences,
    });
    shown.print(&document, || {
        let mut text = format!("{records} records read in {seconds:.3} s\n");
        for difference in &differences {
            text += &format!("DIFFERS {difference}\n");
        }
        if is_compared && differences.is_empty() {
            text += "every column the journal owns is equal\n";
        }
        text
    })?;
    ok_if_none(&differences, "the stores differ")
}

pub(super) fn check(options: &StoreCheckOptions, shown: Shown) -> Result<(), Failure> {
    let journal = options.journal.as_deref().map(JournalDir::open).transpose()?;
    let store = address(&options.store)?;
    let (position, faults) = runtime()?.block_on(async {
        let store = open(store).await?;
        let mut faults = store.check().await.map_err(Failure::not_ok)?;
        if let Some(journal) = &journal {
            let (genesis, end) = (journal.found.genesis, journal.found.last_seq);
            match Projector::open(store.clone(), journal.storage.clone(), genesis, end).await {
                Ok(_) => {}
                Err(error @ (ProjectError::ForeignJournal { .. } | ProjectError::BeyondJournal { .. })) => {
                    faults.push(error.to_string());
                }
                Err(error) => return Err(Failure::not_ok(error)),
            }
        }
        let position = store.position();
        store.close().await;
        Ok::<_, Failure>((position, faults))
    })?;
    let behind = journal.map(|journal| journal.found.last_seq.0.saturating_sub(position));
    let document = serde_json::json!({
        "ok": faults.is_empty(),
        "position": position,
        "records_behind": behind,
        "faults": faults,
    });
    shown.print(&document, || {
        let mut text = format!("the store reflects the journal up to record {position}");
        if let Some(behind) = behind {
            text += &format!(", {behind} records behind its end");
        }
        text.push('\n');
        for fault in &faults {
            text += &format!("NOT OK  {fault}\n");
        }
        text + if faults.is_empty() { "ok\n" } else { "" }
    })?;
    ok_if_none(&faults, "the store is not sound")
}

fn ok_if_none(faults: &[String], what: &str) -> Result<(), Failure> {
    if faults.is_empty() { Ok(()) } else { Err(Failure::not_ok(format!("{what}: {}", faults.len()))) }
}

/// A store that must be there: a command that looks never makes one.
fn address(text: &str) -> Result<Address, Failure> {
    let address = if text.contains("://") || text.starts_with("sqlite:") {
        text.parse().map_err(Failure::bad_input)?
    } else {
        Address::Sqlite(PathBuf::from(text))
    };
    if let Address::Sqlite(path) = &address
        && !is_store(path)
    {
        return Err(Failure::bad_input(format!("{}: there is no store", path.display())));
    }
    Ok(address)
}

fn is_store(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}

async fn open(address: Address) -> Result<Store, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    Store::open(&Settings::patient(address), now_ms).await.map_err(Failure::not_ok)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::not_ok)
}
