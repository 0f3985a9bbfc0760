//! Mapping files: which column of an order file means what, and which rows are refused. A file says so in
//! TOML; every problem of one is reported at once, with its line.

use std::fmt;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::encoding::Encoding;
use crate::refusal::builtin;

/// Bytes of a compiled pattern: a short one can say a million letters. Larger: a problem.
const PATTERN_SIZE_MAX: usize = 4 * 1024 * 1024;

/// How an order file is read.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Encoding of the file.
    pub encoding: Encoding,
    /// Byte between two fields.
    pub delimiter: u8,
    /// Columns by meaning.
    pub columns: Columns,
    /// Rows to refuse; the first that matches counts.
    pub rules: Vec<RefusalRule>,
}

/// Names of the columns, as the first line of an order file has them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Columns {
    /// Number of the order.
    pub order: String,
    /// Code of the article.
    pub sku: String,
    /// Pieces.
    pub quantity: String,
    /// Text of the article.
    pub description: String,
    /// Customer of the order.
    pub customer: String,
    /// Line number inside the order. Without it the ordinal of the row inside its order counts.
    pub line: Option<String>,
    /// Owner of the goods. Without it the owner is `-`.
    pub owner: Option<String>,
    /// Priority of the order.
    pub priority: Option<String>,
    /// Due time of the order.
    pub due_at: Option<String>,
}

/// Rows to refuse.
#[derive(Clone, Debug)]
pub struct RefusalRule {
    /// Word reports use.
    pub reason: String,
    /// Column of the order file that is looked at.
    pub column: String,
    /// When the row is refused.
    pub rule: Rule,
}

/// When a row is refused.
#[derive(Clone, Debug)]
pub enum Rule {
    /// The column is not a number above 0.
    NotPositive,
    /// The column is empty or holds only spaces.
    Blank,
    /// The column does not match.
    NotMatching(Regex),
}

/// One thing that is wrong with a mapping file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MappingProblem {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// Everything that is wrong with a mapping file, by line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MappingProblems(pub Vec<MappingProblem>);

impl fmt::Display for MappingProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{}: {}", problem.file, problem.line, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for MappingProblems {}

const RETAIL: &str = include_str!("../../../configs/mappings/retail.toml");

impl Mapping {
    /// The text of the sample mapping.
    pub fn retail_text() -> &'static str {
        RETAIL
    }

    /// The sample mapping that is compiled in: `configs/mappings/retail.toml`.
    pub fn retail() -> Self {
        Self::parse(RETAIL, "configs/mappings/retail.toml").expect("the sample mapping is checked by a test")
    }

    /// Reads the text of a mapping file; `file` names it in problems.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, MappingProblems> {
        let mut reading = Reading { text, problems: Vec::new() };
        let mapping = reading.mapping();
        let mut problems = reading.problems;
        problems.sort();
        match mapping {
            Some(mapping) if problems.is_empty() => Ok(mapping),
            _ => Err(MappingProblems(
                problems
                    .into_iter()
                    .map(|(line, message)| MappingProblem { file: file.to_owned(), line, message })
                    .collect(),
            )),
        }
    }
}

const ROLES: [&str; 9] =
    ["order", "sku", "quantity", "description", "customer", "line", "owner", "priority", "due_at"];
const ROLES_NEEDED: usize = 5;

struct Reading<'t> {
    text: &'t str,
    problems: Vec<(u32, String)>,
}

impl<'t> Reading<'t> {
    fn report(&mut self, place: Range<usize>, message: String) {
        let before = self.text.as_bytes().get(..place.start).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        self.problems.push((u32::try_from(line).unwrap_or(u32::MAX), message));
    }

