//! The owner task of one link: makes the connection, runs the sessions behind it one exchange at a time, moves
//! inputs to the core and commands to the sessions, and starts over with back-off when anything breaks.
//!
//! ```text
//!   Down ──connect──► Up ──broken, or a session wants it──► Down after a wait
//!     │                │ a session of several wants it: that session alone starts over
//!     └─ every session fenced ─► Idle           any ── stop ──► Stopped
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use wcs_sessions::{Answer, Exchange, SorterSession};
use wcs_types::{Input, LineId, MonoTime, Nanos, SorterCommand};

use crate::backoff::Backoff;
use crate::breaker::Breaker;
use crate::client::ModbusClient;
use crate::credits::Credits;
use crate::give_way::give_way;
use crate::mbap::Dropped;
use crate::panics::{CatchPanic, message};
use crate::status::{LinkState, LinkStatus};
use crate::tcp;
use crate::trace::WireTrace;

/// The snapshot for other threads is refreshed this often.
const REFRESH: Nanos = Nanos::from_secs(1);
/// Longest sleep, so that a change nobody announced is seen all the same.
const SLEEP_MAX: Nanos = Nanos::from_secs(1);

/// What a link is told once.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Name of the link, for the log.
    pub id: String,
    /// `host:port`.
    pub endpoint: String,
    /// Deadline on connecting.
    pub connect_timeout: Duration,
    /// Seed of the back-off; different links take different seeds.
    pub seed: u64,
}

impl LinkConfig {
    /// A link to `endpoint` with the usual deadline.
    pub fn new(id: &str, endpoint: &str, seed: u64) -> Self {
        let connect_timeout = Duration::from_secs(1);
        Self { id: id.to_owned(), endpoint: endpoint.to_owned(), connect_timeout, seed }
    }
}

/// A command of the core to a line of the link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkCommand {
    /// The line.
    pub line: LineId,
    /// Grows with every command to the same item.
    pub generation: u32,
    /// The command.
    pub command: SorterCommand,
}

/// Everything a link shares with the rest of the process.
pub struct LinkPorts {
    /// Inputs to the core. Its capacity is the sum of the credits of all links.
    pub inputs: Sender<Input>,
    /// Credits of this link.
    pub credits: Arc<Credits>,
    /// Commands from the core.
    pub commands: rtrb::Consumer<LinkCommand>,
    /// Notified after commands were pushed or credits given back.
    pub wake: Arc<Notify>,
    /// Called once after inputs were pushed.
    pub core_waker: Arc<dyn Fn() + Send + Sync>,
    /// Core time now.
    pub clock: Arc<dyn Fn() -> MonoTime + Send + Sync>,
    /// Core time in nanoseconds until which the core thread vouches for itself.
    pub alive_until: Arc<AtomicU64>,
    /// True when the link has to end.
    pub stop: watch::Receiver<bool>,
    /// State and counters for other threads.
    pub status: Arc<LinkStatus>,
}

/// One session with what the link keeps about it.
struct Seat {
    session: SorterSession,
    breaker: Breaker,
    backoff: Backoff,
    /// Starts over then, on a connection that others go on using.
    returns_at: Option<MonoTime>,
    connected_at: MonoTime,
}

struct Link {
    config: LinkConfig,
    ports: LinkPorts,
    seats: Vec<Seat>,
    /// The seat that is asked first in the next turn.
    first: usize,
    trace: WireTrace,
    told: Dropped,
    refreshed_at: MonoTime,
}

