//! A snapshot is the whole state as one serialisable value. Derived look-ups are not part of it; they are built
//! anew on restore, and the state hash must come out as it was.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use wcs_types::{ChuteSpec, MonoTime, Plant, Seq, StateHash, StorageState};

use crate::alarm_rows::Alarms;
use crate::control::{
    Core, KIND_BATCH, KIND_CHUTE, KIND_CLASS, KIND_JOB, KIND_LANE, KIND_LINE, KIND_LISTING, KIND_LOAD,
    KIND_STALL, lane_chutes, load_hash,
};
use crate::ended::Ended;
use crate::identify::Codes;
use crate::index::Index;
use crate::rows::{
    BatchLists, BatchRow, ChuteRow, ClassRow, JobRow, JobText, LaneRow, LineRow, ListingRow, LoadRow,
};
use crate::stall::StallRow;
use crate::table::Table;

/// The whole state of a core.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Snapshot {
    plant: Plant,
    seq: Seq,
    now: MonoTime,
    storage: StorageState,
    lines: Table<LineRow>,
    lanes: Table<LaneRow>,
    chutes: Table<ChuteRow>,
    batches: Table<BatchRow>,
    classes: Table<ClassRow>,
    jobs: Table<JobRow>,
    loads: Table<LoadRow>,
    ended: Ended,
    alarms: Alarms,
    stall: Table<StallRow>,
    listings: Table<ListingRow>,
    job_texts: Vec<Option<JobText>>,
    batch_lists: Vec<Option<BatchLists>>,
    hash: StateHash,
}

impl Snapshot {
    /// The hash covers the rows of lines and chutes, not the plant they were made from.
    fn are_chutes_of_plant(&self) -> bool {
        let lines = self.plant.lines.len();
        let is_of = |row: &ChuteRow, spec: &ChuteSpec| {
            row.line == spec.line
                && row.kind == spec.kind
                && row.lanes == spec.lanes
                && usize::from(spec.line.0) < lines
        };
        // Counted row by row: that the free ids fit the rows is only looked at later.
        self.lines.iter().count() == lines
            && self.chutes.iter().count() == self.plant.chutes.len()
            && self.chutes.iter().zip(&self.plant.chutes).all(|((_, row), spec)| is_of(row, spec))
    }
}

/// Why a snapshot cannot be used.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum RestoreError {
    /// The rows do not add up to the hash they were saved with.
    #[error("snapshot of record {seq} is damaged: its rows do not add up to its hash", seq = .seq.0)]
    HashDiffers {
        /// Record the snapshot was taken at.
        seq: Seq,
    },
    /// What the hash does not cover (lists, texts, free rows) does not fit the rows.
    #[error("snapshot of record {seq} is damaged: its lists do not fit its rows", seq = .seq.0)]
    Unconnected {
        /// Record the snapshot was taken at.
        seq: Seq,
    },
}

