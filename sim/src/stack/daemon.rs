//! The daemon in virtual time: session, engine and disk of one line, with its figures. Crashes and starts again
//! from what its disk kept; nothing else survives.

use hdrhistogram::Histogram;
use wcs_engine::{Admission, Boot, Engine, Follower, boot};
use wcs_journal::{Checkpoint, MemoryStorage, Options, Reader, Recovered, Room, read_checkpoint};
use wcs_sessions::sorter::{SorterConfig, SorterSession, Wake};
use wcs_specs::{Profile, SorterMap, SorterWords};
use wcs_types::output::OutputKind;
use wcs_types::{
    ChuteId, Code, Fact, LaneNo, LineId, MonoTime, Nanos, OperatorId, Plant, Reply, Seq, SorterCommand,
    Target, Ticket, UnitCommand, Verb,
};

use super::StackError;
use super::answers::Standing;
use super::clocks::Clocks;
use super::disk::{Disk, DiskFaults, Synced};
use super::outage::{CrashPoint, Death, PowerOff, Return};
use super::watch::{InputMarks, Watch, marks_of};
use crate::people::Askers;
use crate::supervisor::Supervisor;

const LINE: LineId = LineId(0);
/// How long the core vouches for itself: renewed at every turn, and turns are never this far apart while it runs.
const ALIVE: Nanos = Nanos::from_millis(500);

/// Figures of all lives of a daemon together.
#[derive(Clone, Debug, Default)]
pub struct DaemonFigures {
    /// Batches written.
    pub batches: u64,
    /// Longest sync.
    pub stall_max: Nanos,
    /// Connections after the first of a life.
    pub reconnects: u64,
    /// Times the window was full.
    pub window_full: u64,
    /// Unexplained stops of induction.
    pub induction_stops: u64,
    /// Events the PLC dropped.
    pub evt_lost: u64,
    /// Scan to destination, microseconds.
    pub latency_us: Option<Histogram<u64>>,
}

/// Longest time without a turn of a real core thread.
const TURN_MAX: Nanos = Nanos::from_millis(50);

/// Records from one checkpoint of which a copy is kept to the next.
const CHECKPOINT_KEPT_EVERY: u64 = 500;

/// What a new process found at the end of its journal.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RecoveryCase {
    /// The last batch was cut off while it was written.
    Torn,
    /// The process before had stopped cleanly.
    Sealed,
    /// Whole, but not sealed.
    Clean,
}

/// A booking at the exception station.
pub(super) struct Booking {
    /// Lane to put the load into, or none.
    pub(super) lane: Option<LaneNo>,
    /// The screen answers when this record is on disk.
    pub(super) record: Seq,
}

/// One daemon.
pub struct Daemon {
    plant: Plant,
    storage: MemoryStorage,
    session: SorterSession,
    engine: Engine,
    disk: Disk,
    faults: DiskFaults,
    clocks: Clocks,
    /// Where the power goes next.
    fuse: Option<CrashPoint>,
    is_down: bool,
    /// Recoveries during which the power went.
    interrupted: u64,
    /// Starts at which the wall clock was found behind or far ahead.
    clock_doubts: u64,
    sync_time: Nanos,
    check_every: u64,
    last_check: u64,
    last_turn: MonoTime,
    /// It was stopped since its last turn: that gap is a stall.
    was_frozen: bool,
    life: u16,
    seed: u64,
    earlier: DaemonFigures,
    facts: Vec<(Seq, Fact)>,
    next_ticket: u64,
    /// Answers for people at screens.
    answers: Vec<(Ticket, Reply)>,
    /// Verbs with their records, and whether they start the machine, for the bystander.
    asked: Vec<(Ticket, Seq, bool)>,
    recoveries: Vec<RecoveryCase>,
    follower: Option<Follower<MemoryStorage>>,
    checkpoint_every: u64,
    /// Copies of some checkpoints.
    kept: Vec<Checkpoint>,
    /// Starts that began with a checkpoint.
    restored: u64,
    /// Checkpoints that should have served and did not.
    refused: Vec<String>,
}

