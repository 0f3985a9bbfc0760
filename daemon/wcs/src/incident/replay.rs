//! `wcs incident replay`: a bundle is verified to its last byte, its checkpoint restored, its records replayed. In the
//! version that made them every decision, fact and hash must come out again; records of another version have their
//! decisions imposed, and those that this version would have made otherwise are listed.

use std::io::Read;
use std::path::Path;

use serde_json::json;
use wcs_core::Core;
use wcs_engine::{Replay, journal_plant, restore};
use wcs_journal::{Context, MemoryStorage, decode_record, read_checkpoint};
use wcs_types::limits::RECORD_SIZE_MAX;
use wcs_types::{CORE_VERSION, Plant, Record, Seq};

use super::archive::Archive;
use super::manifest::{Begin, LIMITS, Manifest, PLANT, RECORDS};
use super::refusal::Refusal;
use crate::exit::Failure;
use crate::replaying::{DIFFERENCES_SHOWN_MAX, differences_text, listed};
use crate::shown::Shown;

/// Bytes of plant or limits.
const CONTEXT_SIZE_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of a checkpoint.
const CHECKPOINT_SIZE_MAX: u64 = 1024 * 1024 * 1024;

pub(super) fn replay(path: &Path, shown: Shown) -> Result<(), Failure> {
    let place = |refusal: Refusal| Failure::bad_input(format!("{}: {refusal}", path.display()));
    let archive = Archive::open(path).map_err(place)?;
    let manifest = Manifest::read(&archive).map_err(place)?;
    let plant = plant(&archive, &manifest).map_err(place)?;
    let core = match &manifest.checkpoint {
        Some(begin) => restored(&archive, &manifest, begin, &plant).map_err(place)?,
        None => Core::new(plant),
    };
    let mut replay = Replay::from_core(core, CORE_VERSION);
    let mut reader = archive.find(RECORDS).and_then(|entry| archive.reader(entry)).map_err(place)?;
    let mut at = 0;
    let mut last_hash = None;
    while let Some(record) = next_record(&mut reader, &mut at).map_err(place)? {
        let Some(maker) = manifest.maker_of(record.seq.0) else {
            let why = format!("record {} lies behind the last one of the manifest", record.seq.0);
            return Err(place(Refusal::new(RECORDS, why)));
        };
        replay.set_recorded_version(maker);
        replay
            .follow(&record)
            .map_err(|divergence| Failure::not_ok(format!("{}: {divergence}", path.display())))?;
        last_hash = Some(record.hash);
    }
    let core = replay.core();
    let has_all = core.seq() == Seq(manifest.last.record);
    if !has_all || last_hash.map(|hash| format!("{:016x}", hash.0)).as_ref() != Some(&manifest.state) {
        return Err(place(Refusal::new(RECORDS, "the records do not end where the manifest says")));
    }
    core.check_invariants().map_err(Failure::not_ok)?;
    say(path, &manifest, &replay, shown)
}

fn plant(archive: &Archive, manifest: &Manifest) -> Result<Plant, Refusal> {
    let context = Context {
        core_version: manifest.exporter.core_version,
        plant: archive.read(PLANT, CONTEXT_SIZE_MAX)?,
        limits: archive.read(LIMITS, CONTEXT_SIZE_MAX)?,
    };
    journal_plant(&context).map_err(|error| Refusal::new(PLANT, error))
}

/// The core of the checkpoint. One of another version serves as long as its rows are those of this one.
fn restored(archive: &Archive, manifest: &Manifest, begin: &Begin, plant: &Plant) -> Result<Core, Refusal> {
    let refuse = |why: String| Refusal::new(begin.file.as_str(), why);
    let storage = MemoryStorage::new();
    storage.plant(&begin.file, &archive.read(&begin.file, CHECKPOINT_SIZE_MAX)?);
    let checkpoint =
        read_checkpoint(&storage, Seq(begin.record)).map_err(|error| refuse(error.to_string()))?;
    if checkpoint.genesis != manifest.genesis {
        return Err(refuse("belongs to another journal".to_owned()));
    }
    if journal_plant(&checkpoint.context).ok().as_ref() != Some(plant) {
        return Err(refuse("belongs to another plant".to_owned()));
    }
    let came = restore(&checkpoint).map(|(core, _)| core);
    came.map_err(|error| {
        let version = checkpoint.context.core_version;
        if version == CORE_VERSION {
            refuse(error.to_string())
        } else {
            refuse(format!(
                "version {version} of the core wrote it, and version {CORE_VERSION} cannot go on from it ({error}): \
                 replay the bundle with the program that made it, or export it with --whole"
            ))
        }
    })
}

/// The next record; `None` behind the last one.
fn next_record(reader: &mut impl Read, at: &mut u64) -> Result<Option<Record>, Refusal> {
    let place = format!("{RECORDS}, byte {at}");
    let mut size = [0; 4];
    let mut found = 0;
    while found < size.len() {
        match reader.read(&mut size[found..]) {
            Ok(0) if found == 0 => return Ok(None),
            Ok(0) => return Err(Refusal::new(place, "the last record is cut off")),
            Ok(count) => found += count,
            Err(error) => return Err(Refusal::new(place, error)),
        }
    }
    let size = u32::from_le_bytes(size) as usize;
    if size > RECORD_SIZE_MAX {
        return Err(Refusal::new(place, format!("a record of {size} bytes is none")));
    }
    let mut bytes = vec![0; size];
    reader.read_exact(&mut bytes).map_err(|_| Refusal::new(place.as_str(), "the last record is cut off"))?;
    *at += 4 + size as u64;
    decode_record(&bytes).map(Some).map_err(|error| Refusal::new(place, error))
}

fn say(path: &Path, manifest: &Manifest, replay: &Replay, shown: Shown) -> Result<(), Failure> {
    let equal = replay.records() - replay.imposed();
    let state = format!("{:016x}", replay.core().state_hash().0);
    let makers: Vec<u32> = manifest.makers.iter().map(|maker| maker.core_version).collect();
    let document = json!({
        "ok": true,
        "bundle": path.display().to_string(),
        "files": manifest.files.len(),
        "core_version": CORE_VERSION,
        "core_versions": makers,
        "checkpoint": manifest.checkpoint.as_ref().map(|begin| begin.record),
        "first": manifest.first.record,
        "last": manifest.last.record,
        "records": replay.records(),
        "equal": equal,
        "imposed": replay.imposed(),
        "differences": replay.difference_count(),
        "first_differences": listed(replay),
        "state": state,
        "state_recorded": manifest.state,
    });
    shown.print(&document, || {
        let mut text = format!("{} files have their checksums\n", manifest.files.len());
        text += &match &manifest.checkpoint {
            Some(begin) => format!("checkpoint of record {} restored\n", begin.record),
            None => "begun at the first record of the journal\n".to_owned(),
        };
        if equal > 0 {
            text += &format!("{equal} records came out with equal decisions, facts and hashes\n");
        }
        if replay.imposed() > 0 {
            let before: Vec<String> = makers.iter().map(ToString::to_string).collect();
            text += &differences_text(replay);
            text += &format!(
                "{} records of core version {} were replayed with their decisions imposed on version {CORE_VERSION}: \
                 {} decisions differ{}\n",
                replay.imposed(),
                before.join(", "),
                replay.difference_count(),
                if replay.difference_count() > DIFFERENCES_SHOWN_MAX as u64 { ", the first are listed" } else { "" }
            );
        }
        text + &format!(
            "{}: records {} to {} replayed, state {state}",
            path.display(),
            manifest.first.record,
            manifest.last.record
        )
    })
}
