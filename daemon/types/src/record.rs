//! One journal record: an input with everything the core made of it. Bodies are encoded behind a kind and a
//! version byte by the journal; this file fixes what they hold.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::fact::Fact;
use crate::hash::StateHash;
use crate::input::Input;
use crate::serial::Seq;
use crate::units::{MonoTime, Nanos};

/// Version of the core's behaviour. State hashes are compared only within one version.
pub const CORE_VERSION: u32 = 6;

/// One record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Position in the journal.
    pub seq: Seq,
    /// Core time of the turn.
    pub now: MonoTime,
    /// Time since the previous turn: a deadline that fell due inside a long gap is judged as ours.
    pub gap: Nanos,
    /// What went in.
    pub input: Input,
    /// What was chosen.
    pub decisions: Vec<Decision>,
    /// What came of it.
    pub facts: Vec<Fact>,
    /// Hash of the state after it.
    pub hash: StateHash,
}
