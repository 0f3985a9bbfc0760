//! What a daemon asks of the operating system, as `strace` saw it: the calls that change its journal directory and
//! those that send bytes to a socket, each with the lines of the trace at which it began and ended. A call that never
//! came back was cut off by the death of the process.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Bytes of one write that are kept; a longer one is zeros that reserve room.
const BYTES_MAX: usize = 131_072;
const CALLS: &str =
    "openat,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg";
/// Folder of a journal in its data directory, as it stands in paths.
const JOURNAL: &str = "/journal";

/// What was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum What {
    Create { file: String },
    Write { file: String, offset: u64, bytes: Vec<u8> },
    Sync { file: String },
    SyncDirectory,
    Rename { from: String, to: String },
    Remove { file: String },
    Send { bytes: Vec<u8> },
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Create { file } => write!(f, "create {file}"),
            Self::Write { file, offset, bytes } => {
                write!(f, "write {file} at {offset}, {} bytes", bytes.len())
            }
            Self::Sync { file } => write!(f, "sync {file}"),
            Self::SyncDirectory => write!(f, "sync the directory"),
            Self::Rename { from, to } => write!(f, "rename {from} to {to}"),
            Self::Remove { file } => write!(f, "remove {file}"),
            Self::Send { bytes } => write!(f, "send {} bytes", bytes.len()),
        }
    }
}

/// One call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// Line of the trace at which it began.
    pub begun: usize,
    /// Line at which it came back; `None` when it never did.
    pub ended: Option<usize>,
    /// It did what it was asked to. False while it is not known.
    pub is_ok: bool,
    /// What was asked.
    pub what: What,
}

/// The command, run under `strace` with all its threads; the trace goes to the file `trace`. Further arguments of
/// `strace`, such as faults to inject, come first.
///
/// # Errors
/// There is no `strace`.
pub fn traced(command: &Command, trace: &Path, more: &[&str]) -> Result<Command> {
    let found = Command::new("strace").arg("--version").output();
    ensure!(found.is_ok_and(|found| found.status.success()), "strace is missing: `tests/run` installs it");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-xx", "-e", "signal=none", "-e", &format!("trace={CALLS}")]);
    traced.args(["-s", &BYTES_MAX.to_string()]).args(more).arg("-o").arg(trace);
    // A daemon does not outlive the one who watches it.
    traced.args(["setpriv", "--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            traced.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        traced.current_dir(folder);
    }
    Ok(traced)
}

/// Reads a trace.
///
/// # Errors
/// A line that `strace` would not write.
pub fn parse(trace: &str) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    let mut unfinished: Vec<(&str, usize, String)> = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let (thread, text) = line.split_once(' ').with_context(|| format!("line {number}: {line:.80}"))?;
        let text = text.trim_start();
        if text.starts_with("+++") || text.starts_with("---") {
            continue;
        }
        if let Some(begin) = text.strip_suffix("<unfinished ...>") {
            unfinished.push((thread, number, begin.trim_end().to_owned()));
            continue;
        }
        let (begun, whole) = match text.strip_prefix("<... ") {
            None => (number, text.to_owned()),
            Some(resumed) => {
                let at = unfinished.iter().position(|(waiting, ..)| *waiting == thread);
                let at = at.with_context(|| format!("line {number}: nothing to resume"))?;
                let (_, begun, begin) = unfinished.remove(at);
                let rest = resumed.split_once('>').context("a resumed call names itself")?.1;
                (begun, format!("{begin}{rest}"))
            }
        };
        calls.extend(call_of(&whole, begun, Some(number)).with_context(|| format!("line {number}"))?);
    }
    for (_, begun, begin) in unfinished {
        calls.extend(call_of(&format!("{begin}) = ?"), begun, None)?);
    }
    calls.sort_by_key(|call| call.begun);
    Ok(calls)
}

