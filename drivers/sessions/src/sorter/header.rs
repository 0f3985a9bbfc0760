//! The hot header of the PLC as numbers with names, and the checks that decide whether it is one at all.

use wcs_specs::SorterMap;
use wcs_types::{BeltMm, CommandSeq, DeviceFault, Epoch, EventSeq, MachineState};

use super::registers::{double, word};

/// One reading of the hot header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) plc_epoch: Epoch,
    pub(super) plc_life: u16,
    pub(super) wcs_life_echo: u16,
    pub(super) link_state: u16,
    pub(super) owner_epoch: Epoch,
    pub(super) state: MachineState,
    pub(super) safety: u16,
    pub(super) status: u16,
    pub(super) evt_head: EventSeq,
    pub(super) evt_taken_echo: EventSeq,
    pub(super) evt_ack_echo: EventSeq,
    pub(super) evt_backlog: u16,
    pub(super) evt_lost: u16,
    pub(super) cmd_tail: CommandSeq,
    pub(super) rej_seq: u16,
    pub(super) rej_code: u16,
    pub(super) rej_count: u16,
    pub(super) belt: BeltMm,
    pub(super) speed_mm_s: u16,
    pub(super) lane_gen: u16,
}

impl Header {
    /// The header in a register image.
    ///
    /// # Errors
    /// The fault that forbids operating a device with these registers.
    pub(super) fn decode(map: &SorterMap, words: &[u16]) -> Result<Self, DeviceFault> {
        let at = &map.header;
        let magic = word(words, at.magic);
        if magic != map.magic {
            return Err(DeviceFault::WrongMagic { found: magic });
        }
        let version = word(words, at.version);
        if version >> 8 != map.version >> 8 {
            return Err(DeviceFault::WrongVersion { found: version });
        }
        let plc_epoch = Epoch(word(words, at.plc_epoch));
        if plc_epoch == Epoch::NONE {
            let address = map.header_block.start.wrapping_add(at.plc_epoch as u16);
            return Err(DeviceFault::BadStatics { address, found: 0 });
        }
        Ok(Self {
            plc_epoch,
            plc_life: word(words, at.plc_life),
            wcs_life_echo: word(words, at.wcs_life_echo),
            link_state: word(words, at.link_state),
            owner_epoch: Epoch(word(words, at.owner_epoch)),
            state: MachineState(word(words, at.state)),
            safety: word(words, at.safety_status),
            status: word(words, at.status),
            evt_head: EventSeq(word(words, at.evt_head)),
            evt_taken_echo: EventSeq(word(words, at.evt_taken_echo)),
            evt_ack_echo: EventSeq(word(words, at.evt_ack_echo)),
            evt_backlog: word(words, at.evt_backlog),
            evt_lost: word(words, at.evt_lost),
            cmd_tail: CommandSeq(word(words, at.cmd_tail)),
            rej_seq: word(words, at.rej_seq),
            rej_code: word(words, at.rej_code),
            rej_count: word(words, at.rej_count),
            belt: BeltMm(double(words, at.belt_mm)),
            speed_mm_s: word(words, at.speed_mm_s),
            lane_gen: word(words, at.lane_gen),
        })
    }

    /// One past the last event the PLC holds, shown or behind the window.
    pub(super) fn fifo_end(&self) -> EventSeq {
        self.evt_head.plus(self.evt_backlog)
    }

    /// True when any bit of `mask` is set in the status register.
    pub(super) fn has(&self, mask: u16) -> bool {
        self.status & mask != 0
    }
}
