//! Problems of batches: what the store refuses and what the core refuses, with the state of the batch and what of it is
//! unfinished.

use serde_json::{Value, json};
use wcs_store::{BatchError, BatchRefusal, MemberFault};
use wcs_types::{BatchId, VerbRefusal};

use super::states::shown_state;
use crate::asking;
use crate::problem::{Problem, ProblemCode};
use crate::state::Api;

/// Orders named in a problem. More are counted only.
const NAMED_MAX: usize = 1000;

pub(super) fn not_found(batch: i64) -> Problem {
    Problem::new(ProblemCode::BatchNotFound).with("batch", batch)
}

/// A verb in a state that does not allow it.
pub(super) fn wrong_state(batch: i64, state: &str, needed: &str) -> Problem {
    Problem::new(ProblemCode::BatchWrongState)
        .with("batch", batch)
        .with("state", state)
        .with("needed", needed)
}

/// The problem of a change the store refused or could not make.
pub(super) async fn unchanged(api: &Api, error: BatchError) -> Problem {
    let refusal = match error {
        BatchError::Store(error) => return error.into(),
        BatchError::Refused(refusal) => refusal,
    };
    match refusal {
        BatchRefusal::Unknown { batch } => not_found(batch),
        BatchRefusal::WrongState { batch, state, needed } => {
            let problem = wrong_state(batch, &state, needed);
            with_unfinished(api, batch, problem).await
        }
        BatchRefusal::ReferenceTaken { batch, field } => {
            Problem::new(ProblemCode::BatchReferenceTaken).with("batch", batch).with("field", field)
        }
        BatchRefusal::BadReference => {
            Problem::new(ProblemCode::BodyInvalid).at("/reference", BatchRefusal::BadReference.to_string())
        }
        BatchRefusal::Orders { orders } => {
            let named: Vec<Value> = orders
                .iter()
                .take(NAMED_MAX)
                .map(|(key, fault)| {
                    json!({"owner": key.owner, "number": key.number, "reason": word_of(fault), "detail": fault.to_string()})
                })
                .collect();
            Problem::new(ProblemCode::BatchOrders).with("count", orders.len()).with("orders", named)
        }
        BatchRefusal::Empty => Problem::new(ProblemCode::BatchEmpty),
        BatchRefusal::AdditionOpen { batch } => Problem::new(ProblemCode::BatchAdding).with("batch", batch),
        BatchRefusal::OtherToken => Problem::new(ProblemCode::BatchOtherToken),
        other @ (BatchRefusal::Unlike { .. }
        | BatchRefusal::TooManyJobs { .. }
        | BatchRefusal::BadJob { .. }) => {
            Problem::new(ProblemCode::BatchPlan).with("cause", other.to_string())
        }
    }
}

/// The problem of a verb the core refused for this batch.
pub(super) async fn refused(
    api: &Api,
    batch: i64,
    core: BatchId,
    refusal: &VerbRefusal,
    needed: &str,
) -> Problem {
    let problem = match refusal {
        VerbRefusal::WrongState | VerbRefusal::UnknownBatch => {
            let state = shown_state(api, batch, core).await.unwrap_or_else(|| "unknown".to_owned());
            wrong_state(batch, &state, needed)
        }
        VerbRefusal::AlreadyPicked { pieces, loads } => asking::refused(refusal)
            .with("batch", batch)
            .with("picked", pieces.0)
            .with("loads_on_belt", *loads),
        VerbRefusal::ChuteNotFree { chute } | VerbRefusal::TwiceInTable { chute } => {
            let spec = api.plant().chutes.get(usize::from(chute.0));
            let name = spec.map_or_else(|| chute.0.to_string(), |spec| spec.id.clone());
            asking::refused(refusal).with("batch", batch).with("chute", name)
        }
        VerbRefusal::NotInTable { classes } => {
            asking::refused(refusal).with("batch", batch).with("classes", *classes)
        }
        other => asking::refused(other).with("batch", batch),
    };
    with_unfinished(api, batch, problem).await
}

/// Adds the pieces that are planned and not in a chute, where that is known.
async fn with_unfinished(api: &Api, batch: i64, problem: Problem) -> Problem {
    let live = api.core_ids().get(batch).and_then(|core| api.live().read().progress(core));
    let pieces = match live {
        Some(progress) => Some(i64::from(progress.planned.saturating_sub(progress.done))),
        None => match api.store().map(|store| store.batch(batch)) {
            Ok(asked) => asked.await.ok().flatten().map(|view| view.planned - view.picked),
            Err(_) => None,
        },
    };
    match pieces {
        Some(pieces) if !problem.members().contains_key("unfinished") => problem.with("unfinished", pieces),
        Some(pieces) => problem.with("unfinished_pieces", pieces),
        None => problem,
    }
}

fn word_of(fault: &MemberFault) -> &'static str {
    match fault {
        MemberFault::Unknown => "unknown",
        MemberFault::Taken { .. } => "taken",
        MemberFault::State { .. } => "state",
        MemberFault::Twice => "twice",
        MemberFault::NoMember => "no_member",
    }
}
