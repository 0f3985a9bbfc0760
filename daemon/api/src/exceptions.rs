//! The exception station: what to do with a load that came to a person, and what the person did. All of it is memory
//! and verbs, so it works while the store does not.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_types::{BatchId, ChuteId, Code, Fact, JobId, LineId, LoadKey, Reason, Seq, Verb};

use crate::actions::{Action, PUT_INTO_CHUTE, REINDUCT, SET_ASIDE, WAIT, for_reason};
use crate::answer::{At, code_of, find_chute, find_line, line_or_only, live_at};
use crate::asking::ask;
use crate::body::Json;
use crate::event::{chute_name, line_name, load_text, parse_load, time_text};
use crate::live::Live;
use crate::live::batches::{Batch, BatchState, Job};
use crate::live::chutes::ChuteState;
use crate::live::exceptions::Exception;
use crate::paging::{PageOf, page_at};
use crate::parameters::{NoQuery, Operator, Query};
use crate::problem::{Problem, ProblemCode, Reads, Writes};
use crate::state::Api;

/// A load that waits for a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExceptionView {
    /// The load.
    pub load: String,
    /// Its line.
    pub line: String,
    /// Its label; empty when it had none.
    pub label: String,
    /// Where it ended.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Lane it left at; 0 for none.
    pub lane: u16,
    /// Chute that lane ends in.
    pub chute: Option<String>,
    /// Since when it waits.
    pub since: String,
    /// The record that says so.
    pub position: u64,
    /// What a person does.
    pub action: Action,
}

impl ExceptionView {
    fn of(live: &Live, row: &Exception) -> Self {
        let plant = live.plant();
        Self {
            load: load_text(row.load),
            line: line_name(plant, row.load.line),
            label: row.label.to_string(),
            outcome: row.outcome.as_str(),
            reason: row.reason.as_str(),
            lane: row.lane.0,
            chute: live.chute_of_lane(row.load.line, row.lane).map(|chute| chute_name(plant, chute)),
            since: time_text(row.opened.unix_ms),
            position: row.opened.seq.0,
            action: for_reason(row.reason),
        }
    }
}

/// Which exceptions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExceptionQuery {
    /// Only those of this line.
    line: Option<String>,
    /// Only those of this reason.
    reason: Option<String>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows of the page, 1 to 500; 100 where nothing is said.
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// A label that a person scanned or typed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScanBody {
    /// The line; may be left out where the plant has one only.
    line: Option<String>,
    /// The label; bytes that are not printable as `\xNN`.
    #[schema(min_length = 1)]
    label: String,
}

/// A load that a person put into its chute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    /// The line; may be left out where the plant has one only.
    line: Option<String>,
    /// Its label.
    #[schema(min_length = 1)]
    label: String,
    /// The chute it was put into.
    chute: String,
}

/// What to do with a load.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScanAnswer {
    /// The line.
    pub line: String,
    /// The label.
    pub label: String,
    /// The chute it belongs to, where its order has one and misses this piece.
    pub chute: Option<String>,
    /// State of that chute.
    pub chute_state: Option<ChuteState>,
    /// Number of the batch in the journal.
    pub core_id: Option<u32>,
    /// Owner of its order.
    pub owner: Option<String>,
    /// Number of its order.
    pub order: Option<String>,
    /// Why it is here, or why it has no chute.
    pub reason: &'static str,
    /// What the person does.
    pub action: Action,
    /// A confirmation would be taken now.
    pub may_confirm: bool,
    /// The load as it is known to wait, where it is.
    pub exception: Option<ExceptionView>,
    /// The record the answer reflects.
    pub position: u64,
}

/// What was booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Confirmed {
    /// The record it stands in.
    pub position: u64,
    /// The load.
    pub load: Option<String>,
    /// Pieces credited.
    pub pieces: u32,
}

/// What a label stands for now.
struct Verdict {
    job: Option<(BatchId, JobId)>,
    chute: Option<ChuteId>,
    reason: Reason,
    action: Action,
}

/// Handlers of the exception station.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_exceptions)).routes(routes!(scan)).routes(routes!(confirm))
}

