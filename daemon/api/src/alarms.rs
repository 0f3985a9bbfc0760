//! Alarms: those that are not normal with what stands for what, and what people do with them. Nothing here changes what an
//! alarm tells of, and none of it resets a machine.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_types::limits::{ALARM_COMMENT_SIZE_MAX, ALARM_SHELF_MINUTES_MAX};
use wcs_types::{AlarmId, AlarmPriority, AlarmState, Nanos, OperatorId, Plant, Verb};

use crate::actions::{Action, for_alarm};
use crate::answer::{At, Done, carry_out, find_line, live_at};
use crate::body::Json;
use crate::event::{chute_name, line_name, time_text};
use crate::live::alarms::{Alarm, Heads};
use crate::paging::{PageOf, cursor_of, page_at};
use crate::parameters::{AtPosition, NoQuery, Operator, Path, Query};
use crate::press::Press;
use crate::problem::{Problem, ProblemCode, Reads, Writes};
use crate::state::Api;

/// An alarm that is not normal.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmView {
    /// Its number: one life of it, from normal to normal.
    pub id: u64,
    /// Stable code.
    pub code: &'static str,
    /// How urgent it is: `critical`, `high`, `medium` or `low`.
    pub priority: &'static str,
    /// `unacknowledged`, `acknowledged`, `returned` (gone before anybody knew) or `shelved`.
    pub state: &'static str,
    /// What it tells of is there.
    pub is_up: bool,
    /// Line it is about.
    pub line: Option<String>,
    /// Chute it is about.
    pub chute: Option<String>,
    /// Number in the device's own table; 0 for alarms of this program.
    pub detail: u16,
    /// It stands in front: no other alarm stands for it, and it is not shelved.
    pub is_headline: bool,
    /// The alarm that stands for it: the first of its line and cause, or a flood.
    pub under: Option<u64>,
    /// Listed alarms it stands for.
    pub grouped: usize,
    /// Of a flood: alarms that came up beyond what a person can read.
    pub flood_count: Option<u64>,
    /// When it came up; the last time, if it came up again before anybody knew.
    pub since: String,
    /// The record that did.
    pub position: u64,
    /// How often it came up since it was normal.
    pub raised_count: u32,
    /// When it went.
    pub gone_at: Option<String>,
    /// Who said that they know.
    pub acknowledged: Option<KnownView>,
    /// By whom and until when it is put away.
    pub shelved: Option<ShelfView>,
    /// The operator it is assigned to.
    pub assigned_to: Option<u32>,
    /// What people wrote about it.
    pub comments: Vec<CommentView>,
    /// What a person does.
    pub action: Action,
}

/// A person knows.
#[derive(Debug, Serialize, ToSchema)]
pub struct KnownView {
    /// Who.
    pub operator: u32,
    /// Since when.
    pub at: String,
}

/// A place on the shelf.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShelfView {
    /// Who put it there.
    pub operator: u32,
    /// Until when.
    pub until: String,
}

/// A comment.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommentView {
    /// Who wrote it.
    pub operator: u32,
    /// When.
    pub at: String,
    /// What.
    pub text: String,
}

