//! Figures of the sorter at one instant: for progress lines, fault schedules and the ends of runs.

use wcs_types::{BeltMm, MonoTime};

use super::sorter::Sorter;

/// Figures of the sorter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counts {
    /// Instant the figures are of.
    pub at: MonoTime,
    /// Loads handed to the feed.
    pub fed: u64,
    /// Loads that came on the belt for the first time.
    pub inducted: u64,
    /// Times a load came on the belt again.
    pub reinducted: u64,
    /// Times a load went round.
    pub recirculated: u64,
    /// Loads that are final.
    pub finals: u64,
    /// Loads fed that are not final.
    pub unfinished: u64,
    /// Loads that have not come on the belt yet.
    pub queued: u64,
    /// Loads on the belt or on their way into a lane.
    pub on_belt: u64,
    /// Loads with people, or back in front of the induction.
    pub waiting: u64,
    /// Items the PLC tracks.
    pub items: u64,
    /// Everything fed is final.
    pub is_idle: bool,
    /// Belt counter.
    pub belt: BeltMm,
    /// Life of the PLC.
    pub plc_epoch: u16,
    /// Events the PLC keeps because nobody has acknowledged them.
    pub events_kept: u64,
}

impl Sorter {
    /// Figures as of the last `advance`.
    pub fn counts(&self) -> Counts {
        let on_belt = (self.occupancy.len() + self.diverting.len()) as u64;
        let unfinished = self.feed.fed - self.feed.finals;
        let queued = self.feed.queued();
        Counts {
            at: self.now,
            fed: self.feed.fed,
            inducted: self.inducted,
            reinducted: self.reinducted,
            recirculated: self.recirculated,
            finals: self.feed.finals,
            unfinished,
            queued,
            on_belt,
            waiting: unfinished - queued - on_belt,
            items: self.plc.items.count() as u64,
            is_idle: unfinished == 0,
            belt: BeltMm(self.belt.travel_at(self.now).belt_mm()),
            plc_epoch: self.plc.epoch,
            events_kept: self.plc.fifo.held() as u64,
        }
    }
}
