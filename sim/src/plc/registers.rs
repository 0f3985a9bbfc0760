//! The register side of the PLC: what a cycle publishes, and how reads and writes of the wire meet it. Everything
//! of section 2 that one answer shows is of one cycle.

use wcs_sessions::exchange::Request;
use wcs_specs::BlockMap;
use wcs_types::{LaneState, MonoTime};

use super::event::put32;
use super::{Plc, Write};
use crate::world::belt::Belt;
use crate::world::reply::ReplyBody;

/// Writes that may wait for one cycle. More: the PLC is busy.
const WRITES_PER_CYCLE_MAX: usize = 256;
/// Registers one read carries.
const READ_COUNT_MAX: u16 = 125;
/// Registers one write carries.
const WRITE_COUNT_MAX: usize = 123;

/// Modbus exceptions.
pub(crate) const ILLEGAL_ADDRESS: u8 = 2;
pub(crate) const ILLEGAL_VALUE: u8 = 3;
pub(crate) const DEVICE_BUSY: u8 = 6;

impl Plc {
    /// Publishes the hot header; what moves by itself is worked out when it is read.
    pub(crate) fn publish(&mut self) {
        let map = self.tables.map.header;
        let backlog = self.fifo.backlog();
        let status = self.status();
        let header = &mut self.header;
        header[map.magic] = self.tables.map.magic;
        header[map.version] = self.tables.map.version;
        header[map.plc_epoch] = self.epoch;
        header[map.wcs_life_echo] = self.owner.wcs_life;
        header[map.link_state] = self.owner.link_state;
        header[map.owner_epoch] = self.owner.epoch;
        header[map.state] = self.machine.state;
        header[map.mode] = self.machine.mode;
        header[map.safety_status] = self.machine.safety();
        header[map.status] = status;
        header[map.evt_head] = self.fifo.head();
        header[map.evt_taken_echo] = self.fifo.taken();
        header[map.evt_ack_echo] = self.fifo.ack();
        header[map.evt_backlog] = backlog;
        header[map.evt_lost] = self.fifo.lost();
        header[map.cmd_tail] = self.ring.tail();
        header[map.rej_seq] = self.refused.seq;
        header[map.rej_code] = self.refused.code;
        header[map.rej_count] = self.refused.count;
        header[map.items_on_sorter] = u16::try_from(self.items.count()).unwrap_or(u16::MAX);
        header[map.alarms_active] = u16::try_from(self.alarms.len()).unwrap_or(u16::MAX);
        put32(header, map.n_inducted, self.inducted);
        put32(header, map.n_final, self.finals);
        if header[map.lane_gen] != self.lane_generation {
            header[map.lane_gen] = self.lane_generation;
            self.publish_lanes();
        }
    }

    fn status(&self) -> u16 {
        let bits = self.tables.words.status;
        let mut status = 0;
        for (is_set, bit) in [
            (self.may_induct(), bits.induct_running),
            (self.is_permitted(), bits.induct_permitted),
            (self.is_recirculation_full(), bits.recirculation_full),
            (self.is_throttled, bits.fifo_throttle),
        ] {
            status |= if is_set { bit } else { 0 };
        }
        status
    }

    pub(crate) fn publish_lanes(&mut self) {
        let map = self.tables.map.lanes;
        self.lane_words.fill(0);
        for (index, state) in self.lane_states.iter().enumerate() {
            let base = match state {
                LaneState::Ready | LaneState::HalfFull => map.lane_ready,
                LaneState::Full => map.lane_full,
                LaneState::Fault => map.lane_fault,
                LaneState::Unavailable | LaneState::Closed => continue,
            };
            self.lane_words[base + index / 16] |= 1 << (index % 16);
        }
    }

    fn statics(&self) -> Vec<u16> {
        let (map, geometry) = (self.tables.map.statics, &self.geometry);
        let flags = self.tables.words.static_flags;
        let mut words = vec![0; usize::from(self.tables.map.statics_block.count)];
        words[map.lane_count] = geometry.lane_count;
        words[map.evt_slots] = self.evt_slots();
        words[map.cmd_slots] = self.cmd_slots();
        words[map.fifo_size] = u16::try_from(self.fifo.size()).expect("a FIFO has at most 16 384 places");
        words[map.plc_cycle_ms] = self.cycle.as_millis() as u16;
        words[map.max_recirc] = self.max_recirc;
        words[map.lane_noread] = geometry.lane_noread;
        words[map.lane_exception] = geometry.lane_exception;
        words[map.lane_overflow_1] = geometry.lane_overflow[0];
        words[map.lane_overflow_2] = geometry.lane_overflow[1];
        words[map.induction_count] = self.induction_mask.count_ones() as u16;
        words[map.flags] = if self.is_fifo_retentive { flags.fifo_retentive } else { 0 }
            | if self.are_items_retentive { flags.items_retentive } else { 0 };
        put32(&mut words, map.loop_mm, geometry.round.belt_mm());
        words[map.owner_tag] = self.owner.tag;
        let path = geometry.end() - geometry.scanner + geometry.divert;
        put32(&mut words, map.path_mm, path.belt_mm());
        words
    }

    fn header_at(&self, at: MonoTime, belt: &Belt) -> Vec<u16> {
        let map = self.tables.map.header;
        let mut words = self.header.clone();
        words[map.plc_life] = self.life(at);
        put32(&mut words, map.plc_tick, at.since(self.started_at).as_millis() as u32);
        put32(&mut words, map.belt_mm, belt.travel_at(at).belt_mm());
        words[map.speed_mm_s] = u16::try_from(belt.speed_mm_s()).expect("the belt speed was checked");
        words
    }

