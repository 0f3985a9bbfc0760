//! The binary that is shipped cannot be broken on purpose: the feature `mutations` is not in it.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use wcs_tests::child::Child;
use wcs_tests::program::{binary, wcs};

const LIMIT: Duration = Duration::from_secs(15);
/// The variable that only a build with the feature reads.
const VARIABLE: &[u8] = b"WCS_MUTATE";

#[test]
fn shipped_binary_has_no_mutations() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let version = Child::run(wcs(folder.path(), &["--version"])?, LIMIT)?.expect_code(0)?;
    ensure!(version.out.trim() == concat!("wcs ", env!("CARGO_PKG_VERSION")), "{version}");
    let refused = Child::run(wcs(folder.path(), &["--mutate", "poison:A", "sim", "prove"])?, LIMIT)?;
    let refused = refused.expect_code(2)?;
    ensure!(refused.err.contains("--mutate"), "{refused}");
    let bytes = fs::read(binary()?)?;
    ensure!(!bytes.windows(VARIABLE.len()).any(|window| window == VARIABLE), "the binary reads the variable");
    Ok(())
}
