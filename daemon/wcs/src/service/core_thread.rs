//! The core thread: one turn after the other around the engine. Reads the clock once per turn, never waits for disk
//! or network, and vouches for itself towards the links, which are tasks of the same thread.
//!
//! ```text
//! turn: decide: clock -> durable news -> inputs -> outputs -> wake links
//!       (the links run: what moves is on the wire)
//!       settle: supervisor and verbs -> their outputs -> batch to the journal -> figures
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Receiver;
use tokio::sync::Notify;
use wcs_drivers::{LinkCommand, give_way};
use wcs_engine::{Admission, CRASHES_MAX, Engine, Poison};
use wcs_journal::Batch;
use wcs_sim::supervisor::Supervisor;
use wcs_types::limits::INPUTS_PER_TURN_MAX;
use wcs_types::output::OutputKind;
use wcs_types::{
    AlarmCode, Fact, Input, LineId, MonoTime, Nanos, OperatorId, Output, Refusal, Seq, SorterCommand, Target,
    Ticket, Verb,
};

use super::Shared;
use super::control::{Desk, VerbAsk};
use super::device_log;
use super::journal_thread::{JournalNews, JournalPorts};
use super::link_tasks::{LinkTask, Outlet};
use super::poison_file::PoisonFile;
use crate::clock::{Clock, wall_unix_ms};
use crate::exit::Failure;
use crate::realtime::{Group, Realtime};

/// The core vouches for itself this far ahead; turns are at most `TURN_MAX` apart.
const ALIVE: Nanos = Nanos::from_millis(1_000);
/// Longest time without a turn.
const TURN_MAX: Duration = Duration::from_millis(50);
/// Operator id of the scripted people.
const SCRIPT: OperatorId = OperatorId(1);

/// The core thread's ends of everything.
pub(crate) struct Ports {
    pub(crate) clock: Clock,
    pub(crate) shared: Arc<Shared>,
    pub(crate) inputs: Receiver<Input>,
    /// Notified when there are inputs, or word from the journal.
    pub(crate) wake: Arc<Notify>,
    pub(crate) outlets: Vec<Outlet>,
    pub(crate) alive_until: Arc<AtomicU64>,
    pub(crate) journal: JournalPorts,
    pub(super) desk: Desk,
    pub(crate) poison_file: PoisonFile,
}

/// What is left of the core thread.
pub(crate) struct CoreEnd {
    pub(crate) turns: u64,
    /// Why it ended by itself: the input that broke an invariant.
    pub(crate) poison: Option<String>,
}

pub(crate) fn spawn(
    engine: Engine,
    script: Supervisor,
    ports: Ports,
    links: Vec<LinkTask>,
    realtime: &Realtime,
) -> Result<JoinHandle<CoreEnd>, Failure> {
    // Threads that tokio starts for itself (it looks up names on them) are not the core thread.
    let others = realtime.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_start(move || others.enter(Group::Others))
        .enable_all()
        .build()
        .map_err(Failure::not_ok)?;
    let core = CoreThread {
        handed_over: engine.durable_seq(),
        made: (engine.durable_seq(), engine.core().now()),
        engine,
        script,
        ports,
        spare: Some(Batch::new()),
        facts: Vec::new(),
        unsent: None,
        turns: 0,
        now: MonoTime::ZERO,
        worked: Nanos::ZERO,
        unwritten_since: None,
        being_written_since: None,
    };
    realtime.spawn(Group::Core, "core", move || runtime.block_on(run_all(core, links)))
}

