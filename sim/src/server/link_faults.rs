//! Faults of the wire in front of a server: cut, half-open, late replies, and frames that come out wrong. They
//! are turned on and off from outside, also from another thread, and counted where they take effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use wcs_types::Nanos;

use crate::faults::LinkFault;

/// What can happen to a frame on its way to the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameFault {
    /// It comes twice.
    Duplicate,
    /// It comes in two parts with a pause between them.
    Split,
    /// Only its first half comes.
    Truncate,
    /// It carries the transaction number before its own.
    StaleId,
    /// It carries another unit.
    WrongUnit,
    /// It does not come.
    Drop,
}

/// What is on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Active {
    is_cut: bool,
    is_half_open: bool,
    /// Every so many replies, one so late.
    late: Option<(u32, Nanos)>,
    /// Every so many replies, one with this fault.
    frame: Option<(u32, FrameFault)>,
}

/// How often faults took effect.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LinkFaultCounts {
    /// Connections reset, and new ones refused, because of a cut.
    pub cut: u64,
    /// Requests that were swallowed.
    pub half_open: u64,
    /// Replies sent late.
    pub late: u64,
    /// Replies sent wrong.
    pub frames: u64,
}

#[derive(Debug, Default)]
struct Counters {
    cut: AtomicU64,
    half_open: AtomicU64,
    late: AtomicU64,
    frames: AtomicU64,
    /// Replies since the start, to tell which one is the n-th.
    replies: AtomicU64,
}

/// The faults of one server. Clones share them.
#[derive(Clone, Debug)]
pub struct LinkFaults {
    active: Arc<watch::Sender<Active>>,
    counters: Arc<Counters>,
}

impl Default for LinkFaults {
    fn default() -> Self {
        Self { active: Arc::new(watch::Sender::new(Active::default())), counters: Arc::default() }
    }
}

/// What the faults make of one reply.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ReplyFate {
    pub(crate) late_by: Nanos,
    pub(crate) frame: Option<FrameFault>,
}

impl LinkFaults {
    /// Turns a fault on.
    pub fn begin(&self, fault: LinkFault) {
        self.active.send_modify(|active| match fault {
            LinkFault::TcpCut => active.is_cut = true,
            LinkFault::HalfOpen => active.is_half_open = true,
            LinkFault::LateReplies { every, delay } => active.late = Some((every.max(1), delay)),
        });
    }

    /// Turns a fault off.
    pub fn end(&self, fault: LinkFault) {
        self.active.send_modify(|active| match fault {
            LinkFault::TcpCut => active.is_cut = false,
            LinkFault::HalfOpen => active.is_half_open = false,
            LinkFault::LateReplies { .. } => active.late = None,
        });
    }

    /// Lets every `every`-th reply come out wrong; `None` ends it.
    pub fn set_frame_fault(&self, fault: Option<(u32, FrameFault)>) {
        self.active.send_modify(|active| active.frame = fault.map(|(every, fault)| (every.max(1), fault)));
    }

    /// How often faults took effect so far.
    pub fn counts(&self) -> LinkFaultCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkFaultCounts {
            cut: read(&self.counters.cut),
            half_open: read(&self.counters.half_open),
            late: read(&self.counters.late),
            frames: read(&self.counters.frames),
        }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.active.borrow().is_cut
    }

    pub(crate) fn is_half_open(&self) -> bool {
        self.active.borrow().is_half_open
    }

    /// Returns when the wire is cut.
    pub(super) async fn wait_cut(&self) {
        let mut changes = self.active.subscribe();
        if changes.wait_for(|active| active.is_cut).await.is_err() {
            unreachable!("this value holds the sender");
        }
    }

    pub(crate) fn count_cut(&self) {
        self.counters.cut.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_half_open(&self) {
        self.counters.half_open.fetch_add(1, Ordering::Relaxed);
    }

    /// Decides over the next reply and counts what hits it.
    pub(crate) fn next_reply(&self) -> ReplyFate {
        let number = self.counters.replies.fetch_add(1, Ordering::Relaxed) + 1;
        let active = *self.active.borrow();
        let hits = |every: u32| number.is_multiple_of(u64::from(every));
        let mut fate = ReplyFate::default();
        if let Some((_, delay)) = active.late.filter(|(every, _)| hits(*every)) {
            fate.late_by = delay;
            self.counters.late.fetch_add(1, Ordering::Relaxed);
        }
        if let Some((_, fault)) = active.frame.filter(|(every, _)| hits(*every)) {
            fate.frame = Some(fault);
            self.counters.frames.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }
}
