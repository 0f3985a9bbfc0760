//! The simulated sorter the arms on the wire talk to, behind its Modbus/TCP server on a thread of its own, fed with made
//! orders. Takes the time between the requests of one answer, and counts what comes
//! between them: the split of what an arm needs, and whether both arms do the same.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::sync::watch;
use wcs_intake::{Mapping, PlannedBatch, plan, read_orders};
use wcs_sessions::exchange::Request;
use wcs_sim::faults::FaultPlan;
use wcs_sim::feed::{FeedMapping, FeedPlan, Groups, made_orders};
use wcs_sim::server::{Device, FaultTargets, HostedSorter, ServerSetup, serve};
use wcs_sim::world::{ClientId, Counts, PlcReply, Sorter, SorterSetup};
use wcs_specs::{BlockMap, Profile, SorterMap, SorterWords};
use wcs_types::{Assign, Identify, LineId, MonoTime};

use crate::alarm_table::{AlarmTable, Change, SEVERITY};
use crate::control_paths::ControlPaths;
use crate::recording::{figures, histogram, record_micros};

const SEED: u64 = 1;
const ORDERS: u32 = 400;
const CHUTES: usize = 60;
/// The factor of the acceptance runs over real days: 55 loads a second.
const SPEED: u32 = 20;

/// A sorter and what is put on it.
#[derive(Clone)]
pub(crate) struct Shift {
    pub(crate) setup: SorterSetup,
    /// The order file.
    pub(crate) csv: String,
    /// Alarms its PLC raises.
    pub(crate) alarms: AlarmTable,
}

impl Shift {
    /// The demo sorter and made orders, at the factor of the acceptance runs.
    pub(crate) fn usual() -> Self {
        Self::of_orders(ORDERS)
    }

    /// The same with another number of orders.
    pub(crate) fn of_orders(orders: u32) -> Self {
        let setup = SorterSetup { speed: SPEED, seed: SEED, ..SorterSetup::demo() };
        Self { setup, csv: made_orders(SEED, orders).csv, alarms: AlarmTable::default() }
    }

    /// The batches the daemon runs for it.
    pub(crate) fn batches(&self) -> Result<Vec<PlannedBatch>> {
        let mapping = Mapping::parse(Mapping::retail_text(), "the retail mapping")
            .map_err(|error| anyhow!("{error}"))?;
        let intake = read_orders(self.csv.as_bytes(), &mapping).map_err(|error| anyhow!("{error}"))?;
        Ok(plan(&intake, CHUTES, Assign::Volume, Identify::Lpn, LineId(0)))
    }

    fn groups(&self) -> Result<Groups> {
        let mapping = FeedMapping::parse(Mapping::retail_text())?;
        let plan = FeedPlan { identify: Identify::Lpn, assign: Assign::Volume, chutes: CHUTES, seed: SEED };
        Ok(Groups::read(self.csv.as_bytes(), &mapping, plan)?)
    }
}

/// A running sorter.
pub(crate) struct PlcHost {
    pub(crate) address: SocketAddr,
    finals: Arc<AtomicU64>,
    anew: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<PlcEnd>>,
}

/// What is told between the sorter and whoever measures.
#[derive(Default)]
struct Told {
    /// Loads that are final.
    finals: Arc<AtomicU64>,
    /// Steps are to be counted anew.
    anew: Arc<AtomicBool>,
}

/// What the sorter saw.
pub(crate) struct PlcEnd {
    pub(crate) counts: Counts,
    requests: u64,
    steps: Steps,
}

impl PlcHost {
    /// Binds to a free port and serves.
    pub(crate) fn start(map: SorterMap, shift: Shift) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let told = Told::default();
        let (finals, anew) = (Arc::clone(&told.finals), Arc::clone(&told.anew));
        let host = move || host(listener, stopped, map, &shift, told);
        let thread = std::thread::Builder::new().name("simulator".into()).spawn(host)?;
        Ok(Self { address, finals, anew, stop, thread })
    }

    /// Steps are counted anew from the next request on.
    pub(crate) fn count_from_now(&self) {
        self.anew.store(true, Ordering::Relaxed);
    }

    /// Loads that are final so far.
    pub(crate) fn finals(&self) -> u64 {
        self.finals.load(Ordering::Relaxed)
    }

    /// Ends the sorter.
    pub(crate) fn stop(self) -> Result<PlcEnd> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| anyhow!("the simulator's thread failed"))?
    }
}

impl PlcEnd {
    /// From the request whose answer shows a scan to the one that publishes its destination.
    pub(crate) fn control_path_us(&self) -> &Histogram<u64> {
        &self.steps.control_path_us
    }

    /// The figures of a run. A run in which nothing was sorted measured nothing.
    pub(crate) fn figures(&self, latency_us: &Histogram<u64>) -> Result<Value> {
        ensure!(latency_us.len() > 100, "only {} scans were answered", latency_us.len());
        ensure!(self.counts.finals > 0, "no load was sorted");
        Ok(json!({
            "scan_to_destination_us": figures(latency_us),
            "inducted": self.counts.inducted,
            "finals": self.counts.finals,
            "recirculated": self.counts.recirculated,
            "control_path_us": figures(self.control_path_us()),
            "requests": self.requests,
            "header_to_slots_us": figures(&self.steps.header_to_slots_us),
            "slots_to_command_us": figures(&self.steps.slots_to_command_us),
            "command_to_block_us": figures(&self.steps.command_to_block_us),
            "exchanges_between": figures(&self.steps.between),
        }))
    }
}

