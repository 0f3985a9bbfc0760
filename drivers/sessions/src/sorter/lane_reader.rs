//! Lane bitmaps: reads them in as few exchanges as the protocol allows and tells when they changed.

use wcs_specs::SorterMap;
use wcs_types::{LaneSet, MonoTime};

/// Registers one read may ask for.
const READ_MAX: u16 = 125;

/// The three sets of lanes a PLC reports.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Lanes {
    pub(super) ready: LaneSet,
    pub(super) full: LaneSet,
    pub(super) fault: LaneSet,
}

/// Reading of the bitmaps under way, and the last complete one.
#[derive(Clone, Debug, Default)]
pub(super) struct LaneReader {
    image: Vec<u16>,
    step: usize,
    lanes: Option<Lanes>,
    generation: u16,
    generation_started: u16,
    read_at: MonoTime,
}

impl LaneReader {
    /// Forgets everything: a new device or a new life of it.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The next read: offset in the block and registers.
    pub(super) fn next_read(&self, map: &SorterMap, lane_words: u16) -> (u16, u16) {
        let plan = plan(map, lane_words);
        plan[self.step.min(plan.len() - 1)]
    }

    /// Takes the answer to the read begun at `sent_at`; true when all bitmaps are there.
    pub(super) fn take(
        &mut self,
        map: &SorterMap,
        lane_words: u16,
        (sent_at, lane_gen): (MonoTime, u16),
        words: &[u16],
    ) -> bool {
        let plan = plan(map, lane_words);
        let step = self.step.min(plan.len() - 1);
        if step == 0 {
            self.generation_started = lane_gen;
            self.image = vec![0; usize::from(map.lanes_block.count)];
        }
        let (start, count) = plan[step];
        let (start, count) = (usize::from(start), usize::from(count));
        if let (Some(place), Some(source)) = (self.image.get_mut(start..start + count), words.get(..count)) {
            place.copy_from_slice(source);
        }
        self.step = step + 1;
        if self.step < plan.len() {
            return false;
        }
        self.step = 0;
        self.read_at = sent_at;
        self.generation = self.generation_started;
        let set =
            |at: usize| LaneSet::from_words(self.image.get(at..at + usize::from(lane_words)).unwrap_or(&[]));
        self.lanes = Some(Lanes {
            ready: set(map.lanes.lane_ready),
            full: set(map.lanes.lane_full),
            fault: set(map.lanes.lane_fault),
        });
        true
    }

    /// A read was not answered: the bitmaps are read from the start.
    pub(super) fn restart(&mut self) {
        self.step = 0;
    }

    /// The last complete reading.
    pub(super) fn lanes(&self) -> Option<&Lanes> {
        self.lanes.as_ref()
    }

    /// True in the middle of a reading.
    pub(super) fn is_under_way(&self) -> bool {
        self.step > 0
    }

    /// The `lane_gen` that the last reading belongs to.
    pub(super) fn generation(&self) -> u16 {
        self.generation
    }

    /// When the last reading was complete.
    pub(super) fn read_at(&self) -> MonoTime {
        self.read_at
    }
}

/// Reads that cover the used part of the three bitmaps, neighbours joined where one read can hold them.
fn plan(map: &SorterMap, lane_words: u16) -> Vec<(u16, u16)> {
    let mut reads: Vec<(u16, u16)> = Vec::with_capacity(3);
    for start in [map.lanes.lane_ready, map.lanes.lane_full, map.lanes.lane_fault] {
        let start = start as u16;
        match reads.last_mut() {
            Some((first, count)) if start >= *first && start + lane_words - *first <= READ_MAX => {
                *count = start + lane_words - *first;
            }
            _ => reads.push((start, lane_words)),
        }
    }
    reads
}
