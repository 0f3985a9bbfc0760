//! Batches as they are listed and shown. What runs is overlaid from the live views, which are ahead of the store.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wcs_store::{BatchFilter, BatchView, ResultView};
use wcs_types::BatchId;

use super::refusals::not_found;
use super::states::running_word;
use crate::live::batches::BatchProgress;
use crate::moments::moment;
use crate::paging::{PageOf, page_at};
use crate::parameters::{AtPosition, Path, Query};
use crate::problem::{Problem, Reads};
use crate::state::Api;

/// Which batches.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchesAsked {
    /// Only those in this state, as the store has it.
    #[param(inline)]
    state: Option<StateAsked>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows wanted; 100 when it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// State of a batch.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateAsked {
    /// Takes orders.
    Receiving,
    /// Has its orders and waits for a plan.
    Waiting,
    /// Has its plan.
    Ready,
    /// Its start was asked for.
    Starting,
    /// Takes loads.
    Running,
    /// Takes no loads for now.
    Paused,
    /// No new decisions; its loads are still on the belt.
    Closing,
    /// Over.
    Ended,
    /// Taken back before its start.
    Cancelled,
    /// Its orders went to another batch.
    Merged,
}

impl StateAsked {
    const fn word(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Closing => "closing",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
            Self::Merged => "merged",
        }
    }
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchEntry {
    /// Id.
    id: i64,
    /// Its number in the journal, once a start was asked for.
    core_id: Option<i64>,
    /// Name with whoever made it.
    reference: Option<String>,
    /// Its line, by the id of the plant file.
    line: String,
    /// `lpn`: one label is one load; `sku`: any barcode of an article.
    identify: String,
    /// How classes get chutes.
    assign: String,
    /// Where it is in its life.
    state: String,
    /// Batch its orders went to.
    merged_into: Option<i64>,
    /// Pieces.
    quantities: BatchPieces,
    /// When it was made.
    created_at: String,
    /// How far it has come, while the core holds it.
    live: Option<BatchProgress>,
}

/// Pieces of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchPieces {
    /// In its jobs.
    planned: i64,
    /// In chutes.
    picked: i64,
    /// In boxes that were taken away.
    boxed: i64,
    /// Missing at its end.
    short: i64,
}

/// A job whose pieces are not all in a chute.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MissingEntry {
    /// Number inside the batch.
    job: i64,
    /// Owner of the order.
    owner: String,
    /// Order.
    order: String,
    /// First line it fills.
    line: i64,
    /// Owner of the article.
    sku_owner: String,
    /// Article.
    sku: String,
    /// First code of its loads.
    label: String,
    /// Pieces planned.
    planned: i64,
    /// Pieces in a chute.
    picked: i64,
    /// Pieces that are not.
    missing: i64,
    /// Pieces missing at the end of the batch.
    short: i64,
    /// Why they are missing, once the batch has ended.
    reason: Option<String>,
    /// Where they were seen last, once the batch has ended.
    last_seen: Option<String>,
}

/// Batches, oldest first.
#[utoipa::path(
    get,
    path = "/api/batches",
    tag = "batches",
    operation_id = "list_batches",
    params(BatchesAsked),
    responses((status = 200, description = "A page of batches.", body = PageOf<BatchEntry>), Reads)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Query(asked): Query<BatchesAsked>,
) -> Result<axum::Json<PageOf<BatchEntry>>, Problem> {
    let (list, filter) = match asked.state {
        None => ("batches".to_owned(), BatchFilter::All),
        Some(state) => (format!("batches-{}", state.word()), BatchFilter::InState(state.word())),
    };
    let at = page_at(&list, asked.cursor.as_deref(), asked.limit, 0)?;
    let page = api.store_at(asked.position).await?.batches(filter, at).await?;
    Ok(axum::Json(PageOf::of(&list, page, |batch| BatchEntry::of(&api, batch))))
}

/// One batch.
#[utoipa::path(
    get,
    path = "/api/batches/{batch}",
    tag = "batches",
    operation_id = "show_batch",
    params(("batch" = i64, Path, description = "Id of the batch."), AtPosition),
    responses((status = 200, description = "The batch.", body = BatchEntry), Reads)
)]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    Query(asked): Query<AtPosition>,
) -> Result<axum::Json<BatchEntry>, Problem> {
    let found = api.store_at(asked.position).await?.batch(batch).await?;
    let found = found.ok_or_else(|| not_found(batch))?;
    Ok(axum::Json(BatchEntry::of(&api, found)))
}

/// Which page of a list of jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobsAsked {
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows wanted; 100 when it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// Jobs of a batch whose pieces are not all in a chute.
#[utoipa::path(
    get,
    path = "/api/batches/{batch}/missing",
    tag = "batches",
    operation_id = "list_missing",
    params(("batch" = i64, Path, description = "Id of the batch."), JobsAsked),
    responses((status = 200, description = "A page of jobs.", body = PageOf<MissingEntry>), Reads)
)]
pub(crate) async fn missing(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    Query(asked): Query<JobsAsked>,
) -> Result<axum::Json<PageOf<MissingEntry>>, Problem> {
    let list = format!("missing-{batch}");
    let at = page_at(&list, asked.cursor.as_deref(), asked.limit, -1)?;
    let store = api.store_at(asked.position).await?;
    store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    let page = store.missing(batch, at).await?;
    Ok(axum::Json(PageOf::of(&list, page, MissingEntry::of)))
}

impl BatchEntry {
    pub(crate) fn of(api: &Api, batch: BatchView) -> Self {
        let core = batch.core_id.and_then(|id| u32::try_from(id).ok()).map(BatchId);
        if let Some(core) = core {
            api.core_ids().note(batch.id, core);
        }
        let live = core.and_then(|core| api.live().read().progress(core));
        let mut quantities = BatchPieces {
            planned: batch.planned,
            picked: batch.picked,
            boxed: batch.boxed,
            short: batch.short,
        };
        let mut state = batch.state;
        if let Some(live) = &live {
            if let Some(word) = running_word(live) {
                state = word.to_owned();
            }
            quantities.picked = quantities.picked.max(i64::from(live.done));
        }
        Self {
            id: batch.id,
            core_id: batch.core_id,
            reference: batch.reference,
            line: line_name(api, batch.line),
            identify: batch.identify,
            assign: batch.assign,
            state,
            merged_into: batch.merged_into,
            quantities,
            created_at: moment(batch.created_at).unwrap_or_default(),
            live,
        }
    }
}

impl MissingEntry {
    fn of(job: ResultView) -> Self {
        Self {
            job: job.job,
            owner: job.order.owner,
            order: job.order.number,
            line: job.line_no,
            sku_owner: job.sku_owner,
            sku: job.sku_code,
            label: job.label,
            planned: job.planned,
            picked: job.picked,
            missing: job.planned - job.picked,
            short: job.short,
            reason: job.short_reason,
            last_seen: job.last_seen,
        }
    }
}

fn line_name(api: &Api, line: i64) -> String {
    let spec = usize::try_from(line).ok().and_then(|line| api.plant().lines.get(line));
    spec.map_or_else(|| line.to_string(), |spec| spec.id.clone())
}
