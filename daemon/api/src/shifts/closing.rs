//! `POST /api/shifts/close`: what is open is looked at once, written down, and answered. Closing a shift again is the
//! answer of the first time. It stops nothing.

use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wcs_store::ShiftClose;

use super::open::OpenNow;
use super::views::{CloseDetail, detail, now_of, shift_not_found};
use crate::body::Json;
use crate::parameters::{NoQuery, Operator, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;
use crate::times::{Shift, Times};

/// Which shift.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShiftAsked {
    /// Business day, as 2026-11-25; the last on which the shift began when it is left out.
    #[schema(format = Date)]
    business_day: Option<String>,
    /// Name of the shift; the one that takes place, else the one that ended last, when it is left out.
    shift: Option<String>,
}

/// A shift that is closed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CloseAnswer {
    #[serde(flatten)]
    report: CloseDetail,
    /// It had been closed before; this is what was open then.
    is_repeat: bool,
    /// Record of the journal; 0, shifts are not journaled.
    position: u64,
}

/// Closes a shift: lists what is open and writes it down. Stops no line and no batch. Again is the first answer.
#[utoipa::path(
    post,
    path = "/api/shifts/close",
    tag = "shifts",
    operation_id = "close_shift",
    params(("wcs-operator" = Option<u32>, Header, description = "Who asks; 0 when it is left out.")),
    request_body = ShiftAsked,
    responses((status = 200, description = "It is closed.", body = CloseAnswer), Writes)
)]
pub(crate) async fn close(
    State(api): State<Api>,
    Operator(operator): Operator,
    _: Query<NoQuery>,
    Json(asked): Json<ShiftAsked>,
) -> Result<axum::Json<CloseAnswer>, Problem> {
    let at = now_of(&api);
    let shift = shift_of(api.times(), &asked, at)?;
    let store = api.store()?;
    let (day, name) = (shift.day.to_string(), shift.name);
    if let Some(view) = store.shift_close(&day, &name).await? {
        return Ok(axum::Json(CloseAnswer { report: detail(&view)?, is_repeat: true, position: 0 }));
    }
    let open = OpenNow::look(&api, store).await?;
    let close = ShiftClose {
        business_day: day,
        shift: name,
        starts_at: shift.start.as_millisecond(),
        ends_at: shift.end.as_millisecond(),
        closed_at: at.as_millisecond(),
        closed_by: i64::from(operator.0),
        position: open.reflected,
        open: open.counts,
        report: serde_json::to_string(&open.lists).expect("names and numbers can be written as JSON"),
    };
    let (view, is_new) = store.close_shift(&close).await?;
    if is_new {
        tracing::info!(
            business_day = close.business_day,
            shift = close.shift,
            operator = operator.0,
            open_loads = open.counts.loads,
            unfinished_orders = open.counts.orders,
            missing_pieces = open.counts.missing_pieces,
            open_alarms = open.counts.alarms,
            "shift closed"
        );
    }
    Ok(axum::Json(CloseAnswer { report: detail(&view)?, is_repeat: !is_new, position: 0 }))
}

/// The shift that is meant, which must have begun.
fn shift_of(times: &Times, asked: &ShiftAsked, at: Timestamp) -> Result<Shift, Problem> {
    let wrong = |pointer: &str, detail: String| Problem::new(ProblemCode::BodyInvalid).at(pointer, detail);
    let found = match (&asked.business_day, &asked.shift) {
        (None, None) => times.shift_at(at).or_else(|| times.last_shift(at)),
        (None, Some(name)) => times.last_begun(name, at),
        (Some(day), name) => {
            let date: Date = day
                .parse()
                .ok()
                .filter(|date: &Date| date.to_string() == *day)
                .ok_or_else(|| wrong("/business_day", "must be a date, as 2026-11-25".to_owned()))?;
            match name {
                Some(name) => times.shift_of(date, name),
                None => match &times.shifts_of(date)[..] {
                    [only] => Some(only.clone()),
                    [] => None,
                    several => {
                        let names: Vec<&str> = several.iter().map(|shift| shift.name.as_str()).collect();
                        let detail = format!("the day has several shifts: {}", names.join(", "));
                        return Err(wrong("/shift", detail));
                    }
                },
            }
        }
    };
    let (day, name) = (asked.business_day.as_deref(), asked.shift.as_deref());
    let shift = found.ok_or_else(|| shift_not_found(day.unwrap_or("any"), name.unwrap_or("any")))?;
    if shift.start > at {
        return Err(Problem::new(ProblemCode::ShiftNotBegun)
            .with("business_day", shift.day.to_string())
            .with("shift", shift.name)
            .with("start", shift.start.to_string()));
    }
    Ok(shift)
}
