//! A batch as it is handed to the core: how loads are identified, how classes get chutes, and the jobs. The
//! content is frozen at start; a hash over it makes the start idempotent.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::hash::StateHasher;
use crate::ids::{BatchId, ChuteId, LineId};
use crate::limits::JOBS_PER_PART_MAX;
use crate::units::Pieces;

/// Kind of work of a batch. Append only.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum BatchKind {
    /// Sort loads of a line into chutes by class.
    Sort,
}

/// How a scanned code becomes a job.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Identify {
    /// One label is one load is one line portion with its quantity.
    Lpn,
    /// Any barcode of the sku; each load is one piece.
    Sku,
}

/// How classes get their chutes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Assign {
    /// At start: the class with the most pieces gets the first chute, and so on.
    Volume,
    /// At the first scan of a class: the lowest free chute.
    FirstScan,
    /// At start: by a table that was handed over with the batch (`Verb::StageTable`).
    Fixed,
}

/// An order: number and owner together are the key.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct OrderKey {
    /// Owner of the goods; `-` when there is only one.
    pub owner: String,
    /// Number of the order with that owner.
    pub number: String,
}

/// An article: code and owner together are the key.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SkuKey {
    /// Owner of the goods; `-` when there is only one.
    pub owner: String,
    /// Code of the article with that owner.
    pub code: String,
}

/// One planned sort: pieces of one sku for one order. The class of a sort job is its order.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct JobSpec {
    /// The order the pieces are for.
    pub order: OrderKey,
    /// Line number inside the order (ordinal of the row where the source has none).
    pub line_no: u32,
    /// The article.
    pub sku: SkuKey,
    /// Pieces planned; at least 1.
    pub quantity: Pieces,
    /// Codes that identify a load of this job: the label (lpn) or the barcodes of the sku.
    pub codes: Vec<Code>,
    /// Larger goes first.
    pub priority: u8,
    /// Unix seconds by which the order is due; 0 when it has no due time.
    pub due_at: u64,
}

/// What a batch is, apart from its jobs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct BatchSpec {
    /// The batch.
    pub batch: BatchId,
    /// The line it runs on.
    pub line: LineId,
    /// Kind of work.
    pub kind: BatchKind,
    /// How loads are identified.
    pub identify: Identify,
    /// How classes get chutes.
    pub assign: Assign,
    /// How many of the line's order chutes it may use, lowest first; 0 means all.
    pub chute_limit: u16,
}

/// Hash of one staged part.
pub fn part_content(spec: &BatchSpec, jobs: &[JobSpec]) -> u64 {
    let mut hasher = StateHasher::new(1);
    spec.hash(&mut hasher);
    for job in jobs {
        job.hash(&mut hasher);
    }
    hasher.finish()
}

/// Hash of one staged part of a table.
pub fn table_content(pairs: &[(OrderKey, ChuteId)]) -> u64 {
    let mut hasher = StateHasher::new(10);
    for pair in pairs {
        pair.hash(&mut hasher);
    }
    hasher.finish()
}

/// Content of a batch with its table, staged in parts of [`JOBS_PER_PART_MAX`] pairs behind the jobs.
pub fn batch_content_with_table(spec: &BatchSpec, jobs: &[JobSpec], table: &[(OrderKey, ChuteId)]) -> u64 {
    let parts = table.chunks(JOBS_PER_PART_MAX);
    parts.fold(batch_content(spec, jobs), |content, part| chain_content(content, table_content(part)))
}

/// Content of a batch after one more part.
pub fn chain_content(content: u64, part: u64) -> u64 {
    let mut hasher = StateHasher::new(9);
    (content, part).hash(&mut hasher);
    hasher.finish()
}

/// Content of a whole batch, staged in parts of [`JOBS_PER_PART_MAX`]: what `Verb::Start` must carry. The core
/// refuses to start another content.
pub fn batch_content(spec: &BatchSpec, jobs: &[JobSpec]) -> u64 {
    jobs.chunks(JOBS_PER_PART_MAX).fold(0, |content, part| chain_content(content, part_content(spec, part)))
}
