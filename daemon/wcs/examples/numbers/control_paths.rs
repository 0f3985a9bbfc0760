//! The control path as the PLC sees it: from the request whose answer showed a scan in the header to the write of the block
//! that publishes its destination, scan by scan, by item number.

use std::collections::HashMap;
use std::time::Instant;

use hdrhistogram::Histogram;
use wcs_sessions::exchange::Request;
use wcs_sim::world::{PlcReply, ReplyBody};
use wcs_specs::{BlockMap, SorterMap, SorterWords};

use crate::recording::record_micros;

/// Scans without a destination that are remembered.
const OPEN_MAX: usize = 4_096;

/// Scans on their way through the daemon.
pub(crate) struct ControlPaths {
    map: SorterMap,
    words: SorterWords,
    header_at: Instant,
    /// When the header before the slot of an item was asked for.
    open: HashMap<[u16; 2], Instant>,
    /// Destinations that were written and are not published yet.
    written: Vec<Instant>,
}

impl ControlPaths {
    pub(crate) fn new(map: SorterMap, words: SorterWords) -> Self {
        Self { map, words, header_at: Instant::now(), open: HashMap::new(), written: Vec::new() }
    }

    /// Where the blocks of the PLC are.
    pub(crate) fn map(&self) -> SorterMap {
        self.map
    }

    /// Looks at a request that came `at` this instant and at its reply.
    pub(crate) fn count(
        &mut self,
        at: Instant,
        request: &Request,
        reply: &PlcReply,
        path_us: &mut Histogram<u64>,
    ) {
        let is_in =
            |block: BlockMap, address: u16| (block.start..block.start + block.count).contains(&address);
        match request {
            Request::Read { address, .. } if is_in(self.map.header_block, *address) => self.header_at = at,
            Request::Read { address, .. } if is_in(self.map.events_block, *address) => self.take_slots(reply),
            Request::Write { address, words, .. } if is_in(self.map.commands_block, *address) => {
                let (size, command) = (usize::from(self.map.command_slot_count), self.map.command);
                for slot in words.chunks_exact(size) {
                    if slot[command.kind] == self.words.commands.destination {
                        let item = [slot[command.item], slot[command.item + 1]];
                        self.written.extend(self.open.remove(&item));
                    }
                }
            }
            Request::Write { address, .. } if is_in(self.map.control_block, *address) => {
                for seen_at in self.written.drain(..) {
                    record_micros(path_us, at - seen_at);
                }
            }
            _ => {}
        }
    }

    fn take_slots(&mut self, reply: &PlcReply) {
        let ReplyBody::Registers(words) = &reply.body else { return };
        if self.open.len() > OPEN_MAX {
            self.open.clear();
        }
        let event = self.map.event;
        for slot in words.chunks_exact(usize::from(self.map.event_slot_count)) {
            if slot[event.kind] == self.words.events.scan {
                let item = [slot[event.item], slot[event.item + 1]];
                self.open.entry(item).or_insert(self.header_at);
            }
        }
    }
}
