//! `wcs incident export`: the part of a journal around a time, with all that a replay needs, in one file. It reads the
//! journal as everybody may read it who does not write it: a daemon can be at work in it. The file gets its name when
//! it is whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;
use wcs_journal::{Storage, checkpoint_name, encode_record, list_checkpoints, read_checkpoint};
use wcs_types::{CORE_VERSION, MonoTime, Record, Seq, StateHash};

use super::archive::{ArchiveWriter, sha256};
use super::manifest::{
    Begin, Edge, Exporter, FORMAT, FORMAT_VERSION, LIMITS, Listed, MANIFEST, MANIFEST_SUM, Maker, Manifest,
    PLANT, RECORDS, sum_line,
};
use super::options::IncidentExportOptions;
use crate::exit::Failure;
use crate::feed_source::read_text;
use crate::journal_dir::{JournalDir, journal_dir};
use crate::replaying::selection::Range;
use crate::shown::Shown;
use crate::site_file::{check_site, path_in};
use crate::when::shown_core_time;

/// Bytes of a checkpoint that is taken along. A larger one is passed over for an older one.
const CHECKPOINT_SIZE_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes of wire traces that are taken along: the last ones.
const TRACES_SIZE_MAX: usize = 16 * 1024 * 1024;

pub(super) fn export(options: &IncidentExportOptions, shown: Shown) -> Result<(), Failure> {
    // Checkpoints first: a daemon at work writes them behind the records that are found below.
    let storage =
        wcs_journal::FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    let saved = list_checkpoints(&storage).map_err(Failure::not_ok)?;
    let journal = JournalDir::open(&options.dir)?;
    let around = options.around.core_time(journal.found.genesis);
    let wanted = window(&journal, around, options)?;
    let checkpoint = if options.whole { None } else { begin_before(&journal, &saved, wanted.first)? };
    let first = checkpoint.as_ref().map_or(Seq(1), |(begin, _)| Seq(begin.record).next());
    let configuration = configuration(options)?;

    let unfinished = unfinished(&options.out);
    let place = |error: std::io::Error| Failure::bad_input(format!("{}: {error}", unfinished.display()));
    let mut archive = ArchiveWriter::new(File::create(&unfinished).map_err(place)?);
    let context = journal.found.context.as_ref().expect("a journal that was opened has a context");
    archive.add(PLANT, &context.plant).map_err(place)?;
    archive.add(LIMITS, &context.limits).map_err(place)?;
    let plant = serde_json::to_vec_pretty(&journal.plant).map_err(Failure::not_ok)?;
    archive.add("plant.json", &plant).map_err(place)?;
    for (name, text) in &configuration {
        archive.add(name, text.as_bytes()).map_err(place)?;
    }
    let begin = checkpoint.as_ref().map(|(begin, _)| begin.clone());
    if let Some((begin, bytes)) = &checkpoint {
        archive.add(&begin.file, bytes).map_err(place)?;
    }
    let copied = copy_records(&journal, Range { first, last: wanted.last }, &mut archive)?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        format_version: FORMAT_VERSION,
        exporter: Exporter { version: env!("CARGO_PKG_VERSION").to_owned(), core_version: CORE_VERSION },
        genesis: journal.found.genesis,
        plant: journal.plant.id.clone(),
        around_ns: around.0,
        span_ns: options.span.0,
        wanted: wanted.first.0,
        first: copied.first,
        last: copied.last,
        state: format!("{:016x}", copied.state.0),
        makers: copied.makers,
        checkpoint: begin,
        files: archive
            .written()
            .iter()
            .map(|file| Listed { name: file.name.clone(), size: file.size, sha256: file.sha256.clone() })
            .collect(),
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(Failure::not_ok)?;
    archive.add(MANIFEST, &text).map_err(place)?;
    archive.add(MANIFEST_SUM, sum_line(&text).as_bytes()).map_err(place)?;
    archive.finish().map_err(place)?;
    std::fs::rename(&unfinished, &options.out).map_err(place)?;
    say(options, &manifest, &sha256(&text), shown)
}

/// The records that are asked for: those within half of the span.
fn window(journal: &JournalDir, around: MonoTime, options: &IncidentExportOptions) -> Result<Range, Failure> {
    let half = options.span.0 / 2;
    let (since, until) = (MonoTime(around.0.saturating_sub(half)), MonoTime(around.0.saturating_add(half)));
    let range = Range::between(journal, since, until)?;
    if range.first <= range.last {
        return Ok(range);
    }
    let last = journal.found.last_stamp.map_or(MonoTime::ZERO, |stamp| stamp.now);
    Err(Failure::bad_input(format!(
        "there is no record from {} to {}; the journal has {} records, up to {}",
        shown_core_time(since),
        shown_core_time(until),
        journal.found.last_seq.0,
        shown_core_time(last)
    )))
}

/// The newest checkpoint before a record from which its maker can go on. One that is damaged or was removed meanwhile
/// is passed over: an older one, or the first record, serves as well.
fn begin_before(
    journal: &JournalDir,
    saved: &[Seq],
    wanted: Seq,
) -> Result<Option<(Begin, Vec<u8>)>, Failure> {
    for seq in saved.iter().filter(|seq| **seq < wanted) {
        let Ok(checkpoint) = read_checkpoint(&journal.storage, *seq) else { continue };
        let core_version = checkpoint.context.core_version;
        if checkpoint.genesis != journal.found.genesis || maker_of(journal, seq.next())? != Some(core_version)
        {
            continue;
        }
        let file = checkpoint_name(*seq);
        if let Ok(bytes) = journal.storage.read(&file, CHECKPOINT_SIZE_MAX) {
            return Ok(Some((Begin { file, record: seq.0, core_version }, bytes)));
        }
    }
    Ok(None)
}

