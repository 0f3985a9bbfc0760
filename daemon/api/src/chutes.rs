//! Chutes: what each is bound to and holds, and what people did at it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_types::{ChuteId, Verb};

use crate::answer::{At, Done, carry_out, code_of, find_chute, find_line, live_at};
use crate::body::Json;
use crate::event::{line_name, time_text};
use crate::live::Live;
use crate::live::chutes::ChuteState;
use crate::paging::{PageOf, cursor_of, page_at};
use crate::parameters::{AtPosition, NoQuery, Operator, Path, Query};
use crate::press::Press;
use crate::problem::{Problem, ProblemCode, Reads, Writes};
use crate::state::Api;
use crate::words;

/// A chute.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChuteView {
    /// Its name in the plant file.
    pub id: String,
    /// Its number: chutes in the order of the plant file.
    pub number: u16,
    /// Its line.
    pub line: String,
    /// What it is for: `order`, `overflow`, `no_read` or `exception`.
    pub kind: &'static str,
    /// Its state.
    pub state: ChuteState,
    /// Its lanes.
    pub lanes: Vec<LaneView>,
    /// What it is bound to.
    pub bound: Option<BoundView>,
    /// The box that stands there.
    #[serde(rename = "box")]
    pub content: BoxView,
    /// Loads on their way to it.
    pub loads_on_way: u32,
}

/// A lane.
#[derive(Debug, Serialize, ToSchema)]
pub struct LaneView {
    /// Its number with the device.
    pub lane: u16,
    /// `ready`, `full`, `fault` or `closed`.
    pub state: &'static str,
}

/// The class of a chute.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoundView {
    /// Number of the batch in the journal.
    pub core_id: u32,
    /// Owner of the order.
    pub owner: String,
    /// Number of the order.
    pub order: String,
    /// Pieces planned for it; null when the batch is not held any more.
    pub planned: Option<u32>,
    /// Pieces that are in the chute, or were taken away from it.
    pub done: Option<u32>,
    /// Since when.
    pub since: String,
    /// The record that bound it.
    pub position: u64,
}

/// What stands at a chute.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoxView {
    /// Name of the box, where one was given.
    pub code: Option<String>,
    /// Loads in it.
    pub loads: u32,
    /// Pieces in it.
    pub pieces: u32,
    /// When the box before it was taken away.
    pub since: Option<String>,
}

/// Which chutes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ChuteQuery {
    /// Only those of this line.
    line: Option<String>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows of the page, 1 to 500; 100 where nothing is said.
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

impl ChuteView {
    fn of(live: &Live, chute: ChuteId) -> Option<Self> {
        let plant = live.plant();
        let (spec, row) = (plant.chutes.get(usize::from(chute.0))?, live.chute(chute)?);
        let line = live.line(spec.line)?;
        let bound = row.bound.as_ref().map(|bound| {
            let batch = live.batches().find(bound.batch);
            let class = batch.and_then(|batch| batch.classes.get(batch.class_of(&bound.order)? as usize));
            BoundView {
                core_id: bound.batch.0,
                owner: bound.order.owner.clone(),
                order: bound.order.number.clone(),
                planned: class.map(|class| class.planned),
                done: class.map(|class| class.done),
                since: time_text(bound.at.unix_ms),
                position: bound.at.seq.0,
            }
        });
        Some(Self {
            id: spec.id.clone(),
            number: chute.0,
            line: line_name(plant, spec.line),
            kind: words::chute_kind(spec.kind),
            state: live.chute_state(chute)?,
            lanes: spec.lanes.iter().map(|lane| LaneView { lane: lane.0, state: line.lane(*lane) }).collect(),
            bound,
            content: BoxView {
                code: row.box_code.clone(),
                loads: row.loads,
                pieces: row.pieces,
                since: row.swapped.map(|at| time_text(at.unix_ms)),
            },
            loads_on_way: row.in_flight,
        })
    }
}

/// Handlers of chutes.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_chutes))
        .routes(routes!(get_chute))
        .routes(routes!(confirm_empty))
        .routes(routes!(close_box))
        .routes(routes!(bind_box))
        .routes(routes!(close_chute))
        .routes(routes!(open_chute))
}

/// Chutes, in the order of the plant file.
#[utoipa::path(get, path = "/api/chutes", tag = "chutes", params(ChuteQuery),
    responses((status = 200, description = "A page of chutes.", body = PageOf<ChuteView>), Reads))]
