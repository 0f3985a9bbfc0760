//! Number "memory": resident memory over a week of shifts. One shift of a 40 000 loads/h plant is made in virtual time
//! and its inputs are given to a live engine once a day, each day as a new life of the PLC with batches of its own; the
//! journal is on files, and a follower proves it and writes checkpoints. Sampled at the end of each day. Links and
//! sessions are not in it: what they hold is bounded by their windows and rings.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wcs_engine::{Admission, Boot, Engine, Follower, Start, boot};
use wcs_journal::{Batch, FileStorage, Options, Reader, Recovered, Room, Writer, recover};
use wcs_types::batch::{chain_content, part_content};
use wcs_types::{
    BatchId, ChuteId, Epoch, EventBody, Fact, Input, LinkChange, MonoTime, Nanos, OperatorId, Plant, Seq,
    Ticket, Verb,
};

use crate::front_side::FrontSide;
use crate::replay::write_journal;
use crate::virtual_time::Work;

const DAY: Nanos = Nanos::from_secs(24 * 3_600);
/// Name of the journal.
pub(crate) const GENESIS: u64 = 7;
/// Records of one commit; what is not the question here, the disk, is asked seldom.
const BATCH_EVERY: u64 = 4_096;
const MIB: f64 = 1_048_576.0;

/// Lives through `days`, each a shift of `hours`; the journals lie in `dir` meanwhile.
pub(crate) fn measure(days: u16, hours: u64, dir: &Path) -> Result<Value> {
    let shift = dir.join("shift");
    let (plant, _) = write_journal(Work::of_hours(hours), None, &shift)?;
    let mut week = Week::start(&dir.join("week"), plant)?;
    let mut resident = Vec::new();
    for day in 0..days {
        week.live(day, &shift)?;
        resident.push(resident_mib()?);
    }
    let (from, to) = (*resident.get(1).context("two days at least")?, *resident.last().context("a day")?);
    let (records, checkpoints) = (week.engine.last_seq().0, week.checkpoints);
    week.engine.core().check_invariants().map_err(|broken| anyhow!("{broken}"))?;
    // A batch of 40 000 loads an hour, and what they end with.
    ensure!(week.ended >= hours * u64::from(days) && checkpoints > 0, "{} batches ended", week.ended);
    std::fs::remove_dir_all(dir)?;
    Ok(json!({
        "days": days,
        "records": records,
        "batches_ended": week.ended,
        "checkpoints": checkpoints,
        "resident_mib": resident,
        "growth_mib_per_day": (to - from) / f64::from(days - 2),
    }))
}

/// The part of a daemon that lives through days, and what it came to.
pub(crate) struct Week {
    pub(crate) engine: Engine,
    writer: Writer<FileStorage>,
    follower: Follower<FileStorage>,
    batch: Batch,
    facts: Vec<(Seq, Fact)>,
    /// Follows behind the journal where one is asked for.
    pub(crate) front: Option<FrontSide>,
    pub(crate) ended: u64,
    pub(crate) loads: u64,
    pub(crate) checkpoints: u64,
    /// Content of the batch that is being staged.
    content: u64,
}

impl Week {
    /// The first start, on an empty directory.
    pub(crate) fn start(dir: &Path, plant: Plant) -> Result<Self> {
        let (engine, writer, follower, _) = Self::boot(dir, plant)?;
        Ok(Self {
            engine,
            writer,
            follower,
            batch: Batch::new(),
            facts: Vec::new(),
            front: None,
            ended: 0,
            loads: 0,
            checkpoints: 0,
            content: 0,
        })
    }

    fn boot(dir: &Path, plant: Plant) -> Result<(Engine, Writer<FileStorage>, Follower<FileStorage>, Start)> {
        let storage = FileStorage::open(dir)?;
        let options = Options { room: Room::default(), genesis: GENESIS, trusted: Seq::NONE };
        let last_stamp = |recovered: &Recovered| recovered.last_stamp.map_or(MonoTime::ZERO, |last| last.now);
        let Boot { engine, writer, start, .. } =
            boot(storage.clone(), plant.clone(), options, last_stamp, |_| ())?;
        let (follower, _) = Follower::start(storage, plant)?;
        Ok((engine, writer, follower, start))
    }

    /// A stop, which saves a checkpoint, and the next start on the same files: everything is let go and comes back.
    pub(crate) fn restart(self, dir: &Path) -> Result<Self> {
        let Self { engine, writer, mut follower, front, ended, loads, mut checkpoints, content, .. } = self;
        let (plant, last) = (engine.core().plant().clone(), engine.last_seq());
        checkpoints += u64::from(follower.checkpoint()?);
        // Nobody else may hold the files.
        drop((engine, writer, follower));
        let (engine, writer, follower, start) = Self::boot(dir, plant)?;
        ensure!(start.restored == last && start.refused.is_empty(), "{start:?} of {last:?}");
        ensure!(follower.saved() == last, "the follower begins where the core did");
        let (batch, facts) = (Batch::new(), Vec::new());
        Ok(Self { engine, writer, follower, batch, facts, front, ended, loads, checkpoints, content })
    }

