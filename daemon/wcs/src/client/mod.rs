//! Commands that ask a running daemon over HTTP, or look at what it left on disk. They decide nothing and know nothing
//! of the core: what the daemon says is shown, for people or as JSON.

pub(crate) mod http;
mod import;
mod offline;
pub(crate) mod options;
mod smoke;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod why;

use crate::exit::Failure;
use crate::shown::Shown;
use options::{ClientCommand, StoreCommand};

/// Carries a command out.
pub(crate) fn run(command: &ClientCommand, shown: Shown) -> Result<(), Failure> {
    match command {
        ClientCommand::Import(options) => import::import(options, shown),
        ClientCommand::Status(options) => status::status(options, shown),
        ClientCommand::Why(options) => why::why(options, shown),
        ClientCommand::Smoke(options) => smoke::smoke(options, shown),
        ClientCommand::Store(StoreCommand::Rebuild(options)) => store::rebuild(options, shown),
        ClientCommand::Store(StoreCommand::Check(options)) => store::check(options, shown),
    }
}
