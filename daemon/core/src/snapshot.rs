//! A snapshot is the whole state as one serialisable value. Derived look-ups are not part of it; they are built
//! anew on restore, and the state hash must come out as it was.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use wcs_types::{MonoTime, Plant, Seq, StateHash, StorageState};

use crate::alarm_rows::Alarms;
use crate::control::{Core, lane_chutes, load_hash};
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

/// Why a snapshot cannot be used.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum RestoreError {
    /// The rows do not add up to the hash they were saved with.
    #[error("snapshot of record {seq} is damaged: its rows do not add up to its hash", seq = .seq.0)]
    HashDiffers {
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
    /// The rows do not add up to the hash the snapshot carries.
    pub fn restore(snapshot: Snapshot) -> Result<Self, RestoreError> {
        let hash = snapshot.hash;
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
        };
        if core.full_hash() != hash {
            return Err(RestoreError::HashDiffers { seq: core.seq });
        }
        core.rebuild();
        Ok(core)
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
