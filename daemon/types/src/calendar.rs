//! When a plant works: its time zone, when its business day begins, and its shifts. Plain data beside the [`Plant`], in
//! no journal: a shift table may change from one start to the next. Which instant belongs to which shift is answered
//! where time zones are known, not here.

use alloc::string::String;
use alloc::vec::Vec;

use crate::plant::Plant;

/// The calendar of a plant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Calendar {
    /// IANA time zone; empty stands for UTC.
    pub time_zone: String,
    /// Minute of the day at which a business day begins.
    pub day_start_minute: u16,
    /// Shifts, in the order of the plant file. None: the business day is one shift.
    pub shifts: Vec<ShiftSpec>,
}

/// One shift of the table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShiftSpec {
    /// Its name, of which there is one.
    pub name: String,
    /// Minute of the day at which it begins.
    pub start_minute: u16,
    /// Minute of the day at which it ends; not later than its start where it ends on the next day.
    pub end_minute: u16,
    /// Days on which it begins.
    pub days: Weekdays,
}

impl Calendar {
    /// The calendar of a plant without a shift table.
    pub fn of(plant: &Plant) -> Self {
        Self {
            time_zone: plant.time_zone.clone(),
            day_start_minute: plant.day_start_minute,
            shifts: Vec::new(),
        }
    }
}

/// A set of days of the week. Days are counted from Monday, which is 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);
    /// No day.
    pub const NONE: Self = Self(0);

    /// This set with a day more.
    #[must_use]
    pub fn with(self, day: u8) -> Self {
        Self(self.0 | (1 << (day % 7)))
    }

    /// True when the day is in the set.
    pub fn has(self, day: u8) -> bool {
        self.0 & (1 << (day % 7)) != 0
    }

    /// The days of the set, from Monday on.
    pub fn days(self) -> impl Iterator<Item = u8> {
        (0..7).filter(move |day| self.has(*day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_days_it_was_given() {
        let set = Weekdays::NONE.with(0).with(6);
        assert_eq!(set.days().collect::<Vec<u8>>(), [0, 6]);
        assert!(set.has(6) && !set.has(5));
        assert_eq!(Weekdays::ALL.days().count(), 7);
        assert_eq!(Weekdays::NONE.days().count(), 0);
    }
}
