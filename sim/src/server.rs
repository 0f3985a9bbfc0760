//! A Modbus/TCP server around a simulated device: real sockets in front, requests and answers behind. One
//! thread owns the device, the real clock becomes simulator time, and a ticker moves the world on when nobody
//! asks. It knows frames and link faults; what registers mean is the device's business.
//!
//! ```text
//!  client ==TCP== connection task --request--> device (Rc<RefCell>) <--advance-- ticker
//!                      ^  outbox (by due time)  |
//!                      +------- answer ---------+
//! ```
//!
//! It has its own code for frames: sharing the client's would hide a mistake from both sides.

mod connection;
mod frame;
mod hosted;
mod link_faults;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;
use wcs_sessions::exchange::Request;
use wcs_types::MonoTime;

use crate::world::{ClientId, PlcReply};

pub use hosted::{FaultTargets, HostedSorter, LedgerSink};
pub use link_faults::{FrameFault, LinkFaultCounts, LinkFaults};

/// Connections at one time. More: a new one is closed at once.
const CONNECTIONS_MAX: usize = 16;
/// Pause after the listener failed to give a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What stands behind the server.
pub trait Device {
    /// Everything that happens up to `now`. Called at least once a tick, with times that never go back.
    fn advance(&mut self, now: MonoTime);

    /// Answers one request that arrived at `now`, after an `advance` to the same instant.
    fn handle(&mut self, now: MonoTime, unit: u8, client: ClientId, request: &Request) -> PlcReply;
}

/// How a server is run.
#[derive(Clone)]
pub struct ServerSetup {
    /// Reading of the clock that the device lives by; must never go back.
    pub clock: Rc<dyn Fn() -> MonoTime>,
    /// Longest time between two calls of [`Device::advance`]; at most one PLC cycle.
    pub tick: Duration,
    /// A connection without a request for this long is closed.
    pub idle_close: Duration,
    /// Faults of the wire; a clone stays with whoever turns them on.
    pub faults: LinkFaults,
}

impl ServerSetup {
    /// A server whose clock starts now, with a tick of 5 ms and no faults.
    pub fn starting_now() -> Self {
        let start = Instant::now();
        let clock = move || MonoTime(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        Self {
            clock: Rc::new(clock),
            tick: Duration::from_millis(5),
            idle_close: Duration::from_secs(60),
            faults: LinkFaults::default(),
        }
    }
}

/// What a server did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ServerCounts {
    /// Connections that were taken.
    pub connections: u64,
    /// Requests that were answered or left without an answer.
    pub requests: u64,
    /// Connections that were closed because of what came over them.
    pub bad_frames: u64,
}

/// What all connections share.
struct Shared<D> {
    device: Rc<RefCell<D>>,
    setup: ServerSetup,
    counts: Cell<ServerCounts>,
    open: Cell<usize>,
}

impl<D> Shared<D> {
    fn count(&self, change: impl FnOnce(&mut ServerCounts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }
}

/// Serves `device` on `listener` until `stop` turns true or its sender is gone. Runs on one thread: the future
/// belongs on a current-thread runtime with time and IO enabled.
pub async fn serve<D: Device + 'static>(
    listener: TcpListener,
    device: Rc<RefCell<D>>,
    setup: ServerSetup,
    mut stop: watch::Receiver<bool>,
) -> ServerCounts {
    let shared =
        Rc::new(Shared { device, setup, counts: Cell::new(ServerCounts::default()), open: Cell::new(0) });
    let stop_of_connections = stop.clone();
    let tasks = LocalSet::new();
    let work = async {
        let mut tick = tokio::time::interval(shared.setup.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_client = 0;
        loop {
            tokio::select! {
                biased;
                stopped = stop.wait_for(|is_stopped| *is_stopped) => {
                    drop(stopped); // true, or nobody is left who could say so
                    return;
                }
                _ = tick.tick() => {
                    let now = (shared.setup.clock)();
                    shared.device.borrow_mut().advance(now);
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        last_client += 1;
                        admit(&shared, stream, ClientId(last_client), stop_of_connections.clone());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no connection could be taken");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    };
    tasks.run_until(work).await;
    shared.counts.get()
}

/// Starts the task of a new connection, unless the wire is cut or there are too many.
fn admit<D: Device + 'static>(
    shared: &Rc<Shared<D>>,
    stream: TcpStream,
    client: ClientId,
    stop: watch::Receiver<bool>,
) {
    // The port stays bound during a cut: another program could take it, and on loopback a client could even
    // meet itself there. A connection that is reset at once looks the same to the client.
    if shared.setup.faults.is_cut() {
        shared.setup.faults.count_cut();
        connection::reset(stream);
        return;
    }
    if shared.open.get() >= CONNECTIONS_MAX {
        tracing::warn!(most = CONNECTIONS_MAX, "too many connections, a new one is closed");
        connection::reset(stream);
        return;
    }
    shared.count(|counts| counts.connections += 1);
    shared.open.set(shared.open.get() + 1);
    let shared = Rc::clone(shared);
    tokio::task::spawn_local(async move {
        connection::run(&shared, stream, client, stop).await;
        shared.open.set(shared.open.get() - 1);
    });
}

#[cfg(test)]
mod tests;
