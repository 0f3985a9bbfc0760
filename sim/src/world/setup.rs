//! What a simulated sorter is made of: lanes, lengths, rates, people and the settings of its PLC; and the check
//! that such a sorter can exist. `Geometry` is the same in travel units, for everything that asks where.

use thiserror::Error;
use wcs_specs::{ProfileError, SorterMap, SorterWords};
use wcs_types::limits::LANE_COUNT_MAX;
use wcs_types::plant::BlockBases;
use wcs_types::{ChuteKind, Nanos};

use super::belt::Travel;

/// A sorter as it is ordered. Lengths in mm, times in plant time: `speed` divides people's delays and multiplies
/// belt and feed, never a time of the protocol.
#[derive(Clone, Debug)]
pub struct SorterSetup {
    /// Kind of each lane; lane L is entry L−1. The last lane is the exception lane.
    pub lanes: Vec<ChuteKind>,
    /// Travel of one loop; 0 is a line that ends at its last lane.
    pub loop_mm: u32,
    /// From the induction to the scanner.
    pub induction_mm: u32,
    /// From the scanner to the decision point of lane 1.
    pub first_lane_mm: u32,
    /// Between the decision points of neighbouring lanes.
    pub lane_pitch_mm: u32,
    /// From a decision point to the eye of the lane.
    pub divert_mm: u32,
    /// Belt speed of the plant, mm/s.
    pub belt_mm_s: u32,
    /// Belt counter at time zero.
    pub belt_start_mm: u32,
    /// Length of a load.
    pub load_length_mm: u32,
    /// Least gap between loads.
    pub gap_mm: u32,
    /// Loads a lane holds until its full eye is covered.
    pub lane_capacity: u32,
    /// Loads per hour of plant time the feed offers.
    pub feed_per_hour: u32,
    /// Loads per pass the PLC sends round at most.
    pub max_recirc: u16,
    /// People at the sorter.
    pub people: PeopleSetup,
    /// The PLC.
    pub plc: PlcSetup,
    /// Seed of everything drawn by lot.
    pub seed: u64,
    /// Factor between plant time and simulator time, at least 1.
    pub speed: u32,
}

/// Delays and habits of the people, in plant time.
#[derive(Clone, Debug)]
pub struct PeopleSetup {
    /// Until the chute operator reacts to a closed lane.
    pub lamp: Nanos,
    /// To swap the box of a lane.
    pub swap: Nanos,
    /// Until the exception operator takes a load out of a lane.
    pub take: Nanos,
    /// Most that is added to `take`, by lot.
    pub take_jitter: Nanos,
    /// Between local reset and start after a restart of the PLC.
    pub start: Nanos,
    /// Until an idle sorter with its permit on gets the next group without having seen the permit rise.
    pub patience: Nanos,
    /// The exception operator books loads by hand on the screen.
    pub may_hand_sort: bool,
    /// Attempt from which on the exception operator asks to sort by hand.
    pub hand_sort_from: u32,
    /// Attempts after which a load goes on the shelf.
    pub attempts_max: u32,
}

/// Settings of the PLC.
#[derive(Clone, Debug)]
pub struct PlcSetup {
    /// Modbus unit it answers as.
    pub unit: u8,
    /// Where register blocks are moved to.
    pub bases: BlockBases,
    /// Logic cycle; 0 handles each request at once (benchmarks only).
    pub cycle_ms: u16,
    /// Slots of the event window, a power of two from 16 to 512.
    pub evt_slots: u16,
    /// Slots of the command ring, a power of two from 16 to 512.
    pub cmd_slots: u16,
    /// Places of the FIFO; `None` is what the profile demands.
    pub fifo_size: Option<u16>,
    /// Inductions, 1 to 15; they merge at one point.
    pub induction_count: u16,
    /// The first life.
    pub first_epoch: u16,
    /// Sequence of the first event of a life.
    pub first_event_seq: u16,
    /// Sequence of the first command.
    pub first_command_seq: u16,
    /// The FIFO survives a restart.
    pub is_fifo_retentive: bool,
    /// The item table survives a restart.
    pub are_items_retentive: bool,
    /// Time every answer takes at least.
    pub reply_delay: Nanos,
}

