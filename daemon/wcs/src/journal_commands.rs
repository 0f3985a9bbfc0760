//! `wcs journal verify` and `wcs journal inspect`.

use wcs_journal::{FileStorage, inspect, verify};

use crate::arguments::DirOptions;
use crate::exit::Failure;
use crate::journal_dir::journal_dir;

pub(crate) fn verify_command(options: &DirOptions) -> Result<(), Failure> {
    let storage = FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    let report = verify(&storage).map_err(Failure::not_ok)?;
    println!("{report}");
    Ok(())
}

pub(crate) fn inspect_command(options: &DirOptions) -> Result<(), Failure> {
    let storage = FileStorage::open_read_only(&journal_dir(&options.dir)).map_err(Failure::bad_input)?;
    println!("{}", inspect(&storage).map_err(Failure::not_ok)?);
    Ok(())
}
