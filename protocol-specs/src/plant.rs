//! Plant files: from the text a controls engineer writes to a checked [`Plant`], with every problem at once and
//! its line; and back to text. The shift table is checked with the plant and becomes a [`Calendar`] of its own, since
//! the plant stands in every journal and shifts do not. Opens no file and no connection, so an address is checked for
//! its form only.

mod chutes;
mod lines;
mod shifts;
mod writing;

use wcs_types::ids::LineId;
use wcs_types::limits::{CHUTE_COUNT_MAX, LINE_COUNT_MAX};
use wcs_types::{Calendar, ChuteKind, ChuteSpec, Plant};

use crate::problem::Problems;
use crate::section::{Place, Reading, Section};

pub use shifts::shifts_toml;
pub use writing::plant_toml;

/// Reads the text of a plant file; `file` names it in problems.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn load_plant(text: &str, file: &str) -> Result<Plant, Problems> {
    let mut reading = Reading::new(text, file);
    let plant = read_plant(&mut reading);
    match plant {
        Some(plant) if reading.is_clean() => Ok(plant),
        _ => Err(reading.into_problems()),
    }
}

/// Reads when the plant works: time zone, beginning of the business day, and the shift table. The rest of the file is
/// [`load_plant`]'s.
///
/// # Errors
/// Everything that is wrong with these parts, by line.
pub fn load_calendar(text: &str, file: &str) -> Result<Calendar, Problems> {
    let mut reading = Reading::new(text, file);
    let calendar = read_calendar(&mut reading);
    match calendar {
        Some(calendar) if reading.is_clean() => Ok(calendar),
        _ => Err(reading.into_problems()),
    }
}

fn read_calendar(reading: &mut Reading<'_>) -> Option<Calendar> {
    let document = reading.document()?;
    let top = Section::top(&document);
    let head = read_head(reading, &top);
    let shifts = shifts::read_shifts(reading, &top);
    let (_, time_zone, day_start_minute) = head?;
    Some(Calendar { time_zone, day_start_minute, shifts })
}

fn read_plant(reading: &mut Reading<'_>) -> Option<Plant> {
    let document = reading.document()?;
    let top = Section::top(&document);
    top.check_keys(reading, &["plant", "link", "line", "chute", "shift"]);
    let head = read_head(reading, &top);
    shifts::read_shifts(reading, &top);
    let links = lines::read_links(reading, &top);
    let lines = lines::read_lines(reading, &top, &links);
    let names: Vec<&str> = lines.iter().filter_map(|line| line.id.as_deref()).collect();
    let entries = chutes::read_entries(reading, &top, &names);
    chutes::check_entries(reading, &entries);
    for line in &lines {
        check_special_chutes(reading, line, &entries);
    }
    let chute_count: usize = entries.iter().map(chutes::Entry::chute_count).sum();
    let counts = [
        ("[[link]]", links.len(), LINE_COUNT_MAX),
        ("[[line]]", lines.len(), LINE_COUNT_MAX),
        ("chutes", chute_count, CHUTE_COUNT_MAX),
    ];
    for (what, count, most) in counts {
        if count > most {
            reading.report(&(0..0), format!("the plant has {count} {what}; at most {most} can be driven"));
        }
        if count == 0 {
            reading.report(&(0..0), format!("the plant has no {what}"));
        }
    }
    if !reading.is_clean() {
        return None;
    }
    let (id, time_zone, day_start_minute) = head?;
    let mut plant = Plant { id, time_zone, day_start_minute, ..Plant::default() };
    for link in links {
        plant.links.push(link.spec?);
    }
    for line in lines {
        plant.lines.push(line.spec?);
    }
    for entry in entries {
        plant.chutes.extend(entry.chutes()?);
    }
    order_chutes(&mut plant);
    Some(plant)
}

/// Sorts chutes by line, then by lowest lane, and notes the highest lane of each line.
fn order_chutes(plant: &mut Plant) {
    plant.chutes.sort_by_key(|chute: &ChuteSpec| (chute.line, chute.lanes.first().copied()));
    for (index, line) in plant.lines.iter_mut().enumerate() {
        let id = LineId(u16::try_from(index).expect("a plant has at most LINE_COUNT_MAX lines"));
        let lanes = plant.chutes.iter().filter(|chute| chute.line == id).flat_map(|chute| &chute.lanes);
        line.lane_max = lanes.copied().max().unwrap_or_default();
    }
}

fn read_head(reading: &mut Reading<'_>, top: &Section<'_, '_>) -> Option<(String, String, u16)> {
    let head = top.section(reading, "plant", "[plant]")?;
    head.check_keys(reading, &["id", "time_zone", "day_start"]);
    let id = head.text(reading, "id");
    let zone = head.text(reading, "time_zone");
    if let Some((name, place)) = &zone
        && jiff::tz::TimeZone::get(name).is_err()
    {
        let message =
            format!("`time_zone` must be an IANA name this machine knows, as Asia/Seoul, not `{name}`");
        reading.report(place, message);
    }
    let start = read_time(reading, &head, "day_start");
    Some((id?.0.to_owned(), zone?.0.to_owned(), start?.0))
}

/// A time of day that must be there, as the minute of the day.
fn read_time(reading: &mut Reading<'_>, section: &Section<'_, '_>, key: &str) -> Option<(u16, Place)> {
    let (text, place) = section.text(reading, key)?;
    let minute = minute_of_day(text);
    if minute.is_none() {
        reading.report(&place, format!("`{key}` must be a time from 00:00 to 23:59, not `{text}`"));
    }
    Some((minute?, place))
}

fn minute_of_day(text: &str) -> Option<u16> {
    let [h, hh, b':', m, mm] = text.as_bytes() else { return None };
    let digits = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit())
            .then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
    };
    let (hours, minutes) = (digits(h, hh)?, digits(m, mm)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// A sorter needs a place for what it cannot read and one for what needs a person.
fn check_special_chutes(reading: &mut Reading<'_>, line: &lines::RawLine, entries: &[chutes::Entry]) {
    let Some(id) = line.id.as_deref() else { return };
    for (kind, word) in [(ChuteKind::NoRead, "no_read"), (ChuteKind::Exception, "exception")] {
        // An entry whose kind could not be read may be the one: its own problem is enough.
        let has =
            entries.iter().any(|entry| entry.line_name == id && entry.kind.is_none_or(|found| found == kind));
        if !has {
            reading.report(&line.place, format!("sorter `{id}` needs a chute of kind {word}"));
        }
    }
}

/// Reports an id that an earlier entry of the same section has.
fn check_unique_ids<'p>(
    reading: &mut Reading<'_>,
    title: &str,
    ids: impl Iterator<Item = (&'p str, &'p Place)>,
) {
    let mut seen: std::collections::BTreeMap<&str, u32> = std::collections::BTreeMap::new();
    for (id, place) in ids {
        let line = reading.line(place);
        if let Some(first) = seen.get(id) {
            reading.report(place, format!("the {title} id `{id}` is used on line {first} already"));
        } else {
            seen.insert(id, line);
        }
    }
}

#[cfg(test)]
mod tests;