/// Why a sorter cannot be built as ordered.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum SetupError {
    #[error("a sorter has 1 to {LANE_COUNT_MAX} lanes, not {found}")]
    LaneCount { found: usize },
    #[error("the last lane must be the exception lane")]
    NoExceptionLane,
    #[error("{what} must lie between {low} and {high}, not at {found}")]
    OutOfRange { what: &'static str, low: u64, high: u64, found: u64 },
    #[error("{what} must be a power of two, not {found}")]
    NotPowerOfTwo { what: &'static str, found: u16 },
    #[error("a loop of {loop_mm} mm is too short: lanes and merge need {needed_mm} mm")]
    LoopTooShort { loop_mm: u32, needed_mm: u64 },
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl SorterSetup {
    /// The demo sorter: 60 order lanes, two overflow lanes, one no-read and one exception lane on a 200 m loop.
    pub fn demo() -> Self {
        Self {
            lanes: Self::lanes_of(60, 2),
            loop_mm: 200_000,
            induction_mm: 5_000,
            first_lane_mm: 20_000,
            lane_pitch_mm: 1_000,
            divert_mm: 500,
            belt_mm_s: 2_000,
            belt_start_mm: 0,
            load_length_mm: 300,
            gap_mm: 200,
            lane_capacity: 40,
            feed_per_hour: 10_000,
            max_recirc: 3,
            people: PeopleSetup::default(),
            plc: PlcSetup::default(),
            seed: 1,
            speed: 1,
        }
    }

    /// Lane kinds of a sorter: order lanes, overflow lanes, a no-read lane, the exception lane.
    pub fn lanes_of(order: usize, overflow: usize) -> Vec<ChuteKind> {
        let mut lanes = vec![ChuteKind::Order; order];
        lanes.extend(vec![ChuteKind::Overflow; overflow]);
        lanes.extend([ChuteKind::NoRead, ChuteKind::Exception]);
        lanes
    }

    /// Travel from the scanner to the last exit.
    pub fn path_mm(&self) -> u64 {
        let lanes = self.lanes.len().saturating_sub(1) as u64;
        u64::from(self.first_lane_mm) + lanes * u64::from(self.lane_pitch_mm) + u64::from(self.divert_mm)
    }

    /// Simulator time from the scan to the first decision point: what the WCS has to answer in.
    pub fn time_to_decide(&self) -> Nanos {
        let speed = (u64::from(self.belt_mm_s) * u64::from(self.speed)).max(1);
        Nanos(u64::from(self.first_lane_mm) * 1_000_000_000 / speed)
    }

    /// Belt speed in simulator time, mm/s.
    pub(crate) fn belt_speed(&self) -> u32 {
        self.belt_mm_s * self.speed
    }

    /// Simulator time between two loads of the feed.
    pub(crate) fn feed_interval(&self) -> Nanos {
        Nanos(3_600_000_000_000 / (u64::from(self.feed_per_hour) * u64::from(self.speed)))
    }

    /// Plant time as simulator time.
    pub(crate) fn scaled(&self, plant: Nanos) -> Nanos {
        Nanos(plant.0 / u64::from(self.speed))
    }

    /// Places of the FIFO: what is asked for, or the least the profile allows.
    pub(crate) fn fifo_size(&self, words: &SorterWords) -> u16 {
        let track = if self.loop_mm > 0 { u64::from(self.loop_mm) } else { self.path_mm() };
        let items = track / u64::from(self.load_length_mm + self.gap_mm) + 1;
        let least = 2 * (u64::from(self.max_recirc) + 1) * items + u64::from(words.numbers.fifo_reserve);
        let bounded = least.min(u64::from(words.numbers.fifo_size_max));
        self.plc.fifo_size.unwrap_or(u16::try_from(bounded).expect("bounded by a register value"))
    }

    /// Checks everything and resolves the tables of the profile.
    ///
    /// # Errors
    /// The first thing that cannot be built.
    pub(crate) fn check(&self) -> Result<Tables, SetupError> {
        let tables = Tables::resolve(&self.plc.bases)?;
        if self.lanes.is_empty() || self.lanes.len() > LANE_COUNT_MAX {
            return Err(SetupError::LaneCount { found: self.lanes.len() });
        }
        if self.lanes.last() != Some(&ChuteKind::Exception) {
            return Err(SetupError::NoExceptionLane);
        }
        self.check_ranges(&tables.words)?;
        for (what, found) in [("evt_slots", self.plc.evt_slots), ("cmd_slots", self.plc.cmd_slots)] {
            if !found.is_power_of_two() {
                return Err(SetupError::NotPowerOfTwo { what, found });
            }
        }
        let spacing = u64::from(self.load_length_mm) + u64::from(self.gap_mm);
        let needed_mm = u64::from(self.induction_mm) + self.path_mm() + 2 * spacing;
        if self.loop_mm > 0 && u64::from(self.loop_mm) < needed_mm {
            return Err(SetupError::LoopTooShort { loop_mm: self.loop_mm, needed_mm });
        }
        Ok(tables)
    }

    fn check_ranges(&self, words: &SorterWords) -> Result<(), SetupError> {
        let numbers = &words.numbers;
        let belt = u64::from(self.belt_mm_s) * u64::from(self.speed);
        let feed = u64::from(self.feed_per_hour) * u64::from(self.speed);
        let fifo = u64::from(self.plc.fifo_size.unwrap_or(numbers.fifo_size_max));
        let ranges = [
            ("speed", u64::from(self.speed), 1, 10_000),
            ("belt_mm_s times speed", belt, 1, 65_535),
            ("feed_per_hour times speed", feed, 1, 1_000_000_000),
            ("induction_mm", u64::from(self.induction_mm), 1, 1_000_000),
            ("first_lane_mm", u64::from(self.first_lane_mm), 1, 1_000_000),
            ("lane_pitch_mm", u64::from(self.lane_pitch_mm), 1, 100_000),
            ("divert_mm", u64::from(self.divert_mm), 0, 100_000),
            ("loop_mm", u64::from(self.loop_mm), 0, 100_000_000),
            ("load_length_mm", u64::from(self.load_length_mm), 1, 10_000),
            ("gap_mm", u64::from(self.gap_mm), 1, 10_000),
            ("lane_capacity", u64::from(self.lane_capacity), 1, 1_000_000),
            ("max_recirc", u64::from(self.max_recirc), 0, 255),
            ("cycle_ms", u64::from(self.plc.cycle_ms), 0, 1_000),
            ("first_epoch", u64::from(self.plc.first_epoch), 1, 65_535),
            (
                "induction_count",
                u64::from(self.plc.induction_count),
                1,
                u64::from(numbers.induction_count_max),
            ),
            (
                "evt_slots",
                u64::from(self.plc.evt_slots),
                u64::from(numbers.evt_slots_min),
                u64::from(numbers.evt_slots_max),
            ),
            (
                "cmd_slots",
                u64::from(self.plc.cmd_slots),
                u64::from(numbers.cmd_slots_min),
                u64::from(numbers.cmd_slots_max),
            ),
            ("fifo_size", fifo, u64::from(self.plc.evt_slots), u64::from(numbers.fifo_size_max)),
            ("hand_sort_from", u64::from(self.people.hand_sort_from), 1, u64::from(u32::MAX)),
            ("attempts_max", u64::from(self.people.attempts_max), 1, u64::from(u32::MAX)),
        ];
        for (what, found, low, high) in ranges {
            if found < low || found > high {
                return Err(SetupError::OutOfRange { what, low, high, found });
            }
        }
        Ok(())
    }
}

impl Default for PeopleSetup {
    fn default() -> Self {
        Self {
            lamp: Nanos::from_secs(2),
            swap: Nanos::from_secs(20),
            take: Nanos::from_secs(30),
            take_jitter: Nanos::from_secs(5),
            start: Nanos::from_secs(2),
            patience: Nanos::from_secs(60),
            may_hand_sort: false,
            hand_sort_from: 3,
            attempts_max: 6,
        }
    }
}

impl Default for PlcSetup {
    fn default() -> Self {
        Self {
            unit: 1,
            bases: BlockBases::default(),
            cycle_ms: 10,
            evt_slots: 64,
            cmd_slots: 64,
            fifo_size: None,
            induction_count: 1,
            first_epoch: 1,
            first_event_seq: 1,
            first_command_seq: 1,
            is_fifo_retentive: false,
            are_items_retentive: false,
            reply_delay: Nanos::ZERO,
        }
    }
}

/// Register tables and numbers of the profile, resolved once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    pub(crate) map: SorterMap,
    pub(crate) words: SorterWords,
}

impl Tables {
    fn resolve(bases: &BlockBases) -> Result<Self, ProfileError> {
        let profile = wcs_specs::Profile::load("wcs-sorter-hs")?;
        Ok(Self { map: SorterMap::resolve(&profile, bases)?, words: SorterWords::resolve(&profile)? })
    }
}

/// Where things stand, measured from the induction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// Travel of one loop; zero is none.
    pub(crate) round: Travel,
    /// The scanner.
    pub(crate) scanner: Travel,
    /// From a decision point to the eye of its lane.
    pub(crate) divert: Travel,
    /// A load and its gap.
    pub(crate) spacing: Travel,
    pub(crate) lane_count: u16,
    pub(crate) lane_noread: u16,
    pub(crate) lane_exception: u16,
    pub(crate) lane_overflow: [u16; 2],
    first: Travel,
    pitch: Travel,
}

