//! Whether the daemon lives and what of it does not work. Lines do not depend on store and live views: without them
//! the daemon is degraded and ready all the same; it is not ready when the core thread or the journal stands still.
//!
//! | part | down | then the daemon is |
//! |---|---|---|
//! | core | no turn for [`TURN_MAX`] | not ready |
//! | journal | behind: no loads are permitted any more | not ready |
//! | store | cannot be read | degraded |
//! | projector | more than [`LAG_MAX`] records behind | degraded |
//! | live views | records cannot be read, or more than [`LAG_MAX`] behind | degraded |

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_store::{BatchFilter, PageAt};
use wcs_types::AlarmCode;
use wcs_types::limits::RECORDS_PENDING_MAX;

use crate::metrics::collect;
use crate::parameters::{NoQuery, Path, Query};
use crate::ports::Gauges;
use crate::problem::{Problem, ProblemBody, ProblemCode, Reads};
use crate::state::Api;

/// The core thread turns at least every 50 ms. One that does not within this time stands still.
const TURN_MAX: Duration = Duration::from_secs(1);
/// Pause between two looks at it.
const LOOK: Duration = Duration::from_millis(20);
/// Records that something may be behind before it counts as down.
const LAG_MAX: u64 = 10_000;

/// State of the daemon or of a part.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Works.
    Up,
    /// Lines work; something else does not.
    Degraded,
    /// Does not work.
    Down,
}

/// A part of the daemon.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PartHealth {
    /// `core`, `journal`, `store`, `projector` or `live`; `stop` alone while the daemon stops.
    pub part: &'static str,
    /// Its state.
    pub status: Health,
    /// What is wrong; empty when nothing is.
    pub cause: String,
}

/// The daemon and its parts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Ready when this is not `down`.
    pub status: Health,
    /// Each part.
    pub parts: Vec<PartHealth>,
    /// Last durable record.
    pub durable: u64,
    /// Last record in the live views.
    pub live: u64,
    /// Last record the store reflects; null while it is not open.
    pub projected: Option<u64>,
}

/// It answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Liveness {
    /// Always `up`: who cannot say so says nothing.
    pub status: Health,
}

/// Handlers of health.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(show_live))
        .routes(routes!(show_ready))
        .routes(routes!(show_actuator_health))
        .routes(routes!(list_actuator_metrics))
        .routes(routes!(show_actuator_metric))
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "operation",
    responses((status = 200, description = "It answers.", body = Liveness), Reads))]
async fn show_live(Query(NoQuery {}): Query<NoQuery>) -> Json<Liveness> {
    Json(Liveness { status: Health::Up })
}

