//! The model behind `MemoryStorage`: files as the process sees them, files as they would survive a power cut, and
//! everything in between that no sync has settled yet. Deterministic: faults happen when they were asked for, and
//! what a power cut spares is chosen by a seed or by the caller.
//!
//! It is harsher than a real disk on purpose: unsynced writes survive in any combination and in any part, names
//! survive independently of each other, and what a failed sync could not write is never written by a later one.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::storage::Fault;

/// Entries of the log. More: the oldest are forgotten.
pub const LOG_ENTRIES_MAX: usize = 65_536;

/// One operation that changed the disk or tried to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum LogEntry {
    Created { file: String },
    Written { file: String, offset: u64, size: usize },
    Synced { file: String, is_ok: bool },
    DirectorySynced { is_ok: bool },
    Renamed { from: String, to: String },
    Removed { file: String },
}

/// Something that no sync has settled when the power goes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum Unsynced {
    /// Bytes of a file.
    Write { file: String, offset: u64, size: usize },
    /// A name that was given, changed or taken away.
    Name { file: String },
}

/// What becomes of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is on the disk.
    Kept,
    /// It is not.
    Lost,
    /// Only these ranges of a write are on the disk. For a name: it is not.
    Torn(Vec<Range<usize>>),
}

#[derive(Clone)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
    /// A sync that should have written it failed: later syncs do not try again.
    is_given_up: bool,
}

#[derive(Clone, Default)]
struct Inode {
    /// Last name, for log and errors.
    name: String,
    view: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone)]
enum NameChange {
    Linked { name: String, inode: usize },
    Renamed { from: String, to: String, inode: usize },
    Unlinked { name: String },
}

#[derive(Clone)]
struct PendingName {
    change: NameChange,
    /// A directory sync that should have written it failed: later syncs do not try again.
    is_given_up: bool,
}

/// A disk in memory.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    name_changes: Vec<PendingName>,
    /// Grows at every death of the process or the machine: older handles are dead.
    life: u32,
    log: VecDeque<LogEntry>,
    pub(crate) capacity: Option<u64>,
    pub(crate) syncs_to_fail: u32,
    pub(crate) directory_syncs_to_fail: u32,
    /// Bytes that the next write still takes before it fails.
    pub(crate) short_write: Option<usize>,
    pub(crate) reads_to_fail: u32,
    /// Changes the disk still makes before the power goes.
    pub(crate) changes_left: Option<u64>,
}

/// A file that is written. Dead once the process or the machine that opened it is.
#[derive(Clone, Debug)]
pub struct MemoryFile {
    inode: usize,
    life: u32,
}

