//! A Modbus/TCP server that holds registers and nothing else: no cycle, no life word, no handshake. Tests give it the
//! image of a device that is wrong in one place, or let independent clients ask it and look at the bytes of their
//! requests. It shares no code with the simulator's server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Result;

const HEADER_SIZE: usize = 7;
const READ: u8 = 3;
const WRITE: u8 = 16;
const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const BUSY: u8 = 6;

/// What the server holds and what it was asked.
#[derive(Debug, Default)]
struct State {
    registers: BTreeMap<u16, u16>,
    writable: BTreeSet<u16>,
    is_busy: bool,
    requests: Vec<Vec<u8>>,
    connects: u32,
    streams: Vec<TcpStream>,
    is_stopped: bool,
}

/// A running server; it ends when it is dropped.
pub struct RegisterServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    listener: Option<JoinHandle<()>>,
}

impl RegisterServer {
    /// Starts an empty server on a port of its own.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start() -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let listener = std::thread::spawn(move || {
            for stream in socket.incoming().map_while(Result::ok) {
                if !admit(&shared, stream) {
                    return;
                }
            }
        });
        Ok(Self { address, state, listener: Some(listener) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts `words` into the registers from `start` on.
    pub fn hold(&self, start: u16, words: &[u16]) {
        let mut state = lock(&self.state);
        for (address, word) in (start..=u16::MAX).zip(words) {
            state.registers.insert(address, *word);
        }
    }

    /// Makes `count` registers from `start` on writable.
    pub fn make_writable(&self, start: u16, count: u16) {
        lock(&self.state).writable.extend((start..=u16::MAX).take(count.into()));
    }

    /// From now on every request is answered with exception 06, or not any more.
    pub fn set_busy(&self, is_busy: bool) {
        lock(&self.state).is_busy = is_busy;
    }

    /// `count` registers from `start` on, 0 where there is none.
    pub fn words(&self, start: u16, count: u16) -> Vec<u16> {
        let state = lock(&self.state);
        let addresses = (start..=u16::MAX).take(count.into());
        addresses.map(|address| state.registers.get(&address).copied().unwrap_or_default()).collect()
    }

    /// Takes every request so far, byte for byte with its envelope.
    pub fn take_requests(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut lock(&self.state).requests)
    }

    /// Connections taken so far.
    pub fn connects(&self) -> u32 {
        lock(&self.state).connects
    }
}

impl Drop for RegisterServer {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.is_stopped = true;
        for stream in state.streams.drain(..) {
            // A client may have gone first.
            stream.shutdown(Shutdown::Both).unwrap_or_default();
        }
        drop(state);
        // Wakes the listener; without a connection it has ended already.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves a new connection on a thread of its own; false when the server has ended.
fn admit(shared: &Arc<Mutex<State>>, stream: TcpStream) -> bool {
    let mut state = lock(shared);
    if state.is_stopped {
        return false;
    }
    state.connects += 1;
    state.streams.extend(stream.try_clone());
    drop(state);
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        // A client that goes away is an ordinary end.
        serve(&shared, stream).unwrap_or_default();
    });
    true
}

fn serve(shared: &Mutex<State>, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut frame = vec![0; HEADER_SIZE];
        stream.read_exact(&mut frame)?;
        let size = usize::from(u16::from_be_bytes([frame[4], frame[5]]));
        if !(2..=254).contains(&size) {
            return Err(ErrorKind::InvalidData.into());
        }
        frame.resize(HEADER_SIZE + size - 1, 0);
        stream.read_exact(&mut frame[HEADER_SIZE..])?;
        let mut state = lock(shared);
        let body = state.answer(&frame[HEADER_SIZE..]);
        let mut reply = frame[..HEADER_SIZE].to_vec();
        let length = u16::try_from(body.len() + 1).map_err(|_| ErrorKind::InvalidData)?;
        reply[4..6].copy_from_slice(&length.to_be_bytes());
        reply.extend(body);
        state.requests.push(frame);
        drop(state);
        stream.write_all(&reply)?;
    }
}

impl State {
    /// The body of the reply to a request's body.
    fn answer(&mut self, body: &[u8]) -> Vec<u8> {
        let refuse = |code: u8| vec![body[0] | 0x80, code];
        if self.is_busy {
            return refuse(BUSY);
        }
        if body.len() < 5 {
            return refuse(ILLEGAL_FUNCTION);
        }
        let address = u16::from_be_bytes([body[1], body[2]]);
        let count = u16::from_be_bytes([body[3], body[4]]);
        let addresses: Vec<u16> = (address..=u16::MAX).take(count.into()).collect();
        match body[0] {
            READ => {
                let words = addresses.iter().map(|address| self.registers.get(address).copied());
                let Some(words) = words.collect::<Option<Vec<u16>>>() else { return refuse(ILLEGAL_ADDRESS) };
                let mut reply = vec![READ, (words.len() * 2) as u8];
                reply.extend(words.iter().flat_map(|word| word.to_be_bytes()));
                reply
            }
            WRITE if addresses.iter().all(|address| self.writable.contains(address)) => {
                let words = body[6..].chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                self.registers.extend(addresses.into_iter().zip(words));
                body[..5].to_vec()
            }
            WRITE => refuse(ILLEGAL_ADDRESS),
            _ => refuse(ILLEGAL_FUNCTION),
        }
    }
}
