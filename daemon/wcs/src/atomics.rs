//! Atomics under one name, for the files that `tests/interleavings.rs` compiles against those of loom.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
