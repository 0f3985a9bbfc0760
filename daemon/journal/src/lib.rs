//! The journal: what the equipment did and what was decided, on disk before anyone is told.
//!
//! This page is the specification. It knows records as bytes with a sequence; what they mean belongs to the core.
//!
//! # Constraints
//! 1. A record that [`Writer::sync`] reported durable is read back, byte for byte, after any failure of process,
//!    operating system or power with an intact disk.
//! 2. After recovery the journal is a prefix of what was appended, and everything in it is durable.
//! 3. Bytes that are not what was written are found, and their position is named. Nothing is repaired, nothing is
//!    passed over: whoever opens a damaged journal gets [`Damage`] and starts no line.
//! 4. One writer at a time: the directory is locked, and every writer has a larger epoch than all before it.
//! 5. Batch n + 1 is written only after batch n is durable. So at most one batch can be torn: the last.
//!
//! # Files of a journal directory
//! | name | content |
//! |---|---|
//! | `segment-00000001.wcsj` | a header, then frames; numbers grow, some may be skipped |
//! | `checkpoint-00000000000000000042.wcsc` | snapshot of the core behind record 42 |
//! | `*.tmp` | not finished; removed at open |
//! | `lock` | lock of the writing process, with its id |
//!
//! All numbers are little endian. Checksums are CRC-32C.
//!
//! ## Segment header
//! | byte | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `WCSJOURN` |
//! | 8 | 4 | checksum of bytes 12 up to the end of the header |
//! | 12 | 4 | size of the header with plant, limits and padding; a multiple of 8 |
//! | 16 | 4 | format version, 1 |
//! | 20 | 4 | `core_version` of the core that made the records |
//! | 24 | 4 | segment number, as in the name |
//! | 28 | 4 | writer epoch |
//! | 32 | 8 | genesis: random number of the journal |
//! | 40 | 8 | founded: everything before this offset was durable before the segment got its name |
//! | 48 | 4 | previous: segment in which the journal ends before this one; 0 = it begins here, batch and record are 0 |
//! | 52 | 4 | previous: 1 = only zeros were written behind that end, 0 = what lies there is ignored |
//! | 56 | 8 | previous: offset of the end |
//! | 64 | 8 | previous: last batch |
//! | 72 | 8 | previous: last record |
//! | 80 | 8 | previous: core time of the last record, ns |
//! | 88 | 8 | previous: wall clock then, ms since 1970, 0 = unknown |
//! | 96 | 4 | bytes of the plant |
//! | 100 | 4 | bytes of the limits |
//! | 104 | | plant, limits, zeros up to a multiple of 8 |
//!
//! Magic, checksum, size and version keep their places in every version of the format.
//!
//! ## Frame
//! Starts at a multiple of 8. Both checksums start from the segment number instead of 0.
//!
//! | byte | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `WCSBATCH`, or `WCSSEAL` and a line feed |
//! | 8 | 4 | checksum of bytes 12 to 63 |
//! | 12 | 4 | checksum of the body with its padding |
//! | 16 | 4 | bytes of the body without padding |
//! | 20 | 4 | number of records; 0 in a seal |
//! | 24 | 8 | batch number, from 1, no gaps; in a seal the last one |
//! | 32 | 8 | first record; in a seal the one that would come next |
//! | 40 | 8 | core time of the last record, ns |
//! | 48 | 8 | wall clock then, ms since 1970, 0 = unknown |
//! | 56 | 4 | segment number |
//! | 60 | 4 | writer epoch |
//! | 64 | | body: per record 4 bytes length, 1 byte kind, 1 byte version, postcard; zeros up to a multiple of 8 |
//!
//! Behind the last frame lie zeros (reserved room).
//!
//! ## Checkpoint
//! | byte | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `WCSCHECK` |
//! | 8 | 4 | checksum of bytes 12 up to the end of the file |
//! | 12 | 4 | format version |
//! | 16 | 4 | `core_version` |
//! | 20 | 4 | bytes of the plant |
//! | 24 | 8 | genesis |
//! | 32 | 8 | last record in it |
//! | 40 | 8 | state hash |
//! | 48 | 4 | bytes of the limits |
//! | 52 | 4 | bytes of the snapshot |
//! | 56 | | plant, limits, snapshot |
//!
//! ## Part of an index
//! In a directory of its own, beside the journal: `part-00000000000000000001-00000000000000008192.wcsi` says for keys in
//! which records of that range they occur. What a key means is known by whoever makes them; `keys` says by which rule.
//! An index is no part of the journal: what is missing or not valid is made again, and what it says is held against
//! the records.
//! | byte | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `WCSINDEX` |
//! | 8 | 4 | checksum of bytes 12 up to the first block |
//! | 12 | 4 | format version |
//! | 16 | 4 | rule of the keys |
//! | 20 | 4 | number of batches |
//! | 24 | 8 | genesis |
//! | 32 | 8 | first record |
//! | 40 | 8 | last record |
//! | 48 | 8 | number of entries |
//! | 56 | | per batch, some are left out: first record 8, number 8, offset 8, segment 4 |
//! | | | per block: first key 8, checksum 4 |
//! | | | blocks of 512 entries, the last one shorter: key 8, record behind the first 4; ascending |
//!
//! # Order of operations
//! - **Commit**: reserve room if needed, write the frame behind the last one, `fdatasync`.
//! - **Found a segment**: create it under an unfinished name, write header and first frame, reserve room,
//!   `fdatasync`, rename, `fsync` of the directory. A segment is founded when the journal is opened, when a batch
//!   does not fit, after a failure, and for the seal.
//! - **Failure** of any operation on a segment: the file is never touched again. The batch stays in memory and is
//!   the first frame of a new segment, whose header names the last batch that is certain as the end of the old one.
//!   A segment whose name may not be durable is named by no later header: it is void.
//! - **Seal**: a segment of its own with a seal as its only frame, and no reserved room. Being founded with it, it
//!   is there whole or not at all, so in a sealed journal no bad byte can be taken for a torn write.
//! - **Open** of a journal that was not sealed: its last batch may exist only in the page cache of a file whose sync
//!   failed. It is founded anew as the first frame of the next segment (under the context it was made in; if the
//!   context changed, one more segment follows).
//! - **Checkpoint**: unfinished name, write and `fdatasync` piece by piece, rename, `fsync` of the directory. The
//!   pieces are small, so that a commit of the journal never waits behind a whole snapshot.
//!
//! # Recovery, case by case
//! The chain is followed from the segment with the largest number back to the one that begins the journal.
//!
//! | case | found | is |
//! |---|---|---|
//! | clean end | zeros behind the last frame of the newest segment | whole |
//! | torn tail | last frame of the newest segment not valid, no valid frame header behind it | torn: [`TornTail`], kept up to there |
//! | sealed | newest segment holds a seal | whole, nothing was in flight |
//! | void segment | no later header names it | ignored, listed |
//! | behind a given-up end | anything behind an end that the next header marks so | ignored |
//! | unfinished file | `*.tmp` | removed |
//! | context changed | `core_version`, plant or limits differ | a difference: [`ContextChange`] |
//! | bad header | a segment header not valid, or shorter than it says | [`DamageKind::BadHeader`] |
//! | newer format | header version above 1 | [`DamageKind::NewerFormat`] |
//! | renamed segment | header names another segment than the file | [`DamageKind::WrongSegment`] |
//! | foreign segment | header of another genesis | [`DamageKind::ForeignGenesis`] |
//! | missing segment | a header names one that is not there | [`DamageKind::MissingSegment`] |
//! | bad batch | frame not valid, with a valid header behind it, or before an end that a later header names, or among founded bytes | [`DamageKind::BadFrame`] |
//! | gap | valid frame of the wrong batch, record or writer | [`DamageKind::BatchGap`], [`DamageKind::SequenceGap`], [`DamageKind::WrongEpoch`] |
//! | wrong end | frames do not end where the next header says, or the file is shorter | [`DamageKind::EndDiffers`] |
//! | stray bytes | not zero behind a clean end, or behind a seal | [`DamageKind::StrayBytes`] |
//! | short journal | a checkpoint of a record beyond the end | [`DamageKind::RecordsMissing`] |
//! | bad record | valid frame, but a record does not decode or has another sequence (reading and [`verify()`]) | [`DamageKind::BadRecord`], [`DamageKind::WrongRecord`] |
//! | bad checkpoint | checkpoint not valid (reading checkpoints and [`verify()`]) | [`DamageKind::BadCheckpoint`] |
//! | foreign checkpoint | checkpoint of another genesis ([`verify()`]) | [`DamageKind::ForeignGenesis`] |
//!
//! A start that restores a checkpoint does not read the older segments again (`Options::trusted`), only their headers.
//! A checkpoint that is damaged is said, and is no reason not to start: the records are all there.
//!
//! Not to be seen from inside: newest segments that are gone as a whole. The acknowledgement echo of a PLC, the
//! position of the store, or a checkpoint tells.
#![forbid(unsafe_code)]

