//! Start of a process: open the journal, bring a core to its end, and go on behind its last record. Never a silent
//! start: damage, a record that does not replay, and a plant that is not the recorded one each stop it with their
//! place; a damaged checkpoint only costs time, and is named (decision 0009).

use wcs_core::Difference;
use wcs_journal::{
    Context, OpenError, Opened, Options, Origin, ReadError, Reader, Recovered, Storage, Writer, open,
};
use wcs_types::{CORE_VERSION, MonoTime, Plant, Record, Seq, limits};

use crate::chronicle::Chronicle;
use crate::engine::Engine;
use crate::replay::{Divergence, Replay};
use crate::saved::{CheckpointRefused, Saved, newest};

/// Bytes in front of the newest segment that every start reads again, whatever a checkpoint says.
pub const READ_SIZE_MIN: u64 = 64 * 1024 * 1024;

/// A process that can go on.
pub struct Boot<S: Storage> {
    /// The engine, behind the last record.
    pub engine: Engine,
    /// The writer, behind the last record.
    pub writer: Writer<S>,
    /// What was found in the journal.
    pub recovered: Recovered,
    /// What its facts add up to.
    pub chronicle: Chronicle,
    /// How the core came to its end.
    pub start: Start,
}

/// How a core came to the end of its journal.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Record of the checkpoint it began with; `NONE` when it began at the first record.
    pub restored: Seq,
    /// Records replayed behind it.
    pub replayed: u64,
    /// Records among them that another version of the core made.
    pub imposed: u64,
    /// How many decisions of those this version would have made otherwise.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<(Seq, Difference)>,
    /// Checkpoints that should have served and did not.
    pub refused: Vec<CheckpointRefused>,
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

/// Opens the journal in `storage` and brings a core to its end: from the newest checkpoint of this plant and this
/// version of the core, else from the first record. `now_after` turns the last stamp into the core time to go on at;
/// `see` is shown every record that is replayed.
///
/// Older segments than [`READ_SIZE_MIN`] bytes back are not read again when a checkpoint lies behind them.
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
    let origin = Origin::read(&storage)?;
    if origin.as_ref().is_some_and(|origin| origin.context.plant != context.plant) {
        return Err(BootError::OtherPlant);
    }
    let Saved { core, mut chronicle, refused } =
        newest(&storage, plant, &context, origin.as_ref()).map_err(ReadError::Storage)?;
    let restored = core.seq();
    let trusted = origin.map_or(Seq::NONE, |origin| origin.trusted(restored, READ_SIZE_MIN));
    let Opened { writer, recovered, .. } = open(storage.clone(), context, Options { trusted, ..options })?;
    let mut replay = Replay::from_core(core, CORE_VERSION);
    if recovered.last_seq > restored {
        let mut reader = Reader::open(&storage, restored.next(), recovered.last_seq)?;
        while let Some(entry) = reader.next() {
            let record = entry?.record;
            replay.set_recorded_version(reader.context().core_version);
            replay.follow(&record)?;
            chronicle.see_record(&record);
            see(&record);
        }
    }
    let (replayed, imposed, differing) = (replay.records(), replay.imposed(), replay.difference_count());
    let differences = replay.take_differences();
    let core = replay.into_core();
    let now = now_after(&recovered).later(core.now());
    let mut engine = Engine::new(core, now);
    engine.boot();
    if let Some((_, poison)) = engine.poison() {
        let (what, invariant) = (poison.what.clone(), poison.invariant.clone());
        return Err(BootError::Broken { what, invariant });
    }
    let start = Start { restored, replayed, imposed, differing, differences, refused };
    Ok(Boot { engine, writer, recovered, chronicle, start })
}
