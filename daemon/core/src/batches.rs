//! Life of a batch: staged in parts, started once, paused and resumed, closed. A start is idempotent by its
//! token and refused when what was staged is not what the caller believes. Jobs that are added to a running batch
//! stand in `additions.rs`, what is taken back in `cancels.rs`, its table of chutes in `tables.rs`.

use alloc::collections::BTreeMap;

use wcs_types::batch::{chain_content, part_content};
use wcs_types::limits::{
    BATCHES_OPEN_MAX, CODES_PER_JOB_MAX, JOBS_PER_BATCH_MAX, JOBS_PER_PART_MAX, PIECES_PER_LINE_MAX,
};
use wcs_types::{
    Assign, BatchId, BatchSpec, Fact, Identify, JobSpec, OrderKey, Pieces, StartToken, VerbRefusal,
};

use crate::control::{Core, Turn};
use crate::rows::{BatchLife, BatchLists, BatchRow, ClassRow, JobRow, JobText};

impl Core {
    pub(crate) fn stage(&mut self, spec: &BatchSpec, part: u16, jobs: &[JobSpec]) -> Result<(), VerbRefusal> {
        if !self.has_line(spec.line) {
            return Err(VerbRefusal::UnknownLine);
        }
        check_jobs(spec, jobs)?;
        let part_hash = part_content(spec, jobs);
        if let Some(batch) = self.batch_ids.get(&spec.batch).copied() {
            let lists = self.lists(batch);
            if let Some(staged) = lists.parts.get(usize::from(part)) {
                return if *staged == part_hash { Ok(()) } else { Err(VerbRefusal::PartDiffers) };
            }
            let row = self.batches.get(batch);
            if row.life != BatchLife::Staging || row.spec != *spec || !lists.table_parts.is_empty() {
                return Err(VerbRefusal::WrongState);
            }
            if lists.jobs.len() + jobs.len() > JOBS_PER_BATCH_MAX {
                return Err(VerbRefusal::TooMany);
            }
        }
        let expected = self.batch_ids.get(&spec.batch).map_or(0, |batch| self.lists(*batch).parts.len());
        if usize::from(part) != expected {
            let expected = u16::try_from(expected).expect("a batch has fewer parts than jobs");
            return Err(VerbRefusal::PartOutOfOrder { expected });
        }
        let batch = match self.batch_ids.get(&spec.batch) {
            Some(batch) => *batch,
            None => self.open_batch(spec)?,
        };
        self.keep_part(batch, part_hash, jobs);
        Ok(())
    }

    fn open_batch(&mut self, spec: &BatchSpec) -> Result<u32, VerbRefusal> {
        self.forget_ended(spec.line);
        if self.batches.count() >= BATCHES_OPEN_MAX {
            return Err(VerbRefusal::TooMany);
        }
        let batch = self.batches.insert(BatchRow {
            spec: *spec,
            life: BatchLife::Staging,
            is_forced: false,
            token: StartToken(0),
            content: 0,
            planned: Pieces(0),
            done: Pieces(0),
            loads_open: 0,
        });
        self.batch_lists.resize_with(self.batch_lists.len().max(batch as usize + 1), || None);
        self.batch_lists[batch as usize] = Some(BatchLists::default());
        self.batch_ids.insert(spec.batch, batch);
        Ok(batch)
    }

    pub(crate) fn keep_part(&mut self, batch: u32, part_hash: u64, jobs: &[JobSpec]) {
        let spec = self.batches.get(batch).spec;
        let mut lists =
            self.batch_lists[batch as usize].take().expect("a batch has its lists while it exists");
        let mut classes: BTreeMap<OrderKey, u32> =
            lists.classes.iter().map(|class| (self.classes.get(*class).order.clone(), *class)).collect();
        let mut planned = Pieces(0);
        for job in jobs {
            let class = *classes.entry(job.order.clone()).or_insert_with(|| {
                let class = self.classes.insert(ClassRow {
                    batch,
                    index: lists.classes.len() as u32,
                    order: job.order.clone(),
                    planned: Pieces(0),
                    done: Pieces(0),
                    chute: None,
                    is_cancelled: false,
                });
                lists.classes.push(class);
                class
            });
            self.classes.edit(class, |row| row.planned += job.quantity);
            planned += job.quantity;
            let id = self.insert_job(batch, class, lists.jobs.len() as u32, &spec, job);
            lists.jobs.push(id);
        }
        lists.parts.push(part_hash);
        self.batch_lists[batch as usize] = Some(lists);
        self.batches.edit(batch, |row| {
            row.planned += planned;
            row.content = chain_content(row.content, part_hash);
        });
    }

    fn insert_job(&mut self, batch: u32, class: u32, index: u32, spec: &BatchSpec, job: &JobSpec) -> u32 {
        let portion = match spec.identify {
            Identify::Lpn => job.quantity,
            Identify::Sku => Pieces(1),
        };
        let id = self.jobs.insert(JobRow {
            batch,
            class,
            index,
            planned: job.quantity,
            done: Pieces(0),
            in_flight: Pieces(0),
            portion,
            priority: job.priority,
            due_rank: if job.due_at == 0 { u64::MAX } else { job.due_at },
            last_miss: None,
        });
        self.job_texts.resize_with(self.job_texts.len().max(id as usize + 1), || None);
        self.job_texts[id as usize] = Some(JobText {
            sku_owner: job.sku.owner.clone(),
            sku_code: job.sku.code.clone(),
            codes: job.codes.clone(),
        });
        for code in &job.codes {
            self.codes.add(code, id);
        }
        id
    }

