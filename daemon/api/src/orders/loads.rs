//! `GET /api/orders/{owner}/{number}/loads`: the loads that carried pieces of an order, or were to.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use wcs_store::LoadView;
use wcs_types::OrderKey;

use super::views::not_found;
use crate::paging::PageOf;
use crate::parameters::{AtPosition, Path, Query};
use crate::problem::{Problem, Reads};
use crate::state::Api;

/// Loads that are listed. An order has not more, but where its loads went round the plant again and again.
const LISTED_MAX: u32 = 1_000;

/// A load of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderLoad {
    /// Its id, as `0-3-17`.
    id: String,
    /// Its label; empty when it had none.
    label: String,
    /// Pieces.
    pieces: i64,
    /// Where it ended; null while it is on the belt.
    outcome: Option<String>,
    /// Why.
    reason: Option<String>,
    /// The record in which it was first seen.
    seen_position: i64,
}

impl OrderLoad {
    fn of(load: LoadView) -> Self {
        Self {
            id: load.key.replace('/', "-"),
            label: load.label,
            pieces: load.pieces,
            outcome: load.outcome,
            reason: load.reason,
            seen_position: load.seen_seq,
        }
    }
}

/// Loads of an order, in the order in which they were first seen; at most 1 000, on one page.
#[utoipa::path(
    get,
    path = "/api/orders/{owner}/{number}/loads",
    tag = "orders",
    operation_id = "list_loads_of_order",
    params(("owner" = String, Path, description = "Owner of the goods."),
        ("number" = String, Path, description = "Number with that owner."), AtPosition),
    responses((status = 200, description = "Its loads.", body = PageOf<OrderLoad>), Reads)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Path((owner, number)): Path<(String, String)>,
    Query(asked): Query<AtPosition>,
) -> Result<axum::Json<PageOf<OrderLoad>>, Problem> {
    let key = OrderKey { owner, number };
    let store = api.store_at(asked.position).await?;
    let (order, _) = store.order(&key).await?.ok_or_else(|| not_found(&key))?;
    let loads = store.loads_of_order(order.id, LISTED_MAX).await?;
    Ok(axum::Json(PageOf { items: loads.into_iter().map(OrderLoad::of).collect(), next_cursor: None }))
}
