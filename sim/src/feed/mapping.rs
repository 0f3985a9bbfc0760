//! The mapping file as the simulator understands it: which column is what, and which lines are refused. A
//! second reading of the same format the intake reads, kept apart on purpose. It is lenient about nothing it
//! needs and silent about nothing it does not know; the fine messages are the business of the intake.

use regex::Regex;
use serde::Deserialize;
use thiserror::Error;

/// What a mapping file says.
#[derive(Clone, Debug)]
pub struct FeedMapping {
    pub(super) encoding: Encoding,
    pub(super) delimiter: u8,
    pub(super) columns: Columns,
    pub(super) rules: Vec<Rule>,
}

/// Why a mapping file cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum MappingError {
    #[error("the mapping cannot be read: {0}")]
    Format(#[from] toml::de::Error),
    #[error("the pattern of refusal `{reason}` cannot be read: {source}")]
    Pattern { reason: String, source: regex::Error },
    #[error(
        "refusal `{reason}` has the rule `{name}`; there are not_positive, blank and {{ not_matching = .. }}"
    )]
    Rule { reason: String, name: String },
    #[error("the delimiter must be one character below 128, not `{0}`")]
    Delimiter(String),
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) enum Encoding {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    #[serde(rename = "cp949")]
    Cp949,
}

/// Header of each mapped column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub(super) order: String,
    pub(super) sku: String,
    pub(super) quantity: String,
    pub(super) description: String,
    pub(super) customer: String,
    pub(super) line: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) due_at: Option<String>,
}

/// A refusal: the first that applies gives the reason.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) reason: String,
    /// Header of the column it looks at.
    pub(super) column: String,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    NotPositive,
    Blank,
    NotMatching(Regex),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    file: FileSection,
    columns: Columns,
    #[serde(default)]
    refuse: Vec<RuleSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSection {
    encoding: Encoding,
    delimiter: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSection {
    reason: String,
    column: String,
    rule: TestSection,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TestSection {
    Name(String),
    Pattern(PatternSection),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternSection {
    not_matching: String,
}

impl FeedMapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// The first thing that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let document: Document = toml::from_str(text)?;
        let delimiter = match document.file.delimiter.as_bytes() {
            [byte] if byte.is_ascii() => *byte,
            _ => return Err(MappingError::Delimiter(document.file.delimiter)),
        };
        let columns = document.columns;
        let rules = document.refuse.into_iter().map(|section| Rule::of(section, &columns));
        let rules = rules.collect::<Result<_, _>>()?;
        Ok(Self { encoding: document.file.encoding, delimiter, columns, rules })
    }
}

impl Columns {
    /// Header of a column by the name the mapping gives it.
    fn header(&self, name: &str) -> Option<&str> {
        match name {
            "order" => Some(&self.order),
            "sku" => Some(&self.sku),
            "quantity" => Some(&self.quantity),
            "description" => Some(&self.description),
            "customer" => Some(&self.customer),
            "line" => self.line.as_deref(),
            "owner" => self.owner.as_deref(),
            "priority" => self.priority.as_deref(),
            "due_at" => self.due_at.as_deref(),
            _ => None,
        }
    }

    /// Every mapped header.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.line, &self.owner, &self.priority, &self.due_at];
        [&self.order, &self.sku, &self.quantity, &self.description, &self.customer]
            .into_iter()
            .chain(optional.into_iter().flatten())
            .map(String::as_str)
    }
}

impl Rule {
    fn of(section: RuleSection, columns: &Columns) -> Result<Self, MappingError> {
        let RuleSection { reason, column, rule } = section;
        let test = match rule {
            TestSection::Name(name) if name == "not_positive" => Test::NotPositive,
            TestSection::Name(name) if name == "blank" => Test::Blank,
            TestSection::Name(name) => return Err(MappingError::Rule { reason, name }),
            TestSection::Pattern(PatternSection { not_matching }) => match Regex::new(&not_matching) {
                Ok(regex) => Test::NotMatching(regex),
                Err(source) => return Err(MappingError::Pattern { reason, source }),
            },
        };
        // A word of the mapping first, else a column of the file by its own name.
        let column = columns.header(&column).map_or(column.clone(), str::to_owned);
        Ok(Self { reason, column, test })
    }
}
