//! What is left behind a demo: `results.csv` of every batch as the daemon gave it, and a store whose journal-owned
//! columns must come out again from the journal alone.

use std::net::SocketAddr;
use std::path::Path;

use wcs_journal::{FileStorage, recover};
use wcs_store::{Address, Settings, Store};

use super::DoorShared;
use super::asking::Daemon;
use crate::clock::wall_unix_ms;
use crate::exit::Failure;

/// Fetches the results of the batches `made` into `folder`, at the record `position` or later; how many pieces they come to.
pub(crate) fn fetch_results(
    address: SocketAddr,
    made: &[i64],
    folder: &Path,
    position: u64,
) -> Result<(u64, u64), Failure> {
    let nobody = DoorShared::default();
    let daemon = Daemon::at(address, &nobody)?;
    std::fs::create_dir_all(folder).map_err(Failure::not_ok)?;
    let (mut batches, mut pieces) = (0, 0);
    for batch in made {
        let table = daemon.text(&format!("/api/batches/{batch}/results.csv?position={position}"))?;
        pieces += sum_column(&table, "picked")?;
        batches += 1;
        let path = folder.join(format!("batch-{batch}.csv"));
        std::fs::write(&path, table)
            .map_err(|error| Failure::not_ok(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok((batches, pieces))
}

/// Sum of a column of a table.
fn sum_column(table: &str, column: &str) -> Result<u64, Failure> {
    let mut lines = table.lines();
    let names = lines.next().unwrap_or_default();
    let at = names.split(',').position(|name| name == column);
    let at = at.ok_or_else(|| Failure::not_ok(format!("results.csv has no column `{column}`: {names}")))?;
    let cell = |line: &str| {
        let cells = cells_of(line);
        cells
            .get(at)
            .and_then(|cell| cell.parse::<u64>().ok())
            .ok_or_else(|| Failure::not_ok(format!("results.csv has no number under `{column}` in: {line}")))
    };
    lines.filter(|line| !line.is_empty()).map(cell).sum()
}

/// The cells of a line; commas in quotes part none.
fn cells_of(line: &str) -> Vec<&str> {
    let mut is_quoted = false;
    line.split(|letter| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    })
    .collect()
}

/// Rebuilds a copy of the store in `data` from the journal and compares the two. Both must be at rest.
pub(crate) fn check_store(data: &Path) -> Result<Vec<String>, Failure> {
    let (path, copy) = (data.join("store.db"), data.join("store-copy.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let differences = runtime.map_err(Failure::not_ok)?.block_on(async {
        let open = |path: &Path| {
            let settings = Settings::patient(Address::Sqlite(path.to_owned()));
            async move {
                let now_ms = i64::try_from(wall_unix_ms()).unwrap_or(i64::MAX);
                Store::open(&settings, now_ms).await.map_err(Failure::not_ok)
            }
        };
        // Opened and closed once: nothing of it is left beside the file.
        open(&path).await?.close().await;
        std::fs::copy(&path, &copy).map_err(Failure::not_ok)?;
        let (store, rebuilt) = (open(&path).await?, open(&copy).await?);
        let files = FileStorage::open_read_only(&data.join("journal")).map_err(Failure::not_ok)?;
        let found = recover(&files).map_err(Failure::not_ok)?;
        rebuilt.rebuild(files, found.genesis, found.last_seq).await.map_err(Failure::not_ok)?;
        let differences = store.journal_differences(&rebuilt).await.map_err(Failure::not_ok)?;
        store.close().await;
        rebuilt.close().await;
        Ok::<_, Failure>(differences)
    })?;
    std::fs::remove_file(&copy).map_err(Failure::not_ok)?;
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_summed_by_its_name() {
        let table = "order,label,picked\n\"a,b\",\"x \"\"y\"\"\",3\nc,d,4\n";
        assert_eq!(sum_column(table, "picked").unwrap(), 7);
        assert!(sum_column(table, "sorted").is_err());
        assert!(sum_column("picked\nmany\n", "picked").is_err());
    }
}
