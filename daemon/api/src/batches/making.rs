//! Batches and the orders in them, as long as they receive.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use wcs_store::{BatchDraft, OrderFilter, PAGE_SIZE_MAX, PageAt, Store};
use wcs_types::{Assign, BatchKind, Identify, OrderKey};

use super::adding;
use super::answers::{BatchAnswer, at};
use super::order_ref::OrderRef;
use super::refusals::{not_found, unchanged};
use super::views::BatchEntry;
use crate::body::{Json, NoBody};
use crate::moments::DueAt;
use crate::parameters::{NoQuery, Operator, Path, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// Orders named or selected by one request.
const ORDERS_MAX: usize = 10_000;

/// A batch to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchIn {
    /// Name with whoever makes it. The same batch again under the same reference is the same answer.
    #[schema(min_length = 1, max_length = 64)]
    reference: Option<String>,
    /// Line it is to run on, by the id of the plant file.
    line: String,
    /// How loads are identified; `lpn` when it is left out.
    #[serde(default)]
    identify: IdentifyIn,
    /// How many order chutes of the line it may use, lowest first; all of them when it is 0 or left out.
    #[serde(default)]
    chutes: u16,
    /// Orders to put in; at most 10 000.
    #[serde(default)]
    #[schema(max_items = 10_000)]
    orders: Vec<OrderRef>,
    /// Puts in what matches, of the orders that wait and are in no batch; not together with `orders`.
    select: Option<Select>,
}

/// How loads are identified.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentifyIn {
    /// One label is one load with all pieces of an order line.
    #[default]
    Lpn,
    /// Any barcode of the article; each load is one piece.
    Sku,
}

/// Which waiting orders: those that match everything that is said.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Select {
    /// Of this owner.
    owner: Option<String>,
    /// For this customer.
    customer: Option<String>,
    /// With at least this priority.
    priority_min: Option<u8>,
    /// Due at this moment or earlier; orders without a due time do not match.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_by: Option<DueAt>,
    /// At most so many, oldest first; 10 000 when it is left out.
    #[schema(minimum = 1, maximum = 10_000)]
    most: Option<u16>,
}

/// Orders to put into a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MembersIn {
    /// The orders; 1 to 10 000.
    #[schema(min_items = 1, max_items = 10_000)]
    orders: Vec<OrderRef>,
}

/// Makes a batch that receives orders. With orders that cannot be in it nothing is made.
#[utoipa::path(
    post,
    path = "/api/batches",
    tag = "batches",
    operation_id = "make_batch",
    request_body = BatchIn,
    responses(
        (status = 201, description = "It is made.", body = BatchEntry),
        (status = 200, description = "It was made before, under the same reference.", body = BatchEntry),
        Writes
    )
)]
pub(crate) async fn make(
    State(api): State<Api>,
    _: Query<NoQuery>,
    Json(sent): Json<BatchIn>,
) -> Result<Response, Problem> {
    let invalid = |pointer: &str, detail: &str| Problem::new(ProblemCode::BodyInvalid).at(pointer, detail);
    let found = api.plant().lines.iter().position(|spec| spec.id == sent.line);
    let line = found.and_then(|line| u16::try_from(line).ok());
    let line =
        line.ok_or_else(|| Problem::new(ProblemCode::LineNotFound).with("line", sent.line.as_str()))?;
    if sent.orders.len() > ORDERS_MAX {
        return Err(invalid("/orders", &format!("at most {ORDERS_MAX} orders")));
    }
    let store = api.store()?;
    let draft = BatchDraft {
        reference: sent.reference,
        line,
        kind: BatchKind::Sort,
        identify: match sent.identify {
            IdentifyIn::Lpn => Identify::Lpn,
            IdentifyIn::Sku => Identify::Sku,
        },
        assign: Assign::Volume,
        chute_limit: sent.chutes,
    };
    let made = match &sent.select {
        Some(_) if !sent.orders.is_empty() => {
            return Err(invalid("/select", "orders and select exclude each other"));
        }
        Some(select) => make_of_selected(store, &draft, select, api.now_ms()).await?,
        None => store.make_batch_of(&draft, &keys_of(sent.orders), api.now_ms()).await,
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => return Err(unchanged(&api, error).await),
    };
    let view = store.batch(made.batch).await?.ok_or_else(|| Problem::new(ProblemCode::Internal))?;
    let status = if made.is_repeat { StatusCode::OK } else { StatusCode::CREATED };
    Ok(at(0, status, BatchEntry::of(&api, view)))
}

