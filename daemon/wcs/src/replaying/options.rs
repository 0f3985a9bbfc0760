//! Command line of `wcs replay`. Only shapes and defaults.

use std::path::PathBuf;

use clap::Args;

use crate::when::{When, parse_when};

#[derive(Clone, Debug, Args)]
pub(crate) struct ReplayOptions {
    /// Data directory, or the journal directory in it.
    pub(crate) dir: PathBuf,
    /// First record that is wanted; what lies before it is replayed without being shown.
    #[arg(long, value_name = "RECORD", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from: Option<u64>,
    /// Last record.
    #[arg(long, value_name = "RECORD", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) to: Option<u64>,
    /// First time that is wanted: 2026-11-26T02:15:00Z, or +90s after the journal began.
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Last time.
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// Show only records about this load, such as 0-1-17.
    #[arg(long)]
    pub(crate) load: Option<String>,
    /// Show only records about loads with this label.
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Show only records with an input, decision or fact of this kind, such as scan, route or load_ended; several with
    /// commas.
    #[arg(long, value_delimiter = ',')]
    pub(crate) kind: Vec<String>,
    /// Show only records of this line, by its name in the plant file.
    #[arg(long)]
    pub(crate) line: Option<String>,
    /// Show records at this many times the speed at which they were made.
    #[arg(long, value_name = "FACTOR", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) speed: Option<u32>,
}

impl ReplayOptions {
    /// Records are shown, not only verified.
    pub(crate) fn shows_records(&self) -> bool {
        let has_range =
            self.from.is_some() || self.to.is_some() || self.since.is_some() || self.until.is_some();
        has_range || self.has_filter() || self.speed.is_some()
    }

    fn has_filter(&self) -> bool {
        self.load.is_some() || self.label.is_some() || !self.kind.is_empty() || self.line.is_some()
    }
}
