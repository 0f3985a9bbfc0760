//! What is answered to orders that were sent: one result for each, and sums.

use serde::Serialize;
use utoipa::ToSchema;
use wcs_store::{OrderRefusal, Received};
use wcs_types::OrderKey;

/// What became of an order that was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Receipt {
    /// It is stored now.
    Stored,
    /// The same order had been stored before; nothing was changed.
    Repeated,
    /// Another content is stored under its number; nothing was changed.
    Differs,
    /// It cannot be stored.
    Refused,
}

/// One order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderAnswer {
    /// Owner.
    pub(crate) owner: String,
    /// Number.
    pub(crate) number: String,
    /// What became of it.
    pub(crate) result: Receipt,
    /// Its id, where it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) id: Option<i64>,
    /// Lines stored.
    pub(crate) lines: u32,
    /// Lines that were refused; the order keeps its others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) refused_lines: Vec<RefusedLine>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) reason: Option<String>,
    /// Where it differs from what is stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) difference: Vec<FieldDifference>,
}

/// A line that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedLine {
    /// Its place in the order as it was sent, from 0.
    pub(crate) index: usize,
    /// Its number.
    pub(crate) line: u32,
    /// Why: the first reason that holds.
    pub(crate) reason: &'static str,
}

/// A field in which an order differs from what is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldDifference {
    /// The field, as `priority` or `lines[3].quantity`.
    pub(crate) field: String,
    /// What is stored.
    pub(crate) stored: String,
    /// What was sent.
    pub(crate) sent: String,
}

/// How many orders became what.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct Sums {
    /// Stored now.
    pub(crate) stored: u64,
    /// Stored before, with the same content.
    pub(crate) repeated: u64,
    /// Stored before, with another content.
    pub(crate) differing: u64,
    /// Not stored.
    pub(crate) refused: u64,
}

impl Sums {
    pub(crate) fn count(&mut self, receipt: Receipt) {
        let sum = match receipt {
            Receipt::Stored => &mut self.stored,
            Receipt::Repeated => &mut self.repeated,
            Receipt::Differs => &mut self.differing,
            Receipt::Refused => &mut self.refused,
        };
        *sum += 1;
    }

    /// Every order is stored.
    pub(crate) fn is_whole(&self) -> bool {
        self.differing == 0 && self.refused == 0
    }
}

impl OrderAnswer {
    /// The answer to an order the store judged.
    pub(crate) fn of(key: &OrderKey, received: Received) -> Self {
        match received {
            Received::Accepted { order, lines, refusals, is_repeat } => Self {
                result: if is_repeat { Receipt::Repeated } else { Receipt::Stored },
                id: Some(order),
                lines,
                refused_lines: refused_lines(&refusals),
                ..Self::bare(key, Receipt::Stored)
            },
            Received::Conflict { order, differences } => {
                let difference = differences.into_iter().map(|difference| FieldDifference {
                    field: difference.field,
                    stored: difference.stored,
                    sent: difference.sent,
                });
                Self {
                    id: Some(order),
                    difference: difference.collect(),
                    ..Self::bare(key, Receipt::Differs)
                }
            }
            Received::Refused(refusal) => {
                let refused = match &refusal {
                    OrderRefusal::NoLines { refusals } => refused_lines(refusals),
                    _ => Vec::new(),
                };
                Self { refused_lines: refused, ..Self::refused(key, refusal.to_string()) }
            }
        }
    }

    /// The answer to an order that is refused.
    pub(crate) fn refused(key: &OrderKey, reason: String) -> Self {
        Self { reason: Some(reason), ..Self::bare(key, Receipt::Refused) }
    }

    fn bare(key: &OrderKey, result: Receipt) -> Self {
        Self {
            owner: key.owner.clone(),
            number: key.number.clone(),
            result,
            id: None,
            lines: 0,
            refused_lines: Vec::new(),
            reason: None,
            difference: Vec::new(),
        }
    }
}

fn refused_lines(refusals: &[wcs_store::LineRefusal]) -> Vec<RefusedLine> {
    let line = |refusal: &wcs_store::LineRefusal| RefusedLine {
        index: refusal.index,
        line: refusal.line_no,
        reason: refusal.fault.as_str(),
    };
    refusals.iter().map(line).collect()
}
