//! Loads: lists of them, and of each its time line and why it went where it went. What is in memory is told from there,
//! older loads are found through the store, and where that cannot be used through the index of the journal. Why a load
//! went where it went is told from the journal alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_store::{LoadFilter, PageAt, Store};
use wcs_types::{Code, LineId, LoadKey, Outcome, Plant};

use crate::answer::{At, code_of, find_line, live_at};
use crate::event::{chute_name, line_name, load_text, parse_load, time_text};
use crate::live::Live;
use crate::live::loads::Load;
use crate::paging::{PageOf, cursor_of, page_at};
use crate::parameters::{AtPosition, Path, Query};
use crate::ports::{FindError, Records};
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::{Api, SEARCHES_MAX};
use crate::why::{LoadAnswer, TimelineEntry, Why, answer_of_load, last_of_label};
use crate::words;

/// A load.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadView {
    /// Its id: number of the line, life of the controller, item.
    pub id: String,
    /// Its line.
    pub line: String,
    /// Its label; empty when it had none.
    pub label: String,
    /// Where it ended; null while it is on the belt.
    pub outcome: Option<String>,
    /// Why there.
    pub reason: Option<String>,
    /// Where it is being sent, while it is on the belt: a chute, or `recirculate`, `overflow`, `exception`,
    /// `unanswered`.
    pub destination: Option<String>,
    /// Lane it left at; 0 for none.
    pub lane: Option<u16>,
    /// Chute that lane ends in.
    pub chute: Option<String>,
    /// What the device reported.
    pub result: Option<String>,
    /// Rounds it made.
    pub turns: u64,
    /// Decisions that came too late.
    pub late: u64,
    /// Number of its batch in the journal.
    pub core_id: Option<u64>,
    /// Number of its job.
    pub job: Option<u64>,
    /// The record in which it was first seen.
    pub seen_position: u64,
    /// When; null where only the store knows of it.
    pub seen_at: Option<String>,
    /// The record in which it ended.
    pub ended_position: Option<u64>,
    /// The attempt of the same label before it, where it is in memory.
    pub previous: Option<String>,
}

impl LoadView {
    fn of(live: &Live, load: &Load) -> Self {
        use wcs_types::Destination;
        let plant = live.plant();
        let outcome = load.outcome();
        let lane = load.end.map(|end| end.lane);
        Self {
            id: load_text(load.key),
            line: line_name(plant, load.key.line),
            label: load.label.to_string(),
            outcome: outcome.map(|(outcome, _)| outcome.as_str().to_owned()),
            reason: outcome.map(|(_, reason)| reason.as_str().to_owned()),
            destination: load.sent.filter(|_| load.end.is_none()).map(|(destination, _)| match destination {
                Destination::Chute { chute, .. } => chute_name(plant, chute),
                Destination::Recirculate => "recirculate".to_owned(),
                Destination::Overflow { .. } => "overflow".to_owned(),
                Destination::Exception => "exception".to_owned(),
                Destination::Unanswered => "unanswered".to_owned(),
            }),
            lane: lane.map(|lane| lane.0),
            chute: match load.hand {
                Some((chute, _)) => Some(chute_name(plant, chute)),
                None => lane
                    .and_then(|lane| live.chute_of_lane(load.key.line, lane))
                    .map(|chute| chute_name(plant, chute)),
            },
            result: load.end.and_then(|end| end.result).map(|result| words::exit_result(result).to_owned()),
            turns: u64::from(load.turns),
            late: u64::from(load.late),
            core_id: load.job.map(|(batch, _)| u64::from(batch.0)),
            job: load.job.map(|(_, job)| u64::from(job.0)),
            seen_position: load.seen.seq.0,
            seen_at: Some(time_text(load.seen.unix_ms)),
            ended_position: load.end.map(|end| end.at.seq.0),
            previous: load.previous.map(load_text),
        }
    }

