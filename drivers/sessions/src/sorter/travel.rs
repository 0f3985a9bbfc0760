//! Belt travel: when a point of the belt will be reached, and which watched positions have been. Distances
//! are judged on the belt counter; time follows from the speed of the newest header only.

use wcs_types::{BeltMm, Epoch, MonoTime, Nanos};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Positions watched at once. More: the new one is refused and counted.
const WATCHES_MAX: usize = 1_024;

/// Position and speed of the belt, as one header told them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BeltReading {
    pub(super) belt: BeltMm,
    pub(super) speed_mm_s: u16,
    /// When that header was asked for: the reading cannot be older than one PLC cycle before it.
    pub(super) sent_at: MonoTime,
}

impl BeltReading {
    /// The last instant at which a write helps an item whose decision point is `point`, with `margin` kept for
    /// the write and the PLC. `NEVER` while the belt stands short of the point.
    pub(super) fn last_instant(&self, point: BeltMm, margin: Nanos) -> MonoTime {
        if self.belt.has_reached(point) {
            return MonoTime::ZERO;
        }
        if self.speed_mm_s == 0 {
            return MonoTime::NEVER;
        }
        let travel = u64::from(point.travel_since(self.belt).0);
        let span = Nanos(travel * NANOS_PER_SECOND / u64::from(self.speed_mm_s));
        self.sent_at + span - margin
    }
}

/// Belt positions the core waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    plc_epoch: Epoch,
    positions: Vec<BeltMm>,
}

impl Watches {
    /// Watches a position of a PLC life. False when there are too many.
    pub(super) fn add(&mut self, plc_epoch: Epoch, at: BeltMm) -> bool {
        if self.plc_epoch != plc_epoch {
            self.positions.clear();
            self.plc_epoch = plc_epoch;
        }
        if self.positions.contains(&at) {
            return true;
        }
        if self.positions.len() >= WATCHES_MAX {
            return false;
        }
        self.positions.push(at);
        true
    }

    /// True once for every position that `belt` has reached in that life of the PLC.
    pub(super) fn take_reached(&mut self, plc_epoch: Epoch, belt: BeltMm) -> bool {
        if self.positions.is_empty() || self.plc_epoch != plc_epoch {
            return false;
        }
        let before = self.positions.len();
        self.positions.retain(|at| !belt.has_reached(*at));
        self.positions.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_instant_follows_travel_and_speed() {
        let reading =
            |belt, speed_mm_s| BeltReading { belt: BeltMm(belt), speed_mm_s, sent_at: MonoTime(1_000) };
        let margin = Nanos::from_millis(30);
        // (belt, speed, point, expected)
        let table = [
            (0, 2_000, 20_000, MonoTime(1_000) + Nanos::from_secs(10) - margin),
            (19_000, 2_000, 20_000, MonoTime(1_000) + Nanos::from_millis(470)),
            (20_000, 2_000, 20_000, MonoTime::ZERO),
            (20_001, 2_000, 20_000, MonoTime::ZERO),
            (5, 0, 20_000, MonoTime::NEVER),
            (20_001, 0, 20_000, MonoTime::ZERO),
            (u32::MAX - 999, 1_000, 1_000, MonoTime(1_000) + Nanos::from_millis(1_970)),
            (0, 1, 0x7FFF_FFFF, MonoTime(1_000) + Nanos::from_secs(0x7FFF_FFFF) - margin),
        ];
        for (belt, speed, point, expected) in table {
            assert_eq!(reading(belt, speed).last_instant(BeltMm(point), margin), expected, "belt {belt}");
        }
    }

    #[test]
    fn watch_fires_once_and_only_in_its_life() {
        let mut watches = Watches::default();
        assert!(watches.add(Epoch(3), BeltMm(100)));
        assert!(watches.add(Epoch(3), BeltMm(200)));
        assert!(!watches.take_reached(Epoch(3), BeltMm(99)));
        assert!(!watches.take_reached(Epoch(4), BeltMm(150)));
        assert!(watches.take_reached(Epoch(3), BeltMm(150)));
        assert!(!watches.take_reached(Epoch(3), BeltMm(160)));
        assert!(watches.take_reached(Epoch(3), BeltMm(200)));
    }
}