/// Version of the core that made a record.
fn maker_of(journal: &JournalDir, seq: Seq) -> Result<Option<u32>, Failure> {
    let Some(mut reader) = journal.records_between(seq, seq)? else { return Ok(None) };
    let Some(entry) = reader.next() else { return Ok(None) };
    entry.map_err(Failure::not_ok)?;
    Ok(Some(reader.context().core_version))
}

/// What was copied.
struct Copied {
    first: Edge,
    last: Edge,
    state: StateHash,
    makers: Vec<Maker>,
}

impl Copied {
    fn of(record: &Record) -> Self {
        let edge = Edge { record: record.seq.0, now_ns: record.now.0 };
        Self { first: edge, last: edge, state: record.hash, makers: Vec::new() }
    }

    fn see(&mut self, record: &Record, core_version: u32) {
        self.last = Edge { record: record.seq.0, now_ns: record.now.0 };
        self.state = record.hash;
        match self.makers.last_mut() {
            Some(maker) if maker.core_version == core_version => maker.last = record.seq.0,
            _ => self.makers.push(Maker { core_version, last: record.seq.0 }),
        }
    }
}

/// A failure while records are copied, of the journal or of the file that is written.
struct CopyFailed(Failure);

impl From<std::io::Error> for CopyFailed {
    fn from(error: std::io::Error) -> Self {
        Self(Failure::not_ok(error))
    }
}

fn copy_records(journal: &JournalDir, range: Range, archive: &mut ArchiveWriter) -> Result<Copied, Failure> {
    let mut copied: Option<Copied> = None;
    let came = archive.add_parts(RECORDS, |put| {
        let mut bytes = Vec::new();
        let Some(mut reader) = journal.records_between(range.first, range.last).map_err(CopyFailed)? else {
            return Ok(());
        };
        while let Some(entry) = reader.next() {
            let record = entry.map_err(|error| CopyFailed(Failure::not_ok(error)))?.record;
            bytes.clear();
            bytes.extend_from_slice(&[0; 4]);
            encode_record(&record, &mut bytes);
            let size = u32::try_from(bytes.len() - 4).expect("a record is far below 4 GiB");
            bytes[..4].copy_from_slice(&size.to_le_bytes());
            put(&bytes)?;
            copied.get_or_insert_with(|| Copied::of(&record)).see(&record, reader.context().core_version);
        }
        Ok(())
    });
    came.map_err(|CopyFailed(failure)| failure)?;
    copied.ok_or_else(|| Failure::not_ok("the journal ended while it was read"))
}

/// Files that people wrote, and what was kept of the wire, by their names in the bundle. Comments stay at home: nobody
/// checks what stands in them.
fn configuration(options: &IncidentExportOptions) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut files = Vec::new();
    let mut plant = options.plant.clone();
    if let Some(path) = &options.site {
        let text = read_text(path)?;
        // Read as a daemon reads it: a site file with a password in it is refused there and here.
        let site = check_site(&text, &path.display().to_string())?;
        plant = plant.or_else(|| site.plant.as_deref().map(|plant| path_in(Some(path), plant)));
        files.push(("site.toml", without_comments(&text, path)?));
    }
    if let Some(path) = plant {
        files.push(("plant.toml", without_comments(&read_text(&path)?, &path)?));
    }
    if let Some(path) = &options.log {
        files.push(("wire.log", wire_traces(path)?));
    }
    Ok(files)
}

fn without_comments(text: &str, path: &Path) -> Result<String, Failure> {
    let bad = |what: String| Failure::bad_input(format!("{}: {what}", path.display()));
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| bad(error.to_string()))?;
    toml::to_string(&table).map_err(|error| bad(error.to_string()))
}

/// The lines of a log that belong to wire traces: a link in trouble, and its last frames.
fn wire_traces(path: &Path) -> Result<String, Failure> {
    use std::io::BufRead;
    let place = |error: std::io::Error| Failure::bad_input(format!("{}: {error}", path.display()));
    let mut kept = std::collections::VecDeque::new();
    let mut size = 0;
    for line in std::io::BufReader::new(File::open(path).map_err(place)?).split(b'\n') {
        let line = String::from_utf8_lossy(&line.map_err(place)?).into_owned();
        let is_frame = line.contains("frame") && line.contains("bytes") && line.contains("before_us");
        if !is_frame && !line.contains("wire trace at level debug") {
            continue;
        }
        size += line.len() + 1;
        kept.push_back(line + "\n");
        while size > TRACES_SIZE_MAX
            && let Some(oldest) = kept.pop_front()
        {
            size -= oldest.len();
        }
    }
    Ok(kept.into_iter().collect())
}

/// The name of the file while it is not whole.
fn unfinished(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

fn say(
    options: &IncidentExportOptions,
    manifest: &Manifest,
    manifest_sum: &str,
    shown: Shown,
) -> Result<(), Failure> {
    let size: u64 = manifest.files.iter().map(|file| file.size).sum();
    let document = json!({
        "ok": true,
        "bundle": options.out.display().to_string(),
        "bytes": size,
        "manifest_sha256": manifest_sum,
        "manifest": manifest,
    });
    shown.print(&document, || {
        let begin = match &manifest.checkpoint {
            Some(begin) => format!("from the checkpoint of record {}", begin.record),
            None => "from the first record".to_owned(),
        };
        let files: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        format!(
            "{}: records {} to {} ({} to {}), {begin}, state {}\nfiles: {}\nreplay it anywhere: wcs incident replay {}",
            options.out.display(),
            manifest.first.record,
            manifest.last.record,
            shown_core_time(MonoTime(manifest.first.now_ns)),
            shown_core_time(MonoTime(manifest.last.now_ns)),
            manifest.state,
            files.join(", "),
            options.out.display()
        )
    })
}
