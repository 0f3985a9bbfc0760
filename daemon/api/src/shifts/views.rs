//! Business day and shifts as they are shown, and the shifts that were closed.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wcs_store::ShiftCloseView;

use super::open::OpenLists;
use crate::paging::{PageOf, page_at};
use crate::parameters::{NoQuery, Path, Query};
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::Api;
use crate::times::{BusinessDay, Shift, Times};

/// The business day and its shifts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShiftsNow {
    /// Time zone of the plant.
    time_zone: String,
    /// The instant all this is about.
    at: String,
    /// The business day.
    business_day: DayEntry,
    /// The shift that takes place; null between shifts.
    current: Option<ShiftEntry>,
    /// The shift that ended last.
    last: Option<ShiftEntry>,
    /// The shift that begins next.
    next: Option<ShiftEntry>,
    /// All shifts of the business day.
    shifts: Vec<ShiftEntry>,
}

/// A business day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayEntry {
    /// The local date on which it begins: its name.
    #[schema(format = Date)]
    date: String,
    /// Its first instant.
    start: String,
    /// The first instant of the next.
    end: String,
}

/// A shift.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShiftEntry {
    /// The business day it belongs to: the one in which it begins.
    #[schema(format = Date)]
    business_day: String,
    /// Its name.
    shift: String,
    /// Its first instant.
    start: String,
    /// The first instant behind it.
    end: String,
    /// It was closed; null when the store cannot be asked now.
    is_closed: Option<bool>,
}

/// A shift that was closed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CloseEntry {
    /// Id.
    id: i64,
    /// Business day.
    #[schema(format = Date)]
    business_day: String,
    /// Name of the shift.
    shift: String,
    /// Its first instant.
    start: String,
    /// The first instant behind it.
    end: String,
    /// When it was closed.
    closed_at: String,
    /// Operator who closed it.
    closed_by: i64,
    /// Loads that were on a belt.
    open_load_count: i64,
    /// Orders that were begun and not done.
    unfinished_order_count: i64,
    /// Pieces that were missing in batches that ended since the shift before was closed.
    missing_piece_count: i64,
    /// Alarms that were up.
    open_alarm_count: i64,
    /// Record of the journal the store reflected.
    reflected: i64,
}

/// A shift that was closed, with the lists of what was open then.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CloseDetail {
    #[serde(flatten)]
    close: CloseEntry,
    #[serde(flatten)]
    lists: OpenLists,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClosesAsked {
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows wanted; 100 when it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The business day, and the shifts before, now and after.
#[utoipa::path(
    get,
    path = "/api/shifts",
    tag = "shifts",
    operation_id = "show_shifts",
    responses((status = 200, description = "Business day and shifts.", body = ShiftsNow), Reads)
)]
pub(crate) async fn now(State(api): State<Api>, _: Query<NoQuery>) -> Result<axum::Json<ShiftsNow>, Problem> {
    let (times, at) = (api.times(), now_of(&api));
    let day = times.business_day(at);
    Ok(axum::Json(ShiftsNow {
        time_zone: times.zone_name().to_owned(),
        at: at.to_string(),
        business_day: day_entry(&day),
        current: entry(&api, times.shift_at(at)).await,
        last: entry(&api, times.last_shift(at)).await,
        next: entry(&api, times.next_shift(at)).await,
        shifts: entries(&api, times, &day).await,
    }))
}

/// Shifts that were closed, in the order in which they were.
#[utoipa::path(
    get,
    path = "/api/reports/shifts",
    tag = "shifts",
    operation_id = "list_shift_reports",
    params(ClosesAsked),
    responses((status = 200, description = "A page of shifts.", body = PageOf<CloseEntry>), Reads)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Query(asked): Query<ClosesAsked>,
) -> Result<axum::Json<PageOf<CloseEntry>>, Problem> {
    let at = page_at("shifts", asked.cursor.as_deref(), asked.limit, 0)?;
    let page = api.store()?.shift_closes(at).await?;
    Ok(axum::Json(PageOf::of("shifts", page, |view| close_entry(&view))))
}

/// One shift that was closed, with what was open then.
#[utoipa::path(
    get,
    path = "/api/reports/shifts/{business_day}/{shift}",
    tag = "shifts",
    operation_id = "show_shift_report",
    params(("business_day" = String, Path, description = "Business day, as 2026-11-25.", format = Date),
        ("shift" = String, Path, description = "Name of the shift.")),
    responses((status = 200, description = "The report.", body = CloseDetail), Reads)
)]
pub(crate) async fn show(
    State(api): State<Api>,
    Path((business_day, shift)): Path<(String, String)>,
    _: Query<NoQuery>,
) -> Result<axum::Json<CloseDetail>, Problem> {
    let view = api.store()?.shift_close(&business_day, &shift).await?;
    let view = view.ok_or_else(|| shift_not_found(&business_day, &shift))?;
    Ok(axum::Json(detail(&view)?))
}

/// What was written down, with its lists.
pub(super) fn detail(view: &ShiftCloseView) -> Result<CloseDetail, Problem> {
    let lists = serde_json::from_str(&view.close.report).map_err(|error| {
        tracing::error!(id = view.id, %error, "the report of a shift in the store cannot be read");
        Problem::new(ProblemCode::Internal)
    })?;
    Ok(CloseDetail { close: close_entry(view), lists })
}

pub(super) fn shift_not_found(business_day: &str, shift: &str) -> Problem {
    Problem::new(ProblemCode::ShiftNotFound).with("business_day", business_day).with("shift", shift)
}

/// The instant the service says it is.
pub(super) fn now_of(api: &Api) -> Timestamp {
    Timestamp::from_millisecond(api.now_ms()).unwrap_or_default()
}

/// Milliseconds since 1970 as people and programs read them.
fn shown(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).unwrap_or_default().to_string()
}

fn close_entry(view: &ShiftCloseView) -> CloseEntry {
    let close = &view.close;
    CloseEntry {
        id: view.id,
        business_day: close.business_day.clone(),
        shift: close.shift.clone(),
        start: shown(close.starts_at),
        end: shown(close.ends_at),
        closed_at: shown(close.closed_at),
        closed_by: close.closed_by,
        open_load_count: close.open.loads,
        unfinished_order_count: close.open.orders,
        missing_piece_count: close.open.missing_pieces,
        open_alarm_count: close.open.alarms,
        reflected: close.position,
    }
}

fn day_entry(day: &BusinessDay) -> DayEntry {
    DayEntry { date: day.date.to_string(), start: day.start.to_string(), end: day.end.to_string() }
}

async fn entries(api: &Api, times: &Times, day: &BusinessDay) -> Vec<ShiftEntry> {
    let mut entries = Vec::new();
    for shift in times.shifts_of(day.date) {
        entries.extend(entry(api, Some(shift)).await);
    }
    entries
}

async fn entry(api: &Api, shift: Option<Shift>) -> Option<ShiftEntry> {
    let shift = shift?;
    let business_day = shift.day.to_string();
    // The calendar is there without a database; whether a shift was closed is not.
    let is_closed = match api.store() {
        Ok(store) => store.shift_close(&business_day, &shift.name).await.ok().map(|close| close.is_some()),
        Err(_) => None,
    };
    Some(ShiftEntry {
        business_day,
        shift: shift.name,
        start: shift.start.to_string(),
        end: shift.end.to_string(),
        is_closed,
    })
}
