//! The demo over real loopback sockets: simulator and daemon in one process, Modbus/TCP between them, and people who
//! come to the daemon over HTTP. Without `--orders` and `--for` it stays up until it is interrupted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use indicatif::{ProgressBar, ProgressStyle};
use wcs_sim::faults::DiskStall;
use wcs_sim::report::StoreFigures;
use wcs_sim::supervisor::Supervisor;

use crate::arguments::DemoOptions;
use crate::demo::{Demo, QUIET, demo_calendar};
use crate::door::{DoorShared, Supervising, Wave, Work, check_store, fetch_results, serve_station};
use crate::exit::Failure;
use crate::front::Front;
use crate::history::read_history;
use crate::interrupt::Interrupt;
use crate::realtime::Realtime;
use crate::replaying::replay_dir;
use crate::reporting::{Figures, finish, journal_figures, link_figures};
use crate::service::{Service, ServiceEnd};
use crate::settings::FrontSettings;
use crate::shown::Shown;
use crate::sim_host::{HandSortAsk, SimHost, SimSetup, SimShared, new_life};

/// How often the demo looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);
/// Time for what is on its way to reach the journal after the belt was stopped.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Longest wait for the daemon to listen.
const LISTEN_MAX: Duration = Duration::from_secs(20);
/// Name of the mapping of the order file with the daemon.
const MAPPING: &str = "demo";

pub(crate) fn run(options: &DemoOptions, mut demo: Demo, shown: Shown) -> Result<(), Failure> {
    let interrupt = Interrupt::listen().map_err(Failure::not_ok)?;
    let began = Instant::now();
    let speed = demo.setup.speed;
    demo.setup.plc.first_epoch = new_life();
    let data = data_of(options)?;
    let shared = Arc::new(SimShared::default());
    let (asks, asked) = bounded::<HandSortAsk>(16);
    let disk = DiskStall::default();
    let sim = SimHost::start(SimSetup {
        setup: demo.setup.clone(),
        groups: demo.groups.groups.clone(),
        faults: demo.faults.clone(),
        link_name: demo.plant.links[0].id.clone(),
        stall: disk.clone(),
        listen: "127.0.0.1:0".into(),
        ledger: options.ledger.clone(),
        shared: Arc::clone(&shared),
        asks: Some(asks),
    })?;
    demo.plant.links[0].endpoint = sim.address().to_string();
    let work = work_of(options, &demo)?;
    let nobody = Supervisor::new(Vec::new(), QUIET);
    let realtime = Realtime::default();
    let service = Service::start(&demo.plant, &data, &data.join("journal"), nobody, disk, &realtime)?;
    let settings = FrontSettings::of_demo(&data, (MAPPING.to_owned(), demo.source.mapping()?));
    let mut front = Front::start(&settings, &demo.plant, &demo_calendar()?, &service, &realtime)?;
    let address =
        front.wait_bound(LISTEN_MAX).ok_or_else(|| Failure::not_ok("the daemon does not listen"))?;
    shown.remark(&format!("serving on http://{address}"))?;
    let door = Supervising::start(address, work)?;
    serve_station(asked, address, &demo.plant, Arc::clone(&door.shared))?;
    let bar = progress(&demo);
    let watched =
        Watched { options, demo: &demo, service: &service, sim: &sim, shared: &shared, door: &door.shared };
    let outcome = watch(&watched, &interrupt, &bar);
    bar.finish_and_clear();
    // The belt first, then people, then everything that is under way, then the daemon.
    shared.stop_belt.store(true, Ordering::Release);
    let people = Arc::clone(&door.shared);
    door.stop();
    let drained = outcome.and_then(|()| drain(&service, &shared));
    let at = shared.at.load(Ordering::Acquire);
    let results = drained.and_then(|()| results_of(address, &service, &people, &data));
    front.stop_answering();
    let end = service.stop(|durable| front.finish(durable))?;
    sim.stop()?;
    let mut store = results?;
    let differences = check_store(&data)?;
    for difference in &differences {
        eprintln!("wcs: the store is not what the journal says: {difference}");
    }
    store.differences = differences.len() as u64;
    let mut figures = figures(&demo, &data, &shared, end)?;
    figures.store = Some(store);
    figures.simulated_seconds = at as f64 / 1e9 * f64::from(speed);
    figures.wall_seconds = began.elapsed().as_secs_f64();
    let result = finish(options, &demo, figures, shown);
    if options.data.is_none() && std::fs::remove_dir_all(&data).is_err() {
        tracing::warn!(dir = %data.display(), "the temporary data directory could not be removed");
    }
    result
}

/// Where the daemon keeps what it has: a directory nobody else has used.
fn data_of(options: &DemoOptions) -> Result<PathBuf, Failure> {
    let data = options.data.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("wcs-demo-{}-{}", std::process::id(), crate::clock::wall_unix_ms()))
    });
    if data.join("journal").exists() {
        // A new simulator knows nothing of the loads in an old journal.
        let data = data.display();
        return Err(Failure::bad_input(format!(
            "{data} holds the journal of an earlier run: give another --data"
        )));
    }
    Ok(data)
}