impl Daemon {
    pub(super) fn start(
        plant: Plant,
        seed: u64,
        sync_time: Nanos,
        check_every: u64,
        checkpoint_every: u64,
        faults: DiskFaults,
    ) -> Result<Self, StackError> {
        let storage = MemoryStorage::new();
        let clocks = Clocks::default();
        let boot = open(&storage, &plant, clocks, MonoTime::ZERO)?;
        let session = new_session(&plant, seed, 0);
        Ok(Self {
            engine: boot.engine,
            disk: Disk::new(boot.writer, storage.clone(), sync_time, faults.clone()),
            faults,
            clocks,
            fuse: None,
            is_down: false,
            interrupted: 0,
            clock_doubts: 0,
            session,
            sync_time,
            check_every,
            last_check: 0,
            last_turn: MonoTime::ZERO,
            was_frozen: false,
            life: 0,
            seed,
            earlier: DaemonFigures::default(),
            facts: Vec::new(),
            next_ticket: 1,
            answers: Vec::new(),
            asked: Vec::new(),
            recoveries: Vec::new(),
            follower: start_follower(&storage, &plant, checkpoint_every)?,
            checkpoint_every,
            kept: Vec::new(),
            restored: 0,
            refused: Vec::new(),
            plant,
            storage,
        })
    }

    /// The daemon is gone.
    pub(super) fn die(&mut self, now: MonoTime, death: Death) {
        // A process that cannot write what it has is stopped the hard way.
        let death = if death == Death::Stopped && self.is_disk_full() { Death::Killed } else { death };
        if death == Death::Stopped {
            self.stop(now);
        }
        self.earlier = self.figures();
        match death {
            Death::Power { seed } => self.storage.crash(seed),
            Death::Killed => self.storage.kill(),
            Death::Stopped => {}
        }
        self.fuse = None;
    }

    /// The power goes when the daemon gets to this point.
    pub(super) fn arm(&mut self, fuse: Option<CrashPoint>) {
        self.fuse = fuse;
    }

    /// The power went at the point that was armed; nothing happens any more before the daemon is started again.
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// Blows at this point, if it was armed.
    fn blows(&mut self, point: CrashPoint) -> bool {
        self.is_down |= self.fuse == Some(point);
        self.is_down
    }

    /// Everything made goes to disk, then the seal; nothing is taken any more.
    fn stop(&mut self, now: MonoTime) {
        self.disk.finish();
        if self.engine.take_batch(self.clocks.wall_unix_ms(now), self.disk.spare()) {
            self.disk.write(now);
            self.disk.finish();
        }
        self.disk.seal();
        if let Some(follower) = &mut self.follower {
            let followed = follower.follow(self.engine.last_seq(), usize::MAX);
            followed.expect("what the live core made a moment ago comes out again");
            // One that cannot be written costs time at the next start and nothing else; the next one is tried.
            if let Err(error) = follower.checkpoint() {
                tracing::warn!(%error, "a checkpoint was not written");
            }
        }
    }

    pub(super) fn restart(
        &mut self,
        now: MonoTime,
        back: Return,
        supervisor: &mut Supervisor,
        mut watch: Option<&mut Watch>,
    ) -> Result<(), StackError> {
        self.life += 1;
        self.is_down = false;
        self.clocks.set_wall(back.clock_ms);
        let boot = self.recover(now, back.power_off)?;
        let (resumed, doubt) = self.clocks.resume(boot.recovered.last_stamp, now);
        self.clock_doubts += u64::from(doubt.is_some());
        self.clocks.start(now, resumed.later(boot.engine.core().now()));
        supervisor.begin_again(boot.chronicle);
        if let Some(watch) = &mut watch {
            watch.forget_process(now);
            for entry in Reader::open(&self.storage, Seq(1), boot.recovered.last_seq)
                .map_err(|error| StackError::Boot(error.into()))?
            {
                let record = entry.map_err(|error| StackError::Boot(error.into()))?.record;
                watch.see_recovered(now, &record);
            }
        }
        self.restored += u64::from(boot.start.restored != Seq::NONE);
        self.refused.extend(boot.start.refused.iter().map(ToString::to_string));
        self.follower = start_follower(&self.storage, &self.plant, self.checkpoint_every)?;
        self.recoveries.push(RecoveryCase::of(&boot.recovered));
        self.facts.clear();
        self.answers.clear();
        self.asked.clear();
        self.engine = boot.engine;
        self.disk = Disk::new(boot.writer, self.storage.clone(), self.sync_time, self.faults.clone());
        self.session = new_session(&self.plant, self.seed, self.life);
        self.last_turn = self.clocks.core(now);
        self.was_frozen = false;
        Ok(())
    }

