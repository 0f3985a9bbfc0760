//! Where the programs under test are: the release binary and the Python with the independent client. A test never
//! goes on without one of them, and never skips: it fails and says what is missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// Root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the workspace")
}

/// Folder of build products.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The release binary: `$WCS_BINARY`, else the one of this workspace.
///
/// # Errors
/// It was not built.
pub fn binary() -> Result<PathBuf> {
    let named = env::var_os("WCS_BINARY").map(PathBuf::from);
    let path = named.unwrap_or_else(|| target().join("release").join("wcs"));
    if !path.is_file() {
        bail!("{} is missing: run `cargo build --release`, or name the binary in WCS_BINARY", path.display());
    }
    Ok(path)
}

/// The release binary that can be broken on purpose: `$WCS_MUTATED_BINARY`, else the one beside this workspace's own.
///
/// # Errors
/// It was not built.
pub fn mutated() -> Result<PathBuf> {
    let named = env::var_os("WCS_MUTATED_BINARY").map(PathBuf::from);
    let path = named.unwrap_or_else(|| target().join("mutations").join("release").join("wcs"));
    if !path.is_file() {
        bail!(
            "{} is missing: `cargo build --release -p wcs --features mutations --target-dir target/mutations`",
            path.display()
        );
    }
    Ok(path)
}

/// Starts a command of `wcs` in `folder`: messages on standard error, without colours.
///
/// # Errors
/// The binary was not built.
pub fn wcs(folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.args(arguments).current_dir(folder).env("WCS_LOG", "info").env("NO_COLOR", "1");
    Ok(command)
}

/// The Python that has the independent client: `$WCS_PYTHON`, else the one `tests/run` sets up.
///
/// # Errors
/// There is none.
pub fn python() -> Result<PathBuf> {
    let named = env::var_os("WCS_PYTHON").map(PathBuf::from);
    let path = named.unwrap_or_else(|| target().join("venv").join("bin").join("python"));
    if !path.is_file() {
        bail!("{} is missing: `tests/run` sets it up, or name a Python in WCS_PYTHON", path.display());
    }
    Ok(path)
}
