//! A device profile as data: blocks, slots, points, lists of numbers, bit lists and constants by name. Loaded
//! from `profile.toml` and checked as a whole. Knows nothing of what a device does with its registers.

mod check;
mod reading;

use wcs_types::limits::LANE_COUNT_MAX;

use crate::problem::Problems;
use crate::section::Reading;
use crate::sorter_map::BlockMap;

/// Files of one profile that are compiled in.
pub(crate) struct Files {
    pub(crate) id: &'static str,
    pub(crate) profile: &'static str,
    pub(crate) prose: &'static str,
    pub(crate) vectors: &'static str,
}

/// Every profile that is compiled in.
pub(crate) const FILES: [Files; 1] = [Files {
    id: "wcs-sorter-hs",
    profile: include_str!("../wcs-sorter-hs/profile.toml"),
    prose: include_str!("../wcs-sorter-hs/README.md"),
    vectors: include_str!("../wcs-sorter-hs/vectors.toml"),
}];

/// A profile could not be loaded, or does not define a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ProfileError {
    #[error("there is no profile `{id}`; known profiles: {known}")]
    UnknownProfile { id: String, known: String },
    #[error("profile `{profile}` has no block or slot `{name}`")]
    UnknownArea { profile: String, name: String },
    #[error("`{area}` of profile `{profile}` has no point `{name}`")]
    UnknownPoint { profile: String, area: String, name: String },
    #[error("profile `{profile}` has no constant `{name}`")]
    UnknownConstant { profile: String, name: String },
    #[error("profile `{profile}` has no list `{list}` with the name `{name}`")]
    UnknownNumber { profile: String, list: String, name: String },
    #[error("block `{block}` of {count} registers does not fit behind address {start}")]
    OutOfSpace { block: String, start: u16, count: u16 },
    #[error("{0}")]
    Problems(Problems),
}

/// One profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Name of the profile.
    pub id: String,
    /// Its version.
    pub version: u16,
    /// Requests the transport can carry.
    pub limits: Limits,
    /// Blocks and slots, in file order.
    pub areas: Vec<Area>,
    /// Constants, in file order.
    pub constants: Vec<Constant>,
    /// Lists of numbers, in file order.
    pub lists: Vec<NumberList>,
    /// Bit lists, in file order.
    pub bit_lists: Vec<BitList>,
}

/// What one request can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Registers of one read.
    pub max_read: u16,
    /// Registers of one write.
    pub max_write: u16,
    /// Milliseconds an answer may take.
    pub response_timeout_ms: u16,
}

/// Registers that belong together: a block with an address, or the layout of a slot that repeats in a block.
#[derive(Clone, Debug)]
pub struct Area {
    /// Name.
    pub name: String,
    /// Block or slot.
    pub kind: AreaKind,
    /// Registers.
    pub words: u16,
    /// What it is.
    pub doc: String,
    /// Points, in file order.
    pub points: Vec<Point>,
    line: u32,
}

/// Where an area stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AreaKind {
    /// At an address.
    Block {
        /// Default address of its first register.
        start: u16,
        /// The WCS writes it; else it reads it.
        is_written: bool,
        /// When it is read or written: `fast`, `slow`, `once`, `event`, `write`.
        poll: String,
    },
    /// Repeatedly in a block.
    Slot {
        /// The block.
        block: String,
        /// Most slots the block has.
        max: u16,
        /// The point whose number selects which points of the slot count.
        variant: Option<String>,
    },
}