    /// The process stands still from now until its next turn.
    pub(super) fn freeze(&mut self, now: MonoTime) {
        let core_now = self.clocks.core(now);
        self.engine.begin_turn(core_now);
        self.last_turn = core_now;
        self.was_frozen = true;
    }

    /// Opens the journal; when the power goes meanwhile, once more.
    fn recover(
        &mut self,
        now: MonoTime,
        power_off: Option<PowerOff>,
    ) -> Result<Boot<MemoryStorage>, StackError> {
        // What was wrong with the disk is over: nobody is started on a full one.
        self.storage.set_capacity(None);
        self.storage.fail_syncs(0);
        if let Some(PowerOff { changes, seed }) = power_off {
            self.storage.power_off_after(changes);
            // What it says does not matter: its machine or its process is gone.
            let begun = open(&self.storage, &self.plant, self.clocks, now);
            if self.storage.is_off() {
                self.interrupted += 1;
                self.storage.crash(seed);
            } else {
                // A recovery that needs fewer changes than that was over; then its process ends alone.
                tracing::debug!(is_ok = begun.is_ok(), "recovered before the power went");
                self.storage.kill();
            }
        }
        open(&self.storage, &self.plant, self.clocks, now)
    }

    /// Recoveries during which the power went.
    pub fn interrupted_count(&self) -> u64 {
        self.interrupted
    }

    /// Starts at which the wall clock was found behind the journal or far ahead of it.
    pub fn clock_doubt_count(&self) -> u64 {
        self.clock_doubts
    }

    /// Its disk has no room.
    pub(super) fn is_disk_full(&self) -> bool {
        self.faults.is_full()
    }

    /// Core time and wall clock.
    pub(super) fn clocks(&self) -> Clocks {
        self.clocks
    }

    pub(super) fn session(&mut self) -> &mut SorterSession {
        &mut self.session
    }

    pub(super) fn session_wake(&self) -> Wake {
        let Wake { at, is_idle_poll, latest } = self.session.next_wake();
        Wake { at: self.clocks.sim(at), is_idle_poll, latest: self.clocks.sim(latest) }
    }

    /// The device obeys this daemon.
    pub fn is_attached(&self) -> bool {
        self.session.is_attached()
    }

    /// A newer owner commands the device: this daemon has nothing to say to it any more.
    pub fn is_fenced(&self) -> bool {
        !self.session.wants_connection()
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { is_ready: self.session.is_ready(), is_durable: self.pending_count() == 0 }
    }

    pub(super) fn next_due(&self, now: MonoTime) -> MonoTime {
        let timeout = self.engine.next_timeout().unwrap_or(MonoTime::NEVER);
        self.disk.next_due(now).earlier(self.clocks.sim(timeout))
    }

    /// Records that are not on disk.
    pub fn pending_count(&self) -> usize {
        self.engine.pending_count()
    }

    /// Last record made.
    pub fn last_seq(&self) -> Seq {
        self.engine.last_seq()
    }

    /// Last record on disk.
    pub fn durable_seq(&self) -> Seq {
        self.engine.durable_seq()
    }

    /// The engine, for reading.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The disk's files.
    pub fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    /// A reader over everything durable.
    ///
    /// # Errors
    /// The journal is damaged.
    pub fn records(&self) -> Result<Reader<MemoryStorage>, wcs_journal::ReadError> {
        Reader::open(&self.storage, Seq(1), self.durable_seq())
    }

