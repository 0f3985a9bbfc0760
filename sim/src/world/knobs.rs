//! Fault knobs: what a person with bad intentions can turn at the sorter, its PLC and the people. Each knob counts
//! how often it took effect and which labels it touched, so that a test can insist that the fault happened. Faults
//! of wires (cuts, late replies) belong to the links, not here.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use wcs_types::{Code, LaneNo, MonoTime, Nanos};

/// One setting of a knob. Rates are per million.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Knob {
    /// Scans that read nothing.
    NoRead {
        /// Scans per million.
        per_million: u32,
    },
    /// Scans that read several codes.
    MultiRead {
        /// Scans per million.
        per_million: u32,
    },
    /// Scans that read a code of another form.
    BadFormat {
        /// Scans per million.
        per_million: u32,
    },
    /// Scans at which the scanner does not work.
    ScannerDown {
        /// Scans per million.
        per_million: u32,
    },
    /// Diverts that do not happen.
    Missed {
        /// Passes per million.
        per_million: u32,
    },
    /// Loads that vanish from the belt before their decision point.
    Lost {
        /// Passes per million.
        per_million: u32,
        /// The PLC does not notice either: no EXIT.
        is_silent: bool,
    },
    /// Loads that end one lane further.
    Missort {
        /// Passes per million.
        per_million: u32,
    },
    /// Loads that come too close to their neighbour.
    Gap {
        /// Passes per million.
        per_million: u32,
    },
    /// Loads that a person takes off the belt for good.
    Removed {
        /// Passes per million.
        per_million: u32,
    },
    /// The full eye of a lane is covered.
    LaneFull {
        /// The lane, not the exception lane.
        lane: LaneNo,
    },
    /// A lane has a fault.
    LaneFault {
        /// The lane, not the exception lane.
        lane: LaneNo,
    },
    /// Event slots that are shown half written for one cycle.
    TornSlots {
        /// Slots per million.
        per_million: u32,
    },
    /// `plc_life` stands still.
    FrozenLife,
    /// The logic evaluates no control block while Modbus goes on answering.
    StaleEcho,
    /// Modbus exception 06.
    Exception06 {
        /// For so many requests; 0 is until withdrawn.
        requests: u32,
    },
    /// Answers take longer.
    ReplyDelay {
        /// Always.
        base: Nanos,
        /// At most this much more, by lot.
        jitter: Nanos,
    },
    /// The PLC serves one request per cycle.
    OneRequestPerCycle,
    /// The PLC starts anew; a person resets and starts the machine afterwards.
    PlcRestart {
        /// Until the person is there, plant time.
        person: Nanos,
        /// At once, even when events nobody has taken get lost with it; otherwise at the next moment without such.
        may_lose_events: bool,
    },
    /// The FIFO is reset: a new life, the machine runs on.
    FifoReset {
        /// As with `PlcRestart`.
        may_lose_events: bool,
    },
    /// An emergency stop is pressed until it is withdrawn; a person resets and starts the machine afterwards.
    SafetyStop {
        /// Until the person is there, plant time. He resets as soon as the chain is closed.
        person: Nanos,
    },
    /// The main drive stands.
    DriveStop,
    /// Events do not get into the FIFO.
    FifoStall,
    /// A second client writes blocks and slots with an older epoch.
    OldOwner,
    /// A second client writes blocks with the epoch of the owner under another tag.
    DoubleOwner,
    /// Whoever resets the machine clears the belt by hand.
    PurgeAtReset,
}

/// A knob without its setting.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs)]
pub enum KnobKind {
    NoRead,
    MultiRead,
    BadFormat,
    ScannerDown,
    Missed,
    Lost,
    Missort,
    Gap,
    Removed,
    LaneFull,
    LaneFault,
    TornSlots,
    FrozenLife,
    StaleEcho,
    Exception06,
    ReplyDelay,
    OneRequestPerCycle,
    PlcRestart,
    FifoReset,
    SafetyStop,
    DriveStop,
    FifoStall,
    OldOwner,
    DoubleOwner,
    PurgeAtReset,
}

impl Knob {
    /// Which knob it is.
    pub fn kind(&self) -> KnobKind {
        match self {
            Self::NoRead { .. } => KnobKind::NoRead,
            Self::MultiRead { .. } => KnobKind::MultiRead,
            Self::BadFormat { .. } => KnobKind::BadFormat,
            Self::ScannerDown { .. } => KnobKind::ScannerDown,
            Self::Missed { .. } => KnobKind::Missed,
            Self::Lost { .. } => KnobKind::Lost,
            Self::Missort { .. } => KnobKind::Missort,
            Self::Gap { .. } => KnobKind::Gap,
            Self::Removed { .. } => KnobKind::Removed,
            Self::LaneFull { .. } => KnobKind::LaneFull,
            Self::LaneFault { .. } => KnobKind::LaneFault,
            Self::TornSlots { .. } => KnobKind::TornSlots,
            Self::FrozenLife => KnobKind::FrozenLife,
            Self::StaleEcho => KnobKind::StaleEcho,
            Self::Exception06 { .. } => KnobKind::Exception06,
            Self::ReplyDelay { .. } => KnobKind::ReplyDelay,
            Self::OneRequestPerCycle => KnobKind::OneRequestPerCycle,
            Self::PlcRestart { .. } => KnobKind::PlcRestart,
            Self::FifoReset { .. } => KnobKind::FifoReset,
            Self::SafetyStop { .. } => KnobKind::SafetyStop,
            Self::DriveStop => KnobKind::DriveStop,
            Self::FifoStall => KnobKind::FifoStall,
            Self::OldOwner => KnobKind::OldOwner,
            Self::DoubleOwner => KnobKind::DoubleOwner,
            Self::PurgeAtReset => KnobKind::PurgeAtReset,
        }
    }

