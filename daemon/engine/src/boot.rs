//! Start of a process: open the journal, replay it, and go on behind its last record. Never a silent start: damage,
//! a record that does not replay, and a plant that is not the recorded one each stop it with their place.

use wcs_core::Core;
use wcs_journal::{Context, OpenError, Opened, Options, ReadError, Reader, Recovered, Storage, Writer, open};
use wcs_types::{CORE_VERSION, MonoTime, Plant, Record, Seq, limits};

use crate::engine::Engine;
use crate::replay::{Divergence, Replay};

/// A process that can go on.
pub struct Boot<S: Storage> {
    /// The engine, behind the last record.
    pub engine: Engine,
    /// The writer, behind the last record.
    pub writer: Writer<S>,
    /// What was found in the journal.
    pub recovered: Recovered,
}

/// Why a process must not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal does not replay.
    #[error("the journal does not replay: {0}")]
    Diverged(#[from] Divergence),
    /// The core stops at the first thing a process tells it.
    #[error(
        "the core stops at {what}: {invariant}; this is not of the equipment's making and cannot be put aside: \
         run another version"
    )]
    Broken {
        /// What it was told.
        what: String,
        /// The invariant that does not hold.
        invariant: String,
    },
    /// The journal belongs to another plant.
    #[error(
        "the journal was written for another plant than the plant file describes: use another data directory"
    )]
    OtherPlant,
    /// The plant in the journal cannot be read.
    #[error("the plant in the journal cannot be read: {0}")]
    PlantUnreadable(postcard::Error),
}

/// What every segment of a plant's journal states about how it was made.
///
/// Where a link leads is left out: a device that gets another address is still the same device.
pub fn journal_context(plant: &Plant) -> Context {
    let mut plant = plant.clone();
    for link in &mut plant.links {
        link.endpoint.clear();
    }
    let plant = postcard::to_allocvec(&plant).expect("a plant holds plain data");
    let limits = [
        limits::CODE_SIZE_MAX,
        limits::LANE_COUNT_MAX,
        limits::LOADS_ON_BELT_MAX,
        limits::LOADS_ENDED_KEPT_MAX,
        limits::JOBS_PER_BATCH_MAX,
        limits::RECORD_SIZE_MAX,
    ];
    let limits = postcard::to_allocvec(&limits.map(|limit| limit as u64)).expect("numbers are plain data");
    Context { core_version: CORE_VERSION, plant, limits }
}

/// The plant a journal was written for, without the endpoints of its links.
///
/// # Errors
/// The bytes are not a plant of this version.
pub fn journal_plant(context: &Context) -> Result<Plant, BootError> {
    postcard::from_bytes(&context.plant).map_err(BootError::PlantUnreadable)
}

/// Opens and replays the journal in `storage`. `wall_ahead` turns the last stamp into the core time to go on at;
/// `see` is shown every record.
///
/// # Errors
/// See [`BootError`]; nothing was changed if the journal is damaged or belongs to another plant.
pub fn boot<S: Storage>(
    storage: S,
    plant: Plant,
    options: Options,
    now_after: impl FnOnce(&Recovered) -> MonoTime,
    mut see: impl FnMut(&Record),
) -> Result<Boot<S>, BootError> {
    let context = journal_context(&plant);
    let before = wcs_journal::recover(&storage)?;
    if before.context.as_ref().is_some_and(|found| found.plant != context.plant) {
        return Err(BootError::OtherPlant);
    }
    let Opened { writer, recovered, .. } = open(storage.clone(), context, options)?;
    let core = replay_all(&storage, plant, recovered.last_seq, &mut see)?;
    let now = now_after(&recovered).later(core.now());
    let mut engine = Engine::new(core, now);
    engine.boot();
    if let Some((_, poison)) = engine.poison() {
        let (what, invariant) = (poison.what.clone(), poison.invariant.clone());
        return Err(BootError::Broken { what, invariant });
    }
    Ok(Boot { engine, writer, recovered })
}

fn replay_all<S: Storage>(
    storage: &S,
    plant: Plant,
    last: Seq,
    see: &mut impl FnMut(&Record),
) -> Result<Core, BootError> {
    if last == Seq::NONE {
        return Ok(Core::new(plant));
    }
    let mut reader = Reader::open(storage, Seq(1), last)?;
    let mut replay = Replay::new(plant, CORE_VERSION);
    while let Some(entry) = reader.next() {
        let entry = entry?;
        replay.set_recorded_version(reader.context().core_version);
        replay.follow(&entry.record)?;
        see(&entry.record);
    }
    Ok(replay.into_core())
}