    fn evt_slots(&self) -> u16 {
        self.fifo.slot_count()
    }

    fn cmd_slots(&self) -> u16 {
        self.ring.slot_count()
    }

    /// Answers a request that arrives at `now`. Writes wait for the next cycle.
    pub(crate) fn answer(&mut self, now: MonoTime, request: &Request, belt: &Belt) -> ReplyBody {
        match request {
            Request::Read { count, .. } if *count == 0 || *count > READ_COUNT_MAX => {
                ReplyBody::Exception(ILLEGAL_VALUE)
            }
            Request::Read { address, count } => self.read(now, *address, *count, belt),
            Request::Write { words, .. } if words.is_empty() || words.len() > WRITE_COUNT_MAX => {
                ReplyBody::Exception(ILLEGAL_VALUE)
            }
            Request::Write { address, words } => self.write(now, *address, words),
        }
    }

    fn read(&self, now: MonoTime, address: u16, count: u16, belt: &Belt) -> ReplyBody {
        let map = &self.tables.map;
        let mut words = vec![0; usize::from(count)];
        let mut covered = 0;
        let cycle = self.last_cycle(now);
        for (block, kind) in [
            (map.header_block, 0),
            (map.statics_block, 1),
            (map.lanes_block, 2),
            (self.events_block(), 3),
            (map.control_block, 4),
            (self.commands_block(), 5),
        ] {
            let Some((from, to)) = overlap(address, count, block) else { continue };
            let start = usize::from(from - block.start);
            let length = usize::from(to - from);
            let offset = usize::from(from - address);
            let out = &mut words[offset..offset + length];
            match kind {
                0 => out.copy_from_slice(&self.header_at(cycle, belt)[start..start + length]),
                1 => out.copy_from_slice(&self.statics()[start..start + length]),
                2 => out.copy_from_slice(&self.lane_words[start..start + length]),
                3 => self.fifo.window(start, out),
                4 => out.copy_from_slice(&self.owner.block[start..start + length]),
                _ => out.copy_from_slice(&self.ring.words()[start..start + length]),
            }
            covered += length;
        }
        if covered == words.len() {
            ReplyBody::Registers(words)
        } else {
            ReplyBody::Exception(ILLEGAL_ADDRESS)
        }
    }

    fn write(&mut self, now: MonoTime, address: u16, words: &[u16]) -> ReplyBody {
        let count = u16::try_from(words.len()).expect("the length was checked");
        let map = self.tables.map;
        let (control, commands) = (map.control_block, self.commands_block());
        let write = if is_inside(address, count, control) {
            if address != control.start || (count != map.control_count && count != control.count) {
                return ReplyBody::Exception(ILLEGAL_VALUE);
            }
            Write::Block(words.to_vec())
        } else if is_inside(address, count, commands) {
            Write::Slots { offset: usize::from(address - commands.start), words: words.to_vec() }
        } else {
            return ReplyBody::Exception(ILLEGAL_ADDRESS);
        };
        if self.writes.len() >= WRITES_PER_CYCLE_MAX {
            return ReplyBody::Exception(DEVICE_BUSY);
        }
        self.writes.push(write);
        self.mark_dirty(now);
        ReplyBody::Written
    }

    /// The built-in second client writes a block, and with an older epoch a slot over the next one as well.
    pub(crate) fn write_as_second_client(&mut self, now: MonoTime, is_same_epoch: bool) {
        if self.owner.epoch == 0 || self.writes.len() >= WRITES_PER_CYCLE_MAX {
            return;
        }
        let older = if self.owner.epoch == 1 { u16::MAX } else { self.owner.epoch - 1 };
        let epoch = if is_same_epoch { self.owner.epoch } else { older };
        if !is_same_epoch {
            let map = self.tables.map.command;
            let seq = self.ring.tail();
            let mut words = vec![0; usize::from(self.tables.map.command_slot_count)];
            words[map.seq] = seq;
            words[map.seq_copy] = seq;
            words[map.kind] = self.tables.words.commands.destination;
            words[map.lane] = 1;
            words[map.wcs_epoch] = epoch;
            self.writes.push(Write::Slots { offset: self.ring.offset(seq), words });
        }
        self.writes.push(Write::Block(self.second_client_block(epoch)));
        self.mark_dirty(now);
    }

    fn events_block(&self) -> BlockMap {
        let map = &self.tables.map;
        BlockMap { start: map.events_block.start, count: self.evt_slots() * map.event_slot_count }
    }

    fn commands_block(&self) -> BlockMap {
        let map = &self.tables.map;
        BlockMap { start: map.commands_block.start, count: self.cmd_slots() * map.command_slot_count }
    }
}

/// The part of a request that lies in a block: first address, and the one past the last.
fn overlap(address: u16, count: u16, block: BlockMap) -> Option<(u16, u16)> {
    let end = u32::from(address) + u32::from(count);
    let block_end = u32::from(block.start) + u32::from(block.count);
    let from = address.max(block.start);
    let to = end.min(block_end);
    let to = u16::try_from(to).ok()?;
    (from < to).then_some((from, to))
}

fn is_inside(address: u16, count: u16, block: BlockMap) -> bool {
    address.checked_add(count).is_some_and(|end| overlap(address, count, block) == Some((address, end)))
}