async fn list_chutes(
    State(api): State<Api>,
    Query(query): Query<ChuteQuery>,
) -> Result<At<PageOf<ChuteView>>, Problem> {
    let line = query.line.as_deref().map(|name| find_line(api.plant(), name)).transpose()?;
    let page = page_at("chutes", query.cursor.as_deref(), query.limit, -1)?;
    live_at(&api, query.position).await?;
    let live = api.live().read();
    let size = page.size as usize;
    let mut found = (0_u16..)
        .zip(&live.plant().chutes)
        .filter(|(chute, spec)| i64::from(*chute) > page.after && line.is_none_or(|line| spec.line == line))
        .map(|(chute, _)| chute);
    let chosen: Vec<u16> = found.by_ref().take(size).collect();
    let has_more = found.next().is_some();
    let next_cursor = chosen.last().filter(|_| has_more).map(|chute| cursor_of("chutes", i64::from(*chute)));
    let items = chosen.into_iter().filter_map(|chute| ChuteView::of(&live, ChuteId(chute))).collect();
    Ok(At(live.position().0, PageOf { items, next_cursor }))
}

/// One chute.
#[utoipa::path(get, path = "/api/chutes/{chute}", tag = "chutes", params(("chute" = String, Path), AtPosition),
    responses((status = 200, description = "The chute.", body = ChuteView), Reads))]
async fn get_chute(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(at): Query<AtPosition>,
) -> Result<At<ChuteView>, Problem> {
    let chute = find_chute(api.plant(), &name)?;
    live_at(&api, at.position).await?;
    let live = api.live().read();
    let view = ChuteView::of(&live, chute);
    let view = view.ok_or_else(|| Problem::new(ProblemCode::ChuteNotFound).with("chute", name))?;
    Ok(At(live.position().0, view))
}

/// A closed chute was emptied and has a new box: another order may have it.
#[utoipa::path(post, path = "/api/chutes/{chute}/confirm-empty", tag = "chutes",
    params(("chute" = String, Path)),
    responses((status = 200, description = "The chute is free.", body = Done), Writes))]
async fn confirm_empty(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let chute = find_chute(api.plant(), &name)?;
    carry_out(&api, operator, Verb::ConfirmEmpty { chute }).await
}

/// The box of a chute is full although its order misses pieces: the lanes are closed until a new box stands there. The
/// order keeps the chute.
#[utoipa::path(post, path = "/api/chutes/{chute}/close-box", tag = "chutes", params(("chute" = String, Path)),
    responses((status = 200, description = "The lanes are being closed.", body = Done), Writes))]
async fn close_box(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let chute = find_chute(api.plant(), &name)?;
    carry_out(&api, operator, Verb::CloseBox { chute }).await
}

/// Takes a chute out of use: its lanes are closed and it gets no order. An order it has stays.
#[utoipa::path(post, path = "/api/chutes/{chute}/close", tag = "chutes", params(("chute" = String, Path)),
    responses((status = 200, description = "The chute is out of use.", body = Done), Writes))]
async fn close_chute(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let chute = find_chute(api.plant(), &name)?;
    carry_out(&api, operator, Verb::CloseChute { chute }).await
}

/// Puts a chute back into use.
#[utoipa::path(post, path = "/api/chutes/{chute}/open", tag = "chutes", params(("chute" = String, Path)),
    responses((status = 200, description = "The chute is in use.", body = Done), Writes))]
async fn open_chute(
    State(api): State<Api>,
    Path(name): Path<String>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    let chute = find_chute(api.plant(), &name)?;
    carry_out(&api, operator, Verb::OpenChute { chute }).await
}

/// A box.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BoxBody {
    /// What the box is known by; unique among the boxes that stand at chutes.
    #[schema(min_length = 1, max_length = 64)]
    code: String,
}

/// A box with this code stands at the chute now.
#[utoipa::path(post, path = "/api/chutes/{chute}/bind-box", tag = "chutes", params(("chute" = String, Path)),
    request_body = BoxBody,
    responses((status = 200, description = "The box is known to stand there.", body = Done), Writes))]
async fn bind_box(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(NoQuery {}): Query<NoQuery>,
    Operator(operator): Operator,
    Json(body): Json<BoxBody>,
) -> Result<At<Done>, Problem> {
    let chute = find_chute(api.plant(), &name)?;
    let code = code_of(&body.code)
        .ok_or_else(|| Problem::new(ProblemCode::BodyInvalid).at("/code", "a code has 1 to 64 bytes"))?;
    carry_out(&api, operator, Verb::BindBox { chute, code }).await
}
