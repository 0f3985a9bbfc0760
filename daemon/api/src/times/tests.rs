//! Business days and shifts over changes of the clocks. Instants are written in UTC, so that nothing of the code under
//! test stands on both sides.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// A calendar of shifts as `name start end days`, days as digits from Monday 0, or none for all.
fn times(zone: &str, day_start: u16, shifts: &[(&str, u16, u16, &[u8])]) -> Times {
    let shifts = shifts.iter().map(|(name, start, end, days)| ShiftSpec {
        name: (*name).to_owned(),
        start_minute: *start,
        end_minute: *end,
        days: if days.is_empty() {
            Weekdays::ALL
        } else {
            days.iter().copied().fold(Weekdays::NONE, Weekdays::with)
        },
    });
    let calendar =
        Calendar { time_zone: zone.to_owned(), day_start_minute: day_start, shifts: shifts.collect() };
    Times::new(&calendar).unwrap()
}

const H: u16 = 60;
const THREE: &[(&str, u16, u16, &[u8])] =
    &[("early", 6 * H, 14 * H, &[]), ("late", 14 * H, 22 * H, &[]), ("night", 22 * H, 6 * H, &[])];

/// Length in hours.
fn hours(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()) / 3_600
}

#[test]
fn a_day_begins_at_its_hour_and_not_at_midnight() {
    let times = times("Asia/Seoul", 6 * H, &[]);
    let day = times.business_day(at("2026-11-24T20:59:59Z")); // 05:59:59 in Seoul, on the 25th
    assert_eq!(day.date, date("2026-11-24"));
    assert_eq!((day.start, day.end), (at("2026-11-23T21:00:00Z"), at("2026-11-24T21:00:00Z")));
    assert_eq!(times.business_day(at("2026-11-24T21:00:00Z")).date, date("2026-11-25"));
}

#[test]
fn without_a_table_the_day_is_one_shift() {
    let times = times("Asia/Seoul", 6 * H, &[]);
    let shift = times.shift_at(at("2026-11-25T00:00:00Z")).unwrap();
    assert_eq!((shift.name.as_str(), shift.day), (WHOLE_DAY, date("2026-11-25")));
    assert_eq!((shift.start, shift.end), (at("2026-11-24T21:00:00Z"), at("2026-11-25T21:00:00Z")));
}

#[test]
fn a_day_is_23_hours_in_spring_and_25_in_autumn() {
    let times = times("Europe/Berlin", 6 * H, THREE);
    let length = |day: &str| {
        let day = times.day(date(day));
        hours(day.start, day.end)
    };
    assert_eq!(length("2026-03-28"), 23);
    assert_eq!(length("2026-03-29"), 24);
    assert_eq!(length("2026-10-24"), 25);
    assert_eq!(length("2026-10-25"), 24);
}

#[test]
fn the_night_shift_is_short_in_spring_and_long_in_autumn() {
    let times = times("Europe/Berlin", 6 * H, THREE);
    let spring = times.shift_at(at("2026-03-29T00:30:00Z")).unwrap();
    assert_eq!((spring.name.as_str(), spring.day), ("night", date("2026-03-28")));
    assert_eq!((spring.start, spring.end), (at("2026-03-28T21:00:00Z"), at("2026-03-29T04:00:00Z")));
    let autumn = times.shift_at(at("2026-10-25T00:30:00Z")).unwrap();
    assert_eq!((autumn.name.as_str(), autumn.day), ("night", date("2026-10-24")));
    assert_eq!((autumn.start, autumn.end), (at("2026-10-24T20:00:00Z"), at("2026-10-25T05:00:00Z")));
    // Both comings of half past two belong to it.
    for twice in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        assert_eq!(times.shift_at(at(twice)).as_ref(), Some(&autumn));
    }
    // Seoul does not change its clocks.
    let seoul = self::times("Asia/Seoul", 6 * H, THREE);
    for day in ["2026-03-28", "2026-10-24"] {
        let night = seoul.shift_of(date(day), "night").unwrap();
        assert_eq!(hours(night.start, night.end), 8);
    }
}

#[test]
fn a_limit_that_comes_twice_means_its_first_coming() {
    // Autumn: 02:30 comes at 00:30 UTC and at 01:30 UTC.
    let times =
        times("Europe/Berlin", 6 * H, &[("a", 22 * H, 2 * H + 30, &[]), ("b", 2 * H + 30, 5 * H, &[])]);
    let name = |instant: &str| times.shift_at(at(instant)).unwrap().name;
    assert_eq!(name("2026-10-25T00:29:59Z"), "a");
    assert_eq!(name("2026-10-25T00:30:00Z"), "b");
    assert_eq!(name("2026-10-25T01:29:59Z"), "b"); // 02:29:59 again
}

