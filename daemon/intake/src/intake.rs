//! A whole order file: rows gathered into orders, line numbers, refusals, and the orders nothing is left of.
//! A file is taken or refused as a whole; in a file that is taken each row stands or falls alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};
use wcs_types::limits::CODE_SIZE_MAX;
use wcs_types::{OrderKey, Pieces, SkuKey};

use crate::mapping::Mapping;
use crate::plan::label_of;
use crate::refusal::{FILE_SIZE_MAX, FileRefusal, LineRefusal, builtin};
use crate::rows::Header;

/// What an order file says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Intake {
    /// Rows of the file, without the line that names the columns.
    pub rows: u64,
    /// Orders with at least one accepted line, by their first accepted row.
    pub orders: Vec<OrderIntake>,
    /// Refused rows, in file order.
    pub refusals: Vec<LineRefusal>,
    /// Orders of the file of which no line was accepted, by their first row.
    pub empty_orders: Vec<OrderKey>,
}

/// One order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderIntake {
    /// Owner and number.
    pub key: OrderKey,
    /// Larger goes first; of its first accepted row.
    pub priority: u8,
    /// Unix seconds, 0 for none; of its first accepted row.
    pub due_at: u64,
    /// Customer as the file names it; of its first accepted row.
    pub customer: String,
    /// Accepted lines, in file order.
    pub lines: Vec<LineIntake>,
}

/// One accepted line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineIntake {
    /// Number the file gives, or the ordinal of the row among all rows of its order.
    pub line_no: u32,
    /// The article.
    pub sku: SkuKey,
    /// Pieces; at least 1.
    pub quantity: Pieces,
    /// Text of the article.
    pub description: String,
    /// Line of the file on which the row begins; the line with the column names is 1.
    pub row: u64,
}

impl Intake {
    /// Accepted lines.
    pub fn lines_accepted(&self) -> u64 {
        self.orders.iter().map(|order| order.lines.len() as u64).sum()
    }

    /// Pieces of the accepted lines.
    pub fn pieces(&self) -> u64 {
        self.orders.iter().flat_map(|order| &order.lines).map(|line| u64::from(line.quantity.0)).sum()
    }

    /// Refused rows by reason; reasons that did not occur are left out.
    pub fn refused_by_reason(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for refusal in &self.refusals {
            *counts.entry(refusal.reason.as_str()).or_default() += 1;
        }
        counts
    }
}

/// A row behind the file: read last, at its place, it shows that no quoted field swallowed the end of the file.
const LAST_ROW: &[u8] = b"\n\x01end of file\x01\n";
/// Delimiters to try when columns are missing.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Pieces of one file: sums over a file stay below the largest count of pieces.
const PIECES_PER_FILE_MAX: u64 = u32::MAX as u64;

/// Reads an order file.
///
/// # Errors
/// Nothing of the file can be taken, and why.
pub fn read_orders(bytes: &[u8], mapping: &Mapping) -> Result<Intake, FileRefusal> {
    if bytes.len() > FILE_SIZE_MAX {
        return Err(FileRefusal::TooLarge { size: bytes.len(), most: FILE_SIZE_MAX });
    }
    let body = mapping.encoding.body(bytes);
    let first = first_record(body, mapping.delimiter).ok_or(FileRefusal::Empty)?;
    let header = Header::resolve(mapping, &first).map_err(|refusal| with_hint(refusal, body, mapping))?;
    let mut gathering = Gathering { header, intake: Intake::default(), orders: BTreeMap::new() };
    let mut reader = reader_of(mapping.delimiter, body.chain(LAST_ROW));
    let mut record = ByteRecord::new();
    let mut lines = Lines::of(body);
    let (mut is_header, mut is_ended, mut last_row) = (true, false, 1);
    while reader.read_byte_record(&mut record).expect("memory can be read, and rows may have any length") {
        let is_last = reader.position().byte() == (body.len() + LAST_ROW.len()) as u64;
        is_ended = is_last && record.len() == 1 && record[0] == LAST_ROW[1..LAST_ROW.len() - 1];
        if is_ended {
            break;
        }
        let start = record.position().map_or(0, csv::Position::byte);
        last_row = lines.line_at(usize::try_from(start).unwrap_or(usize::MAX));
        if !std::mem::take(&mut is_header) {
            gathering.take(last_row, &record);
        }
    }
    if !is_ended {
        return Err(FileRefusal::UnclosedQuote { row: last_row });
    }
    gathering.into_intake()
}

