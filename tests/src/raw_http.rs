//! Bytes to a server of HTTP, right or wrong, and what comes back on the same connection. It knows just enough to find the
//! status and the end of an answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// Longest silence of a server that still has something to say or to close.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// One connection.
pub struct RawHttp {
    stream: TcpStream,
}

/// What came back until the server closed, or until an answer was whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Came {
    /// Status of the first answer; none when the connection was closed without one.
    pub status: Option<u16>,
    /// Everything, as text.
    pub text: String,
}

impl RawHttp {
    /// Connects.
    ///
    /// # Errors
    /// Nobody accepts.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self { stream })
    }

    /// Sends bytes; false when the server has closed already.
    ///
    /// # Errors
    /// The server takes nothing for too long.
    pub fn send(&mut self, bytes: &[u8]) -> Result<bool> {
        match self.stream.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(error) if is_closed(&error) => Ok(false),
            Err(error) => Err(error).context("sending"),
        }
    }

    /// Reads one answer, or to the end of the connection where none comes.
    ///
    /// # Errors
    /// The server says nothing for too long, and does not close.
    pub fn answer(&mut self) -> Result<Came> {
        let (mut came, mut part) = (Vec::new(), [0; 16 * 1024]);
        while !is_whole(&came) {
            match self.stream.read(&mut part) {
                Ok(0) => break,
                Ok(count) => came.extend_from_slice(&part[..count]),
                Err(error) if is_closed(&error) => break,
                Err(error) => return Err(error).context("the server neither answers nor closes"),
            }
        }
        let text = String::from_utf8_lossy(&came).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        Ok(Came { status, text })
    }

    /// Sends a whole request and reads what comes back.
    ///
    /// # Errors
    /// As [`RawHttp::send`] and [`RawHttp::answer`].
    pub fn ask(address: SocketAddr, request: &[u8]) -> Result<Came> {
        let mut connection = Self::connect(address)?;
        connection.send(request)?;
        connection.answer()
    }
}

impl Came {
    /// True where a fault of the client was told, or the connection was closed without a word.
    pub fn is_turned_away(&self) -> bool {
        self.status.is_none_or(|status| (400..500).contains(&status))
    }

    /// Names of the headers of the answer, in small letters.
    pub fn header_names(&self) -> Vec<String> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head.lines().skip(1);
        lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

/// A request with a body of JSON, and `more` lines of its head.
pub fn post(path: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: wcs\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn is_closed(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

/// True when the head and as much body as it names are there.
fn is_whole(came: &[u8]) -> bool {
    let Some(end) = came.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&came[..end]).to_ascii_lowercase();
    let size = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    came.len() >= end + 4 + size.unwrap_or(0)
}
