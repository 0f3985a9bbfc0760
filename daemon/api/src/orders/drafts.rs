//! Orders as JSON sends them, and what the store is handed for them. What can be judged without the store is judged
//! here, outside any transaction.

use serde::Deserialize;
use utoipa::ToSchema;
use wcs_intake::OWNER_DEFAULT;
use wcs_store::{LineDraft, OrderDraft};
use wcs_types::limits::CODE_SIZE_MAX;
use wcs_types::{OrderKey, SkuKey};

use crate::moments::DueAt;

/// Bytes of the number of an order: with its line number, a slash between them, it must fit a label.
const NUMBER_SIZE_MAX: usize = CODE_SIZE_MAX - 1 - 10;

/// Many orders.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrdersIn {
    /// The orders; 1 to 10 000.
    #[schema(min_items = 1, max_items = 10_000)]
    pub(crate) orders: Vec<OrderIn>,
}

/// An order. What is wrong with its values is told in its own result, and the other orders of the request are stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderIn {
    /// Owner of the goods, 1 to 64 bytes; `-` when it is left out.
    pub(crate) owner: Option<String>,
    /// Number with that owner, 1 to 53 bytes.
    pub(crate) number: String,
    /// Customer, as the host names it; at most 64 bytes.
    #[serde(default)]
    pub(crate) customer: String,
    /// Larger goes first.
    #[serde(default)]
    pub(crate) priority: u8,
    /// When it is due, with offset, as `2026-01-31T18:00:00+09:00`; not before 1970. Fractions of seconds are dropped.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) due_at: Option<DueAt>,
    /// Its lines; 1 to 10 000.
    pub(crate) lines: Vec<LineIn>,
}

/// A line of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineIn {
    /// Number inside the order, from 1; its place in the list, from 1, when it is left out.
    pub(crate) line: Option<u32>,
    /// Article, 1 to 64 bytes.
    pub(crate) sku: String,
    /// Owner of the article; that of the order when it is left out.
    pub(crate) sku_owner: Option<String>,
    /// Text of the article; at most 400 bytes.
    #[serde(default)]
    pub(crate) description: String,
    /// Pieces, 1 to 999 999.
    pub(crate) quantity: u32,
    /// Barcodes of the article, beside its code; at most 16, each 1 to 64 bytes.
    #[serde(default)]
    pub(crate) barcodes: Vec<String>,
}

impl OrderIn {
    /// What the store gets, or why it cannot be an order.
    pub(crate) fn into_draft(self) -> Result<OrderDraft, (OrderKey, String)> {
        let owner = self.owner.unwrap_or_else(|| OWNER_DEFAULT.to_owned());
        let key = OrderKey { owner, number: self.number };
        if key.number.len() > NUMBER_SIZE_MAX {
            let reason = format!("number must have 1 to {NUMBER_SIZE_MAX} bytes: labels are made of it");
            return Err((key, reason));
        }
        let due_at_s = match self.due_at.map(|at| u64::try_from(at.seconds())) {
            None => 0,
            Some(Ok(seconds)) => seconds,
            Some(Err(_)) => return Err((key, "due_at is before 1970".to_owned())),
        };
        let lines = (1..).zip(self.lines).map(|(place, line)| LineDraft {
            line_no: line.line.unwrap_or(place),
            sku: SkuKey { owner: line.sku_owner.unwrap_or_else(|| key.owner.clone()), code: line.sku },
            description: line.description,
            quantity: line.quantity,
            barcodes: line.barcodes,
        });
        let lines = lines.collect();
        Ok(OrderDraft { customer: self.customer, priority: self.priority, due_at_s, lines, key })
    }
}
