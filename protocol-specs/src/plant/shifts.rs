//! The shift table of a plant file: names, local times and days, and that no two shifts run at once. Hours without a
//! shift are allowed. A shift that ends at or before its start ends on the next day; one that begins and ends at the
//! same time is refused, because nobody can tell whether it is a day long or nothing.

use std::fmt::Write;

use wcs_types::limits::SHIFT_COUNT_MAX;
use wcs_types::{Calendar, ShiftSpec, Weekdays};

use crate::plant::{check_unique_ids, read_time};
use crate::section::{Place, Reading, Section, nearest};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_PER_DAY: u16 = 24 * 60;
const MINUTES_PER_WEEK: u16 = 7 * MINUTES_PER_DAY;
/// Letters of a name: it stands in reports and addresses.
const NAME_SIZE_MAX: usize = 32;

/// A shift and where it stands.
struct Entry {
    spec: ShiftSpec,
    place: Place,
}

/// Reads every `[[shift]]`, and reports what is wrong with each and with them together.
pub(super) fn read_shifts(reading: &mut Reading<'_>, top: &Section<'_, '_>) -> Vec<ShiftSpec> {
    let sections = top.sections(reading, "shift", "[[shift]]");
    if sections.len() > SHIFT_COUNT_MAX {
        let count = sections.len();
        let message = format!("the plant has {count} [[shift]]; at most {SHIFT_COUNT_MAX} can be kept");
        reading.report(&sections[SHIFT_COUNT_MAX].place, message);
        return Vec::new();
    }
    let entries: Vec<Entry> = sections.iter().filter_map(|section| read_shift(reading, section)).collect();
    let names = entries.iter().map(|entry| (entry.spec.name.as_str(), &entry.place));
    check_unique_ids(reading, "shift", names);
    check_overlaps(reading, &entries);
    entries.into_iter().map(|entry| entry.spec).collect()
}

