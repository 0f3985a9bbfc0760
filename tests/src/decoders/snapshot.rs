//! What a checkpoint holds: the core and the chronicle behind a record. Its file is covered by a checksum; this is about
//! what stands behind a checksum that is right.
//!
//! Input: the body of a checkpoint whose record and hash are the true ones.

use wcs_engine::{Follower, restore};
use wcs_journal::{Checkpoint, list_checkpoints, read_checkpoint};
use wcs_types::Seq;

use super::kept_journals::kept_journals;
use crate::fuzzing::{Bounds, Decoder, Outcome};

/// Records behind which the checkpoint stands.
const RECORDS: usize = 60;

pub(super) const CHECKPOINT: Decoder = Decoder {
    name: "checkpoint",
    reads: "what a checkpoint holds",
    seeds: || vec![checkpoint().body],
    words: || vec![vec![0xFF; 9], vec![0x80; 10], vec![0; 8], vec![1, 1], vec![0xFF, 0xFF, 3]],
    size_max: 64 * 1024,
    cases: 400,
    answers_min: 4,
    bounds: Bounds { held: 8 << 20, held_per_byte: 1_200, allocations: 20_000, allocations_per_byte: 8 },
    bench: || {
        let true_one = checkpoint();
        Box::new(move |input| check(&true_one, input))
    },
};

fn checkpoint() -> Checkpoint {
    let journals = kept_journals();
    let journal = journals.iter().max_by_key(|journal| journal.records.len().min(RECORDS));
    let journal = journal.expect("the engine keeps journals");
    let storage = journal.made_anew(RECORDS);
    let (mut follower, _) =
        Follower::start(storage.clone(), journal.plant.clone()).expect("the journal is sound");
    follower.follow(Seq(RECORDS as u64), RECORDS).expect("the journal replays");
    assert!(follower.checkpoint().expect("memory takes a checkpoint"), "there was none yet");
    let newest = list_checkpoints(&storage).expect("memory can be listed")[0];
    let checkpoint = read_checkpoint(&storage, newest).expect("it was just written");
    assert!(restore(&checkpoint).is_ok(), "the valid input is a checkpoint");
    checkpoint
}

fn check(true_one: &Checkpoint, body: &[u8]) -> Outcome {
    let checkpoint = Checkpoint { body: body.to_vec(), ..true_one.clone() };
    match restore(&checkpoint) {
        Ok((core, _)) => match core.check_invariants() {
            Ok(()) => Ok("restored".to_owned()),
            // The hash covers the rows of the tables; what it covers must hold together.
            Err(broken) => Err(format!("it is restored, and {broken}")),
        },
        Err(error) => Ok(error.to_string()),
    }
}
