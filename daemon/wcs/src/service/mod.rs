//! The daemon as threads: one decides and runs the links, one writes the journal. Owns their start, their stop and
//! the channels between them; decides nothing itself.
//!
//! ```text
//!  core thread, one tokio runtime:
//!    links, a task each --inputs, bounded, with credits--> core --batches--> journal thread
//!        ^--- commands, one ring per link, with a wake-up ---'  ^--- durable ---'  | files
//!                                                                follower thread <-' checkpoints
//! ```

mod control;
mod core_thread;
mod device_log;
mod figures;
mod follower_thread;
mod index_thread;
mod journal_thread;
mod link_tasks;
mod meters;
mod poison_file;
mod records;
mod spans;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;

use hdrhistogram::Histogram;
use tokio::sync::{Notify, watch};
use wcs_api::LiveHandle;
use wcs_drivers::LinkSnapshot;
use wcs_engine::{Boot, Start, boot};
use wcs_journal::{FileStorage, Options, Recovered, Room};
use wcs_sessions::Commanding;
use wcs_sim::faults::DiskStall;
use wcs_sim::supervisor::Supervisor;
use wcs_types::{LineId, MonoTime, Plant, Seq};

use crate::clock::{Clock, core_time_after, wall_unix_ms};
use crate::exit::Failure;
use crate::journal_index::{JournalIndex, index_dir};
use crate::realtime::Realtime;
use crate::stall::StallingStorage;

use self::figures::DaemonFigures;
use self::follower_thread::FollowerThread;
use self::index_thread::IndexThread;
use self::meters::Meters;
use self::poison_file::PoisonFile;
use self::records::JournalRecords;

pub(crate) use control::ControlPort;
pub(crate) use core_thread::CoreEnd;
pub(crate) use follower_thread::FollowerFigures;
pub(crate) use journal_thread::JournalFigures;
pub(crate) use records::{read_these, tell};

/// What the outside sees of a running daemon.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The links have ended: the core is to end when it has nothing left to do.
    pub(crate) stop: AtomicBool,
    /// Every planned batch has ended.
    pub(crate) is_finished: AtomicBool,
    /// A newer owner commands the device.
    pub(crate) is_fenced: AtomicBool,
    /// Lines that were commanded since the start.
    pub(crate) lines_commanded: AtomicU64,
    /// Turns of the core thread.
    pub(crate) turns: AtomicU64,
    /// Held by the journal thread for as long as it lives.
    pub(crate) journal_life: Weak<()>,
    /// Records made.
    pub(crate) last_seq: AtomicU64,
    /// Records on disk, as the journal thread says.
    pub(crate) durable_seq: AtomicU64,
    /// The same for whoever sleeps until there are more.
    pub(crate) durable: watch::Sender<u64>,
    /// Live views, which are told of every record that is on disk.
    pub(crate) live: OnceLock<LiveHandle>,
    /// What is counted.
    pub(crate) meters: Meters,
    /// A batch cannot go on.
    pub(crate) refusal: std::sync::Mutex<Option<String>>,
}

impl Shared {
    fn tell_durable(&self, seq: Seq) {
        self.durable_seq.store(seq.0, Ordering::Release);
        self.durable.send_replace(seq.0);
        if let Some(live) = self.live.get() {
            live.wake();
        }
    }
}

/// How long it took until a device was commanded: by its own word, since the process began.
pub(crate) struct CommandingAfter {
    pub(crate) line: LineId,
    /// Everything below was shown.
    pub(crate) proven: std::time::Duration,
    /// It showed the permit.
    pub(crate) permit_accepted: std::time::Duration,
    /// It had taken the first destination; `None` when no load awaited one.
    pub(crate) first_taken: Option<std::time::Duration>,
}

/// A running daemon.
pub(crate) struct Service {
    pub(crate) shared: Arc<Shared>,
    pub(crate) control: ControlPort,
    pub(crate) journal_files: JournalFiles,
    plant: Plant,
    clock: Clock,
    links: link_tasks::Links,
    core: JoinHandle<CoreEnd>,
    journal: JoinHandle<JournalFigures>,
    follower: FollowerThread,
    index: IndexThread,
}

/// The journal of this process, for those who read behind it.
#[derive(Clone)]
pub(crate) struct JournalFiles {
    pub(crate) files: FileStorage,
    /// Number of the journal.
    pub(crate) genesis: u64,
    index: Arc<JournalIndex>,
}

/// Figures of a daemon that was stopped.
pub(crate) struct ServiceEnd {
    pub(crate) journal: JournalFigures,
    pub(crate) follower: FollowerFigures,
    pub(crate) links: Vec<LinkSnapshot>,
    pub(crate) fsync_us: Histogram<u64>,
    pub(crate) turns: u64,
}

/// Differing decisions that are logged one by one at a start.
const DIFFERENCES_TOLD_MAX: usize = 20;

/// Says how the core came to the end of its journal, and what was not as it should be.
fn tell_start(recovered: &Recovered, start: &Start, took: std::time::Duration) {
    if let Some(torn) = &recovered.torn {
        tracing::warn!(%torn, "the last write was interrupted; it was never acknowledged");
    }
    for refused in &start.refused {
        tracing::error!(
            alarm = "checkpoint_unusable",
            "{refused}; the start replays from an older one or from the beginning: check the disk"
        );
    }
    if start.imposed > 0 {
        tracing::warn!(
            records = start.imposed,
            differing = start.differing,
            "the journal was written by another version; its decisions stand"
        );
    }
    for (seq, difference) in start.differences.iter().take(DIFFERENCES_TOLD_MAX) {
        tracing::warn!(record = seq.0, "{difference}");
    }
    let took_ms = took.as_millis();
    tracing::info!(checkpoint = start.restored.0, replayed = start.replayed, took_ms, "core recovered");
}

