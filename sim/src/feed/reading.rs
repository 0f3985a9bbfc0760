//! Rows of an order file to accepted lines and counted refusals. Each row is judged on its own; nothing is
//! guessed and nothing merged. Orders keep the sequence of their first accepted row.

use std::collections::{BTreeMap, BTreeSet};

use csv::ByteRecord;
use thiserror::Error;
use wcs_types::limits::{CODE_SIZE_MAX, PIECES_PER_LINE_MAX};

use super::mapping::{Encoding, FeedMapping, Test};

/// Longest cell, in bytes.
const CELL_SIZE_MAX: usize = 64 * 1024;
/// Largest line number a file may name.
const LINE_MAX: i64 = 999_999_999;
/// Largest priority.
const PRIORITY_MAX: i64 = 255;

/// Why an order file cannot be read at all.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum FeedError {
    #[error("the order file has no column `{column}`")]
    Column { column: String },
    #[error("the order file is no table: {0}")]
    Table(#[from] csv::Error),
}

/// One accepted line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderLine {
    /// Owner, `-` when the file names none.
    pub owner: String,
    /// Order number.
    pub order: String,
    /// The line number of the file, or the place of the row among all rows of its order, from 1.
    pub ordinal: u32,
    /// Sku.
    pub sku: String,
    /// Pieces, at least 1.
    pub quantity: u32,
}

/// An order file, judged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderFile {
    /// Rows without the header.
    pub rows: u64,
    /// Accepted lines in file order.
    pub lines: Vec<OrderLine>,
    /// Refused rows by reason; reasons that did not occur are not in it.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// Every order a row named, by owner and number.
    seen: BTreeMap<(String, String), SeenOrder>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct SeenOrder {
    rows: u32,
    accepted: u32,
    /// Line numbers of accepted rows, where the file names them.
    numbers: BTreeSet<u32>,
}

impl OrderFile {
    /// Reads and judges every row.
    ///
    /// # Errors
    /// The file is no table with the mapped columns.
    pub fn read(bytes: &[u8], mapping: &FeedMapping) -> Result<Self, FeedError> {
        let bytes = match mapping.encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
            Encoding::Cp949 => bytes,
        };
        let mut builder = csv::ReaderBuilder::new();
        let mut table =
            builder.delimiter(mapping.delimiter).flexible(true).has_headers(true).from_reader(bytes);
        let places = Places::find(table.byte_headers()?, mapping)?;
        let mut file = Self::default();
        let mut record = ByteRecord::new();
        while table.read_byte_record(&mut record)? {
            file.rows += 1;
            let row = Row { record: &record, mapping, places: &places };
            match file.judge(&row) {
                Ok(line) => file.lines.push(line),
                Err(reason) => *file.refused_by_reason.entry(reason).or_default() += 1,
            }
        }
        Ok(file)
    }

    /// Accepted lines by order, orders in the sequence of their first accepted row.
    pub(super) fn lines_by_order(&self) -> Vec<Vec<&OrderLine>> {
        let mut place_of: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut orders: Vec<Vec<&OrderLine>> = Vec::new();
        for line in &self.lines {
            let place = *place_of.entry((&line.owner, &line.order)).or_insert(orders.len());
            if place == orders.len() {
                orders.push(Vec::new());
            }
            orders[place].push(line);
        }
        orders
    }

    /// Orders of the file that were left without a line.
    pub(super) fn orders_empty(&self) -> u64 {
        self.seen.values().filter(|order| order.accepted == 0).count() as u64
    }

    /// The line of a row, or the reason to refuse it.
    fn judge(&mut self, row: &Row<'_>) -> Result<OrderLine, String> {
        // A row has its place in its order even when it is refused, unless nobody can tell which order.
        let key = row.order_key();
        let mut seen = key.clone().map(|key| self.seen.entry(key).or_default());
        if let Some(order) = &mut seen {
            order.rows = order.rows.saturating_add(1);
        }
        let values = row.values()?;
        let (Some((owner, order)), Some(seen)) = (key, seen) else { return Err("blank_order".to_owned()) };
        let ordinal = values.line.unwrap_or(seen.rows);
        if super::label_text(&order, ordinal).len() > CODE_SIZE_MAX {
            return Err("code_too_long".to_owned());
        }
        if values.line.is_some_and(|line| !seen.numbers.insert(line)) {
            return Err("duplicate_line".to_owned());
        }
        seen.accepted = seen.accepted.saturating_add(1);
        Ok(OrderLine { owner, order, ordinal, sku: values.sku, quantity: values.quantity })
    }
}

/// Where the mapped columns stand.
struct Places {
    order: usize,
    sku: usize,
    quantity: usize,
    line: Option<usize>,
    owner: Option<usize>,
    priority: Option<usize>,
    due_at: Option<usize>,
    /// Column of each rule of the mapping.
    rules: Vec<usize>,
    /// Columns of the header, and cells a row needs to reach the last mapped one.
    columns: usize,
    needed: usize,
}

