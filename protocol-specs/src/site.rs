//! Site files: how the daemon runs on the machine it was put on, as against the plant, which is the same wherever
//! the daemon runs. From the text to a checked [`Site`] with every problem at once and its line. Opens no file and
//! asks no machine: which CPUs there are, and what a filter of the log may say, it is told. Paths are as they were
//! written: whoever opens them takes them from the folder of the site file.

mod realtime;
mod service;

use std::collections::BTreeSet;

use crate::problem::Problems;
use crate::section::{Reading, Section, nearest};

pub use realtime::{Demand, Realtime};
pub use service::{
    DEFAULT_LISTEN, Http, Log, LogFormat, Secret, StoreAddress, StoreSite, listen_address, store_address,
};

/// A site file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Site {
    /// Plant file.
    pub plant: Option<String>,
    /// Data directory.
    pub data: Option<String>,
    /// Journal directory; `journal` in the data directory when not given.
    pub journal: Option<String>,
    /// Folder with mappings of order files.
    pub mappings: Option<String>,
    /// The HTTP service, when the file speaks of it.
    pub http: Option<Http>,
    /// Where orders, batches and results are.
    pub store: StoreSite,
    /// What is logged, and how.
    pub log: Log,
    /// Where threads run and how urgently.
    pub realtime: Realtime,
}

/// What a site file is checked against.
pub struct Surroundings {
    /// CPUs that can be used.
    pub cpus: BTreeSet<u16>,
    /// Says what is wrong with a filter of the log.
    pub check_filter: fn(&str) -> Result<(), String>,
}

/// Reads the text of a site file; `file` names it in problems.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn load_site(text: &str, file: &str, surroundings: &Surroundings) -> Result<Site, Problems> {
    let mut reading = Reading::new(text, file);
    let site = read_site(&mut reading, surroundings);
    match site {
        Some(site) if reading.is_clean() => Ok(site),
        _ => Err(reading.into_problems()),
    }
}

fn read_site(reading: &mut Reading<'_>, surroundings: &Surroundings) -> Option<Site> {
    let document = reading.document()?;
    let top = Section::top(&document);
    top.check_keys(reading, &["plant", "data", "journal", "mappings", "http", "store", "log", "realtime"]);
    let path =
        |reading: &mut Reading<'_>, key| top.text_or_none(reading, key).map(|(path, _)| path.to_owned());
    let (plant, data, journal) = (path(reading, "plant"), path(reading, "data"), path(reading, "journal"));
    let mappings = path(reading, "mappings");
    let http = top.section_or_none(reading, "http", "[http]");
    let http = http.map(|section| service::read_http(reading, &section));
    let store = match top.section_or_none(reading, "store", "[store]") {
        Some(section) => service::read_store(reading, &section),
        None => StoreSite::default(),
    };
    let log = match top.section_or_none(reading, "log", "[log]") {
        Some(section) => service::read_log(reading, &section, surroundings.check_filter),
        None => Log::default(),
    };
    let realtime = match top.section_or_none(reading, "realtime", "[realtime]") {
        Some(section) => realtime::read_realtime(reading, &section, &surroundings.cpus),
        None => Realtime::default(),
    };
    Some(Site { plant, data, journal, mappings, http, store, log, realtime })
}

/// The value of a key that is one of these words.
fn word_of<T: Copy>(
    reading: &mut Reading<'_>,
    section: &Section<'_, '_>,
    key: &str,
    words: &[(&str, T)],
) -> Option<T> {
    let (word, place) = section.text_or_none(reading, key)?;
    let found = words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    if found.is_none() {
        let near = nearest(word, words.iter().map(|(name, _)| *name));
        reading.report(&place, format!("there is no {key} `{word}`; the nearest is `{near}`"));
    }
    found
}
