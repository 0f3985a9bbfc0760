//! Orders as a host sends them, the rules a line must keep, and the difference between an order and what is stored
//! under its number. Pure: no database here.
//!
//! The drafts are of this crate and not those of `wcs-intake`: an order can also come as JSON, with barcodes and
//! without rows of a file, and this crate must not depend on how files are read.

use std::collections::BTreeSet;

use wcs_types::limits::{CODE_SIZE_MAX, PIECES_PER_LINE_MAX};
use wcs_types::{OrderKey, SkuKey};

/// Lines of one order. More: the order is refused.
pub const LINES_PER_ORDER_MAX: usize = 10_000;
/// Bytes of an owner, number or customer. Longer: refused.
pub const NAME_SIZE_MAX: usize = 64;
/// Bytes of a description. Longer: the line is refused.
pub const DESCRIPTION_SIZE_MAX: usize = 400;
/// Barcodes sent with one line. More: the line is refused.
pub const BARCODES_PER_LINE_MAX: usize = 16;

/// An order as it is handed in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderDraft {
    /// Owner and number.
    pub key: OrderKey,
    /// Customer, as the host names it.
    pub customer: String,
    /// Larger goes first.
    pub priority: u8,
    /// Unix seconds by which it is due; 0 for none.
    pub due_at_s: u64,
    /// Its lines.
    pub lines: Vec<LineDraft>,
}

/// A line as it is handed in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LineDraft {
    /// Number inside the order, from 1.
    pub line_no: u32,
    /// The article.
    pub sku: SkuKey,
    /// Text of the article.
    pub description: String,
    /// Pieces, from 1.
    pub quantity: u32,
    /// Barcodes under which the article is known, beside its code.
    pub barcodes: Vec<String>,
}

/// Why a line was not stored. The first that matches, in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LineFault {
    /// The line number is 0.
    BadLine,
    /// An accepted line before it has the same number.
    DuplicateLine,
    /// It names no article, or the owner of the article is empty.
    BlankSku,
    /// Article, owner or barcode is longer than a scanner can read or a store key may be.
    CodeTooLong,
    /// A text holds control characters.
    ControlCharacters,
    /// The quantity is 0 or above the largest.
    BadQuantity,
    /// The description is too long.
    DescriptionTooLong,
    /// Too many barcodes, or an empty one.
    BadBarcodes,
}

impl LineFault {
    /// Every fault, in the order in which they are looked for.
    pub const ALL: [Self; 8] = [
        Self::BadLine,
        Self::DuplicateLine,
        Self::BlankSku,
        Self::CodeTooLong,
        Self::ControlCharacters,
        Self::BadQuantity,
        Self::DescriptionTooLong,
        Self::BadBarcodes,
    ];

    /// The word of the fault.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadLine => "bad_line",
            Self::DuplicateLine => "duplicate_line",
            Self::BlankSku => "blank_sku",
            Self::CodeTooLong => "code_too_long",
            Self::ControlCharacters => "control_characters",
            Self::BadQuantity => "bad_quantity",
            Self::DescriptionTooLong => "description_too_long",
            Self::BadBarcodes => "bad_barcodes",
        }
    }

    fn is_in(self, line: &LineDraft, before: &BTreeSet<u32>) -> bool {
        let has_control = |text: &String| text.chars().any(char::is_control);
        match self {
            Self::BadLine => line.line_no == 0,
            Self::DuplicateLine => before.contains(&line.line_no),
            Self::BlankSku => line.sku.code.is_empty() || line.sku.owner.is_empty(),
            Self::CodeTooLong => {
                line.sku.code.len() > CODE_SIZE_MAX
                    || line.sku.owner.len() > NAME_SIZE_MAX
                    || line.barcodes.iter().any(|barcode| barcode.len() > CODE_SIZE_MAX)
            }
            Self::ControlCharacters => {
                let texts = [&line.sku.code, &line.sku.owner, &line.description];
                texts.into_iter().chain(&line.barcodes).any(has_control)
            }
            Self::BadQuantity => !(1..=PIECES_PER_LINE_MAX).contains(&line.quantity),
            Self::DescriptionTooLong => line.description.len() > DESCRIPTION_SIZE_MAX,
            Self::BadBarcodes => {
                line.barcodes.len() > BARCODES_PER_LINE_MAX || line.barcodes.iter().any(String::is_empty)
            }
        }
    }
}

/// A line that was not stored; the order keeps its other lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LineRefusal {
    /// Place of the line in the draft, from 0.
    pub index: usize,
    /// Number it gave itself.
    pub line_no: u32,
    /// Why.
    pub fault: LineFault,
}

/// Why nothing of an order was stored.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OrderRefusal {
    /// Owner, number or customer cannot be a key.
    #[error("{field} must have 1 to {NAME_SIZE_MAX} bytes without control characters")]
    BadName {
        /// Which field.
        field: &'static str,
    },
    /// Too many lines.
    #[error("the order has {lines} lines; at most {LINES_PER_ORDER_MAX} are taken")]
    TooManyLines {
        /// How many.
        lines: usize,
    },
    /// The due time is beyond what can be stored.
    #[error("the due time {due_at_s} is not a time in seconds since 1970")]
    BadDueAt {
        /// What was sent.
        due_at_s: u64,
    },
    /// No line was left.
    #[error("no line of the order can be taken")]
    NoLines {
        /// Why each one was refused.
        refusals: Vec<LineRefusal>,
    },
}

