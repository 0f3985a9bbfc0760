//! The demo over a real loopback socket: simulator and daemon in one process, Modbus/TCP between them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use indicatif::{ProgressBar, ProgressStyle};
use wcs_sim::faults::DiskStall;
use wcs_sim::supervisor::Supervisor;
use wcs_types::Nanos;

use crate::arguments::DemoOptions;
use crate::demo::{Demo, QUIET};
use crate::exit::Failure;
use crate::history::read_history;
use crate::interrupt::Interrupt;
use crate::realtime::Realtime;
use crate::replaying::replay_dir;
use crate::reporting::{Figures, finish, journal_figures, link_figures};
use crate::service::{HandSortAsk, Service, ServiceEnd};
use crate::sim_host::{SimHost, SimSetup, SimShared, new_life};

/// How often the demo looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);
/// Time for what is on its way to reach the journal after the belt was stopped.
const DRAIN_MAX: Duration = Duration::from_secs(60);

pub(crate) fn run(options: &DemoOptions, mut demo: Demo) -> Result<(), Failure> {
    let interrupt = Interrupt::listen().map_err(Failure::not_ok)?;
    let began = Instant::now();
    let speed = demo.setup.speed;
    demo.setup.plc.first_epoch = new_life();
    let temporary = options.data.is_none();
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
    let stall = DiskStall::default();
    let shared = Arc::new(SimShared::default());
    let (asks, asked) = bounded::<HandSortAsk>(16);
    let sim = SimHost::start(SimSetup {
        setup: demo.setup.clone(),
        groups: demo.groups.groups.clone(),
        faults: demo.faults.clone(),
        link_name: demo.plant.links[0].id.clone(),
        stall: stall.clone(),
        listen: "127.0.0.1:0".into(),
        ledger: options.ledger.clone(),
        shared: Arc::clone(&shared),
        asks: Some(asks),
    })?;
    demo.plant.links[0].endpoint = sim.address().to_string();
    let supervisor = Supervisor::new(demo.source.batches(&options.order)?, Nanos(QUIET.0 / u64::from(speed)));
    let service =
        Service::start(&demo.plant, &data, &data.join("journal"), supervisor, stall, &Realtime::default())?;
    pass_on(asked, &service)?;
    let bar = progress(&demo);
    let outcome = watch(
        &Watched { options, demo: &demo, service: &service, sim: &sim, shared: &shared },
        &interrupt,
        &bar,
        began,
    );
    bar.finish_and_clear();
    // The belt first, then everything that is under way, then the daemon.
    shared.stop_belt.store(true, Ordering::Release);
    let drained = outcome.and_then(|()| drain(&service, &shared));
    let at = shared.at.load(Ordering::Acquire);
    let end = service.stop(|_| ())?;
    sim.stop()?;
    drained?;
    let mut figures = figures(&demo, &data, &shared, end)?;
    figures.simulated_seconds = at as f64 / 1e9 * f64::from(speed);
    figures.wall_seconds = began.elapsed().as_secs_f64();
    let result = finish(options, &demo, figures);
    if temporary && std::fs::remove_dir_all(&data).is_err() {
        tracing::warn!(dir = %data.display(), "the temporary data directory could not be removed");
    }
    result
}

/// People at the exception station talk to the daemon.
fn pass_on(asked: crossbeam_channel::Receiver<HandSortAsk>, service: &Service) -> Result<(), Failure> {
    let to_core = service.asks.clone();
    let pump = move || {
        while let Ok(ask) = asked.recv() {
            if to_core.send(ask).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("station".into()).spawn(pump).map_err(Failure::not_ok)?;
    Ok(())
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
}

fn watch(
    watched: &Watched<'_>,
    interrupt: &Interrupt,
    bar: &ProgressBar,
    began: Instant,
) -> Result<(), Failure> {
    let Watched { options, demo, service, sim, shared } = watched;
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
        if let Some(refusal) = service.shared.refusal.lock().expect("nobody panics while holding it").clone()
        {
            return Err(Failure::NotOk(refusal));
        }
        if service.shared.is_fenced.load(Ordering::Acquire) {
            return Err(Failure::Fenced("a newer owner commands the sorter".into()));
        }
        let is_over = options.span.is_some_and(|span| began.elapsed() >= Duration::from_nanos(span.0));
        if is_over || interrupt.is_asked() {
            return Ok(());
        }
        // Without a batch there is no permit: what still waits in front of the sorter stays there.
        let is_belt_empty = shared.on_belt.load(Ordering::Acquire) == 0;
        let is_done = service.shared.is_finished.load(Ordering::Acquire) && is_belt_empty;
        if is_done && (demo.is_whole_file || options.span.is_none()) {
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

fn figures(
    demo: &Demo,
    data: &std::path::Path,
    shared: &SimShared,
    end: ServiceEnd,
) -> Result<Figures, Failure> {
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
        replay_verifies: replayed.is_ok(),
        simulated_seconds: 0.0,
        wall_seconds: 0.0,
    })
}
