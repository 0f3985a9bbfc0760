//! Checkpoint files: a snapshot of the core behind one record, so that a start need not replay everything. They
//! only save time: a journal without checkpoints is complete. A checkpoint gets its name after its bytes are
//! durable, so one that is not valid is damage. Layout: module doc of the crate.

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{Seq, StateHash};

use crate::damage::{Damage, DamageKind, ReadError};
use crate::fields::Fields;
use crate::segment::{CONTEXT_SIZE_MAX, Context, FORMAT_VERSION, UNFINISHED};
use crate::storage::{Storage, StorageError};

/// Bytes of a snapshot. More: the checkpoint is refused.
pub const SNAPSHOT_SIZE_MAX: usize = 1024 * 1024 * 1024;
const HEADER_SIZE: usize = 56;
const MAGIC: &[u8; 8] = b"WCSCHECK";
const CHECKED_FROM: usize = 12;
/// Bytes that are written between two syncs: the disk is shared with the journal, whose commits must not wait long.
const PIECE_SIZE: usize = 1024 * 1024;
const FILE_SIZE_MAX: u64 = (HEADER_SIZE + CONTEXT_SIZE_MAX + SNAPSHOT_SIZE_MAX) as u64;

/// A snapshot of the core behind a record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Checkpoint {
    /// Last record in it. It must be durable.
    pub seq: Seq,
    /// Number of the journal.
    pub genesis: u64,
    /// What the snapshot was made under.
    pub context: Context,
    /// Hash of the state.
    pub hash: StateHash,
    /// The snapshot, encoded by the caller.
    pub body: Vec<u8>,
}

/// A checkpoint was not written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// The snapshot or its context is too large.
    #[error("the checkpoint has {size} bytes, too many")]
    TooLarge {
        /// Bytes of snapshot and context.
        size: usize,
    },
    /// The storage failed. The checkpoint may be missing; the journal is not touched.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Writes a checkpoint and makes it durable under its name.
///
/// # Errors
/// See [`CheckpointError`].
pub fn write_checkpoint<S: Storage>(storage: &S, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    let context_size = checkpoint.context.plant.len() + checkpoint.context.limits.len();
    if checkpoint.body.len() > SNAPSHOT_SIZE_MAX || context_size > CONTEXT_SIZE_MAX {
        return Err(CheckpointError::TooLarge { size: checkpoint.body.len() + context_size });
    }
    let bytes = encode(checkpoint);
    let name = checkpoint_name(checkpoint.seq);
    let unfinished = format!("{name}{UNFINISHED}");
    if storage.list()?.contains(&unfinished) {
        storage.remove(&unfinished)?;
    }
    let mut file = storage.create(&unfinished)?;
    let mut offset = 0;
    for piece in bytes.chunks(PIECE_SIZE) {
        storage.write_at(&mut file, offset, piece)?;
        storage.sync_data(&mut file)?;
        offset += piece.len() as u64;
    }
    storage.rename(&unfinished, &name)?;
    storage.sync_dir()?;
    Ok(())
}

/// Checkpoints of a journal, newest first, each read when it is asked for.
///
/// # Errors
/// The directory cannot be listed. Each item: the checkpoint is damaged or cannot be read.
pub fn read_checkpoints<S: Storage>(
    storage: &S,
) -> Result<impl Iterator<Item = Result<Checkpoint, ReadError>> + use<S>, StorageError> {
    let storage = storage.clone();
    Ok(list_checkpoints(&storage)?.into_iter().map(move |seq| read_checkpoint(&storage, seq)))
}

