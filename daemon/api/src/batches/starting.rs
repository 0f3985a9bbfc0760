//! The start of a batch, settled rather than hoped: the store freezes the content under a token, the core gets the parts
//! and one start, and only the journal says that it runs.
//!
//! ```text
//! ready --begin_start--> starting --parts, Start--> (journal) running
//!                            |  core refuses --> ready, 409
//!                            |  no answer    --> starting, 503: the same start again goes on; at boot it is settled
//! ```
//! Without a token of the client a start that is asked twice is one start.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use wcs_store::{BatchError, BatchFilter, BatchRefusal, PAGE_SIZE_MAX, PageAt, Starting, Store};
use wcs_types::{BatchId, Fact, OperatorId, Reply, Seq, StartToken, StateHasher, Verb, VerbRefusal};

use super::adding::{self, Added};
use super::answers::BatchAnswer;
use super::refusals::{not_found, refused, unchanged, wrong_state};
use crate::asking::{ask_all, unanswered};
use crate::body::NoBody;
use crate::parameters::{Operator, Path, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// Parts on their way to the core at once.
const PARTS_AT_ONCE: usize = 8;
/// How long settling waits for the store to reflect the journal, in waits of a second.
const SETTLE_WAITS: u32 = 60;

/// Token of a start.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartAsked {
    /// Token of this start, for clients that must tell their start from that of others: with another token than that of
    /// the start before it is refused. When it is left out, a start that is asked twice is one start.
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
    let store = api.store()?;
    let before = store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    if before.state == "starting" {
        // An earlier start has no answer yet: what the journal holds of it comes first.
        api.store_at(Some(api.durable().0)).await.map_err(behind)?;
        settle_taken_back(store).await?;
    }
    let starting = match begin(&api, store, batch, asked.token.map(StartToken)).await {
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

/// A start cannot be judged before the store has caught up; unlike a read it has no answer until then.
fn behind(problem: Problem) -> Problem {
    if problem.code() != ProblemCode::PositionAhead {
        return problem;
    }
    Problem::new(ProblemCode::StoreUnavailable)
        .with("cause", "it does not reflect the journal yet")
        .retry_after(std::time::Duration::from_secs(1))
}

/// What the core said to a start.
enum Carried {
    Started { position: Seq, facts: Vec<Fact> },
    Refused { refusal: VerbRefusal, position: Seq },
}

/// Begins a start under the token of the client; without one, under that of the start which is open, or a new one.
async fn begin(
    api: &Api,
    store: &Store,
    batch: i64,
    token: Option<StartToken>,
) -> Result<Starting, BatchError> {
    if let Some(token) = token {
        return store.begin_start(batch, token).await;
    }
    let known = store.start_token(batch).await?;
    let begun = store.begin_start(batch, known.unwrap_or_else(|| fresh_token(api, batch))).await;
    let Err(BatchError::Refused(BatchRefusal::OtherToken)) = begun else { return begun };
    // Another request was faster, and both mean the same start.
    match store.start_token(batch).await? {
        Some(token) => store.begin_start(batch, token).await,
        None => begun,
    }
}

/// A token no start had: a start that was taken back is another start.
fn fresh_token(api: &Api, batch: i64) -> StartToken {
    static STARTS: AtomicU64 = AtomicU64::new(0);
    let start = STARTS.fetch_add(1, Ordering::Relaxed);
    let text = format!("{batch} {} {} {start}", api.now_ms(), api.durable().0);
    StartToken(StateHasher::of_bytes(text.as_bytes()))
}

/// Starts that the journal shows as taken back: their batches are ready again.
pub(super) async fn settle_taken_back(store: &Store) -> Result<(), Problem> {
    for (batch, token) in store.taken_back().await? {
        match store.refuse_start(batch, token).await {
            Ok(()) => tracing::info!(batch, "a start that was taken back was settled: it is ready again"),
            Err(BatchError::Store(error)) => return Err(error.into()),
            Err(error) => tracing::warn!(batch, %error, "a start that was taken back stays"),
        }
    }
    Ok(())
}

/// Stages every part and asks for the start. A refusal makes the batch ready again; without an answer it stays
/// `starting`, and all of this may be done once more.
async fn carry_out(
    api: &Api,
    store: &Store,
    operator: OperatorId,
    starting: &Starting,
) -> Result<Carried, Problem> {
    let Starting { batch, spec, token, parts, table_parts, content_hash } = *starting;
    let all = u32::from(parts) + u32::from(table_parts);
    let mut verbs = Vec::new();
    for number in 0..all {
        verbs.push(match u16::try_from(number) {
            Ok(part) if part < parts => Verb::Stage { spec, part, jobs: store.part(batch, part).await? },
            _ => {
                let part =
                    u16::try_from(number - u32::from(parts)).expect("there are fewer parts of the table");
                let pairs = store.table_part(batch, part).await?;
                Verb::StageTable { batch: spec.batch, part, pairs }
            }
        });
        if verbs.len() == PARTS_AT_ONCE || number + 1 == all {
            let answers = ask_all(api, operator, std::mem::take(&mut verbs)).await?;
            if let Some((_, refusal, position)) = answers.refused {
                return give_up(api, store, operator, starting, (refusal, position)).await;
            }
        }
    }
    let start = Verb::Start { batch: spec.batch, token, parts, content_hash };
    let asked = api.control().ask(operator, start).await.map_err(unanswered)?;
    match asked.reply {
        Reply::Done => Ok(Carried::Started { position: asked.position, facts: asked.facts }),
        Reply::Refused(refusal) => give_up(api, store, operator, starting, (refusal, asked.position)).await,
    }
}

/// Takes a refused start back: the parts out of the core, so that its place is free, then the batch is ready again.
async fn give_up(
    api: &Api,
    store: &Store,
    operator: OperatorId,
    starting: &Starting,
    (refusal, position): (VerbRefusal, Seq),
) -> Result<Carried, Problem> {
    tracing::info!(batch = starting.batch, ?refusal, "the core refused a start");
    let unstage = Verb::Unstage { batch: starting.spec.batch };
    match api.control().ask(operator, unstage).await.map_err(unanswered)?.reply {
        Reply::Done | Reply::Refused(VerbRefusal::UnknownBatch) => {}
        Reply::Refused(kept) => {
            tracing::warn!(batch = starting.batch, refusal = ?kept, "the core keeps the parts of a refused start");
        }
    }
    match store.refuse_start(starting.batch, starting.token).await {
        Ok(()) => {}
        Err(BatchError::Store(error)) => return Err(error.into()),
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

/// Settles every start and every addition that has no answer: the core is asked again. For the boot, and safe at any time.
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
    settle_taken_back(store).await?;
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
    for adding in store.adding().await? {
        let batch = adding.batch;
        match adding::carry_out(api, store, OperatorId(0), &adding).await? {
            Added::All { .. } => tracing::info!(batch, "an open addition was settled: its orders are in"),
            Added::Refused { refusal, left_out, .. } => {
                let left_out = left_out.len();
                tracing::warn!(
                    batch,
                    ?refusal,
                    left_out,
                    "an open addition was settled: the core refused it"
                );
            }
        }
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
