//! The PLC in Python (`tests/second_plc`), written from the profile's README alone, as a child process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::child::Child;
use crate::program::{python, root};

/// Name of its ledger in the folder it runs in.
pub const LEDGER: &str = "ledger.jsonl";

/// One of its programs.
///
/// # Errors
/// There is no Python for it.
pub fn script(name: &str) -> Result<Command> {
    let mut command = Command::new(python()?);
    command.arg("-B").arg(root().join("tests").join("second_plc").join(name));
    Ok(command)
}

/// Starts the PLC in `folder`, which holds `orders.csv`, and gives the address it listens at. All its sequences
/// begin shortly before the wrap.
///
/// # Errors
/// It does not start.
pub fn start(folder: &Path, arguments: &[&str], limit: Duration) -> Result<(Child, SocketAddr)> {
    let mut plc = script("second_plc.py")?;
    plc.current_dir(folder).args(["--listen", "127.0.0.1:0", "--orders", "orders.csv", "--ledger", LEDGER]);
    plc.args(["--first-seq", "65500"]).args(arguments);
    let mut plc = Child::start(plc, limit)?;
    let endpoint = plc.wait_out("listening on ")?.parse()?;
    Ok((plc, endpoint))
}
