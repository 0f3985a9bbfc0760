//! The static plant: links, lines and chutes. Loaded and checked from the plant file elsewhere; by the time a
//! `Plant` exists its ids are indices, its lanes do not overlap and its names are unique.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{ChuteId, LaneNo, LineId, LinkId};

/// One control domain: what one daemon drives.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Plant {
    /// Name of the plant.
    pub id: String,
    /// IANA time zone of the plant.
    pub time_zone: String,
    /// Minute of the day at which a business day begins.
    pub day_start_minute: u16,
    /// Links to devices; `LinkId` is the index.
    pub links: Vec<LinkSpec>,
    /// Lines; `LineId` is the index.
    pub lines: Vec<LineSpec>,
    /// Chutes; `ChuteId` is the index. Sorted by line, then by lowest lane.
    pub chutes: Vec<ChuteSpec>,
}

/// A physical endpoint, the owner of timing.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct LinkSpec {
    /// Name of the link.
    pub id: String,
    /// Endpoint as the transport wants it: `host:port` for `modbus_tcp`.
    pub endpoint: String,
    /// Transport.
    pub transport: Transport,
}

/// How a link talks. Append only.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Transport {
    /// Modbus over TCP.
    ModbusTcp,
}

/// What a line does. Append only.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum LineKind {
    /// A sorter with lanes.
    Sorter,
}

/// One line.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct LineSpec {
    /// Name of the line.
    pub id: String,
    /// What it does.
    pub kind: LineKind,
    /// Profile its device speaks.
    pub profile: String,
    /// The link its device is behind.
    pub link: LinkId,
    /// Modbus unit of its device.
    pub unit_id: u8,
    /// Number of the highest lane the chutes use.
    pub lane_max: LaneNo,
    /// Base addresses of the six register blocks where the plant file moves them; `None` is the profile's default.
    pub blocks: BlockBases,
}

/// Base addresses of the register blocks of a `wcs-sorter-hs` PLC, where they differ from the profile's.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct BlockBases {
    /// Hot header.
    pub header: Option<u16>,
    /// Static block.
    pub statics: Option<u16>,
    /// Lane bitmaps.
    pub lanes: Option<u16>,
    /// Event window.
    pub events: Option<u16>,
    /// Control block (lane closing follows it).
    pub control: Option<u16>,
    /// Command ring.
    pub commands: Option<u16>,
}

/// What a chute is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum ChuteKind {
    /// Takes a class.
    Order,
    /// Takes what has no chute.
    Overflow,
    /// Takes what could not be read.
    NoRead,
    /// Takes everything that needs a person.
    Exception,
}

/// One chute: one to three neighbouring lanes that end in the same place.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct ChuteSpec {
    /// Name of the chute.
    pub id: String,
    /// The line it belongs to.
    pub line: LineId,
    /// What it is for.
    pub kind: ChuteKind,
    /// Its lanes, ascending; 1 to 3.
    pub lanes: heapless::Vec<LaneNo, { crate::limits::LANES_PER_CHUTE_MAX }>,
}

impl Plant {
    /// The chute a lane of a line ends in.
    pub fn chute_of_lane(&self, line: LineId, lane: LaneNo) -> Option<ChuteId> {
        let found = self.chutes.iter().position(|chute| chute.line == line && chute.lanes.contains(&lane))?;
        u16::try_from(found).ok().map(ChuteId)
    }

    /// The chutes of a line, in plant order.
    pub fn chutes_of(&self, line: LineId) -> impl Iterator<Item = (ChuteId, &ChuteSpec)> {
        (0_u16..).map(ChuteId).zip(&self.chutes).filter(move |(_, chute)| chute.line == line)
    }
}
