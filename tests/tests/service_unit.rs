//! The unit file as systemd itself reads it: no word of it is unknown, and little is left that a service could do.
//! That its commands are accepted by the binary is a test of the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wcs_tests::child::{Child, tell};
use wcs_tests::program::{binary, root, wcs};

const LIMIT: Duration = Duration::from_secs(60);
/// Where the unit looks for the binary.
const INSTALLED: &str = "/usr/bin/wcs";
/// Exposure times ten that is allowed; a unit without any hardening has 96.
const EXPOSURE_MAX: &str = "20";

/// The unit with the binary where it is now.
fn unit(folder: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(root().join("systemd").join("wcs.service"))?;
    ensure!(text.contains(INSTALLED), "the unit starts {INSTALLED}");
    let path = folder.join("wcs.service");
    fs::write(&path, text.replace(INSTALLED, &binary()?.display().to_string()))?;
    Ok(path)
}

fn analyze(arguments: &[&str], unit: &Path) -> Result<wcs_tests::Ended> {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).arg(unit);
    Child::run(command, LIMIT).context("`tests/run` installs systemd for its systemd-analyze")
}

#[test]
fn systemd_knows_every_word_of_the_unit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let unit = unit(folder.path())?;
    let verified = analyze(&["verify", "--man=no"], &unit)?.expect_code(0)?;
    // An unknown key is only a warning there, so anything it says about this unit is too much.
    let said: Vec<&str> = verified.err.lines().filter(|line| line.contains("wcs.service")).collect();
    ensure!(said.is_empty(), "{said:?}");
    let text = fs::read_to_string(&unit)?.replace("WatchdogSec=", "WatchdogSecs=");
    fs::write(&unit, text)?;
    let wrong = analyze(&["verify", "--man=no"], &unit)?;
    ensure!(wrong.err.contains("wcs.service") && wrong.err.contains("WatchdogSecs"), "{wrong}");
    Ok(())
}

#[test]
fn little_is_left_that_the_service_could_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let unit = unit(folder.path())?;
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let judged = analyze(&["security", "--offline=true", "--no-pager", &threshold], &unit)?;
    let judged = judged.expect_code(0)?;
    tell(judged.out.lines().next_back().unwrap_or_default());
    Ok(())
}

#[test]
fn shipped_configuration_is_sound() -> Result<()> {
    let configs = root().join("configs").display().to_string();
    let folder = tempfile::tempdir()?;
    let checked = Child::run(wcs(folder.path(), &["check", &configs])?, LIMIT)?.expect_code(0)?;
    ensure!(checked.out.contains("site.toml: site, ok"), "{checked}");
    Ok(())
}
