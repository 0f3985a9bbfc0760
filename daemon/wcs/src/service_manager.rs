//! What the service manager (systemd) is told, as datagrams to the socket it names in the environment. Knows the
//! protocol and nothing of the daemon; who tells what when is `watchdog.rs`. Without the environment nobody is told.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A service manager that wants to be told.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

/// The part of the environment that concerns the service manager.
#[derive(Debug, Default)]
struct Environment {
    notify_socket: Option<OsString>,
    watchdog_usec: Option<OsString>,
    watchdog_pid: Option<OsString>,
}

/// Why nobody is told although the environment names a socket.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("NOTIFY_SOCKET is neither a path from the root nor an abstract name with @")]
    NoAddress,
    #[error("{0}")]
    Socket(#[from] std::io::Error),
}

impl ServiceManager {
    /// The one that started this process, if there is one. A socket that cannot be used is logged and nothing more:
    /// a sorter runs without a service manager too.
    pub(crate) fn from_environment() -> Option<Self> {
        let environment = Environment {
            notify_socket: std::env::var_os("NOTIFY_SOCKET"),
            watchdog_usec: std::env::var_os("WATCHDOG_USEC"),
            watchdog_pid: std::env::var_os("WATCHDOG_PID"),
        };
        match Self::open(&environment) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the service manager cannot be told anything");
                None
            }
        }
    }

    fn open(environment: &Environment) -> Result<Option<Self>, Unusable> {
        let Some(name) = environment.notify_socket.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let address = address_of(name)?;
        let socket = UnixDatagram::unbound()?;
        // Whoever does not read its socket must not hold up the daemon.
        socket.set_nonblocking(true)?;
        let watchdog = environment.watchdog(std::process::id());
        Ok(Some(Self { socket, address, watchdog }))
    }

    /// Longest time without a sign of life before it ends the process.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Sends assignments, one a line. True when they were handed over.
    pub(crate) fn tell(&self, lines: &str) -> bool {
        match self.socket.send_to_addr(lines.as_bytes(), &self.address) {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "the service manager could not be told");
                false
            }
        }
    }
}

impl Environment {
    /// The watchdog, if it is meant for the process of this number.
    fn watchdog(&self, process: u32) -> Option<Duration> {
        let number = |text: &OsString| text.to_str()?.parse::<u64>().ok();
        if let Some(meant) = &self.watchdog_pid
            && number(meant) != Some(u64::from(process))
        {
            return None;
        }
        let micros = number(self.watchdog_usec.as_ref()?).filter(|micros| *micros > 0)?;
        Some(Duration::from_micros(micros))
    }
}

fn address_of(name: &OsStr) -> Result<SocketAddr, Unusable> {
    match name.as_bytes() {
        [b'/', ..] => Ok(SocketAddr::from_pathname(name)?),
        [b'@', abstract_name @ ..] => Ok(SocketAddr::from_abstract_name(abstract_name)?),
        _ => Err(Unusable::NoAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(socket: &str, usec: Option<&str>, pid: Option<&str>) -> Environment {
        Environment {
            notify_socket: Some(socket.into()),
            watchdog_usec: usec.map(Into::into),
            watchdog_pid: pid.map(Into::into),
        }
    }

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let size = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..size].to_vec()).unwrap()
    }

    #[test]
    fn a_path_and_an_abstract_name_are_both_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let at_path = UnixDatagram::bind(&path).unwrap();
        let manager = ServiceManager::open(&environment(path.to_str().unwrap(), None, None));
        assert!(manager.unwrap().unwrap().tell("READY=1\nSTATUS=here"));
        assert_eq!(heard(&at_path), "READY=1\nSTATUS=here");

        let name = format!("wcs-test-{}", std::process::id());
        let abstract_one = SocketAddr::from_abstract_name(&name).unwrap();
        let in_abstract = UnixDatagram::bind_addr(&abstract_one).unwrap();
        let manager = ServiceManager::open(&environment(&format!("@{name}"), None, None));
        assert!(manager.unwrap().unwrap().tell("WATCHDOG=1"));
        assert_eq!(heard(&in_abstract), "WATCHDOG=1");
    }

    #[test]
    fn without_a_socket_nobody_is_told() {
        assert!(ServiceManager::open(&Environment::default()).unwrap().is_none());
        assert!(ServiceManager::open(&environment("", None, None)).unwrap().is_none());
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        assert!(ServiceManager::open(&environment("notify", None, None)).is_err());
        assert!(ServiceManager::open(&environment("vsock:2:1234", None, None)).is_err());
    }

    #[test]
    fn a_socket_that_nobody_reads_any_more_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let reader = UnixDatagram::bind(&path).unwrap();
        let manager =
            ServiceManager::open(&environment(path.to_str().unwrap(), None, None)).unwrap().unwrap();
        let handed_over = (0..100_000).take_while(|_| manager.tell("WATCHDOG=1")).count();
        assert!(handed_over < 100_000, "a socket takes only so much");
        drop(reader);
        assert!(!manager.tell("WATCHDOG=1"));
    }

    #[test]
    fn a_watchdog_meant_for_another_process_is_none_of_ours() {
        let own = std::process::id();
        let text = own.to_string();
        let three = Some(Duration::from_secs(3));
        assert_eq!(environment("/x", Some("3000000"), None).watchdog(own), three);
        assert_eq!(environment("/x", Some("3000000"), Some(&text)).watchdog(own), three);
        assert_eq!(environment("/x", Some("3000000"), Some("1")).watchdog(own), None);
        assert_eq!(environment("/x", Some("3000000"), Some("one")).watchdog(own), None);
        for usec in [None, Some("0"), Some("-1"), Some("soon")] {
            assert_eq!(environment("/x", usec, Some(&text)).watchdog(own), None);
        }
    }
}