    fn mapping(&mut self) -> Option<Mapping> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let message = format!("not valid TOML: {}", error.message().replace('\n', ", "));
            self.report(error.span().unwrap_or(0..0), message);
        }
        if !errors.is_empty() {
            return None;
        }
        let top = document.get_ref();
        self.check_keys("the file", top, &["file", "columns", "refuse"]);
        let file = self.table(top, "file").map(|(file, place)| self.file(file, place));
        let columns = self.table(top, "columns").map(|(columns, place)| self.columns(columns, place));
        let rules = self.rules(top, columns.as_ref());
        let (encoding, delimiter) = file??;
        Some(Mapping { encoding, delimiter, columns: columns?, rules })
    }

    fn file(&mut self, file: &DeTable<'t>, place: Range<usize>) -> Option<(Encoding, u8)> {
        self.check_keys("[file]", file, &["encoding", "delimiter"]);
        let encoding = self.needed_text("[file]", file, "encoding", &place).and_then(|(word, place)| {
            let found = Encoding::WORDS.iter().find(|(known, _)| *known == word);
            if found.is_none() {
                let known = Encoding::WORDS.map(|(known, _)| known).join(", ");
                self.report(place, format!("`encoding` must be one of {known}, not `{word}`"));
            }
            found.map(|(_, encoding)| *encoding)
        });
        let delimiter = self.needed_text("[file]", file, "delimiter", &place).and_then(|(text, place)| {
            let found = match text.as_bytes() {
                [b'\t'] => Some(b'\t'),
                [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Some(*byte),
                _ => None,
            };
            if found.is_none() {
                self.report(
                    place,
                    "`delimiter` must be one of , ; | or \\t, or another punctuation mark".to_owned(),
                );
            }
            found
        });
        Some((encoding?, delimiter?))
    }

    fn columns(&mut self, table: &DeTable<'t>, place: Range<usize>) -> Columns {
        self.check_keys("[columns]", table, &ROLES);
        let mut names = ROLES.iter().enumerate().map(|(index, role)| {
            let named = if index < ROLES_NEEDED {
                self.needed_text("[columns]", table, role, &place)
            } else {
                self.text(table, role)
            };
            named.map(|(name, _)| name)
        });
        let mut next = || names.next().flatten();
        Columns {
            order: next().unwrap_or_default(),
            sku: next().unwrap_or_default(),
            quantity: next().unwrap_or_default(),
            description: next().unwrap_or_default(),
            customer: next().unwrap_or_default(),
            line: next(),
            owner: next(),
            priority: next(),
            due_at: next(),
        }
    }

    fn rules(&mut self, top: &DeTable<'t>, columns: Option<&Columns>) -> Vec<RefusalRule> {
        let mut rules = Vec::new();
        let Some(value) = top.get("refuse") else { return rules };
        let DeValue::Array(array) = value.get_ref() else {
            self.report(value.span(), "[[refuse]] must be a list of tables".to_owned());
            return rules;
        };
        for value in array {
            if let DeValue::Table(table) = value.get_ref() {
                rules.extend(self.rule(table, value.span(), columns));
            } else {
                self.report(value.span(), "[[refuse]] must be a table".to_owned());
            }
        }
        rules
    }

    fn rule(
        &mut self,
        table: &DeTable<'t>,
        place: Range<usize>,
        columns: Option<&Columns>,
    ) -> Option<RefusalRule> {
        self.check_keys("[[refuse]]", table, &["reason", "column", "rule"]);
        let reason = self.needed_text("[[refuse]]", table, "reason", &place);
        if let Some((reason, place)) = &reason {
            let is_word =
                reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !is_word {
                let message = format!("`reason` must be a word of a to z, 0 to 9 and _, not `{reason}`");
                self.report(place.clone(), message);
            } else if builtin::ALL.contains(&reason.as_str()) {
                self.report(place.clone(), format!("the reason `{reason}` is taken: it needs no mapping"));
            }
        }
        let column = self.needed_text("[[refuse]]", table, "column", &place);
        let rule = self.condition(table, &place);
        let column =
            column.map(|(column, _)| columns.and_then(|known| known.of_role(&column)).unwrap_or(column));
        Some(RefusalRule { reason: reason?.0, column: column?, rule: rule? })
    }

    fn condition(&mut self, table: &DeTable<'t>, place: &Range<usize>) -> Option<Rule> {
        const EXPECTED: &str =
            "`rule` must be \"not_positive\", \"blank\" or { not_matching = 'regular expression' }";
        let Some(value) = table.get("rule") else {
            self.report(place.clone(), "[[refuse]] needs the key `rule`".to_owned());
            return None;
        };
        match value.get_ref() {
            DeValue::String(word) if word == "not_positive" => Some(Rule::NotPositive),
            DeValue::String(word) if word == "blank" => Some(Rule::Blank),
            DeValue::Table(inner) => {
                self.check_keys("`rule`", inner, &["not_matching"]);
                let (pattern, place) = self.needed_text("`rule`", inner, "not_matching", &value.span())?;
                match RegexBuilder::new(&pattern).size_limit(PATTERN_SIZE_MAX).build() {
                    Ok(pattern) => Some(Rule::NotMatching(pattern)),
                    Err(error) => {
                        let why = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                        self.report(place, format!("`{pattern}` is not a regular expression: {why}"));
                        None
                    }
                }
            }
            _ => {
                self.report(value.span(), EXPECTED.to_owned());
                None
            }
        }
    }

    fn check_keys(&mut self, name: &str, table: &DeTable<'t>, valid: &[&str]) {
        for key in table.keys() {
            let word: &str = key.get_ref();
            if !valid.contains(&word) {
                self.report(key.span(), format!("{name} has no key `{word}`; it has {}", valid.join(", ")));
            }
        }
    }

    fn table<'d>(&mut self, top: &'d DeTable<'t>, key: &str) -> Option<(&'d DeTable<'t>, Range<usize>)> {
        match top.get(key).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => Some((table, top.get(key).map_or(0..0, Spanned::span))),
            Some(_) => {
                self.report(top.get(key).map_or(0..0, Spanned::span), format!("[{key}] must be a table"));
                None
            }
            None => {
                self.report(0..0, format!("the file needs the section [{key}]"));
                None
            }
        }
    }

    fn needed_text(
        &mut self,
        name: &str,
        table: &DeTable<'t>,
        key: &str,
        place: &Range<usize>,
    ) -> Option<(String, Range<usize>)> {
        if table.get(key).is_none() {
            self.report(place.clone(), format!("{name} needs the key `{key}`"));
        }
        self.text(table, key)
    }

    fn text(&mut self, table: &DeTable<'t>, key: &str) -> Option<(String, Range<usize>)> {
        let value = table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some((text.to_string(), value.span())),
            _ => {
                self.report(value.span(), format!("`{key}` must be a text that is not empty"));
                None
            }
        }
    }
}