    /// What each start after the first found.
    pub fn recoveries(&self) -> &[RecoveryCase] {
        &self.recoveries
    }

    /// Starts that began with a checkpoint.
    pub fn restored_count(&self) -> u64 {
        self.restored
    }

    /// Checkpoints that should have served at a start and did not.
    pub fn checkpoints_refused(&self) -> &[String] {
        &self.refused
    }

    /// Checkpoints of all lives, oldest first: the first, and one after every so many records.
    pub fn checkpoints_kept(&self) -> &[Checkpoint] {
        &self.kept
    }

    /// Figures of all lives so far.
    pub fn figures(&self) -> DaemonFigures {
        let stats = self.session.stats();
        let mut figures = self.earlier.clone();
        figures.batches += self.disk.batches();
        if self.disk.stall_max() > figures.stall_max {
            figures.stall_max = self.disk.stall_max();
        }
        figures.reconnects += stats.reconnects;
        figures.window_full += stats.window_full;
        figures.induction_stops += stats.induction_stops;
        figures.evt_lost += stats.evt_lost;
        match &mut figures.latency_us {
            Some(histogram) => histogram.add(&stats.scan_to_destination_us).expect("the same bounds"),
            none => *none = Some(stats.scan_to_destination_us.clone()),
        }
        figures
    }

    /// One turn at one instant of simulator time. True when anything was done.
    pub(super) fn turn(
        &mut self,
        now: MonoTime,
        supervisor: &mut Supervisor,
        mut watch: Option<&mut Watch>,
    ) -> Result<bool, StackError> {
        let core_now = self.clocks.core(now);
        self.session.renew_alive(core_now + ALIVE);
        let before = self.engine.last_seq();
        let was_frozen = std::mem::take(&mut self.was_frozen);
        if core_now.since(self.last_turn) > TURN_MAX && !was_frozen {
            // A real core thread turns at least this often; its idle turns were skipped and are no stall.
            self.engine.begin_turn(core_now - TURN_MAX);
        }
        self.last_turn = core_now;
        self.engine.begin_turn(core_now);
        let mut is_busy = self.take_synced(now, watch.as_deref_mut())?;
        if self.is_down {
            return Ok(true);
        }
        self.admit_events(core_now, watch.as_deref_mut())?;
        if self.is_down {
            return Ok(true);
        }
        self.tell(now, supervisor, watch.as_deref_mut());
        while let Some((ticket, verb)) = supervisor.poll_verb(core_now) {
            if self.admit_verb(ticket, verb).is_none() {
                break;
            }
            self.tell(now, supervisor, watch.as_deref_mut());
        }
        let made = self.engine.last_seq();
        if made != before && self.blows(CrashPoint::AfterStep) {
            return Ok(true);
        }
        is_busy |= self.send(now, supervisor, watch);
        if made != before && self.blows(CrashPoint::BatchFilling) {
            return Ok(true);
        }
        if self.disk.is_idle() && self.engine.take_batch(self.clocks.wall_unix_ms(now), self.disk.spare()) {
            self.disk.write(now);
            is_busy = true;
            if self.blows(CrashPoint::Written) {
                return Ok(true);
            }
        }
        self.check(now)?;
        Ok(is_busy || made != before)
    }

    /// What has become durable. True when anything was done.
    fn take_synced(&mut self, now: MonoTime, watch: Option<&mut Watch>) -> Result<bool, StackError> {
        let durable = match self.disk.poll(now) {
            None => return Ok(false),
            Some(Synced::Failed) => {
                self.engine.handle_write_failed();
                return Ok(true);
            }
            Some(Synced::Durable(durable)) => durable,
        };
        if self.blows(CrashPoint::Synced) {
            return Ok(true);
        }
        self.engine.handle_durable(durable);
        if let Some(watch) = watch {
            watch.see_durable(now, durable);
        }
        self.follow(durable)?;
        Ok(true)
    }

