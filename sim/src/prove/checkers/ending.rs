//! How a run came to its end: what broke it off, whether its daemon came up each time, and whether it let go of a line
//! that another took.

use super::Finding;
use crate::prove::evidence::{End, Evidence};

pub(super) fn core_invariants(evidence: &Evidence) -> Finding {
    let broken = if let End::Invariant(what) = &evidence.end { Some(what.clone()) } else { None };
    let broken = broken.or_else(|| evidence.account_broken.clone());
    // The account looks at each record.
    Finding::of(evidence.replay.records + 2 * evidence.outages + 1, broken)
}

pub(super) fn restart(evidence: &Evidence) -> Finding {
    let broken = if let End::NotStarted(what) = &evidence.end { Some(what.clone()) } else { None };
    Finding::of(evidence.outages, broken)
}

pub(super) fn progress(evidence: &Evidence) -> Finding {
    let broken = if let End::Stuck(what) = &evidence.end { Some(what.clone()) } else { None };
    Finding::of(1, broken)
}

pub(super) fn fenced_off(evidence: &Evidence) -> Finding {
    let Some(takeover) = evidence.takeover else { return Finding::none() };
    let broken = if !takeover.is_kept {
        Some("the line was taken back from its new owner")
    } else if !takeover.is_fenced {
        Some("the new owner was not noticed")
    } else {
        None
    };
    Finding::of(1, broken.map(str::to_owned))
}

pub(super) fn checkpoint(evidence: &Evidence) -> Finding {
    Finding::of(evidence.restored, evidence.checkpoints_refused.first().cloned())
}