    fn stored(live: &Live, row: &wcs_store::LoadView) -> Self {
        let plant = live.plant();
        let key = parse_load(&row.key.replace('/', "-"));
        let line = key.map(|key| key.line);
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        let lane = row.lane.and_then(|lane| u16::try_from(lane).ok());
        let chute = line.zip(lane).and_then(|(line, lane)| live.chute_of_lane(line, wcs_types::LaneNo(lane)));
        Self {
            id: key.map_or_else(|| row.key.clone(), load_text),
            line: line.map(|line| line_name(plant, line)).unwrap_or_default(),
            label: row.label.clone(),
            outcome: row.outcome.clone(),
            reason: row.reason.clone(),
            destination: None,
            lane,
            chute: chute.map(|chute| chute_name(plant, chute)),
            result: row.result.clone(),
            turns: number(row.turns),
            late: number(row.late),
            core_id: row.job.map(|(batch, _)| number(batch)),
            job: row.job.map(|(_, job)| number(job)),
            seen_position: number(row.seen_seq),
            seen_at: None,
            ended_position: row.ended_seq.map(number),
            previous: None,
        }
    }
}

/// A load with its time line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadDetail {
    /// The load; null where it was found by a search through the journal.
    pub load: Option<LoadView>,
    /// Its id.
    pub id: String,
    /// What happened to it, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Not all of it is told here: there is too much.
    pub is_truncated: bool,
    /// Why it went where it went.
    pub why: Why,
}

/// Which loads.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LoadQuery {
    /// Only attempts of this label.
    label: Option<String>,
    /// Only those that ended so.
    outcome: Option<String>,
    /// Only those of this line, of those that are in memory.
    line: Option<String>,
    /// Only those on the belt now.
    on_belt: Option<bool>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows of the page, 1 to 500; 100 where nothing is said.
    limit: Option<u32>,
    /// Wait until this record of the journal is reflected.
    position: Option<u64>,
}

/// Handlers of loads.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_loads)).routes(routes!(get_load))
}

/// Loads: those on the belt from memory, others from the store, oldest first; while the store cannot be used, the last
/// that ended from memory, newest first and without further pages.
#[utoipa::path(get, path = "/api/loads", tag = "loads", params(LoadQuery),
    responses((status = 200, description = "A page of loads.", body = PageOf<LoadView>), Reads))]
async fn list_loads(
    State(api): State<Api>,
    Query(query): Query<LoadQuery>,
) -> Result<At<PageOf<LoadView>>, Problem> {
    let line = query.line.as_deref().map(|name| find_line(api.plant(), name)).transpose()?;
    let outcome = query.outcome.as_deref().map(outcome_of).transpose()?;
    let label = query.label.as_deref().map(label_of).transpose()?;
    let page = page_at("loads", query.cursor.as_deref(), query.limit, 0)?;
    live_at(&api, query.position).await?;
    let wanted = Wanted { line, outcome, label };
    if query.on_belt == Some(true) {
        let live = api.live().read();
        return Ok(At(live.position().0, on_belt(&live, &wanted, page)));
    }
    match stored(&api, &wanted, page, query.position).await {
        Ok(found) => Ok(found),
        // Nothing was shown yet: what memory knows is better than nothing.
        Err(problem) if problem.code() == ProblemCode::StoreUnavailable && query.cursor.is_none() => {
            let live = api.live().read();
            let ended = live.loads().ended().filter(|load| wanted.has(load)).take(page.size as usize);
            let items = ended.map(|load| LoadView::of(&live, load)).collect();
            Ok(At(live.position().0, PageOf { items, next_cursor: None }))
        }
        Err(problem) => Err(problem),
    }
}

/// What a list is of.
struct Wanted {
    line: Option<LineId>,
    outcome: Option<Outcome>,
    label: Option<Code>,
}

impl Wanted {
    fn has(&self, load: &Load) -> bool {
        self.line.is_none_or(|line| load.key.line == line)
            && self.outcome.is_none_or(|outcome| load.outcome().is_some_and(|(is, _)| is == outcome))
            && self.label.as_ref().is_none_or(|label| load.label == *label)
    }
}

