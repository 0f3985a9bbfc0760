//! The file `poison` in the data directory: the inputs that processes of this version ended at, and how often. Small, whole
//! or not there, and readable by people; the journal cannot hold it, for such an input never becomes a record.
//!
//! ```text
//! wcs poison list 1
//! core_version 2
//! DIGEST <tab> CRASHES <tab> WHAT <tab> INVARIANT     one line each, oldest first
//! checksum HASH                                       of everything before this line
//! ```

use std::fs::{File, rename};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use wcs_engine::{Poison, PoisonList};
use wcs_types::{InputDigest, StateHasher};

const NAME: &str = "poison";
const NAME_UNFINISHED: &str = "poison.tmp";
const TITLE: &str = "wcs poison list 1";

/// The list of one data directory.
#[derive(Clone, Debug)]
pub(crate) struct PoisonFile {
    directory: PathBuf,
}

impl PoisonFile {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// What was kept by processes of this version; nothing where there is no file, or none that can be trusted: then an
    /// input has to be met twice once more.
    pub(crate) fn load(&self) -> PoisonList {
        let text = match std::fs::read_to_string(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return PoisonList::default(),
            Err(error) => {
                tracing::warn!(%error, path = %self.path().display(), "the list of poison inputs cannot be read");
                return PoisonList::default();
            }
        };
        parse(&text).unwrap_or_else(|| {
            tracing::warn!(path = %self.path().display(), "the list of poison inputs is damaged; it begins anew");
            PoisonList::default()
        })
    }

    /// Puts the list on disk in the place of the one before.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn save(&self, list: &PoisonList) -> io::Result<()> {
        let unfinished = self.directory.join(NAME_UNFINISHED);
        let mut file = File::create(&unfinished)?;
        file.write_all(render(list).as_bytes())?;
        file.sync_all()?;
        rename(&unfinished, self.path())?;
        File::open(&self.directory)?.sync_all()
    }
}

fn render(list: &PoisonList) -> String {
    let mut text = format!("{TITLE}\ncore_version {}\n", PoisonList::core_version());
    for Poison { digest, crashes, what, invariant } in list.entries() {
        text.push_str(&format!("{digest}\t{crashes}\t{what}\t{invariant}\n"));
    }
    let checksum = StateHasher::of_bytes(text.as_bytes());
    text.push_str(&format!("checksum {checksum:016x}\n"));
    text
}

/// `None` when it is not what [`render`] writes; empty when another version wrote it.
fn parse(text: &str) -> Option<PoisonList> {
    let (body, checksum) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let body = format!("{body}\n");
    let found = u64::from_str_radix(checksum.strip_prefix("checksum ")?, 16).ok()?;
    if found != StateHasher::of_bytes(body.as_bytes()) {
        return None;
    }
    let mut lines = body.lines();
    if lines.next()? != TITLE {
        return None;
    }
    let version: u32 = lines.next()?.strip_prefix("core_version ")?.parse().ok()?;
    if version != PoisonList::core_version() {
        return Some(PoisonList::default());
    }
    lines.map(entry).collect::<Option<Vec<_>>>().map(PoisonList::new)
}

fn entry(line: &str) -> Option<Poison> {
    let mut fields = line.splitn(4, '\t');
    let digest = InputDigest(u64::from_str_radix(fields.next()?, 16).ok()?);
    let crashes = fields.next()?.parse().ok()?;
    Some(Poison { digest, crashes, what: fields.next()?.to_owned(), invariant: fields.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poison(digest: u64) -> Poison {
        let what = "line 0: event 7 of PLC life 1, item 3: scan of [A/1]".to_owned();
        Poison {
            digest: InputDigest(digest),
            crashes: 2,
            what,
            invariant: "every load was counted".to_owned(),
        }
    }

    #[test]
    fn a_list_is_read_back_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = PoisonFile::in_directory(folder.path());
        assert_eq!(file.load(), PoisonList::default());
        let list = PoisonList::new(vec![poison(1), poison(u64::MAX)]);
        file.save(&list).unwrap();
        assert_eq!(file.load(), list);
        file.save(&PoisonList::new(vec![poison(3)])).unwrap();
        assert_eq!(file.load().entries(), [poison(3)]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn a_list_with_any_byte_changed_or_cut_off_is_not_believed() {
        let whole = render(&PoisonList::new(vec![poison(1)]));
        assert!(parse(&whole).is_some());
        for size in 0..whole.len() {
            assert!(parse(&whole[..size]).is_none(), "cut after {size} bytes");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            let text = String::from_utf8(bytes).unwrap();
            assert!(parse(&text).is_none(), "byte {at} changed");
        }
    }

    #[test]
    fn another_version_gets_another_chance() {
        let body = format!("{TITLE}\ncore_version {}\n", PoisonList::core_version() + 1);
        let line = format!("{}\t2\twhat\tinvariant\n", InputDigest(1));
        let text = format!("{body}{line}");
        let checksum = StateHasher::of_bytes(text.as_bytes());
        assert_eq!(parse(&format!("{text}checksum {checksum:016x}\n")), Some(PoisonList::default()));
    }
}
