//! Verbs from outside: a bounded queue into the core thread, and the answers on their way back. The core thread takes a
//! few in each turn, behind everything that moves; an answer leaves when the record of its verb is on disk.
//!
//! ```text
//! asked --queue full / stopping--> refused, not taken
//!   `--taken in a turn--> waits for its record --on disk--> answered with the facts of that record
//!            `--no room in front of the disk--> refused, not taken
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::{Notify, oneshot};
use wcs_api::ports::{AskError, Asked, Asking, Control};
use wcs_types::{Fact, OperatorId, Reply, Seq, Ticket, Verb};

/// Verbs that wait for the core.
const VERBS_QUEUED_MAX: usize = 256;
/// Verbs that wait for their record.
const VERBS_OPEN_MAX: usize = 256;
/// Verbs of one turn: people can wait, belts cannot.
const VERBS_PER_TURN_MAX: usize = 8;
/// When to ask again after there was no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A verb on its way to the core.
pub(super) struct VerbAsk {
    pub(super) operator: OperatorId,
    pub(super) verb: Verb,
    pub(super) answer: Answer,
}

pub(super) type Answer = oneshot::Sender<Result<Asked, AskError>>;

/// A verb the core has taken.
struct Open {
    ticket: Ticket,
    position: Seq,
    facts: Vec<Fact>,
    answer: Answer,
}

/// The end of the core thread. Empty, it costs a look and allocates nothing.
pub(super) struct Desk {
    asks: Receiver<VerbAsk>,
    /// By ticket, ascending.
    open: VecDeque<Open>,
    next_ticket: u64,
}

/// The end of everybody else.
#[derive(Clone)]
pub(crate) struct ControlPort {
    asks: Sender<VerbAsk>,
    core: Arc<Notify>,
    is_stopping: Arc<AtomicBool>,
}

/// A queue of verbs; `core` is notified of each.
pub(super) fn queue(core: Arc<Notify>) -> (ControlPort, Desk) {
    let (asks, asked) = bounded(VERBS_QUEUED_MAX);
    let port = ControlPort { asks, core, is_stopping: Arc::default() };
    (port, Desk { asks: asked, open: VecDeque::new(), next_ticket: 1 })
}

impl ControlPort {
    /// From now on nothing is taken; what was taken is answered.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }
}

impl Control for ControlPort {
    fn ask(&self, operator: OperatorId, verb: Verb) -> Asking<'_> {
        Box::pin(async move {
            if self.is_stopping.load(Ordering::Acquire) {
                return Err(AskError::Stopping);
            }
            let (answer, answered) = oneshot::channel();
            match self.asks.try_send(VerbAsk { operator, verb, answer }) {
                Ok(()) => self.core.notify_one(),
                Err(TrySendError::Full(_)) => return Err(AskError::Busy { retry_after: RETRY_AFTER }),
                Err(TrySendError::Disconnected(_)) => return Err(AskError::Stopping),
            }
            match tokio::time::timeout(ANSWER_MAX, answered).await {
                Ok(Ok(answer)) => answer,
                // The core thread let go of it: it has ended.
                Ok(Err(_)) => Err(AskError::Stopping),
                Err(_) => Err(AskError::NotDurable { waited: ANSWER_MAX }),
            }
        })
    }
}

impl Desk {
    /// Verbs that may be taken in this turn.
    pub(super) fn room(&self) -> usize {
        VERBS_PER_TURN_MAX.min(VERBS_OPEN_MAX.saturating_sub(self.open.len()))
    }

    /// The next verb somebody still waits for, with its ticket.
    pub(super) fn next(&mut self) -> Option<(Ticket, VerbAsk)> {
        // Whoever has gone away gets nothing done: it was told that it may ask again.
        let ask = std::iter::from_fn(|| self.asks.try_recv().ok()).find(|ask| !ask.answer.is_closed())?;
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        Some((ticket, ask))
    }

    /// The core took it, in this record (none when it was answered unrecorded), with these facts: its answer follows.
    pub(super) fn keep(&mut self, ticket: Ticket, position: Seq, facts: Vec<Fact>, answer: Answer) {
        self.open.push_back(Open { ticket, position, facts, answer });
    }

    /// The core did not take it.
    pub(super) fn turn_away(answer: Answer) {
        // Whoever has gone away need not be told.
        answer.send(Err(AskError::Busy { retry_after: RETRY_AFTER })).unwrap_or_default();
    }

