//! Where a journal lives: one directory with flat names. The trait says which operations exist and what each
//! promises about durability; `FileStorage` and `MemoryStorage` keep the promise on a disk and in faulty memory.
//! There is no way to open an existing file for writing: a file is written only by the process that created it,
//! so nobody can sync a file whose earlier sync failed.

/// One directory of files with flat names. Clones share the directory.
pub trait Storage: Clone + Send + Sync + 'static {
    /// A file that was created by this process and may be written.
    type File: Send;

    /// Names of all files, ascending.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self) -> Result<Vec<String>, StorageError>;

    /// Size of a file in bytes.
    ///
    /// # Errors
    /// No such file, or it cannot be read.
    fn size(&self, name: &str) -> Result<u64, StorageError>;

    /// Reads from `offset` as many bytes as `into` takes and the file has; returns how many.
    ///
    /// # Errors
    /// No such file, or it cannot be read.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, StorageError>;

    /// Reads a whole file.
    ///
    /// # Errors
    /// No such file, it cannot be read, or it is larger than `size_max`.
    fn read(&self, name: &str, size_max: u64) -> Result<Vec<u8>, StorageError> {
        let size = self.size(name)?;
        if size > size_max {
            return Err(StorageError::new(Action::Read, name, Fault::TooLarge { size, size_max }));
        }
        let size = usize::try_from(size).map_err(|_| {
            StorageError::new(Action::Read, name, Fault::TooLarge { size, size_max: usize::MAX as u64 })
        })?;
        let mut bytes = vec![0; size];
        let read = self.read_at(name, 0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Creates an empty file. Its name is durable after [`Storage::sync_dir`].
    ///
    /// # Errors
    /// The name is taken, or the file cannot be created.
    fn create(&self, name: &str) -> Result<Self::File, StorageError>;

    /// Writes zeros from `from` up to `to`, so that later writes there need no new space.
    ///
    /// # Errors
    /// The disk is full or failing; what was written is unknown.
    fn grow(&self, file: &mut Self::File, from: u64, to: u64) -> Result<(), StorageError>;

    /// Writes all bytes. They are durable after [`Storage::sync_data`].
    ///
    /// # Errors
    /// The disk is full or failing; what was written is unknown.
    fn write_at(&self, file: &mut Self::File, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes everything written to the file durable (`fdatasync`). After an error the file must never be synced
    /// again: the operating system may have dropped what it could not write and call the next sync a success.
    ///
    /// # Errors
    /// The disk is failing; what is durable is unknown.
    fn sync_data(&self, file: &mut Self::File) -> Result<(), StorageError>;

    /// Makes every create, rename and remove so far durable.
    ///
    /// # Errors
    /// The disk is failing; which names are durable is unknown.
    fn sync_dir(&self) -> Result<(), StorageError>;

    /// Gives a file another name, in one step, replacing what had it.
    ///
    /// # Errors
    /// No such file, or the directory cannot be written.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Removes a file.
    ///
    /// # Errors
    /// No such file, or the directory cannot be written.
    fn remove(&self, name: &str) -> Result<(), StorageError>;
}

/// An operation of a [`Storage`] that did not succeed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot {action} {file}: {fault}")]
pub struct StorageError {
    /// What was tried.
    pub action: Action,
    /// The file (or `.` for the directory itself).
    pub file: String,
    /// Why it failed.
    pub fault: Fault,
}

impl StorageError {
    /// An error about a file.
    pub fn new(action: Action, file: &str, fault: Fault) -> Self {
        Self { action, file: file.to_owned(), fault }
    }

    /// True when the disk has no room: the same operation can succeed when room was made.
    pub fn is_full(&self) -> bool {
        self.fault == Fault::Full
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum Action {
    List,
    Read,
    Create,
    Grow,
    Write,
    Sync,
    Rename,
    Remove,
    Lock,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Create => "create",
            Self::Grow => "reserve room in",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// Why an operation failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// No room on the disk, or the quota is used up.
    #[error("the disk is full")]
    Full,
    /// No file of that name.
    #[error("no such file")]
    NotFound,
    /// The name is taken.
    #[error("a file of that name exists already")]
    Exists,
    /// The storage was opened for reading.
    #[error("opened for reading only")]
    ReadOnly,
    /// The file is larger than anything that belongs in a journal.
    #[error("it has {size} bytes, more than the {size_max} allowed")]
    TooLarge {
        /// Size found.
        size: u64,
        /// Largest size allowed.
        size_max: u64,
    },
    /// Another process holds the directory.
    #[error("in use by process {holder}")]
    InUse {
        /// Its process id as it wrote it, or `unknown`.
        holder: String,
    },
    /// The handle belongs to a process that died, or the power is off (faulty memory only).
    #[error("not reachable any more")]
    Gone,
    /// Anything else the system reported.
    #[error("{0}")]
    Io(String),
}
