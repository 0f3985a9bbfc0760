//! The manifest of a bundle: what it is, of which journal, from which record to which, made by which versions, and the
//! checksum of every file. Its own checksum stands in a file beside it, in the format of `sha256sum`.

use serde::{Deserialize, Serialize};

use super::archive::{Archive, sha256};
use super::refusal::Refusal;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const MANIFEST_SUM: &str = "manifest.sha256";
/// Each record as in the body of a journal batch: 4 bytes length, kind, version, postcard.
pub(super) const RECORDS: &str = "records.wcsr";
/// The plant as the journal holds it.
pub(super) const PLANT: &str = "plant.postcard";
/// The limits under which the records were made, as the journal holds them.
pub(super) const LIMITS: &str = "limits.postcard";
/// What the bundle is known by.
pub(super) const FORMAT: &str = "wcs-incident";
/// Version of everything in a bundle.
pub(super) const FORMAT_VERSION: u32 = 1;
const MANIFEST_SIZE_MAX: u64 = 1024 * 1024;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Always [`FORMAT`].
    pub(super) format: String,
    pub(super) format_version: u32,
    /// Version of the program that wrote the bundle, and of its core.
    pub(super) exporter: Exporter,
    /// Number of the journal: for a daemon's journal the wall clock at its beginning, ms since 1970.
    pub(super) genesis: u64,
    /// Name of the plant.
    pub(super) plant: String,
    /// What was asked for, in core time.
    pub(super) around_ns: u64,
    pub(super) span_ns: u64,
    /// The first record that was asked for; those before it lead there from the checkpoint.
    pub(super) wanted: u64,
    pub(super) first: Edge,
    pub(super) last: Edge,
    /// State hash the last record states.
    pub(super) state: String,
    /// Which core made which records, in order.
    pub(super) makers: Vec<Maker>,
    /// The checkpoint the replay begins with; none when it begins at the first record of the journal.
    pub(super) checkpoint: Option<Begin>,
    pub(super) files: Vec<Listed>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exporter {
    pub(super) version: String,
    pub(super) core_version: u32,
}

/// The first or the last record.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    pub(super) record: u64,
    pub(super) now_ns: u64,
}

/// Records up to `last` that one version of the core made.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Maker {
    pub(super) core_version: u32,
    pub(super) last: u64,
}

/// A checkpoint.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub(super) file: String,
    pub(super) record: u64,
    pub(super) core_version: u32,
}

/// A file of the bundle.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

impl Manifest {
    /// The manifest of an archive whose checksum fits, with every file it lists as it lists it, and none beside.
    pub(super) fn read(archive: &Archive) -> Result<Self, Refusal> {
        let text = archive.read(MANIFEST, MANIFEST_SIZE_MAX)?;
        let sum = archive.read(MANIFEST_SUM, MANIFEST_SIZE_MAX)?;
        if sum != sum_line(&text).into_bytes() {
            return Err(Refusal::new(MANIFEST, format!("its checksum is not the one in {MANIFEST_SUM}")));
        }
        let value: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| Refusal::new(MANIFEST, error))?;
        if value["format"] != FORMAT {
            return Err(Refusal::new(MANIFEST, "this is no bundle of wcs"));
        }
        if value["format_version"].as_u64().is_none_or(|version| version > u64::from(FORMAT_VERSION)) {
            let version = &value["format_version"];
            return Err(Refusal::new(
                MANIFEST,
                format!("format {version} is newer than this program: update it"),
            ));
        }
        let manifest: Self = serde_json::from_value(value).map_err(|error| Refusal::new(MANIFEST, error))?;
        manifest.check_files(archive)?;
        manifest.check_range()?;
        Ok(manifest)
    }

    fn check_files(&self, archive: &Archive) -> Result<(), Refusal> {
        for listed in &self.files {
            let entry = archive.find(&listed.name)?;
            if entry.size != listed.size {
                let why = format!("has {} bytes, the manifest says {}", entry.size, listed.size);
                return Err(Refusal::new(listed.name.as_str(), why));
            }
            let found = archive.sha256(entry)?;
            if found != listed.sha256 {
                let why = format!("is damaged: its checksum is {found}, the manifest says {}", listed.sha256);
                return Err(Refusal::new(listed.name.as_str(), why));
            }
        }
        let is_known = |name: &str| {
            [MANIFEST, MANIFEST_SUM].contains(&name) || self.files.iter().any(|listed| listed.name == name)
        };
        match archive.entries().iter().find(|entry| !is_known(&entry.name)) {
            Some(entry) => Err(Refusal::new(entry.name.as_str(), "does not stand in the manifest")),
            None => Ok(()),
        }
    }

    fn check_range(&self) -> Result<(), Refusal> {
        let begins_behind = self.checkpoint.as_ref().map_or(Some(1), |begin| begin.record.checked_add(1));
        let mut before = self.first.record.saturating_sub(1);
        let are_makers_in_order =
            self.makers.iter().all(|maker| std::mem::replace(&mut before, maker.last) < maker.last);
        let is_sound = begins_behind == Some(self.first.record)
            && self.first.record <= self.last.record
            && are_makers_in_order
            && before == self.last.record;
        if is_sound {
            Ok(())
        } else {
            Err(Refusal::new(MANIFEST, "its records do not follow its checkpoint"))
        }
    }

    /// The core that made a record.
    pub(super) fn maker_of(&self, record: u64) -> Option<u32> {
        self.makers.iter().find(|maker| record <= maker.last).map(|maker| maker.core_version)
    }
}

/// The line of `sha256sum` for a manifest.
pub(super) fn sum_line(manifest: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", sha256(manifest))
}