    /// The answer of the core; false when the ticket is not one of this desk.
    pub(super) fn answer(&mut self, ticket: Ticket, reply: &Reply) -> bool {
        let Ok(at) = self.open.binary_search_by_key(&ticket, |open| open.ticket) else { return false };
        let open = self.open.remove(at).expect("it was found there");
        let asked = Asked { reply: reply.clone(), position: open.position, facts: open.facts };
        // Whoever has gone away meanwhile finds the outcome in the journal.
        open.answer.send(Ok(asked)).unwrap_or_default();
        true
    }

    /// Verbs that wait for the core, or for their record.
    pub(super) fn waiting(&self) -> usize {
        self.asks.len() + self.open.len()
    }

    /// True when a turn would find a verb.
    pub(super) fn has_asks(&self) -> bool {
        !self.asks.is_empty()
    }
}

impl Drop for Desk {
    /// Nobody is left to take what still waits.
    fn drop(&mut self) {
        while let Ok(ask) = self.asks.try_recv() {
            drop(ask);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    use wcs_types::{BatchId, VerbRefusal};

    use super::*;

    const OPERATOR: OperatorId = OperatorId(7);

    fn verb(batch: u32) -> Verb {
        Verb::Pause { batch: BatchId(batch) }
    }

    fn poll<T>(asking: &mut std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>) -> Poll<T> {
        asking.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn an_answer_has_the_record_and_facts_of_its_verb() {
        let (port, mut desk) = queue(Arc::new(Notify::new()));
        let (mut first, mut second) = (port.ask(OPERATOR, verb(1)), port.ask(OPERATOR, verb(2)));
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        let (one, ask) = desk.next().unwrap();
        assert_eq!((ask.operator, &ask.verb), (OPERATOR, &verb(1)));
        let facts = vec![Fact::BatchStarted { batch: BatchId(1) }];
        desk.keep(one, Seq(9), facts.clone(), ask.answer);
        let (two, ask) = desk.next().unwrap();
        desk.keep(two, Seq(10), Vec::new(), ask.answer);
        assert_eq!(desk.waiting(), 2);
        let refused = Reply::Refused(VerbRefusal::UnknownBatch);
        assert!(desk.answer(two, &refused) && desk.answer(one, &Reply::Done));
        assert_eq!(first.await, Ok(Asked { reply: Reply::Done, position: Seq(9), facts }));
        assert_eq!(second.await, Ok(Asked { reply: refused, position: Seq(10), facts: Vec::new() }));
        assert!(!desk.answer(one, &Reply::Done), "it was answered");
        assert!(!desk.answer(Ticket(1 << 32), &Reply::Done), "that one is somebody else's");
    }

    #[tokio::test]
    async fn a_full_queue_and_a_stop_are_said_at_once() {
        let (port, mut desk) = queue(Arc::new(Notify::new()));
        let mut asked: Vec<_> = (0..VERBS_QUEUED_MAX).map(|_| port.ask(OPERATOR, verb(1))).collect();
        assert!(asked.iter_mut().all(|asking| poll(asking).is_pending()));
        let busy = Err(AskError::Busy { retry_after: RETRY_AFTER });
        assert_eq!(port.ask(OPERATOR, verb(2)).await, busy);
        let (_, ask) = desk.next().unwrap();
        Desk::turn_away(ask.answer);
        assert_eq!(asked.remove(0).await, busy);
        port.stop();
        assert_eq!(port.ask(OPERATOR, verb(3)).await, Err(AskError::Stopping));
        drop(desk);
        assert_eq!(asked.remove(0).await, Err(AskError::Stopping));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_taken() {
        let (port, mut desk) = queue(Arc::new(Notify::new()));
        let mut gone = port.ask(OPERATOR, verb(1));
        assert!(poll(&mut gone).is_pending());
        drop(gone);
        let mut here = port.ask(OPERATOR, verb(2));
        assert!(poll(&mut here).is_pending());
        assert_eq!(desk.next().unwrap().1.verb, verb(2));
        assert!(desk.next().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let (port, _desk) = queue(Arc::new(Notify::new()));
        assert_eq!(port.ask(OPERATOR, verb(1)).await, Err(AskError::NotDurable { waited: ANSWER_MAX }));
    }
}
