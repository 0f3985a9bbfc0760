//! Jobs that are added to a batch while it runs. They are kept like staged ones, under the next part number, and are
//! sorted from the next scan on.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use wcs_types::batch::part_content;
use wcs_types::limits::JOBS_PER_BATCH_MAX;
use wcs_types::{Assign, BatchId, Fact, JobId, JobSpec, OrderKey, Pieces, VerbRefusal};

use crate::batches::check_jobs;
use crate::control::{Core, Turn};
use crate::rows::{BatchLife, ChuteLife};

impl Core {
    pub(crate) fn add(
        &mut self,
        turn: &mut Turn<'_>,
        batch: BatchId,
        part: u16,
        jobs: &[JobSpec],
    ) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        let row = self.batches.get(id);
        let (spec, life) = (row.spec, row.life);
        let part_hash = part_content(&spec, jobs);
        let lists = self.lists(id);
        if life != BatchLife::Staging
            && let Some(kept) = lists.parts.get(usize::from(part))
        {
            return if *kept == part_hash { Ok(()) } else { Err(VerbRefusal::PartDiffers) };
        }
        if !matches!(life, BatchLife::Running | BatchLife::Paused) {
            return Err(VerbRefusal::WrongState);
        }
        check_jobs(&spec, jobs)?;
        let (parts, first) = (lists.parts.len(), lists.jobs.len());
        if usize::from(part) != parts {
            let expected = u16::try_from(parts).map_err(|_| VerbRefusal::TooMany)?;
            return Err(VerbRefusal::PartOutOfOrder { expected });
        }
        if first + jobs.len() > JOBS_PER_BATCH_MAX {
            return Err(VerbRefusal::TooMany);
        }
        let new = self.check_orders(id, jobs)?;
        let chutes = self.free_chutes(&spec).count();
        if spec.assign != Assign::FirstScan && new > chutes {
            return Err(VerbRefusal::TooFewChutes { classes: new as u32, chutes: chutes as u32 });
        }
        let known = self.lists(id).classes.len();
        self.keep_part(id, part_hash, jobs);
        let pieces = jobs.iter().fold(Pieces(0), |sum, job| sum + job.quantity);
        let (first, count) = (JobId(first as u32), jobs.len() as u32);
        turn.out.fact(Fact::JobsAdded { batch, part, first, count, pieces });
        if spec.assign != Assign::FirstScan {
            let added: Vec<u32> = self.lists(id).classes[known..].to_vec();
            self.bind_ranked(turn, id, added);
        }
        self.renew_permit(turn, spec.line);
        Ok(())
    }

    /// Every order is new, or has a part before this one and is still open. Gives how many are new.
    fn check_orders(&self, batch: u32, jobs: &[JobSpec]) -> Result<usize, VerbRefusal> {
        let mut orders: BTreeSet<&OrderKey> = jobs.iter().map(|job| &job.order).collect();
        for class in &self.lists(batch).classes {
            let class = self.classes.get(*class);
            if !orders.remove(&class.order) {
                continue;
            }
            if class.is_cancelled {
                return Err(VerbRefusal::OrderCancelled);
            }
            let is_open = match class.chute {
                Some(chute) => self.chute(chute).life == ChuteLife::Bound,
                None => class.done < class.planned,
            };
            if !is_open {
                return Err(VerbRefusal::OrderComplete);
            }
        }
        Ok(orders.len())
    }
}
