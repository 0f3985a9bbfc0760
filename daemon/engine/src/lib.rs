//! The engine turn, sans-IO: admit inputs, step the core, append to the journal, release what is durable. It
//! knows no clock, thread, socket or disk: the shell passes the time in, hands batches to the journal's writer
//! and reports what is durable.
//!
//! ```text
//!   input --admit--> core step --> record into the filling batch      outputs with after = 0 --> ready at once
//!                                        |                            outputs with after = n --> gate
//!                    shell: write + sync |                                                        |
//!                                        v                                                        v
//!                                 handle_durable(n) --------------------------------------> ready, in order
//! ```
#![forbid(unsafe_code)]

mod boot;
mod chronicle;
mod engine;
mod follower;
mod gate;
mod poison;
mod replay;
mod resume;
mod saved;
mod shadow;

pub use boot::{Boot, BootError, READ_SIZE_MIN, Start, boot, journal_context, journal_plant};
pub use chronicle::{BATCHES_KEPT_MAX, Chronicle};
pub use engine::{Admission, Engine, Stepper};
pub use follower::{CHECKPOINTS_KEPT, EFFORT_MAX, FollowError, Follower};
pub use poison::{CRASHES_MAX, Poison, PoisonList, words};
pub use replay::{Divergence, Replay, ReplayError, replay};
pub use resume::{AWAY_MAX, ClockDoubt, time_after};
pub use saved::{CheckpointRefused, UnusableCheckpoint, prove, restore, save};
pub use shadow::{ChangeKind, ChuteChange, Differing, Shadow};
