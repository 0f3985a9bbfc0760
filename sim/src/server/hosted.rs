//! A sorter as it stands behind a server: the simulated sorter together with the fault plan of the run and a
//! place where its ledger goes. On every advance it lets faults begin and end, and passes on what physically
//! happened. It decides nothing about loads.

use std::io;

use wcs_sessions::exchange::Request;
use wcs_types::{MonoTime, Nanos};

use super::{Device, LinkFaults};
use crate::faults::{
    Change, DiskStall, Disturbance, FaultCharges, FaultCount, FaultId, FaultKind, FaultPlan, FaultSwitch,
    LinkFault, Schedule,
};
use crate::world::{ClientId, KnobKind, LedgerEvent, PlcReply, Sorter};

/// Takes the events of the ledger in the order they happen.
pub type LedgerSink = Box<dyn FnMut(&LedgerEvent) -> io::Result<()>>;

/// What a fault plan of a run acts on beside the sorter.
#[derive(Clone, Debug, Default)]
pub struct FaultTargets {
    /// The wire in front of the sorter.
    pub link: LinkFaults,
    /// Name of that link: entries for another link are not applied here. `None` takes them all.
    pub link_name: Option<String>,
    /// The disk of the daemon, where it lives in this process.
    pub disk: DiskStall,
    /// That disk has no room. Only virtual time obeys this and the next two.
    pub disk_full: FaultSwitch,
    /// Syncs of that disk that fail.
    pub disk_errors: FaultCharges,
    /// Nobody reaches the store.
    pub store: FaultSwitch,
}

/// A sorter with its faults and its ledger.
pub struct HostedSorter {
    sorter: Sorter,
    schedule: Schedule,
    targets: FaultTargets,
    ledger: LedgerSink,
    drained: Vec<LedgerEvent>,
    failure: Option<io::Error>,
}

impl HostedSorter {
    /// Hosts a sorter that stands at time zero. A `wrap` of the plan belongs into the setup of the sorter
    /// ([`FaultPlan::first_sequence`]).
    pub fn new(sorter: Sorter, plan: FaultPlan, targets: FaultTargets, ledger: LedgerSink) -> Self {
        Self { sorter, schedule: Schedule::new(plan), targets, ledger, drained: Vec::new(), failure: None }
    }

    /// The sorter, to feed it and to answer its people.
    pub fn sorter_mut(&mut self) -> &mut Sorter {
        &mut self.sorter
    }

    /// The sorter.
    pub fn sorter(&self) -> &Sorter {
        &self.sorter
    }

    /// The first error of the ledger: after it events are missing there, and the run cannot be judged.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Counts of every planned fault as of now, and the kinds planned more often than applied.
    pub fn fault_counts(&mut self) -> (&std::collections::BTreeMap<FaultKind, FaultCount>, Vec<FaultKind>) {
        let kinds: Vec<FaultKind> = self.schedule.counts().keys().copied().collect();
        for kind in kinds {
            let (applied, loads_touched) = self.effect(kind);
            self.schedule.set_applied(kind, applied, loads_touched);
        }
        let unapplied = self.schedule.unapplied();
        (self.schedule.counts(), unapplied)
    }

    /// The next instant at which a fault begins or ends by time, seen from `now`.
    pub fn next_fault_change(&self) -> MonoTime {
        let (plant, wall) = self.schedule.next_change();
        let plant = plant.map(|plant| Nanos(plant.0.div_ceil(self.speed())));
        let earliest = plant.into_iter().chain(wall).min();
        earliest.map_or(MonoTime::NEVER, |at| MonoTime::ZERO + at)
    }

    /// A fault is under way that keeps the daemon from what it needs of wire, PLC or disk.
    pub fn is_line_in_trouble(&self) -> bool {
        self.schedule.active().any(|fault| is_of_line(fault.kind))
    }

    fn speed(&self) -> u64 {
        u64::from(self.sorter.setup().speed)
    }

    /// How often a kind took effect, and on how many loads.
    fn effect(&self, kind: FaultKind) -> (u64, u64) {
        let link = self.targets.link.counts();
        if let Some(knob) = knob_kind(kind) {
            return (self.sorter.applied(knob), self.sorter.touched(knob).len() as u64);
        }
        let applied = match kind {
            FaultKind::DiskError => self.targets.disk_errors.applied(),
            FaultKind::DiskFull => self.targets.disk_full.applied(),
            FaultKind::DiskStall => self.targets.disk.applied(),
            FaultKind::StoreOutage => self.targets.store.applied(),
            FaultKind::HalfOpen => link.half_open,
            FaultKind::LateReplies => link.late,
            FaultKind::TcpCut => link.cut,
            FaultKind::Wrap => u64::from(self.has_wrapped()),
            _ => unreachable!("every other kind is a knob of the sorter"),
        };
        (applied, 0)
    }

    /// True when the event sequence has passed its wrap for sure: each induction of a load makes a SCAN.
    fn has_wrapped(&self) -> bool {
        let first = self.sorter.setup().plc.first_event_seq;
        let scans = self.sorter.counts().inducted;
        first > u16::MAX / 2 && scans > u64::from(u16::MAX - first) + self.sorter.counts().on_belt
    }

