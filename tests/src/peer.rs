//! Independent Modbus programs: a client and a server made with libmodbus, compiled here, and a client on pymodbus.
//! They know no register; what to ask comes from the profile, and what they answer is decoded by the profile.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::child::{Child, Ended};
use crate::program::{python, root};

/// Time a peer may take for all it is asked.
const PEER_LIMIT: Duration = Duration::from_secs(20);
/// Time the compiler may take.
const COMPILER_LIMIT: Duration = Duration::from_secs(60);

/// Something to do on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Function 3.
    Read {
        /// First register.
        address: u16,
        /// Registers.
        count: u16,
    },
    /// Function 16.
    Write {
        /// First register.
        address: u16,
        /// Values.
        words: Vec<u16>,
    },
    /// A body as it is, which no client would send by itself; libmodbus only.
    Body(Vec<u8>),
}

/// What came of an operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Came {
    /// Registers.
    Words(Vec<u16>),
    /// Registers written.
    Written(u16),
    /// Refused with this Modbus exception.
    Exception(u8),
    /// The body of a reply, in hexadecimal.
    Body(String),
}

/// An independent client.
#[derive(Clone, Debug)]
pub struct PeerClient {
    /// The library it stands on.
    pub name: &'static str,
    program: PathBuf,
    script: Option<PathBuf>,
}

impl PeerClient {
    /// The client on libmodbus, compiled into `folder`.
    ///
    /// # Errors
    /// There is no compiler or no libmodbus.
    pub fn libmodbus(folder: &Path) -> Result<Self> {
        Ok(Self { name: "libmodbus", program: compile("libmodbus_reader", folder)?, script: None })
    }

    /// The client on pymodbus.
    ///
    /// # Errors
    /// There is no Python for it.
    pub fn pymodbus() -> Result<Self> {
        let program = python()?;
        let mut look = Command::new(&program);
        look.args(["-c", "import pymodbus"]);
        let found = Child::run(look, PEER_LIMIT)?;
        if found.code != Some(0) {
            bail!("{} has no pymodbus: `tests/run` installs it\n{}", program.display(), found.err);
        }
        Ok(Self { name: "pymodbus", program, script: Some(source("pymodbus_reader.py")) })
    }

    /// Carries out `operations` in order on one connection.
    ///
    /// # Errors
    /// No connection, or an answer that is none.
    pub fn ask(&self, server: SocketAddr, unit: u8, operations: &[Operation]) -> Result<Vec<Came>> {
        let mut command = Command::new(&self.program);
        command.args(&self.script);
        command.args([server.ip().to_string(), server.port().to_string(), unit.to_string()]);
        command.args(operations.iter().map(argument));
        let ended = Child::run(command, PEER_LIMIT)?.expect_code(0)?;
        let parsed: Value = serde_json::from_str(&ended.out).with_context(|| ended.out.clone())?;
        let came: Option<Vec<Came>> = parsed.as_array().context("a list")?.iter().map(came_of).collect();
        let came = came.with_context(|| format!("{} printed {}", self.name, ended.out))?;
        anyhow::ensure!(
            came.len() == operations.len(),
            "{} answers to {} operations",
            came.len(),
            operations.len()
        );
        Ok(came)
    }

    /// The registers of one read.
    ///
    /// # Errors
    /// It was refused, or there was no answer.
    pub fn read(&self, server: SocketAddr, unit: u8, address: u16, count: u16) -> Result<Vec<u16>> {
        match self.ask(server, unit, &[Operation::Read { address, count }])?.pop() {
            Some(Came::Words(words)) if words.len() == usize::from(count) => Ok(words),
            other => bail!("{} read {other:?} at {address}", self.name),
        }
    }
}