impl Places {
    fn find(header: &ByteRecord, mapping: &FeedMapping) -> Result<Self, FeedError> {
        let names: Vec<String> =
            header.iter().map(|cell| decoded(cell, mapping.encoding).unwrap_or_default()).collect();
        let place = |wanted: &str| {
            let found = names.iter().position(|name| name.trim() == wanted);
            found.ok_or_else(|| FeedError::Column { column: wanted.to_owned() })
        };
        let optional = |wanted: &Option<String>| wanted.as_deref().map(place).transpose();
        let columns = &mapping.columns;
        let mut needed = 0;
        for wanted in columns.headers().chain(mapping.rules.iter().map(|rule| rule.column.as_str())) {
            needed = needed.max(place(wanted)? + 1);
        }
        Ok(Self {
            order: place(&columns.order)?,
            sku: place(&columns.sku)?,
            quantity: place(&columns.quantity)?,
            line: optional(&columns.line)?,
            owner: optional(&columns.owner)?,
            priority: optional(&columns.priority)?,
            due_at: optional(&columns.due_at)?,
            rules: mapping.rules.iter().map(|rule| place(&rule.column)).collect::<Result<_, _>>()?,
            columns: names.len(),
            needed,
        })
    }
}

/// What one row says by itself.
struct Values {
    sku: String,
    quantity: u32,
    line: Option<u32>,
}

/// One row with what is needed to read it.
struct Row<'a> {
    record: &'a ByteRecord,
    mapping: &'a FeedMapping,
    places: &'a Places,
}

impl Row<'_> {
    /// Owner and number of the order, where they can be read.
    fn order_key(&self) -> Option<(String, String)> {
        let read = |place: usize| {
            let cell = self.record.get(place).filter(|cell| cell.len() <= CELL_SIZE_MAX)?;
            decoded(cell, self.mapping.encoding)
        };
        let number = read(self.places.order).filter(|number| !number.trim().is_empty())?;
        let owner = self.places.owner.map_or(Some(String::new()), read)?;
        Some((if owner.is_empty() { "-".to_owned() } else { owner }, number))
    }

    /// All cells as text, or the reason why the row as a whole is none.
    fn cells(&self) -> Result<Vec<String>, &'static str> {
        let texts: Option<Vec<String>> =
            self.record.iter().map(|cell| decoded(cell, self.mapping.encoding)).collect();
        let texts = texts.ok_or("bad_encoding")?;
        if self.record.iter().any(|cell| cell.len() > CELL_SIZE_MAX) {
            return Err("field_too_long");
        }
        let surplus = texts.iter().skip(self.places.columns);
        if texts.len() < self.places.needed || surplus.into_iter().any(|cell| !cell.trim().is_empty()) {
            return Err("wrong_field_count");
        }
        Ok(texts)
    }

    fn values(&self) -> Result<Values, String> {
        let cells = self.cells()?;
        let cell = |place: usize| cells[place].as_str();
        for (place, reason) in [(self.places.order, "blank_order"), (self.places.sku, "blank_sku")] {
            if cell(place).trim().is_empty() {
                return Err(reason.to_owned());
            }
        }
        let most = i64::from(PIECES_PER_LINE_MAX);
        let quantity = whole_number(cell(self.places.quantity), most).ok_or("bad_quantity")?;
        for (rule, place) in self.mapping.rules.iter().zip(&self.places.rules) {
            let applies = match &rule.test {
                Test::Blank => cell(*place).trim().is_empty(),
                Test::NotMatching(pattern) => !pattern.is_match(cell(*place)),
                Test::NotPositive => whole_number(cell(*place), most).is_none_or(|number| number <= 0),
            };
            if applies {
                return Err(rule.reason.clone());
            }
        }
        // A quantity that no rule of the mapping refused may still be none.
        let quantity = u32::try_from(quantity).ok().filter(|quantity| *quantity > 0).ok_or("bad_quantity")?;
        let line = match self.places.line {
            Some(place) => {
                let number = whole_number(cell(place), LINE_MAX).filter(|number| *number > 0);
                Some(number.and_then(|number| u32::try_from(number).ok()).ok_or("bad_line")?)
            }
            None => None,
        };
        let priority = self.places.priority.map_or("", cell);
        if !priority.trim().is_empty() && whole_number(priority, PRIORITY_MAX).is_none_or(|number| number < 0)
        {
            return Err("bad_priority".to_owned());
        }
        if !is_due_time(self.places.due_at.map_or("", cell).trim()) {
            return Err("bad_due_at".to_owned());
        }
        let sku = cell(self.places.sku).to_owned();
        if sku.len() > CODE_SIZE_MAX {
            Err("code_too_long".to_owned())
        } else {
            Ok(Values { sku, quantity, line })
        }
    }
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Option<String> {
    match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Encoding::Cp949 => {
            let text = encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(bytes);
            text.map(std::borrow::Cow::into_owned)
        }
    }
}

/// Nothing, seconds since 1970, or a time that says its offset.
fn is_due_time(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.is_empty() || text.parse::<u64>().is_ok();
    }
    text.parse::<jiff::Timestamp>().is_ok_and(|time| time.as_second() >= 0)
}

/// A whole number with an optional minus, at most `most` either way.
fn whole_number(text: &str, most: i64) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<i64>().ok().filter(|number| number.unsigned_abs() <= most.unsigned_abs())
}