/// One field in which an order differs from what is stored under its number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The field, as `priority` or `lines[3].quantity`.
    pub field: String,
    /// What is stored; empty when nothing is.
    pub stored: String,
    /// What was sent; empty when nothing was.
    pub sent: String,
}

/// A draft whose lines were judged: indices of the good ones, and the refusals.
#[derive(Clone, Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) draft: &'a OrderDraft,
    pub(crate) good: Vec<&'a LineDraft>,
    pub(crate) refusals: Vec<LineRefusal>,
}

impl<'a> Judged<'a> {
    /// Judges a draft.
    pub(crate) fn of(draft: &'a OrderDraft) -> Result<Self, OrderRefusal> {
        let is_name = |text: &str| text.len() <= NAME_SIZE_MAX && !text.chars().any(char::is_control);
        let key_fields = [("owner", &draft.key.owner), ("number", &draft.key.number)];
        let bad_key = key_fields.into_iter().find(|(_, text)| text.is_empty() || !is_name(text));
        let bad_customer = (!is_name(&draft.customer)).then_some(("customer", &draft.customer));
        if let Some((field, _)) = bad_key.or(bad_customer) {
            return Err(OrderRefusal::BadName { field });
        }
        if draft.lines.len() > LINES_PER_ORDER_MAX {
            return Err(OrderRefusal::TooManyLines { lines: draft.lines.len() });
        }
        if i64::try_from(draft.due_at_s).is_err() {
            return Err(OrderRefusal::BadDueAt { due_at_s: draft.due_at_s });
        }
        let mut numbers = BTreeSet::new();
        let (mut good, mut refusals) = (Vec::new(), Vec::new());
        for (index, line) in draft.lines.iter().enumerate() {
            match LineFault::ALL.into_iter().find(|fault| fault.is_in(line, &numbers)) {
                Some(fault) => refusals.push(LineRefusal { index, line_no: line.line_no, fault }),
                None => {
                    numbers.insert(line.line_no);
                    good.push(line);
                }
            }
        }
        if good.is_empty() {
            return Err(OrderRefusal::NoLines { refusals });
        }
        Ok(Self { draft, good, refusals })
    }

    /// Pieces of all good lines.
    pub(crate) fn ordered(&self) -> i64 {
        self.good.iter().map(|line| i64::from(line.quantity)).sum()
    }

    /// What a store of this draft would hold.
    pub(crate) fn content(&self) -> Content {
        let draft = self.draft;
        let mut lines: Vec<ContentLine> = self.good.iter().map(|line| ContentLine::of(line)).collect();
        lines.sort_by_key(|line| line.line_no);
        Content {
            customer: draft.customer.clone(),
            priority: i64::from(draft.priority),
            due_at_s: draft.due_at_s.cast_signed(),
            lines,
        }
    }
}

/// What decides whether two orders of the same number are the same order. Barcodes are master data and no part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Content {
    pub(crate) customer: String,
    pub(crate) priority: i64,
    pub(crate) due_at_s: i64,
    /// By line number.
    pub(crate) lines: Vec<ContentLine>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ContentLine {
    pub(crate) line_no: i64,
    pub(crate) sku: SkuKey,
    pub(crate) description: String,
    pub(crate) ordered: i64,
}

impl ContentLine {
    fn of(line: &LineDraft) -> Self {
        Self {
            line_no: i64::from(line.line_no),
            sku: line.sku.clone(),
            description: line.description.clone(),
            ordered: i64::from(line.quantity),
        }
    }
}

impl Content {
    /// Where `sent` differs, field by field; empty when it is the same.
    pub(crate) fn differences(&self, sent: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut note = |field: String, stored: String, sent: String| {
            if stored != sent {
                found.push(Difference { field, stored, sent });
            }
        };
        note("customer".into(), self.customer.clone(), sent.customer.clone());
        note("priority".into(), self.priority.to_string(), sent.priority.to_string());
        note("due_at".into(), self.due_at_s.to_string(), sent.due_at_s.to_string());
        let numbers: BTreeSet<i64> = self.lines.iter().chain(&sent.lines).map(|line| line.line_no).collect();
        let line_of = |lines: &[ContentLine], number: i64| {
            let at = lines.binary_search_by_key(&number, |line| line.line_no).ok()?;
            Some(lines[at].clone())
        };
        for number in numbers {
            let (stored, sent) = (line_of(&self.lines, number), line_of(&sent.lines, number));
            let (Some(stored), Some(sent)) = (&stored, &sent) else {
                let shown = |line: &Option<ContentLine>| {
                    line.as_ref()
                        .map_or(String::new(), |line| format!("{} x {}", line.sku.code, line.ordered))
                };
                note(format!("lines[{number}]"), shown(&stored), shown(&sent));
                continue;
            };
            let field = |name: &str| format!("lines[{number}].{name}");
            note(field("owner"), stored.sku.owner.clone(), sent.sku.owner.clone());
            note(field("sku"), stored.sku.code.clone(), sent.sku.code.clone());
            note(field("quantity"), stored.ordered.to_string(), sent.ordered.to_string());
            note(field("description"), stored.description.clone(), sent.description.clone());
        }
        found
    }
}
