//! A directory on a real disk. Room is reserved by writing zeros, so that a later commit changes no file size;
//! data is made durable with `fdatasync`, names with `fsync` of the directory.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::lock::DirectoryLock;
use crate::storage::{Action, Fault, Storage, StorageError};

/// Zeros are written in pieces of this size.
const ZEROS_SIZE: usize = 256 * 1024;
static ZEROS: [u8; ZEROS_SIZE] = [0; ZEROS_SIZE];

/// A directory of files. Clones share it, and the lock if there is one.
#[derive(Clone, Debug)]
pub struct FileStorage {
    directory: Arc<PathBuf>,
    /// Held for writing; `None` when opened for reading.
    lock: Option<Arc<DirectoryLock>>,
}

/// A file that is written.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    name: String,
}

impl FileStorage {
    /// Opens a directory for writing, makes it if it is not there, and locks it.
    ///
    /// # Errors
    /// Another process uses it ([`Fault::InUse`] names it), or it cannot be made.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        create_directory(directory)
            .map_err(|error| refuse(Action::Create, &directory.display().to_string(), &error))?;
        let lock = DirectoryLock::acquire(directory)?;
        Ok(Self { directory: Arc::new(directory.to_owned()), lock: Some(Arc::new(lock)) })
    }

    /// Opens a directory for reading; a writer may be at work in it.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn open_read_only(directory: &Path) -> Result<Self, StorageError> {
        if directory.is_dir() {
            Ok(Self { directory: Arc::new(directory.to_owned()), lock: None })
        } else {
            Err(StorageError::new(Action::List, &directory.display().to_string(), Fault::NotFound))
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn check_writable(&self, action: Action, name: &str) -> Result<(), StorageError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(StorageError::new(action, name, Fault::ReadOnly)),
        }
    }
}

fn refuse(action: Action, name: &str, error: &Error) -> StorageError {
    let fault = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Fault::Full,
        ErrorKind::NotFound => Fault::NotFound,
        ErrorKind::AlreadyExists => Fault::Exists,
        _ => Fault::Io(error.to_string()),
    };
    StorageError::new(action, name, fault)
}

/// Makes a directory and those above it that are missing, each durable in the one above it.
fn create_directory(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_directory(above)?;
    std::fs::create_dir(directory)?;
    sync_directory(above)
}

fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)?.sync_all()
}

impl Storage for FileStorage {
    type File = OpenFile;

    fn list(&self) -> Result<Vec<String>, StorageError> {
        let failed = |error: Error| refuse(Action::List, &self.directory.display().to_string(), &error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.directory.as_path()).map_err(failed)? {
            // A name that is not text is none of ours.
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn size(&self, name: &str) -> Result<u64, StorageError> {
        let data = std::fs::metadata(self.path(name)).map_err(|error| refuse(Action::Read, name, &error))?;
        Ok(data.len())
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let failed = |error: &Error| refuse(Action::Read, name, error);
        let file = File::open(self.path(name)).map_err(|error| failed(&error))?;
        let mut read = 0;
        while read < into.len() {
            match file.read_at(&mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Ok(read)
    }

    fn create(&self, name: &str) -> Result<OpenFile, StorageError> {
        self.check_writable(Action::Create, name)?;
        let file = OpenOptions::new().write(true).create_new(true).open(self.path(name));
        let file = file.map_err(|error| refuse(Action::Create, name, &error))?;
        Ok(OpenFile { file, name: name.to_owned() })
    }

    fn grow(&self, file: &mut OpenFile, from: u64, to: u64) -> Result<(), StorageError> {
        let mut at = from;
        while at < to {
            let count = usize::try_from(to - at).unwrap_or(ZEROS_SIZE).min(ZEROS_SIZE);
            let written = file.file.write_all_at(&ZEROS[..count], at);
            written.map_err(|error| refuse(Action::Grow, &file.name, &error))?;
            at += count as u64;
        }
        Ok(())
    }

    fn write_at(&self, file: &mut OpenFile, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        file.file.write_all_at(bytes, offset).map_err(|error| refuse(Action::Write, &file.name, &error))
    }

    fn sync_data(&self, file: &mut OpenFile) -> Result<(), StorageError> {
        file.file.sync_data().map_err(|error| refuse(Action::Sync, &file.name, &error))
    }

    fn sync_dir(&self) -> Result<(), StorageError> {
        self.check_writable(Action::Sync, ".")?;
        sync_directory(&self.directory).map_err(|error| refuse(Action::Sync, ".", &error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.check_writable(Action::Rename, from)?;
        let renamed = std::fs::rename(self.path(from), self.path(to));
        renamed.map_err(|error| refuse(Action::Rename, from, &error))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.check_writable(Action::Remove, name)?;
        std::fs::remove_file(self.path(name)).map_err(|error| refuse(Action::Remove, name, &error))
    }
}