impl Columns {
    /// The column of a meaning, where `role` is one.
    fn of_role(&self, role: &str) -> Option<String> {
        match role {
            "order" => Some(self.order.clone()),
            "sku" => Some(self.sku.clone()),
            "quantity" => Some(self.quantity.clone()),
            "description" => Some(self.description.clone()),
            "customer" => Some(self.customer.clone()),
            "line" => self.line.clone(),
            "owner" => self.owner.clone(),
            "priority" => self.priority.clone(),
            "due_at" => self.due_at.clone(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let found = Mapping::parse(text, "m.toml").unwrap_err();
        found.0.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
    }

    #[test]
    fn sample_mapping_names_its_columns() {
        let mapping = Mapping::retail();
        assert_eq!((mapping.columns.order.as_str(), mapping.delimiter), ("InvoiceNo", b','));
        let reasons: Vec<&str> = mapping.rules.iter().map(|rule| rule.reason.as_str()).collect();
        assert_eq!(reasons, ["quantity_not_positive", "not_merchandise", "blank_description"]);
        assert_eq!(mapping.rules[1].column, "StockCode");
    }

    #[test]
    fn each_problem_has_its_line() {
        let cases = [
            (
                "encoding = \"utf-8\"",
                "encoding = \"latin-1\"",
                "`encoding` must be one of utf-8, utf-8-bom, cp949, not `latin-1`",
            ),
            (
                "delimiter = \",\"",
                "delimiter = \"::\"",
                "`delimiter` must be one of , ; | or \\t, or another punctuation mark",
            ),
            ("sku = \"StockCode\"", "sku = 7", "`sku` must be a text that is not empty"),
            (
                "customer = ",
                "client = ",
                "[columns] has no key `client`; it has order, sku, quantity, description, customer, line, owner, priority, due_at",
            ),
            (
                "rule = \"blank\"",
                "rule = \"empty\"",
                "`rule` must be \"not_positive\", \"blank\" or { not_matching = 'regular expression' }",
            ),
            ("{ not_matching = '^", "{ not_matching = '(^", "error: unclosed group"),
            (
                "reason = \"not_merchandise\"",
                "reason = \"bad_quantity\"",
                "the reason `bad_quantity` is taken: it needs no mapping",
            ),
        ];
        for (from, to, expected) in cases {
            let line = RETAIL[..RETAIL.find(from).unwrap()].lines().count()
                + usize::from(!from.contains("not_matching"));
            let found = problems(&RETAIL.replacen(from, to, 1));
            assert!(
                found
                    .iter()
                    .any(|problem| problem.starts_with(&format!("{line}: ")) && problem.ends_with(expected)),
                "{from} -> {to}: line {line} of {found:?}"
            );
        }
    }

    #[test]
    fn every_problem_comes_at_once() {
        assert_eq!(
            problems("[[refuse]]\n[x]\n"),
            [
                "1: [[refuse]] needs the key `column`",
                "1: [[refuse]] needs the key `reason`",
                "1: [[refuse]] needs the key `rule`",
                "1: the file needs the section [columns]",
                "1: the file needs the section [file]",
                "2: the file has no key `x`; it has file, columns, refuse",
            ]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}", at in 0_usize..400) {
            let at = (at..).find(|at| RETAIL.is_char_boundary(*at)).unwrap();
            for text in [text.clone(), format!("{}{text}{}", &RETAIL[..at], &RETAIL[at..])] {
                if let Err(problems) = Mapping::parse(&text, "m.toml") {
                    prop_assert!(!problems.0.is_empty());
                }
            }
        }
    }
}
