//! Units as types. Raw numbers with a unit suffix appear only on wires, in SQL, TOML and metrics.
//! Core time is an integer, never a clock reading: it can be journaled, compared and replayed.

use core::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Nanos(pub u64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros * 1_000)
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// Whole microseconds, rounded down.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The shorter of two spans.
    #[must_use]
    pub const fn at_most(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }

    /// The span, `factor` times; stops at the largest value.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Core time: nanoseconds since the genesis of the journal. Never goes back.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct MonoTime(pub u64);

impl MonoTime {
    /// The genesis of the journal.
    pub const ZERO: Self = Self(0);
    /// Later than every instant that is ever reached.
    pub const NEVER: Self = Self(u64::MAX);

    /// Time passed since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// The earlier of two instants.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }

    /// The later of two instants.
    #[must_use]
    pub const fn later(self, other: Self) -> Self {
        if self.0 > other.0 { self } else { other }
    }
}

impl Add<Nanos> for MonoTime {
    type Output = Self;
    fn add(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Nanos> for MonoTime {
    fn add_assign(&mut self, span: Nanos) {
        *self = *self + span;
    }
}

impl Sub<Nanos> for MonoTime {
    type Output = Self;
    fn sub(self, span: Nanos) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// A length.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Millimeters(pub u32);

/// A mass.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Grams(pub u32);

/// A count of pieces of one sku.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Pieces(pub u32);

impl Add for Pieces {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("piece counts stay below the limit of one batch"))
    }
}

impl AddAssign for Pieces {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Pieces {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("no more pieces leave a count than entered it"))
    }
}

/// Travel of a belt as the PLC counts it: millimetres, wrapping at 2³². Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct BeltMm(pub u32);

impl BeltMm {
    /// Travel from `earlier` to here, modulo the wrap.
    #[must_use]
    pub const fn travel_since(self, earlier: Self) -> Millimeters {
        Millimeters(self.0.wrapping_sub(earlier.0))
    }

    /// True when this position lies at or beyond `mark` (less than half the wrap ahead of it).
    pub const fn has_reached(self, mark: Self) -> bool {
        self.0.wrapping_sub(mark.0) < 0x8000_0000
    }

    /// The position `travel` further on.
    #[must_use]
    pub const fn ahead(self, travel: Millimeters) -> Self {
        Self(self.0.wrapping_add(travel.0))
    }
}