/// Records that have a checkpoint, newest first.
///
/// # Errors
/// The directory cannot be listed.
pub fn list_checkpoints<S: Storage>(storage: &S) -> Result<Vec<Seq>, StorageError> {
    let mut found: Vec<Seq> = storage.list()?.iter().filter_map(|name| checkpoint_of(name)).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Removes all checkpoints but the newest `keep`; returns how many were removed.
///
/// # Errors
/// The directory cannot be read or written.
pub fn prune_checkpoints<S: Storage>(storage: &S, keep: usize) -> Result<usize, StorageError> {
    let mut all = list_checkpoints(storage)?;
    let old = all.split_off(keep.min(all.len()));
    for seq in &old {
        storage.remove(&checkpoint_name(*seq))?;
    }
    if !old.is_empty() {
        storage.sync_dir()?;
    }
    Ok(old.len())
}

/// The checkpoint of one record.
///
/// # Errors
/// It is damaged, or cannot be read.
pub fn read_checkpoint<S: Storage>(storage: &S, seq: Seq) -> Result<Checkpoint, ReadError> {
    let name = checkpoint_name(seq);
    let bytes = storage.read(&name, FILE_SIZE_MAX)?;
    let damage = |kind| Damage::new(kind, &name, 0);
    let checkpoint = decode(&bytes).map_err(damage)?;
    if checkpoint.seq == seq { Ok(checkpoint) } else { Err(damage(DamageKind::BadCheckpoint).into()) }
}

fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let context = &checkpoint.context;
    let size = HEADER_SIZE + context.plant.len() + context.limits.len() + checkpoint.body.len();
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[0; 4]);
    for number in [FORMAT_VERSION, context.core_version, context.plant.len() as u32] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [checkpoint.genesis, checkpoint.seq.0, checkpoint.hash.0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&(context.limits.len() as u32).to_le_bytes());
    out.extend_from_slice(&(checkpoint.body.len() as u32).to_le_bytes());
    assert_eq!(out.len(), HEADER_SIZE);
    out.extend_from_slice(&context.plant);
    out.extend_from_slice(&context.limits);
    out.extend_from_slice(&checkpoint.body);
    let crc = crc32c::crc32c(&out[CHECKED_FROM..]);
    let crc = if is_on(Mutation::CheckpointDamaged) { !crc } else { crc };
    out[MAGIC.len()..CHECKED_FROM].copy_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<Checkpoint, DamageKind> {
    let checked = bytes.get(CHECKED_FROM..).ok_or(DamageKind::BadCheckpoint)?;
    let mut front = Fields::of(bytes);
    let magic = front.bytes(MAGIC.len());
    if magic != Some(MAGIC.as_slice()) || front.u32() != Some(crc32c::crc32c(checked)) {
        return Err(DamageKind::BadCheckpoint);
    }
    let mut fields = Fields::of(checked);
    match fields.u32() {
        Some(version) if version > FORMAT_VERSION => Err(DamageKind::NewerFormat { found: version }),
        Some(_) => decode_rest(&mut fields).ok_or(DamageKind::BadCheckpoint),
        None => Err(DamageKind::BadCheckpoint),
    }
}

fn decode_rest(fields: &mut Fields<'_>) -> Option<Checkpoint> {
    let core_version = fields.u32()?;
    let plant_size = fields.size()?;
    let (genesis, seq, hash) = (fields.u64()?, Seq(fields.u64()?), StateHash(fields.u64()?));
    let (limits_size, body_size) = (fields.size()?, fields.size()?);
    let context = Context {
        core_version,
        plant: fields.bytes(plant_size)?.to_vec(),
        limits: fields.bytes(limits_size)?.to_vec(),
    };
    let body = fields.bytes(body_size)?.to_vec();
    let is_whole = fields.bytes(1).is_none();
    is_whole.then_some(Checkpoint { seq, genesis, context, hash, body })
}

/// File name of the checkpoint of a record.
pub fn checkpoint_name(seq: Seq) -> String {
    format!("checkpoint-{:020}.wcsc", seq.0)
}

/// Record of a checkpoint file; `None` for any other file.
pub(crate) fn checkpoint_of(name: &str) -> Option<Seq> {
    let seq = Seq(name.strip_prefix("checkpoint-")?.strip_suffix(".wcsc")?.parse().ok()?);
    (checkpoint_name(seq) == name).then_some(seq)
}
