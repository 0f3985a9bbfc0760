//! From one row of an order file to the values of an order line, or to the first reason why it is none. Looks
//! at one row at a time; what rows have to do with each other is decided in `intake`.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use csv::ByteRecord;
use jiff::Timestamp;
use wcs_types::limits::{CODE_SIZE_MAX, PIECES_PER_LINE_MAX};
use wcs_types::{OrderKey, Pieces, SkuKey};

use crate::encoding::Encoding;
use crate::mapping::{Mapping, Rule};
use crate::refusal::{FIELD_SIZE_MAX, FileRefusal, LineRefusal, builtin, shown};

/// Largest line number a file may give.
const LINE_NO_MAX: u32 = 999_999_999;
/// Owner of orders and skus where none is named.
pub const OWNER_DEFAULT: &str = "-";

/// Where the columns of the mapping stand in the rows of one file.
pub(crate) struct Header<'m> {
    mapping: &'m Mapping,
    names: Vec<String>,
    order: usize,
    sku: usize,
    quantity: usize,
    description: usize,
    customer: usize,
    line: Option<usize>,
    owner: Option<usize>,
    priority: Option<usize>,
    due_at: Option<usize>,
    rules: Vec<usize>,
    /// Fields a row must have for every mapped column to be there.
    needed: usize,
}

/// Values of a row that is an order line as far as one row can tell.
pub(crate) struct Row {
    pub(crate) explicit_line: Option<u32>,
    pub(crate) sku: SkuKey,
    pub(crate) quantity: Pieces,
    pub(crate) description: String,
    pub(crate) customer: String,
    pub(crate) priority: u8,
    pub(crate) due_at: u64,
}

/// A reason with the column it was found in.
pub(crate) struct Found {
    pub(crate) reason: String,
    column: Option<usize>,
}

impl<'m> Header<'m> {
    /// Finds the columns of `mapping` in the first line.
    pub(crate) fn resolve(mapping: &'m Mapping, first: &ByteRecord) -> Result<Self, FileRefusal> {
        let names: Option<Vec<String>> =
            first.iter().map(|name| Some(mapping.encoding.text(name)?.trim().to_owned())).collect();
        let names =
            names.ok_or_else(|| FileRefusal::HeaderEncoding { encoding: encoding_word(mapping.encoding) })?;
        let mut missing = Vec::new();
        let mut double = None;
        let mut last = 0;
        let mut find = |wanted: &str| {
            let mut found =
                names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(index, _)| index);
            let first = found.next();
            if found.next().is_some() {
                double.get_or_insert_with(|| wanted.to_owned());
            }
            if first.is_none() && !missing.iter().any(|name| name == wanted) {
                missing.push(wanted.to_owned());
            }
            last = last.max(first.unwrap_or_default());
            first.unwrap_or_default()
        };
        let columns = &mapping.columns;
        let (order, sku, quantity) = (find(&columns.order), find(&columns.sku), find(&columns.quantity));
        let (description, customer) = (find(&columns.description), find(&columns.customer));
        let (line, owner) = (columns.line.as_deref().map(&mut find), columns.owner.as_deref().map(&mut find));
        let (priority, due_at) =
            (columns.priority.as_deref().map(&mut find), columns.due_at.as_deref().map(&mut find));
        let rules = mapping.rules.iter().map(|rule| find(&rule.column)).collect();
        let needed = last + 1;
        if !missing.is_empty() {
            return Err(FileRefusal::MissingColumns {
                missing,
                found: shown(names.join(", ").as_bytes()),
                delimiter: None,
            });
        }
        if let Some(column) = double {
            return Err(FileRefusal::DoubleColumn { column });
        }
        Ok(Self {
            mapping,
            names,
            order,
            sku,
            quantity,
            description,
            customer,
            line,
            owner,
            priority,
            due_at,
            rules,
            needed,
        })
    }

    /// The order of a row, where it can be told: also of a row that is refused.
    pub(crate) fn order_of(&self, record: &ByteRecord) -> Option<OrderKey> {
        let text = |index: usize| {
            let field = record.get(index).filter(|field| field.len() <= FIELD_SIZE_MAX)?;
            self.mapping.encoding.text(field).map(Cow::into_owned)
        };
        let number = text(self.order).filter(|number| !number.trim().is_empty())?;
        let owner = match self.owner {
            Some(index) => text(index)?,
            None => String::new(),
        };
        Some(OrderKey { owner: or_default(owner), number })
    }

    /// The values of a row, or why it is refused: the first reason that holds, in the order below.
    pub(crate) fn row(&self, record: &ByteRecord) -> Result<Row, Found> {
        let texts = self.texts(record)?;
        let text = |index: usize| texts[index].as_ref();
        if text(self.order).trim().is_empty() {
            return Err(found(builtin::BLANK_ORDER, self.order));
        }
        if text(self.sku).trim().is_empty() {
            return Err(found(builtin::BLANK_SKU, self.sku));
        }
        let bad_quantity = || found(builtin::BAD_QUANTITY, self.quantity);
        let quantity = whole_number(text(self.quantity)).ok_or_else(bad_quantity)?;
        for (rule, index) in self.mapping.rules.iter().zip(&self.rules) {
            if is_refused(&rule.rule, text(*index)) {
                return Err(found(&rule.reason, *index));
            }
        }
        let quantity =
            u32::try_from(quantity).ok().filter(|quantity| *quantity > 0).ok_or_else(bad_quantity)?;
        let number = |column: Option<usize>, bounds: RangeInclusive<u32>, reason: &str| {
            let Some(index) = column else { return Ok(None) };
            let number = text(index).trim().parse::<u32>().ok().filter(|number| bounds.contains(number));
            number.map(Some).ok_or_else(|| found(reason, index))
        };
        let explicit_line = number(self.line, 1..=LINE_NO_MAX, builtin::BAD_LINE)?;
        let given_priority = self.priority.filter(|index| !text(*index).trim().is_empty());
        let priority = number(given_priority, 0..=255, builtin::BAD_PRIORITY)?;
        let due_at = match self.due_at {
            Some(index) => seconds(text(index).trim()).ok_or_else(|| found(builtin::BAD_DUE_AT, index))?,
            None => 0,
        };
        if text(self.sku).len() > CODE_SIZE_MAX {
            return Err(found(builtin::CODE_TOO_LONG, self.sku));
        }
        let owner = or_default(self.owner.map_or_else(String::new, |index| text(index).to_owned()));
        Ok(Row {
            explicit_line,
            sku: SkuKey { owner, code: text(self.sku).to_owned() },
            quantity: Pieces(quantity),
            description: text(self.description).trim().to_owned(),
            customer: text(self.customer).trim().to_owned(),
            priority: u8::try_from(priority.unwrap_or(0)).expect("checked against its bounds above"),
            due_at,
        })
    }

    /// Every field as text. Fields behind the last mapped column may be missing, blank ones may follow the last.
    fn texts<'r>(&self, record: &'r ByteRecord) -> Result<Vec<Cow<'r, str>>, Found> {
        let mut texts = Vec::with_capacity(record.len());
        for (index, field) in record.iter().enumerate() {
            let text = self.mapping.encoding.text(field);
            texts.push(text.ok_or_else(|| found(builtin::BAD_ENCODING, index))?);
        }
        if let Some(index) = record.iter().position(|field| field.len() > FIELD_SIZE_MAX) {
            return Err(found(builtin::FIELD_TOO_LONG, index));
        }
        let has_more = texts.iter().skip(self.names.len()).any(|text| !text.trim().is_empty());
        if texts.len() < self.needed || has_more {
            return Err(Found { reason: builtin::WRONG_FIELD_COUNT.to_owned(), column: None });
        }
        Ok(texts)
    }

    /// The refusal of a row that lies on line `row` of the file.
    pub(crate) fn refusal(&self, row: u64, record: &ByteRecord, found: Found) -> LineRefusal {
        let name = found.column.and_then(|index| self.names.get(index)).cloned().unwrap_or_default();
        let text = found.column.and_then(|index| record.get(index)).map_or_else(String::new, |field| {
            self.mapping.encoding.text(field).map_or_else(|| shown(field), |text| shown(text.as_bytes()))
        });
        LineRefusal { row, reason: found.reason, column: name, text }
    }

    /// A reason that concerns the line number, or the order where the file has no line numbers.
    pub(crate) fn found_in_line(&self, reason: &str) -> Found {
        Found { reason: reason.to_owned(), column: Some(self.line.unwrap_or(self.order)) }
    }
}

