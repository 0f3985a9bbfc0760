//! The site file of a run: read, checked against this machine, and its absence.

use std::path::Path;

use wcs_specs::{Site, load_site};

use crate::exit::Failure;
use crate::feed_source::read_text;
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
    load_site(text, name, &cpus).map_err(Failure::bad_input)
}
