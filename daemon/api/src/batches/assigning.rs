//! `POST /api/batches/{batch}/assign`: gives a batch its plan, in place of the one it may have: its jobs, and how classes
//! get chutes.
//!
//! | `by` | classes get chutes |
//! |---|---|
//! | `volume` | at the start: the order with the most pieces gets the first chute of the line, and so on |
//! | `first_scan` | when the first load of an order is scanned: the lowest free chute |
//! | `serpentine` | rows of `per_row` chutes walked to and fro, orders in the sequence of intake |
//! | `fixed` | as `table` says, for every order of the batch |
//! | `rules` | the first of `rules` that matches; the rest by volume over the chutes no rule names |
//!
//! The last three become a table of chutes now. Chutes stand in the order of the plant file, which knows no stations;
//! those that have a class at this moment are passed over. The start is refused (`control.refused`) when a chute of the
//! table is not free then.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wcs_intake::{CodeTooLong, OrderToPlan, jobs_of};
use wcs_store::{BatchError, BatchRefusal, BatchView, LineToPlan, Store};
use wcs_types::{Assign, ChuteId, ChuteKind, Identify, JobSpec, LineId, OrderKey, Pieces, SkuKey};

use super::order_ref::OrderRef;
use super::refusals::{not_found, unchanged};
use super::tables::{Field, NoTable, PATTERN_SIZE_MAX, Rule, Table, by_rules, classes_of, serpentine};
use crate::answer::find_chute;
use crate::body::Json;
use crate::parameters::{NoQuery, Path, Query};
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// Rules of one plan.
const RULES_MAX: usize = 64;
/// Chutes of one rule.
const CHUTES_PER_RULE_MAX: usize = 1024;
/// Rows of one table.
const TABLE_ROWS_MAX: usize = 10_000;

/// How classes get their chutes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignIn {
    /// The way.
    by: By,
    /// Chutes in a row, for `serpentine`.
    #[schema(minimum = 1)]
    per_row: Option<u16>,
    /// A chute for every order of the batch, for `fixed`.
    #[schema(max_items = 10_000)]
    table: Option<Vec<TableRow>>,
    /// Rules, for `rules`; at most 64.
    #[schema(max_items = 64)]
    rules: Option<Vec<RuleIn>>,
}

/// Ways for classes to get chutes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// The order with the most pieces first.
    Volume,
    /// At the first scan.
    FirstScan,
    /// To and fro along rows of chutes.
    Serpentine,
    /// By a table.
    Fixed,
    /// By rules.
    Rules,
}

/// An order and its chute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableRow {
    /// The order.
    order: OrderRef,
    /// Its chute, by the id of the plant file.
    chute: String,
}

/// A rule: orders that match get a chute of its list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleIn {
    /// What the pattern is held against; one match in an order is enough.
    on: On,
    /// A regular expression without look-around and back-references, found anywhere in the text.
    #[schema(min_length = 1, max_length = 256)]
    pattern: String,
    /// Chutes, by the ids of the plant file, in the order in which they are taken.
    #[schema(min_items = 1, max_items = 1024)]
    chutes: Vec<String>,
}

/// What a pattern is held against.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    /// Number of the order.
    Order,
    /// Codes of its articles.
    Sku,
    /// Codes of its loads: labels, or barcodes of articles.
    Barcode,
}

/// A plan that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssignAnswer {
    /// Id of the batch.
    id: i64,
    /// Its state: `ready`.
    state: String,
    /// Jobs of the plan.
    jobs: usize,
    /// Orders in it.
    orders: usize,
    /// Pieces in it.
    pieces: u64,
    /// Chutes of the orders, where they are fixed by now.
    table: Vec<TableEntry>,
    /// Record of the journal: 0, the store alone did it.
    position: u64,
}

/// An order and the chute it is to have.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TableEntry {
    /// Owner of the order.
    owner: String,
    /// Order.
    order: String,
    /// Chute, by the id of the plant file.
    chute: String,
}

