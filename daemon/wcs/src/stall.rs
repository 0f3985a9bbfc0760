//! A storage whose syncs can be held back: the fault `disk_stall` on real files. Otherwise it is the storage it wraps.

use std::time::Duration;

use wcs_journal::{Storage, StorageError};
use wcs_sim::faults::DiskStall;

/// How often a held sync looks whether the stall is over.
const LOOK: Duration = Duration::from_millis(5);

/// The storage.
#[derive(Clone)]
pub(crate) struct StallingStorage<S> {
    inner: S,
    stall: DiskStall,
}

impl<S> StallingStorage<S> {
    pub(crate) fn new(inner: S, stall: DiskStall) -> Self {
        Self { inner, stall }
    }

    fn hold(&self) {
        if self.stall.is_stalled() {
            self.stall.count_applied();
        }
        while self.stall.is_stalled() {
            std::thread::sleep(LOOK);
        }
    }
}

impl<S: Storage> Storage for StallingStorage<S> {
    type File = S::File;

    fn list(&self) -> Result<Vec<String>, StorageError> {
        self.inner.list()
    }

    fn size(&self, name: &str) -> Result<u64, StorageError> {
        self.inner.size(name)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        self.inner.read_at(name, offset, into)
    }

    fn create(&self, name: &str) -> Result<Self::File, StorageError> {
        self.inner.create(name)
    }

    fn grow(&self, file: &mut Self::File, from: u64, to: u64) -> Result<(), StorageError> {
        self.inner.grow(file, from, to)
    }

    fn write_at(&self, file: &mut Self::File, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.inner.write_at(file, offset, bytes)
    }

    fn sync_data(&self, file: &mut Self::File) -> Result<(), StorageError> {
        self.hold();
        self.inner.sync_data(file)
    }

    fn sync_dir(&self) -> Result<(), StorageError> {
        self.inner.sync_dir()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.inner.remove(name)
    }
}
