//! The command ring: commands waiting for a place, commands written but not yet published, and the last ones
//! published, kept for the case that the PLC could not read them.
//!
//! ```text
//!   queue ──stage──► staged ──written──► unpublished ──block acknowledged──► sent
//!     ▲                │ silence             │ new attachment                │ refusal 5 or 7
//!     └────────────────┴──────────────────── dropped ◄──────────────────────┴──► queue, once more
//! ```

use std::collections::VecDeque;

use wcs_specs::SorterMap;
use wcs_specs::sorter_words::SorterWords;
use wcs_types::limits::COMMANDS_PER_LINK_MAX;
use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{CommandSeq, DestinationCommand, Epoch, MonoTime, Nanos};

use super::registers::halves;

/// One command for the ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RingCommand {
    Destination(DestinationCommand),
    Cancel { item: u32 },
}

/// A command with what is needed to send it again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) command: RingCommand,
    pub(super) generation: u32,
    /// When the scan it answers was first shown.
    pub(super) shown_at: Option<MonoTime>,
}

impl Queued {
    pub(super) fn item(&self) -> u32 {
        match self.command {
            RingCommand::Destination(command) => command.item,
            RingCommand::Cancel { item } => item,
        }
    }
}

/// The ring of one attachment.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    queue: VecDeque<Queued>,
    staged: Vec<Queued>,
    sent: VecDeque<(CommandSeq, Queued)>,
    slots: u16,
    /// Next sequence to write.
    next: CommandSeq,
    /// `cmd_head` as last acknowledged.
    published: CommandSeq,
    /// Next sequence the PLC will take.
    tail: CommandSeq,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            staged: Vec::new(),
            sent: VecDeque::new(),
            slots: 16,
            next: CommandSeq(0),
            published: CommandSeq(0),
            tail: CommandSeq(0),
        }
    }

    /// Begins an attachment: commands continue where the PLC stands.
    pub(super) fn attach(&mut self, slots: u16, tail: CommandSeq) {
        assert!(slots.is_power_of_two(), "slot counts were checked with the static block");
        self.slots = slots;
        self.next = tail;
        self.published = tail;
        self.tail = tail;
        self.staged.clear();
        if is_on(Mutation::CommandsKept) {
            self.queue.extend(self.sent.iter().map(|(_, command)| *command));
        }
        self.sent.clear();
    }

    /// Queues a command; gives it back when the queue is full.
    pub(super) fn push(&mut self, command: Queued) -> Result<(), Queued> {
        if self.queue.len() >= COMMANDS_PER_LINK_MAX {
            return Err(command);
        }
        self.queue.push_back(command);
        Ok(())
    }

    /// Takes every command that was not written, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Queued> {
        self.staged.drain(..).chain(self.queue.drain(..)).collect()
    }

    /// Takes the commands at the head of the queue for which `is_late` holds.
    pub(super) fn drain_late(&mut self, is_late: impl Fn(&Queued) -> bool) -> Vec<Queued> {
        let mut late = Vec::new();
        let reach = usize::from(self.slots);
        let mut index = 0;
        while index < self.queue.len().min(reach) {
            if is_late(&self.queue[index]) {
                late.extend(self.queue.remove(index));
            } else {
                index += 1;
            }
        }
        late
    }

    /// Follows `cmd_tail`; false when the PLC claims to have taken what was never written.
    pub(super) fn see_tail(&mut self, tail: CommandSeq) -> bool {
        if self.published.distance_from(tail) > self.slots {
            return false;
        }
        self.tail = tail;
        true
    }

    /// How many commands the next write carries: contiguous slots, and never more than the PLC has room for.
    pub(super) fn writable(&self, slots_per_write: u16) -> u16 {
        let room = self.slots.saturating_sub(self.next.distance_from(self.tail));
        let to_end = self.slots - self.next.0 % self.slots;
        let waiting = self.queue.len().min(usize::from(slots_per_write)) as u16;
        waiting.min(room).min(to_end)
    }

    /// Stages `count` commands: first slot index and the words to write there.
    pub(super) fn stage(
        &mut self,
        (map, profile): (&SorterMap, &SorterWords),
        count: u16,
        owner: Epoch,
        left: impl Fn(&DestinationCommand) -> Nanos,
    ) -> (u16, Vec<u16>) {
        assert!(self.staged.is_empty(), "one exchange is under way at a time");
        let first = self.next.0 % self.slots;
        let mut words = Vec::with_capacity(usize::from(count) * usize::from(map.command_slot_count));
        for index in 0..count {
            let Some(command) = self.queue.pop_front() else { break };
            words.extend(encode(map, profile, &command.command, self.next.plus(index), owner, &left));
            self.staged.push(command);
        }
        (first, words)
    }

    /// The staged slots are in the ring.
    pub(super) fn written(&mut self) {
        for command in self.staged.drain(..) {
            self.sent.push_back((self.next, command));
            self.next = self.next.next();
        }
        while self.sent.len() > usize::from(self.slots) {
            self.sent.pop_front();
        }
    }

    /// It is not known whether the staged slots were written: they will be written again.
    pub(super) fn unstage(&mut self) {
        while let Some(command) = self.staged.pop() {
            self.queue.push_front(command);
        }
    }

    /// `cmd_head` for the control block.
    pub(super) fn head(&self) -> CommandSeq {
        self.next
    }

    /// `cmd_head` as last acknowledged by the PLC's Modbus server.
    pub(super) fn published(&self) -> CommandSeq {
        self.published
    }

    /// The block with `head` was written: calls `seen` with the showing time of each command it published.
    pub(super) fn publish(&mut self, head: CommandSeq, mut seen: impl FnMut(MonoTime)) {
        for (seq, command) in &mut self.sent {
            let is_new = !self.published.is_newer_than(*seq) && head.is_newer_than(*seq);
            if is_new && let Some(at) = command.shown_at.take() {
                seen(at);
            }
        }
        self.published = head;
    }

    /// The command of ours that carried `seq`, if it is among the last ones.
    pub(super) fn find_sent(&self, seq: CommandSeq) -> Option<Queued> {
        self.sent.iter().rev().find(|(sent, _)| *sent == seq).map(|(_, command)| *command)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.staged.is_empty()
    }
}

fn encode(
    map: &SorterMap,
    profile: &SorterWords,
    command: &RingCommand,
    seq: CommandSeq,
    owner: Epoch,
    left: &impl Fn(&DestinationCommand) -> Nanos,
) -> Vec<u16> {
    let at = &map.command;
    let mut words = vec![0; usize::from(map.command_slot_count)];
    let item = match command {
        RingCommand::Destination(destination) => {
            words[at.kind] = profile.commands.destination;
            words[at.lane] = destination.lane.0;
            words[at.alternative_1] = destination.alternatives[0].0;
            words[at.alternative_2] = destination.alternatives[1].0;
            words[at.options] = if destination.may_recirculate { profile.options.may_recirculate } else { 0 };
            words[at.answers] = destination.answers.0;
            words[at.ms_left] = u16::try_from(left(destination).as_millis()).unwrap_or(u16::MAX);
            destination.item
        }
        RingCommand::Cancel { item } => {
            words[at.kind] = profile.commands.cancel;
            *item
        }
    };
    words[at.seq] = seq.0;
    words[at.seq_copy] = seq.0;
    words[at.wcs_epoch] = owner.0;
    words[at.item..at.item + 2].copy_from_slice(&halves(item));
    words
}
