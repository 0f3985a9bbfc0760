//! Arm "commanding": the binary itself beside the simulator in a process of its own. The daemon is killed while loads are
//! on the belt and started again at once; the figure is the time from the start of its process to the arrival of its
//! word that the PLC shows the permit and has taken a destination.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::plc_host::Shift;

const KILLS: u32 = 5;
/// Plant time is five times as fast, so that the belt is full between two kills.
const SPEED: &str = "5";
const FILLING: Duration = Duration::from_secs(3);
pub(crate) const PLANT: &str = include_str!("../../../../configs/plant.toml");
pub(crate) const SAMPLE_ENDPOINT: &str = "127.0.0.1:1502";

/// A child that ends with the arm.
pub(crate) struct Player {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Player {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let program = binary()?;
        let mut process = Command::new(&program)
            .args(arguments)
            .current_dir(folder)
            .env("WCS_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let output = process.stdout.take().context("standard output is piped")?;
        Ok(Self { process, lines: BufReader::new(output).lines() })
    }

    /// What follows `start` on the first line that begins with it.
    pub(crate) fn wait(&mut self, start: &str) -> Result<String> {
        for line in &mut self.lines {
            let line = line?;
            if let Some(rest) = line.strip_prefix(start) {
                return Ok(rest.to_owned());
            }
        }
        anyhow::bail!("it ended and never said `{start}`")
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself; both answers are fine here.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The binary that was built beside this program.
fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let profile = here.ancestors().nth(2).context("this program lies in the examples of a profile")?;
    Ok(profile.join("wcs"))
}

/// Kills and starts the daemon in `folder`, which is made anew.
pub(crate) fn measure(folder: &Path) -> Result<Value> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("orders.csv"), Shift::usual().csv)?;
    ensure!(PLANT.contains(SAMPLE_ENDPOINT), "the sample plant has the endpoint that is replaced here");
    std::fs::write(folder.join("plant.toml"), PLANT)?;
    let sim = ["sim", "run", "--plant", "plant.toml", "--orders", "orders.csv", "--listen", "127.0.0.1:0"];
    let sim = [&sim[..], &["--speed", SPEED, "--ledger", "ledger.jsonl"]].concat();
    let mut sim = Player::start(folder, &sim)?;
    let listening = sim.wait("listening on ")?;
    let (endpoint, _) = listening.split_once(", ").context("an address and a number of loads")?;
    std::fs::write(folder.join("plant.toml"), PLANT.replace(SAMPLE_ENDPOINT, endpoint))?;
    let daemon = ["run", "--plant", "plant.toml", "--data", "data", "--orders", "orders.csv"];
    let (mut slowest, mut sum, mut with_destination) = (0.0_f64, 0.0, 0);
    for start in 0..=KILLS {
        let began = Instant::now();
        let mut player = Player::start(folder, &daemon)?;
        let said = player.wait("commanding after ")?;
        let ms = began.elapsed().as_secs_f64() * 1_000.0;
        if start > 0 {
            slowest = slowest.max(ms);
            sum += ms;
            with_destination += u32::from(said.contains("first destination taken"));
        }
        std::thread::sleep(FILLING);
    }
    std::fs::remove_dir_all(folder)?;
    Ok(json!({
        "slowest_ms": slowest, "mean_ms": sum / f64::from(KILLS), "with_destination": with_destination,
    }))
}
