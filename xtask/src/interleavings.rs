//! `cargo xtask loom`: the lock-free code of ours in every order in which its threads can meet. The same tests run with
//! all others, since they need neither a flag nor a build of their own; this runs them alone and says what they cover.

use anyhow::{Context, Result};

use crate::workspace::{Workspace, cargo_command};

/// Crates with lock-free code, and which of it is ours. Rings, queues and wake-ups are other people's crates.
const COVERED: &[(&str, &str)] = &[
    ("wcs-drivers", "credits.rs: credits of a link, and who is told when one comes back"),
    ("wcs", "service/spans.rs: distributions that are counted and read at once"),
];

/// Runs them; true when all hold.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let mut holds = true;
    for (package, covers) in COVERED {
        println!("{package}: {covers}");
        let arguments = ["test", "--package", package, "--test", "interleavings"];
        let status = cargo_command(workspace, &arguments).status().context("cargo cannot be started")?;
        holds &= status.success();
    }
    println!(
        "single flags and single numbers with one writer (stop, alive_until, positions) have nothing to interleave"
    );
    Ok(holds)
}