/// Gives a batch its plan. A batch that still receives orders ends receiving.
#[utoipa::path(
    post,
    path = "/api/batches/{batch}/assign",
    tag = "batches",
    operation_id = "assign_batch",
    params(("batch" = i64, Path, description = "Id of the batch.")),
    request_body = AssignIn,
    responses((status = 200, description = "It is ready.", body = AssignAnswer), Writes)
)]
pub(crate) async fn assign(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    _: Query<NoQuery>,
    Json(sent): Json<AssignIn>,
) -> Result<axum::Json<AssignAnswer>, Problem> {
    check(&sent)?;
    let store = api.store()?;
    let view = store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    if view.state == "receiving"
        && let Err(error) = store.finish_receiving(batch).await
    {
        return Err(unchanged(&api, error).await);
    }
    let identify = identify_of(&view);
    let jobs = planned(store, batch, identify).await?;
    let (by, table) = match sent.by {
        By::Volume => (Assign::Volume, Vec::new()),
        By::FirstScan => (Assign::FirstScan, Vec::new()),
        By::Serpentine | By::Fixed | By::Rules => (Assign::Fixed, table_of(&api, &view, &jobs, &sent)?),
    };
    match store.assign_by(batch, Some(by), &jobs, &table).await {
        Ok(()) => {}
        Err(BatchError::Refused(BatchRefusal::Empty)) => return Err(Problem::new(ProblemCode::BatchEmpty)),
        Err(error) => return Err(unchanged(&api, error).await),
    }
    let entry = |(order, chute): (OrderKey, ChuteId)| TableEntry {
        owner: order.owner,
        order: order.number,
        chute: api.plant().chutes[usize::from(chute.0)].id.clone(),
    };
    Ok(axum::Json(AssignAnswer {
        id: batch,
        state: "ready".to_owned(),
        jobs: jobs.len(),
        orders: jobs.chunk_by(|one, other| one.order == other.order).count(),
        pieces: jobs.iter().map(|job| u64::from(job.quantity.0)).sum(),
        table: table.into_iter().map(entry).collect(),
        position: 0,
    }))
}

/// Each way has its own fields, and none of another.
fn check(sent: &AssignIn) -> Result<(), Problem> {
    let invalid = |pointer: &str, detail: String| Problem::new(ProblemCode::BodyInvalid).at(pointer, detail);
    let fields = [
        ("/per_row", sent.per_row.is_some(), sent.by == By::Serpentine),
        ("/table", sent.table.is_some(), sent.by == By::Fixed),
        ("/rules", sent.rules.is_some(), sent.by == By::Rules),
    ];
    for (pointer, is_there, is_needed) in fields {
        if is_there != is_needed {
            let word = if is_needed { "needed" } else { "not taken" };
            return Err(invalid(pointer, format!("{} is {word} with this way", &pointer[1..])));
        }
    }
    if sent.per_row == Some(0) {
        return Err(invalid("/per_row", "at least 1".to_owned()));
    }
    if sent.rules.as_ref().is_some_and(|rules| rules.len() > RULES_MAX) {
        return Err(invalid("/rules", format!("at most {RULES_MAX} rules")));
    }
    if sent.table.as_ref().is_some_and(|table| table.len() > TABLE_ROWS_MAX) {
        return Err(invalid("/table", format!("at most {TABLE_ROWS_MAX} rows")));
    }
    for (at, rule) in sent.rules.iter().flatten().enumerate() {
        if !(1..=CHUTES_PER_RULE_MAX).contains(&rule.chutes.len()) {
            return Err(invalid(
                &format!("/rules/{at}/chutes"),
                format!("1 to {CHUTES_PER_RULE_MAX} chutes"),
            ));
        }
    }
    Ok(())
}

pub(super) fn identify_of(view: &BatchView) -> Identify {
    if view.identify == "sku" { Identify::Sku } else { Identify::Lpn }
}

fn table_of(api: &Api, view: &BatchView, jobs: &[JobSpec], sent: &AssignIn) -> Result<Table, Problem> {
    let line = LineId(u16::try_from(view.line).unwrap_or(u16::MAX));
    if let Some(rows) = &sent.table {
        return written(api, line, rows);
    }
    let chutes = usable(api, line, view.chute_limit);
    let classes = classes_of(jobs);
    let table = match (&sent.rules, sent.per_row) {
        (Some(rules), _) => by_rules(&classes, &chutes, &rules_of(api, line, rules)?),
        (None, per_row) => serpentine(&classes, &chutes, usize::from(per_row.unwrap_or(1))),
    };
    table.map_err(|fault| match fault {
        NoTable::TooFewChutes { classes, chutes } => {
            Problem::new(ProblemCode::ChutesTooFew).with("classes", classes).with("chutes", chutes)
        }
        full @ NoTable::RuleFull { .. } => {
            Problem::new(ProblemCode::BatchPlan).with("cause", full.to_string())
        }
    })
}

