//! Plant files of the tests: the demo sorter at an address of the moment, alone or beside a second one.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::program::root;

/// Endpoint of the demo plant as it is shipped.
pub const DEMO_ENDPOINT: &str = "127.0.0.1:1502";

/// The demo plant as it is shipped.
///
/// # Errors
/// It is missing.
pub fn demo_plant() -> Result<String> {
    let path = root().join("configs").join("plant.toml");
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Writes the demo plant with its sorter at `endpoint` as `name` into `folder`.
///
/// # Errors
/// It cannot be written.
pub fn write_demo(folder: &Path, name: &str, endpoint: SocketAddr) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, demo_plant()?.replace(DEMO_ENDPOINT, &endpoint.to_string()))?;
    Ok(path)
}

/// Writes a plant of two demo sorters, `sorter1` at the first endpoint and `sorter2` at the second.
///
/// # Errors
/// It cannot be written.
pub fn write_pair(folder: &Path, name: &str, endpoints: [SocketAddr; 2]) -> Result<PathBuf> {
    let first = demo_plant()?.replace(DEMO_ENDPOINT, &endpoints[0].to_string());
    let second = first
        .split_once("[[link]]")
        .map(|(_, rest)| format!("[[link]]{rest}"))
        .context("the demo plant has a link")?
        .replace(&endpoints[0].to_string(), &endpoints[1].to_string())
        .replace("plc1", "plc2")
        .replace("sorter1", "sorter2")
        // Ids of chutes are unique in the plant.
        .replace("id = \"order\"", "id = \"order2\"")
        .replace("id = \"overflow\"", "id = \"overflow2\"")
        .replace("id = \"no_read\"", "id = \"no_read2\"")
        .replace("id = \"exception\"", "id = \"exception2\"");
    let path = folder.join(name);
    fs::write(&path, format!("{first}\n{second}"))?;
    Ok(path)
}