/// What the supervisor has to do: the batches a host system would make of the order file.
fn work_of(options: &DemoOptions, demo: &Demo) -> Result<Work, Failure> {
    let batches = demo.source.batches(&options.order)?;
    Ok(Work {
        file: demo.source.file().to_vec(),
        mapping: MAPPING.to_owned(),
        waves: batches.iter().map(Wave::of).collect(),
        line: demo.plant.lines[0].id.clone(),
        quiet: Duration::from_nanos(QUIET.0 / u64::from(demo.setup.speed)),
    })
}

/// Fetches the results of every batch, as of everything that is on disk.
fn results_of(
    address: SocketAddr,
    service: &Service,
    door: &DoorShared,
    data: &Path,
) -> Result<StoreFigures, Failure> {
    let position = service.shared.durable_seq.load(Ordering::Acquire);
    let (results, pieces) = fetch_results(address, &door.made(), &data.join("results"), position)?;
    Ok(StoreFigures { results, results_pieces: i64::try_from(pieces).unwrap_or(i64::MAX), differences: 0 })
}

fn progress(demo: &Demo) -> ProgressBar {
    let bar = if demo.is_whole_file {
        ProgressBar::new(demo.groups.load_count())
    } else {
        ProgressBar::no_length()
    };
    let template = if demo.is_whole_file {
        "{elapsed_precise} [{bar:30}] {pos}/{len} loads {msg}"
    } else {
        "{elapsed_precise} {spinner} {pos} loads {msg}"
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is fixed"));
    bar
}

/// What is looked at while a demo runs.
struct Watched<'a> {
    options: &'a DemoOptions,
    demo: &'a Demo,
    service: &'a Service,
    sim: &'a SimHost,
    shared: &'a SimShared,
    door: &'a DoorShared,
}

fn watch(watched: &Watched<'_>, interrupt: &Interrupt, bar: &ProgressBar) -> Result<(), Failure> {
    let Watched { options, demo, service, sim, shared, door } = watched;
    let mut started_at = None;
    loop {
        std::thread::sleep(LOOK);
        bar.set_position(shared.finals.load(Ordering::Relaxed));
        let durable = service.shared.durable_seq.load(Ordering::Relaxed);
        bar.set_message(format!("inducted {}, record {durable}", shared.inducted.load(Ordering::Relaxed)));
        if service.has_failed() {
            return Err(Failure::not_ok("a thread of the daemon ended"));
        }
        if sim.is_finished() {
            return Err(Failure::not_ok("the simulator ended"));
        }
        if let Some(failure) = door.failure() {
            return Err(Failure::NotOk(failure));
        }
        if service.shared.is_fenced.load(Ordering::Acquire) {
            return Err(Failure::Fenced("a newer owner commands the sorter".into()));
        }
        // Until the orders are in and the first batch runs, there is nothing to see.
        if started_at.is_none() && door.is_started.load(Ordering::Acquire) {
            started_at = Some(Instant::now());
        }
        let ran = started_at.map_or(Duration::ZERO, |at| at.elapsed());
        let is_over = options.span.is_some_and(|span| ran >= Duration::from_nanos(span.0));
        if is_over || interrupt.is_asked() {
            return Ok(());
        }
        // Without a batch there is no permit: what still waits in front of the sorter stays there.
        let is_belt_empty = shared.on_belt.load(Ordering::Acquire) == 0;
        let is_done = door.is_finished.load(Ordering::Acquire) && is_belt_empty;
        if is_done && demo.is_whole_file {
            return Ok(());
        }
    }
}

/// Waits until the PLC keeps no event and every record is on disk.
fn drain(service: &Service, shared: &SimShared) -> Result<(), Failure> {
    let began = Instant::now();
    let mut quiet = 0;
    // Twice in a row, so that nothing was between PLC and journal when it was looked at.
    while quiet < 4 {
        if began.elapsed() > DRAIN_MAX {
            return Err(Failure::not_ok("events of the PLC were not acknowledged in time"));
        }
        std::thread::sleep(LOOK);
        let is_kept = shared.events_kept.load(Ordering::Acquire) != 0;
        let last = service.shared.last_seq.load(Ordering::Acquire);
        let is_pending = service.shared.durable_seq.load(Ordering::Acquire) != last;
        quiet = if is_kept || is_pending { 0 } else { quiet + 1 };
    }
    Ok(())
}

fn figures(demo: &Demo, data: &Path, shared: &SimShared, end: ServiceEnd) -> Result<Figures, Failure> {
    let history = read_history(data)?;
    let replayed = replay_dir(data);
    if let Err(failure) = &replayed {
        eprintln!("wcs: {failure}");
    }
    let (link, latency) = link_figures(&end.links);
    let faults = shared.faults.lock().expect("nobody panics while holding it").clone();
    tracing::info!(turns = end.turns, batches = end.journal.batches, plant = demo.plant.id, "stopped");
    Ok(Figures {
        journal: journal_figures(history.tally.records, &end),
        tally: history.tally,
        physical: std::mem::take(&mut shared.physical.lock().expect("nobody panics while holding it")),
        latency,
        link,
        faults,
        store: None,
        replay_verifies: replayed.is_ok(),
        simulated_seconds: 0.0,
        wall_seconds: 0.0,
    })
}
