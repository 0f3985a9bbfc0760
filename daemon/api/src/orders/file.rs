//! `POST /api/orders/receive`: an order file as it is, explained by a mapping. A file is taken or refused as a whole; in
//! a file that is taken each row stands or falls alone, with the first reason that holds.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wcs_intake::{FileRefusal, Intake, Mapping, OrderIntake, read_orders};
use wcs_store::{LineDraft, OrderDraft};

use super::answers::{OrderAnswer, Receipt, Sums};
use super::bulk::store_drafts;
use crate::body::{need_type, read};
use crate::parameters::Query;
use crate::problem::{Problem, ProblemCode, Writes};
use crate::state::Api;

/// Refused rows and orders that are listed. More are counted only.
const LISTED_MAX: usize = 10_000;
/// Bytes of a mapping in the query.
const MAPPING_SIZE_MAX: usize = 16 * 1024;

/// Which mapping explains the file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithMapping {
    /// Name of a mapping of the site.
    mapping: Option<String>,
    /// A mapping itself, as the text of its TOML file, in place of a name.
    mapping_text: Option<String>,
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileAnswer {
    /// Rows of the file, without the line that names the columns.
    rows: u64,
    /// Rows that were taken as lines of orders, now or before.
    rows_accepted: u64,
    /// Pieces of these rows.
    pieces: u64,
    /// Orders.
    #[serde(flatten)]
    sums: Sums,
    /// Refused rows by reason.
    refused_by_reason: BTreeMap<String, u64>,
    /// Refused rows, at most 10 000 of them.
    refusals: Vec<RowRefusal>,
    /// Orders of which no row was taken, at most 10 000 of them.
    empty_orders: Vec<OrderName>,
    /// Orders that are not stored although rows of them were good, at most 10 000 of them.
    orders: Vec<OrderAnswer>,
    /// Record of the journal: 0, intake is not journaled.
    position: u64,
}

/// A row that is no line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowRefusal {
    /// Line of the file on which the row begins; the line with the column names is 1.
    row: u64,
    /// Why: the first reason that holds.
    reason: String,
    /// Column as the file names it; empty when the whole row is meant.
    column: String,
    /// Beginning of what stands there.
    text: String,
}

/// An order by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderName {
    /// Owner.
    owner: String,
    /// Number.
    number: String,
}

/// Takes an order file in. The same file again is the same answer and stores nothing.
#[utoipa::path(
    post,
    path = "/api/orders/receive",
    tag = "orders",
    operation_id = "receive_order_file",
    params(WithMapping),
    request_body(content = String, content_type = "text/csv", description = "The file, in the encoding of its mapping."),
    responses(
        (status = 200, description = "Every row is stored, now or before.", body = FileAnswer),
        (status = 207, description = "Some rows or orders are not stored; each says why.", body = FileAnswer),
        Writes
    )
)]
pub(crate) async fn receive(
    State(api): State<Api>,
    Query(query): Query<WithMapping>,
    request: Request,
) -> Result<Response, Problem> {
    let mapping = mapping_of(&api, &query)?;
    need_type(request.headers(), &["text/csv"])?;
    let bytes = read(request, &api, api.limits().file_size_max).await?;
    let read = tokio::task::spawn_blocking(move || read_orders(&bytes, &mapping)).await;
    let intake = read.map_err(|_| Problem::new(ProblemCode::Internal))?.map_err(refused_file)?;
    let mut answer = FileAnswer {
        rows: intake.rows,
        rows_accepted: intake.lines_accepted(),
        pieces: intake.pieces(),
        sums: Sums { refused: intake.empty_orders.len() as u64, ..Sums::default() },
        refused_by_reason: BTreeMap::new(),
        refusals: Vec::new(),
        empty_orders: Vec::new(),
        orders: Vec::new(),
        position: 0,
    };
    let drafts: Vec<OrderDraft> = intake.orders.iter().map(draft_of).collect();
    store_drafts(&api, &drafts, |place, told| answer.note(&intake.orders[place], told)).await?;
    answer.note_refusals(intake);
    let is_whole = answer.sums.is_whole() && answer.refused_by_reason.is_empty();
    let status = if is_whole { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    Ok((status, axum::Json(answer)).into_response())
}

fn mapping_of(api: &Api, query: &WithMapping) -> Result<Mapping, Problem> {
    let wrong = |cause: String| Problem::new(ProblemCode::QueryInvalid).with("cause", cause);
    match (&query.mapping, &query.mapping_text) {
        (Some(name), None) => api.mapping(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = api.mapping_names().collect();
            Problem::new(ProblemCode::MappingNotFound).with("known", known.join(", "))
        }),
        (None, Some(text)) if text.len() <= MAPPING_SIZE_MAX => {
            Mapping::parse(text, "mapping_text").map_err(|problems| wrong(problems.to_string()))
        }
        (None, Some(_)) => Err(wrong(format!("mapping_text has at most {MAPPING_SIZE_MAX} bytes"))),
        _ => Err(wrong("name one mapping: mapping=NAME or mapping_text=TOML".to_owned())),
    }
}

