//! The simulator on a thread of its own behind a Modbus/TCP server: for the demo, and as `wcs sim run`.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use tokio::sync::watch;
use wcs_sessions::exchange::Request;
use wcs_sim::faults::{DiskStall, FaultPlan};
use wcs_sim::ledger::LedgerWriter;
use wcs_sim::people::PersonRequest;
use wcs_sim::report::Physical;
use wcs_sim::server::{Device, FaultTargets, HostedSorter, LedgerSink, ServerSetup, serve};
use wcs_sim::world::{ClientId, FeedLoad, Knob, PlcReply, Sorter, SorterSetup};
use wcs_types::{Code, LaneNo, MonoTime};

use crate::exit::Failure;
use crate::fault_figures::{FaultFigures, fault_figures};

/// What the simulator's thread shows.
#[derive(Debug, Default)]
pub(crate) struct SimShared {
    pub(crate) is_idle: AtomicBool,
    pub(crate) inducted: AtomicU64,
    pub(crate) finals: AtomicU64,
    pub(crate) on_belt: AtomicU64,
    pub(crate) events_kept: AtomicU64,
    /// Simulator time, nanoseconds.
    pub(crate) at: AtomicU64,
    pub(crate) stop_belt: AtomicBool,
    pub(crate) physical: Mutex<Physical>,
    pub(crate) faults: Mutex<FaultFigures>,
}

/// What people at the exception station ask: where a label belongs. The answer is the lane of a load that was booked.
pub(crate) struct HandSortAsk {
    pub(crate) label: Code,
    pub(crate) answer: Sender<Option<LaneNo>>,
}

/// What a hosted simulator is made of.
pub(crate) struct SimSetup {
    pub(crate) setup: SorterSetup,
    pub(crate) groups: Vec<Vec<FeedLoad>>,
    pub(crate) faults: FaultPlan,
    pub(crate) link_name: String,
    pub(crate) stall: DiskStall,
    pub(crate) listen: String,
    pub(crate) ledger: Option<PathBuf>,
    pub(crate) shared: Arc<SimShared>,
    /// Where people ask for the chute of a label; without it nobody sorts by hand.
    pub(crate) asks: Option<Sender<HandSortAsk>>,
}

/// Number of a PLC life that starts now: another than that of a simulator that was here before, as a real PLC would
/// have it. Never 0.
pub(crate) fn new_life() -> u16 {
    u16::try_from(crate::clock::wall_unix_ms() / 100 % 65_535).expect("below 65 535") + 1
}

/// A running simulator.
pub(crate) struct SimHost {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl SimHost {
    /// Binds, starts the thread and serves.
    pub(crate) fn start(setup: SimSetup) -> Result<Self, Failure> {
        // Built once for nothing: what cannot be built is refused before anybody is listened to.
        Sorter::new(setup.setup.clone()).map_err(Failure::bad_input)?;
        let bind =
            |error: std::io::Error| Failure::bad_input(format!("cannot listen on {}: {error}", setup.listen));
        let listener = std::net::TcpListener::bind(&setup.listen).map_err(bind)?;
        listener.set_nonblocking(true).map_err(Failure::not_ok)?;
        let address = listener.local_addr().map_err(Failure::not_ok)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("simulator".into())
            .spawn(move || host(setup, listener, stopped))
            .map_err(Failure::not_ok)?;
        Ok(Self { address, stop, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the simulator; its ledger is complete when this returns.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| Failure::not_ok("the simulator's thread failed"))?
    }
}

fn host(
    setup: SimSetup,
    listener: std::net::TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::not_ok)?;
    let targets = FaultTargets {
        link_name: Some(setup.link_name.clone()),
        disk: setup.stall.clone(),
        ..FaultTargets::default()
    };
    let server = ServerSetup { faults: targets.link.clone(), ..ServerSetup::starting_now() };
    let sorter = Sorter::new(setup.setup.clone()).map_err(Failure::bad_input)?;
    let mut hosted = HostedSorter::new(sorter, setup.faults.clone(), targets, sink(&setup)?);
    for group in setup.groups {
        hosted.sorter_mut().feed(group);
    }
    let shown = ShownSorter {
        hosted,
        shared: setup.shared,
        asks: setup.asks,
        waiting: None,
        has_stopped_belt: false,
    };
    let device = Rc::new(RefCell::new(shown));
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Failure::not_ok)?;
        serve(listener, Rc::clone(&device), server, stop).await;
        Ok::<(), Failure>(())
    })?;
    let mut device = device.borrow_mut();
    device.show();
    match device.hosted.take_failure() {
        Some(error) => Err(Failure::not_ok(format!("the ledger could not be written: {error}"))),
        None => Ok(()),
    }
}