    /// One day: the inputs of the shift, as of this day.
    pub(crate) fn live(&mut self, day: u16, shift: &Path) -> Result<()> {
        let storage = FileStorage::open_read_only(shift)?;
        let last = recover(&storage)?.last_seq;
        let midnight = MonoTime::ZERO + DAY.times(u64::from(day));
        self.engine.begin_turn(midnight);
        // Over night somebody takes the last boxes away.
        for chute in (0_u16..).map(ChuteId).take(self.engine.core().plant().chutes.len()) {
            let verb = Verb::ConfirmEmpty { chute };
            let input = Input::Verb { operator: OperatorId(1), ticket: Ticket(0), verb };
            ensure!(matches!(self.engine.admit(input), Admission::Taken(_)), "the journal keeps up");
        }
        for entry in Reader::open(&storage, Seq(1), last)? {
            let record = entry?.record;
            self.engine.begin_turn(midnight + record.now.since(MonoTime::ZERO));
            // Deadlines of the core are the engine's business.
            if let Some(input) = self.on_day(record.input, day) {
                let admission = self.engine.admit(input);
                ensure!(matches!(admission, Admission::Taken(_)), "the journal keeps up");
            }
            while self.engine.poll_output().is_some() {}
            if self.engine.pending_count() as u64 >= BATCH_EVERY {
                self.commit()?;
            }
        }
        self.commit()
    }

    /// The same input on another day: a new life of the PLC, a new owner, new batches.
    fn on_day(&mut self, mut input: Input, day: u16) -> Option<Input> {
        let later = |epoch: &mut Epoch| epoch.0 += day;
        match &mut input {
            Input::Timeout | Input::Storage(_) | Input::Refused { .. } => return None,
            Input::Sorter { event, .. } => {
                later(&mut event.plc_epoch);
                later(&mut event.fifo_epoch);
                if let EventBody::Scan(scan) = &mut event.body
                    && scan.decide_by != MonoTime::NEVER
                {
                    scan.decide_by += DAY.times(u64::from(day));
                }
            }
            Input::Link { change: LinkChange::Met(hello), .. } => {
                later(&mut hello.plc_epoch);
                later(&mut hello.owner_epoch);
            }
            Input::Link { change: LinkChange::Travelled { plc_epoch, .. }, .. } => later(plc_epoch),
            Input::Link { change: LinkChange::Attached { owner }, .. } => later(owner),
            Input::Verb { verb, .. } => match verb {
                Verb::Stage { spec, part, jobs } => {
                    spec.batch = of_day(spec.batch, day);
                    let before = if *part == 0 { 0 } else { self.content };
                    self.content = chain_content(before, part_content(spec, jobs));
                }
                Verb::Start { batch, content_hash, .. } => {
                    *batch = of_day(*batch, day);
                    // Asked again as often as it was refused for want of chutes.
                    *content_hash = self.content;
                }
                Verb::Pause { batch } | Verb::Resume { batch } | Verb::Close { batch, .. } => {
                    *batch = of_day(*batch, day)
                }
                _ => {}
            },
            _ => {}
        }
        Some(input)
    }

    fn commit(&mut self) -> Result<()> {
        self.engine.drain_facts(&mut self.facts);
        for (_, fact) in self.facts.drain(..) {
            self.ended += u64::from(matches!(fact, Fact::BatchEnded { .. }));
            self.loads += u64::from(matches!(fact, Fact::LoadEnded { .. }));
        }
        if self.engine.take_batch(1, &mut self.batch) {
            self.writer.append(&self.batch)?;
            self.engine.handle_durable(self.writer.sync()?);
            self.batch.clear();
        }
        self.follower.follow(self.engine.durable_seq(), usize::MAX)?;
        if self.follower.is_checkpoint_due() {
            self.checkpoints += u64::from(self.follower.checkpoint()?);
        }
        if let Some(front) = &mut self.front {
            front.follow(self.engine.durable_seq())?;
        }
        Ok(())
    }
}

fn of_day(batch: BatchId, day: u16) -> BatchId {
    BatchId(batch.0 + 1_000 * u32::from(day))
}

/// Memory of this process that is in use, from the kernel.
pub(crate) fn resident_mib() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = text.split(' ').nth(1).context("a second number")?.parse()?;
    Ok(pages * 4_096.0 / MIB)
}