fn refused_file(refusal: FileRefusal) -> Problem {
    let cause = refusal.to_string();
    if let FileRefusal::TooLarge { most, .. } = refusal {
        return Problem::new(ProblemCode::BodyTooLarge).with("most", most);
    }
    Problem::new(ProblemCode::FileRefused).with("cause", cause)
}

fn draft_of(order: &OrderIntake) -> OrderDraft {
    let lines = order.lines.iter().map(|line| LineDraft {
        line_no: line.line_no,
        sku: line.sku.clone(),
        description: line.description.clone(),
        quantity: line.quantity.0,
        barcodes: Vec::new(),
    });
    OrderDraft {
        key: order.key.clone(),
        customer: order.customer.clone(),
        priority: order.priority,
        due_at_s: order.due_at,
        lines: lines.collect(),
    }
}

impl FileAnswer {
    /// Counts the answer to an order; lines that only the store refuses become refused rows.
    fn note(&mut self, order: &OrderIntake, told: OrderAnswer) {
        self.sums.count(told.result);
        for line in &told.refused_lines {
            let taken = &order.lines[line.index];
            self.refuse(RowRefusal {
                row: taken.row,
                reason: line.reason.to_owned(),
                column: String::new(),
                text: taken.sku.code.clone(),
            });
            self.rows_accepted -= 1;
            self.pieces -= u64::from(taken.quantity.0);
        }
        if matches!(told.result, Receipt::Differs | Receipt::Refused) {
            let left = order.lines.len() - told.refused_lines.len();
            self.rows_accepted -= left as u64;
            let refused: u64 =
                told.refused_lines.iter().map(|line| u64::from(order.lines[line.index].quantity.0)).sum();
            let all: u64 = order.lines.iter().map(|line| u64::from(line.quantity.0)).sum();
            self.pieces -= all - refused;
            if self.orders.len() < LISTED_MAX {
                self.orders.push(told);
            }
        }
    }

    fn note_refusals(&mut self, intake: Intake) {
        for refusal in intake.refusals {
            let wcs_intake::LineRefusal { row, reason, column, text } = refusal;
            self.refuse(RowRefusal { row, reason, column, text });
        }
        self.refusals.sort_by_key(|refusal| refusal.row);
        self.refusals.truncate(LISTED_MAX);
        let named = intake.empty_orders.into_iter().take(LISTED_MAX);
        self.empty_orders = named.map(|key| OrderName { owner: key.owner, number: key.number }).collect();
    }

    fn refuse(&mut self, refusal: RowRefusal) {
        *self.refused_by_reason.entry(refusal.reason.clone()).or_default() += 1;
        self.refusals.push(refusal);
    }
}
