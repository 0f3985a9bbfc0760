//! Command line of the commands that talk to a running daemon or look at its store. Only shapes and defaults.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where a daemon listens when nothing else is said.
const URL: &str = "http://127.0.0.1:9500";

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Send an order file to a running daemon.
    Import(ImportOptions),
    /// Show what a running daemon does: lines, batches, alarms, shift.
    Status(ServiceOptions),
    /// Say what became of a load, a label, an order or a job, and why.
    Why(WhyOptions),
    /// Check that a running daemon answers everything it must.
    Smoke(SmokeOptions),
    /// Look after the store.
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Empty what the journal owns in a copy of a store and read the journal again from its first record.
    Rebuild(RebuildOptions),
    /// Check a store by itself, and against a journal.
    Check(StoreCheckOptions),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServiceOptions {
    /// Where the daemon listens.
    #[arg(long, default_value = URL)]
    pub(crate) url: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ImportOptions {
    /// Order file (CSV).
    pub(crate) file: PathBuf,
    /// Mapping of its columns: a file, or the name of one the daemon has; the retail sample when not given.
    #[arg(long)]
    pub(crate) mapping: Option<String>,
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct WhyOptions {
    /// A load as `line-epoch-item`, a label, an order number (`owner/number` where the owner is not `-`), or a job as
    /// `batch/job` by the numbers of the journal; the first of these that is known. `load:`, `label:`, `order:` or
    /// `job:` in front says which.
    #[arg(allow_hyphen_values = true, value_parser = subject)]
    pub(crate) subject: String,
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
    /// Data directory: read its journal instead of asking a daemon. Works with everything down.
    #[arg(long, conflicts_with = "url")]
    pub(crate) data: Option<PathBuf>,
}

/// A subject may begin with `-`, as the owner of orders without an owner does; what begins with `--` is more likely an
/// option that does not exist.
fn subject(text: &str) -> Result<String, &'static str> {
    if text.starts_with("--") {
        return Err("there is no such option; a label that begins so is asked for with `label:` in front");
    }
    Ok(text.to_owned())
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SmokeOptions {
    /// Where the daemon listens.
    #[arg(default_value = URL)]
    pub(crate) url: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RebuildOptions {
    /// The copy: a file, sqlite:FILE or postgres://user@host/name. It is changed.
    #[arg(long)]
    pub(crate) from: String,
    /// Data directory, or the journal directory in it.
    #[arg(long)]
    pub(crate) journal: PathBuf,
    /// Hold the result against this store, which must be at rest.
    #[arg(long, value_name = "STORE")]
    pub(crate) check: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StoreCheckOptions {
    /// The store: a file, sqlite:FILE or postgres://user@host/name.
    pub(crate) store: String,
    /// Data directory, or the journal directory in it: the store must not be ahead of it.
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
}
