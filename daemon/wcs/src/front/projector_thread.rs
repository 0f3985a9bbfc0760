//! The projector thread: opens the store and keeps it up with the journal. A store that is down is tried again for as
//! long as the daemon runs; its backlog is on disk, and the lines know nothing of it.
//!
//! ```text
//! closed --open, chutes, same journal--> following --stop--> at the end, or 5 s later
//!   ^ `--cannot, 0.25 to 5 s--'             ^ `--cannot, 0.25 to 5 s--'
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use wcs_api::StoreSlot;
use wcs_journal::FileStorage;
use wcs_store::{Address, ProjectError, Projector, RECORDS_PER_CHUNK_MAX, Settings, Store, StoreError};
use wcs_types::{Plant, Seq};

use crate::exit::Failure;
use crate::realtime::{Group, Realtime};
use crate::service::{JournalFiles, Shared};

/// Pause after a failure: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// Pause after a failure that passes only when somebody mends something.
const AGAIN_BROKEN: Duration = Duration::from_secs(15);
/// Records are gathered for so long: each transaction costs the disk a sync that the journal wants too.
const GATHER: Duration = Duration::from_millis(20);
/// A stop waits for the end of the journal no longer than this; the next start has the rest to read.
const STOP_MAX: Duration = Duration::from_secs(5);

/// What the projector is given.
pub(super) struct ProjectorPorts {
    pub(super) address: Address,
    pub(super) plant: Arc<Plant>,
    pub(super) journal: JournalFiles,
    pub(super) shared: Arc<Shared>,
    /// Where the opened store is put for everybody else.
    pub(super) slot: StoreSlot,
}

/// A running projector.
pub(super) struct ProjectorThread {
    /// Told the end of the journal when the daemon stops.
    stop: watch::Sender<Option<Seq>>,
    thread: JoinHandle<()>,
}

impl ProjectorThread {
    /// Starts it; sockets and timers of the store belong to `runtime`, whose threads answer requests.
    pub(super) fn spawn(
        ports: ProjectorPorts,
        runtime: Handle,
        realtime: &Realtime,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = watch::channel(None);
        let thread = realtime.spawn(Group::Others, "projector", move || {
            runtime.block_on(Work::new(ports, stopped).run());
        })?;
        Ok(Self { stop, thread })
    }

    /// Lets it come to the end of the journal, and ends it.
    pub(super) fn stop(self, durable: Seq) {
        self.stop.send_replace(Some(durable));
        if self.thread.join().is_err() {
            tracing::error!(
                "the projector broke down; the next start reads the journal from where the store is"
            );
        }
    }
}

/// Says once that the store cannot be used, and once that it can.
#[derive(Default)]
struct Health {
    failing: Option<String>,
    pause: Duration,
}

struct Work {
    ports: ProjectorPorts,
    stopped: watch::Receiver<Option<Seq>>,
    health: Health,
}

/// The daemon stops.
struct Stopped;

impl Work {
    fn new(ports: ProjectorPorts, stopped: watch::Receiver<Option<Seq>>) -> Self {
        Self { ports, stopped, health: Health::default() }
    }

    async fn run(mut self) {
        let Ok(store) = self.open().await else { return };
        if let Ok(projector) = self.attach(&store).await {
            self.ports.slot.fill(store.clone());
            self.follow(projector).await;
        }
        store.close().await;
    }

    fn durable(&self) -> Seq {
        Seq(self.ports.shared.durable_seq.load(Ordering::Acquire))
    }

    /// Opens the store with the chutes of this plant in it.
    async fn open(&mut self) -> Result<Store, Stopped> {
        let settings = Settings::new(self.ports.address.clone());
        loop {
            // A task of the runtime: threads that are started for the store do not belong to this thread.
            let opening = {
                let (settings, plant) = (settings.clone(), Arc::clone(&self.ports.plant));
                tokio::spawn(async move {
                    let store = Store::open(&settings, super::now_ms()).await?;
                    store.set_chutes(&plant).await?;
                    Ok::<Store, StoreError>(store)
                })
            };
            match opening.await {
                Ok(Ok(store)) => return Ok(store),
                Ok(Err(error)) => self.fail(&error.to_string(), error.is_passing()).await?,
                Err(error) => self.fail(&error.to_string(), false).await?,
            }
        }
    }