/// Chutes of the line that may get a class: for orders, within the limit of the batch, and without a class now.
fn usable(api: &Api, line: LineId, limit: i64) -> Vec<ChuteId> {
    let of_orders = api.plant().chutes_of(line).filter(|(_, spec)| spec.kind == ChuteKind::Order);
    let most = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let live = api.live().read();
    let is_free = |chute: ChuteId| live.chute(chute).is_none_or(|row| row.bound.is_none() && !row.is_closed);
    of_orders.take(most).map(|(chute, _)| chute).filter(|chute| is_free(*chute)).collect()
}

fn written(api: &Api, line: LineId, rows: &[TableRow]) -> Result<Table, Problem> {
    let pair = |(at, row): (usize, &TableRow)| {
        let chute = order_chute(api, line, &row.chute, &format!("/table/{at}/chute"))?;
        Ok((row.order.key(), chute))
    };
    rows.iter().enumerate().map(pair).collect()
}

fn rules_of(api: &Api, line: LineId, rules: &[RuleIn]) -> Result<Vec<Rule>, Problem> {
    let rule = |(at, rule): (usize, &RuleIn)| {
        let pattern = Rule::pattern(&rule.pattern).ok_or_else(|| {
            let detail =
                format!("a regular expression of 1 to {PATTERN_SIZE_MAX} bytes that is not too large");
            Problem::new(ProblemCode::BodyInvalid).at(format!("/rules/{at}/pattern"), detail)
        })?;
        let names = rule.chutes.iter().enumerate();
        let chutes =
            names.map(|(place, name)| order_chute(api, line, name, &format!("/rules/{at}/chutes/{place}")));
        let field = match rule.on {
            On::Order => Field::Order,
            On::Sku => Field::Sku,
            On::Barcode => Field::Barcode,
        };
        Ok(Rule { field, pattern, chutes: chutes.collect::<Result<_, Problem>>()? })
    };
    rules.iter().enumerate().map(rule).collect()
}

/// A chute for orders of this line, by its name.
fn order_chute(api: &Api, line: LineId, name: &str, pointer: &str) -> Result<ChuteId, Problem> {
    let invalid = |detail: &str| Problem::new(ProblemCode::BodyInvalid).at(pointer, detail);
    let chute = find_chute(api.plant(), name).map_err(|_| invalid("the plant has no such chute"))?;
    let spec = &api.plant().chutes[usize::from(chute.0)];
    if spec.line != line || spec.kind != ChuteKind::Order {
        return Err(invalid("it is no chute for orders of the line of the batch"));
    }
    Ok(chute)
}

/// The jobs of a batch: order by order in the sequence of intake, cut as files are cut.
async fn planned(store: &Store, batch: i64, identify: Identify) -> Result<Vec<JobSpec>, Problem> {
    let lines = store.lines_to_plan(batch).await?;
    let barcodes = match identify {
        Identify::Sku => store.barcodes_to_plan(batch).await?,
        Identify::Lpn => BTreeMap::new(),
    };
    jobs_of_lines(&lines, &barcodes, identify).map_err(too_long)
}

pub(super) fn too_long(error: CodeTooLong) -> Problem {
    Problem::new(ProblemCode::BatchPlan).with("cause", error.to_string())
}

/// The jobs of these lines, which stand order by order.
pub(super) fn jobs_of_lines(
    lines: &[LineToPlan],
    barcodes: &BTreeMap<SkuKey, Vec<String>>,
    identify: Identify,
) -> Result<Vec<JobSpec>, CodeTooLong> {
    let mut jobs = Vec::with_capacity(lines.len());
    for order in lines.chunk_by(|one, other| one.order == other.order) {
        let open = order.iter().filter(|line| line.quantity > 0).map(|line| wcs_intake::LineToPlan {
            line_no: line.line_no,
            sku: &line.sku,
            quantity: Pieces(line.quantity),
            barcodes: barcodes.get(&line.sku).map_or(&[], Vec::as_slice),
        });
        let (key, priority, due_at) = (&order[0].order, order[0].priority, order[0].due_at_s);
        let order = OrderToPlan { key, priority, due_at, lines: open.collect() };
        jobs.append(&mut jobs_of(&order, identify)?);
    }
    Ok(jobs)
}
