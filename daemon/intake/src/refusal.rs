//! What was refused and why, in words the person who sent the file can act on: single rows, or the whole file
//! when its rows cannot be told apart.

/// Words of the reasons that need no mapping.
pub mod builtin {
    /// A field is not valid in the encoding of the file.
    pub const BAD_ENCODING: &str = "bad_encoding";
    /// A field has more bytes than [`FIELD_SIZE_MAX`](super::FIELD_SIZE_MAX).
    pub const FIELD_TOO_LONG: &str = "field_too_long";
    /// The row ends before a mapped column, or goes on behind the last column.
    pub const WRONG_FIELD_COUNT: &str = "wrong_field_count";
    /// The row names no order.
    pub const BLANK_ORDER: &str = "blank_order";
    /// The row names no sku.
    pub const BLANK_SKU: &str = "blank_sku";
    /// The quantity is not a whole number up to 999 999, or not positive and no rule of the mapping says so.
    pub const BAD_QUANTITY: &str = "bad_quantity";
    /// The line number is not a whole number from 1.
    pub const BAD_LINE: &str = "bad_line";
    /// The priority is not a whole number from 0 to 255.
    pub const BAD_PRIORITY: &str = "bad_priority";
    /// The due time is neither seconds since 1970 nor a time with offset as 2026-01-31T18:00:00+09:00.
    pub const BAD_DUE_AT: &str = "bad_due_at";
    /// The label or sku is longer than a scanner event can carry.
    pub const CODE_TOO_LONG: &str = "code_too_long";
    /// An accepted row of the same order has the same line number.
    pub const DUPLICATE_LINE: &str = "duplicate_line";

    /// Every one of them.
    pub const ALL: [&str; 11] = [
        BAD_ENCODING,
        FIELD_TOO_LONG,
        WRONG_FIELD_COUNT,
        BLANK_ORDER,
        BLANK_SKU,
        BAD_QUANTITY,
        BAD_LINE,
        BAD_PRIORITY,
        BAD_DUE_AT,
        CODE_TOO_LONG,
        DUPLICATE_LINE,
    ];
}

/// Bytes of one field. Longer: the row is refused.
pub(crate) const FIELD_SIZE_MAX: usize = 64 * 1024;
/// Bytes of one file. Larger: the file is refused.
pub(crate) const FILE_SIZE_MAX: usize = 256 * 1024 * 1024;
/// Letters of a refused value that are shown.
const SHOWN_LETTERS_MAX: usize = 64;

/// A row that became no order line. Its order keeps its other rows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineRefusal {
    /// Line of the file on which the row begins; the line with the column names is 1.
    pub row: u64,
    /// Reason: a word of [`builtin`], or of the mapping.
    pub reason: String,
    /// Column as the file names it; empty when the whole row is meant.
    pub column: String,
    /// Beginning of what stands there; bytes that are no text show as `\xNN`.
    pub text: String,
}

/// Why nothing of a file was taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum FileRefusal {
    #[error("the file is empty: its first line must name the columns")]
    Empty,
    #[error("the file has {size} bytes; at most {most} are taken")]
    TooLarge { size: usize, most: usize },
    #[error("the column names in the first line are not valid {encoding}")]
    HeaderEncoding { encoding: &'static str },
    #[error("column {} is missing{}; the first line has {found}", missing.join(", "), hint(*delimiter))]
    MissingColumns {
        /// Columns the mapping names and the file lacks.
        missing: Vec<String>,
        /// What the first line has instead.
        found: String,
        /// A delimiter that would give all columns.
        delimiter: Option<char>,
    },
    #[error("column {column} stands twice in the first line")]
    DoubleColumn { column: String },
    #[error("the quoted field that begins in the row on line {row} does not end")]
    UnclosedQuote { row: u64 },
    #[error("the accepted lines hold {pieces} pieces; at most {most} are taken from one file")]
    TooManyPieces { pieces: u64, most: u64 },
}

fn hint(delimiter: Option<char>) -> String {
    let name = match delimiter {
        None => return String::new(),
        Some(';') => "a semicolon".to_owned(),
        Some('\t') => "a tab".to_owned(),
        Some('|') => "a pipe".to_owned(),
        Some(',') => "a comma".to_owned(),
        Some(other) => format!("`{other}`"),
    };
    format!(" (the file has it when {name} is the delimiter)")
}

/// The beginning of a field as it can be shown.
pub(crate) fn shown(field: &[u8]) -> String {
    let mut text = String::new();
    let end = field.len().min(SHOWN_LETTERS_MAX * 4);
    for chunk in field[..end].utf8_chunks() {
        text.extend(chunk.valid().chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02X}");
        }
    }
    match text.char_indices().nth(SHOWN_LETTERS_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}