    fn admit_events(&mut self, core_now: MonoTime, mut watch: Option<&mut Watch>) -> Result<(), StackError> {
        while let Some(input) = self.session.poll_input() {
            if self.blows(CrashPoint::BeforeAdmit) {
                return Ok(());
            }
            let marks = if watch.is_some() { marks_of(&input) } else { InputMarks::default() };
            let Admission::Taken(seq) = self.engine.admit(input) else {
                self.check(core_now)?;
                unreachable!("the memory disk is never that far behind: permits are withdrawn at half");
            };
            if let Some(watch) = &mut watch {
                watch.see_admitted(seq, marks);
            }
        }
        Ok(())
    }

    /// The follower takes what is durable, and saves its state after every so many records.
    fn follow(&mut self, durable: Seq) -> Result<(), StackError> {
        let Some(follower) = &mut self.follower else { return Ok(()) };
        follower.follow(durable, usize::MAX)?;
        if follower.seq().0 < follower.saved().0 + self.checkpoint_every {
            return Ok(());
        }
        if let Some(CrashPoint::Checkpoint { changes }) = self.fuse {
            self.storage.power_off_after(changes);
            self.is_down = true;
        }
        // One that cannot be written costs time at the next start and nothing else; the next one is tried.
        if let Err(error) = follower.checkpoint() {
            tracing::warn!(%error, "a checkpoint was not written");
        }
        if !self.is_down {
            self.keep_checkpoint();
        }
        Ok(())
    }

    /// Keeps a copy of the newest checkpoint now and then: the files are removed as newer ones come.
    fn keep_checkpoint(&mut self) {
        let Some(seq) = self.follower.as_ref().map(Follower::saved) else { return };
        if self.kept.last().is_none_or(|kept| seq.0 >= kept.seq.0 + CHECKPOINT_KEPT_EVERY) {
            // One that cannot be read is told by the next start.
            self.kept.extend(read_checkpoint(&self.storage, seq));
        }
    }

    /// The record of a verb; `None` when it broke the core, which the end of the turn tells.
    fn admit_verb(&mut self, ticket: Ticket, verb: Verb) -> Option<Seq> {
        let is_start = matches!(verb, Verb::Line { command: UnitCommand::Start, .. });
        let input = wcs_types::Input::Verb { operator: OperatorId(1), ticket, verb };
        match self.engine.admit(input) {
            Admission::Taken(seq) => {
                self.asked.push((ticket, seq, is_start));
                Some(seq)
            }
            Admission::TooLarge | Admission::Broken => None,
            Admission::Full(_) => unreachable!("the memory disk is never that far behind"),
        }
    }

    fn tell(&mut self, now: MonoTime, supervisor: &mut Supervisor, mut watch: Option<&mut Watch>) {
        self.engine.drain_facts(&mut self.facts);
        let core_now = self.clocks.core(now);
        for (seq, fact) in self.facts.drain(..) {
            supervisor.handle_fact(core_now, &fact);
            if let Some(watch) = &mut watch {
                watch.see_fact(now, seq, &fact);
            }
        }
    }

    fn send(&mut self, now: MonoTime, supervisor: &mut Supervisor, mut watch: Option<&mut Watch>) -> bool {
        let mut has_sent = false;
        for (ticket, seq, is_start) in self.asked.drain(..) {
            if let Some(watch) = &mut watch {
                watch.see_verb(now, ticket, seq, is_start);
            }
        }
        let core_now = self.clocks.core(now);
        while let Some(output) = self.engine.poll_output() {
            has_sent = true;
            if let Some(watch) = &mut watch {
                match (&output.target, &output.what) {
                    (_, OutputKind::Sorter(SorterCommand::Destination(command))) => {
                        watch.see_command(command)
                    }
                    (Target::Asker(ticket), _) => watch.see_reply(now, *ticket),
                    _ => {}
                }
            }
            match (output.target, output.what) {
                (Target::Line(_), OutputKind::Sorter(command)) => {
                    self.session.handle_command(core_now, output.generation, command);
                }
                (Target::Asker(ticket), OutputKind::Reply(reply)) => {
                    supervisor.handle_reply(ticket, &reply);
                    if Askers::is_ours(ticket) {
                        self.answers.push((ticket, reply));
                    }
                }
                (target, what) => unreachable!("no {what:?} is made for {target:?}"),
            }
        }
        has_sent
    }