/// Makes a batch of the orders that match. A batch of that reference that was made before has its orders already.
async fn make_of_selected(
    store: &Store,
    draft: &BatchDraft,
    select: &Select,
    now_ms: i64,
) -> Result<Result<wcs_store::Made, wcs_store::BatchError>, Problem> {
    let most = usize::from(select.most.unwrap_or(ORDERS_MAX as u16));
    if !(1..=ORDERS_MAX).contains(&most) {
        let detail = format!("1 to {ORDERS_MAX}");
        return Err(Problem::new(ProblemCode::BodyInvalid).at("/select/most", detail));
    }
    if let Some(reference) = &draft.reference
        && store.batch_of_reference(reference).await?.is_some()
    {
        return Ok(store.make_batch(draft, now_ms).await);
    }
    let orders = selected(store, select, most).await?;
    if orders.is_empty() {
        return Err(Problem::new(ProblemCode::BatchEmpty));
    }
    Ok(store.make_batch_of(draft, &orders, now_ms).await)
}

async fn selected(store: &Store, select: &Select, most: usize) -> Result<Vec<OrderKey>, Problem> {
    let due_by_s = select.due_by.map(DueAt::seconds);
    let mut found = Vec::new();
    let mut after = Some(0);
    while let Some(at) = after {
        let page =
            store.orders(OrderFilter::InState("wait"), PageAt { after: at, size: PAGE_SIZE_MAX }).await?;
        after = page.next;
        for order in page.items {
            let is_match = order.batch.is_none()
                && select.owner.as_ref().is_none_or(|owner| *owner == order.key.owner)
                && select.customer.as_ref().is_none_or(|customer| *customer == order.customer)
                && select.priority_min.is_none_or(|least| order.priority >= i64::from(least))
                && due_by_s.is_none_or(|by| order.due_at_s > 0 && order.due_at_s <= by);
            if is_match {
                found.push(order.key);
            }
            if found.len() == most {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// Puts orders into a batch: all of them, or none. Those that are in it already stay. Into a batch that runs or is paused
/// they go with the consent of the core; where it takes only a part, 409 names the orders that are `left_out`.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/orders",
    tag = "batches",
    operation_id = "add_orders",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    request_body = MembersIn,
    responses((status = 200, description = "They are in it.", body = BatchAnswer), Writes)
)]
pub(crate) async fn add(
    State(api): State<Api>,
    Operator(operator): Operator,
    Path(batch): Path<i64>,
    _: Query<NoQuery>,
    Json(sent): Json<MembersIn>,
) -> Result<BatchAnswer, Problem> {
    if !(1..=ORDERS_MAX).contains(&sent.orders.len()) {
        return Err(Problem::new(ProblemCode::BodyInvalid).at("/orders", format!("1 to {ORDERS_MAX} orders")));
    }
    let (store, orders) = (api.store()?, keys_of(sent.orders));
    let view = store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    if matches!(view.state.as_str(), "running" | "paused") {
        return adding::add(&api, store, operator, &view, &orders).await;
    }
    match store.add_orders(batch, &orders).await {
        Ok(()) => Ok(BatchAnswer::stored(batch, "receiving")),
        Err(error) => Err(unchanged(&api, error).await),
    }
}

/// Ends receiving: the batch waits for a plan.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/finish-receiving",
    tag = "batches",
    operation_id = "finish_receiving",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    responses((status = 200, description = "It waits for a plan.", body = BatchAnswer), Writes)
)]
pub(crate) async fn finish_receiving(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    _: Query<NoQuery>,
    _: NoBody,
) -> Result<BatchAnswer, Problem> {
    match api.store()?.finish_receiving(batch).await {
        Ok(()) => Ok(BatchAnswer::stored(batch, "waiting")),
        Err(error) => Err(unchanged(&api, error).await),
    }
}

fn keys_of(orders: Vec<OrderRef>) -> Vec<OrderKey> {
    orders.iter().map(OrderRef::key).collect()
}