    /// What tells two settings of one knob apart: the lane, where there is one.
    fn place(&self) -> u16 {
        match self {
            Self::LaneFull { lane } | Self::LaneFault { lane } => lane.0,
            _ => 0,
        }
    }

    fn rate(&self) -> u32 {
        match self {
            Self::NoRead { per_million }
            | Self::MultiRead { per_million }
            | Self::BadFormat { per_million }
            | Self::ScannerDown { per_million }
            | Self::Missed { per_million }
            | Self::Lost { per_million, .. }
            | Self::Missort { per_million }
            | Self::Gap { per_million }
            | Self::Removed { per_million }
            | Self::TornSlots { per_million } => *per_million,
            _ => 0,
        }
    }
}

/// Labels remembered per knob. More: the count goes on, the set does not.
const TOUCHED_KEPT_MAX: usize = 1 << 20;

/// What one knob did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Effect {
    applied: u64,
    touched: BTreeSet<Code>,
}

/// The knobs of one sorter.
#[derive(Debug)]
pub(crate) struct Knobs {
    rng: ChaCha8Rng,
    /// By kind and place: the setting, and the token of the turn that made it.
    active: BTreeMap<(KnobKind, u16), (Knob, u64)>,
    effects: BTreeMap<KnobKind, Effect>,
    nothing: BTreeSet<Code>,
    /// Next instant at which a request is served, under one request per cycle.
    pub(crate) served_until: MonoTime,
}

impl Knobs {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            active: BTreeMap::new(),
            effects: BTreeMap::new(),
            nothing: BTreeSet::new(),
            served_until: MonoTime::ZERO,
        }
    }

    pub(crate) fn turn_on(&mut self, knob: Knob, token: u64) {
        self.active.insert((knob.kind(), knob.place()), (knob, token));
    }

    /// Takes the knob back; false when it was not on.
    pub(crate) fn turn_off(&mut self, knob: &Knob) -> bool {
        self.active.remove(&(knob.kind(), knob.place())).is_some()
    }

    /// The setting of a knob that stands on its own.
    pub(crate) fn setting(&self, kind: KnobKind) -> Option<Knob> {
        self.active.get(&(kind, 0)).map(|(knob, _)| *knob)
    }

    pub(crate) fn is_on(&self, kind: KnobKind) -> bool {
        self.setting(kind).is_some()
    }

    /// True while the turn of this token still holds.
    pub(crate) fn is_current(&self, knob: &Knob, token: u64) -> bool {
        self.active.get(&(knob.kind(), knob.place())).is_some_and(|(_, found)| *found == token)
    }

    /// Uses up one of a counted number of requests.
    pub(crate) fn take_exception(&mut self) -> bool {
        let Some(Knob::Exception06 { requests }) = self.setting(KnobKind::Exception06) else { return false };
        self.note(KnobKind::Exception06, None);
        let key = (KnobKind::Exception06, 0);
        if requests == 1 {
            self.active.remove(&key);
        } else if let (2.., Some((knob, _))) = (requests, self.active.get_mut(&key)) {
            *knob = Knob::Exception06 { requests: requests - 1 };
        }
        true
    }

    /// Draws whether the knob hits this time.
    pub(crate) fn hits(&mut self, kind: KnobKind) -> bool {
        let rate = self.setting(kind).map_or(0, |knob| knob.rate());
        rate > 0 && self.rng.next_u32() % 1_000_000 < rate
    }

    /// A span from zero to `most`, by lot.
    pub(crate) fn jitter(&mut self, most: Nanos) -> Nanos {
        if most == Nanos::ZERO { Nanos::ZERO } else { Nanos(self.rng.next_u64() % (most.0 + 1)) }
    }

    /// Counts one effect.
    pub(crate) fn note(&mut self, kind: KnobKind, label: Option<&Code>) {
        let effect = self.effects.entry(kind).or_default();
        effect.applied += 1;
        if let Some(label) = label
            && effect.touched.len() < TOUCHED_KEPT_MAX
        {
            effect.touched.insert(label.clone());
        }
    }

    /// Adds a label to an effect that was counted before.
    pub(crate) fn touch(&mut self, kind: KnobKind, label: &Code) {
        let effect = self.effects.entry(kind).or_default();
        if effect.touched.len() < TOUCHED_KEPT_MAX {
            effect.touched.insert(label.clone());
        }
    }

    pub(crate) fn applied(&self, kind: KnobKind) -> u64 {
        self.effects.get(&kind).map_or(0, |effect| effect.applied)
    }

    pub(crate) fn touched(&self, kind: KnobKind) -> &BTreeSet<Code> {
        self.effects.get(&kind).map_or(&self.nothing, |effect| &effect.touched)
    }
}
