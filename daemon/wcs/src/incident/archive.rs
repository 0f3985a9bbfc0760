//! The file of a bundle: a tar archive (ustar) of a few plain files, so that `tar` shows and unpacks it. Written in one
//! way only, and read only as it was written: every byte of a header is known from name and size, padding is zero, and
//! the archive ends with the file. So no changed byte is passed over. Knows nothing of what is inside.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::refusal::Refusal;

const BLOCK_SIZE: usize = 512;
const BLOCK: u64 = BLOCK_SIZE as u64;
/// Bytes of a name in the archive.
const NAME_SIZE_MAX: usize = 99;
/// Files of one bundle. More: refused.
const ENTRIES_MAX: usize = 16;
/// Bytes of one file in a bundle. More: not written, and refused.
pub(super) const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The header of a file.
fn header(name: &str, size: u64) -> [u8; BLOCK_SIZE] {
    let mut block = [0; BLOCK_SIZE];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Zeros behind a file of this size.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

/// Checksum of a file in the archive, as hex.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checksum of bytes, as hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A file as it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// Writes an archive.
pub(super) struct ArchiveWriter {
    out: BufWriter<File>,
    written: Vec<Written>,
}

impl ArchiveWriter {
    pub(super) fn new(file: File) -> Self {
        Self { out: BufWriter::new(file), written: Vec::new() }
    }

    /// What was written so far.
    pub(super) fn written(&self) -> &[Written] {
        &self.written
    }

    /// Adds a file whose bytes are there.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        self.add_parts(name, |put| put(bytes))
    }

    /// Adds a file piece by piece: `make` hands each piece to what it is given.
    pub(super) fn add_parts<E: From<std::io::Error>>(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), E>,
    ) -> Result<(), E> {
        assert!(name.len() <= NAME_SIZE_MAX && is_name(name.as_bytes()), "names are chosen by this program");
        let start = self.out.stream_position()?;
        self.out.write_all(&[0; BLOCK_SIZE])?;
        let (mut size, mut sum) = (0_u64, Sha256::new());
        let out = &mut self.out;
        make(&mut |bytes| {
            size += bytes.len() as u64;
            if size > FILE_SIZE_MAX {
                return Err(std::io::Error::other("the bundle would be too large: take a shorter --for"));
            }
            sum.update(bytes);
            out.write_all(bytes)
        })?;
        let zeros = usize::try_from(padding(size)).expect("less than a block");
        self.out.write_all(&[0; BLOCK_SIZE][..zeros])?;
        self.out.seek(SeekFrom::Start(start))?;
        self.out.write_all(&header(name, size))?;
        self.out.seek(SeekFrom::End(0))?;
        let name = name.to_owned();
        self.written.push(Written { name, size, sha256: hex(&sum.finalize()) });
        Ok(())
    }

    /// Ends the archive and makes it durable.
    pub(super) fn finish(mut self) -> std::io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK_SIZE])?;
        self.out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}

fn is_name(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte);
    !bytes.is_empty() && bytes[0] != b'.' && bytes.iter().all(is_plain)
}

/// A file in an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Its first byte in the archive.
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// Reads an archive.
pub(super) struct Archive {
    file: File,
    entries: Vec<Entry>,
}