impl AlarmView {
    pub(crate) fn of(alarm: &Alarm, heads: &Heads, plant: &Plant) -> Self {
        let (key, head) = (&alarm.key, heads.head_of(alarm.id));
        Self {
            id: alarm.id.0,
            code: key.code.as_str(),
            priority: key.code.priority().as_str(),
            state: alarm.state().as_str(),
            is_up: alarm.is_up(),
            line: key.line.map(|line| line_name(plant, line)),
            chute: key.chute.map(|chute| chute_name(plant, chute)),
            detail: key.detail,
            is_headline: head.is_none() && alarm.shelved.is_none(),
            under: head.map(|head| head.0),
            grouped: heads.grouped(alarm.id),
            flood_count: (alarm.flood_count != 0).then_some(alarm.flood_count),
            since: time_text(alarm.raised.unix_ms),
            position: alarm.raised.seq.0,
            raised_count: alarm.raised_count,
            gone_at: alarm.gone.map(|at| time_text(at.unix_ms)),
            acknowledged: alarm
                .acknowledged
                .map(|(operator, at)| KnownView { operator: operator.0, at: time_text(at.unix_ms) }),
            shelved: alarm
                .shelved
                .map(|(until, operator)| ShelfView { operator: operator.0, until: time_text(until) }),
            assigned_to: alarm.assigned.map(|operator| operator.0),
            comments: alarm
                .comments
                .iter()
                .map(|comment| CommentView {
                    operator: comment.by.0,
                    at: time_text(comment.at.unix_ms),
                    text: comment.text.clone(),
                })
                .collect(),
            action: for_alarm(key.code),
        }
    }
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AlarmQuery {
    /// Of this line.
    line: Option<String>,
    /// In this state: `unacknowledged`, `acknowledged`, `returned` or `shelved`.
    state: Option<String>,
    /// This urgent: `critical`, `high`, `medium` or `low`.
    priority: Option<String>,
    /// Only headlines (true), or only what is under one or shelved (false).
    headline: Option<bool>,
    /// Only what is up (true), or what has gone (false).
    up: Option<bool>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows of the page, 1 to 500; 100 where nothing is said.
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// Handlers of alarms.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_alarms))
        .routes(routes!(get_alarm))
        .routes(routes!(acknowledge_alarm))
        .routes(routes!(shelve_alarm))
        .routes(routes!(unshelve_alarm))
        .routes(routes!(assign_alarm))
        .routes(routes!(comment_alarm))
}

/// The value of this word among the values there are.
fn choice<T: Copy>(
    word: Option<&str>,
    name: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<Option<T>, Problem> {
    let Some(word) = word else { return Ok(None) };
    let found = all.iter().copied().find(|value| as_str(*value) == word);
    let known = || all.iter().map(|value| as_str(*value)).collect::<Vec<_>>().join(", ");
    let problem =
        || Problem::new(ProblemCode::QueryInvalid).with("cause", format!("{name} is one of {}", known()));
    found.map(Some).ok_or_else(problem)
}

/// Alarms that are not normal, oldest first, each with what a person does about it.
///
/// The first alarm of a line and cause stands in front and counts what came after it; while more come up than a person can
/// read, `alarm_flood` stands for all of a line but the critical ones. `headline=true` is what a screen shows first.
#[utoipa::path(get, path = "/api/alarms", tag = "alarms", params(AlarmQuery),
    responses((status = 200, description = "A page of alarms.", body = PageOf<AlarmView>), Reads))]
async fn list_alarms(
    State(api): State<Api>,
    Query(query): Query<AlarmQuery>,
) -> Result<At<PageOf<AlarmView>>, Problem> {
    let line = query.line.as_deref().map(|name| find_line(api.plant(), name)).transpose()?;
    let state = choice(query.state.as_deref(), "state", AlarmState::ALL, AlarmState::as_str)?;
    let priority = choice(query.priority.as_deref(), "priority", AlarmPriority::ALL, AlarmPriority::as_str)?;
    let page = page_at("alarms", query.cursor.as_deref(), query.limit, 0)?;
    live_at(&api, query.position).await?;
    let live = api.live().read();
    let heads = live.alarms().heads();
    let is_wanted = |alarm: &&Alarm| {
        let is_headline = heads.head_of(alarm.id).is_none() && alarm.shelved.is_none();
        line.is_none_or(|line| alarm.key.line == Some(line))
            && state.is_none_or(|state| alarm.state() == state)
            && priority.is_none_or(|priority| alarm.key.code.priority() == priority)
            && query.headline.is_none_or(|wanted| wanted == is_headline)
            && query.up.is_none_or(|wanted| wanted == alarm.is_up())
    };
    let after = AlarmId(u64::try_from(page.after).unwrap_or(0));
    let mut found = live.alarms().listed_after(after).filter(is_wanted);
    let chosen: Vec<&Alarm> = found.by_ref().take(page.size as usize).collect();
    let has_more = found.next().is_some();
    let last = chosen.last().filter(|_| has_more);
    let next_cursor = last.map(|alarm| cursor_of("alarms", i64::try_from(alarm.id.0).unwrap_or(i64::MAX)));
    let items = chosen.into_iter().map(|alarm| AlarmView::of(alarm, &heads, live.plant())).collect();
    Ok(At(live.position().0, PageOf { items, next_cursor }))
}

/// One alarm that is not normal.
#[utoipa::path(get, path = "/api/alarms/{alarm}", tag = "alarms", params(("alarm" = u64, Path), AtPosition),
    responses((status = 200, description = "The alarm.", body = AlarmView), Reads))]
async fn get_alarm(
    State(api): State<Api>,
    Path(alarm): Path<u64>,
    Query(at): Query<AtPosition>,
) -> Result<At<AlarmView>, Problem> {
    live_at(&api, at.position).await?;
    let live = api.live().read();
    let found = live.alarms().get(AlarmId(alarm));
    let found = found.ok_or_else(|| Problem::new(ProblemCode::AlarmNotFound).with("alarm", alarm))?;
    Ok(At(live.position().0, AlarmView::of(found, &live.alarms().heads(), live.plant())))
}

