//! The prose of a profile and its register tables. The tables stand in the prose between marker lines and are
//! made from `profile.toml`, so that the page a PLC programmer reads cannot differ from what the software does.
//!
//! ```text
//! <!-- table: block header -->
//! ...made here...
//! <!-- end table -->
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::profile::{Area, AreaKind, BitField, Encoding, FILES, Point, Profile};

const BEGIN: &str = "<!-- table: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end table -->";

/// The prose of a compiled-in profile.
pub fn prose_of(id: &str) -> Option<&'static str> {
    FILES.iter().find(|files| files.id == id).map(|files| files.prose)
}

/// A prose that cannot be brought up to date.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ProseError {
    #[error("line {line}: there is no table `{name}`")]
    UnknownTable { line: usize, name: String },
    #[error("line {line}: the table `{name}` does not end")]
    Unended { line: usize, name: String },
    #[error("the prose lacks the tables {names}")]
    Missing { names: String },
}

/// `prose` with every table made anew from `profile`.
///
/// # Errors
/// A marker of an unknown table, a table that does not end, or a part of the profile without a table.
pub fn refreshed(prose: &str, profile: &Profile) -> Result<String, ProseError> {
    let tables = tables(profile);
    let mut missing: BTreeMap<&str, ()> = tables.keys().map(|name| (name.as_str(), ())).collect();
    let mut text = String::with_capacity(prose.len());
    let mut lines = prose.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let name = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(BEGIN_END));
        let Some(name) = name else { continue };
        let unknown = || ProseError::UnknownTable { line: index + 1, name: name.to_owned() };
        text.push_str(tables.get(name).ok_or_else(unknown)?);
        missing.remove(name);
        let end = lines.find(|(_, line)| *line == END || line.starts_with(BEGIN));
        if end.is_none_or(|(_, line)| line != END) {
            return Err(ProseError::Unended { line: index + 1, name: name.to_owned() });
        }
        text.push_str(END);
        text.push('\n');
    }
    if missing.is_empty() {
        return Ok(text);
    }
    let names: Vec<&str> = missing.into_keys().collect();
    Err(ProseError::Missing { names: names.join(", ") })
}

/// Every table of a profile by the name of its marker.
pub fn tables(profile: &Profile) -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    tables.insert("blocks".to_owned(), block_table(profile));
    for area in profile.areas.iter().filter(|area| !area.points.is_empty()) {
        let base = base_of(profile, area);
        match &area.kind {
            AreaKind::Block { .. } => {
                let points: Vec<&Point> = area.points.iter().collect();
                tables.insert(format!("block {}", area.name), point_table(&points, base, false));
            }
            AreaKind::Slot { .. } => {
                let mut variants: BTreeMap<Option<&str>, Vec<&Point>> = BTreeMap::new();
                for point in &area.points {
                    variants.entry(point.variant.as_deref()).or_default().push(point);
                }
                for (variant, points) in variants {
                    let suffix = variant.map_or_else(String::new, |variant| format!(" {variant}"));
                    tables.insert(format!("slot {}{suffix}", area.name), point_table(&points, base, true));
                }
            }
        }
    }
    for list in &profile.lists {
        let mut text = "| number | name | meaning |\n|---|---|---|\n".to_owned();
        for value in &list.values {
            push(&mut text, format_args!("| {} | {} | {} |", value.value, value.name, value.doc));
        }
        tables.insert(format!("enum {}", list.name), text);
    }
    for list in &profile.bit_lists {
        tables.insert(format!("bits {}", list.name), bit_table(&list.fields));
    }
    let mut text = "| name | number | meaning |\n|---|---|---|\n".to_owned();
    for constant in &profile.constants {
        let value = constant.value;
        let hex = if value >= 0x100 { format!(" (0x{value:04X})") } else { String::new() };
        push(&mut text, format_args!("| {} | {value}{hex} | {} |", constant.name, constant.doc));
    }
    tables.insert("constants".to_owned(), text);
    tables
}

fn base_of(profile: &Profile, area: &Area) -> u32 {
    let block = match &area.kind {
        AreaKind::Block { .. } => &area.name,
        AreaKind::Slot { block, .. } => block,
    };
    profile.block(block, None).map_or(0, |block| block.start.into())
}

