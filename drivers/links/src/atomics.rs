//! The atomics of this crate under one name. `tests/interleavings.rs` compiles the same sources against those of loom,
//! which tries every order in which threads can meet.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