/// What came of running a connection.
enum Ending {
    Stopped,
    Broken(&'static str),
}

/// Runs a link until it is stopped. Each session belongs to one unit and one line behind `config.endpoint`.
///
/// A panic inside is caught: the sessions are made anew and their devices reported offline.
pub async fn run_link(config: LinkConfig, sessions: Vec<SorterSession>, ports: LinkPorts) {
    let mut backoff = Backoff::new(config.seed);
    let seat = |(index, session): (u64, SorterSession)| Seat {
        session,
        breaker: Breaker::default(),
        backoff: Backoff::new(config.seed.wrapping_add(index + 1)),
        returns_at: None,
        connected_at: MonoTime::ZERO,
    };
    let seats = (0..).zip(sessions).map(seat).collect();
    let (trace, told) = (WireTrace::default(), Dropped::default());
    let mut link = Link { config, ports, seats, first: 0, trace, told, refreshed_at: MonoTime::ZERO };
    loop {
        match CatchPanic::new(link.run(&mut backoff)).await {
            Ok(()) => return,
            Err(panic) => {
                let why = message(panic.as_ref()).to_owned();
                link.recover(&why);
                let wait = backoff.next_wait();
                if CatchPanic::new(link.pause(wait)).await.is_err() {
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

impl Link {
    async fn run(&mut self, backoff: &mut Backoff) {
        loop {
            if self.is_stopped() {
                return self.finish();
            }
            if !self.seats.iter().any(|seat| seat.session.wants_connection()) {
                self.ports.status.update(|status| status.state = LinkState::Idle);
                self.pause(Duration::from_secs(3_600)).await;
                continue;
            }
            match self.connect().await {
                Some(Ok(stream)) => {
                    let since = Instant::now();
                    let mut client = ModbusClient::attach(stream, std::mem::take(&mut self.trace));
                    self.note_connected();
                    let ending = self.serve(&mut client).await;
                    self.trace = client.take_trace();
                    self.note_disconnected(&client, &ending);
                    backoff.held(since.elapsed());
                }
                Some(Err(error)) => self.note_connect_failed(&error),
                None => continue,
            }
            self.pause(backoff.next_wait()).await;
        }
    }

    /// Connects while commands are still taken; `None` when the link is stopped meanwhile.
    async fn connect(&mut self) -> Option<io::Result<TcpStream>> {
        let (endpoint, timeout) = (self.config.endpoint.clone(), self.config.connect_timeout);
        let attempt = tcp::connect(&endpoint, timeout);
        tokio::pin!(attempt);
        loop {
            tokio::select! {
                result = &mut attempt => return Some(result),
                () = self.ports.wake.notified() => self.take_commands(),
                _ = self.ports.stop.changed() => if self.is_stopped() { return None },
            }
        }
    }

    /// Runs the sessions on a connection until it ends.
    async fn serve(&mut self, client: &mut ModbusClient) -> Ending {
        loop {
            self.take_commands();
            if self.is_stopped() {
                return Ending::Stopped;
            }
            let Some((index, exchange)) = self.next_exchange() else {
                self.deliver();
                if let Some(ending) = self.reseat(client) {
                    return ending;
                }
                self.refresh(client);
                self.sleep().await;
                continue;
            };
            let now = self.now();
            let deadline = Instant::now() + Duration::from_nanos(exchange.deadline.since(now).0);
            let answer = client.exchange(exchange.unit, &exchange.request, deadline).await;
            let is_broken = answer == Answer::Broken;
            self.note_answer(index, now, exchange.id, answer);
            if self.deliver() {
                // The core decides before the next exchange is chosen: an answer to what was just read leaves at
                // once, and in the block that publishes it the PLC is told what was taken.
                give_way().await;
            }
            self.refresh(client);
            if is_broken {
                return Ending::Broken("connection lost or out of step");
            }
            if let Some(ending) = self.reseat(client) {
                return ending;
            }
        }
    }

    /// The next exchange that is due, taking turns among the sessions.
    fn next_exchange(&mut self) -> Option<(usize, Exchange)> {
        let now = self.now();
        let alive_until = MonoTime(self.ports.alive_until.load(Ordering::Acquire));
        let count = self.seats.len();
        for offset in 0..count {
            let index = (self.first + offset) % count;
            let seat = &mut self.seats[index];
            seat.session.renew_alive(alive_until);
            if count > 1 && !seat.breaker.admits(now) {
                continue;
            }
            if let Some(exchange) = seat.session.poll_exchange(now) {
                self.first = (index + 1) % count;
                return Some((index, exchange));
            }
        }
        None
    }

    fn note_answer(&mut self, index: usize, sent_at: MonoTime, id: u64, answer: Answer) {
        let now = self.now();
        let seat = &mut self.seats[index];
        match answer {
            Answer::Silence => seat.breaker.silent(now, now.since(sent_at)),
            _ => seat.breaker.answered(),
        }
        seat.session.handle_answer(now, id, answer);
        if let Some(proven) = seat.session.poll_commanding() {
            self.ports.status.note_commanding(seat.session.line(), proven);
        }
    }

    /// Obeys sessions that want a new connection: the whole link where nobody else depends on it, otherwise that
    /// session alone.
    fn reseat(&mut self, client: &ModbusClient) -> Option<Ending> {
        let now = self.now();
        for index in 0..self.seats.len() {
            if self.seats[index].returns_at.is_some_and(|at| now >= at) {
                let seat = &mut self.seats[index];
                seat.returns_at = None;
                seat.connected_at = now;
                seat.session.handle_connected(now);
            }
            if !self.seats[index].session.must_disconnect() {
                continue;
            }
            let others = self.seats.iter().enumerate();
            let is_shared =
                others.filter(|(other, _)| *other != index).any(|(_, seat)| seat.session.is_attached());
            if !is_shared {
                return Some(Ending::Broken("a session wants a new connection"));
            }
            client.take_trace().dump(&self.config.id, "a session starts over");
            let seat = &mut self.seats[index];
            seat.session.handle_disconnected(now);
            seat.backoff.held(Duration::from_nanos(now.since(seat.connected_at).0));
            let wait = seat.backoff.next_wait();
            seat.returns_at = Some(now + Nanos(wait.as_nanos() as u64));
        }
        None
    }

    /// Sleeps until something is due, or word comes from outside.
    async fn sleep(&mut self) {
        let now = self.now();
        let mut at = now + SLEEP_MAX;
        for seat in &self.seats {
            let wake = seat.session.next_wake().at;
            let rest = if self.seats.len() > 1 { seat.breaker.rests_until() } else { MonoTime::ZERO };
            at = at.earlier(wake.later(rest)).earlier(seat.returns_at.unwrap_or(MonoTime::NEVER));
        }
        self.wait(Duration::from_nanos(at.since(now).0)).await;
    }

    async fn wait(&mut self, span: Duration) {
        tokio::select! {
            () = tokio::time::sleep(span) => {}
            () = self.ports.wake.notified() => {}
            _ = self.ports.stop.changed() => {}
        }
    }

    /// Waits without a connection, still answering commands.
    async fn pause(&mut self, span: Duration) {
        let until = Instant::now() + span;
        loop {
            self.take_commands();
            self.deliver();
            let now = Instant::now();
            if now >= until || self.is_stopped() {
                return;
            }
            self.wait((until - now).min(Duration::from_nanos(SLEEP_MAX.0))).await;
        }
    }

    fn take_commands(&mut self) {
        if self.ports.commands.is_empty() {
            return;
        }
        let now = self.now();
        while let Ok(LinkCommand { line, generation, command }) = self.ports.commands.pop() {
            match self.seats.iter_mut().find(|seat| seat.session.line() == line) {
                Some(seat) => seat.session.handle_command(now, generation, command),
                None => tracing::error!(
                    link = self.config.id,
                    line = line.0,
                    "command for a line of another link"
                ),
            }
        }
    }

    /// Moves inputs to the core while there is credit; true when there were any.
    fn deliver(&mut self) -> bool {
        let mut has_sent = false;
        for seat in &mut self.seats {
            while self.ports.credits.try_take() {
                let Some(input) = seat.session.poll_input() else {
                    self.ports.credits.put_back();
                    break;
                };
                match self.ports.inputs.try_send(input) {
                    Ok(()) => has_sent = true,
                    Err(TrySendError::Full(_)) => {
                        panic!("the credits of all links are the capacity of the queue")
                    }
                    // The core is gone: the process is ending, and nobody is left to tell.
                    Err(TrySendError::Disconnected(_)) => break,
                }
            }
        }
        if has_sent {
            (self.ports.core_waker)();
        }
        has_sent
    }

    fn now(&self) -> MonoTime {
        (self.ports.clock)()
    }

    fn is_stopped(&self) -> bool {
        *self.ports.stop.borrow() || self.ports.stop.has_changed().is_err()
    }

    fn note_connected(&mut self) {
        tracing::info!(link = self.config.id, endpoint = self.config.endpoint, "connected");
        let now = self.now();
        self.told = Dropped::default();
        for seat in &mut self.seats {
            seat.breaker = Breaker::default();
            seat.returns_at = None;
            seat.connected_at = now;
            seat.session.handle_connected(now);
        }
        self.ports.status.update(|status| {
            status.state = LinkState::Up;
            status.reconnects += u64::from(status.connects > 0);
            status.connects += 1;
        });
    }

    fn note_disconnected(&mut self, client: &ModbusClient, ending: &Ending) {
        let now = self.now();
        self.count_dropped(client);
        if let Ending::Broken(why) = ending {
            let poison = client.poison().map(|poison| poison.to_string());
            tracing::warn!(link = self.config.id, why, poison, "disconnected");
            self.trace.dump(&self.config.id, why);
            for seat in &mut self.seats {
                seat.session.handle_disconnected(now);
            }
        }
        self.ports.status.update(|status| status.state = LinkState::Down);
        self.snapshot_sessions(now);
        self.deliver();
    }

    fn note_connect_failed(&mut self, error: &io::Error) {
        tracing::info!(link = self.config.id, endpoint = self.config.endpoint, %error, "cannot connect");
        let now = self.now();
        self.ports.status.update(|status| {
            status.state = LinkState::Down;
            status.connect_failures += 1;
        });
        for seat in &mut self.seats {
            seat.session.handle_connect_failed(now);
        }
        self.deliver();
    }

    fn finish(&mut self) {
        let now = self.now();
        for seat in &mut self.seats {
            seat.session.handle_stopped(now);
        }
        self.deliver();
        self.snapshot_sessions(now);
        self.ports.status.update(|status| status.state = LinkState::Stopped);
    }

    /// Makes everything anew that a panic may have left half changed.
    fn recover(&mut self, why: &str) {
        tracing::error!(link = self.config.id, why, "panic in the link task: sessions are made anew");
        self.trace.dump(&self.config.id, "panic");
        self.ports.status.update(|status| {
            status.state = LinkState::Down;
            status.panics += 1;
        });
        for seat in &mut self.seats {
            seat.session = seat.session.renewed();
            seat.breaker = Breaker::default();
            seat.returns_at = None;
        }
    }

    fn refresh(&mut self, client: &ModbusClient) {
        self.count_dropped(client);
        let now = self.now();
        if now.since(self.refreshed_at) >= REFRESH {
            self.snapshot_sessions(now);
        }
    }

    fn count_dropped(&mut self, client: &ModbusClient) {
        let dropped = client.dropped();
        if dropped != self.told {
            let (stale, invalid) = (dropped.stale - self.told.stale, dropped.invalid - self.told.invalid);
            self.told = dropped;
            self.ports.status.update(|status| {
                status.stale_replies += stale;
                status.invalid_replies += invalid;
            });
        }
    }

    fn snapshot_sessions(&mut self, now: MonoTime) {
        self.refreshed_at = now;
        let stats =
            self.seats.iter().map(|seat| (seat.session.line(), seat.session.stats().clone())).collect();
        self.ports.status.update(|status| status.sessions = stats);
    }
}