fn block_table(profile: &Profile) -> String {
    let mut text = "| block | address | registers | WCS | what |\n|---|---|---|---|---|\n".to_owned();
    for area in &profile.areas {
        let AreaKind::Block { start, is_written, .. } = &area.kind else { continue };
        let last = u32::from(*start) + u32::from(area.words) - 1;
        let does = if *is_written { "writes" } else { "reads" };
        push(
            &mut text,
            format_args!("| {} | {start} to {last} | {} | {does} | {} |", area.name, area.words, area.doc),
        );
    }
    text
}

fn point_table(points: &[&Point], base: u32, is_slot: bool) -> String {
    let place = if is_slot { "word | address in slot 0" } else { "address | offset" };
    let mut text = format!("| {place} | name | type | range | meaning |\n|---|---|---|---|---|---|\n");
    for point in points {
        let offset = registers(point.offset.into(), point.words);
        let address = registers(base + u32::from(point.offset), point.words);
        let place = if is_slot { format!("+{offset} | {address}") } else { format!("{address} | +{offset}") };
        let range = point.range.map_or_else(String::new, |(low, high)| format!("{low} to {high}"));
        let unit = point.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
        let more = match (&point.list, &point.bits) {
            (Some(list), _) => format!(" (numbers: {list})"),
            (None, Some(bits)) => format!(" (bits: {bits})"),
            (None, None) => String::new(),
        };
        let kind = match point.encoding {
            Encoding::Text | Encoding::Words => format!("{} × {}", point.words, point.encoding.as_str()),
            _ => point.encoding.as_str().to_owned(),
        };
        push(
            &mut text,
            format_args!("| {place} | {} | {kind}{unit} | {range} | {}{more} |", point.name, point.doc),
        );
    }
    text
}

/// One or two registers by number, more as a range.
fn registers(first: u32, words: u16) -> String {
    match words {
        1 => first.to_string(),
        2 => format!("{first}, {}", first + 1),
        _ => format!("{first} to {}", first + u32::from(words) - 1),
    }
}

fn bit_table(fields: &[BitField]) -> String {
    let mut text = "| bit | name | meaning |\n|---|---|---|\n".to_owned();
    for field in fields {
        let bits = if field.width == 1 {
            field.bit.to_string()
        } else {
            format!("{} to {}", field.bit, field.bit + field.width - 1)
        };
        let list = field.list.as_ref().map_or_else(String::new, |list| format!(" (numbers: {list})"));
        let of = if field.variants.is_empty() {
            String::new()
        } else {
            format!(" in {}", field.variants.join(", "))
        };
        push(&mut text, format_args!("| {bits} | {} | {}{list}{of} |", field.name, field.doc));
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile::load("wcs-sorter-hs").unwrap()
    }

    /// `UPDATE_README=1 cargo test -p wcs-specs prose` writes the tables into the prose.
    #[test]
    fn prose_tables_are_fresh() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/wcs-sorter-hs/README.md");
        let prose = std::fs::read_to_string(file).unwrap();
        let fresh = refreshed(&prose, &profile()).unwrap();
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::write(file, &fresh).unwrap();
        }
        let written = std::fs::read_to_string(file).unwrap();
        assert!(
            written == fresh,
            "the tables in wcs-sorter-hs/README.md are stale: UPDATE_README=1 cargo test -p wcs-specs prose"
        );
    }

    #[test]
    fn prose_is_compiled_in() {
        assert!(prose_of("wcs-sorter-hs").unwrap().contains("30016"));
        assert_eq!(prose_of("other"), None);
    }

    #[test]
    fn a_missing_table_is_named() {
        let whole = prose_of("wcs-sorter-hs").unwrap();
        let without = whole.replace("<!-- table: block header -->", "");
        let error = refreshed(&without, &profile()).unwrap_err();
        assert_eq!(error, ProseError::Missing { names: "block header".into() });
    }

    #[test]
    fn a_stale_table_is_made_anew() {
        let whole = prose_of("wcs-sorter-hs").unwrap();
        let stale = whole.replace("| 11 | +11 | evt_head ", "| 12 | +12 | evt_head ");
        assert_ne!(stale, whole);
        assert_eq!(refreshed(&stale, &profile()), refreshed(whole, &profile()));
    }

    #[test]
    fn broken_markers_are_positioned() {
        let unknown = refreshed("a\n<!-- table: nothing -->\n<!-- end table -->\n", &profile());
        assert_eq!(unknown, Err(ProseError::UnknownTable { line: 2, name: "nothing".into() }));
        let unended =
            refreshed("<!-- table: blocks -->\n<!-- table: constants -->\n<!-- end table -->\n", &profile());
        assert_eq!(unended, Err(ProseError::Unended { line: 1, name: "blocks".into() }));
    }
}
