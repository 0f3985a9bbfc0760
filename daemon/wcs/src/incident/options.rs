//! Command line of `wcs incident`. Only shapes and defaults.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wcs_types::Nanos;

use crate::arguments::parse_span;
use crate::when::{When, parse_when};

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentCommand {
    /// Write the part of a journal around a time into one file, with all that a replay needs.
    Export(IncidentExportOptions),
    /// Verify a bundle and replay it.
    Replay(IncidentReplayOptions),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct IncidentExportOptions {
    /// Data directory, or the journal directory in it; a daemon may be at work in it.
    pub(crate) dir: PathBuf,
    /// The time of the incident: 2026-11-26T02:15:00Z, or +90s after the journal began.
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub(crate) around: When,
    /// How long a time around it is taken along, half of it before.
    #[arg(long = "for", value_name = "SPAN", default_value = "2m", value_parser = parse_span)]
    pub(crate) span: Nanos,
    /// The file to write; incident.tar in the current directory when not given.
    #[arg(long, default_value = "incident.tar")]
    pub(crate) out: PathBuf,
    /// Begin at the first record and take no checkpoint along: such a bundle can be replayed by every later version.
    #[arg(long)]
    pub(crate) whole: bool,
    /// Site file to take along, without its comments; it holds no secrets.
    #[arg(long)]
    pub(crate) site: Option<PathBuf>,
    /// Plant file to take along, without its comments; the one the site file names when not given.
    #[arg(long)]
    pub(crate) plant: Option<PathBuf>,
    /// Log of the daemon, whose wire traces are taken along.
    #[arg(long)]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct IncidentReplayOptions {
    /// The bundle.
    pub(crate) bundle: PathBuf,
}
