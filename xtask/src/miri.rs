//! `cargo xtask miri`: tests of the crates without IO under an interpreter that notices what a compiler may do with
//! undefined behaviour. None of our code is unsafe; what it stands on (`heapless`, `postcard`, checksums) is, and sees
//! bytes from outside. It needs a nightly toolchain with Miri and the sources of the standard library, and is no part
//! of the gate: hundreds of times slower, it runs what is cheap.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// What is interpreted of one crate.
struct Part {
    package: &'static str,
    arguments: &'static [&'static str],
}

/// Small enough for minutes: tables and indexes of the core, the parts a session is made of, golden bytes and reading of
/// the journal, all of the types. Whole images and the ring of a session are not: one such test takes more than eight.
const PARTS: &[Part] = &[
    Part { package: "wcs-types", arguments: &["--lib"] },
    Part { package: "wcs-core", arguments: &["--lib", "--", "table", "index", "identify"] },
    Part { package: "wcs-sessions", arguments: &["--lib", "--", "::tests::"] },
    Part { package: "wcs-journal", arguments: &["--test", "journal", "--", "golden", "reading"] },
];

/// Runs them; true when none finds anything.
pub(crate) fn run(workspace: &Workspace, package: Option<&str>) -> Result<bool> {
    need_nightly(&["miri"], "miri and rust-src")?;
    let chosen: Vec<&Part> =
        PARTS.iter().filter(|part| package.is_none_or(|name| name == part.package)).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = PARTS.iter().map(|part| part.package).collect();
        bail!("Miri runs on {}", known.join(", "));
    }
    let mut failed = Vec::new();
    for part in chosen {
        let started = Instant::now();
        println!("$ cargo +nightly miri test --package {} {}", part.package, part.arguments.join(" "));
        let mut command = Command::new("cargo");
        command.args(["+nightly", "miri", "test", "--package", part.package]).args(part.arguments);
        // By its variable, since behind `--` an option would be one of the tests; Miri adds a folder of its own.
        command.env("CARGO_TARGET_DIR", &workspace.metadata.target_directory);
        // Tests read the files of the repository and the clock; a case of a property is as good as a hundred here.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "2");
        own_toolchain(&mut command).current_dir(&workspace.root);
        let status = command.status().context("cargo cannot be started")?;
        println!(
            "{}: {}, {} s",
            part.package,
            if status.success() { "nothing found" } else { "FOUND" },
            started.elapsed().as_secs()
        );
        if !status.success() {
            failed.push(part.package);
        }
    }
    Ok(failed.is_empty())
}

/// Takes away what the toolchain of the workspace sets for its children: `+nightly` must mean the nightly.
pub(crate) fn own_toolchain(command: &mut Command) -> &mut Command {
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}

/// Says in plain words what is missing for a verb that needs a nightly toolchain.
pub(crate) fn need_nightly(verb: &[&str], parts: &str) -> Result<()> {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(verb).arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = own_toolchain(&mut command).status().is_ok_and(|status| status.success());
    if is_there {
        return Ok(());
    }
    bail!(
        "not run: `cargo +nightly {} --version` does not work here. This verb needs a nightly toolchain with {parts}: \
         `rustup toolchain install nightly`, then `rustup component add --toolchain nightly miri rust-src` or \
         `cargo install cargo-fuzz`. Everything in `cargo xtask test` does without.",
        verb.join(" ")
    )
}
