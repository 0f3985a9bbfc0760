//! The first divergence of a replay, explained: the state the replay comes to against the state that was recorded. A
//! record holds no state, only its hash; so the recorded one is made again by imposing the recorded decisions, or read
//! from the nearest checkpoint behind the record. Where neither can be had, that is said.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wcs_core::{Core, Step};
use wcs_engine::restore;
use wcs_journal::{Checkpoint, list_checkpoints, read_checkpoint};
use wcs_types::{CORE_VERSION, Record, Seq};

use super::state_difference::state_difference;
use crate::exit::Failure;
use crate::journal_dir::JournalDir;

/// What can be said about a divergence beyond the record it is in.
#[derive(Debug)]
pub(super) struct Explained {
    /// What the replay was compared with.
    pub(super) compared: String,
    /// The difference in words, row by row.
    pub(super) state: Vec<String>,
}

impl Explained {
    fn nothing(compared: impl Into<String>) -> Self {
        Self { compared: compared.into(), state: Vec::new() }
    }
}

/// Explains the divergence in `record`; `before` is the core that stands before it.
pub(super) fn explain(journal: &JournalDir, before: Core, record: &Record) -> Result<Explained, Failure> {
    let recorded = Core::restore(before.snapshot()).map_err(Failure::not_ok)?;
    let Some(own) = stepped(before, record, false) else {
        return Ok(Explained::nothing("the core stops at this record: there is no state to compare"));
    };
    if let Some(recorded) = stepped(recorded, record, true)
        && recorded.state_hash() == record.hash
    {
        let state = state_difference(&recorded, &own).map_err(Failure::not_ok)?;
        let compared =
            "compared with the state that the recorded decisions lead to, whose hash is the recorded one";
        return Ok(Explained { compared: compared.to_owned(), state });
    }
    against_later(journal, own, record.seq)
}

/// Only the hash is other, or the facts are: what lies behind the record tells more.
fn against_later(journal: &JournalDir, mut own: Core, at: Seq) -> Result<Explained, Failure> {
    let checkpoint = nearest_checkpoint(journal, at)?;
    let through = checkpoint.as_ref().map_or_else(|| at.next(), |(checkpoint, _)| checkpoint.seq);
    for entry in journal.records_between(at.next(), through)?.into_iter().flatten() {
        let record = entry.map_err(Failure::not_ok)?.record;
        let Some(next) = stepped(own, &record, true) else {
            let seq = record.seq.0;
            return Ok(Explained::nothing(format!(
                "nothing could be compared: with its own state the core stops at record {seq}"
            )));
        };
        own = next;
        if own.state_hash() == record.hash {
            return Ok(Explained::nothing(format!(
                "the state is as recorded again behind record {}: only what record {} states is other than what the \
                 core makes of it",
                record.seq.0, at.0
            )));
        }
    }
    let Some((checkpoint, saved)) = checkpoint else {
        return Ok(Explained::nothing(
            "no checkpoint of this version lies behind the record: there is no recorded state to compare with",
        ));
    };
    let state = state_difference(&saved, &own).map_err(Failure::not_ok)?;
    let away = checkpoint.seq.0 - at.0;
    Ok(Explained {
        compared: format!(
            "compared with the nearest checkpoint, of record {}, {away} records later",
            checkpoint.seq.0
        ),
        state,
    })
}

/// The core behind a record; `None` when it stops at it.
fn stepped(mut core: Core, record: &Record, is_imposed: bool) -> Option<Core> {
    let imposed = is_imposed.then_some(record.decisions.as_slice());
    catch_unwind(AssertUnwindSafe(move || {
        core.handle(record.now, record.gap, &record.input, imposed, &mut Step::default());
        core
    }))
    .ok()
}

/// The nearest checkpoint at a record or behind it that this version can read. One that was removed or is damaged
/// serves nobody here; `wcs journal verify` names it.
fn nearest_checkpoint(journal: &JournalDir, at: Seq) -> Result<Option<(Checkpoint, Core)>, Failure> {
    let mut later = list_checkpoints(&journal.storage).map_err(Failure::not_ok)?;
    later.retain(|seq| *seq >= at);
    while let Some(seq) = later.pop() {
        let Ok(checkpoint) = read_checkpoint(&journal.storage, seq) else { continue };
        if checkpoint.genesis != journal.found.genesis || checkpoint.context.core_version != CORE_VERSION {
            continue;
        }
        if let Ok((core, _)) = restore(&checkpoint) {
            return Ok(Some((checkpoint, core)));
        }
    }
    Ok(None)
}