fn found(reason: &str, column: usize) -> Found {
    Found { reason: reason.to_owned(), column: Some(column) }
}

fn encoding_word(encoding: Encoding) -> &'static str {
    Encoding::WORDS.iter().find(|(_, known)| *known == encoding).map_or("", |(word, _)| word)
}

fn or_default(owner: String) -> String {
    if owner.is_empty() { OWNER_DEFAULT.to_owned() } else { owner }
}

/// A whole number with an optional minus, up to [`PIECES_PER_LINE_MAX`] in absolute value. No point, no exponent, no separators.
fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse::<i64>().ok().filter(|number| *number <= i64::from(PIECES_PER_LINE_MAX))?;
    Some(if text.starts_with('-') { -number } else { number })
}

/// Seconds since 1970 of a due time: such a number, or a time with offset; 0 where there is none.
fn seconds(text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok())
}

fn is_refused(rule: &Rule, text: &str) -> bool {
    match rule {
        Rule::NotPositive => whole_number(text).is_none_or(|number| number <= 0),
        Rule::Blank => text.trim().is_empty(),
        Rule::NotMatching(pattern) => !pattern.is_match(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_whole_numbers_up_to_the_limit() {
        let cases = [
            ("1", Some(1)),
            (" 12 ", Some(12)),
            ("+12", None),
            ("-7", Some(-7)),
            ("0", Some(0)),
            ("000999999", Some(999_999)),
            ("1000000", None),
            ("-1000000", None),
            ("1e9", None),
            ("NaN", None),
            ("1.5", None),
            ("1,000", None),
            ("", None),
            ("-", None),
            ("+-1", None),
            ("٣", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(whole_number(text), expected, "{text}");
        }
    }

    #[test]
    fn due_times_are_seconds_or_carry_their_offset() {
        assert_eq!(seconds(""), Some(0));
        assert_eq!(seconds("1323075600"), Some(1_323_075_600));
        assert_eq!(seconds("1970-01-01T09:00:01+09:00"), Some(1));
        assert_eq!(seconds("2011-12-05 09:00"), None);
        assert_eq!(seconds("1969-12-31T00:00:00Z"), None);
    }
}
