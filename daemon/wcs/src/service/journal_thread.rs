//! The journal thread: writes one batch after the other, syncs each, and says what is durable. The only thread that
//! waits for the disk.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use wcs_journal::{Batch, Storage, Writer};
use wcs_types::Seq;

use super::Shared;
use crate::exit::Failure;
use crate::realtime::{Group, Realtime};

/// Pause after the disk failed, before it is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// What the journal thread tells the core thread.
#[derive(Debug)]
pub(crate) enum JournalNews {
    /// Everything up to here is on disk; the emptied batch comes back.
    Durable(Seq, Batch),
    /// The disk fails; it is tried again.
    Failed(String),
}

/// The core thread's ends.
pub(crate) struct JournalPorts {
    /// Full batches; dropping it ends the journal with a seal.
    pub(crate) batches: Sender<Batch>,
    pub(crate) news: Receiver<JournalNews>,
}

/// What the journal did.
pub(crate) struct JournalFigures {
    pub(crate) batches: u64,
    pub(crate) durable_seq: Seq,
    pub(crate) fsync_us: Histogram<u64>,
    pub(crate) stall_us_max: u64,
}

/// Starts the thread; `life` is let go of when it ends, and `core` is notified of its news.
pub(crate) fn spawn<S: Storage>(
    writer: Writer<S>,
    life: Arc<()>,
    core: Arc<Notify>,
    shared: Arc<Shared>,
    realtime: &Realtime,
) -> Result<(JournalPorts, JoinHandle<JournalFigures>), Failure> {
    // One batch is written while the next one fills: more than one in the channel cannot be.
    let (batches, full) = bounded(1);
    let (tell, news) = bounded(16);
    let tell = Teller { news: tell, core };
    let thread = realtime.spawn(Group::Journal, "journal", move || {
        let _life = life;
        JournalThread::new(writer, shared).run(&full, &tell)
    })?;
    Ok((JournalPorts { batches, news }, thread))
}

/// The way to the core thread.
struct Teller {
    news: Sender<JournalNews>,
    core: Arc<Notify>,
}

impl Teller {
    /// False when nobody hears any more.
    fn tell(&self, news: JournalNews) -> bool {
        let is_heard = self.news.send(news).is_ok();
        self.core.notify_one();
        is_heard
    }
}

struct JournalThread<S: Storage> {
    writer: Writer<S>,
    shared: Arc<Shared>,
    figures: JournalFigures,
}

impl<S: Storage> JournalThread<S> {
    fn new(writer: Writer<S>, shared: Arc<Shared>) -> Self {
        let fsync_us = Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds are valid");
        let durable_seq = writer.durable_seq();
        Self {
            writer,
            shared,
            figures: JournalFigures { batches: 0, durable_seq, fsync_us, stall_us_max: 0 },
        }
    }

    fn run(mut self, full: &Receiver<Batch>, tell: &Teller) -> JournalFigures {
        while let Ok(mut batch) = full.recv() {
            let began = Instant::now();
            self.writer
                .append(&batch)
                .expect("the core thread hands over consecutive batches, one at a time");
            let durable = self.sync_until_durable(full, tell);
            let Some(durable) = durable else { return self.figures };
            let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.figures.fsync_us.saturating_record(took.max(1));
            self.figures.stall_us_max = self.figures.stall_us_max.max(took);
            self.figures.batches += 1;
            self.figures.durable_seq = durable;
            self.shared.meters.fsync.add_us(took);
            self.shared.tell_durable(durable);
            batch.clear();
            if !tell.tell(JournalNews::Durable(durable, batch)) {
                break;
            }
        }
        if let Err(error) = self.writer.seal() {
            tracing::error!(%error, "the journal could not be sealed; the next start recovers it");
        }
        self.figures
    }

    /// `None` when the process stops while the disk still fails.
    fn sync_until_durable(&mut self, full: &Receiver<Batch>, tell: &Teller) -> Option<Seq> {
        loop {
            match self.writer.sync() {
                Ok(durable) => return Some(durable),
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be written");
                    if !tell.tell(JournalNews::Failed(error.to_string())) {
                        return None;
                    }
                    // The pause ends at once when the core thread is gone.
                    if let Err(RecvTimeoutError::Disconnected) = full.recv_timeout(RETRY) {
                        return None;
                    }
                }
            }
        }
    }
}
