//! Orders as they are listed and shown. They come from the store: what a running batch has done since its newest
//! reflected record is seen with `?position=`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wcs_store::{LineView, OrderFilter, OrderView, Quantities};
use wcs_types::OrderKey;

use crate::moments::moment;
use crate::paging::{PageOf, page_at};
use crate::parameters::{AtPosition, Path, Query};
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::Api;

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrdersAsked {
    /// Only those in this state.
    #[param(inline)]
    #[param(inline)]
    state: Option<OrderState>,
    /// Only those of this batch; not together with a state.
    batch: Option<i64>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows wanted; 100 when it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// Reporting state of an order.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderState {
    /// Not started.
    Wait,
    /// Being sorted.
    Picking,
    /// Every piece that will come is in a chute.
    Picked,
    /// It is in boxes that were taken away.
    Boxed,
    /// No piece will come.
    Cancel,
}

impl OrderState {
    const fn word(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Picking => "picking",
            Self::Picked => "picked",
            Self::Boxed => "boxed",
            Self::Cancel => "cancel",
        }
    }
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderEntry {
    /// Id.
    id: i64,
    /// Owner.
    owner: String,
    /// Number.
    number: String,
    /// Customer.
    customer: String,
    /// Larger goes first.
    priority: i64,
    /// When it is due.
    due_at: Option<String>,
    /// When it was received.
    received_at: String,
    /// How many lines.
    line_count: i64,
    /// Pieces.
    pieces: Pieces,
    /// `wait`, `picking`, `picked`, `boxed` or `cancel`.
    state: String,
    /// Batch it is in.
    batch: Option<i64>,
}

/// Pieces of an order or a line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pieces {
    /// Ordered.
    ordered: i64,
    /// In jobs of batches.
    assigned: i64,
    /// Cancelled, or missing at the end of the batch.
    cancelled: i64,
    /// Of these, missing at the end of the batch.
    short: i64,
    /// In a chute.
    picked: i64,
    /// In a box that was taken away.
    boxed: i64,
}

/// An order with its lines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderDetail {
    #[serde(flatten)]
    order: OrderEntry,
    /// Its lines, by number.
    lines: Vec<LineEntry>,
}

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineEntry {
    /// Number inside the order.
    line: i64,
    /// Owner of the article.
    sku_owner: String,
    /// Article.
    sku: String,
    /// Its text.
    description: String,
    /// Pieces.
    pieces: Pieces,
}

/// Orders, oldest first.
#[utoipa::path(
    get,
    path = "/api/orders",
    tag = "orders",
    operation_id = "list_orders",
    params(OrdersAsked),
    responses((status = 200, description = "A page of orders.", body = PageOf<OrderEntry>), Reads)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Query(asked): Query<OrdersAsked>,
) -> Result<axum::Json<PageOf<OrderEntry>>, Problem> {
    let (list, filter) = match (asked.state, asked.batch) {
        (None, None) => ("orders".to_owned(), OrderFilter::All),
        (Some(state), None) => (format!("orders-{}", state.word()), OrderFilter::InState(state.word())),
        (None, Some(batch)) => (format!("orders-of-{batch}"), OrderFilter::OfBatch(batch)),
        (Some(_), Some(_)) => {
            let cause = "state and batch exclude each other";
            return Err(Problem::new(ProblemCode::QueryInvalid).with("cause", cause));
        }
    };
    let at = page_at(&list, asked.cursor.as_deref(), asked.limit, 0)?;
    let page = api.store_at(asked.position).await?.orders(filter, at).await?;
    Ok(axum::Json(PageOf::of(&list, page, OrderEntry::of)))
}

/// One order with its lines. The owner is `-` where there is only one.
#[utoipa::path(
    get,
    path = "/api/orders/{owner}/{number}",
    tag = "orders",
    operation_id = "show_order",
    params(("owner" = String, Path, description = "Owner of the goods."),
        ("number" = String, Path, description = "Number with that owner."), AtPosition),
    responses((status = 200, description = "The order.", body = OrderDetail), Reads)
)]
pub(crate) async fn show(
    State(api): State<Api>,
    Path((owner, number)): Path<(String, String)>,
    Query(asked): Query<AtPosition>,
) -> Result<axum::Json<OrderDetail>, Problem> {
    let key = OrderKey { owner, number };
    let store = api.store_at(asked.position).await?;
    let (order, lines) = store.order(&key).await?.ok_or_else(|| not_found(&key))?;
    let lines = lines.into_iter().map(LineEntry::of).collect();
    Ok(axum::Json(OrderDetail { order: OrderEntry::of(order), lines }))
}

pub(super) fn not_found(key: &OrderKey) -> Problem {
    Problem::new(ProblemCode::OrderNotFound)
        .with("owner", key.owner.as_str())
        .with("number", key.number.as_str())
}

impl OrderEntry {
    pub(crate) fn of(order: OrderView) -> Self {
        let due_at = (order.due_at_s > 0).then(|| moment(order.due_at_s.saturating_mul(1000))).flatten();
        Self {
            id: order.id,
            owner: order.key.owner,
            number: order.key.number,
            customer: order.customer,
            priority: order.priority,
            due_at,
            received_at: moment(order.received_at).unwrap_or_default(),
            line_count: order.line_count,
            pieces: pieces_of(order.quantities),
            state: order.state,
            batch: order.batch,
        }
    }
}

impl LineEntry {
    fn of(line: LineView) -> Self {
        Self {
            line: line.line_no,
            sku_owner: line.sku_owner,
            sku: line.sku_code,
            description: line.description,
            pieces: pieces_of(line.quantities),
        }
    }
}

pub(crate) fn pieces_of(quantities: Quantities) -> Pieces {
    let Quantities { ordered, assigned, cancelled, short, picked, boxed } = quantities;
    Pieces { ordered, assigned, cancelled, short, picked, boxed }
}