impl Service {
    /// Starts a daemon on `data`, with its journal in `journal`; `script` is the supervisor, told of everything the journal holds; `realtime` says
    /// where threads belong.
    pub(crate) fn start(
        plant: &Plant,
        data: &Path,
        journal: &Path,
        mut script: Supervisor,
        stall: DiskStall,
        realtime: &Realtime,
    ) -> Result<Self, Failure> {
        let files = FileStorage::open(journal).map_err(Failure::bad_input)?;
        let storage = StallingStorage::new(files.clone(), stall);
        let new_genesis = wall_unix_ms() | 1;
        let options = Options { room: Room::default(), genesis: new_genesis, trusted: Seq::NONE };
        let began = std::time::Instant::now();
        let Boot { mut engine, writer, recovered, chronicle, start } =
            boot(storage, plant.clone(), options, core_time_after, |_| ()).map_err(Failure::not_ok)?;
        tell_start(&recovered, &start, began.elapsed());
        script.begin_again(chronicle);
        let poison_file = PoisonFile::in_directory(data);
        engine.set_poisons(poison_file.load());
        let clock = Clock::starting_at(engine.core().now());
        let genesis = if recovered.genesis == 0 { new_genesis } else { recovered.genesis };
        let journal_life = Arc::new(());
        let shared = Arc::new(Shared { journal_life: Arc::downgrade(&journal_life), ..Shared::default() });
        shared.tell_durable(engine.durable_seq());
        let wake = Arc::new(Notify::new());
        let (journal_ports, journal) =
            journal_thread::spawn(writer, journal_life, Arc::clone(&wake), Arc::clone(&shared), realtime)?;
        let (control, desk) = control::queue(Arc::clone(&wake));
        let (links, ends) = link_tasks::make(plant, clock, &wake)?;
        let ports = core_thread::Ports {
            clock,
            shared: Arc::clone(&shared),
            inputs: ends.inputs,
            wake,
            outlets: ends.outlets,
            alive_until: ends.alive_until,
            journal: journal_ports,
            desk,
            poison_file,
        };
        let core = core_thread::spawn(engine, script, ports, ends.tasks, realtime)?;
        let follower = FollowerThread::spawn(files.clone(), plant.clone(), Arc::clone(&shared), realtime)?;
        let index = Arc::new(JournalIndex::open(files.clone(), genesis, Some(index_dir(data))));
        let indexing = IndexThread::spawn(Arc::clone(&index), Arc::clone(&shared), realtime)?;
        let journal_files = JournalFiles { files, genesis, index };
        let plant = plant.clone();
        Ok(Self {
            shared,
            control,
            journal_files,
            plant,
            clock,
            links,
            core,
            journal,
            follower,
            index: indexing,
        })
    }

    /// What has happened, for those who ask.
    pub(crate) fn records(&self) -> JournalRecords {
        let JournalFiles { files, genesis, index } = self.journal_files.clone();
        JournalRecords::new(files, Arc::clone(&self.shared), genesis, index)
    }

    /// Figures of this daemon.
    pub(crate) fn figures(&self) -> DaemonFigures {
        DaemonFigures {
            plant: self.plant.clone(),
            shared: Arc::clone(&self.shared),
            links: self.links.statuses(),
        }
    }

    /// Stops in order: links first, then the core when it has taken everything, then the journal with a seal; then
    /// `behind` has what reads the journal come to its end, and the follower writes a checkpoint of it.
    pub(crate) fn stop(self, behind: impl FnOnce(Seq)) -> Result<ServiceEnd, Failure> {
        self.links.stop();
        let panicked = |name: &str| Failure::not_ok(format!("the {name} thread failed"));
        let end = self.core.join().map_err(|_| panicked("core"))?;
        let journal = self.journal.join().map_err(|_| panicked("journal"))?;
        behind(journal.durable_seq);
        self.index.stop();
        let follower = self.follower.stop(journal.durable_seq);
        let links = self.links.figures();
        if let Some(poison) = end.poison {
            return Err(Failure::NotOk(poison));
        }
        Ok(ServiceEnd { fsync_us: journal.fsync_us.clone(), journal, follower, links, turns: end.turns })
    }

    /// Lines whose device has shown since the last call that it is commanded, with the time it took since `began`.
    pub(crate) fn take_commanding(&self, began: std::time::Instant) -> Vec<CommandingAfter> {
        let proofs = self.links.take_commanding();
        let (now, passed) = (self.clock.now(), began.elapsed());
        let after = |at: MonoTime| passed.saturating_sub(std::time::Duration::from_nanos(now.since(at).0));
        let of = |(line, proven): (LineId, Commanding)| CommandingAfter {
            line,
            proven: after(proven.proven_at()),
            permit_accepted: after(proven.permit_accepted_at),
            first_taken: proven.first_taken_at.map(after),
        };
        proofs.into_iter().map(of).collect()
    }

    /// True when a thread of the daemon has ended although nobody asked it to.
    pub(crate) fn has_failed(&self) -> bool {
        self.core.is_finished() || self.journal.is_finished()
    }
}
