//! The whole stack in virtual time: simulated sorter, faulty in-process wire, real session, real engine and core,
//! real journal over faulty memory, scripted people. One thread, no clock, no socket: the same seed gives the same
//! bytes. What happens at one instant is settled in a fixed order, then time jumps to the next instant.
//!
//! ```text
//! hosted sorter (world + PLC + people + faults) <- wire -> session -> engine(core) -> disk (journal)
//!        ^                                                               |
//!        |______________ person at the screen ________________ supervisor <- facts, replies
//! ```

mod answers;
mod blame;
mod clocks;
mod daemon;
mod disk;
mod outage;
mod replies;
mod standstill;
mod watch;
mod wire;

use std::collections::VecDeque;

use wcs_core::InvariantBroken;
use wcs_engine::{BootError, FollowError};
use wcs_sessions::exchange::Request;
use wcs_types::{Code, LaneNo, MonoTime, Nanos, Plant, Seq, Verb};

pub use daemon::{Daemon, DaemonFigures, RecoveryCase};
pub use outage::{CrashPoint, Death, PowerOff, Return};
pub use watch::{Breach, Watch, WatchRule};
pub use wire::{Wire, WireSetup};

use self::disk::DiskFaults;
use self::watch::Watched;
use crate::faults::FaultSwitch;
use crate::people::{Askers, PersonRequest};
use crate::server::{Device, FaultTargets, HostedSorter};
use crate::supervisor::Supervisor;
use crate::world::{ClientId, FeedLoad, Knob, ReplyBody, Sorter};

/// What a stack is made of.
pub struct StackSetup {
    /// The plant the daemon controls.
    pub plant: Plant,
    /// The simulated sorter of line 0 with its faults and ledger.
    pub sorter: HostedSorter,
    /// What the faults act on beside the sorter; the same as `sorter` was given.
    pub targets: FaultTargets,
    /// Groups of loads to feed, in order.
    pub groups: Vec<Vec<FeedLoad>>,
    /// The scripted supervisor.
    pub supervisor: Supervisor,
    /// The wire.
    pub wire: WireSetup,
    /// Time of one sync of the journal.
    pub sync_time: Nanos,
    /// Seed of owner tags.
    pub seed: u64,
    /// Check every invariant of the core after each this many records; 0 is never.
    pub check_every: u64,
    /// A follower runs beside the daemon and writes a checkpoint after this many records; 0 is no follower.
    pub checkpoint_every: u64,
}

