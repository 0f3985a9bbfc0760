//! A relay between daemons and a PLC. It brings two of them to the same point at the same time: the first request of
//! each waits for that of the other, and so does the first write. Or it cuts a connection. It changes no byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// Daemons that wait for each other.
const PARTIES: usize = 2;
const HEADER_SIZE: usize = 7;
const WRITE: u8 = 16;

/// Where two daemons meet: before the first request, and before the first write.
struct Meetings {
    requests: Barrier,
    writes: Barrier,
}

/// A relay; it lives as long as the process, since whoever is connected may still wait.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    clients: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// A relay to `plc` that lets everything pass.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(plc: SocketAddr) -> Result<Self> {
        Self::start_with(plc, None)
    }

    /// A relay to `plc` at which the first two clients meet.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start_meeting(plc: SocketAddr) -> Result<Self> {
        Self::start_with(
            plc,
            Some(Meetings { requests: Barrier::new(PARTIES), writes: Barrier::new(PARTIES) }),
        )
    }

    /// Ends every connection there is; new ones are taken as before.
    pub fn cut(&self) {
        for client in self.clients.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // It may have gone by itself.
            client.shutdown(Shutdown::Both).unwrap_or_default();
        }
    }

    fn start_with(plc: SocketAddr, meetings: Option<Meetings>) -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let clients = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&clients);
        let meetings = meetings.map(Arc::new);
        thread::spawn(move || {
            for (index, client) in socket.incoming().map_while(std::io::Result::ok).enumerate() {
                let Ok(device) = TcpStream::connect(plc) else { return };
                // Whoever connects a second time has nobody to wait for.
                let meetings = meetings.clone().filter(|_| index < PARTIES);
                let (Ok(to_client), Ok(from_device)) = (client.try_clone(), device.try_clone()) else {
                    return;
                };
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(client.try_clone());
                thread::spawn(move || copy_replies(from_device, to_client));
                thread::spawn(move || copy_requests(client, device, meetings.as_deref()));
            }
        });
        Ok(Self { address, clients })
    }
}

fn copy_requests(mut client: TcpStream, mut device: TcpStream, meetings: Option<&Meetings>) {
    let mut has_asked = false;
    let mut has_written = false;
    while let Ok(frame) = read_frame(&mut client) {
        let is_write = frame.get(HEADER_SIZE) == Some(&WRITE);
        if let Some(meetings) = meetings {
            if !std::mem::replace(&mut has_asked, true) {
                meetings.requests.wait();
            }
            if is_write && !std::mem::replace(&mut has_written, true) {
                meetings.writes.wait();
            }
        }
        if device.write_all(&frame).is_err() {
            break;
        }
    }
    // The other side may have gone first.
    device.shutdown(Shutdown::Both).unwrap_or_default();
}

fn copy_replies(mut device: TcpStream, mut client: TcpStream) {
    let mut bytes = [0; 1_024];
    while let Ok(count @ 1..) = device.read(&mut bytes) {
        if client.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    client.shutdown(Shutdown::Both).unwrap_or_default();
}

fn read_frame(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; HEADER_SIZE];
    client.read_exact(&mut frame)?;
    let size = usize::from(u16::from_be_bytes([frame[4], frame[5]])).max(1);
    frame.resize(HEADER_SIZE + size - 1, 0);
    client.read_exact(&mut frame[HEADER_SIZE..])?;
    Ok(frame)
}
