//! A child process with a hard time limit: its lines arrive through a channel, so a test waits for what it sees and
//! never for a length of time. A child does not outlive the test that started it.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Time a process may take to halt.
const PAUSE_LIMIT: Duration = Duration::from_secs(10);

/// One line a child wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Line {
    Out(String),
    Err(String),
}

impl Line {
    fn text(&self) -> &str {
        match self {
            Self::Out(text) | Self::Err(text) => text,
        }
    }
}

/// A running child.
pub struct Child {
    process: std::process::Child,
    lines: Receiver<Line>,
    /// Lines that came while somebody waited for the other stream: the two come in no order.
    passed: VecDeque<Line>,
    out: String,
    err: String,
    shown: String,
    until: Instant,
}

/// How a child ended and all it wrote.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    shown: String,
}

impl Child {
    /// Starts `command`; `limit` from now it is killed and whoever waits for it fails.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command, limit: Duration) -> Result<Self> {
        let shown = format!("{command:?}");
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{shown} cannot be started"))?;
        let (sender, lines) = channel();
        let out = process.stdout.take().context("standard output is piped")?;
        let err = process.stderr.take().context("standard error is piped")?;
        read_lines(out, sender.clone(), Line::Out);
        read_lines(err, sender, Line::Err);
        let until = Instant::now() + limit;
        Ok(Self {
            process,
            lines,
            passed: VecDeque::new(),
            out: String::new(),
            err: String::new(),
            shown,
            until,
        })
    }

    /// Runs `command` to its end within `limit`.
    ///
    /// # Errors
    /// It cannot be started, or takes longer.
    pub fn run(command: Command, limit: Duration) -> Result<Ended> {
        Self::start(command, limit)?.wait_end()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it writes a line that starts with `prefix` on standard output, and gives the rest of that line.
    ///
    /// # Errors
    /// It ended or the limit passed before.
    pub fn wait_out(&mut self, prefix: &str) -> Result<String> {
        let is_out = |line: &Line| matches!(line, Line::Out(_));
        self.wait_line(&format!("`{prefix}` on standard output"), is_out, |line| {
            line.strip_prefix(prefix).map(str::to_owned)
        })
    }

    /// Waits until it writes a line that contains every one of `parts` on standard error, and gives that line.
    ///
    /// # Errors
    /// It ended or the limit passed before.
    pub fn wait_err(&mut self, parts: &[&str]) -> Result<String> {
        let is_err = |line: &Line| matches!(line, Line::Err(_));
        self.wait_line(&format!("{parts:?} on standard error"), is_err, |line| {
            parts.iter().all(|part| line.contains(part)).then(|| line.to_owned())
        })
    }

    fn wait_line(
        &mut self,
        what: &str,
        is_of_stream: impl Fn(&Line) -> bool,
        find: impl Fn(&str) -> Option<String>,
    ) -> Result<String> {
        while let Some(at) = self.passed.iter().position(&is_of_stream) {
            let line = self.passed.remove(at);
            if let Some(found) = line.as_ref().and_then(|line| find(line.text())) {
                return Ok(found);
            }
        }
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.keep(&line);
                    if !is_of_stream(&line) {
                        self.passed.push_back(line);
                    } else if let Some(found) = find(line.text()) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("waited too long for {what} of {self}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without {what}: {self}"),
            }
        }
    }

    fn keep(&mut self, line: &Line) {
        let (all, line) = match line {
            Line::Out(line) => (&mut self.out, line),
            Line::Err(line) => (&mut self.err, line),
        };
        all.push_str(line);
        all.push('\n');
    }

    /// True while it runs.
    ///
    /// # Errors
    /// The system does not know it any more.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Leaves it alone for `span`; true when it ended by itself meanwhile.
    pub fn has_ended_within(&mut self, span: Duration) -> bool {
        let until = Instant::now() + span;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.keep(&line),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The limit passed before; it is killed then.
    pub fn wait_end(mut self) -> Result<Ended> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.keep(&line),
                Err(RecvTimeoutError::Timeout) => bail!("it did not end in time: {self}"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // Both pipes are closed: what is left of it is its exit.
        let status = self.process.wait()?;
        let (out, err) = (std::mem::take(&mut self.out), std::mem::take(&mut self.err));
        Ok(Ended { code: status.code(), out, err, shown: self.shown.clone() })
    }

    /// Asks it to stop as a person does (Ctrl-C), and waits for its end.
    ///
    /// # Errors
    /// The limit passed before.
    pub fn interrupt(self) -> Result<Ended> {
        self.signal(Signal::SIGINT)?;
        self.wait_end()
    }

    /// Asks it to stop as a service manager does (SIGTERM). It ends when it is ready to.
    ///
    /// # Errors
    /// It is gone.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Halts it where it is (SIGSTOP), and waits until none of its threads runs.
    ///
    /// # Errors
    /// It is gone, or does not halt.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)?;
        let tasks = format!("/proc/{}/task", self.id());
        wait_until("every thread halts", PAUSE_LIMIT, || {
            for task in fs::read_dir(&tasks)? {
                let stat = fs::read_to_string(task?.path().join("stat"))?;
                // The name in front of the state may hold anything, even a bracket.
                let state = stat.rsplit_once(')').context("a state")?.1.trim_start();
                if !state.starts_with('T') {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
    }

    /// Lets it go on after [`Child::pause`].
    ///
    /// # Errors
    /// It is gone.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Ends it as a watchdog does (SIGABRT).
    ///
    /// # Errors
    /// It is gone.
    pub fn abort(&self) -> Result<()> {
        self.signal(Signal::SIGABRT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.process.id())?), signal)?)
    }

    /// Kills it without a word (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// It had ended by itself before.
    pub fn kill(mut self) -> Result<Ended> {
        if let Some(status) = self.process.try_wait()? {
            bail!("it ended by itself ({status}) before it was killed: {self}");
        }
        self.process.kill()?;
        self.wait_end()
    }
}

impl std::fmt::Display for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- out\n{}--- err\n{}", self.shown, self.out, self.err)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; both answers are fine here.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Ended {
    /// Gives itself back when the exit code is `code`.
    ///
    /// # Errors
    /// Another exit code, with all the child wrote.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code != Some(code) {
            bail!("exit {:?} instead of {code}: {self}", self.code);
        }
        Ok(self)
    }

    /// Gives itself back when it ended by a signal.
    ///
    /// # Errors
    /// It ended with an exit code.
    pub fn expect_killed(self) -> Result<Self> {
        if self.code.is_some() {
            bail!("it ended by itself: {self}");
        }
        Ok(self)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- exit {:?}\n--- out\n{}--- err\n{}", self.shown, self.code, self.out, self.err)
    }
}

fn read_lines(from: impl Read + Send + 'static, to: Sender<Line>, line_of: fn(String) -> Line) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if to.send(line_of(text)).is_err() {
                return; // nobody reads any more
            }
        }
    });
}

/// Waits until `look` gives something, which it is asked for again and again.
///
/// # Errors
/// `limit` passed before, or looking failed.
pub fn wait_until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() >= until {
            bail!("waited {} s in vain: {what}", limit.as_secs());
        }
        // Not to wait for something, but to leave the processor to those who do it.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a figure a person wants to see in the output of the test.
pub fn tell(figure: &str) {
    let mut out = std::io::stdout();
    // A closed output is no reason to fail.
    writeln!(out, "{figure}").unwrap_or_default();
}
