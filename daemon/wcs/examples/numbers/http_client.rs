//! A client of the HTTP service that costs as little as can be: one kept connection, blocking, no more of HTTP/1.1 than
//! the service answers. What it measures is the service and not a library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for an answer: the run fails then.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// One connection.
pub(crate) struct HttpClient {
    stream: BufReader<TcpStream>,
    head: String,
}

/// An answer that came whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl HttpClient {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| address.to_string())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), head: String::new() })
    }

    /// Asks for a path.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: wcs\r\n\r\n"), &[])
    }

    /// Posts JSON.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer> {
        let size = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: wcs\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n"
        );
        self.ask(&head, body)
    }

    fn ask(&mut self, head: &str, body: &[u8]) -> Result<Answer> {
        // Head and body in one segment where they fit.
        let request = [head.as_bytes(), body].concat();
        self.stream.get_mut().write_all(&request)?;
        self.answer().with_context(|| head.lines().next().unwrap_or_default().to_owned())
    }

    fn answer(&mut self) -> Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).context("a status line")?;
        let (mut size, mut is_chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                size = value.trim().parse().context("a content length")?;
            }
            is_chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        }
        let mut body = Vec::new();
        if is_chunked {
            loop {
                let size = usize::from_str_radix(self.line()?.trim(), 16).context("the size of a chunk")?;
                self.read(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.read(size, &mut body)?;
        }
        Ok(Answer { status, body })
    }

    fn read(&mut self, size: usize, into: &mut Vec<u8>) -> Result<()> {
        let at = into.len();
        into.resize(at + size, 0);
        self.stream.read_exact(&mut into[at..])?;
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        self.head.clear();
        if self.stream.read_line(&mut self.head)? == 0 {
            bail!("the connection was closed");
        }
        Ok(self.head.trim_end().to_owned())
    }
}

impl Answer {
    /// The body as JSON, when it was answered with `status`.
    pub(crate) fn expect(self, status: u16) -> Result<serde_json::Value> {
        if self.status != status {
            bail!("{} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}
