//! One slot of the event window: is it the expected one and whole, to which life of the PLC does it belong,
//! and what does it say. Nothing here remembers anything; a SCAN and its continuations are joined elsewhere.

use wcs_specs::SorterMap;
use wcs_specs::sorter_words::SorterWords;
use wcs_types::{
    BeltMm, CommandSeq, Epoch, EventBody, EventSeq, ExitResult, LaneNo, LaneState, MachineState, RejectCode,
};

use super::registers::{double, word};

/// Which lives of the PLC events in its FIFO may belong to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Lives {
    /// The present one.
    pub(super) now: Epoch,
    /// The one before, when the FIFO outlives a restart.
    pub(super) before: Option<Epoch>,
}

impl Lives {
    /// The lives of a PLC whose present one is `now`. `known` is the last other one this process met.
    pub(super) fn new(now: Epoch, is_retentive: bool, known: Option<Epoch>) -> Self {
        let counted = Epoch(if now.0 == 1 { u16::MAX } else { now.0.wrapping_sub(1) });
        Self { now, before: is_retentive.then(|| known.unwrap_or(counted)) }
    }

    fn of(&self, byte: u8) -> Option<Epoch> {
        let [_, now] = self.now.0.to_be_bytes();
        if byte == now {
            return Some(self.now);
        }
        self.before.filter(|epoch| epoch.0.to_be_bytes()[1] == byte)
    }
}

/// A whole slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) words: &'a [u16],
    pub(super) seq: EventSeq,
    pub(super) kind: u16,
    pub(super) item: u32,
    pub(super) station: u16,
    pub(super) flags: u16,
    pub(super) plc_epoch: Epoch,
    pub(super) plc_tick_ms: u32,
    pub(super) belt: BeltMm,
}

impl<'a> Slot<'a> {
    /// The slot in `words`, or `None` when it is torn, old, or of a life that cannot be.
    pub(super) fn decode(
        map: &SorterMap,
        profile: &SorterWords,
        lives: Lives,
        expected: EventSeq,
        words: &'a [u16],
    ) -> Option<Self> {
        let at = &map.event;
        let seq = EventSeq(word(words, at.seq));
        if words.len() < usize::from(map.event_slot_count)
            || seq != expected
            || word(words, at.seq_copy) != expected.0
        {
            return None;
        }
        let flags = word(words, at.flags);
        let epoch_byte =
            (flags & profile.event_flags.epoch_byte) >> profile.event_flags.epoch_byte.trailing_zeros();
        Some(Self {
            words,
            seq,
            kind: word(words, at.kind),
            item: double(words, at.item),
            station: word(words, at.station),
            flags,
            plc_epoch: lives.of(epoch_byte as u8)?,
            plc_tick_ms: double(words, at.plc_tick),
            belt: BeltMm(double(words, at.belt_mm)),
        })
    }

    /// What the slot says, for every type but SCAN; a value without meaning makes it an unknown event.
    pub(super) fn body(&self, map: &SorterMap, profile: &SorterWords) -> EventBody {
        let (at, kinds) = (&map.event, &profile.events);
        let value = |offset: usize| word(self.words, offset);
        if self.kind == kinds.exit {
            return self.exit(map, profile).unwrap_or(EventBody::Unknown { kind: self.kind });
        }
        if self.kind == kinds.lane {
            let fill = value(at.lane_fill);
            return EventBody::Lane {
                lane: LaneNo(value(at.lane_lane)),
                old: LaneState::from_wire(value(at.lane_old)),
                new: LaneState::from_wire(value(at.lane_new)),
                fill_percent: (fill != profile.numbers.unmeasured).then_some(fill),
            };
        }
        if self.kind == kinds.checkpoint {
            return EventBody::Checkpoint {
                checkpoint: value(at.checkpoint_number),
                deviation_mm: value(at.checkpoint_deviation_mm).cast_signed(),
            };
        }
        if self.kind == kinds.alarm {
            return EventBody::Alarm {
                code: value(at.alarm_code),
                is_raised: value(at.alarm_raised) != 0,
                severity: value(at.alarm_severity),
                place: value(at.alarm_place),
            };
        }
        if self.kind == kinds.state {
            return EventBody::State {
                old: MachineState(value(at.state_old)),
                new: MachineState(value(at.state_new)),
                cause: value(at.state_cause),
            };
        }
        if self.kind == kinds.command_reject {
            return EventBody::CommandRejected {
                command: CommandSeq(value(at.reject_command)),
                code: RejectCode::from_wire(value(at.reject_code)),
                owner_epoch: Epoch(value(at.reject_owner_epoch)),
            };
        }
        EventBody::Unknown { kind: self.kind }
    }

    fn exit(&self, map: &SorterMap, profile: &SorterWords) -> Option<EventBody> {
        let at = &map.event;
        let value = |offset: usize| word(self.words, offset);
        let is_applied = self.flags & profile.event_flags.exit_command_valid != 0;
        Some(EventBody::Exit {
            requested: LaneNo(value(at.exit_requested)),
            actual: LaneNo(value(at.exit_actual)),
            result: ExitResult::from_wire(value(at.exit_result))?,
            detail: value(at.exit_detail),
            turns: value(at.exit_turns),
            applied: is_applied.then_some(CommandSeq(value(at.exit_command))),
            since_scan_ms: double(self.words, at.exit_since_scan_ms),
        })
    }
}
