//! Copies a journal into the corpus without the room its segments reserve, and prints what it comes to, as a line for
//! `members.txt`. Reads the journal, changes nothing in it.

use std::path::Path;
use std::process::ExitCode;

use wcs_engine::{Replay, journal_plant};
use wcs_journal::{FileStorage, Reader, Storage, recover};
use wcs_types::Seq;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        eprintln!("usage: keep_journal JOURNAL_DIRECTORY CORPUS_DIRECTORY");
        return ExitCode::from(2);
    };
    match keep(Path::new(from), Path::new(to)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("keep_journal: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn keep(from: &Path, to: &Path) -> Result<String, Failure> {
    let storage = FileStorage::open_read_only(from)?;
    let found = recover(&storage)?;
    std::fs::create_dir_all(to)?;
    for segment in &found.segments {
        let name = format!("segment-{:08}.wcsj", segment.segment);
        let mut bytes = storage.read(&name, u64::MAX)?;
        bytes.truncate(usize::try_from(segment.used)?);
        std::fs::write(to.join(name), bytes)?;
    }
    let kept = FileStorage::open_read_only(to)?;
    let again = recover(&kept)?;
    if (again.last_seq, again.was_sealed) != (found.last_seq, found.was_sealed) {
        return Err("the copy does not hold what the journal holds".into());
    }
    let context = again.context.ok_or("there is no journal")?;
    let mut replay = Replay::new(journal_plant(&context)?, context.core_version);
    for entry in Reader::open(&kept, Seq(1), again.last_seq)? {
        replay.follow(&entry?.record)?;
    }
    let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(format!(
        "{name} core={} records={} differ={} digest={:016x}",
        context.core_version,
        again.last_seq.0,
        replay.difference_count(),
        replay.core().plant_digest().0
    ))
}
