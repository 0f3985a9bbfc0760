//! The site file of a run: read, checked against this machine, and its absence. Paths in it are taken from its own
//! folder.

use std::path::{Path, PathBuf};

use wcs_specs::{Site, Surroundings, load_site};

use crate::exit::Failure;
use crate::feed_source::read_text;
use crate::logging::check_filter;
use crate::processors::machine_cpus;

/// The site in `path`; without a path the one that asks for nothing.
pub(crate) fn read_site(path: Option<&Path>) -> Result<Site, Failure> {
    let Some(path) = path else { return Ok(Site::default()) };
    check_site(&read_text(path)?, &path.display().to_string())
}

/// Reads the text of a site file; `name` stands in problems.
pub(crate) fn check_site(text: &str, name: &str) -> Result<Site, Failure> {
    let cpus = machine_cpus()
        .map_err(|error| Failure::not_ok(format!("the CPUs of this machine are not known: {error}")))?;
    load_site(text, name, &Surroundings { cpus, check_filter }).map_err(Failure::bad_input)
}

/// A path that stands in the site file `site`.
pub(crate) fn path_in(site: Option<&Path>, path: &str) -> PathBuf {
    let folder = site.and_then(Path::parent).unwrap_or(Path::new(""));
    folder.join(path)
}
