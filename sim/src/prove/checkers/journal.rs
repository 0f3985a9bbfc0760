//! What the journal says, held against itself and against a replay.

use super::Finding;
use crate::prove::evidence::{End, Evidence};

pub(super) fn event_once(evidence: &Evidence) -> Finding {
    Finding::of(evidence.repeats.events(), evidence.repeats.broken().map(str::to_owned))
}

pub(super) fn reason(evidence: &Evidence) -> Finding {
    Finding::of(evidence.reasons.checked(), evidence.reasons.broken().map(str::to_owned))
}

pub(super) fn one_outcome(evidence: &Evidence) -> Finding {
    let broken = evidence.endings.first_broken().map(|(load, endings)| {
        let words: Vec<&str> = endings.iter().map(|ending| ending.outcome.as_str()).collect();
        format!("load {load} ended as {}", words.join(", then "))
    });
    Finding::of(evidence.endings.count(), broken)
}

pub(super) fn books(evidence: &Evidence) -> Finding {
    Finding::of(evidence.books.checked(), evidence.books.broken().map(str::to_owned))
}

pub(super) fn replay(evidence: &Evidence) -> Finding {
    let replay = &evidence.replay;
    let beside = if let End::Diverged(what) = &evidence.end { Some(what.clone()) } else { None };
    let broken = beside.or_else(|| replay.broken.clone()).or_else(|| {
        if replay.records != replay.durable {
            return Some(format!("{} records replayed of {}", replay.records, replay.durable));
        }
        let live = replay.live_hash.filter(|hash| *hash != replay.hash)?;
        Some(format!("the core that ran ended in state {live:016x}, the replay in {:016x}", replay.hash))
    });
    Finding::of(replay.records + replay.resumed, broken)
}
