//! Sequence numbers. `EventSeq`, `CommandSeq` and `Epoch` are u16 serial numbers on the wire (RFC 1982;
//! exactly 32 768 apart counts as not newer). `Seq` numbers journal records and never wraps.

use serde::{Deserialize, Serialize};

const fn is_newer(a: u16, b: u16) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 0x8000
}

macro_rules! wire_sequence {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
        pub struct $name(pub u16);

        impl $name {
            /// The number that follows.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.wrapping_add(1))
            }

            /// The number `count` places further on.
            #[must_use]
            pub const fn plus(self, count: u16) -> Self {
                Self(self.0.wrapping_add(count))
            }

            /// Places from `earlier` to here, modulo the wrap.
            pub const fn distance_from(self, earlier: Self) -> u16 {
                self.0.wrapping_sub(earlier.0)
            }

            /// RFC 1982: true when this number comes after `other`.
            pub const fn is_newer_than(self, other: Self) -> bool {
                is_newer(self.0, other.0)
            }

            /// True when `low ≤ self ≤ high` going forward from `low`.
            pub const fn is_within(self, low: Self, high: Self) -> bool {
                self.distance_from(low) <= high.distance_from(low)
            }
        }
    };
}

wire_sequence! {
    /// Number of an event in the FIFO of a PLC.
    EventSeq
}
wire_sequence! {
    /// Number of a command in the ring of a PLC.
    CommandSeq
}

/// Number of a life: of a PLC since its start, or of an owner since it attached. 0 means never.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Epoch(pub u16);

impl Epoch {
    /// No life yet.
    pub const NONE: Self = Self(0);

    /// The next life; skips 0.
    #[must_use]
    pub const fn next(self) -> Self {
        let next = self.0.wrapping_add(1);
        Self(if next == 0 { 1 } else { next })
    }

    /// True when this life began after `other`; every life is newer than none.
    pub const fn is_newer_than(self, other: Self) -> bool {
        if other.0 == 0 { self.0 != 0 } else { self.0 != 0 && is_newer(self.0, other.0) }
    }
}

/// Position of a record in the journal; the first record is 1, 0 means "before the first".
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first record: an output that waits for it leaves at once.
    pub const NONE: Self = Self(0);

    /// The record that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_order_survives_the_wrap() {
        assert!(EventSeq(3).is_newer_than(EventSeq(65_530)));
        assert!(!EventSeq(65_530).is_newer_than(EventSeq(3)));
        assert!(!EventSeq(0).is_newer_than(EventSeq(0x8000)));
        assert!(!EventSeq(0x8000).is_newer_than(EventSeq(0)));
        assert!(EventSeq(2).is_within(EventSeq(65_534), EventSeq(4)));
        assert!(!EventSeq(5).is_within(EventSeq(65_534), EventSeq(4)));
    }

    #[test]
    fn epoch_skips_zero() {
        assert_eq!(Epoch(65_535).next(), Epoch(1));
        assert!(Epoch(1).is_newer_than(Epoch::NONE));
        assert!(!Epoch::NONE.is_newer_than(Epoch(1)));
    }
}