fn sink(setup: &SimSetup) -> Result<LedgerSink, Failure> {
    let shared = Arc::clone(&setup.shared);
    let mut writer = match &setup.ledger {
        Some(path) => {
            let place = |error| Failure::bad_input(format!("cannot write {}: {error}", path.display()));
            Some(LedgerWriter::new(std::fs::File::create(path).map_err(place)?))
        }
        None => None,
    };
    Ok(Box::new(move |event| {
        shared.physical.lock().expect("nobody panics while holding it").add(event);
        writer.as_mut().map_or(Ok(()), |writer| writer.write(event))
    }))
}

/// The sorter with a window for other threads.
struct ShownSorter {
    hosted: HostedSorter,
    shared: Arc<SimShared>,
    asks: Option<Sender<HandSortAsk>>,
    waiting: Option<(Code, crossbeam_channel::Receiver<Option<LaneNo>>)>,
    has_stopped_belt: bool,
}

impl ShownSorter {
    fn show(&mut self) {
        let counts = self.hosted.sorter().counts();
        let shared = &self.shared;
        shared.is_idle.store(counts.is_idle, Ordering::Release);
        shared.inducted.store(counts.inducted, Ordering::Release);
        shared.finals.store(counts.finals, Ordering::Release);
        shared.on_belt.store(counts.on_belt, Ordering::Release);
        shared.events_kept.store(counts.events_kept, Ordering::Release);
        shared.at.store(counts.at.0, Ordering::Release);
        *shared.faults.lock().expect("nobody panics while holding it") = fault_figures(&mut self.hosted);
    }

    fn stop_belt(&mut self, now: MonoTime) {
        if self.shared.stop_belt.load(Ordering::Acquire)
            && !self.has_stopped_belt
            && !self.hosted.sorter().counts().is_idle
        {
            self.has_stopped_belt = true;
            let is_on = self.hosted.sorter_mut().apply(now, Knob::DriveStop, None);
            assert!(is_on, "every sorter has a drive");
        }
    }

    /// Carries questions of the people to the screen, and its answers back.
    fn talk(&mut self) {
        if let Some((label, answer)) = &self.waiting {
            let Ok(lane) = answer.try_recv() else { return };
            let is_waiting = self.hosted.sorter_mut().person_answer(label, lane);
            tracing::debug!(%label, ?lane, is_waiting, "hand sort answered");
            self.waiting = None;
        }
        let Some(PersonRequest::HandSort { label }) = self.hosted.sorter_mut().poll_person() else { return };
        let (answer, answered) = crossbeam_channel::bounded(1);
        let is_sent = self
            .asks
            .as_ref()
            .is_some_and(|asks| asks.try_send(HandSortAsk { label: label.clone(), answer }).is_ok());
        if is_sent {
            self.waiting = Some((label, answered));
        } else {
            let is_waiting = self.hosted.sorter_mut().person_answer(&label, None);
            tracing::debug!(%label, is_waiting, "nobody answers the station");
        }
    }
}

impl Device for ShownSorter {
    fn advance(&mut self, now: MonoTime) {
        self.hosted.advance(now);
        self.stop_belt(now);
        self.talk();
        self.show();
    }

    fn handle(&mut self, now: MonoTime, unit: u8, client: ClientId, request: &Request) -> PlcReply {
        self.hosted.handle(now, unit, client, request)
    }
}
