//! The walk-through of the README with curl, run as it is printed, from the import of orders to their results and why
//! a load went where it went. Only the ports are others: those of the page may be in use.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_tests::child::{Child, tell};
use wcs_tests::plant::write_demo;
use wcs_tests::program::{binary, root};
use wcs_tests::readme::{blocks, check_output, script};

const LIMIT: Duration = Duration::from_secs(180);
const HEADING: &str = "### Orders over HTTP";
/// Where the page has the service.
const SERVICE: &str = "127.0.0.1:9500";

#[test]
fn walk_through_of_the_readme_works_as_printed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let page = fs::read_to_string(root().join("README.md"))?;
    let blocks = blocks(&page, HEADING)?;
    let commands = script(&blocks);
    ensure!(commands.contains(SERVICE), "the page does not speak of {SERVICE}");
    let commands = commands.replace(SERVICE, &free_port()?);
    // The page writes `wcs` for the binary and stands in the root of the repository.
    let path = folder.path().join("bin");
    fs::create_dir(&path)?;
    std::os::unix::fs::symlink(binary()?, path.join("wcs"))?;
    let configs = folder.path().join("configs");
    fs::create_dir_all(configs.join("mappings"))?;
    fs::copy(root().join("configs/mappings/retail.toml"), configs.join("mappings/retail.toml"))?;
    write_demo(&configs, "plant.toml", free_port()?.parse()?)?;
    let paths = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["-c", &commands]).current_dir(folder.path()).env("PATH", paths).env("NO_COLOR", "1");
    let ended = Child::run(bash, LIMIT)?.expect_code(0)?;
    let shown = check_output(&blocks, &ended.out)?;
    tell(&format!("walk-through: {} blocks run as printed, {shown} lines as shown", blocks.len()));
    Ok(())
}

/// An address nobody listened at just now.
fn free_port() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