/// A named value in an area.
#[derive(Clone, Debug)]
pub struct Point {
    /// Name, unique in its area.
    pub name: String,
    /// First register, from the start of the area.
    pub offset: u16,
    /// Registers.
    pub words: u16,
    /// How the registers stand for the value.
    pub encoding: Encoding,
    /// The WCS writes it.
    pub is_written: bool,
    /// It is a safety signal: never written.
    pub is_safety: bool,
    /// It names registers that other points name in more detail.
    pub is_overlay: bool,
    /// Default behaviour rests on it.
    pub is_used: bool,
    /// Where it is known from.
    pub confidence: String,
    /// Smallest and largest value.
    pub range: Option<(i64, i64)>,
    /// Unit of the value.
    pub unit: Option<String>,
    /// List of numbers that names its values.
    pub list: Option<String>,
    /// Bit list that names its bits.
    pub bits: Option<String>,
    /// Variant of the slot in which it counts; none is every one.
    pub variant: Option<String>,
    /// What it means.
    pub doc: String,
    line: u32,
}

/// How registers stand for a value. 32-bit values have the high word first, texts the high byte first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// One register, 0 to 65 535.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, 0 to 4 294 967 295.
    U32,
    /// Two bytes in a register, zero padded.
    Text,
    /// Registers as they are, bitmaps for example.
    Words,
}

impl Encoding {
    /// The word `profile.toml` uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::Text => "text",
            Self::Words => "words",
        }
    }

    /// Smallest and largest number a value of it can have; for texts and raw registers, of one register.
    pub const fn bounds(self) -> (i64, i64) {
        match self {
            Self::I16 => (-0x8000, 0x7FFF),
            Self::U32 => (0, 0xFFFF_FFFF),
            Self::U16 | Self::Text | Self::Words => (0, 0xFFFF),
        }
    }
}

/// A number with a name.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Name.
    pub name: String,
    /// Number.
    pub value: u16,
    /// What it means.
    pub doc: String,
    line: u32,
}

/// Numbers with names, for one kind of register.
#[derive(Clone, Debug)]
pub struct NumberList {
    /// Name of the list.
    pub name: String,
    /// Its numbers.
    pub values: Vec<Constant>,
    line: u32,
}

/// Bits with names, for one kind of register.
#[derive(Clone, Debug)]
pub struct BitList {
    /// Name of the list.
    pub name: String,
    /// Its fields.
    pub fields: Vec<BitField>,
    line: u32,
}

/// One bit, or neighbouring bits that form a number.
#[derive(Clone, Debug)]
pub struct BitField {
    /// Name.
    pub name: String,
    /// Lowest bit.
    pub bit: u16,
    /// Bits.
    pub width: u16,
    /// List of numbers that names its values.
    pub list: Option<String>,
    /// Variants of the slot in which it counts; empty is every one.
    pub variants: Vec<String>,
    /// What it means.
    pub doc: String,
    line: u32,
}

impl BitField {
    /// The bits of the field in its register.
    pub const fn mask(&self) -> u16 {
        (((1_u32 << self.width) - 1) << self.bit) as u16
    }
}

impl Area {
    /// The point of that name.
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.points.iter().find(|point| point.name == name)
    }
}

impl Profile {
    /// The profile of that name, from the files that are compiled in.
    ///
    /// # Errors
    /// No such profile, or its file has problems (which its tests would have found).
    pub fn load(id: &str) -> Result<Self, ProfileError> {
        let files =
            FILES.iter().find(|files| files.id == id).ok_or_else(|| ProfileError::UnknownProfile {
                id: id.to_owned(),
                known: Self::known().collect::<Vec<_>>().join(", "),
            })?;
        Self::parse(files.profile, &format!("protocol-specs/{id}/profile.toml"))
    }