fn outcome_of(text: &str) -> Result<Outcome, Problem> {
    let found = Outcome::ALL.iter().find(|outcome| outcome.as_str() == text).copied();
    found.ok_or_else(|| Problem::new(ProblemCode::QueryInvalid).with("cause", "there is no such outcome"))
}

fn label_of(text: &str) -> Result<Code, Problem> {
    let cause = "a label has 1 to 64 bytes";
    code_of(text).ok_or_else(|| Problem::new(ProblemCode::QueryInvalid).with("cause", cause))
}

/// Loads on the belt in the order in which they were seen.
fn on_belt(live: &Live, wanted: &Wanted, page: PageAt) -> PageOf<LoadView> {
    let place = |load: &Load| i64::try_from(load.seen.seq.0).unwrap_or(i64::MAX);
    let mut open: Vec<&Load> =
        live.loads().open().filter(|load| place(load) > page.after && wanted.has(load)).collect();
    open.sort_unstable_by_key(|load| (load.seen.seq, load.key));
    let has_more = open.len() > page.size as usize;
    open.truncate(page.size as usize);
    let next_cursor = open.last().filter(|_| has_more).map(|load| cursor_of("loads", place(load)));
    PageOf { items: open.into_iter().map(|load| LoadView::of(live, load)).collect(), next_cursor }
}

async fn stored(
    api: &Api,
    wanted: &Wanted,
    page: PageAt,
    position: Option<u64>,
) -> Result<At<PageOf<LoadView>>, Problem> {
    let store = api.store_at(position).await?;
    let label = wanted.label.as_ref().map(ToString::to_string);
    let filter = match (&label, wanted.outcome) {
        (Some(label), _) => LoadFilter::OfLabel(label),
        (None, Some(outcome)) => LoadFilter::OfOutcome(outcome.as_str()),
        (None, None) => LoadFilter::All,
    };
    let found = store.loads(filter, page).await?;
    let live = api.live().read();
    let mut items: Vec<LoadView> = found.items.iter().map(|row| LoadView::stored(&live, row)).collect();
    if found.next.is_none()
        && let Some(label) = &wanted.label
    {
        // What the projector has not reached yet.
        let known: HashSet<String> = items.iter().map(|view| view.id.clone()).collect();
        let recent = live.loads().open().chain(live.loads().ended());
        let recent = recent.filter(|load| load.label == *label && load.seen.seq.0 > store.position());
        items.extend(recent.map(|load| LoadView::of(&live, load)).filter(|view| !known.contains(&view.id)));
    }
    if let Some(line) = wanted.line {
        let name = line_name(live.plant(), line);
        items.retain(|view| view.line == name);
    }
    if wanted.label.is_some()
        && let Some(outcome) = wanted.outcome
    {
        items.retain(|view| view.outcome.as_deref() == Some(outcome.as_str()));
    }
    let next_cursor = found.next.map(|after| cursor_of("loads", after));
    Ok(At(store.position(), PageOf { items, next_cursor }))
}

/// A load with its time line and why, by its id or by its label (then the latest attempt).
#[utoipa::path(get, path = "/api/loads/{load}", tag = "loads",
    params(("load" = String, Path, description = "An id such as `0-3-17`, or a label."), AtPosition),
    responses((status = 200, description = "The load.", body = LoadDetail), Reads))]
async fn get_load(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(at): Query<AtPosition>,
) -> Result<At<LoadDetail>, Problem> {
    let not_found = || Problem::new(ProblemCode::LoadNotFound).with("load", name.as_str());
    let (key, label) = (parse_load(&name), code_of(&name));
    if key.is_none() && label.is_none() {
        return Err(not_found());
    }
    live_at(&api, at.position).await?;
    let (view, known) = match in_memory(&api, key, label.as_ref()) {
        Some((view, key)) => (Some(view), Some(key)),
        None => match in_store(&api, key, label.as_ref()).await {
            Ok(Some((view, key))) => (Some(view), Some(key)),
            // The store has every load that memory does not hold: nothing has to be searched.
            Ok(None) => return Err(not_found()),
            Err(Away) => (None, None),
        },
    };
    let (records, plant) = (Arc::clone(api.records()), api.plant().clone());
    let told = search(&api, move || match known {
        Some(key) => answer_of_load(records.as_ref(), &plant, key),
        None => answer_of_named(records.as_ref(), &plant, key, label.as_ref()),
    });
    let told = told.await?.ok_or_else(not_found)?;
    let LoadAnswer { id, timeline, is_truncated, why } = told;
    let position = api.live().read().position().0;
    Ok(At(position, LoadDetail { load: view, id, timeline, is_truncated, why }))
}

