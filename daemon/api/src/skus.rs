//! Articles with their barcodes, as orders brought them.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wcs_store::PAGE_SIZE_MAX;
use wcs_types::SkuKey;

use crate::paging::{PageOf, page_at};
use crate::parameters::Query;
use crate::problem::{Problem, ProblemCode, Reads};
use crate::state::Api;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkusAsked {
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
    /// Rows wanted; 100 when it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// An article.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SkuEntry {
    /// Owner.
    owner: String,
    /// Code.
    code: String,
    /// Its text, as the first order that named it had it.
    description: String,
    /// Barcodes beside the code.
    barcodes: Vec<String>,
}

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Articles, by owner and code.
#[utoipa::path(
    get,
    path = "/api/skus",
    tag = "skus",
    operation_id = "list_skus",
    params(SkusAsked),
    responses((status = 200, description = "A page of articles.", body = PageOf<SkuEntry>), Reads)
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Query(asked): Query<SkusAsked>,
) -> Result<axum::Json<PageOf<SkuEntry>>, Problem> {
    let size = page_at("skus", None, asked.limit, 0)?.size.min(PAGE_SIZE_MAX);
    let after = match asked.cursor.as_deref() {
        None => SkuKey::default(),
        Some(cursor) => key_of(cursor).ok_or_else(|| Problem::new(ProblemCode::CursorInvalid))?,
    };
    let (skus, has_more) = api.store()?.skus(&after, size).await?;
    let next_cursor = skus.last().filter(|_| has_more).map(|sku| cursor_of(&sku.key));
    let items = skus.into_iter().map(|sku| SkuEntry {
        owner: sku.key.owner,
        code: sku.key.code,
        description: sku.description,
        barcodes: sku.barcodes,
    });
    Ok(axum::Json(PageOf { items: items.collect(), next_cursor }))
}

/// Articles have no number: their cursor is their key, each letter in hexadecimal.
fn cursor_of(key: &SkuKey) -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("skus.{}.{}", hex(&key.owner), hex(&key.code))
}

fn key_of(cursor: &str) -> Option<SkuKey> {
    let (owner, code) = cursor.strip_prefix("skus.")?.split_once('.')?;
    Some(SkuKey { owner: text_of(owner)?, code: text_of(code)? })
}

fn text_of(hex: &str) -> Option<String> {
    if !hex.len().is_multiple_of(2) || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes?).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_its_key() {
        let key = SkuKey { owner: "화주".to_owned(), code: "a.b/1".to_owned() };
        assert_eq!(key_of(&cursor_of(&key)), Some(key));
        for bad in ["", "skus.", "skus.a.b", "skus.zz.00", "skus.ff.61", "skus.00.61", "skus.é.61"] {
            assert_eq!(key_of(bad), None, "{bad}");
        }
    }
}
