//! Chores of the repository, written in the language of the repository: what `cargo xtask NAME` runs. Each
//! chore has a file of its own; this one only reads the command line. Nothing here is part of the product.

mod acceptance;
mod bench;
mod fuzz;
mod gate;
mod interleavings;
mod layers;
mod miri;
mod mutate;
mod orders;
mod soak;
mod source_text;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::workspace::Workspace;

/// Chores of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Check which crate may depend on which, and what may enter the core.
    Layers,
    /// Check rules that neither the compiler nor clippy knows.
    Tidy,
    /// Run every check and every test, and list all failures at the end.
    Test,
    /// Run the acceptance lines at full size on the real days.
    Accept {
        /// Only lines whose name starts with one of these.
        lines: Vec<String>,
        /// Only list the lines.
        #[arg(long)]
        list: bool,
        /// So many lines at a time; those that build or load the whole machine run alone, at the end.
        #[arg(long, default_value_t = 1)]
        jobs: usize,
    },
    /// Break the product on purpose and show which checker notices.
    Mutate {
        /// Only mutations whose name starts with this.
        name: Option<String>,
        /// Only list the mutations.
        #[arg(long)]
        list: bool,
        /// Show instead for each checker a mutation that only it notices.
        #[arg(long, conflicts_with_all = ["name", "list"])]
        checkers: bool,
    },
    /// Spoil the inputs of every decoder, or of one, for longer than the tests do.
    Fuzz(fuzz::Wanted),
    /// Try every order in which threads can meet in our lock-free code.
    Loom,
    /// Interpret the tests of the crates without IO with Miri, where a nightly toolchain has it.
    Miri {
        /// Only this crate.
        package: Option<String>,
    },
    /// Measure the numbers of the design against their bars.
    Bench {
        /// Only numbers whose name starts with this.
        name: Option<String>,
        /// Rounds, interleaved over the arms of one number.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// Live through a month of shifts in virtual time, and judge what memory did.
    Soak(soak::SoakOptions),
}

fn main() -> ExitCode {
    match run(&Chore::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a chore; false when it found something wrong.
fn run(chore: &Chore) -> Result<bool> {
    let workspace = Workspace::locate()?;
    match chore {
        Chore::Layers => Ok(workspace::report("layers", &layers::check(&workspace)?)),
        Chore::Tidy => Ok(workspace::report("tidy", &tidy::check(&workspace)?)),
        Chore::Test => gate::run(&workspace),
        Chore::Accept { list: true, .. } => Ok(acceptance::list(&workspace)),
        Chore::Accept { lines, list: false, jobs } => acceptance::run(&workspace, lines, *jobs),
        Chore::Mutate { list: true, .. } => Ok(mutate::list()),
        Chore::Mutate { checkers: true, .. } => mutate::check_checkers(&workspace),
        Chore::Mutate { name, .. } => mutate::run(&workspace, name.as_deref()),
        Chore::Fuzz(wanted) => fuzz::run(&workspace, wanted),
        Chore::Loom => interleavings::run(&workspace),
        Chore::Miri { package } => miri::run(&workspace, package.as_deref()),
        Chore::Bench { name, rounds } => bench::run(&workspace, name.as_deref(), *rounds),
        Chore::Soak(options) => soak::run(&workspace, options),
    }
}