/// The load of a key, or else the latest of a label.
fn answer_of_named(
    records: &dyn Records,
    plant: &Plant,
    key: Option<LoadKey>,
    label: Option<&Code>,
) -> Result<Option<LoadAnswer>, FindError> {
    if let Some(key) = key
        && let Some(found) = answer_of_load(records, plant, key)?
    {
        return Ok(Some(found));
    }
    let Some(label) = label else { return Ok(None) };
    match last_of_label(records, label)? {
        Some(key) => answer_of_load(records, plant, key),
        None => Ok(None),
    }
}

fn in_memory(api: &Api, key: Option<LoadKey>, label: Option<&Code>) -> Option<(LoadView, LoadKey)> {
    let live = api.live().read();
    let by_key = key.and_then(|key| live.loads().find(key));
    let by_label = || {
        let label = label?;
        let all = live.loads().open().chain(live.loads().ended());
        all.filter(|load| load.label == *label).max_by_key(|load| load.seen.seq)
    };
    let load = by_key.or_else(by_label)?;
    Some((LoadView::of(&live, load), load.key))
}

/// The store cannot be used now: what it would say has to be searched in the journal.
struct Away;

impl From<Problem> for Away {
    fn from(_: Problem) -> Self {
        Self
    }
}

impl From<wcs_store::StoreError> for Away {
    fn from(_: wcs_store::StoreError) -> Self {
        Self
    }
}

async fn in_store(
    api: &Api,
    key: Option<LoadKey>,
    label: Option<&Code>,
) -> Result<Option<(LoadView, LoadKey)>, Away> {
    let store = api.store()?;
    let by_key = match key {
        Some(key) => store.load(key).await?,
        None => None,
    };
    let found = match (by_key, label) {
        (Some(row), _) => Some(row),
        (None, Some(label)) => last_stored(store, &label.to_string()).await?,
        (None, None) => None,
    };
    let Some(row) = found else { return Ok(None) };
    let Some(key) = parse_load(&row.key.replace('/', "-")) else { return Ok(None) };
    let live = api.live().read();
    Ok(Some((LoadView::stored(&live, &row), key)))
}

async fn last_stored(
    store: &Store,
    label: &str,
) -> Result<Option<wcs_store::LoadView>, wcs_store::StoreError> {
    let (mut last, mut after) = (None, 0);
    loop {
        let at = PageAt { after, size: wcs_store::PAGE_SIZE_MAX };
        let mut page = store.loads(LoadFilter::OfLabel(label), at).await?;
        last = page.items.pop().or(last);
        match page.next {
            Some(next) => after = next,
            None => return Ok(last),
        }
    }
}

/// Reads records on a thread that may block; a bounded number at once.
pub(crate) async fn search<T: Send + 'static>(
    api: &Api,
    read: impl FnOnce() -> Result<T, FindError> + Send + 'static,
) -> Result<T, Problem> {
    let busy = || {
        Problem::new(ProblemCode::ServerBusy).with("most", SEARCHES_MAX).retry_after(Duration::from_secs(1))
    };
    let _place = api.searches().try_acquire().map_err(|_| busy())?;
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(FindError::Behind { from, through })) => Err(Problem::new(ProblemCode::LoadSearchLong)
            .with("from", from.0)
            .with("through", through.0)
            .retry_after(Duration::from_secs(10))),
        Ok(Err(FindError::Records(error))) => Err(Problem::new(ProblemCode::RecordsUnreadable)
            .with("cause", error.to_string())
            .retry_after(Duration::from_secs(10))),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
