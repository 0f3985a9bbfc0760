//! Registers of a running PLC as a bystander sees them: read with an independent client, compared word for word.
//! What stands where comes from the profile.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use wcs_specs::{BlockMap, Profile, SorterMap, SorterWords};
use wcs_types::plant::BlockBases;

use crate::peer::{Came, Operation, PeerClient};

const UNIT: u8 = 1;
/// Registers one request asks for at most.
const READ_MAX: u16 = 120;

/// A bystander of one PLC.
pub struct PlcView {
    client: PeerClient,
    server: SocketAddr,
    /// Where the registers are.
    pub map: SorterMap,
    /// What their numbers mean.
    pub words: SorterWords,
}

/// Every register that a WCS writes, and those by which the PLC shows what it made of that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dump {
    /// Hot header.
    pub header: Vec<u16>,
    /// Static block.
    pub statics: Vec<u16>,
    /// Control block with lane closing.
    pub control: Vec<u16>,
    /// Command ring.
    pub commands: Vec<u16>,
}

impl PlcView {
    /// A bystander of the PLC at `server`; its client is compiled into `folder`.
    ///
    /// # Errors
    /// There is no compiler or no libmodbus.
    pub fn new(folder: &Path, server: SocketAddr) -> Result<Self> {
        let profile = Profile::load("wcs-sorter-hs")?;
        let map = SorterMap::resolve(&profile, &BlockBases::default())?;
        let words = SorterWords::resolve(&profile)?;
        Ok(Self { client: PeerClient::libmodbus(folder)?, server, map, words })
    }

    /// The hot header.
    ///
    /// # Errors
    /// The PLC does not answer.
    pub fn header(&self) -> Result<Vec<u16>> {
        self.read(&[self.map.header_block])?.pop().ok_or_else(|| anyhow::anyhow!("one block was asked for"))
    }

    /// Every register a WCS has a part in.
    ///
    /// # Errors
    /// The PLC does not answer.
    pub fn dump(&self) -> Result<Dump> {
        let map = &self.map;
        let slots = self.words.numbers.cmd_slots_default;
        let ring = BlockMap { start: map.commands_block.start, count: slots * map.command_slot_count };
        let read = self.read(&[map.header_block, map.statics_block, map.control_block, ring])?;
        let Ok([header, statics, control, commands]) = <[Vec<u16>; 4]>::try_from(read) else {
            bail!("four blocks were asked for")
        };
        ensure!(statics[map.statics.cmd_slots] == slots, "the ring has {slots} slots");
        Ok(Dump { header, statics, control, commands })
    }

    /// The registers of all blocks by address, 0 between them. The header is read first.
    ///
    /// # Errors
    /// The PLC does not answer.
    pub fn image(&self) -> Result<Vec<u16>> {
        let (map, numbers) = (&self.map, &self.words.numbers);
        let slots = |block: BlockMap, count: u16| BlockMap { start: block.start, count };
        let blocks = [
            map.header_block,
            map.statics_block,
            map.lanes_block,
            slots(map.events_block, numbers.evt_slots_default * map.event_slot_count),
            map.control_block,
            slots(map.commands_block, numbers.cmd_slots_default * map.command_slot_count),
        ];
        let read = self.read(&blocks)?;
        let mut image = Vec::new();
        for (block, words) in blocks.iter().zip(read) {
            image.resize(usize::from(block.start), 0);
            image.extend(words);
        }
        Ok(image)
    }

    fn read(&self, blocks: &[BlockMap]) -> Result<Vec<Vec<u16>>> {
        let mut operations = Vec::new();
        for block in blocks {
            for offset in (0..block.count).step_by(READ_MAX.into()) {
                let count = (block.count - offset).min(READ_MAX);
                operations.push(Operation::Read { address: block.start + offset, count });
            }
        }
        let mut came = self.client.ask(self.server, UNIT, &operations)?.into_iter();
        let mut read = Vec::new();
        for block in blocks {
            let mut words = Vec::new();
            while words.len() < usize::from(block.count) {
                match came.next() {
                    Some(Came::Words(part)) => words.extend(part),
                    other => bail!("the registers at {} came as {other:?}", block.start),
                }
            }
            read.push(words);
        }
        Ok(read)
    }
}

/// A 32-bit number of a header.
pub fn number(header: &[u16], at: usize) -> u32 {
    u32::from(header[at]) << 16 | u32::from(header[at + 1])
}
