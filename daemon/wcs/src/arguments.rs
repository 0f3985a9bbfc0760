//! The command line: one style for all commands. Only shapes and defaults; nothing is opened here.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use wcs_specs::StoreAddress;
use wcs_types::{Assign, Identify, Nanos};

use crate::client::options::ClientCommand;
use crate::incident::options::IncidentCommand;
use crate::replaying::options::ReplayOptions;
use crate::settings::{parse_listen, parse_store};

/// A build that can be broken on purpose says so.
const VERSION: &str = if cfg!(feature = "mutations") {
    concat!(env!("CARGO_PKG_VERSION"), " (with mutations: not for a site)")
} else {
    env!("CARGO_PKG_VERSION")
};

/// Warehouse control system: drives sorters in real time, and brings its own simulator.
#[derive(Debug, Parser)]
#[command(name = "wcs", version = VERSION)]
pub(crate) struct Arguments {
    /// Break the product on purpose in this way: NAME, or poison:LABEL.
    #[cfg(feature = "mutations")]
    #[arg(long, env = "WCS_MUTATE", global = true, value_name = "NAME")]
    pub(crate) mutate: Option<String>,
    /// Print results as one JSON document; commands that run on print one JSON object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sort orders on a simulated sorter, over a real loopback socket or in virtual time.
    Demo(DemoOptions),
    /// Run the daemon for a plant.
    Run(RunOptions),
    /// The simulator.
    #[command(subcommand)]
    Sim(SimCommand),
    /// Hold a daemon's journal against a simulator's ledger.
    Reconcile(ReconcileOptions),
    /// Check plant, site, fault and mapping files.
    Check(CheckOptions),
    /// Run the core over a journal again and verify every decision, fact and hash; show records of a range.
    Replay(ReplayOptions),
    /// Take a part of a journal along in one file, and replay it anywhere.
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Hold another plant file, or this build, against the decisions of a journal; nothing is sent anywhere.
    Shadow(ShadowOptions),
    /// Look into a journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    #[command(flatten)]
    Client(ClientCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Run the PLC and its world as a process of their own.
    Run(SimRunOptions),
    /// Run seeds with faults in virtual time and check what must hold.
    Prove(ProveOptions),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Check every byte.
    Verify(DirOptions),
    /// List segments and batches.
    Inspect(DirOptions),
    /// Print records as JSON, one a line.
    Export(ExportOptions),
}

/// How orders are read and sorted.
#[derive(Clone, Debug, Args)]
pub(crate) struct OrderOptions {
    /// Order file (CSV).
    #[arg(long)]
    pub(crate) orders: Option<PathBuf>,
    /// Mapping of its columns; the retail sample when not given.
    #[arg(long)]
    pub(crate) mapping: Option<PathBuf>,
    /// How a scanned code becomes a job.
    #[arg(long, value_enum, default_value = "lpn")]
    pub(crate) identify: IdentifyOption,
    /// How classes get chutes.
    #[arg(long, value_enum, default_value = "volume")]
    pub(crate) assign: AssignOption,
    /// Orders of one batch, and chutes it may use.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) chutes: u16,
    /// Seed of everything drawn by lot.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    #[command(flatten)]
    pub(crate) order: OrderOptions,
    /// Kind of work.
    #[arg(long, value_enum, default_value = "sort")]
    pub(crate) kind: KindOption,
    /// Factor on belts, feed and people; 5 on the wire, 1 in virtual time when not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) speed: Option<u32>,
    /// Stop after this time, such as 60s or 5m.
    #[arg(long = "for", value_parser = parse_span)]
    pub(crate) span: Option<Nanos>,
    /// Data directory; a temporary one when not given.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Write the report here as JSON.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Faults to inject.
    #[arg(long)]
    pub(crate) faults: Option<PathBuf>,
    /// Virtual time: no sockets, no waiting.
    #[arg(long = "virtual")]
    pub(crate) is_virtual: bool,
    /// Write the plant and mapping of the demo here and stop.
    #[arg(long)]
    pub(crate) write_config: Option<PathBuf>,
    /// Metres from the scanner to the first lane.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) first_lane: u32,
    /// Loads per hour of plant time.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) feed: u32,
    /// Write the simulator's ledger here as JSON lines.
    #[arg(long)]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RunOptions {
    /// Plant file; the one the site file names when not given.
    #[arg(long)]
    pub(crate) plant: Option<PathBuf>,
    /// Data directory; the one the site file names when not given.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Site file: how the daemon runs on this machine. Arguments go before what it says.
    #[arg(long)]
    pub(crate) site: Option<PathBuf>,
    /// Where the HTTP service listens, such as 127.0.0.1:9500; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// The store: sqlite:PATH or postgres://USER@HOST/NAME; SQLite in the data directory when not given.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_store)]
    pub(crate) store: Option<StoreAddress>,
    #[command(flatten)]
    pub(crate) order: OrderOptions,
    /// Write a report here when all batches have ended.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// A running batch is closed by force after this long without a load on the belt.
    #[arg(long, default_value = "120s", value_parser = parse_span)]
    pub(crate) quiet: Nanos,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SimRunOptions {
    /// Plant file.
    #[arg(long)]
    pub(crate) plant: PathBuf,
    /// Where to listen for Modbus/TCP; the endpoint of the plant's first link when not given.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) order: OrderOptions,
    /// Factor on belts, feed and people.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) speed: u32,
    /// Faults to inject.
    #[arg(long)]
    pub(crate) faults: Option<PathBuf>,
    /// Ledger file, one JSON object a line.
    #[arg(long)]
    pub(crate) ledger: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ProveOptions {
    /// How many seeds; 50 when neither flag is given, one with `--seed` alone.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: Option<u64>,
    /// First seed; 1 when not given.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How large the runs are.
    #[arg(long, value_enum, default_value = "full")]
    pub(crate) size: SizeOption,
    /// Run this plan instead of seeds.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "size", "shrink"])]
    pub(crate) plan: Option<PathBuf>,
    /// Shrink the first seeds that fail, and write what is left of each as a plan into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) shrink: Option<PathBuf>,
    /// Leave this checker out: what nobody finds then, only it finds.
    #[arg(long, value_name = "CHECKER")]
    pub(crate) without: Option<String>,
    /// Write the report here as JSON.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
}

/// Sizes of runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum SizeOption {
    /// Hundreds of loads.
    Full,
    /// A few dozen loads: the tables of mutations and checkers.
    Small,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ReconcileOptions {
    /// Data directory of the daemon.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Ledger of the simulator.
    #[arg(long)]
    pub(crate) ledger: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CheckOptions {
    /// Files or directories.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DirOptions {
    /// Data directory, or the journal directory in it.
    pub(crate) dir: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ShadowOptions {
    /// Plant file to choose with; the journal's own when not given, to compare this build alone.
    #[arg(long)]
    pub(crate) plant: Option<PathBuf>,
    /// Data directory, or the journal directory in it. A daemon may be writing it.
    #[arg(long)]
    pub(crate) journal: PathBuf,
    /// Go on as the journal grows, until Ctrl-C.
    #[arg(long = "follow")]
    pub(crate) is_followed: bool,
    /// List decisions from this record on. The records before it are followed all the same.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ExportOptions {
    /// Data directory, or the journal directory in it.
    pub(crate) dir: PathBuf,
    /// First record; 1 when not given.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) from: u64,
    /// Last record; the last that is on disk when not given or not there yet.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) to: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KindOption {
    Sort,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum IdentifyOption {
    Lpn,
    Sku,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum AssignOption {
    Volume,
    FirstScan,
}

impl From<IdentifyOption> for Identify {
    fn from(option: IdentifyOption) -> Self {
        match option {
            IdentifyOption::Lpn => Self::Lpn,
            IdentifyOption::Sku => Self::Sku,
        }
    }
}

impl From<AssignOption> for Assign {
    fn from(option: AssignOption) -> Self {
        match option {
            AssignOption::Volume => Self::Volume,
            AssignOption::FirstScan => Self::FirstScan,
        }
    }
}

/// Reads `250ms`, `60s`, `5m` or `24h`.
pub(crate) fn parse_span(text: &str) -> Result<Nanos, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 =
        digits.parse().map_err(|_| format!("`{text}` is no time: write 250ms, 60s, 5m or 24h"))?;
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("`{text}` has no unit: write 250ms, 60s, 5m or 24h")),
    };
    number
        .checked_mul(unit)
        .filter(|millis| *millis < 1 << 40)
        .map(Nanos::from_millis)
        .ok_or_else(|| format!("`{text}` is too long"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn span_needs_a_unit() {
        assert_eq!(parse_span("60s"), Ok(Nanos::from_secs(60)));
        assert_eq!(parse_span("250ms"), Ok(Nanos::from_millis(250)));
        assert!(parse_span("60").is_err());
        assert!(parse_span("s").is_err());
        assert!(parse_span("99999999999999999999h").is_err());
        assert!(parse_span("999999999999999h").is_err());
    }

    /// Commands of a unit file, as words; `key` is what starts them.
    fn commands(unit: &str, key: &str) -> Vec<Vec<String>> {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn commands_of_the_unit_file_are_accepted() {
        let unit = include_str!("../../../systemd/wcs.service");
        let [start] = &commands(unit, "ExecStart")[..] else { panic!("a service has one command") };
        let Command::Run(run) = Arguments::try_parse_from(start).unwrap().command else {
            panic!("the service runs the daemon");
        };
        // The directory the unit hands over, and no other, can be written to.
        let state = commands(unit, "StateDirectory");
        assert_eq!(run.data, Some(PathBuf::from("/var/lib").join(&state[0][0])));
        let [before] = &commands(unit, "ExecStartPre")[..] else { panic!("files are checked first") };
        let Command::Check(check) = Arguments::try_parse_from(before).unwrap().command else {
            panic!("files are checked first");
        };
        let files = [run.plant.expect("a service has a plant"), run.site.expect("a service has a site")];
        assert_eq!(check.paths, files);
    }
}