    /// What a person at a screen asks. What breaks the core is told at the end of the turn.
    pub(super) fn ask(&mut self, ticket: Ticket, verb: Verb) {
        self.admit_verb(ticket, verb);
    }

    /// Answers for people at screens.
    pub(super) fn take_answers(&mut self) -> Vec<(Ticket, Reply)> {
        std::mem::take(&mut self.answers)
    }

    /// What the screen at the exception station does: books the chute of a label. `None`: it has none to show.
    pub(super) fn book_hand_sort(&mut self, label: &Code) -> Option<Booking> {
        let chute: ChuteId = self.engine.core().chute_for_label(LINE, label)?;
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let record = self.admit_verb(ticket, Verb::HandSort { line: LINE, label: label.clone(), chute })?;
        let mut facts = Vec::new();
        self.engine.drain_facts(&mut facts);
        let is_booked = facts.iter().any(|(_, fact)| matches!(fact, Fact::LoadHandSorted { .. }));
        self.facts.append(&mut facts);
        let lane = self.plant.chutes[usize::from(chute.0)].lanes.first().copied();
        Some(Booking { lane: lane.filter(|_| is_booked), record })
    }

    fn check(&mut self, now: MonoTime) -> Result<(), StackError> {
        if let Some((_, poison)) = self.engine.poison() {
            let (what, invariant) = (poison.what.clone(), poison.invariant.clone());
            return Err(StackError::Broken { at: now, what, invariant });
        }
        let seq = self.engine.last_seq().0;
        if self.check_every != 0 && seq >= self.last_check + self.check_every {
            self.last_check = seq;
            self.engine
                .core()
                .check_invariants()
                .map_err(|broken| StackError::Invariant { at: now, broken })?;
        }
        Ok(())
    }
}

impl RecoveryCase {
    fn of(found: &Recovered) -> Self {
        match (&found.torn, found.was_sealed) {
            (Some(_), _) => Self::Torn,
            (None, true) => Self::Sealed,
            (None, false) => Self::Clean,
        }
    }
}

fn start_follower(
    storage: &MemoryStorage,
    plant: &Plant,
    checkpoint_every: u64,
) -> Result<Option<Follower<MemoryStorage>>, StackError> {
    if checkpoint_every == 0 {
        return Ok(None);
    }
    let (follower, _) =
        Follower::start(storage.clone(), plant.clone()).map_err(|error| StackError::Boot(error.into()))?;
    Ok(Some(follower))
}

fn open(
    storage: &MemoryStorage,
    plant: &Plant,
    clocks: Clocks,
    now: MonoTime,
) -> Result<Boot<MemoryStorage>, StackError> {
    let room = Room { segment_size: 4 * 1024 * 1024, reserve_size: 256 * 1024 };
    let options = Options { room, genesis: 1, trusted: Seq::NONE };
    let resumed = |recovered: &Recovered| clocks.resume(recovered.last_stamp, now).0;
    Ok(boot(storage.clone(), plant.clone(), options, resumed, |_| ())?)
}

fn new_session(plant: &Plant, seed: u64, life: u16) -> SorterSession {
    let line = &plant.lines[0];
    let profile = Profile::load(&line.profile).expect("the plant file was checked against the profiles");
    let map = SorterMap::resolve(&profile, &line.blocks).expect("the plant file was checked");
    let words = SorterWords::resolve(&profile).expect("the profile is complete");
    // Tags of two lives differ, and none is 0.
    let tag = (seed as u16 ^ (life.wrapping_mul(0x9E37))) | 1;
    SorterSession::new(SorterConfig::new(LINE, line.unit_id, map, words, line.lane_max, tag))
}
