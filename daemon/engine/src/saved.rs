//! What a checkpoint holds: the core behind a record and the chronicle up to it, encoded behind a version byte. And
//! where a core comes from when something starts: the newest checkpoint that belongs to this journal and this version,
//! else the beginning. A checkpoint that should serve and does not is listed, never passed over in silence.

use std::fmt;

use wcs_core::{Core, InvariantBroken, RestoreError, Snapshot};
use wcs_journal::{
    Checkpoint, Context, Origin, ReadError, Reader, Storage, StorageError, checkpoint_name, list_checkpoints,
    read_checkpoint,
};
use wcs_types::{CORE_VERSION, Plant, Seq};

use crate::chronicle::Chronicle;

/// Version byte in front of the body of a checkpoint.
const VERSION_BODY: u8 = 2;

/// A checkpoint that did not serve although it should have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckpointRefused {
    /// Record it was written for.
    pub seq: Seq,
    /// Why, with its place.
    pub reason: String,
}

impl fmt::Display for CheckpointRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A checkpoint whose bytes are what was written, and that still cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableCheckpoint {
    /// Written by a software to come.
    #[error("its content has an unknown version")]
    UnknownVersion,
    /// Not a snapshot.
    #[error("its content does not decode: {0}")]
    NotDecoded(#[from] postcard::Error),
    /// Rows that do not add up.
    #[error(transparent)]
    Rows(#[from] RestoreError),
    /// The hash covers the rows, not what they have to do with each other.
    #[error("its rows contradict each other: {0}")]
    Contradictory(#[from] InvariantBroken),
    /// The snapshot is not of the record and state its header names, or not what the journal comes to.
    #[error("its state is not the one of its record")]
    OtherState,
}

/// A core to go on with.
pub(crate) struct Saved {
    pub(crate) core: Core,
    pub(crate) chronicle: Chronicle,
    /// Checkpoints that were damaged or did not fit the journal.
    pub(crate) refused: Vec<CheckpointRefused>,
}

/// Encodes what a checkpoint of this core holds.
pub fn save(core: &Core, chronicle: &Chronicle) -> Vec<u8> {
    postcard::to_extend(&(core.snapshot(), chronicle), vec![VERSION_BODY])
        .expect("a snapshot holds only types of known length, and a vector takes every byte")
}

/// The core and the chronicle of a checkpoint; its rows must add up to the hash the checkpoint states.
///
/// # Errors
/// See [`UnusableCheckpoint`].
pub fn restore(checkpoint: &Checkpoint) -> Result<(Core, Chronicle), UnusableCheckpoint> {
    let [VERSION_BODY, body @ ..] = checkpoint.body.as_slice() else {
        return Err(UnusableCheckpoint::UnknownVersion);
    };
    let (snapshot, chronicle) = postcard::from_bytes::<(Snapshot, Chronicle)>(body)?;
    let core = Core::restore(snapshot)?;
    core.check_invariants()?;
    if core.seq() == checkpoint.seq && core.state_hash() == checkpoint.hash {
        Ok((core, chronicle))
    } else {
        Err(UnusableCheckpoint::OtherState)
    }
}

/// Holds a checkpoint against a replay that stands behind its record. False: another version made it, so that its
/// state means nothing here.
///
/// # Errors
/// It is not what the journal comes to. See [`UnusableCheckpoint`].
pub fn prove(
    checkpoint: &Checkpoint,
    core: &Core,
    chronicle: &Chronicle,
) -> Result<bool, UnusableCheckpoint> {
    if checkpoint.context.core_version != CORE_VERSION {
        return Ok(false);
    }
    let (saved, said) = restore(checkpoint)?;
    let is_same = saved.seq() == core.seq() && saved.state_hash() == core.state_hash();
    if is_same && said == *chronicle { Ok(true) } else { Err(UnusableCheckpoint::OtherState) }
}

/// The newest core that can be had without replay. `origin` is `None` for a journal that does not exist yet.
///
/// # Errors
/// The directory cannot be listed.
pub(crate) fn newest<S: Storage>(
    storage: &S,
    plant: Plant,
    context: &Context,
    origin: Option<&Origin>,
) -> Result<Saved, StorageError> {
    let mut refused = Vec::new();
    if let Some(origin) = origin {
        for seq in list_checkpoints(storage)? {
            match try_one(storage, seq, &plant, context, origin) {
                Ok(Some((core, chronicle))) => return Ok(Saved { core, chronicle, refused }),
                Ok(None) => {}
                Err(reason) => refused.push(CheckpointRefused { seq, reason }),
            }
        }
    }
    Ok(Saved { core: Core::new(plant), chronicle: Chronicle::default(), refused })
}

/// `None`: it is good, but of another version or other limits, or was removed meanwhile.
fn try_one<S: Storage>(
    storage: &S,
    seq: Seq,
    plant: &Plant,
    context: &Context,
    origin: &Origin,
) -> Result<Option<(Core, Chronicle)>, String> {
    let checkpoint = match read_checkpoint(storage, seq) {
        Ok(checkpoint) => checkpoint,
        Err(ReadError::Storage(error)) if error.fault == wcs_journal::Fault::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let refuse = |reason: String| format!("{}: {reason}", checkpoint_name(seq));
    if checkpoint.genesis != origin.genesis {
        return Err(refuse("it belongs to another journal".to_owned()));
    }
    if checkpoint.context != *context {
        return Ok(None);
    }
    let record = Reader::open(storage, seq, seq).and_then(|mut reader| reader.next().transpose());
    match record {
        Ok(Some(entry)) if entry.record.hash == checkpoint.hash => {}
        Ok(_) => return Err(refuse("its state is not the one the journal recorded".to_owned())),
        Err(error) => return Err(refuse(error.to_string())),
    }
    match restore(&checkpoint) {
        Ok((core, _)) if core.plant() != plant => {
            Err(refuse("its plant is not the one of the journal".to_owned()))
        }
        came => came.map(Some).map_err(|error| refuse(error.to_string())),
    }
}
