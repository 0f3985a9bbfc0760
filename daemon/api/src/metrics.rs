//! `/metrics` in the text format of Prometheus: figures of requests, of the live views, and those the process brings.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_types::{AlarmCode, AlarmPriority, AlarmState, LineId};

use crate::event::line_name;
use crate::live::Live;
use crate::live::alarms::Alarm;
use crate::live::batches::BatchState;
use crate::live::lines::LinkState;
use crate::parameters::{NoQuery, Query};
use crate::ports::Gauges;
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::Api;

/// Handlers of figures.
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show_metrics)).routes(routes!(show_actuator_metrics))
}

/// Figures, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "All figures.", content_type = "text/plain", body = String), Reads))]
async fn show_metrics(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<impl IntoResponse, Problem> {
    text(&api)
}

/// The same figures where existing scripts look for them.
#[utoipa::path(get, path = "/actuator/prometheus", tag = "operation",
    responses((status = 200, description = "All figures.", content_type = "text/plain", body = String), Reads))]
async fn show_actuator_metrics(
    State(api): State<Api>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<impl IntoResponse, Problem> {
    text(&api)
}

fn text(api: &Api) -> Result<impl IntoResponse + use<>, Problem> {
    let text = TextEncoder::new().encode_to_string(&collect(api)).map_err(|error| {
        tracing::error!(%error, "figures cannot be written");
        Problem::new(ProblemCode::Internal)
    })?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text))
}

/// All figures, by name.
pub(crate) fn collect(api: &Api) -> Vec<MetricFamily> {
    let mut sheet = Sheet::default();
    for family in api.registry().gather() {
        sheet.0.insert(family.name().to_owned(), family);
    }
    service(api, &mut sheet);
    let now_ms = u64::try_from(api.now_ms()).unwrap_or(0);
    live(&api.live().read(), now_ms, &mut sheet);
    api.figures().collect(&mut sheet);
    sheet.0.into_values().filter(|family| !family.get_metric().is_empty()).collect()
}

fn service(api: &Api, sheet: &mut Sheet) {
    let (durable, live) = (api.durable().0, api.live().position().0);
    sheet.gauge("wcs_live_position", "Last record in the live views.", &[], live as f64);
    let help = "Durable records the live views do not reflect yet.";
    sheet.gauge("wcs_live_lag_records", help, &[], durable.saturating_sub(live) as f64);
    if let Ok(store) = api.store() {
        let help = "Last record the store reflects.";
        sheet.gauge("wcs_store_position", help, &[], store.position() as f64);
        let pool = store.connections();
        for (state, count) in [("open", pool.open), ("used", pool.used), ("most", pool.most)] {
            let help = "Connections of the store.";
            sheet.gauge("wcs_store_connections", help, &[("state", state)], f64::from(count));
        }
    }
    let open = api.limits().streams_max.saturating_sub(api.streams().available_permits());
    sheet.gauge("wcs_event_streams", "Streams of events that are open.", &[], open as f64);
}

fn live(live: &Live, now_ms: u64, sheet: &mut Sheet) {
    let mut on_belt: BTreeMap<LineId, u64> = BTreeMap::new();
    for load in live.loads().open() {
        *on_belt.entry(load.key.line).or_default() += 1;
    }
    for (line, row) in (0..).map(LineId).zip(live.lines()) {
        let name = line_name(live.plant(), line);
        let of_line = [("line", name.as_str())];
        let counts = &row.counts;
        for ((outcome, reason), loads) in &counts.ended {
            let labels =
                [("line", name.as_str()), ("outcome", outcome.as_str()), ("reason", reason.as_str())];
            sheet.counter(
                "wcs_loads_ended_total",
                "Ends of loads, by where and why.",
                &labels,
                *loads as f64,
            );
        }
        for (read, scans) in counts.reads() {
            let labels = [("line", name.as_str()), ("read", read)];
            sheet.counter("wcs_scans_total", "Passes of the scanner, by quality.", &labels, scans as f64);
        }
        let help = "Loads seen for the first time.";
        sheet.counter("wcs_loads_seen_total", help, &of_line, counts.seen as f64);
        let help = "Rounds of loads that passed all lanes.";
        sheet.counter("wcs_loads_recirculated_total", help, &of_line, counts.recirculated as f64);
        let help = "Decisions that came too late, by whose fault.";
        let ours = counts.late_by_self_stall;
        for (by, late) in [("self_stall", ours), ("other", counts.late.saturating_sub(ours))] {
            let labels = [("line", name.as_str()), ("by", by)];
            sheet.counter("wcs_decisions_late_total", help, &labels, late as f64);
        }
        if let Some(rate) = counts.rates(now_ms).read_rate {
            let help = "Share of the passes of the last minutes that were read well.";
            sheet.gauge("wcs_scanner_read_rate", help, &of_line, rate);
        }
        let belt = on_belt.get(&line).copied().unwrap_or(0);
        sheet.gauge("wcs_loads_on_belt", "Loads on the belt.", &of_line, belt as f64);
        let flag = |is: bool| f64::from(u8::from(is));
        let help = "1 while the line may be fed.";
        sheet.gauge("wcs_line_permitted", help, &of_line, flag(row.is_permitted));
        let help = "1 while the device of the line obeys.";
        sheet.gauge("wcs_line_ready", help, &of_line, flag(row.link == LinkState::Ready));
    }
    let help = "Loads that wait for a person.";
    sheet.gauge("wcs_exceptions_open", help, &[], live.exceptions().count() as f64);
    let mut alarms: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, _) in live.alarms().iter() {
        *alarms.entry(key.code.as_str()).or_default() += 1;
    }
    for code in AlarmCode::ALL {
        let count = alarms.get(code.as_str()).copied().unwrap_or(0);
        sheet.gauge("wcs_alarms_open", "Alarms that are up.", &[("code", code.as_str())], count as f64);
    }
    collect_alarms(sheet, live);
    for batch in live.batches().iter().filter(|batch| batch.state != BatchState::Ended) {
        let progress = batch.progress();
        let id = progress.core_id.to_string();
        for (state, pieces) in
            [("planned", progress.planned), ("done", progress.done), ("in_flight", progress.in_flight)]
        {
            let labels = [("batch", id.as_str()), ("state", state)];
            sheet.gauge("wcs_batch_pieces", "Pieces of open batches.", &labels, f64::from(pieces));
        }
    }
}