/// Loads that wait for a person, oldest first, each with one suggested action.
#[utoipa::path(get, path = "/api/exceptions", tag = "exceptions", params(ExceptionQuery),
    responses((status = 200, description = "A page of exceptions.", body = PageOf<ExceptionView>), Reads))]
async fn list_exceptions(
    State(api): State<Api>,
    Query(query): Query<ExceptionQuery>,
) -> Result<At<PageOf<ExceptionView>>, Problem> {
    let line = query.line.as_deref().map(|name| find_line(api.plant(), name)).transpose()?;
    let reason = query.reason.as_deref().map(reason_of).transpose()?;
    let size = page_at("exceptions", None, query.limit, 0)?.size as usize;
    let after = match query.cursor.as_deref() {
        None => (Seq::NONE, LoadKey::default()),
        Some(cursor) => place_of(cursor).ok_or_else(|| Problem::new(ProblemCode::CursorInvalid))?,
    };
    live_at(&api, query.position).await?;
    let live = api.live().read();
    let mut found = live.exceptions().after(after).filter(|row| {
        line.is_none_or(|line| row.load.line == line) && reason.is_none_or(|reason| row.reason == reason)
    });
    let chosen: Vec<&Exception> = found.by_ref().take(size).collect();
    let has_more = found.next().is_some();
    let next_cursor = chosen
        .last()
        .filter(|_| has_more)
        .map(|row| format!("exceptions.{:x}.{}", row.opened.seq.0, load_text(row.load)));
    let items = chosen.into_iter().map(|row| ExceptionView::of(&live, row)).collect();
    Ok(At(live.position().0, PageOf { items, next_cursor }))
}

fn reason_of(text: &str) -> Result<Reason, Problem> {
    let found = Reason::ALL.iter().find(|reason| reason.as_str() == text).copied();
    found.ok_or_else(|| Problem::new(ProblemCode::QueryInvalid).with("cause", "there is no such reason"))
}

fn place_of(cursor: &str) -> Option<(Seq, LoadKey)> {
    let (seq, load) = cursor.strip_prefix("exceptions.")?.split_once('.')?;
    let is_hex = seq.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let seq = is_hex.then(|| u64::from_str_radix(seq, 16).ok()).flatten()?;
    Some((Seq(seq), parse_load(load)?))
}

/// Says where a load belongs that came to the exception station, and why it came there. Changes nothing.
#[utoipa::path(post, path = "/api/exceptions/scan", tag = "exceptions", request_body = ScanBody,
    responses((status = 200, description = "What to do with the load.", body = ScanAnswer), Writes))]
async fn scan(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
    Json(body): Json<ScanBody>,
) -> Result<At<ScanAnswer>, Problem> {
    let line = line_or_only(api.plant(), body.line.as_deref())?;
    let label = label_of(&body.label)?;
    let live = api.live().read();
    Ok(At(live.position().0, answer(&live, line, &label)))
}

fn label_of(text: &str) -> Result<Code, Problem> {
    code_of(text)
        .ok_or_else(|| Problem::new(ProblemCode::BodyInvalid).at("/label", "a label has 1 to 64 bytes"))
}

fn answer(live: &Live, line: LineId, label: &Code) -> ScanAnswer {
    let of_line = |row: &&Exception| row.load.line == line;
    let labelled = live.exceptions().iter().rev().filter(of_line).find(|row| row.label == *label);
    // A load that could not be read waits without a label: the person has read it now.
    let unread = || live.exceptions().iter().rev().filter(of_line).find(|row| row.label.is_empty());
    let waiting = labelled.or_else(unread);
    let on_belt = live.loads().open().any(|load| load.key.line == line && load.label == *label);
    let verdict = judge(live, line, label, labelled, on_belt && labelled.is_none());
    let batch = verdict.job.and_then(|(batch, _)| live.batches().find(batch));
    let order = verdict.job.and_then(|(_, job)| {
        let batch = batch?;
        let job = batch.jobs.get(job.0 as usize)?;
        batch.classes.get(job.class as usize).map(|class| class.order.clone())
    });
    ScanAnswer {
        line: line_name(live.plant(), line),
        label: label.to_string(),
        chute: verdict.chute.map(|chute| chute_name(live.plant(), chute)),
        chute_state: verdict.chute.and_then(|chute| live.chute_state(chute)),
        core_id: batch.map(|batch| batch.spec.batch.0),
        owner: order.as_ref().map(|order| order.owner.clone()),
        order: order.map(|order| order.number),
        reason: verdict.reason.as_str(),
        action: verdict.action,
        may_confirm: verdict.chute.is_some() && waiting.is_some(),
        exception: labelled.map(|row| ExceptionView::of(live, row)),
        position: live.position().0,
    }
}