#[test]
fn a_limit_that_is_left_out_is_the_instant_of_the_change() {
    // Spring: 02:00 to 03:00 is left out at 01:00 UTC.
    let times = times(
        "Europe/Berlin",
        6 * H,
        &[
            ("a", 22 * H, 2 * H + 30, &[]),
            ("gone", 2 * H + 30, 2 * H + 45, &[]),
            ("b", 2 * H + 45, 5 * H, &[]),
        ],
    );
    let name = |instant: &str| times.shift_at(at(instant)).map(|shift| shift.name);
    assert_eq!(name("2026-03-29T00:59:59Z").as_deref(), Some("a"));
    assert_eq!(name("2026-03-29T01:00:00Z").as_deref(), Some("b"));
    assert_eq!(times.shift_of(date("2026-03-28"), "gone"), None);
    assert!(times.shift_of(date("2026-03-27"), "gone").is_some());
}

#[test]
fn a_business_day_that_begins_in_the_hour_left_out_begins_at_the_change() {
    let times = times("Europe/Berlin", 2 * H + 30, &[]);
    assert_eq!(times.day(date("2026-03-29")).start, at("2026-03-29T01:00:00Z"));
    assert_eq!(times.business_day(at("2026-03-29T00:59:59Z")).date, date("2026-03-28"));
    assert_eq!(times.business_day(at("2026-03-29T01:00:00Z")).date, date("2026-03-29"));
    // And in the hour that comes twice, with its first coming.
    assert_eq!(times.business_day(at("2026-10-25T00:29:59Z")).date, date("2026-10-24"));
    assert_eq!(times.business_day(at("2026-10-25T00:30:00Z")).date, date("2026-10-25"));
    assert_eq!(times.business_day(at("2026-10-25T01:15:00Z")).date, date("2026-10-25"));
}

#[test]
fn every_minute_of_a_change_has_one_day_and_one_shift() {
    let times = times("Europe/Berlin", 6 * H, THREE);
    for start in ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"] {
        let mut before: Option<Shift> = None;
        for minute in 0..48 * 60 {
            let instant = at(start) + Span::new().minutes(minute);
            let day = times.business_day(instant);
            assert!(day.start <= instant && instant < day.end, "{instant}");
            let shift = times.shift_at(instant).unwrap();
            assert!(day.start <= shift.start && shift.end <= day.end && shift.day == day.date, "{instant}");
            if let Some(before) = before.filter(|before| *before != shift) {
                assert_eq!((before.end, shift.start), (instant, instant));
            }
            before = Some(shift);
        }
    }
}

#[test]
fn a_shift_belongs_to_the_business_day_in_which_it_begins() {
    // A plant whose days change at midnight, and whose night shift does not.
    let times = times("Asia/Seoul", 0, &[("night", 22 * H, 6 * H, &[])]);
    let at_two = at("2026-11-24T17:00:00Z"); // 02:00 on the 25th
    assert_eq!(times.business_day(at_two).date, date("2026-11-25"));
    assert_eq!(times.shift_at(at_two).unwrap().day, date("2026-11-24"));
    // One that begins after midnight, in a day that began the evening before by name.
    let times = self::times("Asia/Seoul", 6 * H, &[("early", 4 * H, 9 * H, &[])]);
    let shift = times.shift_at(at("2026-11-24T20:00:00Z")).unwrap(); // 05:00 on the 25th
    assert_eq!(shift.day, date("2026-11-24"));
    assert_eq!(times.shift_of(date("2026-11-24"), "early"), Some(shift.clone()));
    assert_eq!(times.shifts_of(date("2026-11-24")), [shift]);
}

#[test]
fn next_and_last_look_over_days_without_a_shift() {
    // Monday to Friday.
    let times = times("Asia/Seoul", 6 * H, &[("early", 6 * H, 14 * H, &[0, 1, 2, 3, 4])]);
    let saturday = at("2026-11-28T03:00:00Z");
    assert_eq!(times.shift_at(saturday), None);
    assert_eq!(times.next_shift(saturday).unwrap().day, date("2026-11-30"));
    assert_eq!(times.last_shift(saturday).unwrap().day, date("2026-11-27"));
    let inside = at("2026-11-30T00:00:00Z");
    assert_eq!(times.shift_at(inside).unwrap().day, date("2026-11-30"));
    assert_eq!(times.next_shift(inside).unwrap().day, date("2026-12-01"));
    assert_eq!(times.last_shift(inside).unwrap().day, date("2026-11-27"));
    assert_eq!(times.shift_of(date("2026-11-28"), "early"), None);
    assert_eq!(times.last_begun("early", inside).unwrap().day, date("2026-11-30"));
    assert_eq!(times.last_begun("early", saturday).unwrap().day, date("2026-11-27"));
    assert_eq!(times.last_begun("late", inside), None);
}

#[test]
fn an_unknown_zone_is_refused_and_an_empty_one_is_utc() {
    let calendar = |zone: &str| Calendar { time_zone: zone.to_owned(), ..Calendar::default() };
    assert_eq!(Times::new(&calendar("Mars/Base")).unwrap_err(), UnknownZone("Mars/Base".to_owned()));
    assert_eq!(Times::new(&calendar("")).unwrap().zone_name(), "UTC");
}