/// Why a run in virtual time stopped.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The daemon could not start.
    #[error("the daemon did not start: {0}")]
    Boot(#[from] BootError),
    /// The follower does not come to what was recorded.
    #[error("the follower: {0}")]
    Follower(#[from] FollowError),
    /// An invariant of the core failed.
    #[error("at {} ms: {broken}", .at.0 / 1_000_000)]
    Invariant {
        /// When.
        at: MonoTime,
        /// Which.
        broken: InvariantBroken,
    },
    /// An input broke the core: its process has ended.
    #[error("at {} ms the core stops at {what}: {invariant}", .at.0 / 1_000_000)]
    Broken {
        /// When.
        at: MonoTime,
        /// The input.
        what: String,
        /// The invariant that does not hold.
        invariant: String,
    },
    /// Nothing is left to happen although work is open: a deadlock of the stack.
    #[error("no end in sight at {} ms: {what}", .at.0 / 1_000_000)]
    Stuck {
        /// When.
        at: MonoTime,
        /// What is open.
        what: String,
    },
}

/// Rounds of one instant before the stack is taken for a livelock.
const ROUNDS_PER_INSTANT_MAX: u32 = 1_000_000;
/// Plant time without a load that became final, after which a run counts as stuck.
const PATIENCE: Nanos = Nanos::from_secs(6 * 3600);
/// Time for events to be taken and acknowledged once the belt stands.
const DRAIN_MAX: Nanos = Nanos::from_secs(120);

/// The daemon that takes the line over.
const NEWCOMER: ClientId = ClientId(u32::MAX);
/// How long a daemon that was fenced off is watched.
const AFTER_FENCE: Nanos = Nanos::from_secs(3);
/// Time after which a daemon that could not start is started again.
const START_AGAIN: Nanos = Nanos::from_secs(1);
/// Longest step while nothing is to happen.
const STEP_MAX: Nanos = Nanos::from_millis(100);

/// A stall that begins later than it should have fell into a time without a process.
const STALL_LATE_MAX: Nanos = Nanos::from_millis(1);

/// A running stack.
pub struct Stack {
    now: MonoTime,
    hosted: HostedSorter,
    wire: Wire,
    daemon: Daemon,
    supervisor: Supervisor,
    store: FaultSwitch,
    last_progress: (MonoTime, u64),
    watch: Option<Watch>,
    desk: Desk,
    askers: Askers,
    stalls: VecDeque<(MonoTime, Nanos)>,
    /// People wait for the store to hand out what they ask about.
    are_askers_held: bool,
}

/// What the person at the exception station waits for.
#[derive(Debug)]
enum Desk {
    /// Nothing.
    Idle,
    /// Asked when there was no daemon to answer, or one whose answer got lost: asks again.
    Asks(Code),
    /// The screen shows the lane once the booking is on disk.
    Waits { label: Code, lane: Option<LaneNo>, record: Seq },
}

impl Stack {
    /// A stack at time zero.
    ///
    /// # Errors
    /// The daemon does not start.
    pub fn new(setup: StackSetup) -> Result<Self, StackError> {
        let disk = DiskFaults::of(&setup.targets);
        let daemon = Daemon::start(
            setup.plant,
            setup.seed,
            setup.sync_time,
            setup.check_every,
            setup.checkpoint_every,
            disk,
        )?;
        let mut hosted = setup.sorter;
        for group in setup.groups {
            hosted.sorter_mut().feed(group);
        }
        Ok(Self {
            now: MonoTime::ZERO,
            hosted,
            store: setup.targets.store,
            wire: Wire::new(setup.wire, setup.targets.link),
            daemon,
            supervisor: setup.supervisor,
            last_progress: (MonoTime::ZERO, 0),
            watch: None,
            desk: Desk::Idle,
            askers: Askers::default(),
            stalls: VecDeque::new(),
            are_askers_held: false,
        })
    }

    /// Puts a bystander at the wire, before the first `run`.
    pub fn watch(&mut self) {
        assert!(self.now == MonoTime::ZERO, "a bystander sees everything from the start");
        self.watch = Some(Watch::new(self.daemon.engine().core().plant()));
    }

    /// When the process of the daemon is stopped, and for how long, in order. One that falls due while there is no
    /// process is left out.
    pub fn stall_at(&mut self, stalls: Vec<(MonoTime, Nanos)>) {
        self.stalls = stalls.into();
    }

    /// People who ask these verbs at these instants. The work is not done before they have their answers.
    pub fn ask(&mut self, script: Vec<(MonoTime, Verb)>) {
        assert!(self.askers.is_finished(), "one script after the other");
        self.askers = Askers::new(script);
    }

    /// The people who ask, with the answers they got.
    pub fn askers(&self) -> &Askers {
        &self.askers
    }

    /// What the bystander saw, when there is one.
    pub fn watched(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Runs until the work is done, until `until` has come or the daemon is down. True when the work is done.
    ///
    /// # Errors
    /// See [`StackError`].
    pub fn run(&mut self, until: MonoTime) -> Result<bool, StackError> {
        loop {
            self.settle()?;
            if self.daemon.is_down() {
                return Ok(false);
            }
            if self.is_finished() {
                return Ok(true);
            }
            let next = self.next_instant();
            if next > until {
                self.now = until;
                return Ok(false);
            }
            self.now = next.later(self.now + Nanos(1));
            self.stall_when_due();
            self.check_progress()?;
        }
    }

    /// Stops the belt and lets everything that is on its way to the journal arrive: the run was cut short.
    ///
    /// # Errors
    /// See [`StackError`].
    pub fn drain(&mut self) -> Result<(), StackError> {
        let is_on = self.hosted.sorter_mut().apply(self.now, Knob::DriveStop, None);
        assert!(is_on, "every sorter has a drive");
        let until = self.now + DRAIN_MAX;
        loop {
            self.settle()?;
            let counts = self.hosted.sorter().counts();
            if counts.events_kept == 0 && self.daemon.pending_count() == 0 && self.daemon.is_attached() {
                return Ok(());
            }
            let next = self.next_instant();
            if next > until {
                let what = "events of the PLC are not acknowledged".to_owned();
                return Err(StackError::Stuck { at: self.now, what });
            }
            self.now = next.later(self.now + Nanos(1));
        }
    }

    /// The power of the daemon's machine goes, and comes back after `down`; unsynced bytes fare as the seed says.
    ///
    /// # Errors
    /// The daemon does not start again.
    pub fn crash(&mut self, down: Nanos, seed: u64) -> Result<(), StackError> {
        self.go_down(Death::Power { seed }, down, Return::default())
    }

    /// The daemon stops cleanly and is started again after `down`.
    ///
    /// # Errors
    /// The daemon does not start again.
    pub fn stop(&mut self, down: Nanos) -> Result<(), StackError> {
        self.go_down(Death::Stopped, down, Return::default())
    }

    /// The daemon goes down and comes back after `down`, later where its disk has no room for it.
    ///
    /// # Errors
    /// The daemon does not start again.
    pub fn go_down(&mut self, death: Death, down: Nanos, back: Return) -> Result<(), StackError> {
        self.wire.cut(self.now);
        self.daemon.die(self.now, death);
        self.start_again(down, back)
    }

    /// The power of the daemon goes when it gets to this point of its work, which [`Stack::is_down`] then says; `None`
    /// takes that back.
    pub fn arm(&mut self, point: Option<CrashPoint>) {
        self.daemon.arm(point);
    }

    /// The power went where it was armed to: call [`Stack::go_down`].
    pub fn is_down(&self) -> bool {
        self.daemon.is_down()
    }

    /// The process of the daemon is stopped for `time` and then goes on as if nothing had been, as with SIGSTOP.
    pub fn freeze(&mut self, time: Nanos) {
        let until = self.now + time;
        if let Some(watch) = &mut self.watch {
            watch.see_freeze(until, self.daemon.standing());
        }
        self.daemon.freeze(self.now);
        while self.now < until {
            self.now = self.hosted.next_fault_change().later(self.now + Nanos(1)).earlier(until);
            self.hosted.advance(self.now);
            self.look_at_line();
        }
    }

    fn stall_when_due(&mut self) {
        while let Some((at, time)) = self.stalls.pop_front_if(|(at, _)| *at <= self.now) {
            if self.now.since(at) <= STALL_LATE_MAX {
                self.freeze(time);
            }
        }
    }

    fn look_at_line(&mut self) {
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.judges_blame()) {
            let plc_epoch = self.hosted.sorter().plc.epoch;
            watch.look_at_line(self.now, plc_epoch, self.hosted.is_line_in_trouble());
        }
    }

    /// The run is over: what has to have happened by now is looked for.
    pub fn close_watch(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.close(self.now);
        }
    }

    /// Another daemon takes the line, once, and says no more. Runs until ours has noticed, but not for longer than
    /// `wait`; true when the PLC obeys the newcomer still.
    ///
    /// # Errors
    /// See [`StackError`].
    pub fn take_over(&mut self, wait: Nanos) -> Result<bool, StackError> {
        let (epoch, request) = self.newcomer_block();
        while !self.newcomer_writes(&request) {
            self.step()?;
        }
        let until = self.now + wait;
        while self.now < until && !self.daemon.is_fenced() {
            self.step()?;
        }
        let until = self.now + AFTER_FENCE;
        while self.now < until {
            self.step()?;
        }
        Ok(self.hosted.sorter().plc.owner.epoch == epoch)
    }

    fn newcomer_block(&mut self) -> (u16, Request) {
        let (epoch, request) = self.hosted.sorter().plc.newcomer_block();
        if let (Some(watch), Request::Write { words, .. }) = (&mut self.watch, &request) {
            watch.see_block(words, &self.hosted.sorter().plc);
        }
        (epoch, request)
    }

    fn newcomer_writes(&mut self, request: &Request) -> bool {
        let unit = self.hosted.sorter().plc.unit;
        self.hosted.handle(self.now, unit, NEWCOMER, request).body == ReplyBody::Written
    }

    /// Settles what happens now and goes on to the next instant, or a little further when nothing is to happen.
    fn step(&mut self) -> Result<(), StackError> {
        self.settle()?;
        self.now = self.next_instant().earlier(self.now + STEP_MAX).later(self.now + Nanos(1));
        Ok(())
    }

    fn start_again(&mut self, down: Nanos, back: Return) -> Result<(), StackError> {
        let mut up = self.now + down;
        while self.now < up || self.daemon.is_disk_full() {
            // Without room there is no journal to write: whoever starts it tries again.
            up = if self.now < up { up } else { self.now + START_AGAIN };
            // Faults begin and end while nobody commands the sorter, too.
            self.now = self.hosted.next_fault_change().later(self.now + Nanos(1)).earlier(up);
            self.hosted.advance(self.now);
        }
        if back.has_newcomer {
            let (_, request) = self.newcomer_block();
            while !self.newcomer_writes(&request) {
                self.now += STEP_MAX;
                self.hosted.advance(self.now);
            }
        }
        self.daemon.restart(self.now, back, &mut self.supervisor, self.watch.as_mut())?;
        self.askers.begin_again();
        self.desk = match std::mem::replace(&mut self.desk, Desk::Idle) {
            // A booking that is in the journal stands; the screen shows it again.
            Desk::Waits { label, record, .. } if record > self.daemon.durable_seq() => Desk::Asks(label),
            other => other,
        };
        Ok(())
    }

    /// Time since the start.
    pub fn now(&self) -> MonoTime {
        self.now
    }

    /// The sorter.
    pub fn sorter(&self) -> &Sorter {
        self.hosted.sorter()
    }

    /// The sorter with its faults.
    pub fn hosted(&mut self) -> &mut HostedSorter {
        &mut self.hosted
    }

    /// The daemon.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The wire.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The supervisor.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// True when every batch has ended, everything is off the belt and the journal is on disk. What still waits in
    /// front of the sorter then stays there: without a batch there is no permit.
    fn is_finished(&self) -> bool {
        if !self.supervisor.is_finished() || !self.askers.is_finished() || self.daemon.pending_count() != 0 {
            return false;
        }
        let counts = self.hosted.sorter().counts();
        // What left the belt is told a cycle later, also of loads that no batch waits for.
        // A permit that is on its way out may still let a load on the belt.
        let may_come = counts.unfinished != 0 && self.hosted.sorter().plc.is_permitted();
        counts.on_belt == 0 && counts.events_kept == 0 && !may_come && self.supervisor.is_belt_empty()
    }

    fn settle(&mut self) -> Result<(), StackError> {
        self.hosted.advance(self.now);
        self.supervisor.set_store_down(self.store.is_on());
        let held_up = self.supervisor.held_up_count();
        let settled = self.settle_rounds();
        (held_up..self.supervisor.held_up_count()).for_each(|_| self.store.count_applied());
        settled
    }

    fn settle_rounds(&mut self) -> Result<(), StackError> {
        for _ in 0..ROUNDS_PER_INSTANT_MAX {
            let mut device = Watched { hosted: &mut self.hosted, watch: self.watch.as_mut() };
            let clocks = self.daemon.clocks();
            let mut is_busy = self.wire.carry(self.now, &mut device, self.daemon.session(), clocks);
            if let Some(watch) = &mut self.watch {
                watch.look(self.now, self.hosted.sorter(), self.daemon.standing());
            }
            self.look_at_line();
            is_busy |= self.daemon.turn(self.now, &mut self.supervisor, self.watch.as_mut())?;
            if self.daemon.is_down() {
                return Ok(());
            }
            is_busy |= self.serve_desk();
            is_busy |= self.serve_askers();
            if !is_busy {
                return Ok(());
            }
        }
        Err(StackError::Stuck { at: self.now, what: "one instant never settles".into() })
    }

    /// A person at the exception station reads a label; the screen says which chute it belongs to once the booking
    /// is on disk.
    fn serve_desk(&mut self) -> bool {
        match std::mem::replace(&mut self.desk, Desk::Idle) {
            Desk::Idle => {
                let asked = self.hosted.sorter_mut().poll_person();
                asked.is_some_and(|PersonRequest::HandSort { label }| self.book(label))
            }
            Desk::Asks(label) => self.book(label),
            Desk::Waits { label, lane, record } if record <= self.daemon.durable_seq() => {
                let is_waiting = self.hosted.sorter_mut().person_answer(&label, lane);
                assert!(is_waiting, "the person who asked waits for the answer");
                // What the person does at once goes to the ledger even if nothing happens afterwards.
                self.hosted.advance(self.now);
                true
            }
            waiting => {
                self.desk = waiting;
                false
            }
        }
    }

    /// People at screens get their answers, and ask what is due.
    fn serve_askers(&mut self) -> bool {
        for (ticket, reply) in self.daemon.take_answers() {
            self.askers.take_answer(ticket, &reply);
        }
        let mut has_asked = false;
        while !self.hold_askers()
            && let Some((ticket, verb)) = self.askers.poll(self.now)
        {
            self.daemon.ask(ticket, verb);
            has_asked = true;
        }
        has_asked
    }

    /// While nobody reaches the store, whoever needs it waits, and everybody behind him.
    fn hold_askers(&mut self) -> bool {
        let are_held = self.store.is_on() && self.askers.needs_store(self.now);
        if are_held && !self.are_askers_held {
            self.store.count_applied();
        }
        self.are_askers_held = are_held;
        are_held
    }

    fn book(&mut self, label: Code) -> bool {
        let booking = self.daemon.book_hand_sort(&label);
        let (lane, record) = booking.map_or((None, Seq::NONE), |booking| (booking.lane, booking.record));
        self.desk = Desk::Waits { label, lane, record };
        true
    }

    fn next_instant(&self) -> MonoTime {
        let wake = self.daemon.session_wake();
        let poll = if self.wire.is_busy() {
            MonoTime::NEVER
        } else if wake.is_idle_poll {
            // A poll that would find nothing may be put off until something changes, never past a deadline.
            wake.at.later(self.hosted.sorter().next_event()).earlier(wake.latest)
        } else {
            wake.at
        };
        poll.earlier(self.wire.next_due())
            .earlier(self.daemon.next_due(self.now))
            .earlier(self.daemon.clocks().sim(self.supervisor.next_timeout()))
            .earlier(if self.are_askers_held { MonoTime::NEVER } else { self.askers.next_due() })
            .earlier(self.hosted.next_fault_change())
            .earlier(self.stalls.front().map_or(MonoTime::NEVER, |(at, _)| *at))
    }

    fn check_progress(&mut self) -> Result<(), StackError> {
        let counts = self.hosted.sorter().counts();
        let mark = counts.finals + self.supervisor.ended_count() as u64;
        if mark != self.last_progress.1 {
            self.last_progress = (self.now, mark);
        }
        let patience = Nanos(PATIENCE.0 / u64::from(self.hosted.sorter().setup().speed));
        if self.now.since(self.last_progress.0) <= patience && self.supervisor.refusals().is_empty() {
            return Ok(());
        }
        let what = format!(
            "{} loads not final, {} on the belt, {} queued, batches ended {}, refusals {:?}",
            counts.unfinished,
            counts.on_belt,
            counts.queued,
            self.supervisor.ended_count(),
            self.supervisor.refusals()
        );
        Err(StackError::Stuck { at: self.now, what })
    }
}