impl Disk {
    fn note(&mut self, entry: LogEntry) {
        if self.log.len() == LOG_ENTRIES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    fn note_name(&mut self, change: NameChange) {
        self.name_changes.push(PendingName { change, is_given_up: false });
    }

    pub(crate) fn take_log(&mut self) -> Vec<LogEntry> {
        self.log.drain(..).collect()
    }

    pub(crate) fn check_power(&self) -> Result<(), Fault> {
        if self.changes_left == Some(0) { Err(Fault::Gone) } else { Ok(()) }
    }

    /// Every change passes here: the power may go before it.
    fn begin_change(&mut self) -> Result<(), Fault> {
        self.check_power()?;
        self.changes_left = self.changes_left.map(|left| left - 1);
        Ok(())
    }

    fn inode_of(&self, file: &MemoryFile) -> Result<usize, Fault> {
        if file.life == self.life { Ok(file.inode) } else { Err(Fault::Gone) }
    }

    pub(crate) fn name_of(&self, file: &MemoryFile) -> String {
        self.inodes.get(file.inode).map_or_else(String::new, |inode| inode.name.clone())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(crate) fn view(&mut self, name: &str) -> Result<&[u8], Fault> {
        self.check_power()?;
        if self.reads_to_fail > 0 {
            self.reads_to_fail -= 1;
            return Err(Fault::Io("injected read error".to_owned()));
        }
        self.view_of(name).ok_or(Fault::NotFound)
    }

    pub(crate) fn view_of(&self, name: &str) -> Option<&[u8]> {
        self.names.get(name).map(|inode| self.inodes[*inode].view.as_slice())
    }

    pub(crate) fn create(&mut self, name: &str) -> Result<MemoryFile, Fault> {
        self.begin_change()?;
        if self.names.contains_key(name) {
            return Err(Fault::Exists);
        }
        let inode = self.inodes.len();
        self.inodes.push(Inode { name: name.to_owned(), ..Inode::default() });
        self.names.insert(name.to_owned(), inode);
        self.note_name(NameChange::Linked { name: name.to_owned(), inode });
        self.note(LogEntry::Created { file: name.to_owned() });
        Ok(MemoryFile { inode, life: self.life })
    }

    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].view.len() as u64).sum()
    }

    pub(crate) fn write(&mut self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.begin_change()?;
        let at = self.inode_of(file)?;
        let offset = usize::try_from(offset).map_err(|_| Fault::Full)?;
        let taken = self.short_write.take().map_or(bytes.len(), |limit| limit.min(bytes.len()));
        let growth = (offset + taken).saturating_sub(self.inodes[at].view.len()) as u64;
        if self.capacity.is_some_and(|capacity| self.used() + growth > capacity) {
            return Err(Fault::Full);
        }
        let inode = &mut self.inodes[at];
        put(&mut inode.view, offset, &bytes[..taken]);
        inode.unsynced.push(Write { offset, bytes: bytes[..taken].to_vec(), is_given_up: false });
        let entry = LogEntry::Written { file: inode.name.clone(), offset: offset as u64, size: taken };
        self.note(entry);
        if taken == bytes.len() { Ok(()) } else { Err(Fault::Io("injected short write".to_owned())) }
    }

    pub(crate) fn sync(&mut self, file: &MemoryFile) -> Result<(), Fault> {
        self.begin_change()?;
        let at = self.inode_of(file)?;
        let is_ok = self.syncs_to_fail == 0;
        let inode = &mut self.inodes[at];
        let entry = LogEntry::Synced { file: inode.name.clone(), is_ok };
        if is_ok {
            // What was given up stays unsettled for ever: the page cache calls it clean, the disk has not got it.
            let (given_up, written) = inode.unsynced.drain(..).partition(|write| write.is_given_up);
            inode.unsynced = given_up;
            let written: Vec<Write> = written;
            for write in written {
                put(&mut inode.durable, write.offset, &write.bytes);
            }
        } else {
            self.syncs_to_fail -= 1;
            inode.unsynced.iter_mut().for_each(|write| write.is_given_up = true);
        }
        self.note(entry);
        if is_ok { Ok(()) } else { Err(Fault::Io("injected sync error".to_owned())) }
    }

    pub(crate) fn sync_directory(&mut self) -> Result<(), Fault> {
        self.begin_change()?;
        let is_ok = self.directory_syncs_to_fail == 0;
        self.note(LogEntry::DirectorySynced { is_ok });
        if !is_ok {
            self.directory_syncs_to_fail -= 1;
            self.name_changes.iter_mut().for_each(|pending| pending.is_given_up = true);
            return Err(Fault::Io("injected directory sync error".to_owned()));
        }
        for pending in std::mem::take(&mut self.name_changes) {
            if pending.is_given_up {
                self.name_changes.push(pending);
            } else {
                pending.change.apply(&mut self.durable_names);
            }
        }
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Fault> {
        self.begin_change()?;
        let inode = self.names.remove(from).ok_or(Fault::NotFound)?;
        self.names.insert(to.to_owned(), inode);
        self.inodes[inode].name = to.to_owned();
        self.note_name(NameChange::Renamed { from: from.to_owned(), to: to.to_owned(), inode });
        self.note(LogEntry::Renamed { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Fault> {
        self.begin_change()?;
        self.names.remove(name).ok_or(Fault::NotFound)?;
        self.note_name(NameChange::Unlinked { name: name.to_owned() });
        self.note(LogEntry::Removed { file: name.to_owned() });
        self.free_unnamed();
        Ok(())
    }

    /// The process dies: its handles with it. What it wrote stays, as unsettled as it was.
    pub(crate) fn kill(&mut self) {
        self.life += 1;
        self.changes_left = None;
        self.short_write = None;
    }

    /// The power goes and comes back.
    pub(crate) fn crash(&mut self, choose: &mut dyn FnMut(&Unsynced) -> Fate) {
        self.kill();
        for inode in &mut self.inodes {
            for write in std::mem::take(&mut inode.unsynced) {
                let (offset, size) = (write.offset as u64, write.bytes.len());
                let ranges = match choose(&Unsynced::Write { file: inode.name.clone(), offset, size }) {
                    Fate::Kept => std::iter::once(0..size).collect(),
                    Fate::Lost => Vec::new(),
                    Fate::Torn(ranges) => ranges,
                };
                for range in ranges {
                    if let Some(bytes) = write.bytes.get(range.clone()) {
                        put(&mut inode.durable, write.offset + range.start, bytes);
                    }
                }
            }
            inode.view = inode.durable.clone();
        }
        for PendingName { change, .. } in std::mem::take(&mut self.name_changes) {
            let (NameChange::Linked { name: file, .. }
            | NameChange::Renamed { to: file, .. }
            | NameChange::Unlinked { name: file }) = &change;
            if choose(&Unsynced::Name { file: file.clone() }) == Fate::Kept {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        self.free_unnamed();
    }

    /// Frees the bytes of files that no name can lead to any more.
    fn free_unnamed(&mut self) {
        let changing = self.name_changes.iter().filter_map(|pending| pending.change.inode());
        let named: std::collections::BTreeSet<usize> =
            self.names.values().chain(self.durable_names.values()).copied().chain(changing).collect();
        for (at, inode) in self.inodes.iter_mut().enumerate() {
            if !named.contains(&at) {
                *inode = Inode::default();
            }
        }
    }

    /// Changes bytes as decay would: seen at once and for good.
    pub(crate) fn corrupt(&mut self, name: &str, offset: u64, mask: u8) -> bool {
        let Some(at) = self.names.get(name).copied() else { return false };
        let Ok(offset) = usize::try_from(offset) else { return false };
        let inode = &mut self.inodes[at];
        for bytes in [&mut inode.view, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
            }
        }
        offset < inode.view.len()
    }

    /// A file that is simply there, durable with its name.
    pub(crate) fn plant(&mut self, name: &str, bytes: &[u8]) {
        let inode = self.inodes.len();
        let (view, durable) = (bytes.to_vec(), bytes.to_vec());
        self.inodes.push(Inode { name: name.to_owned(), view, durable, unsynced: Vec::new() });
        self.names.insert(name.to_owned(), inode);
        self.durable_names.insert(name.to_owned(), inode);
    }

    /// A file that is simply gone, for good.
    pub(crate) fn vanish(&mut self, name: &str) -> bool {
        self.durable_names.remove(name);
        self.names.remove(name).is_some()
    }
}

impl NameChange {
    fn inode(&self) -> Option<usize> {
        match self {
            Self::Linked { inode, .. } | Self::Renamed { inode, .. } => Some(*inode),
            Self::Unlinked { .. } => None,
        }
    }

    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Linked { name, inode } => {
                names.insert(name, inode);
            }
            Self::Renamed { from, to, inode } => {
                names.remove(&from);
                names.insert(to, inode);
            }
            Self::Unlinked { name } => {
                names.remove(&name);
            }
        }
    }
}

/// Writes bytes into a file image, with zeros in a gap before them.
fn put(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}
