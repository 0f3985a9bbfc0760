//! Alarms that are up. Their life with people (acknowledge, shelve) is not here.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{At, live_at};
use crate::lines::AlarmView;
use crate::paging::PageOf;
use crate::parameters::{AtPosition, Query};
use crate::problem::{Problem, Reads};
use crate::state::Api;

/// Handlers of alarms.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_alarms))
}

/// Alarms that are up, each with what a person does about it.
#[utoipa::path(get, path = "/api/alarms", tag = "lines", params(AtPosition),
    responses((status = 200, description = "The alarms that are up.", body = PageOf<AlarmView>), Reads))]
async fn list_alarms(
    State(api): State<Api>,
    Query(at): Query<AtPosition>,
) -> Result<At<PageOf<AlarmView>>, Problem> {
    live_at(&api, at.position).await?;
    let live = api.live().read();
    let items = live.alarms().iter().map(|(key, at)| AlarmView::of(key, at, live.plant())).collect();
    Ok(At(live.position().0, PageOf { items, next_cursor: None }))
}