impl Archive {
    /// Finds the files of an archive, from its first byte to its last.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        let read = |error: std::io::Error| Refusal::new("the file", format!("cannot be read: {error}"));
        let mut file = File::open(path).map_err(read)?;
        let end = file.metadata().map_err(read)?.len();
        let mut entries: Vec<Entry> = Vec::new();
        let mut at = 0;
        loop {
            let place = format!("byte {at}");
            let mut block = [0; BLOCK_SIZE];
            if end.saturating_sub(at) < BLOCK {
                return Err(Refusal::new(place, "the archive ends too early"));
            }
            file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut block)).map_err(read)?;
            if block == [0; BLOCK_SIZE] {
                check_end(&mut file, at + BLOCK, end)?;
                return Ok(Self { file, entries });
            }
            let entry = entry_of(&block, at)?;
            if entries.len() == ENTRIES_MAX || entries.iter().any(|other| other.name == entry.name) {
                return Err(Refusal::new(place, format!("`{}` is a file too many", entry.name)));
            }
            let next = entry.offset + entry.size + padding(entry.size);
            if next > end {
                return Err(Refusal::new(place, format!("`{}` is longer than the archive", entry.name)));
            }
            let (from, to) = (entry.offset + entry.size, next);
            check_zeros(&mut file, from, to)?;
            entries.push(entry);
            at = next;
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn find(&self, name: &str) -> Result<&Entry, Refusal> {
        let found = self.entries.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| Refusal::new(name, "is missing in the bundle"))
    }

    /// The bytes of a file that may have at most `size_max`.
    pub(super) fn read(&self, name: &str, size_max: u64) -> Result<Vec<u8>, Refusal> {
        let entry = self.find(name)?;
        if entry.size > size_max {
            return Err(Refusal::new(name, format!("has {} bytes, {size_max} are allowed", entry.size)));
        }
        let mut bytes = Vec::new();
        self.reader(entry)?.read_to_end(&mut bytes).map_err(|error| Refusal::new(name, error))?;
        Ok(bytes)
    }

    /// Reads a file from its beginning.
    pub(super) fn reader(&self, entry: &Entry) -> Result<impl Read + use<>, Refusal> {
        let failed = |error: std::io::Error| Refusal::new(entry.name.as_str(), error);
        let mut file = self.file.try_clone().map_err(failed)?;
        file.seek(SeekFrom::Start(entry.offset)).map_err(failed)?;
        Ok(std::io::BufReader::with_capacity(256 * 1024, file).take(entry.size))
    }

    /// Checksum of a file, as hex.
    pub(super) fn sha256(&self, entry: &Entry) -> Result<String, Refusal> {
        let mut sum = Sha256::new();
        let mut reader = self.reader(entry)?;
        std::io::copy(&mut reader, &mut sum).map_err(|error| Refusal::new(entry.name.as_str(), error))?;
        Ok(hex(&sum.finalize()))
    }
}

fn entry_of(block: &[u8; BLOCK_SIZE], at: u64) -> Result<Entry, Refusal> {
    let foreign = |why: &str| {
        Refusal::new(format!("byte {at}"), format!("{why}: this is no bundle of wcs, or a damaged one"))
    };
    let name_end = block.iter().position(|byte| *byte == 0).unwrap_or(BLOCK_SIZE);
    let name = &block[..name_end.min(NAME_SIZE_MAX)];
    let size = std::str::from_utf8(&block[124..135]).ok().and_then(|text| u64::from_str_radix(text, 8).ok());
    let (true, Some(size)) = (is_name(name), size) else { return Err(foreign("not a file header")) };
    let name = String::from_utf8_lossy(name).into_owned();
    if size > FILE_SIZE_MAX || *block != header(&name, size) {
        return Err(foreign("not a file header as wcs writes it"));
    }
    Ok(Entry { name, offset: at + BLOCK, size })
}

/// One more block of zeros, then nothing.
fn check_end(file: &mut File, at: u64, end: u64) -> Result<(), Refusal> {
    if end != at + BLOCK {
        return Err(Refusal::new(format!("byte {at}"), "the archive does not end where it says"));
    }
    check_zeros(file, at, end)
}

fn check_zeros(file: &mut File, from: u64, to: u64) -> Result<(), Refusal> {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(from)).and_then(|_| file.take(to - from).read_to_end(&mut bytes));
    read.map_err(|error| Refusal::new(format!("byte {from}"), error))?;
    match bytes.iter().position(|byte| *byte != 0) {
        Some(at) => {
            Err(Refusal::new(format!("byte {}", from + at as u64), "something stands between the files"))
        }
        None => Ok(()),
    }
}
