//! One client's connection: bytes in, requests to the device, answers out when they are due. Answers wait in an
//! outbox ordered by due time, so a late one is overtaken by those behind it. The connection ends when the
//! client goes, when frames are out of step, when it stands idle, or when the wire is cut.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use wcs_types::MonoTime;

use super::frame::{Frame, OutOfStep, decode, encode};
use super::link_faults::FrameFault;
use super::{Device, Shared};
use crate::world::{ClientId, ReplyBody};

/// Answers that wait on one connection. Full: nothing is read until one has left.
const OUTBOX_MAX: usize = 64;
/// A client that takes nothing for this long is gone.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// Pause between the two parts of a split frame.
const SPLIT_PAUSE: Duration = Duration::from_millis(5);

/// An answer that waits for its time.
struct Due {
    bytes: Vec<u8>,
    frame_fault: Option<FrameFault>,
}

struct Connection<'a, D> {
    shared: &'a Shared<D>,
    client: ClientId,
    stream: TcpStream,
    received: Vec<u8>,
    /// By due time, then by arrival.
    outbox: BTreeMap<(MonoTime, u64), Due>,
    answered: u64,
}

/// Why a connection goes on or ends.
enum Step {
    GoOn,
    End,
    Reset,
}

/// Serves one client to its end.
pub(super) async fn run<D: Device>(
    shared: &Shared<D>,
    stream: TcpStream,
    client: ClientId,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection without nodelay");
    }
    let (received, outbox) = (Vec::with_capacity(512), BTreeMap::new());
    let mut connection = Connection { shared, client, stream, received, outbox, answered: 0 };
    let faults = shared.setup.faults.clone();
    loop {
        let step = tokio::select! {
            biased;
            stopped = stop.wait_for(|is_stopped| *is_stopped) => {
                drop(stopped); // true, or nobody is left who could say so
                Step::End
            }
            () = faults.wait_cut() => {
                faults.count_cut();
                Step::Reset
            }
            step = connection.step() => step,
        };
        match step {
            Step::GoOn => {}
            Step::End => return,
            Step::Reset => return reset(connection.stream),
        }
    }
}

/// Closes a connection the hard way: the client sees a reset.
pub(super) fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "connection is closed, not reset");
    }
}

impl<D: Device> Connection<'_, D> {
    fn now(&self) -> MonoTime {
        (self.shared.setup.clock)()
    }

    /// Sends what is due, else waits for bytes or for the next answer to become due. Dropping it between two
    /// steps loses nothing: bytes are read whole into the buffer, and a write that was begun ends or fails.
    async fn step(&mut self) -> Step {
        let now = self.now();
        if let Some(entry) = self.outbox.first_entry()
            && entry.key().0 <= now
        {
            let due = entry.remove();
            return self.send(due).await;
        }
        let wait = match self.outbox.first_key_value() {
            Some(((at, _), _)) => Duration::from_nanos(at.since(now).0),
            None => self.shared.setup.idle_close,
        };
        let has_room = self.outbox.len() < OUTBOX_MAX;
        tokio::select! {
            biased;
            read = self.stream.read_buf(&mut self.received), if has_room => match read {
                Ok(1..) => self.take_frames(),
                Ok(0) | Err(_) => Step::End,
            },
            () = tokio::time::sleep(wait) => {
                if self.outbox.is_empty() { Step::End } else { Step::GoOn }
            }
        }
    }

    /// Hands every whole frame to the device.
    fn take_frames(&mut self) -> Step {
        loop {
            match decode(&self.received) {
                Ok(None) => return Step::GoOn,
                Ok(Some(frame)) => {
                    self.received.drain(..frame.size);
                    self.answer(&frame);
                }
                Err(OutOfStep) => {
                    tracing::warn!(client = self.client.0, "frames out of step, the connection is closed");
                    self.shared.count(|counts| counts.bad_frames += 1);
                    return Step::End;
                }
            }
        }
    }

    fn answer(&mut self, frame: &Frame) {
        self.shared.count(|counts| counts.requests += 1);
        let faults = &self.shared.setup.faults;
        if faults.is_half_open() {
            faults.count_half_open();
            return;
        }
        let now = self.now();
        let (delay, bytes) = match &frame.request {
            Ok(request) => {
                let mut device = self.shared.device.borrow_mut();
                device.advance(now);
                let reply = device.handle(now, frame.unit, self.client, request);
                (reply.delay, encode(frame, &reply.body))
            }
            Err(code) => (wcs_types::Nanos::ZERO, encode(frame, &ReplyBody::Exception(*code))),
        };
        let Some(bytes) = bytes else { return };
        let fate = faults.next_reply();
        self.answered += 1;
        let due = Due { bytes, frame_fault: fate.frame };
        self.outbox.insert((now + delay + fate.late_by, self.answered), due);
    }

    async fn send(&mut self, due: Due) -> Step {
        // What was on its way when the wire went dead does not arrive.
        if self.shared.setup.faults.is_half_open() {
            self.shared.setup.faults.count_half_open();
            return Step::GoOn;
        }
        match tokio::time::timeout(WRITE_WAIT, self.write(due)).await {
            Ok(Ok(())) => Step::GoOn,
            Ok(Err(_)) => Step::End,
            Err(_) => Step::Reset,
        }
    }

    async fn write(&mut self, due: Due) -> io::Result<()> {
        let Due { mut bytes, frame_fault } = due;
        let half = bytes.len() / 2;
        match frame_fault {
            None => {}
            Some(FrameFault::Drop) => return Ok(()),
            Some(FrameFault::Duplicate) => bytes.extend_from_within(..),
            Some(FrameFault::Truncate) => bytes.truncate(half),
            Some(FrameFault::StaleId) => {
                let id = u16::from_be_bytes([bytes[0], bytes[1]]).wrapping_sub(1);
                bytes[..2].copy_from_slice(&id.to_be_bytes());
            }
            Some(FrameFault::WrongUnit) => bytes[6] = bytes[6].wrapping_add(1),
            Some(FrameFault::Split) => {
                self.stream.write_all(&bytes[..half]).await?;
                tokio::time::sleep(SPLIT_PAUSE).await;
                return self.stream.write_all(&bytes[half..]).await;
            }
        }
        self.stream.write_all(&bytes).await
    }
}
