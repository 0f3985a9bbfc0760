//! How much a test does: little in every run, everything where an acceptance line asks for it.

use std::env;

/// True when `WCS_FULL_SIZE` is set: acceptance lines run these tests at full size.
pub fn is_full() -> bool {
    env::var_os("WCS_FULL_SIZE").is_some()
}

/// One of two sizes.
pub fn choose<T>(reduced: T, full: T) -> T {
    if is_full() { full } else { reduced }
}
