//! The gate between a socket and the Modbus client: passes whole replies to the request under way and nothing
//! else, and ends the wait at the deadline. A call of the client above is never dropped: when the deadline
//! passes, the gate answers in the device's place, and what arrives later finds no request to match.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::mbap::{Dropped, MbapFilter, Poison};
use crate::trace::{Way, WireTrace};

/// Bytes taken from the socket at once.
const READ_SIZE: usize = 2_048;

#[derive(Debug)]
struct GateState {
    filter: MbapFilter,
    trace: WireTrace,
    deadline: Instant,
    has_timed_out: bool,
    /// Bytes of a passed frame the client has not read yet.
    passed: Vec<u8>,
}

/// The owner's side of a gate: sets deadlines, reads counters.
#[derive(Clone, Debug)]
pub struct GateHandle {
    state: Arc<Mutex<GateState>>,
}

impl GateHandle {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        // A panic with the lock held leaves plain data; the connection is made anew after it anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request has to be answered by then.
    pub fn arm(&self, deadline: Instant) {
        let mut state = self.lock();
        state.deadline = deadline;
        state.has_timed_out = false;
    }

    /// True when the gate answered the last request in the device's place.
    pub fn has_timed_out(&self) -> bool {
        self.lock().has_timed_out
    }

    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.lock().filter.dropped()
    }

    /// Why the connection cannot be used, if so.
    pub fn poison(&self) -> Option<Poison> {
        self.lock().filter.poison()
    }

    /// Takes the wire trace, for the next connection or the log.
    pub fn take_trace(&self) -> WireTrace {
        std::mem::take(&mut self.lock().trace)
    }
}

/// A transport that carries only what [`MbapFilter`] lets through.
#[derive(Debug)]
pub struct MbapGate<T> {
    inner: T,
    handle: GateHandle,
    sleep: Pin<Box<Sleep>>,
}

impl<T> MbapGate<T> {
    /// A gate on a fresh connection; goes on with the trace of the one before.
    pub fn new(inner: T, trace: WireTrace) -> (Self, GateHandle) {
        let deadline = Instant::now();
        let filter = MbapFilter::new();
        let state = GateState { filter, trace, deadline, has_timed_out: false, passed: Vec::new() };
        let handle = GateHandle { state: Arc::new(Mutex::new(state)) };
        let gate =
            Self { inner, handle: handle.clone(), sleep: Box::pin(tokio::time::sleep_until(deadline)) };
        (gate, handle)
    }

    /// Ready when the deadline of the request under way has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.handle.lock().deadline;
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }

    fn check_poison(&self) -> io::Result<()> {
        self.handle.poison().map_or(Ok(()), |poison| Err(broken(poison)))
    }
}

fn broken(poison: Poison) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, poison)
}

impl GateState {
    /// Hands passed bytes to the client; true when there were any.
    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let count = self.passed.len().min(buffer.remaining());
        buffer.put_slice(&self.passed[..count]);
        self.passed.drain(..count);
        count > 0
    }

    /// Looks for a reply among what was received; true when bytes were handed over.
    fn pass(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
        if self.passed.is_empty()
            && let Some(frame) = self.filter.next_frame().map_err(broken)?
        {
            self.passed = frame;
        }
        Ok(self.hand_over(buffer))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for MbapGate<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        loop {
            if gate.handle.lock().pass(buffer)? {
                return Poll::Ready(Ok(()));
            }
            let mut space = [0; READ_SIZE];
            let mut received = ReadBuf::new(&mut space);
            // What has arrived counts before the deadline: a stall of ours is no silence of theirs.
            match Pin::new(&mut gate.inner).poll_read(cx, &mut received) {
                Poll::Ready(Ok(())) if received.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let mut state = gate.handle.lock();
                    state.trace.record(Way::In, received.filled());
                    state.filter.feed(received.filled());
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if gate.poll_deadline(cx).is_pending() {
                        return Poll::Pending;
                    }
                    let mut state = gate.handle.lock();
                    let Some(frame) = state.filter.give_up() else { return Poll::Pending };
                    state.has_timed_out = true;
                    state.passed = frame;
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for MbapGate<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let gate = self.get_mut();
        gate.check_poison()?;
        match Pin::new(&mut gate.inner).poll_write(cx, bytes) {
            Poll::Ready(Ok(count)) => {
                let mut state = gate.handle.lock();
                state.trace.record(Way::Out, &bytes[..count]);
                state.filter.sent(&bytes[..count]);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending if gate.poll_deadline(cx).is_ready() => {
                gate.handle.lock().filter.set_poison(Poison::PartialSend);
                Poll::Ready(Err(broken(Poison::PartialSend)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        match Pin::new(&mut gate.inner).poll_flush(cx) {
            Poll::Pending if gate.poll_deadline(cx).is_ready() => {
                gate.handle.lock().filter.set_poison(Poison::PartialSend);
                Poll::Ready(Err(broken(Poison::PartialSend)))
            }
            done => done,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