async fn carry(api: &Api, operator: OperatorId, alarm: u64, verb: Verb) -> Result<At<Done>, Problem> {
    carry_out(api, operator, verb).await.map_err(|problem| problem.with("alarm", alarm))
}

/// A person knows of an alarm, and of those it stands for. What has gone meanwhile is normal with that.
#[utoipa::path(post, path = "/api/alarms/{alarm}/acknowledge", tag = "alarms", params(("alarm" = u64, Path)),
    responses((status = 200, description = "It is known.", body = Done), Writes))]
async fn acknowledge_alarm(
    State(api): State<Api>,
    Path(alarm): Path<u64>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    carry(&api, operator, alarm, Verb::AcknowledgeAlarm { alarm: AlarmId(alarm) }).await
}

/// For how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShelfBody {
    /// Minutes from now on.
    #[schema(minimum = 1, maximum = 1440)]
    minutes: u64,
}

/// Puts an alarm away for a time. It comes back by itself, as new if it is up then. A critical one cannot be put away.
#[utoipa::path(post, path = "/api/alarms/{alarm}/shelve", tag = "alarms", params(("alarm" = u64, Path)),
    request_body = ShelfBody,
    responses((status = 200, description = "It is shelved.", body = Done), Writes))]
async fn shelve_alarm(
    State(api): State<Api>,
    Path(alarm): Path<u64>,
    Query(NoQuery {}): Query<NoQuery>,
    Operator(operator): Operator,
    Json(body): Json<ShelfBody>,
) -> Result<At<Done>, Problem> {
    if !(1..=ALARM_SHELF_MINUTES_MAX).contains(&body.minutes) {
        let cause = format!("an alarm is shelved for 1 to {ALARM_SHELF_MINUTES_MAX} minutes");
        return Err(Problem::new(ProblemCode::BodyInvalid).at("/minutes", cause));
    }
    let span = Nanos::from_secs(body.minutes * 60);
    carry(&api, operator, alarm, Verb::ShelveAlarm { alarm: AlarmId(alarm), span }).await
}

/// Takes an alarm off the shelf before its time.
#[utoipa::path(post, path = "/api/alarms/{alarm}/unshelve", tag = "alarms", params(("alarm" = u64, Path)),
    responses((status = 200, description = "It is not shelved.", body = Done), Writes))]
async fn unshelve_alarm(
    State(api): State<Api>,
    Path(alarm): Path<u64>,
    Press(operator): Press,
) -> Result<At<Done>, Problem> {
    carry(&api, operator, alarm, Verb::UnshelveAlarm { alarm: AlarmId(alarm) }).await
}

/// Whose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssignBody {
    /// Number of the operator; null or left out: nobody's.
    #[schema(format = "uint32", maximum = 4_294_967_295_u32)]
    operator: Option<u32>,
}

/// Says whose an alarm is.
#[utoipa::path(post, path = "/api/alarms/{alarm}/assign", tag = "alarms", params(("alarm" = u64, Path)),
    request_body = AssignBody,
    responses((status = 200, description = "It is assigned.", body = Done), Writes))]
async fn assign_alarm(
    State(api): State<Api>,
    Path(alarm): Path<u64>,
    Query(NoQuery {}): Query<NoQuery>,
    Operator(operator): Operator,
    Json(body): Json<AssignBody>,
) -> Result<At<Done>, Problem> {
    let to = body.operator.map(OperatorId);
    carry(&api, operator, alarm, Verb::AssignAlarm { alarm: AlarmId(alarm), to }).await
}

/// What is to be remembered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommentBody {
    /// At least one and at most 256 bytes of UTF-8.
    #[schema(min_length = 1, max_length = 256)]
    text: String,
}

/// Writes something about an alarm.
#[utoipa::path(post, path = "/api/alarms/{alarm}/comment", tag = "alarms", params(("alarm" = u64, Path)),
    request_body = CommentBody,
    responses((status = 200, description = "It is written down.", body = Done), Writes))]
async fn comment_alarm(
    State(api): State<Api>,
    Path(alarm): Path<u64>,
    Query(NoQuery {}): Query<NoQuery>,
    Operator(operator): Operator,
    Json(body): Json<CommentBody>,
) -> Result<At<Done>, Problem> {
    if body.text.is_empty() || body.text.len() > ALARM_COMMENT_SIZE_MAX {
        let cause = format!("a comment has 1 to {ALARM_COMMENT_SIZE_MAX} bytes");
        return Err(Problem::new(ProblemCode::BodyInvalid).at("/text", cause));
    }
    carry(&api, operator, alarm, Verb::CommentAlarm { alarm: AlarmId(alarm), text: body.text }).await
}
