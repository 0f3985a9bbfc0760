//! Making a TCP connection that notices when the other side is gone: no delay, keep-alive, a bound on
//! unacknowledged data, and a deadline on connecting.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Silence of a healthy connection after which the kernel asks.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(5);
/// Time between two such questions.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(2);
/// Data unacknowledged for so long ends the connection.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(2);

/// Connects to `host:port`, trying each address it resolves to.
///
/// # Errors
/// The last refusal, or `TimedOut` when `timeout` passed first.
pub async fn connect(endpoint: &str, timeout: Duration) -> io::Result<TcpStream> {
    let stream = match tokio::time::timeout(timeout, TcpStream::connect(endpoint)).await {
        Ok(stream) => stream?,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time")),
    };
    let socket = SockRef::from(&stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(stream)
}