mod batch;
mod chain;
mod checkpoint;
mod cursor;
mod damage;
mod disk;
mod fields;
mod file;
mod frame;
mod inspection;
mod lock;
mod lookup;
mod memory;
mod opening;
mod origin;
mod reader;
mod record;
mod recovery;
mod segment;
mod storage;
mod verify;
mod walk;
mod writer;

pub use batch::{BATCH_SIZE_MAX, Batch, Stamp};
pub use checkpoint::{
    Checkpoint, CheckpointError, SNAPSHOT_SIZE_MAX, checkpoint_name, list_checkpoints, prune_checkpoints,
    read_checkpoint, read_checkpoints, write_checkpoint,
};
pub use damage::{Damage, DamageKind, ReadError};
pub use disk::{Fate, LOG_ENTRIES_MAX, LogEntry, MemoryFile, Unsynced};
pub use file::{FileStorage, OpenFile};
pub use inspection::{Inspection, inspect};
pub use lock::{DirectoryLock, LOCK_NAME};
pub use lookup::{Part, PartBuilder, Parts, merge_parts};
pub use memory::MemoryStorage;
pub use opening::{ContextChange, OpenError, Opened, Options, open};
pub use origin::{Ending, Origin, find_end_from};
pub use reader::{Entry, FramePlace, Position, Reader};
pub use record::{DecodeError, KIND_RECORD, VERSION_RECORD, decode_record, encode_record};
pub use recovery::{Recovered, SegmentSummary, TornTail, recover};
pub use segment::{CONTEXT_SIZE_MAX, Context, FORMAT_VERSION};
pub use storage::{Action, Fault, Storage, StorageError};
pub use verify::{VerifyReport, verify};
pub use writer::{AppendError, Room, SyncError, Writer};
