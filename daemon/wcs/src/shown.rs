//! How commands show what they found: for people as lines, with `--json` as one JSON document, both of the same value.
//! A command that runs on tells what happens meanwhile as it happens: a line for people, or a JSON object on a line.

use serde::Serialize;

use crate::exit::Failure;

/// In which form results are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// Lines for people.
    Lines,
    /// One JSON document.
    Json,
}

impl Shown {
    /// JSON when it was asked for.
    pub(crate) fn json_if(is_json: bool) -> Self {
        if is_json { Self::Json } else { Self::Lines }
    }

    /// Prints a result. A reader that goes away early, such as `head`, is no failure.
    pub(crate) fn print(self, value: &impl Serialize, lines: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut text = match self {
            Self::Json => serde_json::to_string_pretty(value).map_err(Failure::not_ok)?,
            Self::Lines => lines(),
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        write(&text)
    }

    /// Tells what happened in a command that runs on: `{"event":EVENT,...}` on one line, or the line for people.
    pub(crate) fn tell(
        self,
        event: &'static str,
        value: &impl Serialize,
        line: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self {
            Self::Json => serde_json::to_string(&Told { event, value }).map_err(Failure::not_ok)?,
            Self::Lines => line(),
        };
        write(&(text + "\n"))
    }

    /// Tells something beside a result that comes later: where the result is JSON, on the other stream.
    pub(crate) fn remark(self, line: &str) -> Result<(), Failure> {
        match self {
            Self::Json => eprintln!("{line}"),
            Self::Lines => write(&format!("{line}\n"))?,
        }
        Ok(())
    }
}

/// An event of a command that runs on.
#[derive(Serialize)]
struct Told<'a, T> {
    event: &'static str,
    #[serde(flatten)]
    value: &'a T,
}

fn write(text: &str) -> Result<(), Failure> {
    match std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::not_ok(error)),
        _ => Ok(()),
    }
}

/// Rows as columns of even width, two spaces apart; the last column is as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line += cell;
            line += &" ".repeat(width - cell.chars().count() + 2);
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_even_and_lines_have_no_tail() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["a", "long", "x"]), row(&["bcd", "y", ""]), row(&["e"])];
        assert_eq!(table(&rows), "a    long  x\nbcd  y\ne\n");
        assert_eq!(table(&[]), "");
    }
}
