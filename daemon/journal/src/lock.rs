//! The lock that keeps a second daemon out of a data directory. It is held by the open file, so it goes with the
//! process, however that ends; the process id inside is only for people.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::storage::{Action, Fault, StorageError};

/// Name of the lock file.
pub const LOCK_NAME: &str = "lock";

/// Exclusive use of a directory, for as long as it lives.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of a directory and writes the id of this process into it.
    ///
    /// # Errors
    /// Another process holds it ([`Fault::InUse`]), or the file cannot be made.
    pub fn acquire(directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join(LOCK_NAME);
        let failed = |error: std::io::Error| {
            StorageError::new(Action::Lock, &path.display().to_string(), Fault::Io(error.to_string()))
        };
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = read_holder(&mut file);
                return Err(StorageError::new(
                    Action::Lock,
                    &path.display().to_string(),
                    Fault::InUse { holder },
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// The id the holder wrote; `unknown` in the instant before it has.
fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    // Only for the message: whatever goes wrong here, the directory is in use.
    let is_read = file.take(20).read_to_string(&mut text).is_ok();
    let holder = text.trim();
    let is_number = is_read && !holder.is_empty() && holder.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { holder.to_owned() } else { "unknown".to_owned() }
}