fn read_shift(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<Entry> {
    section.check_keys(reading, &["name", "start", "end", "days"]);
    let name = section.text(reading, "name").and_then(|(name, place)| {
        let is_fit = name.chars().count() <= NAME_SIZE_MAX && !name.chars().any(char::is_control);
        if !is_fit {
            reading.report(
                &place,
                format!("`name` must be of 1 to {NAME_SIZE_MAX} letters, none of them unseen"),
            );
        }
        is_fit.then(|| name.to_owned())
    });
    let start = read_time(reading, section, "start");
    let end = read_time(reading, section, "end");
    let days = read_days(reading, section);
    let ((start_minute, _), (end_minute, end_place)) = (start?, end?);
    if start_minute == end_minute {
        let message = "the shift ends when it begins; for one shift a day leave the table out".to_owned();
        reading.report(&end_place, message);
        return None;
    }
    let spec = ShiftSpec { name: name?, start_minute, end_minute, days: days? };
    Some(Entry { spec, place: section.place.clone() })
}

fn read_days(reading: &mut Reading<'_>, section: &Section<'_, '_>) -> Option<Weekdays> {
    let Some((_, value)) = section.entries().find(|(key, _)| *key == "days") else {
        return Some(Weekdays::ALL);
    };
    let words = section.texts(reading, "days");
    if matches!(value.get_ref(), toml::de::DeValue::Array(list) if list.is_empty()) {
        reading.report(&value.span(), "`days` is empty: name a day, or leave the key out for all".to_owned());
    }
    let mut days = Weekdays::NONE;
    for (word, place) in words {
        let found = (0..7).zip(DAYS).find(|(_, name)| *name == word);
        match found {
            Some((day, _)) if days.has(day) => reading.report(&place, format!("`days` has `{word}` twice")),
            Some((day, _)) => days = days.with(day),
            None => {
                let near = nearest(word, DAYS);
                reading.report(&place, format!("there is no day `{word}`; the nearest is `{near}`"));
            }
        }
    }
    (days != Weekdays::NONE).then_some(days)
}

/// Reports each pair of shifts that run at once, at the later entry.
fn check_overlaps(reading: &mut Reading<'_>, entries: &[Entry]) {
    for (index, entry) in entries.iter().enumerate() {
        for before in &entries[..index] {
            let Some(day) = first_overlap(&before.spec, &entry.spec) else { continue };
            let (name, other, line) = (&entry.spec.name, &before.spec.name, reading.line(&before.place));
            let day = DAYS[usize::from(day)];
            reading.report(
                &entry.place,
                format!("the shift `{name}` of {day} runs at the same time as `{other}` on line {line}"),
            );
        }
    }
}

/// The first day on which `later` begins and runs while `earlier` does.
fn first_overlap(earlier: &ShiftSpec, later: &ShiftSpec) -> Option<u8> {
    later.days.days().find(|day| {
        let begin = u16::from(*day) * MINUTES_PER_DAY + later.start_minute;
        earlier.days.days().any(|other| {
            let other = u16::from(other) * MINUTES_PER_DAY + earlier.start_minute;
            begins_inside(begin, other, length(earlier)) || begins_inside(other, begin, length(later))
        })
    })
}

/// True when minute `at` of the week lies in what begins at `start` and takes `length`.
fn begins_inside(at: u16, start: u16, length: u16) -> bool {
    (at + MINUTES_PER_WEEK - start) % MINUTES_PER_WEEK < length
}

fn length(shift: &ShiftSpec) -> u16 {
    (shift.end_minute + MINUTES_PER_DAY - shift.start_minute) % MINUTES_PER_DAY
}

/// The shift table of a calendar as the text that stands behind the plant in a plant file.
pub fn shifts_toml(calendar: &Calendar) -> String {
    let mut text = String::new();
    for shift in &calendar.shifts {
        let name = toml::Value::String(shift.name.clone());
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let (start, end) = (time(shift.start_minute), time(shift.end_minute));
        write!(text, "\n[[shift]]\nname = {name}\nstart = \"{start}\"\nend = \"{end}\"\n")
            .expect("writing to a String cannot fail");
        if shift.days != Weekdays::ALL {
            let days: Vec<String> =
                shift.days.days().map(|day| format!("\"{}\"", DAYS[usize::from(day)])).collect();
            writeln!(text, "days = [{}]", days.join(", ")).expect("writing to a String cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load_calendar;

    const HEAD: &str = "[plant]\nid = 'p'\ntime_zone = 'Europe/Berlin'\nday_start = '06:00'\n";

    fn shift(name: &str, start: &str, end: &str, more: &str) -> String {
        format!("[[shift]]\nname = '{name}'\nstart = '{start}'\nend = '{end}'\n{more}\n")
    }

    fn problems(table: &str) -> Vec<String> {
        let found = load_calendar(&format!("{HEAD}{table}"), "plant.toml").unwrap_err();
        found.0.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
    }

    #[test]
    fn a_table_is_read_with_its_days() {
        let table =
            shift("early", "06:00", "14:00", "") + &shift("night", "22:00", "06:00", "days = ['sun', 'mon']");
        let calendar = load_calendar(&format!("{HEAD}{table}"), "plant.toml").unwrap();
        assert_eq!((calendar.time_zone.as_str(), calendar.day_start_minute), ("Europe/Berlin", 360));
        let [early, night] = &calendar.shifts[..] else { panic!("two shifts") };
        assert_eq!((early.name.as_str(), early.start_minute, early.end_minute), ("early", 360, 840));
        assert_eq!(early.days, Weekdays::ALL);
        assert_eq!((night.start_minute, night.end_minute), (1_320, 360));
        assert_eq!(night.days, Weekdays::NONE.with(6).with(0));
    }

    #[test]
    fn a_table_may_have_hours_without_a_shift_and_may_be_left_out() {
        assert_eq!(load_calendar(HEAD, "f").unwrap().shifts, []);
        let table = shift("a", "08:00", "12:00", "") + &shift("b", "13:00", "17:00", "");
        assert_eq!(load_calendar(&format!("{HEAD}{table}"), "f").unwrap().shifts.len(), 2);
    }

    #[test]
    fn shifts_that_touch_do_not_overlap() {
        let table = shift("a", "06:00", "14:00", "")
            + &shift("b", "14:00", "22:00", "")
            + &shift("c", "22:00", "06:00", "");
        assert!(load_calendar(&format!("{HEAD}{table}"), "f").is_ok());
    }

    #[test]
    fn overlaps_are_named_with_both_lines() {
        assert_eq!(
            problems(&(shift("a", "06:00", "14:00", "") + &shift("b", "13:59", "22:00", ""))),
            ["10: the shift `b` of mon runs at the same time as `a` on line 5"]
        );
        // Over midnight, and over the end of the week.
        assert_eq!(
            problems(
                &(shift("n", "22:00", "06:00", "days = ['sun']")
                    + &shift("m", "05:00", "09:00", "days = ['mon']"))
            ),
            ["10: the shift `m` of mon runs at the same time as `n` on line 5"]
        );
        let apart = shift("n", "22:00", "06:00", "days = ['sun']")
            + &shift("m", "05:00", "09:00", "days = ['tue', 'sun']");
        assert!(load_calendar(&format!("{HEAD}{apart}"), "f").is_ok());
    }

    #[test]
    fn each_problem_has_its_line() {
        let good = shift("a", "06:00", "14:00", "days = ['mon']");
        for (from, to, expected) in [
            (
                "name",
                "nam",
                "5: [[shift]] needs the key `name`|6: [[shift]] has no key `nam`; the nearest valid key is `name`",
            ),
            ("'06:00'", "'6:00'", "7: `start` must be a time from 00:00 to 23:59, not `6:00`"),
            ("'14:00'", "'24:00'", "8: `end` must be a time from 00:00 to 23:59, not `24:00`"),
            (
                "'14:00'",
                "'06:00'",
                "8: the shift ends when it begins; for one shift a day leave the table out",
            ),
            ("'mon'", "'mond'", "9: there is no day `mond`; the nearest is `mon`"),
            ("'mon'", "'mon', 'mon'", "9: `days` has `mon` twice"),
            ("['mon']", "[]", "9: `days` is empty: name a day, or leave the key out for all"),
            ("['mon']", "'mon'", "9: `days` must be a list, not a text"),
            ("'a'", "' '", "6: `name` must not be blank"),
        ] {
            assert_eq!(problems(&good.replacen(from, to, 1)).join("|"), expected, "{from} -> {to}");
        }
        let twice = shift("a", "06:00", "07:00", "") + &shift("a", "08:00", "09:00", "");
        assert_eq!(problems(&twice), ["10: the shift id `a` is used on line 5 already"]);
        let many: String =
            (0..25).map(|n| shift(&format!("s{n}"), &format!("00:{n:02}"), "00:59", "")).collect();
        assert_eq!(problems(&many), ["125: the plant has 25 [[shift]]; at most 24 can be kept"]);
    }

    #[test]
    fn a_plant_file_is_checked_with_its_shifts() {
        let plant = include_str!("../../../configs/plant.toml");
        let bad = format!("{plant}\n{}", shift("a", "06:00", "14:00", "day = ['mon']"));
        let found = crate::load_plant(&bad, "plant.toml").unwrap_err().to_string();
        assert!(found.contains("[[shift]] has no key `day`; the nearest valid key is `days`"), "{found}");
        // The table says nothing about what the plant is.
        let (begin, end) = (plant.find("[[shift]]").unwrap(), plant.find("[[link]]").unwrap());
        let without = format!("{}{}", &plant[..begin], &plant[end..]);
        assert_eq!(load_calendar(plant, "f").unwrap().shifts.len(), 3);
        assert_eq!(load_calendar(&without, "f").unwrap().shifts, []);
        assert_eq!(crate::load_plant(plant, "f").unwrap(), crate::load_plant(&without, "f").unwrap());
    }

    proptest! {
        #[test]
        fn a_table_survives_its_text(
            rows in prop::collection::vec((0_u16..60, 1_u16..60, 1_u8..128), 0..12),
        ) {
            // Each within two hours of its own, so that none overlaps.
            let mut shifts = Vec::new();
            for (at, (start, long, days)) in (0_u16..).zip(rows) {
                let days = (0..7).filter(|day| days & (1 << day) != 0).fold(Weekdays::NONE, Weekdays::with);
                let start_minute = at * 120 + start;
                shifts.push(ShiftSpec { name: format!("s\"{at}"), start_minute, end_minute: start_minute + long, days });
            }
            let calendar = Calendar { time_zone: "Europe/Berlin".into(), day_start_minute: 360, shifts };
            let text = format!("{HEAD}{}", shifts_toml(&calendar));
            let read = load_calendar(&text, "f").map_err(|found| TestCaseError::fail(format!("{found}\n{text}")))?;
            prop_assert_eq!(read, calendar);
        }
    }
}