/// The first job of the label that misses this piece and has a chute, as the core would book it; else why there is none.
fn judge(live: &Live, line: LineId, label: &Code, waiting: Option<&Exception>, on_belt: bool) -> Verdict {
    let of_line = |(batch, _, _): &(&Batch, JobId, &Job)| batch.spec.line == line;
    let came_for = waiting.map(|row| row.reason);
    let missing = || live.batches().jobs_of(label).filter(of_line).filter(|(_, _, job)| job.has_room());
    let with_chute = live.chute_for_label(line, label);
    if let Some((job, chute)) = with_chute {
        let reason = came_for.unwrap_or(Reason::FirstChoice);
        return Verdict { job: Some(job), chute: Some(chute), reason, action: PUT_INTO_CHUTE };
    }
    if let Some((batch, id, _)) = missing().next() {
        let (reason, action) = match batch.state {
            BatchState::Running => (Reason::NoChute, REINDUCT),
            BatchState::Paused => (Reason::BatchPaused, for_reason(Reason::BatchPaused)),
            BatchState::Staged | BatchState::Closing | BatchState::Ended => {
                (Reason::BatchNotRunning, for_reason(Reason::BatchNotRunning))
            }
        };
        return Verdict { job: Some((batch.spec.batch, id)), chute: None, reason, action };
    }
    let of_cancelled = |(batch, _, job): &(&Batch, JobId, &Job)| {
        batch.classes.get(job.class as usize).is_some_and(|class| class.is_cancelled)
    };
    if let Some((batch, id, _)) = live.batches().jobs_of(label).filter(of_line).find(of_cancelled) {
        let (job, reason) = (Some((batch.spec.batch, id)), Reason::OrderCancelled);
        return Verdict { job, chute: None, reason, action: for_reason(reason) };
    }
    if let Some((batch, id, job)) = live.batches().jobs_of(label).find(of_line) {
        let is_coming = on_belt && job.in_flight != 0;
        let action = if is_coming { WAIT } else { SET_ASIDE };
        let job = Some((batch.spec.batch, id));
        return Verdict { job, chute: None, reason: Reason::OverQuantity, action };
    }
    let reason = match came_for {
        Some(reason @ (Reason::OrderCancelled | Reason::Quarantined)) => reason,
        _ => Reason::UnknownCode,
    };
    Verdict { job: None, chute: None, reason, action: for_reason(reason) }
}

/// Books a load that waited as put into its chute by a person. It is booked when this is answered, never twice.
#[utoipa::path(post, path = "/api/exceptions/confirm", tag = "exceptions", request_body = ConfirmBody,
    responses((status = 200, description = "The load is booked.", body = Confirmed), Writes))]
