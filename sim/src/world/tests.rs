//! Tests of the sorter through its registers, as a WCS sees it, and through its ledger.

mod bench;
mod exits;
mod handshake;
mod mischief;
mod physics;
mod safety;
mod shift;
mod storm;
