//! `wcs incident`: a part of a journal that can be taken along. A bundle is one file, a tar archive with:
//!
//! | file | content |
//! |---|---|
//! | `plant.postcard`, `limits.postcard` | what the records were made under, as the journal holds it |
//! | `plant.json` | the same plant for people |
//! | `site.toml`, `plant.toml` | the files people wrote, without comments; where they were named |
//! | `wire.log` | wire traces out of a log; where one was named |
//! | `checkpoint-….wcsc` | the checkpoint behind which the records begin; none when they begin at record 1 |
//! | `records.wcsr` | the records, each behind its length, as in the body of a journal batch |
//! | `manifest.json` | journal, range, versions, checksum (SHA-256) of every file above |
//! | `manifest.sha256` | checksum of the manifest, as `sha256sum` writes it |
//!
//! A checkpoint means something only to the version of the core that wrote it, unless its rows are still the same. A
//! bundle that has to outlive its version is exported with `--whole`.

mod archive;
mod export;
mod manifest;
pub(crate) mod options;
mod refusal;
mod replay;

use options::IncidentCommand;

use crate::exit::Failure;
use crate::shown::Shown;

pub(crate) fn run(command: &IncidentCommand, shown: Shown) -> Result<(), Failure> {
    match command {
        IncidentCommand::Export(options) => export::export(options, shown),
        IncidentCommand::Replay(options) => replay::replay(&options.bundle, shown),
    }
}
