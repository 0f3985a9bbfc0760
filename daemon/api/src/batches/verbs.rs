//! Verbs of batches that were started, which the core carries out, and taking back one that was not.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use wcs_types::{BatchId, Fact, OperatorId, Reply, Verb};

use super::answers::BatchAnswer;
use super::refusals::{not_found, refused, unchanged, wrong_state};
use super::starting::settle_taken_back;
use super::states::shown_state;
use crate::asking::unanswered;
use crate::body::{MaybeJson, NoBody};
use crate::parameters::{NoQuery, Operator, Path, Query};
use crate::press::Press;
use crate::problem::{Problem, Writes};
use crate::state::Api;

/// How to close.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseIn {
    /// Close with unfinished work: what is missing is listed. False when it is left out.
    #[serde(default)]
    forced: bool,
}

/// Takes no more loads for a batch; its loads on the belt go round, then to exception.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/pause",
    tag = "batches",
    operation_id = "pause_batch",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    responses((status = 200, description = "It is paused.", body = BatchAnswer), Writes)
)]
pub(crate) async fn pause(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    Press(operator): Press,
) -> Result<BatchAnswer, Problem> {
    carry_out(&api, operator, batch, "running", |batch| Verb::Pause { batch }).await
}

/// Goes on with a paused batch.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/resume",
    tag = "batches",
    operation_id = "resume_batch",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    responses((status = 200, description = "It runs.", body = BatchAnswer), Writes)
)]
pub(crate) async fn resume(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    Press(operator): Press,
) -> Result<BatchAnswer, Problem> {
    carry_out(&api, operator, batch, "paused", |batch| Verb::Resume { batch }).await
}

/// Ends a batch: no new decisions, and ended once none of its loads is on the belt. With unfinished work only when forced.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/close",
    tag = "batches",
    operation_id = "close_batch",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    request_body = Option<CloseIn>,
    responses((status = 200, description = "It is closing, or ended.", body = BatchAnswer), Writes)
)]
pub(crate) async fn close(
    State(api): State<Api>,
    Operator(operator): Operator,
    Path(batch): Path<i64>,
    _: Query<NoQuery>,
    MaybeJson(sent): MaybeJson<CloseIn>,
) -> Result<BatchAnswer, Problem> {
    let is_forced = sent.forced;
    carry_out(&api, operator, batch, "running or paused", |batch| Verb::Close { batch, is_forced }).await
}

/// Takes a batch back before its start; its orders are free for others.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/cancel",
    tag = "batches",
    operation_id = "cancel_batch",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    responses((status = 200, description = "It is cancelled.", body = BatchAnswer), Writes)
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<BatchAnswer, Problem> {
    match api.store()?.cancel_batch(batch).await {
        Ok(()) => Ok(BatchAnswer::stored(batch, "cancelled")),
        Err(error) => Err(unchanged(&api, error).await),
    }
}

/// Takes a start back, as long as nothing of the batch was sorted and none of its loads is on the belt: it is ready again.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/cancel-start",
    tag = "batches",
    operation_id = "cancel_start",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    responses((status = 200, description = "It is taken back; `starting` until the store has caught up, then `ready`.",
        body = BatchAnswer), Writes)
)]
pub(crate) async fn cancel_start(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    Press(operator): Press,
) -> Result<BatchAnswer, Problem> {
    let needed = "running or paused";
    let core = core_id(&api, batch, needed).await?;
    let asked = api.control().ask(operator, Verb::CancelStart { batch: core }).await.map_err(unanswered)?;
    if let Reply::Refused(refusal) = &asked.reply {
        let problem = refused(&api, batch, core, refusal, needed).await;
        return Err(problem.with("position", asked.position.0));
    }
    let position = asked.position.0;
    // The core has dropped the batch. Where the store is late or away, the next start or boot settles the rest.
    let mut state = "starting".to_owned();
    if let Ok(store) = api.store_at(Some(position)).await
        && settle_taken_back(store).await.is_ok()
        && let Ok(Some(view)) = store.batch(batch).await
    {
        state = view.state;
    }
    Ok(BatchAnswer { id: batch, state, position })
}

/// Asks the core a verb of a batch and tells where the batch is then.
async fn carry_out(
    api: &Api,
    operator: OperatorId,
    batch: i64,
    needed: &str,
    verb: impl Fn(BatchId) -> Verb,
) -> Result<BatchAnswer, Problem> {
    let core = core_id(api, batch, needed).await?;
    let asked = api.control().ask(operator, verb(core)).await.map_err(unanswered)?;
    if let Reply::Refused(refusal) = &asked.reply {
        let problem = refused(api, batch, core, refusal, needed).await;
        return Err(problem.with("position", asked.position.0));
    }
    let state = match asked.facts.iter().rev().find_map(|fact| state_after(fact, core)) {
        Some(state) => state.to_owned(),
        // Done already: nothing came of it now.
        None => shown_state(api, batch, core).await.unwrap_or_else(|| "unknown".to_owned()),
    };
    Ok(BatchAnswer { id: batch, state, position: asked.position.0 })
}

/// The batch in the journal. Known here without the store when it was started or shown by this process.
pub(crate) async fn core_id(api: &Api, batch: i64, needed: &str) -> Result<BatchId, Problem> {
    if let Some(core) = api.core_ids().get(batch) {
        return Ok(core);
    }
    let found = api.store()?.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    let core = found.core_id.and_then(|core| u32::try_from(core).ok()).map(BatchId);
    let core = core.ok_or_else(|| wrong_state(batch, &found.state, needed))?;
    api.core_ids().note(batch, core);
    Ok(core)
}

fn state_after(fact: &Fact, core: BatchId) -> Option<&'static str> {
    match fact {
        Fact::BatchPaused { batch } if *batch == core => Some("paused"),
        Fact::BatchResumed { batch } if *batch == core => Some("running"),
        Fact::BatchClosing { batch, .. } if *batch == core => Some("closing"),
        Fact::BatchEnded { batch } if *batch == core => Some("ended"),
        _ => None,
    }
}
