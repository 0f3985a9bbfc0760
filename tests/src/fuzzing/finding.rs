//! Findings: inputs that broke something, written down with the one line that has them again; and those of the past,
//! which every campaign begins with.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An input that broke something.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The decoder.
    pub decoder: &'static str,
    /// The input, as small as it could be made.
    pub input: Vec<u8>,
    /// What it broke.
    pub why: String,
    /// Seed of the campaign.
    pub seed: u64,
    /// Inputs of the campaign.
    pub cases: u32,
    /// The input breaks it by itself. Otherwise it needs the inputs before it, which the seed gives.
    pub stands_alone: bool,
}

impl Finding {
    /// Writes the input down; the path is the one to give to `cargo xtask fuzz`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep(&self) -> io::Result<PathBuf> {
        let folder = folder();
        fs::create_dir_all(&folder)?;
        let digest = self.input.iter().fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let path = folder.join(format!("{}-{digest:016x}", self.decoder));
        fs::write(&path, &self.input)?;
        Ok(path)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { decoder, seed, cases, .. } = self;
        writeln!(f, "{decoder}: {}", self.why)?;
        writeln!(f, "  input of {} bytes: {}", self.input.len(), self.input.escape_ascii())?;
        match self.keep() {
            Ok(path) if self.stands_alone => {
                write!(f, "  again: cargo xtask fuzz {decoder} --input {}", path.display())
            }
            Ok(_) => write!(f, "  again: cargo xtask fuzz {decoder} --seed {seed} --cases {cases}"),
            Err(error) => write!(f, "  it cannot be written to {}: {error}", folder().display()),
        }
    }
}

/// Where findings are written: below the folder of what is built.
fn folder() -> PathBuf {
    let built = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    built.unwrap_or_else(|| root.join("target")).join("fuzz")
}

/// Inputs of a decoder that broke something once. They are kept in `tests/decoders`.
///
/// # Panics
/// When the folder of the decoder is there and cannot be read.
pub fn kept_inputs(decoder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders").join(decoder);
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder of the repository can be read").path()).collect();
    // In the same order everywhere: the pool begins with them.
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("a kept input can be read");
    paths.iter().map(read).collect()
}

/// The input that is being tried, on disk: what is left when the process does not come back.
pub(super) struct Trail(Option<File>);

impl Trail {
    pub(super) fn of(decoder: &str) -> Self {
        let folder = folder();
        let file = fs::create_dir_all(&folder)
            .and_then(|()| File::create(folder.join(format!("{decoder}-being-tried"))));
        // Without a place for it the campaign is as good: only an input that kills it would have to be searched.
        Self(file.ok())
    }

    pub(super) fn leave(&mut self, input: &[u8]) {
        if let Some(file) = &mut self.0 {
            let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
            if written.and_then(|_| file.write_all(input)).is_err() {
                self.0 = None;
            }
        }
    }
}
