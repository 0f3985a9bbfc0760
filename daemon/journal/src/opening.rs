//! Opens a journal for writing: recover, then go on in a new segment.
//!
//! The last batch of a journal that was not sealed may have been read from the page cache without being on disk,
//! and its file may be one whose sync failed. So it is never relied on where it lies: it is written again as the
//! first frame of the new segment, whose header names the batch before it as the end of the old one.

use wcs_types::Seq;
use wcs_types::mutation::{Mutation, is_on};

use crate::chain::Link;
use crate::checkpoint::checkpoint_of;
use crate::cursor::SegmentCursor;
use crate::damage::{Damage, DamageKind, ReadError};
use crate::recovery::{Findings, Recovered, find_end};
use crate::segment::{CONTEXT_SIZE_MAX, Context, Mark, UNFINISHED};
use crate::storage::{Storage, StorageError};
use crate::walk::Walk;
use crate::writer::{Founding, Identity, Room, Writer};

/// How to open a journal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// Room of segments.
    pub room: Room,
    /// Number of the journal, used if it begins now. Random, so that segments of two journals never mix.
    pub genesis: u64,
    /// Segments that end at or before this record are not read, only their headers: for a caller that starts
    /// from a checkpoint. `NONE` reads everything.
    pub trusted: Seq,
}

/// An open journal.
pub struct Opened<S: Storage> {
    /// Goes on behind the last record.
    pub writer: Writer<S>,
    /// What was found.
    pub recovered: Recovered,
    /// The journal was written under another context than this one.
    pub context_changed: Option<ContextChange>,
}

/// What differs from the context of the newest segment. A difference, not damage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContextChange {
    /// Core version found, where it differs.
    pub core_version: Option<u32>,
    /// Another plant.
    pub is_plant_changed: bool,
    /// Other limits.
    pub are_limits_changed: bool,
}

impl ContextChange {
    /// The difference from `found` to `wanted`, if there is one.
    pub fn between(found: &Context, wanted: &Context) -> Option<Self> {
        (found != wanted).then(|| Self {
            core_version: (found.core_version != wanted.core_version).then_some(found.core_version),
            is_plant_changed: found.plant != wanted.plant,
            are_limits_changed: found.limits != wanted.limits,
        })
    }
}

/// A journal was not opened. Nothing was changed if it is damaged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It is damaged: restore it from a backup or a standby; do not start a line.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Plant and limits are too large for a segment header.
    #[error("plant and limits have {size} bytes, more than {CONTEXT_SIZE_MAX}")]
    ContextTooLarge {
        /// Their bytes.
        size: usize,
    },
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damage(damage) => Self::Damage(damage),
            ReadError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Opens the journal in `storage`, or begins one in an empty directory. Everything recovered is durable when this
/// returns.
///
/// # Errors
/// The journal is damaged, the storage failed, or the context is too large. See [`OpenError`].
pub fn open<S: Storage>(storage: S, context: Context, options: Options) -> Result<Opened<S>, OpenError> {
    let size = context.plant.len() + context.limits.len();
    if size > CONTEXT_SIZE_MAX {
        return Err(OpenError::ContextTooLarge { size });
    }
    let Findings { recovered, newest } = find_end(&storage, options.trusted)?;
    if let Some(torn) = recovered.torn.as_ref().filter(|_| is_on(Mutation::TornRefused)) {
        return Err(Damage::new(DamageKind::BadFrame, &torn.file, torn.offset).into());
    }
    let names = storage.list()?;
    check_not_short(&names, recovered.last_seq)?;
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        storage.remove(name)?;
    }
    let Some((link, walk)) = newest else {
        let identity = Identity { genesis: options.genesis, epoch: 1, context };
        let mut writer = Writer::new(storage, options.room, identity, 1, Mark::default());
        writer.found(Founding::Empty)?;
        return Ok(Opened { writer, recovered, context_changed: None });
    };
    let context_changed = ContextChange::between(&link.header.context, &context);
    let writer = go_on(storage, context, options.room, &link, &walk, recovered.was_sealed)?;
    assert_eq!(writer.durable_seq(), recovered.last_seq, "the writer goes on where recovery ended");
    Ok(Opened { writer, recovered, context_changed })
}

/// A checkpoint is written only for a durable record: one beyond the end means that the end is gone.
fn check_not_short(names: &[String], last: Seq) -> Result<(), Damage> {
    let newest = names.iter().filter_map(|name| checkpoint_of(name).map(|seq| (seq, name))).max();
    match newest {
        Some((seq, name)) if seq > last => {
            Err(Damage::new(DamageKind::RecordsMissing { first: last.next() }, name, 0))
        }
        _ => Ok(()),
    }
}

/// Founds the segment that continues a journal.
fn go_on<S: Storage>(
    storage: S,
    context: Context,
    room: Room,
    newest: &Link,
    walk: &Walk,
    was_sealed: bool,
) -> Result<Writer<S>, OpenError> {
    let header = &newest.header;
    let next_segment = header.segment + 1;
    let mut identity =
        Identity { genesis: header.genesis, epoch: header.epoch + 1, context: header.context.clone() };
    let again = walk.last.filter(|_| !was_sealed);
    let Some(frame) = again else {
        // Nothing in this segment but perhaps a seal: the journal ends where it did before.
        identity.context = context;
        let mut writer = Writer::new(storage, room, identity, next_segment, header.previous);
        writer.found(Founding::Empty)?;
        return Ok(writer);
    };
    // With a single batch in it, nothing of this segment is needed any more.
    let durable = if walk.batches == 1 { header.previous } else { walk.before };
    let mut cursor = SegmentCursor::open(&storage, header.segment)?;
    let offset = walk.before.end;
    let body = cursor.body(offset, &frame)?.to_vec();
    if body.len() != frame.body_size as usize {
        return Err(Damage::new(DamageKind::BadFrame, cursor.name(), offset).into());
    }
    let mut writer = Writer::new(storage, room, identity, next_segment, durable);
    writer.adopt(frame.first, frame.count, frame.stamp, &body);
    // Under the context it was made in: its hash means nothing under another.
    writer.found(Founding::Batch)?;
    if header.context != context {
        writer.set_context(context);
        writer.found(Founding::Empty)?;
    }
    Ok(writer)
}
