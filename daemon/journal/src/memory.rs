//! A directory in faulty memory, for tests and for the simulator. Handles to it can be cloned: one goes to the
//! journal, one stays with whoever pulls the plug. A stall is not modelled here: the caller just waits with sync.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, Fate, LogEntry, MemoryFile, Unsynced};
use crate::storage::{Action, Storage, StorageError};

/// A directory in memory whose disk can fail and whose power can go.
#[derive(Clone, Default)]
pub struct MemoryStorage {
    disk: Arc<Mutex<Disk>>,
}

impl MemoryStorage {
    /// An empty directory on a good disk without limit.
    pub fn new() -> Self {
        Self::default()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A panic of another holder leaves the model as valid as it was: no change of it can panic half-way.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process dies (`kill -9`): its files cannot be written any more, what it wrote stays visible, and what
    /// was not synced can still be lost in a later crash. Open the journal anew afterwards.
    pub fn kill(&self) {
        self.disk().kill();
    }

    /// The power goes and comes back: what was not synced is kept, lost or torn as the seed says.
    pub fn crash(&self, seed: u64) {
        let mut dice = Dice(seed);
        self.disk().crash(&mut |unsynced| dice.choose(unsynced));
    }

    /// The power goes and comes back: `choose` says what becomes of each thing that was not synced.
    pub fn crash_with(&self, mut choose: impl FnMut(&Unsynced) -> Fate) {
        self.disk().crash(&mut choose);
    }

    /// The power goes before change number `changes + 1` from now: it and everything after it fails. Then call
    /// [`MemoryStorage::crash`].
    pub fn power_off_after(&self, changes: u64) {
        self.disk().changes_left = Some(changes);
    }

    /// True while the power is off.
    pub fn is_off(&self) -> bool {
        self.disk().check_power().is_err()
    }

    /// The next `count` syncs of files fail. What they should have written is never written by a later sync.
    pub fn fail_syncs(&self, count: u32) {
        self.disk().syncs_to_fail = count;
    }

    /// The next `count` syncs of the directory fail.
    pub fn fail_directory_syncs(&self, count: u32) {
        self.disk().directory_syncs_to_fail = count;
    }

    /// The next write (or reservation of room) takes only `size` bytes, then fails. 0 is a plain error.
    pub fn fail_write_after(&self, size: usize) {
        self.disk().short_write = Some(size);
    }

    /// The next `count` reads fail.
    pub fn fail_reads(&self, count: u32) {
        self.disk().reads_to_fail = count;
    }

    /// The disk takes `bytes` in all; `None` takes away the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.disk().capacity = bytes;
    }

    /// Flips bits of one byte for good; false when there is no such byte.
    pub fn corrupt(&self, name: &str, offset: u64, mask: u8) -> bool {
        self.disk().corrupt(name, offset, mask)
    }

    /// Puts a file there, durable at once, replacing what had the name.
    pub fn plant(&self, name: &str, bytes: &[u8]) {
        self.disk().plant(name, bytes);
    }

    /// Takes a file away for good; false when there is none.
    pub fn vanish(&self, name: &str) -> bool {
        self.disk().vanish(name)
    }

    /// Bytes of a file as a process sees them now.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.disk().view_of(name).map(<[u8]>::to_vec)
    }

    /// A copy of all files as a process sees them, on a good disk of its own.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let copy = Self::new();
        let disk = self.disk();
        for name in disk.names() {
            copy.plant(&name, disk.view_of(&name).unwrap_or_default());
        }
        copy
    }

    /// A second disk in exactly this state, with everything that no sync has settled: whatever becomes of one of
    /// them, the other one knows nothing of it.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { disk: Arc::new(Mutex::new(self.disk().clone())) }
    }

    /// Takes the log of changes since the last call, oldest first; at most `LOG_ENTRIES_MAX`.
    pub fn take_log(&self) -> Vec<LogEntry> {
        self.disk().take_log()
    }
}

impl Storage for MemoryStorage {
    type File = MemoryFile;

    fn list(&self) -> Result<Vec<String>, StorageError> {
        let disk = self.disk();
        disk.check_power().map_err(|fault| StorageError::new(Action::List, ".", fault))?;
        Ok(disk.names())
    }

    fn size(&self, name: &str) -> Result<u64, StorageError> {
        let mut disk = self.disk();
        let view = disk.view(name).map_err(|fault| StorageError::new(Action::Read, name, fault))?;
        Ok(view.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let mut disk = self.disk();
        let view = disk.view(name).map_err(|fault| StorageError::new(Action::Read, name, fault))?;
        let rest = usize::try_from(offset).ok().and_then(|offset| view.get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn create(&self, name: &str) -> Result<MemoryFile, StorageError> {
        self.disk().create(name).map_err(|fault| StorageError::new(Action::Create, name, fault))
    }

    fn grow(&self, file: &mut MemoryFile, from: u64, to: u64) -> Result<(), StorageError> {
        let mut disk = self.disk();
        let zeros = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)];
        let name = disk.name_of(file);
        disk.write(file, from, &zeros).map_err(|fault| StorageError::new(Action::Grow, &name, fault))
    }

    fn write_at(&self, file: &mut MemoryFile, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let mut disk = self.disk();
        let name = disk.name_of(file);
        disk.write(file, offset, bytes).map_err(|fault| StorageError::new(Action::Write, &name, fault))
    }

    fn sync_data(&self, file: &mut MemoryFile) -> Result<(), StorageError> {
        let mut disk = self.disk();
        let name = disk.name_of(file);
        disk.sync(file).map_err(|fault| StorageError::new(Action::Sync, &name, fault))
    }

    fn sync_dir(&self) -> Result<(), StorageError> {
        self.disk().sync_directory().map_err(|fault| StorageError::new(Action::Sync, ".", fault))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.disk().rename(from, to).map_err(|fault| StorageError::new(Action::Rename, from, fault))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.disk().remove(name).map_err(|fault| StorageError::new(Action::Remove, name, fault))
    }
}

/// Seeded choices (splitmix64), the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % bound.max(1)
    }

    fn choose(&mut self, unsynced: &Unsynced) -> Fate {
        let Unsynced::Write { size, .. } = unsynced else {
            return if self.below(2) == 0 { Fate::Kept } else { Fate::Lost };
        };
        match self.below(4) {
            0 => Fate::Kept,
            1 => Fate::Lost,
            2 => Fate::Torn(std::iter::once(0..self.below(*size as u64 + 1) as usize).collect()),
            _ => Fate::Torn(self.scatter(*size)),
        }
    }

    /// Every second of about 32 pieces of uneven size, as pages reach a disk.
    fn scatter(&mut self, size: usize) -> Vec<std::ops::Range<usize>> {
        let piece_max = (size as u64 / 16).max(2);
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < size {
            let end = size.min(at + 1 + self.below(piece_max) as usize);
            if self.below(2) == 0 {
                ranges.push(at..end);
            }
            at = end;
        }
        ranges
    }
}
