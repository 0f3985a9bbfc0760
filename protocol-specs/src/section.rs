//! Strict reading of TOML written by people: each access to a key states what must stand there, and what
//! does not fit becomes a problem with its line while reading goes on. Knows no plant and no profile.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, Problems};

/// A file under reading: its text, and the problems found so far.
pub(crate) struct Reading<'t> {
    file: String,
    text: &'t str,
    line_starts: Vec<usize>,
    problems: Vec<Problem>,
}

/// Bytes of a file in the text.
pub(crate) type Place = Range<usize>;

impl<'t> Reading<'t> {
    pub(crate) fn new(text: &'t str, file: &str) -> Self {
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        Self { file: file.to_owned(), text, line_starts, problems: Vec::new() }
    }

    /// Line, from 1, on which a place begins.
    pub(crate) fn line(&self, place: &Place) -> u32 {
        let line = self.line_starts.partition_point(|start| *start <= place.start).max(1);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    pub(crate) fn report(&mut self, place: &Place, message: String) {
        let line = self.line(place);
        self.report_at(line, message);
    }

    pub(crate) fn report_at(&mut self, line: u32, message: String) {
        self.problems.push(Problem { file: self.file.clone(), line, message });
    }

    /// The document; `None` after reporting every place where it is not TOML.
    pub(crate) fn document(&mut self) -> Option<Spanned<DeTable<'t>>> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let place = error.span().unwrap_or(self.text.len()..self.text.len());
            let message = error.message().replace('\n', ", ");
            self.report(&place, format!("not valid TOML: {message}"));
        }
        errors.is_empty().then_some(document)
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Problems so far, by line, each once.
    pub(crate) fn into_problems(self) -> Problems {
        let sorted: BTreeSet<(u32, String, String)> =
            self.problems.into_iter().map(|problem| (problem.line, problem.message, problem.file)).collect();
        Problems(sorted.into_iter().map(|(line, message, file)| Problem { file, line, message }).collect())
    }
}

/// A table of the document with the name a person knows it by.
pub(crate) struct Section<'d, 't> {
    table: &'d DeTable<'t>,
    pub(crate) place: Place,
    name: String,
}

impl<'d, 't> Section<'d, 't> {
    /// The top of a document.
    pub(crate) fn top(document: &'d Spanned<DeTable<'t>>) -> Self {
        Self { table: document.get_ref(), place: 0..0, name: "the file".to_owned() }
    }