/// Whether lines can be run, and which part does not work.
///
/// 503 only when the core thread or the journal stands still. A store that is away leaves the daemon `degraded`.
#[utoipa::path(get, path = "/health/ready", tag = "operation",
    responses((status = 200, description = "Ready, possibly degraded.", body = Readiness),
        (status = 503, description = "Not ready.", body = Readiness),
        (status = 400, description = "The query is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 500, description = "A defect of this program; the log says more.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn show_ready(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
) -> (StatusCode, Json<Readiness>) {
    let readiness = look(&api).await;
    (status_of(readiness.status), Json(readiness))
}

/// The same where existing scripts look for it.
#[utoipa::path(get, path = "/actuator/health", tag = "operation",
    responses((status = 200, description = "Up.", body = Object),
        (status = 503, description = "Down.", body = Object),
        (status = 400, description = "The query is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 500, description = "A defect of this program; the log says more.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn show_actuator_health(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
) -> impl IntoResponse {
    let readiness = look(&api).await;
    let word = |is_up: bool| if is_up { "UP" } else { "DOWN" };
    let components: Map<String, Value> = readiness
        .parts
        .iter()
        .map(|part| {
            let mut shown = json!({ "status": word(part.status == Health::Up) });
            if !part.cause.is_empty() {
                shown["details"] = json!({ "cause": part.cause });
            }
            (part.part.to_owned(), shown)
        })
        .collect();
    let body = json!({ "status": word(readiness.status != Health::Down), "components": components });
    (status_of(readiness.status), Json(body))
}

fn status_of(health: Health) -> StatusCode {
    if health == Health::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn look(api: &Api) -> Readiness {
    let (durable, live) = (api.durable().0, api.live().position().0);
    let projected = api.store().ok().map(wcs_store::Store::position);
    let stopping = part("stop", Health::Down, api.live().is_stopping().then(|| "it is stopping".to_owned()));
    let parts = if stopping.status == Health::Down {
        vec![stopping]
    } else {
        vec![core(api).await, journal(api), store(api).await, projector(durable, projected), views(api)]
    };
    let status = parts.iter().map(|part| part.status).max().unwrap_or(Health::Up);
    Readiness { status, parts, durable, live, projected }
}

fn part(part: &'static str, bad: Health, cause: Option<String>) -> PartHealth {
    let status = if cause.is_some() { bad } else { Health::Up };
    PartHealth { part, status, cause: cause.unwrap_or_default() }
}

/// Looks until the core thread has turned.
async fn core(api: &Api) -> PartHealth {
    let turns = || Figure::read(api, "wcs_core_turns_total", None);
    let begun = Instant::now();
    let first = turns();
    let mut cause = None;
    // A process that counts no turns says nothing about them.
    while first.is_some() && turns() == first {
        if begun.elapsed() >= TURN_MAX {
            cause = Some(format!("the core thread has not turned for {} ms", TURN_MAX.as_millis()));
            break;
        }
        sleep(LOOK).await;
    }
    part("core", Health::Down, cause)
}

fn journal(api: &Api) -> PartHealth {
    let pending = Figure::read(api, "wcs_queue_depth", Some("records")).unwrap_or(0.0);
    let is_stalled = api.live().read().alarms().iter().any(|(key, _)| key.code == AlarmCode::JournalStalled);
    let cause = if pending >= (RECORDS_PENDING_MAX / 2) as f64 {
        Some(format!("{pending} records wait for the disk"))
    } else {
        is_stalled.then(|| "alarm journal_stalled is up".to_owned())
    };
    part("journal", Health::Down, cause)
}

async fn store(api: &Api) -> PartHealth {
    let cause = match api.store() {
        Err(_) => Some("it is not open yet".to_owned()),
        Ok(store) => {
            let at = PageAt { after: i64::MAX, size: 1 };
            store.batches(BatchFilter::All, at).await.err().map(|error| error.to_string())
        }
    };
    part("store", Health::Degraded, cause)
}

fn projector(durable: u64, projected: Option<u64>) -> PartHealth {
    let lag = projected.map(|at| durable.saturating_sub(at)).filter(|lag| *lag > LAG_MAX);
    part("projector", Health::Degraded, lag.map(|lag| format!("the store is {lag} records behind")))
}

fn views(api: &Api) -> PartHealth {
    let lag = api.durable().0.saturating_sub(api.live().position().0);
    let behind = (lag > LAG_MAX).then(|| format!("live views are {lag} records behind"));
    part("live", Health::Degraded, api.live().fault().or(behind))
}

/// Reads one figure of the process.
struct Figure<'a> {
    name: &'a str,
    label: Option<&'a str>,
    value: Option<f64>,
}

impl<'a> Figure<'a> {
    fn read(api: &Api, name: &'a str, label: Option<&'a str>) -> Option<f64> {
        let mut figure = Self { name, label, value: None };
        api.figures().collect(&mut figure);
        figure.value
    }

    fn see(&mut self, name: &str, labels: &[(&'static str, &str)], value: f64) {
        let has_label = self.label.is_none_or(|wanted| labels.iter().any(|(_, label)| *label == wanted));
        if name == self.name && has_label {
            self.value = Some(value);
        }
    }
}

impl Gauges for Figure<'_> {
    fn counter(&mut self, name: &'static str, _: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.see(name, labels, value);
    }

    fn gauge(&mut self, name: &'static str, _: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.see(name, labels, value);
    }

    fn histogram(
        &mut self,
        _: &'static str,
        _: &'static str,
        _: &[(&'static str, &str)],
        _: &[(f64, u64)],
        _: u64,
        _: f64,
    ) {
    }
}

/// Names of figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricNames {
    /// All of them.
    pub names: Vec<String>,
}

/// One figure, summed over its labels.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its values.
    pub measurements: Vec<Measurement>,
    /// Labels it can be narrowed down by.
    pub available_tags: Vec<AvailableTag>,
}

/// A value.
#[derive(Debug, Serialize, ToSchema)]
pub struct Measurement {
    /// `COUNT`, `TOTAL_TIME` or `VALUE`.
    pub statistic: &'static str,
    /// The value.
    pub value: f64,
}

/// A label and its values.
#[derive(Debug, Serialize, ToSchema)]
pub struct AvailableTag {
    /// The label.
    pub tag: String,
    /// Its values.
    pub values: Vec<String>,
}

/// Which of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct TagQuery {
    /// `label:value`: only what carries it.
    tag: Option<String>,
}

/// Names of figures, where existing scripts look for them.
#[utoipa::path(get, path = "/actuator/metrics", tag = "operation",
    responses((status = 200, description = "The names.", body = MetricNames), Reads))]
async fn list_actuator_metrics(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Json<MetricNames> {
    Json(MetricNames { names: collect(&api).iter().map(|family| family.name().to_owned()).collect() })
}

/// One figure, where existing scripts look for it.
#[utoipa::path(get, path = "/actuator/metrics/{name}", tag = "operation",
    params(("name" = String, Path), TagQuery),
    responses((status = 200, description = "The figure.", body = MetricView), Reads))]
async fn show_actuator_metric(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(query): Query<TagQuery>,
) -> Result<Json<MetricView>, Problem> {
    let not_found = || Problem::new(ProblemCode::MetricNotFound).with("metric", name.as_str());
    let families = collect(&api);
    let family = families.iter().find(|family| family.name() == name).ok_or_else(not_found)?;
    let tag = match query.tag.as_deref() {
        None => None,
        Some(tag) => Some(tag.split_once(':').ok_or_else(|| {
            Problem::new(ProblemCode::QueryInvalid).with("cause", "tag must be label:value")
        })?),
    };
    measure(family, tag).map(Json).ok_or_else(not_found)
}

/// Sums a figure over what carries the label; `None` when nothing does.
fn measure(family: &MetricFamily, tag: Option<(&str, &str)>) -> Option<MetricView> {
    use prometheus::proto::MetricType;
    let mut tags: std::collections::BTreeMap<&str, std::collections::BTreeSet<&str>> = Default::default();
    let (mut value, mut count, mut found) = (0.0, 0_u64, false);
    for metric in family.get_metric() {
        let labels = metric.get_label();
        if tag.is_some_and(|(name, value)| !labels.iter().any(|l| l.name() == name && l.value() == value)) {
            continue;
        }
        found = true;
        for label in labels {
            tags.entry(label.name()).or_default().insert(label.value());
        }
        match family.get_field_type() {
            MetricType::COUNTER => value += metric.get_counter().get_value(),
            MetricType::HISTOGRAM => {
                value += metric.get_histogram().get_sample_sum();
                count += metric.get_histogram().get_sample_count();
            }
            _ => value += metric.get_gauge().get_value(),
        }
    }
    let measurements = match family.get_field_type() {
        MetricType::COUNTER => vec![Measurement { statistic: "COUNT", value }],
        MetricType::HISTOGRAM => vec![
            Measurement { statistic: "COUNT", value: count as f64 },
            Measurement { statistic: "TOTAL_TIME", value },
        ],
        _ => vec![Measurement { statistic: "VALUE", value }],
    };
    let owned = |values: std::collections::BTreeSet<&str>| values.into_iter().map(str::to_owned).collect();
    found.then(|| MetricView {
        name: family.name().to_owned(),
        description: family.help().to_owned(),
        measurements,
        available_tags: tags
            .into_iter()
            .map(|(tag, values)| AvailableTag { tag: tag.to_owned(), values: owned(values) })
            .collect(),
    })
}