impl Core {
    /// The state as a value.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            plant: self.plant.clone(),
            seq: self.seq,
            now: self.now,
            storage: self.storage,
            lines: self.lines.clone(),
            lanes: self.lanes.clone(),
            chutes: self.chutes.clone(),
            batches: self.batches.clone(),
            classes: self.classes.clone(),
            jobs: self.jobs.clone(),
            loads: self.loads.clone(),
            ended: self.ended.clone(),
            alarms: self.alarms.clone(),
            stall: self.stall.clone(),
            listings: self.listings.clone(),
            job_texts: self.job_texts.clone(),
            batch_lists: self.batch_lists.clone(),
            hash: self.state_hash(),
        }
    }

    /// A core in the state of a snapshot.
    ///
    /// # Errors
    /// The rows do not add up to the hash the snapshot carries, or what this hash does not cover does not fit them.
    pub fn restore(snapshot: Snapshot) -> Result<Self, RestoreError> {
        let hash = snapshot.hash;
        if !snapshot.are_chutes_of_plant() {
            return Err(RestoreError::Unconnected { seq: snapshot.seq });
        }
        let mut core = Self {
            lane_chutes: lane_chutes(&snapshot.plant),
            plant: snapshot.plant,
            seq: snapshot.seq,
            now: snapshot.now,
            storage: snapshot.storage,
            lines: snapshot.lines,
            lanes: snapshot.lanes,
            chutes: snapshot.chutes,
            batches: snapshot.batches,
            classes: snapshot.classes,
            jobs: snapshot.jobs,
            loads: snapshot.loads,
            ended: snapshot.ended,
            alarms: snapshot.alarms,
            stall: snapshot.stall,
            listings: snapshot.listings,
            job_texts: snapshot.job_texts,
            batch_lists: snapshot.batch_lists,
            batch_ids: alloc::collections::BTreeMap::new(),
            load_index: Index::default(),
            codes: Codes::default(),
            offer: None,
        };
        if core.full_hash() != hash {
            return Err(RestoreError::HashDiffers { seq: core.seq });
        }
        if !core.are_tables_sound() || !core.are_lists_of_rows() {
            return Err(RestoreError::Unconnected { seq: core.seq });
        }
        core.rebuild();
        Ok(core)
    }

    fn are_tables_sound(&self) -> bool {
        self.lines.is_sound(KIND_LINE)
            && self.lanes.is_sound(KIND_LANE)
            && self.chutes.is_sound(KIND_CHUTE)
            && self.batches.is_sound(KIND_BATCH)
            && self.classes.is_sound(KIND_CLASS)
            && self.jobs.is_sound(KIND_JOB)
            && self.loads.is_sound(KIND_LOAD)
            && self.stall.is_sound(KIND_STALL)
            && self.listings.is_sound(KIND_LISTING)
            && self.ended.is_sound()
            && self.alarms.hash() == self.alarms.full_hash()
    }

    /// Every batch has its lists and every job its text; every job and class stands in its place in the lists of its
    /// batch, and nothing else does.
    fn are_lists_of_rows(&self) -> bool {
        let lists_of = |batch: u32| self.batch_lists.get(batch as usize)?.as_ref();
        let has_text = |job: u32| self.job_texts.get(job as usize).is_some_and(Option::is_some);
        let is_job_listed = |(id, row): (u32, &JobRow)| {
            let listed = lists_of(row.batch).and_then(|lists| lists.jobs.get(row.index as usize));
            has_text(id) && listed == Some(&id)
        };
        let is_class_listed = |(id, row): (u32, &ClassRow)| {
            lists_of(row.batch).and_then(|lists| lists.classes.get(row.index as usize)) == Some(&id)
        };
        let listed =
            |count: &dyn Fn(&BatchLists) -> usize| self.batch_lists.iter().flatten().map(count).sum();
        self.batches.iter().all(|(id, _)| lists_of(id).is_some())
            && self.jobs.iter().all(is_job_listed)
            && self.classes.iter().all(is_class_listed)
            && self.batches.count() == self.batch_lists.iter().flatten().count()
            && self.jobs.count() == self.job_texts.iter().flatten().count()
            && self.jobs.count() == listed(&|lists| lists.jobs.len())
            && self.classes.count() == listed(&|lists| lists.classes.len())
    }

    fn rebuild(&mut self) {
        self.batch_ids = self.batches.iter().map(|(id, row)| (row.spec.batch, id)).collect();
        for (id, load) in self.loads.iter() {
            self.load_index.insert(load_hash(load.key), id);
        }
        self.ended.rebuild();
        self.alarms.rebuild();
        // Codes list their jobs in the order of staging: batch by batch, job by job.
        for lists in self.batch_lists.iter().flatten() {
            for job in &lists.jobs {
                let text =
                    self.job_texts[*job as usize].as_ref().expect("a job has its text while it exists");
                for code in &text.codes {
                    self.codes.add(code, *job);
                }
            }
        }
    }

    /// The state hash, computed anew from every row.
    pub(crate) fn full_hash(&self) -> StateHash {
        let mut hash = StateHash(self.seq.0);
        for part in [
            self.lines.full_hash(),
            self.lanes.full_hash(),
            self.chutes.full_hash(),
            self.batches.full_hash(),
            self.classes.full_hash(),
            self.jobs.full_hash(),
            self.loads.full_hash(),
            self.ended.full_hash(),
            self.alarms.full_hash(),
            self.stall.full_hash(),
            self.listings.full_hash(),
        ] {
            hash.add(part);
        }
        hash
    }
}
