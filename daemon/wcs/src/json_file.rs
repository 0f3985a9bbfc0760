//! JSON files of commands: written whole, under a temporary name first.

use std::path::Path;

use crate::exit::Failure;

/// Writes `value` to `path` in one piece.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::not_ok)?;
    let temporary = path.with_extension("tmp");
    let place =
        |error: std::io::Error| Failure::bad_input(format!("cannot write {}: {error}", path.display()));
    std::fs::write(&temporary, text + "\n").map_err(place)?;
    std::fs::rename(&temporary, path).map_err(place)
}
