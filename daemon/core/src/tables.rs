//! The table of a batch whose chutes are fixed beforehand: staged in parts behind the jobs, part of the content, checked
//! whole at the start. Serpentine, rules and whatever else people think of are such tables, made elsewhere.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use wcs_types::batch::{chain_content, table_content};
use wcs_types::limits::{JOBS_PER_BATCH_MAX, JOBS_PER_PART_MAX};
use wcs_types::{Assign, BatchId, ChuteId, OrderKey, VerbRefusal};

use crate::control::{Core, Turn};
use crate::rows::BatchLife;

impl Core {
    pub(crate) fn stage_table(
        &mut self,
        batch: BatchId,
        part: u16,
        pairs: &[(OrderKey, ChuteId)],
    ) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        let part_hash = table_content(pairs);
        let row = self.batches.get(id);
        let lists = self.lists(id);
        if let Some(staged) = lists.table_parts.get(usize::from(part)) {
            return if *staged == part_hash { Ok(()) } else { Err(VerbRefusal::PartDiffers) };
        }
        if row.life != BatchLife::Staging || row.spec.assign != Assign::Fixed {
            return Err(VerbRefusal::WrongState);
        }
        if pairs.len() > JOBS_PER_PART_MAX || lists.table.len() + pairs.len() > JOBS_PER_BATCH_MAX {
            return Err(VerbRefusal::TooMany);
        }
        if usize::from(part) != lists.table_parts.len() {
            let expected = u16::try_from(lists.table_parts.len()).map_err(|_| VerbRefusal::TooMany)?;
            return Err(VerbRefusal::PartOutOfOrder { expected });
        }
        let lists = self.batch_lists[id as usize].as_mut().expect("a batch has its lists while it exists");
        lists.table_parts.push(part_hash);
        lists.table.extend_from_slice(pairs);
        self.batches.edit(id, |row| row.content = chain_content(row.content, part_hash));
        Ok(())
    }

    /// The chute of each class of a batch, in the order of its classes, when all of them can be had.
    pub(crate) fn check_table(&self, batch: u32) -> Result<Vec<ChuteId>, VerbRefusal> {
        let (spec, lists) = (self.batches.get(batch).spec, self.lists(batch));
        let mut named = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (order, chute) in &lists.table {
            if named.insert(order, *chute).is_some() || !taken.insert(*chute) {
                return Err(VerbRefusal::TwiceInTable { chute: *chute });
            }
        }
        let classes = lists.classes.iter().map(|class| named.get(&self.classes.get(*class).order).copied());
        let chutes: Vec<ChuteId> = classes.flatten().collect();
        if chutes.len() < lists.classes.len() {
            return Err(VerbRefusal::NotInTable { classes: (lists.classes.len() - chutes.len()) as u32 });
        }
        let free: BTreeSet<ChuteId> = self.free_chutes(&spec).collect();
        match chutes.iter().find(|chute| !free.contains(chute)) {
            Some(chute) => Err(VerbRefusal::ChuteNotFree { chute: *chute }),
            None => Ok(chutes),
        }
    }

    /// Binds every class of a batch that is being started to the chute of its table.
    pub(crate) fn bind_by_table(&mut self, turn: &mut Turn<'_>, batch: u32, chutes: &[ChuteId]) {
        let classes = self.lists(batch).classes.clone();
        assert!(classes.len() == chutes.len(), "the table was checked against the classes");
        for (class, chute) in classes.into_iter().zip(chutes) {
            self.bind(
                turn,
                class,
                Some(*chute).filter(|chute| self.is_offered(*chute)),
                heapless::Vec::new(),
            );
        }
    }

    /// A started batch needs its table no more; what was in it stays known by its hash.
    pub(crate) fn drop_table(&mut self, batch: u32) {
        let lists = self.batch_lists[batch as usize].as_mut().expect("a batch has its lists while it exists");
        lists.table = Vec::new();
    }
}
