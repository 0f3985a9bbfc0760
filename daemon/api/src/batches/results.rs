//! `results.csv`: what became of each job of a batch, streamed in pages so that a large batch needs no large memory.
//!
//! | column | holds |
//! |---|---|
//! | `batch` | id of the batch |
//! | `owner`, `order`, `line` | the order and the first of its lines the job fills |
//! | `sku_owner`, `sku` | the article |
//! | `label` | first code of its loads |
//! | `planned` | pieces planned |
//! | `picked`, `boxed` | pieces in a chute, and of these in boxes that were taken away |
//! | `short`, `short_reason`, `last_seen` | pieces missing at the end of the batch, why, and where they were seen last |
//!
//! One row for each job; sums over `order` and `sku` are what was sorted. A failure after the first page breaks the
//! connection off, so that a file that ends is whole.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use wcs_store::{PAGE_SIZE_MAX, Page, PageAt, ResultView, Store, StoreError};

use super::refusals::not_found;
use crate::parameters::{AtPosition, Path, Query};
use crate::problem::{Problem, Reads};
use crate::state::Api;

const COLUMNS: [&str; 13] = [
    "batch",
    "owner",
    "order",
    "line",
    "sku_owner",
    "sku",
    "label",
    "planned",
    "picked",
    "boxed",
    "short",
    "short_reason",
    "last_seen",
];

/// What became of each job, as CSV with a header, UTF-8, commas.
#[utoipa::path(
    get,
    path = "/api/batches/{batch}/results.csv",
    tag = "batches",
    operation_id = "batch_results",
    params(("batch" = i64, Path, description = "Id of the batch."), AtPosition),
    responses((status = 200, description = "One row for each job.", body = String, content_type = "text/csv"), Reads)
)]
pub(crate) async fn results(
    State(api): State<Api>,
    Path(batch): Path<i64>,
    Query(asked): Query<AtPosition>,
) -> Result<Response, Problem> {
    let store = api.store_at(asked.position).await?.clone();
    store.batch(batch).await?.ok_or_else(|| not_found(batch))?;
    let first = page(&store, batch, -1).await?;
    let head = csv_of([COLUMNS.map(str::to_owned)].into_iter());
    let rest = stream::unfold(Some((store, first)), move |left| async move {
        let (store, shown) = left?;
        let rows = csv_of(shown.items.into_iter().map(|result| row(batch, result)));
        let next = match shown.next {
            None => return Some((Ok(rows), None)),
            Some(after) => page(&store, batch, after).await,
        };
        Some(match next {
            Ok(next) => (Ok(rows), Some((store, next))),
            Err(error) => {
                tracing::warn!(batch, %error, "results broke off");
                (Err(error), None)
            }
        })
    });
    let whole = futures_util::StreamExt::chain(stream::iter([Ok(head)]), rest);
    let mut response = Response::new(Body::from_stream(whole));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"results-{batch}.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).expect("a number and letters"));
    Ok(response)
}

async fn page(store: &Store, batch: i64, after: i64) -> Result<Page<ResultView>, StoreError> {
    store.results(batch, PageAt { after, size: PAGE_SIZE_MAX }).await
}

fn row(batch: i64, result: ResultView) -> [String; 13] {
    [
        batch.to_string(),
        result.order.owner,
        result.order.number,
        result.line_no.to_string(),
        result.sku_owner,
        result.sku_code,
        result.label,
        result.planned.to_string(),
        result.picked.to_string(),
        result.boxed.to_string(),
        result.short.to_string(),
        result.short_reason.unwrap_or_default(),
        result.last_seen.unwrap_or_default(),
    ]
}

fn csv_of(rows: impl Iterator<Item = [String; 13]>) -> Bytes {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(&row).expect("rows of one length go into memory");
    }
    writer.into_inner().expect("rows go into memory").into()
}