    /// A projector for the store: it must reflect this journal, and nothing the journal does not have.
    async fn attach(&mut self, store: &Store) -> Result<Projector<FileStorage>, Stopped> {
        loop {
            let JournalFiles { files, genesis, .. } = self.ports.journal.clone();
            match Projector::open(store.clone(), files, genesis, self.durable()).await {
                Ok(projector) => return Ok(projector),
                Err(error) => self.fail(&error.to_string(), is_passing(&error)).await?,
            }
        }
    }

    async fn follow(&mut self, mut projector: Projector<FileStorage>) {
        let mut news = self.ports.shared.durable.subscribe();
        loop {
            if self.stopped.has_changed().unwrap_or(true) {
                return self.come_to_the_end(projector).await;
            }
            news.mark_unchanged();
            let durable = self.durable();
            match projector.advance(durable, RECORDS_PER_CHUNK_MAX).await {
                Ok(progress) => {
                    self.recover(durable.0.saturating_sub(progress.position.0));
                    self.note(progress.position);
                    if progress.position >= durable {
                        self.rest(&mut news).await;
                    }
                }
                // The look at the stop comes first in the next round.
                Err(error) => match self.fail(&error.to_string(), is_passing(&error)).await {
                    Ok(()) | Err(Stopped) => {}
                },
            }
        }
    }

    /// Sleeps until there is more, and then a little, so that one transaction takes in what comes at once.
    async fn rest(&mut self, news: &mut watch::Receiver<u64>) {
        tokio::select! {
            _ = news.changed() => {}
            _ = self.stopped.changed() => return self.stopped.mark_changed(),
        }
        sleep(GATHER).await;
    }

    async fn come_to_the_end(&mut self, mut projector: Projector<FileStorage>) {
        let Some(durable) = *self.stopped.borrow() else { return };
        let began = Instant::now();
        while projector.position() < durable && began.elapsed() < STOP_MAX {
            match projector.advance(durable, RECORDS_PER_CHUNK_MAX).await {
                Ok(progress) => self.note(progress.position),
                Err(error) => {
                    tracing::warn!(%error, "the store is behind the journal");
                    sleep(AGAIN.0).await;
                }
            }
        }
        let behind = durable.0.saturating_sub(projector.position().0);
        if behind > 0 {
            tracing::warn!(behind, "the store is behind the journal: the next start brings it up");
        }
    }

    fn note(&self, position: Seq) {
        self.ports.shared.meters.projector_seq.store(position.0, Ordering::Relaxed);
    }

    fn recover(&mut self, behind: u64) {
        self.ports.shared.meters.store_up.store(1, Ordering::Relaxed);
        if self.health.failing.take().is_some() {
            tracing::info!(behind, "the store can be used again");
        }
        self.health.pause = Duration::ZERO;
    }

    /// Says what is wrong, once, and waits; a stop ends the wait.
    async fn fail(&mut self, error: &str, is_passing: bool) -> Result<(), Stopped> {
        let meters = &self.ports.shared.meters;
        meters.store_up.store(0, Ordering::Relaxed);
        meters.projector_failures.fetch_add(1, Ordering::Relaxed);
        if self.health.failing.as_deref() != Some(error) {
            tracing::error!(
                error,
                "the store cannot be used; lines run, and what they do waits in the journal"
            );
            self.health.failing = Some(error.to_owned());
        }
        let (first, most) = AGAIN;
        self.health.pause =
            if is_passing { most.min(first.max(self.health.pause * 2)) } else { AGAIN_BROKEN };
        tokio::select! {
            () = sleep(self.health.pause) => Ok(()),
            _ = self.stopped.changed() => {
                self.stopped.mark_changed();
                Err(Stopped)
            }
        }
    }
}

fn is_passing(error: &ProjectError) -> bool {
    matches!(error, ProjectError::Store(error) if error.is_passing())
}
