//! `POST /api/orders/{owner}/{number}/cancel`. An order whose batch has not been started is the store's, and is taken out
//! of its batch. Of one that is being sorted the core cancels what is still to come: what is in a chute stays there, what
//! is on the belt ends where it was sent, and the chute is closed for removal.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use wcs_store::{CancelRefusal, Cancelled, OrderView};
use wcs_types::{ChuteId, Fact, OperatorId, OrderKey, Pieces, Reply, Verb, VerbRefusal};

use super::views::not_found;
use crate::asking::{refused, unanswered};
use crate::batches::core_id;
use crate::parameters::Path;
use crate::press::Press;
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
    /// Batch it was in; null when it was in none, or was cancelled before its start before.
    batch: Option<i64>,
    /// That batch had a plan, which is void: it needs to be assigned again.
    is_plan_void: bool,
    /// What came of an order that was being sorted.
    sorting: Option<CancelledSorting>,
    /// Record of the journal; 0 when the store alone did it.
    position: u64,
}

/// What came of an order that was being sorted.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct CancelledSorting {
    /// Pieces that were cancelled.
    cancelled: u64,
    /// Jobs they were of.
    jobs: usize,
    /// Pieces that stay in the chute.
    picked: u64,
    /// Pieces on the belt: they end where they were sent.
    on_belt: u64,
    /// The chute, closed for removal once nothing more comes for it.
    chute: Option<String>,
}

/// Cancels an order. Again is done already: the same answer with nothing cancelled.
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
    Press(operator): Press,
) -> Result<axum::Json<CancelAnswer>, Problem> {
    let key = OrderKey { owner, number };
    let store = api.store()?;
    let state = match store.cancel_order(&key).await? {
        Ok(Cancelled { order, batch, is_plan_void }) => {
            let OrderKey { owner, number } = key;
            let (sorting, position) = (None, 0);
            let answer = CancelAnswer { owner, number, id: order, batch, is_plan_void, sorting, position };
            return Ok(axum::Json(answer));
        }
        Err(CancelRefusal::Unknown) => return Err(not_found(&key)),
        Err(CancelRefusal::Started { .. }) => "picking".to_owned(),
        Err(CancelRefusal::Over { state }) => state,
    };
    let (order, _) = store.order(&key).await?.ok_or_else(|| not_found(&key))?;
    let Some(batch) = order.batch else {
        return Err(Problem::new(ProblemCode::OrderOver).with("state", state));
    };
    cancel_sorting(&api, operator, order, batch, state).await.map(axum::Json)
}

/// Cancels what is still to come of an order in a batch that was started.
async fn cancel_sorting(
    api: &Api,
    operator: OperatorId,
    order: OrderView,
    batch: i64,
    state: String,
) -> Result<CancelAnswer, Problem> {
    let core = core_id(api, batch, "started").await?;
    let verb = Verb::CancelOrder { batch: core, order: order.key.clone() };
    let asked = api.control().ask(operator, verb).await.map_err(unanswered)?;
    let position = asked.position.0;
    if let Reply::Refused(refusal) = &asked.reply {
        return Err(match refusal {
            VerbRefusal::AlreadyPicked { pieces, loads } => {
                Problem::new(ProblemCode::OrderSorted).with("picked", pieces.0).with("on_belt", *loads)
            }
            VerbRefusal::WrongState | VerbRefusal::UnknownBatch | VerbRefusal::UnknownOrder => {
                Problem::new(ProblemCode::OrderOver).with("state", state)
            }
            other => refused(other),
        }
        .with("batch", batch)
        .with("position", position));
    }
    let told = asked.facts.into_iter().find_map(|fact| sorting_of(api, fact));
    // Done before: nothing came of it now, and what stays is what was picked.
    let before =
        || CancelledSorting { picked: order.quantities.picked.unsigned_abs(), ..CancelledSorting::default() };
    Ok(CancelAnswer {
        id: order.id,
        batch: Some(batch),
        is_plan_void: false,
        sorting: Some(told.unwrap_or_else(before)),
        position,
        owner: order.key.owner,
        number: order.key.number,
    })
}

fn sorting_of(api: &Api, fact: Fact) -> Option<CancelledSorting> {
    let Fact::OrderCancelled { chute, picked, in_flight, jobs, .. } = fact else { return None };
    let name = |chute: ChuteId| api.plant().chutes.get(usize::from(chute.0)).map(|spec| spec.id.clone());
    let pieces = |pieces: &Pieces| u64::from(pieces.0);
    Some(CancelledSorting {
        cancelled: jobs.iter().map(|(_, cancelled)| pieces(cancelled)).sum(),
        jobs: jobs.len(),
        picked: pieces(&picked),
        on_belt: pieces(&in_flight),
        chute: chute.and_then(name),
    })
}
