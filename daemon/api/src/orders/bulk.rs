//! `POST /api/orders`: many orders at once. Each stands or falls alone; what is stored is stored in chunks, each whole.
//!
//! | what came | answer |
//! |---|---|
//! | every order is stored, now or before | 200 |
//! | one order, and another content is stored under its number | 409 `order.differs` with the difference |
//! | one order that cannot be stored | 422 `order.refused` |
//! | several orders, and some are not stored | 207, each with its result |
//! | the store fails after some chunks | 503; sending all again is safe |

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use wcs_store::{ORDERS_PER_CHUNK_MAX, OrderDraft};

use super::answers::{OrderAnswer, Receipt, Sums};
use super::drafts::{OrderIn, OrdersIn};
use crate::body::Json;
use crate::parameters::{NoQuery, Query};
use crate::problem::{Problem, ProblemCode, Writes, shown};
use crate::state::Api;

/// Orders of one request.
const ORDERS_MAX: usize = 10_000;

/// What became of the orders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrdersAnswer {
    /// Sums.
    #[serde(flatten)]
    sums: Sums,
    /// One result for each order, in the order in which they were sent.
    orders: Vec<OrderAnswer>,
    /// Record of the journal: 0, intake is not journaled.
    position: u64,
}

/// Takes orders in. The same order again is the same answer and stores nothing.
#[utoipa::path(
    post,
    path = "/api/orders",
    tag = "orders",
    operation_id = "receive_orders",
    request_body = OrdersIn,
    responses(
        (status = 200, description = "Every order is stored, now or before.", body = OrdersAnswer),
        (status = 207, description = "Some orders are not stored; each says why.", body = OrdersAnswer),
        Writes
    )
)]
pub(crate) async fn receive(
    State(api): State<Api>,
    _: Query<NoQuery>,
    Json(sent): Json<OrdersIn>,
) -> Result<Response, Problem> {
    if !(1..=ORDERS_MAX).contains(&sent.orders.len()) {
        let detail = format!("1 to {ORDERS_MAX} orders, not {}", sent.orders.len());
        return Err(Problem::new(ProblemCode::BodyInvalid).at("/orders", detail));
    }
    let is_single = sent.orders.len() == 1;
    let (mut answers, places, drafts) = judged(sent.orders);
    store_drafts(&api, &drafts, |at, answer| answers[places[at]] = Some(answer)).await?;
    let orders: Vec<OrderAnswer> = answers.into_iter().flatten().collect();
    let mut sums = Sums::default();
    for order in &orders {
        sums.count(order.result);
    }
    if is_single && !sums.is_whole() {
        return Err(single(&orders[0]));
    }
    let status = if sums.is_whole() { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let answer = OrdersAnswer { sums, orders, position: 0 };
    Ok((status, axum::Json(answer)).into_response())
}

/// Answers to orders that cannot be drafts, and the drafts of the others with their places.
fn judged(orders: Vec<OrderIn>) -> (Vec<Option<OrderAnswer>>, Vec<usize>, Vec<OrderDraft>) {
    let mut answers = Vec::with_capacity(orders.len());
    let (mut places, mut drafts) = (Vec::with_capacity(orders.len()), Vec::with_capacity(orders.len()));
    for (place, order) in orders.into_iter().enumerate() {
        answers.push(match order.into_draft() {
            Ok(draft) => {
                places.push(place);
                drafts.push(draft);
                None
            }
            Err((key, reason)) => Some(OrderAnswer::refused(&key, reason)),
        });
    }
    (answers, places, drafts)
}

/// Stores drafts chunk by chunk and tells the answer to each, by its place among them.
pub(crate) async fn store_drafts(
    api: &Api,
    drafts: &[OrderDraft],
    mut tell: impl FnMut(usize, OrderAnswer),
) -> Result<(), Problem> {
    let store = api.store()?;
    for (number, chunk) in drafts.chunks(ORDERS_PER_CHUNK_MAX).enumerate() {
        let received = store.receive(chunk, api.now_ms()).await?;
        for (at, (draft, received)) in chunk.iter().zip(received).enumerate() {
            tell(number * ORDERS_PER_CHUNK_MAX + at, OrderAnswer::of(&draft.key, received));
        }
    }
    Ok(())
}

/// The problem of a request whose only order is not stored.
fn single(answer: &OrderAnswer) -> Problem {
    if answer.result == Receipt::Differs {
        return Problem::new(ProblemCode::OrderDiffers)
            .with("owner", answer.owner.as_str())
            .with("number", answer.number.as_str())
            .with("difference", shown(&answer.difference));
    }
    let mut problem = Problem::new(ProblemCode::OrderRefused)
        .with("owner", answer.owner.as_str())
        .with("number", answer.number.as_str())
        .with("reason", answer.reason.clone().unwrap_or_default());
    for line in &answer.refused_lines {
        problem = problem.at(format!("/orders/0/lines/{}", line.index), line.reason);
    }
    problem
}