fn argument(operation: &Operation) -> String {
    match operation {
        Operation::Read { address, count } => format!("r:{address}:{count}"),
        Operation::Write { address, words } => {
            let words: Vec<String> = words.iter().map(u16::to_string).collect();
            format!("w:{address}:{}", words.join(","))
        }
        Operation::Body(body) => body.iter().fold("x:".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}

fn came_of(value: &Value) -> Option<Came> {
    let (key, value) = value.as_object()?.iter().next()?;
    let number = || value.as_u64();
    match key.as_str() {
        "words" => words_of(value).map(Came::Words),
        "written" => number().and_then(|number| u16::try_from(number).ok()).map(Came::Written),
        "exception" => number().and_then(|number| u8::try_from(number).ok()).map(Came::Exception),
        "body" => value.as_str().map(|text| Came::Body(text.to_owned())),
        _ => None,
    }
}

fn words_of(value: &Value) -> Option<Vec<u16>> {
    value.as_array()?.iter().map(|word| u16::try_from(word.as_u64()?).ok()).collect()
}

/// A server on libmodbus that serves one connection.
pub struct PeerServer {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How a [`PeerServer`] answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PeerMode {
    /// As a device does.
    Plain,
    /// With exception 06.
    Busy,
}

impl PeerServer {
    /// Starts the server compiled to `program` with `words` from register `start` on.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(program: &Path, mode: PeerMode, start: u16, words: &[u16]) -> Result<Self> {
        let mut command = Command::new(program);
        let mode = if mode == PeerMode::Busy { "busy" } else { "plain" };
        command.args([mode, &start.to_string(), &words.len().to_string()]);
        command.args(words.iter().map(u16::to_string));
        let mut child = Child::start(command, PEER_LIMIT)?;
        let port: u16 = child.wait_out("port ")?.parse()?;
        Ok(Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// Starts the server with `image` from register 0 on, written into `folder`. Register `tick` grows with every
    /// request, as a life word does; of each pair in `echoes` the second register shows what the first was written.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_image(
        program: &Path,
        folder: &Path,
        image: &[u16],
        tick: u16,
        echoes: &[(u16, u16)],
    ) -> Result<Self> {
        let file = folder.join("image.txt");
        let words: Vec<String> = image.iter().map(u16::to_string).collect();
        fs::write(&file, words.join("\n"))?;
        let mut command = Command::new(program);
        command.args(["image", "0", &image.len().to_string()]).arg(file).arg(format!("tick:{tick}"));
        command.args(echoes.iter().map(|(from, to)| format!("echo:{from}:{to}")));
        let mut child = Child::start(command, PEER_LIMIT)?;
        let port: u16 = child.wait_out("port ")?.parse()?;
        Ok(Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// The registers it holds at the end; its client has to be gone.
    ///
    /// # Errors
    /// It did not end well.
    pub fn end(self) -> Result<Vec<u16>> {
        let Ended { out, .. } = self.child.wait_end()?.expect_code(0)?;
        let list =
            out.lines().find_map(|line| line.strip_prefix("registers ")).context("no registers printed")?;
        words_of(&serde_json::from_str(list)?).context("registers are words")
    }
}

fn source(name: &str) -> PathBuf {
    root().join("tests").join("peers").join(name)
}

/// Compiles a peer on libmodbus into `folder`.
///
/// # Errors
/// There is no compiler, no pkg-config or no libmodbus.
pub fn compile(name: &str, folder: &Path) -> Result<PathBuf> {
    let mut ask = Command::new("pkg-config");
    ask.args(["--cflags", "--libs", "libmodbus"]);
    let flags = Child::run(ask, COMPILER_LIMIT).context("pkg-config is missing: `tests/run` installs it")?;
    if flags.code != Some(0) {
        bail!("libmodbus is missing: `tests/run` installs it\n{}", flags.err);
    }
    let program = folder.join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-o"]);
    compiler.arg(&program).arg(source(&format!("{name}.c"))).args(flags.out.split_ascii_whitespace());
    let built = Child::run(compiler, COMPILER_LIMIT).context("cc is missing: `tests/run` installs it")?;
    built.expect_code(0)?;
    Ok(program)
}
