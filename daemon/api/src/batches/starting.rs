//! The start of a batch, settled rather than hoped: the store freezes the content under a token, the core gets the parts
//! and one start, and only the journal says that it runs.
//!
//! ```text
//! ready --begin_start--> starting --parts, Start--> (journal) running
//!                            |  core refuses --> ready, 409
//!                            |  no answer    --> starting, 503: the same start again goes on; at boot it is settled
//! ```
//! Without a token of the client the token is made of the batch, so that a start that is asked twice is one start.

use axum::extract::State;
use futures_util::future::join_all;
use serde::Deserialize;
use utoipa::IntoParams;
use wcs_store::{BatchFilter, PAGE_SIZE_MAX, PageAt, Starting, Store};
use wcs_types::{BatchId, Fact, OperatorId, Reply, Seq, StartToken, StateHasher, Verb, VerbRefusal};

use super::answers::BatchAnswer;
use super::refusals::{not_found, refused, unchanged, wrong_state};
use crate::asking::unanswered;
use crate::body::NoBody;
use crate::parameters::{Operator, Path, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// Parts on their way to the core at once.
const PARTS_AT_ONCE: u16 = 8;
/// How long settling waits for the store to reflect the journal, in waits of a second.
const SETTLE_WAITS: u32 = 60;

/// Token of a start.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartAsked {
    /// Token of this start, for clients that must tell their start from that of others: with another token than that of
    /// the start before it is refused. Made of the batch when it is left out.
    token: Option<u64>,
}

/// Starts a batch that is ready. The same start again is done already.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/start",
    tag = "batches",
    operation_id = "start_batch",
    params(("batch" = i64, Path, description = "Id of the batch."), StartAsked),
    responses((status = 200, description = "It runs.", body = BatchAnswer), Writes)
)]
pub(crate) async fn start(
    State(api): State<Api>,
    Operator(operator): Operator,
    Path(batch): Path<i64>,
    Query(asked): Query<StartAsked>,
    _: NoBody,
) -> Result<BatchAnswer, Problem> {
    let token = asked.token.map_or_else(|| token_of(batch), StartToken);
    let store = api.store()?;
    let before = store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    if before.state == "starting" {
        // An earlier start has no answer yet: what the journal holds of it comes first.
        api.store_at(Some(api.durable().0)).await?;
    }
    let starting = match store.begin_start(batch, token).await {
        Ok(starting) => starting,
        Err(error) => return Err(unchanged(&api, error).await),
    };
    let core = starting.spec.batch;
    api.core_ids().note(batch, core);
    let now = store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    match now.state.as_str() {
        "starting" => {}
        "running" | "paused" => return Ok(BatchAnswer { id: batch, state: now.state, position: 0 }),
        over => return Err(wrong_state(batch, over, "ready")),
    }
    match carry_out(&api, store, operator, &starting).await? {
        Carried::Started { position, .. } => {
            Ok(BatchAnswer { id: batch, state: "running".to_owned(), position: position.0 })
        }
        Carried::Refused { refusal, position } => {
            let problem = refused(&api, batch, core, &refusal, "ready").await;
            Err(problem.with("position", position.0))
        }
    }
}

/// What the core said to a start.
enum Carried {
    Started { position: Seq, facts: Vec<Fact> },
    Refused { refusal: VerbRefusal, position: Seq },
}

fn token_of(batch: i64) -> StartToken {
    StartToken(StateHasher::of_bytes(format!("start of batch {batch}").as_bytes()))
}

