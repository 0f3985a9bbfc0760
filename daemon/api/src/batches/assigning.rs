//! `POST /api/batches/{batch}/assign`: gives a batch its plan, in place of the one it may have: its jobs, and how classes
//! get chutes.
//!
//! | `by` | classes get chutes |
//! |---|---|
//! | `volume` | at the start: the order with the most pieces gets the first chute of the line, and so on |
//! | `first_scan` | when the first load of an order is scanned: the lowest free chute |

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wcs_intake::{CodeTooLong, OrderToPlan, jobs_of};
use wcs_store::{BatchError, BatchRefusal, LineToPlan, Store};
use wcs_types::{Assign, Identify, JobSpec, Pieces, SkuKey};

use super::refusals::{not_found, unchanged};
use crate::body::Json;
use crate::parameters::{NoQuery, Path, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// How classes get their chutes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignIn {
    /// The way.
    by: By,
}

/// Ways for classes to get chutes.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// The order with the most pieces first.
    Volume,
    /// At the first scan.
    FirstScan,
}

/// A plan that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssignAnswer {
    /// Id of the batch.
    id: i64,
    /// Its state: `ready`.
    state: String,
    /// Jobs of the plan.
    jobs: usize,
    /// Orders in it.
    orders: usize,
    /// Pieces in it.
    pieces: u64,
    /// Record of the journal: 0, the store alone did it.
    position: u64,
}

/// Gives a batch its plan. A batch that still receives orders ends receiving.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/assign",
    tag = "batches",
    operation_id = "assign_batch",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    request_body = AssignIn,
    responses((status = 200, description = "It is ready.", body = AssignAnswer), Writes)
)]
pub(crate) async fn assign(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    _: Query<NoQuery>,
    Json(sent): Json<AssignIn>,
) -> Result<axum::Json<AssignAnswer>, Problem> {
    let store = api.store()?;
    let view = store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    if view.state == "receiving"
        && let Err(error) = store.finish_receiving(batch).await
    {
        return Err(unchanged(&api, error).await);
    }
    let identify = if view.identify == "sku" { Identify::Sku } else { Identify::Lpn };
    let jobs = planned(store, batch, identify).await?;
    let by = match sent.by {
        By::Volume => Assign::Volume,
        By::FirstScan => Assign::FirstScan,
    };
    match store.assign_by(batch, Some(by), &jobs).await {
        Ok(()) => {}
        // Without jobs there is no plan because there is nothing left to sort, whatever the state.
        Err(BatchError::Refused(BatchRefusal::Empty)) => return Err(Problem::new(ProblemCode::BatchEmpty)),
        Err(error) => return Err(unchanged(&api, error).await),
    }
    let orders = jobs.chunk_by(|one, other| one.order == other.order).count();
    let pieces = jobs.iter().map(|job| u64::from(job.quantity.0)).sum();
    let state = "ready".to_owned();
    Ok(axum::Json(AssignAnswer { id: batch, state, jobs: jobs.len(), orders, pieces, position: 0 }))
}

/// The jobs of a batch: order by order in the sequence of intake, cut as files are cut.
async fn planned(store: &Store, batch: i64, identify: Identify) -> Result<Vec<JobSpec>, Problem> {
    let lines = store.lines_to_plan(batch).await?;
    let barcodes = match identify {
        Identify::Sku => store.barcodes_to_plan(batch).await?,
        Identify::Lpn => BTreeMap::new(),
    };
    let too_long = |error: CodeTooLong| Problem::new(ProblemCode::BatchPlan).with("cause", error.to_string());
    jobs_of_lines(&lines, &barcodes, identify).map_err(too_long)
}

/// The jobs of these lines, which stand order by order.
pub(super) fn jobs_of_lines(
    lines: &[LineToPlan],
    barcodes: &BTreeMap<SkuKey, Vec<String>>,
    identify: Identify,
) -> Result<Vec<JobSpec>, CodeTooLong> {
    let mut jobs = Vec::with_capacity(lines.len());
    for order in lines.chunk_by(|one, other| one.order == other.order) {
        let open = order.iter().filter(|line| line.quantity > 0).map(|line| wcs_intake::LineToPlan {
            line_no: line.line_no,
            sku: &line.sku,
            quantity: Pieces(line.quantity),
            barcodes: barcodes.get(&line.sku).map_or(&[], Vec::as_slice),
        });
        let (key, priority, due_at) = (&order[0].order, order[0].priority, order[0].due_at_s);
        let order = OrderToPlan { key, priority, due_at, lines: open.collect() };
        jobs.append(&mut jobs_of(&order, identify)?);
    }
    Ok(jobs)
}