    /// Reports every key that is not one of `valid`, with the nearest that is.
    pub(crate) fn check_keys(&self, reading: &mut Reading<'_>, valid: &[&str]) {
        for key in self.table.keys() {
            let word: &str = key.get_ref();
            if !valid.contains(&word) {
                let near = nearest(word, valid.iter().copied());
                reading.report(
                    &key.span(),
                    format!("{} has no key `{word}`; the nearest valid key is `{near}`", self.name),
                );
            }
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Every key with its value, by key.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'d Spanned<DeValue<'t>>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    fn required(&self, reading: &mut Reading<'_>, key: &str) -> Option<&'d Spanned<DeValue<'t>>> {
        let value = self.table.get(key);
        if value.is_none() {
            reading.report(&self.place, format!("{} needs the key `{key}`", self.name));
        }
        value
    }

    /// A text that must be there and not be blank.
    pub(crate) fn text(&self, reading: &mut Reading<'_>, key: &str) -> Option<(&'d str, Place)> {
        self.required(reading, key)?;
        self.text_or_none(reading, key)
    }

    /// A text that may be left out.
    pub(crate) fn text_or_none(&self, reading: &mut Reading<'_>, key: &str) -> Option<(&'d str, Place)> {
        let value = self.table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => {
                reading.report(&value.span(), format!("`{key}` must not be blank"));
                None
            }
            DeValue::String(text) => Some((text.as_ref(), value.span())),
            other => {
                reading.report(&value.span(), format!("`{key}` must be a text, not {}", kind(other)));
                None
            }
        }
    }

    /// A whole number inside `bounds` that must be there.
    pub(crate) fn number(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        bounds: RangeInclusive<i64>,
    ) -> Option<(i64, Place)> {
        self.required(reading, key)?;
        self.number_or_none(reading, key, bounds)
    }

    /// A whole number inside `bounds` that may be left out.
    pub(crate) fn number_or_none(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        bounds: RangeInclusive<i64>,
    ) -> Option<(i64, Place)> {
        let value = self.table.get(key)?;
        whole_number(reading, key, value, &bounds).map(|number| (number, value.span()))
    }

    /// A register count, address or value that must be there.
    pub(crate) fn word(&self, reading: &mut Reading<'_>, key: &str) -> Option<u16> {
        let (number, _) = self.number(reading, key, 0..=0xFFFF)?;
        u16::try_from(number).ok()
    }

    /// True or false; false when left out.
    pub(crate) fn flag(&self, reading: &mut Reading<'_>, key: &str) -> Option<bool> {
        let value = self.table.get(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        reading.report(&value.span(), format!("`{key}` must be true or false"));
        None
    }

    /// The values of an array; none when it is left out.
    pub(crate) fn array(&self, reading: &mut Reading<'_>, key: &str) -> Vec<&'d Spanned<DeValue<'t>>> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        if let DeValue::Array(array) = value.get_ref() {
            return array.iter().collect();
        }
        reading.report(&value.span(), format!("`{key}` must be a list, not {}", kind(value.get_ref())));
        Vec::new()
    }

    /// Texts of an array; none when it is left out.
    pub(crate) fn texts(&self, reading: &mut Reading<'_>, key: &str) -> Vec<(&'d str, Place)> {
        let mut texts = Vec::new();
        for value in self.array(reading, key) {
            match value.get_ref() {
                DeValue::String(text) => texts.push((text.as_ref(), value.span())),
                other => {
                    let message = format!("`{key}` must hold texts, not {}", kind(other));
                    reading.report(&value.span(), message);
                }
            }
        }
        texts
    }

    /// Whole numbers of an array; none when it is left out.
    pub(crate) fn numbers(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        bounds: RangeInclusive<i64>,
    ) -> Vec<i64> {
        self.placed_numbers(reading, key, bounds).into_iter().map(|(number, _)| number).collect()
    }

    /// Whole numbers of an array, each with its place; none when it is left out.
    pub(crate) fn placed_numbers(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        bounds: RangeInclusive<i64>,
    ) -> Vec<(i64, Place)> {
        let values = self.array(reading, key);
        let placed = values.into_iter().filter_map(|value| {
            whole_number(reading, key, value, &bounds).map(|number| (number, value.span()))
        });
        placed.collect()
    }

    /// A table that may be left out; `title` is how a person knows it.
    pub(crate) fn section_or_none(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        title: &str,
    ) -> Option<Section<'d, 't>> {
        let value = self.table.get(key)?;
        section_of(reading, value, title)
    }

    /// A table that must be there.
    pub(crate) fn section(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
        title: &str,
    ) -> Option<Section<'d, 't>> {
        if !self.has(key) {
            reading.report(&self.place, format!("{} needs the section {title}", self.name));
        }
        self.section_or_none(reading, key, title)
    }

    /// Tables of an array of tables; none when it is left out.
    pub(crate) fn sections(&self, reading: &mut Reading<'_>, key: &str, title: &str) -> Vec<Section<'d, 't>> {
        let values = self.array(reading, key);
        values.into_iter().filter_map(|value| section_of(reading, value, title)).collect()
    }
}

fn section_of<'d, 't>(
    reading: &mut Reading<'_>,
    value: &'d Spanned<DeValue<'t>>,
    title: &str,
) -> Option<Section<'d, 't>> {
    if let DeValue::Table(table) = value.get_ref() {
        return Some(Section { table, place: value.span(), name: title.to_owned() });
    }
    let message = format!("{title} must be a table, not {}", kind(value.get_ref()));
    reading.report(&value.span(), message);
    None
}

fn whole_number(
    reading: &mut Reading<'_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    bounds: &RangeInclusive<i64>,
) -> Option<i64> {
    let DeValue::Integer(integer) = value.get_ref() else {
        let message = format!("`{key}` must be a whole number, not {}", kind(value.get_ref()));
        reading.report(&value.span(), message);
        return None;
    };
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let inside = number.filter(|number| bounds.contains(number));
    if inside.is_none() {
        let message = format!("`{key}` must be from {} to {}, not {integer}", bounds.start(), bounds.end());
        reading.report(&value.span(), message);
    }
    inside
}

/// What stands in a value, in words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The word of `words` that needs the fewest single changes to become `word`; the first of equals.
pub(crate) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> &'w str {
    words.into_iter().min_by_key(|candidate| distance(word, candidate)).unwrap_or_default()
}

/// Single changes (a letter added, dropped, replaced, or swapped with its neighbour) from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().take(64).collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![vec![0_usize; to.len() + 1]; from.len() + 1];
    for row in 0..=from.len() {
        for column in 0..=to.len() {
            rows[row][column] = if row == 0 || column == 0 {
                row + column
            } else {
                let is_same = from[row - 1] == to[column - 1];
                let mut least = rows[row - 1][column - 1] + usize::from(!is_same);
                least = least.min(rows[row - 1][column] + 1).min(rows[row][column - 1] + 1);
                if row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1]
                {
                    least = least.min(rows[row - 2][column - 2] + 1);
                }
                least
            };
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_has_the_fewest_changes() {
        assert_eq!(nearest("lane", ["lines", "lanes", "kind"]), "lanes");
        assert_eq!(nearest("lanse", ["line", "lanes", "kind"]), "lanes");
        assert_eq!(nearest("x", []), "");
    }

    #[test]
    fn line_of_a_place_counts_from_one() {
        let reading = Reading::new("a\nbc\n", "f");
        assert_eq!(reading.line(&(0..1)), 1);
        assert_eq!(reading.line(&(2..3)), 2);
        assert_eq!(reading.line(&(5..5)), 3);
    }

    #[test]
    fn every_problem_of_a_table_is_reported() {
        let text = "a = 1\nb = 'x'\nzz = 3\n";
        let mut reading = Reading::new(text, "f");
        let document = reading.document().unwrap();
        let top = Section::top(&document);
        top.check_keys(&mut reading, &["a", "b", "c"]);
        assert_eq!(top.text(&mut reading, "a"), None);
        assert_eq!(top.number(&mut reading, "b", 0..=3), None);
        assert_eq!(top.text(&mut reading, "c"), None);
        let lines: Vec<u32> = reading.into_problems().0.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 1, 2, 3]);
    }
}
