//! Checks over whole tables: what must hold after every step. Too slow for the line, made for simulation; local
//! integrity is asserted where it is changed, in release builds too.

use alloc::collections::BTreeMap;

use wcs_types::{AlarmKey, BatchId, ChuteId, Destination, JobId, LineId, LoadKey, Pieces};

use crate::control::Core;
use crate::rows::{BatchLife, ChuteLife, LoadBelief};

/// An invariant that does not hold.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvariantBroken {
    #[error("job {job} of batch {batch}: {done} done and {in_flight} in flight of {planned} planned",
        done = done.0, in_flight = in_flight.0, planned = planned.0)]
    OverPlanned { batch: BatchId, job: JobId, planned: Pieces, done: Pieces, in_flight: Pieces },
    #[error("job {job} of batch {batch}: reservations do not add up to its loads")]
    Reservation { batch: BatchId, job: JobId },
    #[error("batch {batch}: its jobs do not add up to its totals")]
    BatchTotals { batch: BatchId },
    #[error("batch {batch} has ended with loads on the belt")]
    EndedWithLoads { batch: BatchId },
    #[error("chute {chute}: loads in flight do not add up")]
    InFlight { chute: ChuteId },
    #[error("chute {chute} and its class do not name each other")]
    Binding { chute: ChuteId },
    #[error("load {load} cannot be found by its key")]
    Unindexed { load: LoadKey },
    #[error("line {line} has a permit without a running batch that misses pieces, or against a person")]
    Permit { line: LineId },
    #[error("line {line}: uncertain loads do not add up")]
    Uncertain { line: LineId },
    #[error("alarm {code} {key:?} contradicts itself or the list", code = key.code)]
    Alarm { key: AlarmKey },
    #[error("the state hash does not describe the tables")]
    Hash,
}

impl Core {
    /// Checks every table against every other.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check_invariants(&self) -> Result<(), InvariantBroken> {
        self.check_jobs()?;
        self.check_batches()?;
        self.check_chutes()?;
        self.check_loads()?;
        self.check_lines()?;
        if let Some(key) = self.alarms.find_broken() {
            return Err(InvariantBroken::Alarm { key });
        }
        if self.full_hash() == self.state_hash() { Ok(()) } else { Err(InvariantBroken::Hash) }
    }

    fn check_jobs(&self) -> Result<(), InvariantBroken> {
        let mut reserved: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, load) in self.loads.iter() {
            if let Some(job) = load.job {
                *reserved.entry(job).or_default() += self.jobs.get(job).portion.0;
            }
        }
        for (id, row) in self.jobs.iter() {
            let (batch, job) = self.job_name(id);
            if row.done.0 + row.in_flight.0 > row.planned.0 {
                let (planned, done, in_flight) = (row.planned, row.done, row.in_flight);
                return Err(InvariantBroken::OverPlanned { batch, job, planned, done, in_flight });
            }
            if reserved.get(&id).copied().unwrap_or(0) != row.in_flight.0 {
                return Err(InvariantBroken::Reservation { batch, job });
            }
        }
        Ok(())
    }

    fn check_batches(&self) -> Result<(), InvariantBroken> {
        for (id, row) in self.batches.iter() {
            let batch = row.spec.batch;
            let lists = self.lists(id);
            let sum = |value: &dyn Fn(u32) -> u32, ids: &[u32]| ids.iter().map(|id| value(*id)).sum::<u32>();
            let totals = [
                (sum(&|job| self.jobs.get(job).planned.0, &lists.jobs), row.planned.0),
                (sum(&|job| self.jobs.get(job).done.0, &lists.jobs), row.done.0),
                (sum(&|class| self.classes.get(class).planned.0, &lists.classes), row.planned.0),
                (sum(&|class| self.classes.get(class).done.0, &lists.classes), row.done.0),
            ];
            if totals.iter().any(|(found, kept)| found != kept) {
                return Err(InvariantBroken::BatchTotals { batch });
            }
            let open = self
                .loads
                .iter()
                .filter(|(_, load)| load.job.is_some_and(|job| self.jobs.get(job).batch == id));
            let open = open.count();
            if open != row.loads_open as usize || (row.life == BatchLife::Ended && open != 0) {
                return Err(InvariantBroken::EndedWithLoads { batch });
            }
        }
        Ok(())
    }

    fn check_chutes(&self) -> Result<(), InvariantBroken> {
        let mut in_flight: BTreeMap<ChuteId, u32> = BTreeMap::new();
        for (_, load) in self.loads.iter() {
            if let Destination::Chute { chute, .. } = load.destination {
                *in_flight.entry(chute).or_default() += 1;
            }
        }
        for (chute, row) in (0_u16..).map(ChuteId).zip(self.chutes.iter().map(|(_, row)| row)) {
            if in_flight.get(&chute).copied().unwrap_or(0) != row.in_flight {
                return Err(InvariantBroken::InFlight { chute });
            }
            let is_free_and_empty =
                row.life != ChuteLife::Free || (row.class.is_none() && row.in_flight == 0);
            let is_mutual = match row.class {
                Some(class) => self.classes.find(class).is_some_and(|class| class.chute == Some(chute)),
                None => row.life != ChuteLife::Bound,
            };
            if !is_free_and_empty || !is_mutual {
                return Err(InvariantBroken::Binding { chute });
            }
        }
        Ok(())
    }

    fn check_loads(&self) -> Result<(), InvariantBroken> {
        for (id, load) in self.loads.iter() {
            if self.find_load(load.key) != Some(id) {
                return Err(InvariantBroken::Unindexed { load: load.key });
            }
        }
        Ok(())
    }

    fn check_lines(&self) -> Result<(), InvariantBroken> {
        for (line, row) in (0_u16..).map(LineId).zip(self.lines.iter().map(|(_, row)| row)) {
            let has_work = self.batches.iter().any(|(_, batch)| {
                batch.spec.line == line && batch.life == BatchLife::Running && batch.done < batch.planned
            });
            if row.permit != 0 && (!has_work || row.is_held || row.permit & row.held_inductions != 0) {
                return Err(InvariantBroken::Permit { line });
            }
            let uncertain = self
                .loads
                .iter()
                .filter(|(_, load)| load.key.line == line && load.belief == LoadBelief::Uncertain)
                .count();
            if uncertain != row.uncertain_count as usize {
                return Err(InvariantBroken::Uncertain { line });
            }
        }
        Ok(())
    }
}