/// `None` for a call that neither changes the journal directory nor sends anything.
fn call_of(text: &str, begun: usize, ended: Option<usize>) -> Result<Option<Call>> {
    let (name, rest) = text.split_once('(').context("a call has arguments")?;
    let (arguments, result) = rest.rsplit_once(" = ").context("a call has a result")?;
    let arguments = arguments.trim_end().strip_suffix(')').unwrap_or(arguments);
    let result: Option<i64> = result.split([' ', '<']).next().and_then(|number| number.parse().ok());
    let texts = quoted(arguments)?;
    let path = path_of(arguments)?;
    let name_of = |at: usize| texts.get(at).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let what = match name {
        "openat" if arguments.contains("O_CREAT") => {
            name_of(0).and_then(|path| in_journal(&path)).map(|file| What::Create { file })
        }
        "rename" | "renameat" | "renameat2" => {
            let names =
                name_of(0).and_then(|from| in_journal(&from)).zip(name_of(1).and_then(|to| in_journal(&to)));
            names.map(|(from, to)| What::Rename { from, to })
        }
        "unlink" | "unlinkat" => {
            name_of(0).and_then(|path| in_journal(&path)).map(|file| What::Remove { file })
        }
        "fsync" | "fdatasync" if path.ends_with(JOURNAL) => Some(What::SyncDirectory),
        "fsync" | "fdatasync" => in_journal(&path).map(|file| What::Sync { file }),
        "pwrite64" => match in_journal(&path) {
            Some(file) => Some(written(file, arguments, texts, result)?),
            None => None,
        },
        "write" | "writev" | "sendto" | "sendmsg"
            if path.starts_with("socket:") || path.starts_with("TCP") =>
        {
            Some(What::Send { bytes: texts.concat() })
        }
        _ => None,
    };
    let is_ok = result.is_some_and(|result| result >= 0);
    Ok(what.filter(|what| *what != What::Create { file: "lock".into() }).map(|what| Call {
        begun,
        ended,
        is_ok,
        what,
    }))
}

/// A write with all its bytes; those the trace left out are zeros.
fn written(file: String, arguments: &str, texts: Vec<Vec<u8>>, result: Option<i64>) -> Result<What> {
    let mut numbers = arguments.rsplit(", ").map(str::parse::<u64>);
    let (Some(Ok(offset)), Some(Ok(asked))) = (numbers.next(), numbers.next()) else {
        bail!("a write has a size and an offset: {:.80}", arguments);
    };
    let mut bytes = texts.into_iter().next().context("a write has bytes")?;
    // Of a large checkpoint the beginning is enough.
    let is_known = bytes.len() as u64 == asked || file.starts_with("checkpoint-");
    ensure!(is_known || bytes.iter().all(|byte| *byte == 0), "a write was not kept whole");
    let size = result.and_then(|result| u64::try_from(result).ok()).unwrap_or(asked);
    bytes.resize(usize::try_from(size)?, 0);
    Ok(What::Write { file, offset, bytes })
}

/// Name of a file in the journal directory.
fn in_journal(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    (folder == &JOURNAL[1..] || folder.ends_with(JOURNAL)).then(|| name.to_owned())
}

/// What the first file descriptor leads to.
fn path_of(arguments: &str) -> Result<String> {
    let path = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let Some((path, _)) = path else { return Ok(String::new()) };
    Ok(String::from_utf8_lossy(&unescape(path)?).into_owned())
}

/// The texts between quotes.
fn quoted(arguments: &str) -> Result<Vec<Vec<u8>>> {
    arguments.split('"').skip(1).step_by(2).map(unescape).collect()
}

/// Bytes of `\x41\x42`.
fn unescape(text: &str) -> Result<Vec<u8>> {
    let byte = |hex: &str| u8::from_str_radix(hex, 16).with_context(|| format!("not escaped: {hex:.40}"));
    text.split("\\x").skip(1).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    #[test]
    fn calls_of_several_threads_are_put_together() {
        let file = escaped(b"/d/journal/segment-00000001.wcsj");
        let socket = escaped(b"socket:[7]");
        let trace = format!(
            "10  openat(AT_FDCWD<{}>, \"{}\", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 9<{file}>\n\
             10  pwrite64(9<{file}>, \"{}\"..., 6, 8) = 6\n\
             11  fdatasync(9<{file}> <unfinished ...>\n\
             12  sendto(16<{socket}>, \"{}\", 2, MSG_NOSIGNAL, NULL, 0) = 2\n\
             11  <... fdatasync resumed>)          = -1 EIO (Input/output error)\n\
             12  fsync(9<{}> <unfinished ...>\n\
             10  +++ killed by SIGKILL +++\n",
            escaped(b"/d"),
            escaped(b"/d/journal/segment-00000001.wcsj"),
            escaped(&[0, 0]),
            escaped(b"ab"),
            escaped(b"/d/journal"),
        );
        let calls = parse(&trace).unwrap();
        let file = "segment-00000001.wcsj".to_owned();
        let call = |begun, ended, is_ok, what| Call { begun, ended, is_ok, what };
        assert_eq!(
            calls,
            [
                call(0, Some(0), true, What::Create { file: file.clone() }),
                call(1, Some(1), true, What::Write { file: file.clone(), offset: 8, bytes: vec![0; 6] }),
                call(2, Some(4), false, What::Sync { file }),
                call(3, Some(3), true, What::Send { bytes: b"ab".to_vec() }),
                call(5, None, false, What::SyncDirectory),
            ]
        );
    }
}