/// Lines of a file as an editor counts them: each ends with a line feed, a carriage return, or both. The reader of rows
/// takes all three for the end of a row, but counts line feeds only, and leaves one behind a carriage return and empty
/// lines to the row that follows.
struct Lines<'a> {
    body: &'a [u8],
    /// Counted up to here.
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(body: &'a [u8]) -> Self {
        Self { body, at: 0, line: 1 }
    }

    /// The line on which the row begins that was read from `start` on. Rows are asked for in file order.
    fn line_at(&mut self, start: usize) -> u64 {
        let is_end = |byte: u8| byte == b'\n' || byte == b'\r';
        while let Some(byte) = self.body.get(self.at).copied().filter(|byte| self.at < start || is_end(*byte))
        {
            self.at += 1;
            let is_first_of_two = byte == b'\r' && self.body.get(self.at) == Some(&b'\n');
            self.line += u64::from(is_end(byte) && !is_first_of_two);
        }
        self.line
    }
}

fn reader_of<R: Read>(delimiter: u8, source: R) -> csv::Reader<R> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(source)
}

fn first_record(body: &[u8], delimiter: u8) -> Option<ByteRecord> {
    let mut record = ByteRecord::new();
    let is_there = reader_of(delimiter, body).read_byte_record(&mut record).is_ok_and(|is_there| is_there);
    is_there.then_some(record)
}

/// Adds the delimiter under which the file would have the missing columns.
fn with_hint(refusal: FileRefusal, body: &[u8], mapping: &Mapping) -> FileRefusal {
    let FileRefusal::MissingColumns { missing, found, .. } = refusal else { return refusal };
    let fits = |delimiter: &u8| {
        let first = first_record(body, *delimiter);
        *delimiter != mapping.delimiter && first.is_some_and(|first| Header::resolve(mapping, &first).is_ok())
    };
    let delimiter = DELIMITERS.into_iter().find(fits).map(char::from);
    FileRefusal::MissingColumns { missing, found, delimiter }
}

/// Rows seen of one order.
struct Seen {
    rows: u32,
    place: Option<usize>,
    first_row: u64,
    explicit: BTreeSet<u32>,
}

struct Gathering<'m> {
    header: Header<'m>,
    intake: Intake,
    orders: BTreeMap<OrderKey, Seen>,
}

impl Gathering<'_> {
    fn take(&mut self, row: u64, record: &ByteRecord) {
        self.intake.rows += 1;
        let key = self.header.order_of(record);
        let seen = key.as_ref().map(|key| {
            if !self.orders.contains_key(key) {
                let seen = Seen { rows: 0, place: None, first_row: row, explicit: BTreeSet::new() };
                self.orders.insert(key.clone(), seen);
            }
            let seen = self.orders.get_mut(key).expect("it was put in above");
            seen.rows = seen.rows.saturating_add(1);
            seen
        });
        let read = self.header.row(record);
        let refused = match (read, key, seen) {
            (Ok(values), Some(key), Some(seen)) => {
                let line_no = values.explicit_line.unwrap_or(seen.rows);
                if label_of(&key, line_no).len() > CODE_SIZE_MAX {
                    Err(self.header.found_in_line(builtin::CODE_TOO_LONG))
                } else if values.explicit_line.is_some_and(|line| !seen.explicit.insert(line)) {
                    Err(self.header.found_in_line(builtin::DUPLICATE_LINE))
                } else {
                    let place = *seen.place.get_or_insert_with(|| {
                        self.intake.orders.push(OrderIntake {
                            key,
                            priority: values.priority,
                            due_at: values.due_at,
                            customer: values.customer,
                            lines: Vec::new(),
                        });
                        self.intake.orders.len() - 1
                    });
                    let (sku, quantity, description) = (values.sku, values.quantity, values.description);
                    self.intake.orders[place].lines.push(LineIntake {
                        line_no,
                        sku,
                        quantity,
                        description,
                        row,
                    });
                    Ok(())
                }
            }
            (Err(found), _, _) => Err(found),
            (Ok(_), _, _) => Err(self.header.found_in_line(builtin::BLANK_ORDER)),
        };
        if let Err(found) = refused {
            self.intake.refusals.push(self.header.refusal(row, record, found));
        }
    }

    fn into_intake(mut self) -> Result<Intake, FileRefusal> {
        let pieces = self.intake.pieces();
        if pieces > PIECES_PER_FILE_MAX {
            return Err(FileRefusal::TooManyPieces { pieces, most: PIECES_PER_FILE_MAX });
        }
        let mut empty: Vec<(u64, OrderKey)> = self
            .orders
            .into_iter()
            .filter(|(_, seen)| seen.place.is_none())
            .map(|(key, seen)| (seen.first_row, key))
            .collect();
        empty.sort();
        self.intake.empty_orders = empty.into_iter().map(|(_, key)| key).collect();
        Ok(self.intake)
    }
}