/// What people see of alarms, and what they do not.
fn collect_alarms(sheet: &mut Sheet, live: &Live) {
    let alarms = live.alarms();
    let heads = alarms.heads();
    let count = |is_counted: &dyn Fn(&Alarm) -> bool| {
        alarms.listed().filter(|alarm| is_counted(alarm)).count() as f64
    };
    for priority in AlarmPriority::ALL {
        let labels = [("priority", priority.as_str())];
        let is_so = |alarm: &Alarm| alarm.key.code.priority() == *priority;
        let up = count(&|alarm| is_so(alarm) && alarm.is_up());
        sheet.gauge("wcs_alarms_active", "Alarms that are up, by urgency.", &labels, up);
        let shown = count(&|alarm| {
            let is_unknown = matches!(alarm.state(), AlarmState::Unacknowledged | AlarmState::Returned);
            is_so(alarm) && is_unknown && heads.head_of(alarm.id).is_none()
        });
        let help = "Headlines that nobody has acknowledged, by urgency.";
        sheet.gauge("wcs_alarms_unacknowledged", help, &labels, shown);
    }
    for code in AlarmCode::ALL {
        let help = "How often alarms came up since the journal began.";
        let raised = alarms.raised_total(*code) as f64;
        sheet.counter("wcs_alarms_raised_total", help, &[("code", code.as_str())], raised);
    }
    let shelved = count(&|alarm| alarm.state() == AlarmState::Shelved);
    sheet.gauge("wcs_alarms_shelved", "Alarms that people have put away.", &[], shelved);
    let floods = count(&|alarm| alarm.key.code == AlarmCode::AlarmFlood && alarm.is_up());
    sheet.gauge("wcs_alarms_floods", "Lines with more alarms than a person can read.", &[], floods);
}

/// Figures as they are put down: one family for each name.
#[derive(Default)]
struct Sheet(BTreeMap<String, MetricFamily>);

impl Sheet {
    fn add(&mut self, name: &str, help: &str, kind: MetricType, metric: Metric) {
        let family = self.0.entry(name.to_owned()).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            family
        });
        // A name stands for one kind of figure: another one under it would make the whole text unreadable.
        if family.get_field_type() == kind {
            family.mut_metric().push(metric);
        }
    }
}

fn labelled(labels: &[(&'static str, &str)]) -> Metric {
    let pair = |(name, value): &(&'static str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

impl Gauges for Sheet {
    fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = labelled(labels);
        metric.set_counter(counter);
        self.add(name, help, MetricType::COUNTER, metric);
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = labelled(labels);
        metric.set_gauge(gauge);
        self.add(name, help, MetricType::GAUGE, metric);
    }

    fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        buckets: &[(f64, u64)],
        count: u64,
        sum: f64,
    ) {
        let bucket = |(bound, count): &(f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*count);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.iter().map(bucket).collect());
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.add(name, help, MetricType::HISTOGRAM, metric);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_one_name_stand_together() {
        let mut sheet = Sheet::default();
        sheet.counter("b_total", "b", &[("line", "x")], 2.0);
        sheet.gauge("a", "a", &[], 1.5);
        sheet.counter("b_total", "b", &[("line", "y\"")], 3.0);
        // Refused, not mixed in.
        sheet.gauge("b_total", "b", &[], 9.0);
        sheet.histogram("c_seconds", "c", &[], &[(0.1, 1), (1.0, 2)], 3, 4.5);
        let families: Vec<MetricFamily> = sheet.0.into_values().collect();
        let text = TextEncoder::new().encode_to_string(&families).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "a 1.5",
                "b_total{line=\"x\"} 2",
                "b_total{line=\"y\\\"\"} 3",
                "c_seconds_bucket{le=\"0.1\"} 1",
                "c_seconds_bucket{le=\"1\"} 2",
                "c_seconds_bucket{le=\"+Inf\"} 3",
                "c_seconds_sum 4.5",
                "c_seconds_count 3",
            ]
        );
    }
}