    fn run_faults(&mut self, now: MonoTime) {
        let wall = now.since(MonoTime::ZERO);
        let plant = wall.times(self.speed());
        while let Some(change) = self.schedule.poll(plant, wall, self.sorter.counts().inducted) {
            match change {
                Change::Begin(id) => self.change(now, id, true),
                Change::End(id) => self.change(now, id, false),
            }
        }
    }

    fn change(&mut self, now: MonoTime, id: FaultId, is_begin: bool) {
        let fault = self.schedule.fault(id);
        tracing::info!(kind = fault.kind.name(), is_begin, "fault");
        let is_elsewhere = self.targets.link_name.is_some() && fault.link.is_some();
        if is_elsewhere && fault.link != self.targets.link_name {
            return;
        }
        match fault.disturbance {
            Disturbance::DiskStall => self.targets.disk.set(is_begin),
            Disturbance::DiskFull => self.targets.disk_full.set(is_begin),
            Disturbance::DiskError { count } => self.targets.disk_errors.add(count),
            Disturbance::StoreOutage => self.targets.store.set(is_begin),
            Disturbance::Link(link) => self.change_link(link, is_begin),
            Disturbance::Sorter(knob) if is_begin => {
                if !self.sorter.apply(now, knob, None) {
                    tracing::warn!(kind = fault.kind.name(), "the sorter has no such lane");
                }
            }
            Disturbance::Sorter(knob) => {
                // A knob that counts itself down is off before its end.
                let was_on = self.sorter.withdraw(now, &knob);
                tracing::debug!(kind = fault.kind.name(), was_on, "knob turned back");
            }
            Disturbance::Wrap { .. } => {}
        }
    }

    fn change_link(&self, fault: LinkFault, is_begin: bool) {
        if is_begin {
            self.targets.link.begin(fault);
        } else {
            self.targets.link.end(fault);
        }
    }

    fn pass_on_ledger(&mut self) {
        self.sorter.drain_ledger(&mut self.drained);
        for event in self.drained.drain(..) {
            if let Err(error) = (self.ledger)(&event)
                && self.failure.is_none()
            {
                tracing::error!(%error, "the ledger cannot be written");
                self.failure = Some(error);
            }
        }
    }
}

impl Device for HostedSorter {
    fn advance(&mut self, now: MonoTime) {
        self.sorter.advance(now);
        self.run_faults(now);
        self.pass_on_ledger();
    }

    fn handle(&mut self, now: MonoTime, unit: u8, client: ClientId, request: &Request) -> PlcReply {
        let reply = self.sorter.handle(now, unit, client, request);
        self.pass_on_ledger();
        reply
    }
}

/// Kinds that lie between the daemon and what it commands, or in its own disk. New lives of the PLC are over at once.
fn is_of_line(kind: FaultKind) -> bool {
    use FaultKind as F;
    matches!(
        kind,
        F::DiskStall
            | F::DoubleOwner
            | F::Exception06
            | F::FifoStall
            | F::FrozenLife
            | F::HalfOpen
            | F::LateReplies
            | F::OldOwner
            | F::OneRequestPerCycle
            | F::ReplyDelay
            | F::StaleEcho
            | F::TcpCut
    )
}

/// The knob of the sorter that a kind turns; `None` for faults outside the sorter.
fn knob_kind(kind: FaultKind) -> Option<KnobKind> {
    use FaultKind as F;
    Some(match kind {
        F::DiskError | F::DiskFull | F::DiskStall | F::StoreOutage => return None,
        F::HalfOpen | F::LateReplies | F::TcpCut | F::Wrap => return None,
        F::BadFormat => KnobKind::BadFormat,
        F::DoubleOwner => KnobKind::DoubleOwner,
        F::DriveStop => KnobKind::DriveStop,
        F::Exception06 => KnobKind::Exception06,
        F::FifoReset => KnobKind::FifoReset,
        F::FifoStall => KnobKind::FifoStall,
        F::FrozenLife => KnobKind::FrozenLife,
        F::Gap => KnobKind::Gap,
        F::LaneFault => KnobKind::LaneFault,
        F::LaneFull => KnobKind::LaneFull,
        F::Lost => KnobKind::Lost,
        F::Missed => KnobKind::Missed,
        F::Missort => KnobKind::Missort,
        F::MultiRead => KnobKind::MultiRead,
        F::NoRead => KnobKind::NoRead,
        F::OldOwner => KnobKind::OldOwner,
        F::OneRequestPerCycle => KnobKind::OneRequestPerCycle,
        F::PlcRestart => KnobKind::PlcRestart,
        F::PurgeAtReset => KnobKind::PurgeAtReset,
        F::Removed => KnobKind::Removed,
        F::ReplyDelay => KnobKind::ReplyDelay,
        F::SafetyStop => KnobKind::SafetyStop,
        F::ScannerDown => KnobKind::ScannerDown,
        F::StaleEcho => KnobKind::StaleEcho,
        F::TornSlots => KnobKind::TornSlots,
    })
}