    /// Names of the profiles that are compiled in.
    pub fn known() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|files| files.id)
    }

    /// Reads and checks the text of a `profile.toml`; `file` names it in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        let mut reading = Reading::new(text, file);
        let profile = reading::read_profile(&mut reading);
        if let Some(profile) = &profile {
            check::check_profile(profile, &mut reading);
        }
        match profile {
            Some(profile) if reading.is_clean() => Ok(profile),
            _ => Err(ProfileError::Problems(reading.into_problems())),
        }
    }

    /// The block or slot of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn area(&self, name: &str) -> Result<&Area, ProfileError> {
        self.areas
            .iter()
            .find(|area| area.name == name)
            .ok_or_else(|| ProfileError::UnknownArea { profile: self.id.clone(), name: name.to_owned() })
    }

    /// First register of a point, from the start of its block or slot.
    ///
    /// # Errors
    /// No such block, slot or point.
    pub fn offset(&self, block_or_slot: &str, name: &str) -> Result<usize, ProfileError> {
        let area = self.area(block_or_slot)?;
        area.point(name).map(|point| usize::from(point.offset)).ok_or_else(|| ProfileError::UnknownPoint {
            profile: self.id.clone(),
            area: area.name.clone(),
            name: name.to_owned(),
        })
    }

    /// Where a block stands: at its default address, or where the plant moved it.
    ///
    /// # Errors
    /// No such block, or it would leave the address space.
    pub fn block(&self, name: &str, moved_base: Option<u16>) -> Result<BlockMap, ProfileError> {
        let area = self.area(name)?;
        let AreaKind::Block { start, .. } = area.kind else {
            return Err(ProfileError::UnknownArea { profile: self.id.clone(), name: name.to_owned() });
        };
        let start = moved_base.unwrap_or(start);
        if u32::from(start) + u32::from(area.words) > ADDRESS_SPACE {
            return Err(ProfileError::OutOfSpace { block: name.to_owned(), start, count: area.words });
        }
        Ok(BlockMap { start, count: area.words })
    }

    /// Names of the blocks, in file order.
    pub fn block_names(&self) -> impl Iterator<Item = &str> {
        self.areas
            .iter()
            .filter(|area| matches!(area.kind, AreaKind::Block { .. }))
            .map(|area| area.name.as_str())
    }

    /// Registers of one slot.
    ///
    /// # Errors
    /// No such slot.
    pub fn slot_words(&self, name: &str) -> Result<u16, ProfileError> {
        let area = self.area(name)?;
        if matches!(area.kind, AreaKind::Slot { .. }) {
            return Ok(area.words);
        }
        Err(ProfileError::UnknownArea { profile: self.id.clone(), name: name.to_owned() })
    }

    /// The constant of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn constant(&self, name: &str) -> Result<u16, ProfileError> {
        self.constants
            .iter()
            .find(|constant| constant.name == name)
            .map(|constant| constant.value)
            .ok_or_else(|| ProfileError::UnknownConstant { profile: self.id.clone(), name: name.to_owned() })
    }

    /// The number that has this name in a list.
    ///
    /// # Errors
    /// No such list or name.
    pub fn number(&self, list: &str, name: &str) -> Result<u16, ProfileError> {
        let values =
            self.lists.iter().filter(|candidate| candidate.name == list).flat_map(|list| &list.values);
        values
            .into_iter()
            .find(|value| value.name == name)
            .map(|value| value.value)
            .ok_or_else(|| self.unknown_number(list, name))
    }

    /// The bits that have this name in a bit list, as a mask.
    ///
    /// # Errors
    /// No such list or name.
    pub fn mask(&self, list: &str, name: &str) -> Result<u16, ProfileError> {
        let mut fields =
            self.bit_lists.iter().filter(|candidate| candidate.name == list).flat_map(|list| &list.fields);
        fields
            .find(|field| field.name == name)
            .map(BitField::mask)
            .ok_or_else(|| self.unknown_number(list, name))
    }

    fn unknown_number(&self, list: &str, name: &str) -> ProfileError {
        ProfileError::UnknownNumber { profile: self.id.clone(), list: list.to_owned(), name: name.to_owned() }
    }
}

/// Registers a Modbus unit can have.
pub(crate) const ADDRESS_SPACE: u32 = 0x1_0000;

const _: () = assert!(LANE_COUNT_MAX <= 1024, "lane bitmaps of the sorter profile have 1024 bits");

#[cfg(test)]
mod tests;
