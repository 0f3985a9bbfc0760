//! Keeps a [`Live`] up to date: a thread follows the durable records, adds them, and puts what happened into a ring that
//! streams read from. It reads only what is durable, so nothing is ever shown that a power cut could take back.
//!
//! ```text
//! catching up (from the first record) -> following --cannot read--> waiting --1 s--> following
//! ```
//!
//! The ring is bounded by [`EVENTS_KEPT_MAX`]: a reader that falls out of it reads the journal instead, or is told to
//! come again; see `events`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use tokio::sync::watch;
use wcs_types::{Plant, Seq};

use super::Live;
use crate::event::{Event, EventId, events_of};
use crate::ports::{Records, RecordsError, Told};

/// Events kept for streams. More: the oldest goes, and who has not read it reads the journal.
pub const EVENTS_KEPT_MAX: usize = 8_192;
/// Records added under one lock. More: the next lock.
const RECORDS_PER_LOCK: usize = 512;
/// How long the thread sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(100);
/// How long it waits before it reads again where it could not.
const PAUSE: Duration = Duration::from_secs(1);

/// The live views, as handlers hold them. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct LiveHandle(Arc<Shared>);

struct Shared {
    live: RwLock<Live>,
    ring: Mutex<Ring>,
    position: watch::Sender<Seq>,
    thread: OnceLock<Thread>,
    is_stopping: AtomicBool,
    fault: Mutex<Option<String>>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Everything behind this place is in the ring.
    since: Option<EventId>,
}

/// What the ring holds behind a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Recent {
    /// All of it, in order; possibly nothing.
    Events(Vec<Arc<Event>>),
    /// The ring does not reach back so far: the journal does.
    Older,
}

impl Default for LiveHandle {
    fn default() -> Self {
        Self::new(Arc::new(Plant::default()))
    }
}

impl fmt::Debug for LiveHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveHandle").field(&self.position()).finish()
    }
}

impl LiveHandle {
    /// Views of a plant of which nothing is known yet.
    pub fn new(plant: Arc<Plant>) -> Self {
        let (position, _) = watch::channel(Seq::NONE);
        Self(Arc::new(Shared {
            live: RwLock::new(Live::new(plant)),
            ring: Mutex::new(Ring::default()),
            position,
            thread: OnceLock::new(),
            is_stopping: AtomicBool::new(false),
            fault: Mutex::new(None),
        }))
    }

    /// The live state. Hold it shortly: the thread that keeps it up to date waits meanwhile.
    pub fn read(&self) -> RwLockReadGuard<'_, Live> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last record in the views.
    pub fn position(&self) -> Seq {
        *self.0.position.borrow()
    }

    /// Waits until the views reflect record `seq`, at most `longest`; true when they do.
    pub async fn wait_for(&self, seq: Seq, longest: Duration) -> bool {
        let mut position = self.0.position.subscribe();
        let reached = position.wait_for(|at| *at >= seq);
        matches!(tokio::time::timeout(longest, reached).await, Ok(Ok(_)))
    }

    /// Tells of every move of the position.
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.0.position.subscribe()
    }

    /// Why records could not be read when that was tried last.
    pub fn fault(&self) -> Option<String> {
        lock(&self.0.fault).clone()
    }

    /// The process is stopping: streams end.
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    /// Events behind a place, at most `most`.
    pub fn recent(&self, after: EventId, most: usize) -> Recent {
        let ring = lock(&self.0.ring);
        if ring.since.is_none_or(|since| after < since) {
            return Recent::Older;
        }
        let first = ring.events.partition_point(|event| event.id <= after);
        Recent::Events(ring.events.iter().skip(first).take(most).cloned().collect())
    }

    /// Says that more records are durable. Never blocks; for the thread that learns of it first.
    pub fn wake(&self) {
        if let Some(thread) = self.0.thread.get() {
            thread.unpark();
        }
    }

    /// Ends the thread and, with it, the streams.
    pub fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
        // Readers that wait for the next record look whether it is over.
        self.0.position.send_modify(|_| ());
        self.wake();
    }

    /// Adds records that are durable, in order. The thread does this; tests do it by hand.
    pub fn add(&self, told: &[Told], is_followed: bool) {
        let Some(last) = told.last() else { return };
        let mut live = self.write();
        for told in told {
            live.apply(told);
        }
        let plant = Arc::clone(live.plant());
        drop(live);
        if is_followed {
            lock(&self.0.ring).add(told, &plant);
        }
        self.0.position.send_replace(last.record.seq);
    }

    fn write(&self) -> RwLockWriteGuard<'_, Live> {
        // A fold that broke off half-way shows what it has: better than nothing, and the journal is right anyhow.
        self.0.live.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn add(&mut self, told: &[Told], plant: &Plant) {
        for told in told {
            let before = EventId::behind(Seq(told.record.seq.0.saturating_sub(1)));
            self.since.get_or_insert(before);
            self.events.extend(events_of(told, plant, before).into_iter().map(Arc::new));
        }
        while self.events.len() > EVENTS_KEPT_MAX {
            self.since = self.events.pop_front().map(|event| event.id);
        }
    }
}

/// The thread that keeps live views up to date.
pub struct LiveFeed {
    handle: LiveHandle,
    thread: Option<JoinHandle<()>>,
}

impl LiveFeed {
    /// Starts it. It begins at the first record of the journal.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(handle: LiveHandle, records: Arc<dyn Records>) -> std::io::Result<Self> {
        let for_thread = handle.clone();
        let thread = thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || follow(&for_thread, records.as_ref()))?;
        // Before this the thread finds out by itself within its idle time.
        handle.0.thread.get_or_init(|| thread.thread().clone());
        Ok(Self { handle, thread: Some(thread) })
    }

    /// Ends it and waits for it.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the live views panicked");
        }
    }
}

impl Drop for LiveFeed {
    fn drop(&mut self) {
        self.end();
    }
}

fn follow(handle: &LiveHandle, records: &dyn Records) {
    while !handle.is_stopping() {
        match catch_up(handle, records) {
            Ok(()) => {
                *lock(&handle.0.fault) = None;
                thread::park_timeout(IDLE);
            }
            Err(error) => {
                tracing::error!(%error, "live views stand still: records cannot be read");
                *lock(&handle.0.fault) = Some(error.to_string());
                thread::park_timeout(PAUSE);
            }
        }
    }
}

/// Adds everything that is durable now.
fn catch_up(handle: &LiveHandle, records: &dyn Records) -> Result<(), RecordsError> {
    let durable = records.durable();
    let from = handle.position().next();
    if from > durable {
        return Ok(());
    }
    let mut batch: Vec<Told> = Vec::with_capacity(RECORDS_PER_LOCK);
    // What no stream can ask the ring for is not put into it.
    let is_followed = |told: &Told| durable.0.saturating_sub(told.record.seq.0) < EVENTS_KEPT_MAX as u64;
    let flush = |batch: &mut Vec<Told>| {
        let first_followed = batch.iter().position(is_followed).unwrap_or(batch.len());
        handle.add(&batch[..first_followed], false);
        handle.add(&batch[first_followed..], true);
        batch.clear();
    };
    let read = records.read(from, &mut |told| {
        batch.push(told.clone());
        if batch.len() == RECORDS_PER_LOCK {
            flush(&mut batch);
        }
        !handle.is_stopping()
    });
    flush(&mut batch);
    read
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
