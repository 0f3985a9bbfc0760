//! `cargo xtask fuzz`: the fuzzer of the tests for as long as somebody likes to wait, on the toolchain of the
//! workspace; with `--libfuzzer` the same decoders under coverage instrumentation, where a nightly toolchain and
//! `cargo-fuzz` are installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::miri::{need_nightly, own_toolchain};
use crate::workspace::{Workspace, cargo_command};

/// What is to be tried, and for how long.
#[derive(Args)]
pub(crate) struct Wanted {
    /// Only this decoder; all of them otherwise.
    decoder: Option<String>,
    /// For so long each, with fresh seeds: 90s, 10m, 2h.
    #[arg(long = "for", value_parser = seconds_of)]
    span: Option<u64>,
    /// With this seed instead of a fresh one.
    #[arg(long, conflicts_with = "span")]
    seed: Option<u64>,
    /// So many inputs for each seed.
    #[arg(long, conflicts_with = "span")]
    cases: Option<u32>,
    /// Only the input in this file.
    #[arg(long, requires = "decoder", conflicts_with_all = ["span", "seed", "cases"])]
    input: Option<PathBuf>,
    /// Under libFuzzer, with coverage. Needs a nightly toolchain and `cargo-fuzz`.
    #[arg(long, requires = "decoder", conflicts_with_all = ["seed", "cases", "input"])]
    libfuzzer: bool,
}

/// Tries what is wanted; true when nothing was found.
pub(crate) fn run(workspace: &Workspace, wanted: &Wanted) -> Result<bool> {
    if wanted.libfuzzer {
        return with_coverage(workspace, wanted);
    }
    let mut command = cargo_command(workspace, &["test", "--package", "wcs-tests", "--test", "decoders"]);
    let numbers = [
        ("WCS_FUZZ_SECONDS", wanted.span),
        ("WCS_FUZZ_SEED", wanted.seed),
        ("WCS_FUZZ_CASES", wanted.cases.map(u64::from)),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            command.env(name, number.to_string());
        }
    }
    if let Some(decoder) = &wanted.decoder {
        command.env("WCS_FUZZ_DECODER", decoder);
    }
    if let Some(input) = &wanted.input {
        let input = input.canonicalize().with_context(|| input.display().to_string())?;
        command.env("WCS_FUZZ_INPUT", input);
    }
    Ok(command.status().context("cargo cannot be started")?.success())
}

/// The folder `fuzz` is a workspace of its own: nothing of it is in the build of the product.
fn with_coverage(workspace: &Workspace, wanted: &Wanted) -> Result<bool> {
    need_nightly(&["fuzz"], "cargo-fuzz")?;
    let decoder = wanted.decoder.as_deref().context("`--libfuzzer` needs a decoder")?;
    let seconds = wanted.span.unwrap_or(60);
    let folder = workspace.root.join("fuzz");
    let corpus = workspace.metadata.target_directory.join("fuzz").join("corpus").join(decoder);
    std::fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
    // What is tried are the versions the product is built with, not the newest of the day.
    std::fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock")).context("fuzz/Cargo.lock")?;
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "decoder"]).arg(&corpus);
    command
        .arg("--fuzz-dir")
        .arg(&folder)
        .arg("--target-dir")
        .arg(workspace.metadata.target_directory.join("libfuzzer"));
    command.args(["--", &format!("-max_total_time={seconds}"), "-rss_limit_mb=4096", "-timeout=20"]);
    command.env("WCS_FUZZ_DECODER", decoder).env("WCS_FUZZ_CORPUS", &corpus).current_dir(&workspace.root);
    let status = own_toolchain(&mut command).status().context("cargo cannot be started")?;
    Ok(status.success())
}

/// Seconds of a span such as `90s`, `10m` or `2h`.
fn seconds_of(text: &str) -> Result<u64> {
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => bail!("a span is a number with s, m or h, such as 90s"),
    };
    let number: u64 = number.parse().context("a span is a number with s, m or h, such as 90s")?;
    number.checked_mul(factor).context("the span is too long")
}
