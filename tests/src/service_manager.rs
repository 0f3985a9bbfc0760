//! A service manager as a daemon sees it: a socket that takes its datagrams, and an environment that names it. It
//! judges as systemd does, by the time since the last sign of life, and kills nothing by itself.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A sign of life.
pub const LIFE: &str = "WATCHDOG=1";
/// Bytes a datagram may have.
const DATAGRAM_MAX: usize = 4_096;

/// The service manager.
pub struct ServiceManager {
    socket: UnixDatagram,
    address: String,
    /// Without a sign of life for so long it would end the process.
    pub timeout: Duration,
    last_life: Instant,
}

impl ServiceManager {
    /// One whose socket has a name and no file.
    ///
    /// # Errors
    /// The socket cannot be had.
    pub fn in_abstract(timeout: Duration) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("wcs-tests-{}-{made}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        Ok(Self::on(socket, format!("@{name}"), timeout))
    }

    /// One whose socket is a file in `folder`.
    ///
    /// # Errors
    /// The socket cannot be had.
    pub fn in_folder(folder: &Path, timeout: Duration) -> Result<Self> {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path)?;
        Ok(Self::on(socket, path.display().to_string(), timeout))
    }

    fn on(socket: UnixDatagram, address: String, timeout: Duration) -> Self {
        Self { socket, address, timeout, last_life: Instant::now() }
    }

    /// The command with the environment of a service.
    #[must_use]
    pub fn around(&self, mut command: Command) -> Command {
        command.env("NOTIFY_SOCKET", &self.address);
        command.env("WATCHDOG_USEC", self.timeout.as_micros().to_string());
        command.env_remove("WATCHDOG_PID");
        command
    }

    /// The lines of the next datagram; none when `until` passes before.
    fn next(&mut self, until: Instant) -> Result<Option<Vec<String>>> {
        // Never zero: what has arrived already is heard even when the time is over.
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(left))?;
        let mut bytes = [0; DATAGRAM_MAX];
        let size = match self.socket.recv(&mut bytes) {
            Ok(size) => size,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = std::str::from_utf8(&bytes[..size]).context("a datagram is text")?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        ensure!(!lines.is_empty(), "a datagram says something");
        if lines.iter().any(|line| line == LIFE) {
            self.last_life = Instant::now();
        }
        Ok(Some(lines))
    }

    /// Waits until it is told a line that starts with `prefix`; gives that line and every line told before it.
    ///
    /// # Errors
    /// It was not told within `limit`.
    pub fn wait_told(&mut self, prefix: &str, limit: Duration) -> Result<(String, Vec<String>)> {
        let until = Instant::now() + limit;
        let mut before = Vec::new();
        while let Some(lines) = self.next(until)? {
            for line in lines {
                if line.starts_with(prefix) {
                    return Ok((line, before));
                }
                before.push(line);
            }
        }
        bail!("was not told `{prefix}` in {} s, but {before:?}", limit.as_secs())
    }

    /// Forgets everything told so far.
    ///
    /// # Errors
    /// The socket fails.
    pub fn forget_told(&mut self) -> Result<()> {
        while self.next(Instant::now())?.is_some() {}
        Ok(())
    }

    /// Waits until the time-out has passed since the last sign of life, as systemd does before it kills; gives the
    /// lines told meanwhile.
    ///
    /// # Errors
    /// Signs of life went on for `limit`.
    pub fn wait_timed_out(&mut self, limit: Duration) -> Result<Vec<String>> {
        let until = Instant::now() + limit;
        let mut told = Vec::new();
        while Instant::now() < until {
            match self.next(self.last_life + self.timeout)? {
                Some(lines) => told.extend(lines),
                None => return Ok(told),
            }
        }
        bail!("signs of life went on for {} s: {told:?}", limit.as_secs())
    }
}
