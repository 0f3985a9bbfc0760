//! `GET /api/why`: the answer over HTTP. It reads the journal alone, so that it is the same while the store is down.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, answer};
use crate::answer::{At, live_at};
use crate::loads::search;
use crate::parameters::Query;
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::Api;

/// Bytes of a subject. More: nothing is named so.
const SUBJECT_SIZE_MAX: usize = 256;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct WhyQuery {
    /// A load such as `0-3-17`, a label, an order as `owner/number` or `number`, or a job as `batch/job` by the numbers
    /// of the journal: the first of these that is known. `load:`, `label:`, `order:` or `job:` in front says which.
    subject: String,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// The handler.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_why))
}

/// Why a load went where it went, where the pieces of an order or a job stand, and what would have changed it.
#[utoipa::path(get, path = "/api/why", tag = "loads", params(WhyQuery),
    responses((status = 200, description = "The answer.", body = Answer), Reads))]
async fn get_why(State(api): State<Api>, Query(query): Query<WhyQuery>) -> Result<At<Answer>, Problem> {
    let subject = query.subject;
    let not_found = || Problem::new(ProblemCode::LoadNotFound).with("load", subject.as_str());
    if subject.len() > SUBJECT_SIZE_MAX {
        return Err(not_found());
    }
    live_at(&api, query.position).await?;
    let (records, plant, asked) = (Arc::clone(api.records()), api.plant().clone(), subject.clone());
    let position = api.durable().0;
    let found = search(&api, move || answer(records.as_ref(), &plant, &asked)).await?;
    found.map(|found| At(position, found)).ok_or_else(not_found)
}