#[cfg(test)]
mod tests {
    use wcs_types::Code;

    use super::*;
    use crate::world::{FeedLoad, SorterSetup};

    fn hosted(plan: &str) -> (HostedSorter, FaultTargets) {
        let plan = FaultPlan::parse(plan, "f.toml").unwrap();
        let mut setup = SorterSetup { speed: 10, ..SorterSetup::demo() };
        setup.plc.first_event_seq = plan.first_sequence().unwrap_or(1);
        let targets = FaultTargets { link_name: Some("plc1".to_owned()), ..FaultTargets::default() };
        let sorter = Sorter::new(setup).unwrap();
        (HostedSorter::new(sorter, plan, targets.clone(), Box::new(|_| Ok(()))), targets)
    }

    fn at_ms(ms: u64) -> MonoTime {
        MonoTime::ZERO + Nanos::from_millis(ms)
    }

    #[test]
    fn each_disturbance_reaches_its_target_on_its_clock() {
        let (mut hosted, targets) = hosted(
            "[[fault]]\nkind = \"drive_stop\"\nat = \"10s\"\nfor = \"10s\"\n\
             [[fault]]\nkind = \"tcp_cut\"\nlink = \"plc1\"\nat = \"10s\"\nfor = \"500ms\"\n\
             [[fault]]\nkind = \"disk_stall\"\nat = \"20s\"\nfor = \"1s\"\n",
        );
        hosted.advance(at_ms(999));
        assert_eq!(hosted.next_fault_change(), at_ms(1_000));
        let before = hosted.sorter().counts().belt;
        hosted.advance(at_ms(1_000));
        assert!(targets.link.is_cut());
        // The PLC stops the drive in its next cycle.
        hosted.advance(at_ms(1_020));
        let stopped = hosted.sorter().counts().belt;
        hosted.advance(at_ms(1_500));
        assert_eq!(hosted.sorter().counts().belt, stopped, "the belt stands");
        assert_ne!(before, stopped);
        assert!(!targets.link.is_cut(), "half a second of wall time later");
        hosted.advance(at_ms(2_000));
        assert!(targets.disk.is_stalled());
        hosted.advance(at_ms(2_100));
        assert_ne!(hosted.sorter().counts().belt, stopped, "the belt runs again");
        hosted.advance(at_ms(3_000));
        assert!(!targets.disk.is_stalled());
        assert_eq!(hosted.next_fault_change(), MonoTime::NEVER);
        targets.disk.count_applied();
        let (counts, unapplied) = hosted.fault_counts();
        assert_eq!(counts[&FaultKind::DriveStop].applied, 1);
        assert_eq!(counts[&FaultKind::DiskStall].applied, 1);
        assert_eq!(unapplied, [FaultKind::TcpCut], "nobody was connected");
    }

    #[test]
    fn faults_of_another_link_and_lanes_that_do_not_exist_stay_unapplied() {
        let (mut hosted, targets) = hosted(
            "[[fault]]\nkind = \"half_open\"\nlink = \"plc2\"\nfor = \"1s\"\n\
             [[fault]]\nkind = \"lane_full\"\nlane = 900\nfor = \"1s\"\n[[fault]]\nkind = \"wrap\"\n",
        );
        hosted.advance(at_ms(10));
        assert!(!targets.link.is_half_open());
        let unapplied = hosted.fault_counts().1;
        assert_eq!(unapplied, [FaultKind::HalfOpen, FaultKind::LaneFull, FaultKind::Wrap]);
    }

    #[test]
    fn an_error_of_the_ledger_is_kept() {
        let plan = FaultPlan::default();
        let sorter = Sorter::new(SorterSetup::demo()).unwrap();
        let full = Box::new(|_: &LedgerEvent| Err(io::Error::from(io::ErrorKind::StorageFull)));
        let mut hosted = HostedSorter::new(sorter, plan, FaultTargets::default(), full);
        hosted.advance(at_ms(100));
        assert!(hosted.take_failure().is_none(), "nothing has happened yet");
        let event = LedgerEvent {
            at: at_ms(100),
            load: 1,
            label: "1/1".to_owned(),
            order: "1".to_owned(),
            sku: "12345".to_owned(),
            qty: 1,
            plc_epoch: 1,
            item: 1,
            attempt: 1,
            event: crate::world::LedgerKind::Inducted,
            lane: wcs_types::LaneNo::NONE,
            result: 0,
        };
        hosted.drained.push(event);
        hosted.pass_on_ledger();
        assert_eq!(hosted.take_failure().unwrap().kind(), io::ErrorKind::StorageFull);
        hosted.sorter_mut().feed(vec![FeedLoad {
            label: Code::from_bytes(b"1/1").unwrap(),
            order: "1".to_owned(),
            sku: "12345".to_owned(),
            qty: 1,
        }]);
        assert_eq!(hosted.sorter().counts().fed, 1);
    }
}