fn host(
    listener: std::net::TcpListener,
    stop: watch::Receiver<bool>,
    map: SorterMap,
    shift: &Shift,
    told: Told,
) -> Result<PlcEnd> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let words = SorterWords::resolve(&Profile::load("wcs-sorter-hs")?)?;
    let sorter = Sorter::new(shift.setup.clone())?;
    let mut hosted =
        HostedSorter::new(sorter, FaultPlan::default(), FaultTargets::default(), Box::new(|_| Ok(())));
    for group in shift.groups()?.groups {
        hosted.sorter_mut().feed(group);
    }
    let device = CountedSorter::new(hosted, shift.alarms.clone(), ControlPaths::new(map, words), told);
    let device = Rc::new(RefCell::new(device));
    let counts = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok::<_, anyhow::Error>(serve(listener, Rc::clone(&device), ServerSetup::starting_now(), stop).await)
    })?;
    let counted = Rc::into_inner(device).expect("the server has ended").into_inner();
    Ok(PlcEnd { counts: counted.hosted.sorter().counts(), requests: counts.requests, steps: counted.steps })
}

/// What the sorter sees of an answer: how far apart the requests for it arrive, and what came between.
struct Steps {
    header_to_slots_us: Histogram<u64>,
    slots_to_command_us: Histogram<u64>,
    command_to_block_us: Histogram<u64>,
    /// Of each scan that was answered, whatever came between.
    control_path_us: Histogram<u64>,
    /// Requests between the read of slots and the write of commands.
    between: Histogram<u64>,
}

/// The request of an answer that came last.
#[derive(Clone, Copy)]
enum Last {
    Nothing,
    Header,
    Slots,
    Command,
}

/// The sorter with the steps of each answer. They are counted when an answer is complete: what is read for an event
/// that needs none is left out.
struct CountedSorter {
    hosted: HostedSorter,
    map: SorterMap,
    last: Last,
    at: [Instant; 3],
    others: u64,
    steps: Steps,
    paths: ControlPaths,
    alarms: AlarmTable,
    /// Milliseconds of the alarm table that have passed.
    alarms_ms: u32,
    told: Told,
}

impl Steps {
    fn new() -> Self {
        Self {
            header_to_slots_us: histogram(),
            slots_to_command_us: histogram(),
            command_to_block_us: histogram(),
            control_path_us: histogram(),
            between: histogram(),
        }
    }
}

impl CountedSorter {
    fn new(hosted: HostedSorter, alarms: AlarmTable, paths: ControlPaths, told: Told) -> Self {
        let (last, at, steps) = (Last::Nothing, [Instant::now(); 3], Steps::new());
        Self { hosted, map: paths.map(), last, at, others: 0, steps, paths, alarms, alarms_ms: 0, told }
    }

    fn raise_alarms(&mut self, now: MonoTime) {
        while u64::from(self.alarms_ms) < now.since(MonoTime::ZERO).as_millis() {
            for Change { number, is_raised } in self.alarms.change(self.alarms_ms) {
                self.hosted.sorter_mut().set_alarm(now, number, SEVERITY, is_raised);
            }
            self.alarms_ms += 1;
        }
    }

    fn count(&mut self, request: &Request) {
        let now = Instant::now();
        let is_in =
            |block: BlockMap, address: u16| (block.start..block.start + block.count).contains(&address);
        match (request, self.last) {
            (Request::Read { address, .. }, Last::Nothing | Last::Header)
                if is_in(self.map.header_block, *address) =>
            {
                self.last = Last::Header;
                self.at[0] = now;
            }
            (Request::Read { address, .. }, Last::Header | Last::Slots)
                if is_in(self.map.events_block, *address) =>
            {
                self.last = Last::Slots;
                self.at[1] = now;
                self.others = 0;
            }
            (Request::Write { address, .. }, Last::Slots) if is_in(self.map.commands_block, *address) => {
                self.last = Last::Command;
                self.at[2] = now;
            }
            (Request::Write { address, .. }, Last::Command) if is_in(self.map.control_block, *address) => {
                self.last = Last::Nothing;
                self.finish(now);
            }
            _ => self.others += 1,
        }
    }

    fn finish(&mut self, now: Instant) {
        let [header, slots, command] = self.at;
        record_micros(&mut self.steps.header_to_slots_us, slots - header);
        record_micros(&mut self.steps.slots_to_command_us, command - slots);
        record_micros(&mut self.steps.command_to_block_us, now - command);
        self.steps.between.saturating_record(self.others);
    }
}

impl Device for CountedSorter {
    fn advance(&mut self, now: MonoTime) {
        self.raise_alarms(now);
        self.hosted.advance(now);
    }

    fn handle(&mut self, now: MonoTime, unit: u8, client: ClientId, request: &Request) -> PlcReply {
        if self.told.anew.swap(false, Ordering::Relaxed) {
            self.steps = Steps::new();
        }
        self.count(request);
        self.told.finals.store(self.hosted.sorter().counts().finals, Ordering::Relaxed);
        self.raise_alarms(now);
        let at = Instant::now();
        let reply = self.hosted.handle(now, unit, client, request);
        self.paths.count(at, request, &reply, &mut self.steps.control_path_us);
        reply
    }
}