/// Stages every part and asks for the start. A refusal makes the batch ready again; without an answer it stays
/// `starting`, and all of this may be done once more.
async fn carry_out(
    api: &Api,
    store: &Store,
    operator: OperatorId,
    starting: &Starting,
) -> Result<Carried, Problem> {
    let Starting { batch, spec, token, parts, content_hash } = *starting;
    let mut verbs = Vec::new();
    let mut part = 0;
    while part < parts {
        let until = parts.min(part + PARTS_AT_ONCE);
        for part in part..until {
            let jobs = store.part(batch, part).await?;
            verbs.push(Verb::Stage { spec, part, jobs });
        }
        part = until;
        if let Some(refused) = ask_all(api, operator, &mut verbs).await? {
            return give_up(store, starting, refused).await;
        }
    }
    let start = Verb::Start { batch: spec.batch, token, parts, content_hash };
    let asked = api.control().ask(operator, start).await.map_err(unanswered)?;
    match asked.reply {
        Reply::Done => Ok(Carried::Started { position: asked.position, facts: asked.facts }),
        Reply::Refused(refusal) => give_up(store, starting, (refusal, asked.position)).await,
    }
}

/// Asks verbs one behind the other without waiting in between; the first refusal.
async fn ask_all(
    api: &Api,
    operator: OperatorId,
    verbs: &mut Vec<Verb>,
) -> Result<Option<(VerbRefusal, Seq)>, Problem> {
    let asking: Vec<_> = verbs.drain(..).map(|verb| api.control().ask(operator, verb)).collect();
    for asked in join_all(asking).await {
        let asked = asked.map_err(unanswered)?;
        if let Reply::Refused(refusal) = asked.reply {
            return Ok(Some((refusal, asked.position)));
        }
    }
    Ok(None)
}

async fn give_up(
    store: &Store,
    starting: &Starting,
    (refusal, position): (VerbRefusal, Seq),
) -> Result<Carried, Problem> {
    tracing::info!(batch = starting.batch, ?refusal, "the core refused a start");
    match store.refuse_start(starting.batch, starting.token).await {
        Ok(()) => {}
        Err(wcs_store::BatchError::Store(error)) => return Err(error.into()),
        // It runs after all, or was given up by another request.
        Err(error) => tracing::warn!(batch = starting.batch, %error, "a refused start was not taken back"),
    }
    Ok(Carried::Refused { refusal, position })
}

/// How a start that a crash had left open was settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SettledStart {
    /// The batch, in the store.
    pub batch: i64,
    /// It runs; else it is ready again.
    pub is_started: bool,
}

/// Settles every start that has no answer: the core is asked for it again. For the boot, and safe at any time.
///
/// # Errors
/// The store or the core gave no answer, or the store does not reflect the journal yet; what is not settled is left.
pub async fn settle_starting(api: &Api) -> Result<Vec<SettledStart>, Problem> {
    let store = api.store()?;
    let durable = api.durable().0;
    let mut waits = 0;
    while !store.wait_for(durable, std::time::Duration::from_secs(1)).await {
        waits += 1;
        if waits == SETTLE_WAITS {
            return Err(Problem::new(ProblemCode::PositionAhead)
                .with("position", durable)
                .with("reflected", store.position()));
        }
    }
    let mut settled = Vec::new();
    for starting in store.starting().await? {
        let batch = starting.batch;
        api.core_ids().note(batch, starting.spec.batch);
        let is_started = match carry_out(api, store, OperatorId(0), &starting).await? {
            Carried::Started { facts, .. } => {
                let is_new = facts.iter().any(|fact| matches!(fact, Fact::BatchStarted { .. }));
                tracing::info!(batch, is_new, "an open start was settled: it runs");
                true
            }
            Carried::Refused { refusal, .. } => {
                tracing::warn!(
                    batch,
                    ?refusal,
                    "an open start was settled: the core refused it, it is ready again"
                );
                false
            }
        };
        settled.push(SettledStart { batch, is_started });
    }
    note_core_ids(api, store).await?;
    Ok(settled)
}

/// Remembers what runs, so that it can be paused and closed while the store is down.
async fn note_core_ids(api: &Api, store: &Store) -> Result<(), Problem> {
    for state in ["running", "paused", "closing"] {
        let at = PageAt { after: 0, size: PAGE_SIZE_MAX };
        for batch in store.batches(BatchFilter::InState(state), at).await?.items {
            if let Some(core) = batch.core_id.and_then(|id| u32::try_from(id).ok()) {
                api.core_ids().note(batch.id, BatchId(core));
            }
        }
    }
    Ok(())
}
