//! Which business day and which shift an instant belongs to. Everything is compared as instants, so that the hour that
//! comes twice in autumn belongs to one day and one shift, and the hour that is left out in spring to none.
//!
//! A local time that comes twice means its first coming; one that is left out means the instant of the change. A shift
//! that begins and ends in the hour that is left out does not take place. A shift belongs to the business day in which it
//! begins.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};
use wcs_types::{Calendar, ShiftSpec, Weekdays};

/// Name of the only shift of a plant without a shift table.
pub const WHOLE_DAY: &str = "day";
/// Days that are looked at for the next or the last shift: a shift is a day of the week at most away, and may not take
/// place once because of a change of the clocks.
const DAYS_LOOKED_AT: i64 = 15;

/// A business day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BusinessDay {
    /// The local date on which it begins: its name.
    pub date: Date,
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant of the next.
    pub end: Timestamp,
}

/// A shift of a business day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shift {
    /// Name in the table.
    pub name: String,
    /// The business day it belongs to.
    pub day: Date,
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant behind it.
    pub end: Timestamp,
}

impl Shift {
    /// True while it takes place.
    pub fn is_on(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// The time zone of a calendar is not one this machine knows.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the time zone `{0}` is not known on this machine")]
pub struct UnknownZone(pub String);

/// A calendar that can be asked.
#[derive(Clone, Debug)]
pub struct Times {
    zone: TimeZone,
    zone_name: String,
    day_start: Time,
    shifts: Vec<ShiftSpec>,
}

impl Times {
    /// The times of a calendar.
    ///
    /// # Errors
    /// Its time zone is not known here.
    pub fn new(calendar: &Calendar) -> Result<Self, UnknownZone> {
        let zone_name = if calendar.time_zone.is_empty() { "UTC" } else { &calendar.time_zone };
        let zone = TimeZone::get(zone_name).map_err(|_| UnknownZone(zone_name.to_owned()))?;
        let mut shifts = calendar.shifts.clone();
        if shifts.is_empty() {
            let start = calendar.day_start_minute;
            let name = WHOLE_DAY.to_owned();
            shifts.push(ShiftSpec { name, start_minute: start, end_minute: start, days: Weekdays::ALL });
        }
        Ok(Self { zone, zone_name: zone_name.to_owned(), day_start: time(calendar.day_start_minute), shifts })
    }

    /// Name of the time zone.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The business day an instant belongs to.
    pub fn business_day(&self, at: Timestamp) -> BusinessDay {
        let today = self.local_date(at);
        // The day that began yesterday, today, or (where midnight itself comes twice) only tomorrow by name.
        let begun = [1, 0, -1].into_iter().filter_map(|back| date_plus(today, back));
        let date = begun.into_iter().find(|date| self.instant(*date, self.day_start) <= at);
        self.day(date.unwrap_or_else(|| date_plus(today, -1).unwrap_or(today)))
    }

    /// The business day of a date.
    pub fn day(&self, date: Date) -> BusinessDay {
        let next = date_plus(date, 1).unwrap_or(date);
        let (start, end) = (self.instant(date, self.day_start), self.instant(next, self.day_start));
        BusinessDay { date, start, end }
    }

    /// The shift that takes place at an instant.
    pub fn shift_at(&self, at: Timestamp) -> Option<Shift> {
        let today = self.local_date(at);
        (-1..=1)
            .filter_map(|days| date_plus(today, days))
            .flat_map(|date| self.beginning_on(date))
            .find(|shift| shift.is_on(at))
    }

    /// The first shift that begins after an instant.
    pub fn next_shift(&self, at: Timestamp) -> Option<Shift> {
        let today = self.local_date(at);
        (-1..=DAYS_LOOKED_AT)
            .filter_map(|days| date_plus(today, days))
            .flat_map(|date| self.beginning_on(date))
            .filter(|shift| shift.start > at)
            .min_by_key(|shift| shift.start)
    }

    /// The last shift that ended at an instant or before.
    pub fn last_shift(&self, at: Timestamp) -> Option<Shift> {
        let today = self.local_date(at);
        (-DAYS_LOOKED_AT..=1)
            .filter_map(|days| date_plus(today, days))
            .flat_map(|date| self.beginning_on(date))
            .filter(|shift| shift.end <= at)
            .max_by_key(|shift| shift.end)
    }

    /// The last shift of this name that began at an instant or before.
    pub fn last_begun(&self, name: &str, at: Timestamp) -> Option<Shift> {
        let today = self.local_date(at);
        (-DAYS_LOOKED_AT..=1)
            .filter_map(|days| date_plus(today, days))
            .flat_map(|date| self.beginning_on(date))
            .filter(|shift| shift.name == name && shift.start <= at)
            .max_by_key(|shift| shift.start)
    }

    /// The shift of this name that belongs to a business day; `None` when it does not take place on that day.
    pub fn shift_of(&self, day: Date, name: &str) -> Option<Shift> {
        (0..=1)
            .filter_map(|days| date_plus(day, days))
            .flat_map(|date| self.beginning_on(date))
            .find(|shift| shift.day == day && shift.name == name)
    }

    /// The shifts of a business day, first to last.
    pub fn shifts_of(&self, day: Date) -> Vec<Shift> {
        let mut shifts: Vec<Shift> = (0..=1)
            .filter_map(|days| date_plus(day, days))
            .flat_map(|date| self.beginning_on(date))
            .filter(|shift| shift.day == day)
            .collect();
        shifts.sort_by_key(|shift| shift.start);
        shifts
    }

    /// The shifts that begin on a local date.
    fn beginning_on(&self, date: Date) -> Vec<Shift> {
        let weekday = date.weekday().to_monday_zero_offset().unsigned_abs();
        let on_this_day = self.shifts.iter().filter(|shift| shift.days.has(weekday));
        let shifts = on_this_day.filter_map(|spec| {
            let ends_next_day = spec.end_minute <= spec.start_minute;
            let end_date = if ends_next_day { date_plus(date, 1)? } else { date };
            let start = self.instant(date, time(spec.start_minute));
            let end = self.instant(end_date, time(spec.end_minute));
            let day = self.business_day(start).date;
            (start < end).then(|| Shift { name: spec.name.clone(), day, start, end })
        });
        shifts.collect()
    }

    fn local_date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// The instant a local time stands for. Never earlier for a later local time, whatever the clocks do.
    fn instant(&self, date: Date, time: Time) -> Timestamp {
        let local = DateTime::from_parts(date, time);
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let change = match ambiguous.offset() {
            AmbiguousOffset::Gap { after, .. } => {
                let before_it = after.to_timestamp(local).ok();
                before_it.and_then(|before_it| {
                    self.zone.following(before_it).next().map(|change| change.timestamp())
                })
            }
            _ => None,
        };
        // Only a date at the ends of the calendar has no instant.
        change.or_else(|| ambiguous.compatible().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

fn date_plus(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().days(days)).ok()
}

/// A minute of the day as a time; minutes behind the last count as the last.
fn time(minute: u16) -> Time {
    let minute = minute.min(24 * 60 - 1);
    let (hours, minutes) = ((minute / 60) as i8, (minute % 60) as i8);
    Time::constant(hours, minutes, 0, 0)
}

#[cfg(test)]
mod tests;