    pub(crate) fn start(
        &mut self,
        turn: &mut Turn<'_>,
        batch: BatchId,
        token: StartToken,
        parts: u16,
        content: u64,
    ) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        let row = self.batches.get(id);
        if row.life != BatchLife::Staging {
            return if row.token == token { Ok(()) } else { Err(VerbRefusal::WrongState) };
        }
        let lists = self.lists(id);
        if lists.parts.len() != usize::from(parts) || row.content != content {
            return Err(VerbRefusal::ContentDiffers);
        }
        let (spec, classes) = (row.spec, lists.classes.len());
        let chutes = self.free_chutes(&spec).count();
        if spec.assign == Assign::Volume && classes > chutes {
            return Err(VerbRefusal::TooFewChutes { classes: classes as u32, chutes: chutes as u32 });
        }
        let table = if spec.assign == Assign::Fixed { self.check_table(id)? } else { alloc::vec::Vec::new() };
        self.batches.edit(id, |row| {
            row.life = BatchLife::Running;
            row.token = token;
        });
        turn.out.fact(Fact::BatchStarted { batch });
        match spec.assign {
            Assign::Volume => self.bind_by_volume(turn, id),
            Assign::Fixed => self.bind_by_table(turn, id, &table),
            Assign::FirstScan => {}
        }
        self.drop_table(id);
        self.renew_permit(turn, spec.line);
        Ok(())
    }

    pub(crate) fn pause(&mut self, turn: &mut Turn<'_>, batch: BatchId) -> Result<(), VerbRefusal> {
        self.change_life(turn, batch, BatchLife::Running, BatchLife::Paused, Fact::BatchPaused { batch })
    }

    pub(crate) fn resume(&mut self, turn: &mut Turn<'_>, batch: BatchId) -> Result<(), VerbRefusal> {
        self.change_life(turn, batch, BatchLife::Paused, BatchLife::Running, Fact::BatchResumed { batch })
    }

    fn change_life(
        &mut self,
        turn: &mut Turn<'_>,
        batch: BatchId,
        from: BatchLife,
        to: BatchLife,
        fact: Fact,
    ) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        let life = self.batches.get(id).life;
        if life == to {
            return Ok(());
        }
        if life != from {
            return Err(VerbRefusal::WrongState);
        }
        self.batches.edit(id, |row| row.life = to);
        turn.out.fact(fact);
        self.renew_permit(turn, self.batches.get(id).spec.line);
        Ok(())
    }

    pub(crate) fn close(
        &mut self,
        turn: &mut Turn<'_>,
        batch: BatchId,
        is_forced: bool,
    ) -> Result<(), VerbRefusal> {
        let id = self.batch_row(batch)?;
        let row = self.batches.get(id);
        match row.life {
            BatchLife::Running | BatchLife::Paused => {}
            BatchLife::Closing | BatchLife::Ended => return Ok(()),
            BatchLife::Staging => return Err(VerbRefusal::WrongState),
        }
        if row.done < row.planned && !is_forced {
            let jobs = self.lists(id).jobs.iter();
            let unfinished = jobs.filter(|job| self.jobs.get(**job).done < self.jobs.get(**job).planned);
            return Err(VerbRefusal::Unfinished { jobs: unfinished.count() as u32 });
        }
        let line = row.spec.line;
        self.batches.edit(id, |row| {
            row.life = BatchLife::Closing;
            row.is_forced = is_forced;
        });
        turn.out.fact(Fact::BatchClosing { batch, is_forced });
        self.end_when_empty(turn, id);
        self.renew_permit(turn, line);
        Ok(())
    }

    pub(crate) fn batch_row(&self, batch: BatchId) -> Result<u32, VerbRefusal> {
        self.batch_ids.get(&batch).copied().ok_or(VerbRefusal::UnknownBatch)
    }
}

pub(crate) fn check_jobs(spec: &BatchSpec, jobs: &[JobSpec]) -> Result<(), VerbRefusal> {
    if jobs.len() > JOBS_PER_PART_MAX {
        return Err(VerbRefusal::TooMany);
    }
    for (index, job) in (0_u16..).zip(jobs) {
        let has_codes = !job.codes.is_empty() && job.codes.len() <= CODES_PER_JOB_MAX;
        let has_quantity = (1..=PIECES_PER_LINE_MAX).contains(&job.quantity.0)
            || (spec.identify == Identify::Sku && job.quantity.0 > 0 && job.quantity.0 < u32::MAX / 1024);
        if !has_codes || !has_quantity || job.codes.iter().any(wcs_types::Code::is_empty) {
            return Err(VerbRefusal::BadJob { index });
        }
    }
    Ok(())
}
