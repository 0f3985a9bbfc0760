//! The control block: what is wanted of the machine as a whole, what was last written of it, and when it must
//! be written again. Which commands and events it names is told from outside.

use std::collections::VecDeque;

use wcs_types::mutation::{Mutation, is_on};
use wcs_types::{CommandSeq, Epoch, EventSeq, LaneSet, MonoTime, UnitCommand};

use super::config::SorterConfig;
use super::header::Header;
use super::registers::halves;

/// Machine commands waiting for a block of their own. More: the oldest is dropped and counted.
const UNIT_COMMANDS_MAX: usize = 8;

/// What a block says of events and commands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Pointers {
    pub(super) taken: EventSeq,
    pub(super) ack: EventSeq,
    pub(super) cmd_head: CommandSeq,
}

/// Whom a block is from and for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Addressing {
    pub(super) owner: Epoch,
    pub(super) plc_epoch: Epoch,
}

/// A block as it was sent; becomes `written` when the answer is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Block {
    pub(super) pointers: Pointers,
    pub(super) permit: u16,
    unit_cmd_cnt: u16,
    closing: Option<LaneSet>,
}

/// Why a block should be written now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Need {
    /// Something that moves or stops loads changed, or it is time for a sign of life.
    Urgent,
    /// Only event pointers changed.
    Pointers,
    /// Nothing.
    Nothing,
}

/// Desired machine state and what was written of it.
#[derive(Clone, Debug)]
pub(super) struct Control {
    permit: u16,
    is_throttled: bool,
    closing: LaneSet,
    units: VecDeque<UnitCommand>,
    unit_cmd: u16,
    unit_cmd_cnt: u16,
    written: Option<Block>,
    sent_at: MonoTime,
    closing_sent_at: MonoTime,
}

impl Control {
    pub(super) fn new() -> Self {
        Self {
            permit: 0,
            is_throttled: false,
            closing: LaneSet::new(),
            units: VecDeque::new(),
            unit_cmd: 0,
            unit_cmd_cnt: 0,
            written: None,
            sent_at: MonoTime::ZERO,
            closing_sent_at: MonoTime::ZERO,
        }
    }

    pub(super) fn set_permit(&mut self, permit: u16) {
        self.permit = permit;
    }

    pub(super) fn set_closing(&mut self, closing: LaneSet) {
        self.closing = closing;
    }

    /// Queues a machine command; false when an older one had to go.
    pub(super) fn push_unit(&mut self, command: UnitCommand) -> bool {
        let has_room = self.units.len() < UNIT_COMMANDS_MAX;
        if !has_room {
            self.units.pop_front();
        }
        self.units.push_back(command);
        has_room
    }

    /// The permit to write while commanding: the core's, unless the backlog of events withholds it.
    pub(super) fn permit(&self) -> u16 {
        if self.is_throttled { 0 } else { self.permit }
    }

    /// Withholds the permit while more events wait than the window shows, until none waits.
    pub(super) fn see_backlog(&mut self, header: &Header, evt_slots: u16) {
        if header.evt_backlog > evt_slots {
            self.is_throttled = true;
        } else if header.evt_backlog == 0 {
            self.is_throttled = false;
        }
    }

    /// Begins a new attachment or loses the device: what was written no longer counts, the core gives its permit
    /// anew once it has settled what is open, and machine commands from before are too old to be carried out.
    pub(super) fn forget_written(&mut self) {
        self.written = None;
        if !is_on(Mutation::PermitBeforeDrained) {
            self.permit = 0;
        }
        self.units.clear();
    }

    /// The answer to a block did not come: it may or may not have been seen.
    pub(super) fn doubt_written(&mut self) {
        self.written = None;
    }

    /// The block as last acknowledged.
    pub(super) fn written(&self) -> Option<&Block> {
        self.written.as_ref()
    }

    /// When the next sign of life is due.
    pub(super) fn due_at(&self, config: &SorterConfig) -> MonoTime {
        self.sent_at + config.life_period
    }

    /// Whether `pointers` and `permit` should be written now.
    pub(super) fn need(&self, now: MonoTime, config: &SorterConfig, pointers: Pointers, permit: u16) -> Need {
        let Some(written) = &self.written else { return Need::Urgent };
        let is_changed = written.pointers.cmd_head != pointers.cmd_head
            || written.permit != permit
            || !self.units.is_empty()
            || written.closing.as_ref().is_some_and(|closing| *closing != self.closing);
        if is_changed || now >= self.due_at(config) {
            Need::Urgent
        } else if written.pointers != pointers {
            Need::Pointers
        } else {
            Need::Nothing
        }
    }

    /// The words of a block sent now; the long form with the first block, on a change, and from time to time.
    pub(super) fn make(
        &mut self,
        now: MonoTime,
        config: &SorterConfig,
        addressing: Addressing,
        wcs_life: u16,
        (pointers, permit): (Pointers, u16),
    ) -> (Block, Vec<u16>) {
        if let Some(command) = self.units.pop_front() {
            self.unit_cmd = command.to_wire();
            self.unit_cmd_cnt = self.unit_cmd_cnt.wrapping_add(1);
        }
        let known = self.written.as_ref().and_then(|block| block.closing.as_ref());
        let is_long =
            known != Some(&self.closing) || now.since(self.closing_sent_at) >= config.closing_period;
        let count = if is_long { config.map.control_block.count } else { config.map.control_count };
        let mut words = vec![0; usize::from(count)];
        self.fill(now, config, addressing, wcs_life, &mut words);
        let at = &config.map.control;
        words[at.evt_taken] = pointers.taken.0;
        words[at.evt_ack] = pointers.ack.0;
        words[at.cmd_head] = pointers.cmd_head.0;
        words[at.permit] = permit;
        if is_long {
            for (index, word) in words[at.lane_closing..].iter_mut().enumerate() {
                *word = self.closing.word(index);
            }
            self.closing_sent_at = now;
        }
        self.sent_at = now;
        let closing = Some(self.closing.clone());
        (Block { pointers, permit, unit_cmd_cnt: self.unit_cmd_cnt, closing }, words)
    }

    fn fill(&self, now: MonoTime, config: &SorterConfig, to: Addressing, wcs_life: u16, words: &mut [u16]) {
        let at = &config.map.control;
        words[at.version] = config.map.version;
        words[at.wcs_epoch] = to.owner.0;
        words[at.epoch_copy] = to.owner.0;
        words[at.plc_epoch] = to.plc_epoch.0;
        words[at.wcs_life] = wcs_life;
        words[at.owner_tag] = config.owner_tag;
        words[at.unit_cmd] = self.unit_cmd;
        words[at.unit_cmd_cnt] = self.unit_cmd_cnt;
        let unix_ms = config.utc_at_zero_ms.saturating_add(now.since(MonoTime::ZERO).as_millis());
        words[at.utc_s..at.utc_s + 2].copy_from_slice(&halves((unix_ms / 1_000) as u32));
        words[at.utc_ms] = (unix_ms % 1_000) as u16;
    }

    /// The block was written.
    pub(super) fn acknowledge(&mut self, block: Block) {
        assert!(block.unit_cmd_cnt == self.unit_cmd_cnt, "no block is made while one is under way");
        self.written = Some(block);
    }
}
