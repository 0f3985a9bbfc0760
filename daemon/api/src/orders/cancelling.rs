//! `POST /api/orders/{owner}/{number}/cancel`. An order whose batch has not been started is the store's, and is taken out
//! of its batch.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use wcs_store::{CancelRefusal, Cancelled};
use wcs_types::OrderKey;

use super::views::not_found;
use crate::body::NoBody;
use crate::parameters::{NoQuery, Path, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// An order that was cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CancelAnswer {
    /// Owner.
    owner: String,
    /// Number.
    number: String,
    /// Id of the order.
    id: i64,
    /// Batch it was in; null when it was in none, or was cancelled before.
    batch: Option<i64>,
    /// That batch had a plan, which is void: it needs to be assigned again.
    is_plan_void: bool,
    /// Record of the journal; 0 when the store alone did it.
    position: u64,
}

/// Cancels an order. Again is the same answer without a batch.
#[utoipa::path(
    post,
    path = "/api/orders/{owner}/{number}/cancel",
    tag = "orders",
    operation_id = "cancel_order",
    params(("owner" = String, Path, description = "Owner of the goods."),
        ("number" = String, Path, description = "Number with that owner.")),
    responses((status = 200, description = "It is cancelled.", body = CancelAnswer), Writes)
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    Path((owner, number)): Path<(String, String)>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<axum::Json<CancelAnswer>, Problem> {
    let key = OrderKey { owner, number };
    let cancelled = api.store()?.cancel_order(&key).await?;
    let Cancelled { order, batch, is_plan_void } = cancelled.map_err(|refusal| refused(&key, refusal))?;
    let OrderKey { owner, number } = key;
    Ok(axum::Json(CancelAnswer { owner, number, id: order, batch, is_plan_void, position: 0 }))
}

fn refused(key: &OrderKey, refusal: CancelRefusal) -> Problem {
    match refusal {
        CancelRefusal::Unknown => not_found(key),
        CancelRefusal::Started { batch } => {
            Problem::new(ProblemCode::OrderOver).with("state", "picking").with("batch", batch)
        }
        CancelRefusal::Over { state } => Problem::new(ProblemCode::OrderOver).with("state", state),
    }
}