async fn confirm(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
    Operator(operator): Operator,
    Json(body): Json<ConfirmBody>,
) -> Result<At<Confirmed>, Problem> {
    let line = line_or_only(api.plant(), body.line.as_deref())?;
    let label = label_of(&body.label)?;
    let chute = find_chute(api.plant(), &body.chute)?;
    let asked = ask(&api, operator, Verb::HandSort { line, label, chute }).await?;
    let booked = asked.facts.iter().find_map(|fact| match fact {
        Fact::LoadHandSorted { load, pieces, .. } => Some((load_text(*load), pieces.0)),
        _ => None,
    });
    let (load, pieces) = booked.map_or((None, 0), |(load, pieces)| (Some(load), pieces));
    Ok(At(asked.position.0, Confirmed { position: asked.position.0, load, pieces }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wcs_types::{LaneNo, Outcome};

    use super::*;
    use crate::fixture::{Story, code, key, plant};

    fn answer_after(story: &Story, label: &str) -> ScanAnswer {
        let mut live = Live::new(Arc::new(plant()));
        for told in story.told() {
            live.apply(told);
        }
        answer(&live, LineId(0), &code(label))
    }

    #[test]
    fn a_label_is_answered_with_its_chute_or_the_reason_there_is_none() {
        let mut story = Story::new();
        story.start_batch(1, &[("A", "600/1", 1), ("B", "600/2", 1)]);
        story.bind(1, "A", ChuteId(0));
        let unknown = answer_after(&story, "999");
        assert_eq!(
            (unknown.reason, unknown.action.code, unknown.may_confirm),
            ("unknown_code", "check_order", false)
        );
        let unbound = answer_after(&story, "600/2");
        assert_eq!((unbound.reason, unbound.action.code), ("no_chute", "reinduct"));
        assert_eq!(unbound.order.as_deref(), Some("B"));
        // It has a chute, but no load of it is known to wait: a confirmation would be refused.
        let early = answer_after(&story, "600/1");
        assert_eq!((early.chute.as_deref(), early.may_confirm), (Some("order-1"), false));

        story.scan(1, "600/1", None);
        story.exit(1, "600/1", None, 0, Outcome::Exception, Reason::LaneFull, LaneNo(5));
        let here = answer_after(&story, "600/1");
        assert_eq!((here.chute.as_deref(), here.may_confirm), (Some("order-1"), true));
        assert_eq!((here.reason, here.action.code), ("lane_full", "put_into_chute"));
        assert_eq!(here.exception.unwrap().load, load_text(key(1)));

        story.hand_sort(1, "600/1", (1, 0), ChuteId(0));
        let again = answer_after(&story, "600/1");
        assert_eq!((again.reason, again.action.code, again.chute), ("over_quantity", "set_aside", None));
    }

    #[test]
    fn a_piece_of_a_cancelled_order_goes_back_to_stock() {
        let mut story = Story::new();
        story.start_batch(1, &[("A", "600/1", 1)]);
        story.bind(1, "A", ChuteId(0));
        story.fact(Fact::OrderCancelled {
            batch: BatchId(1),
            order: story.order("A"),
            chute: Some(ChuteId(0)),
            picked: wcs_types::Pieces(0),
            in_flight: wcs_types::Pieces(0),
            jobs: vec![(JobId(0), wcs_types::Pieces(1))],
        });
        let answer = answer_after(&story, "600/1");
        assert_eq!((answer.reason, answer.action.code), ("order_cancelled", "return_to_stock"));
        assert_eq!((answer.chute, answer.order.as_deref()), (None, Some("A")));
    }

    #[test]
    fn a_load_that_was_not_read_is_confirmed_by_what_the_person_reads() {
        let mut story = Story::new();
        story.start_batch(1, &[("A", "600/1", 1)]);
        story.bind(1, "A", ChuteId(0));
        story.exit(9, "", None, 0, Outcome::NoReadLane, Reason::NoRead, LaneNo(4));
        let answer = answer_after(&story, "600/1");
        assert_eq!((answer.chute.as_deref(), answer.may_confirm), (Some("order-1"), true));
        assert!(answer.exception.is_none());
    }

    #[test]
    fn a_piece_on_the_belt_is_waited_for() {
        let mut story = Story::new();
        story.start_batch(1, &[("A", "600/1", 1)]);
        story.bind(1, "A", ChuteId(0));
        story.scan(1, "600/1", Some((1, 0, ChuteId(0), LaneNo(1))));
        let answer = answer_after(&story, "600/1");
        assert_eq!((answer.reason, answer.action.code), ("over_quantity", "wait"));
    }

    #[test]
    fn a_cursor_is_a_place_of_this_list_only() {
        let place = (Seq(255), key(3));
        assert_eq!(place_of(&format!("exceptions.ff.{}", load_text(key(3)))), Some(place));
        for bad in [
            "",
            "exceptions.",
            "exceptions.FF.0-1-3",
            "exceptions.ff",
            "loads.ff.0-1-3",
            "exceptions.+1.0-1-3",
        ] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }
}