impl Geometry {
    pub(crate) fn of(setup: &SorterSetup) -> Self {
        let numbered = |kind: ChuteKind| {
            (1_u16..).zip(&setup.lanes).filter(move |(_, found)| **found == kind).map(|(lane, _)| lane)
        };
        let lane_count = u16::try_from(setup.lanes.len()).expect("the lane count was checked");
        let mut overflow = numbered(ChuteKind::Overflow);
        Self {
            round: Travel::from_mm(setup.loop_mm),
            scanner: Travel::from_mm(setup.induction_mm),
            divert: Travel::from_mm(setup.divert_mm),
            spacing: Travel::from_mm(setup.load_length_mm + setup.gap_mm),
            lane_count,
            lane_noread: numbered(ChuteKind::NoRead).next().unwrap_or(lane_count),
            lane_exception: lane_count,
            lane_overflow: [overflow.next().unwrap_or(0), overflow.next().unwrap_or(0)],
            first: Travel::from_mm(setup.first_lane_mm),
            pitch: Travel::from_mm(setup.lane_pitch_mm),
        }
    }

    /// Decision point of a lane.
    pub(crate) fn point(&self, lane: u16) -> Travel {
        assert!(lane >= 1 && lane <= self.lane_count, "only existing lanes have a decision point");
        self.scanner + self.first + Travel(self.pitch.0 * i64::from(lane - 1))
    }

    /// Last decision point: whatever comes here leaves or goes round.
    pub(crate) fn end(&self) -> Travel {
        self.point(self.lane_exception)
    }

    /// True for a line that goes round.
    pub(crate) fn is_loop(&self) -> bool {
        self.round > Travel(0)
    }
}
