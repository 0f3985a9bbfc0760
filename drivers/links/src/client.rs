//! One Modbus connection: carries out exchanges of sessions, one at a time, each with a deadline. Checks counts
//! and echoes itself and never drops a call that is under way.

use std::borrow::Cow;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_modbus::client::{Client as _, Context};
use tokio_modbus::slave::{Slave, SlaveContext as _};
use tokio_modbus::{Request as WireRequest, Response as WireResponse};
use wcs_sessions::{Answer, Request};

use crate::gate::{GateHandle, MbapGate};
use crate::mbap::Dropped;
use crate::trace::WireTrace;

/// A client on one connection. After [`Answer::Broken`] only the trace and the counters are of use.
pub struct ModbusClient {
    context: Context,
    gate: GateHandle,
    is_broken: bool,
}

impl ModbusClient {
    /// A client on a fresh connection.
    pub fn attach<T>(transport: T, trace: WireTrace) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug + 'static,
    {
        let (gate, handle) = MbapGate::new(transport, trace);
        let context = tokio_modbus::client::tcp::attach_slave(gate, Slave(0));
        Self { context, gate: handle, is_broken: false }
    }

    /// Carries out one request. Must be awaited to its end, which comes at `deadline` at the latest (plus one
    /// turn of the timer).
    pub async fn exchange(&mut self, unit: u8, request: &Request, deadline: Instant) -> Answer {
        if self.is_broken {
            return Answer::Broken;
        }
        self.gate.arm(deadline);
        self.context.set_slave(Slave(unit));
        let wire_request = match request {
            Request::Read { address, count } => WireRequest::ReadHoldingRegisters(*address, *count),
            Request::Write { address, words } => {
                WireRequest::WriteMultipleRegisters(*address, Cow::Borrowed(words))
            }
        };
        let result = self.context.call(wire_request).await;
        if self.gate.has_timed_out() {
            return Answer::Silence;
        }
        let answer = match result {
            Ok(Ok(response)) => check(request, response),
            Ok(Err(exception)) => Answer::Exception(u8::from(exception)),
            Err(_) => Answer::Broken,
        };
        self.is_broken = answer == Answer::Broken;
        answer
    }

    /// What was dropped on this connection.
    pub fn dropped(&self) -> Dropped {
        self.gate.dropped()
    }

    /// Why the connection is unusable, where the gate knows.
    pub fn poison(&self) -> Option<crate::mbap::Poison> {
        self.gate.poison()
    }

    /// Takes the wire trace.
    pub fn take_trace(&self) -> WireTrace {
        self.gate.take_trace()
    }
}

/// The gate let the frame pass, so a mismatch here means that the client and the gate disagree: out of step.
fn check(request: &Request, response: WireResponse) -> Answer {
    match (request, response) {
        (Request::Read { count, .. }, WireResponse::ReadHoldingRegisters(words))
            if words.len() == usize::from(*count) =>
        {
            Answer::Registers(words)
        }
        (Request::Write { address, words }, WireResponse::WriteMultipleRegisters(at, count))
            if at == *address && usize::from(count) == words.len() =>
        {
            Answer::Written
        }
        _ => Answer::Broken,
    }
}