/// Core and links until the links are told to stop and nothing is left to do. A panic of the core ends the thread.
async fn run_all(core: CoreThread, links: Vec<LinkTask>) -> CoreEnd {
    let (shared, wake) = (Arc::clone(&core.ports.shared), Arc::clone(&core.ports.wake));
    let mut core = tokio::spawn(core.run());
    let links: Vec<_> = links.into_iter().map(|link| tokio::spawn(link.run())).collect();
    let links_end = async {
        for link in links {
            if let Err(error) = link.await {
                tracing::error!(%error, "a link task failed");
            }
        }
    };
    let early_end = tokio::select! {
        end = &mut core => Some(end),
        () = links_end => None,
    };
    let end = match early_end {
        Some(end) => end,
        None => {
            shared.stop.store(true, Ordering::Release);
            wake.notify_one();
            core.await
        }
    };
    end.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

struct CoreThread {
    engine: Engine,
    script: Supervisor,
    ports: Ports,
    /// The empty batch, while the journal thread is idle.
    spare: Option<Batch>,
    facts: Vec<(Seq, Fact)>,
    /// An input the engine had no room for.
    unsent: Option<Input>,
    turns: u64,
    /// When this turn began.
    now: MonoTime,
    /// Its first half.
    worked: Nanos,
    /// When the first record was made that the journal thread has not got, and that of the batch it has.
    unwritten_since: Option<MonoTime>,
    being_written_since: Option<MonoTime>,
    /// Last record the journal thread has got.
    handed_over: Seq,
    /// The last record, and when it was made.
    made: (Seq, MonoTime),
}

impl CoreThread {
    async fn run(mut self) -> CoreEnd {
        loop {
            let taken = self.decide();
            // What moves is on the wire before anything else is seen to.
            give_way().await;
            self.settle();
            let is_stopping = self.ports.shared.stop.load(Ordering::Acquire);
            let is_done =
                is_stopping && taken == 0 && self.unsent.is_none() && self.engine.pending_count() == 0;
            if is_done || self.engine.poison().is_some() {
                return CoreEnd { turns: self.turns, poison: self.keep_poison() };
            }
            self.wait().await;
        }
    }

    /// First half of a turn, in front of which belts run: inputs become outputs. Returns how many inputs there were.
    fn decide(&mut self) -> usize {
        self.turns += 1;
        let now = self.ports.clock.now();
        self.now = now;
        self.ports.alive_until.store((now + ALIVE).0, Ordering::Release);
        self.hear_journal();
        self.engine.begin_turn(now);
        let taken = self.take_inputs();
        self.send_outputs();
        self.note_unwritten();
        self.worked = self.ports.clock.now().since(now);
        taken
    }

    /// Second half: people are heard, and the journal gets what was decided.
    fn settle(&mut self) {
        let now = self.ports.clock.now();
        self.tell_script(now);
        self.take_verbs(now);
        self.send_outputs();
        self.note_unwritten();
        self.hand_over_batch();
        self.tell_script(now);
        self.publish();
        let worked = self.worked + self.ports.clock.now().since(now);
        self.ports.shared.meters.turn.add_us(worked.0 / 1_000);
    }

    fn note_unwritten(&mut self) {
        let last = self.engine.last_seq();
        if last > self.handed_over {
            self.unwritten_since.get_or_insert(self.now);
        }
        if last > self.made.0 {
            self.made = (last, self.engine.core().now());
        }
    }

    /// Notes the input that broke an invariant for the next process, and says so.
    fn keep_poison(&self) -> Option<String> {
        let (list, poison) = self.engine.poison()?;
        let Poison { digest, crashes, what, invariant } = poison;
        let file = &self.ports.poison_file;
        tracing::error!(%digest, crashes, what, invariant, "an input broke an invariant; this process ends");
        if let Err(error) = file.save(list) {
            // Without it the next process meets the input as if for the first time.
            tracing::error!(%error, path = %file.path().display(), "the poison input cannot be noted");
        }
        let next = if *crashes < CRASHES_MAX { "meets it once more" } else { "puts it aside" };
        Some(format!(
            "the core stopped at {what}: {invariant} (time {crashes}, digest {digest}); the next start {next}"
        ))
    }

    fn hear_journal(&mut self) {
        while let Ok(news) = self.ports.journal.news.try_recv() {
            self.hear(news);
        }
    }

    fn hear(&mut self, news: JournalNews) {
        match news {
            JournalNews::Durable(seq, batch) => {
                self.spare = Some(batch);
                self.engine.handle_durable(seq);
                if let Some(since) = self.being_written_since.take() {
                    let waited = self.ports.clock.now().since(since);
                    self.ports.shared.meters.gate_wait.add_us(waited.0 / 1_000);
                }
            }
            JournalNews::Failed(error) => {
                tracing::warn!(error, "records wait for the disk");
                self.engine.handle_write_failed();
            }
        }
    }

    fn take_inputs(&mut self) -> usize {
        let mut taken = 0;
        while taken < INPUTS_PER_TURN_MAX {
            let input = match self.unsent.take() {
                Some(input) => input,
                None => match self.ports.inputs.try_recv() {
                    Ok(input) => input,
                    Err(_) => break,
                },
            };
            let line = line_of(&input);
            device_log::tell(&input, self.engine.core().plant());
            match self.engine.admit(input) {
                Admission::Taken(_) | Admission::TooLarge => self.give_back(line),
                Admission::Full(input) => {
                    self.unsent = Some(*input);
                    break;
                }
                Admission::Broken => break,
            }
            taken += 1;
        }
        taken
    }

    /// The link may send one more input.
    fn give_back(&self, line: Option<LineId>) {
        let outlet =
            self.ports.outlets.iter().find(|outlet| line.is_some_and(|line| outlet.lines.contains(&line)));
        // A link without credit sleeps until it is told.
        if let Some(outlet) = outlet
            && outlet.credits.give_back()
        {
            outlet.wake.notify_one();
        }
    }

    fn tell_script(&mut self, now: wcs_types::MonoTime) {
        loop {
            self.engine.drain_facts(&mut self.facts);
            self.tell_facts(now);
            let Some((ticket, verb)) = self.script.poll_verb(now) else { break };
            if !self.ask(ticket, verb) {
                // No room in front of the disk: asked again in a later turn.
                self.script.take_back(ticket);
                break;
            }
        }
    }

    fn tell_facts(&mut self, now: MonoTime) {
        for (_, fact) in self.facts.drain(..) {
            note(&fact, &self.ports.shared);
            self.script.handle_fact(now, &fact);
        }
    }

    /// Verbs from outside, a few in each turn.
    fn take_verbs(&mut self, now: MonoTime) {
        for _ in 0..self.ports.desk.room() {
            let Some((ticket, ask)) = self.ports.desk.next() else { break };
            let VerbAsk { operator, verb, answer } = ask;
            // The parts of a batch are long: one in a turn.
            let is_long = matches!(verb, Verb::Stage { .. });
            let before = self.engine.last_seq();
            match self.engine.admit(Input::Verb { operator, ticket, verb }) {
                Admission::Taken(position) => {
                    self.engine.drain_facts(&mut self.facts);
                    let own = self.facts.iter().filter(|(seq, _)| *seq == position && position > before);
                    let facts = own.map(|(_, fact)| fact.clone()).collect();
                    self.ports.desk.keep(ticket, position, facts, answer);
                }
                Admission::TooLarge => self.ports.desk.keep(ticket, Seq::NONE, Vec::new(), answer),
                Admission::Full(_) => {
                    Desk::turn_away(answer);
                    break;
                }
                Admission::Broken => break,
            }
            self.tell_facts(now);
            if is_long {
                break;
            }
        }
    }

    fn ask(&mut self, ticket: Ticket, verb: Verb) -> bool {
        let input = Input::Verb { operator: SCRIPT, ticket, verb };
        matches!(self.engine.admit(input), Admission::Taken(_) | Admission::TooLarge)
    }

    fn hand_over_batch(&mut self) {
        let Some(mut batch) = self.spare.take() else { return };
        // While the disk stalls a batch waits: its clock is that of its last record and not that of now.
        let waited = self.ports.clock.now().since(self.made.1);
        let wall_ms = wall_unix_ms().saturating_sub(waited.as_millis());
        if !self.engine.take_batch(wall_ms, &mut batch) {
            self.spare = Some(batch);
            return;
        }
        self.being_written_since = self.unwritten_since.take();
        self.handed_over = self.engine.last_seq();
        // The journal thread has none: it holds at most one, and that one came back.
        if self.ports.journal.batches.send(batch).is_err() {
            panic!("the journal thread ended; records cannot become durable any more");
        }
    }

    fn send_outputs(&mut self) {
        let mut woken = 0_u64;
        while let Some(output) = self.engine.poll_output() {
            match (output.target, &output.what) {
                (Target::Line(line), OutputKind::Sorter(_)) => {
                    if let Some(index) = self.push_command(line, output) {
                        woken |= 1 << (index % 64);
                    }
                }
                (Target::Asker(ticket), OutputKind::Reply(reply)) => {
                    if !self.ports.desk.answer(ticket, reply) {
                        self.script.handle_reply(ticket, reply);
                    }
                }
                (target, what) => unreachable!("no {what:?} is made for {target:?}"),
            }
        }
        for (index, outlet) in self.ports.outlets.iter().enumerate() {
            if woken & (1 << (index % 64)) != 0 {
                outlet.wake.notify_one();
            }
        }
    }

    fn push_command(&mut self, line: LineId, output: Output) -> Option<usize> {
        let OutputKind::Sorter(command) = output.what else { return None };
        if let SorterCommand::Destination(command) = &command {
            self.measure_slack(command.decide_by);
        }
        let index = self.ports.outlets.iter().position(|outlet| outlet.lines.contains(&line))?;
        let outlet = &mut self.ports.outlets[index];
        let pushed = outlet.commands.push(LinkCommand { line, generation: output.generation, command });
        if let Err(rtrb::PushError::Full(refused)) = pushed {
            // The core learns that its command went nowhere.
            if let SorterCommand::Destination(command) = refused.command {
                let input = Input::Refused { line, refusal: Refusal::QueueFull(command) };
                if let Admission::Full(input) = self.engine.admit(input) {
                    tracing::error!(?input, "neither the link nor the journal has room");
                }
            } else {
                tracing::error!(line = line.0, "the queue to a link is full; a command was dropped");
            }
        }
        Some(index)
    }

    /// How much time a decision has left; one for a load of before has no instant of its own.
    fn measure_slack(&self, decide_by: MonoTime) {
        let meters = &self.ports.shared.meters;
        if decide_by > self.now {
            meters.slack.add_us(decide_by.since(self.now).0 / 1_000);
        } else if decide_by != MonoTime::ZERO {
            meters.without_slack.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn publish(&self) {
        let shared = &self.ports.shared;
        let meters = &shared.meters;
        meters.gated.store(self.engine.gated_count() as u64, Ordering::Relaxed);
        meters.inputs_waiting.store(self.ports.inputs.len() as u64, Ordering::Relaxed);
        meters.verbs_waiting.store(self.ports.desk.waiting() as u64, Ordering::Relaxed);
        let headroom = self.ports.outlets.iter().map(|outlet| outlet.commands.slots()).min();
        meters.ring_headroom.store(headroom.unwrap_or_default() as u64, Ordering::Relaxed);
        shared.turns.store(self.turns, Ordering::Release);
        shared.last_seq.store(self.engine.last_seq().0, Ordering::Release);
        shared.is_finished.store(self.script.is_finished(), Ordering::Release);
        if let Some((batch, refusal)) = self.script.refusals().first() {
            let mut kept = shared.refusal.lock().expect("nobody panics while holding it");
            kept.get_or_insert_with(|| format!("batch {batch}: {refusal:?}"));
        }
    }

    /// Sleeps until there is something to do.
    async fn wait(&mut self) {
        if self.unsent.is_none() && !self.ports.inputs.is_empty() {
            return;
        }
        // Verbs that found no room in this turn; the links have theirs between two turns.
        if self.ports.desk.has_asks() && self.ports.desk.room() > 0 {
            return;
        }
        let now = self.ports.clock.now();
        let due = self.engine.next_timeout().map_or(TURN_MAX, |at| Duration::from_nanos(at.since(now).0));
        let script = Duration::from_nanos(self.script.next_timeout().since(now).0);
        // Never zero: a script that waits for the journal must not spin.
        let span = TURN_MAX.min(due).min(script).max(Duration::from_micros(50));
        tokio::select! {
            () = self.ports.wake.notified() => {}
            () = tokio::time::sleep(span) => {}
        }
    }
}

fn line_of(input: &Input) -> Option<LineId> {
    match input {
        Input::Sorter { line, .. } | Input::Link { line, .. } | Input::Refused { line, .. } => Some(*line),
        Input::Verb { .. } | Input::Timeout | Input::Storage(_) | Input::Quarantined(_) => None,
    }
}

/// What the outside learns from a fact: log events and flags.
fn note(fact: &Fact, shared: &Shared) {
    match fact {
        Fact::AlarmRaised(key) => {
            tracing::warn!(code = key.code.as_str(), line = key.line.map(|line| line.0), "alarm raised");
            if key.code == AlarmCode::FencedOff {
                shared.is_fenced.store(true, Ordering::Release);
            }
        }
        Fact::AlarmGone(key) => {
            tracing::info!(code = key.code.as_str(), line = key.line.map(|line| line.0), "alarm gone");
        }
        Fact::InputPutAside { digest, line } => {
            tracing::error!(%digest, line = line.map(|line| line.0), "an input that stopped us before is put aside");
        }
        Fact::SelfStalled { gap } => {
            tracing::warn!(ms = gap.as_millis(), "this process did not come to its turn");
        }
        Fact::BatchStarted { batch } => tracing::info!(batch = batch.0, "batch started"),
        Fact::BatchEnded { batch } => tracing::info!(batch = batch.0, "batch ended"),
        _ => {}
    }
}
