//! `wcs run`: the daemon. Started again on the same data it goes on where it was.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wcs_sim::faults::DiskStall;
use wcs_sim::report::{Report, Verdict, own_account};
use wcs_sim::supervisor::Supervisor;
use wcs_specs::{load_calendar, load_plant};
use wcs_types::{LineId, Plant};

use crate::arguments::RunOptions;
use crate::exit::Failure;
use crate::feed_source::{FeedSource, check_chutes, read_text};
use crate::front::Front;
use crate::history::read_history;
use crate::interrupt::Interrupt;
use crate::json_file::write_json;
use crate::realtime::Realtime;
use crate::replaying::replay_dir;
use crate::reporting::{intake_sections, journal_figures, link_figures};
use crate::service::{CommandingAfter, Service, ServiceEnd};
use crate::service_manager::ServiceManager;
use crate::settings::Settings;
use crate::shown::Shown;
use crate::site_file::read_site;
use crate::watchdog::Watchdog;

const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn run(options: &RunOptions, shown: Shown) -> Result<(), Failure> {
    let began = Instant::now();
    let site = read_site(options.site.as_deref())?;
    let settings = Settings::of_run(options, &site)?;
    // Before any thread is started: all of them inherit from this one where they may run.
    let realtime = Realtime::prepare(&settings.realtime)?;
    let interrupt = Interrupt::listen().map_err(Failure::not_ok)?;
    let (text, name) = (read_text(&settings.plant)?, settings.plant.display().to_string());
    let plant = load_plant(&text, &name).map_err(Failure::bad_input)?;
    let calendar = load_calendar(&text, &name).map_err(Failure::bad_input)?;
    let source = options.order.orders.as_ref().map(|_| FeedSource::open(&options.order)).transpose()?;
    let batches = source.as_ref().map_or(Ok(Vec::new()), |source| source.batches(&options.order))?;
    check_chutes(&plant, &batches)?;
    let has_work = !batches.is_empty();
    let script = Supervisor::new(batches, options.quiet);
    std::fs::create_dir_all(&settings.data).map_err(|error| {
        Failure::bad_input(format!("cannot make the data directory {}: {error}", settings.data.display()))
    })?;
    let manager = ServiceManager::from_environment();
    if let Some(manager) = &manager {
        manager.tell("STATUS=reads the journal");
    }
    let disk = DiskStall::default();
    let service = Service::start(&plant, &settings.data, &settings.journal, script, disk, &realtime)?;
    let watchdog = manager
        .map(|manager| Watchdog::spawn(manager, Arc::clone(&service.shared), &realtime))
        .transpose()?;
    let front = settings.front.as_ref();
    let mut front =
        front.map(|front| Front::start(front, &plant, &calendar, &service, &realtime)).transpose()?;
    let ended = watch(
        &Watched { service: &service, front: front.as_ref(), plant: &plant, has_work, began, shown },
        &interrupt,
    );
    let fenced = service.shared.is_fenced.load(Ordering::Acquire);
    if let Some(watchdog) = watchdog {
        watchdog.stop();
    }
    if let Some(front) = &mut front {
        front.stop_answering();
    }
    let end = service.stop(|durable| {
        if let Some(front) = front {
            front.finish(durable);
        }
    })?;
    for (line, spec) in plant.lines.iter().enumerate() {
        tracing::info!(line, id = spec.id, batches = end.journal.batches, "stopped");
    }
    if fenced {
        return Err(Failure::Fenced("a newer owner commands the sorter; this process has stopped".into()));
    }
    ended?;
    let report = match &options.report {
        Some(path) => {
            let report = report(&settings.journal, source.as_ref(), &end, began)?;
            write_json(path, &report)?;
            Some(report)
        }
        None => None,
    };
    if shown == Shown::Json {
        shown.tell("stopped", &serde_json::json!({ "report": report }), String::new)?;
    }
    Ok(())
}

/// The daemon's own account of everything in its journal: of this process and of those before it.
fn report(
    journal: &Path,
    source: Option<&FeedSource>,
    end: &ServiceEnd,
    began: Instant,
) -> Result<Report, Failure> {
    let tally = read_history(journal)?.tally;
    let replayed = replay_dir(journal);
    let mut report = Report::default();
    let mut expected = tally.planned_pieces;
    if let Some(source) = source {
        let intake = source.intake()?;
        expected = i64::try_from(intake.pieces()).map_err(Failure::not_ok)?;
        (report.orders, report.lines) = intake_sections(&intake);
    }
    (report.loads, report.reconcile) = own_account(LineId(0), &tally, expected);
    (report.link, report.latency_us.scan_to_destination) = link_figures(&end.links);
    report.journal = journal_figures(tally.records, end);
    report.batches = tally.batches;
    report.chutes.rebound = tally.rebound;
    report.deadline = tally.deadline;
    report.wall_seconds = began.elapsed().as_secs_f64();
    // No factor between plant and wall is known here: the plant is taken for a real one.
    report.simulated_seconds = report.wall_seconds;
    report.judge(&Verdict {
        is_whole_file: source.is_some(),
        has_faults: true,
        is_first_scan: false,
        missorts_injected: 0,
        may_lose_events: false,
        all_faults_applied: true,
        replay_verifies: replayed.is_ok(),
        has_store: false,
    });
    Ok(report)
}

/// What is looked at while the daemon runs.
struct Watched<'a> {
    service: &'a Service,
    front: Option<&'a Front>,
    plant: &'a Plant,
    has_work: bool,
    began: Instant,
    shown: Shown,
}

fn watch(watched: &Watched<'_>, interrupt: &Interrupt) -> Result<(), Failure> {
    let Watched { service, front, plant, has_work, began, shown } = *watched;
    let mut address = None;
    loop {
        std::thread::sleep(LOOK);
        if address.is_none()
            && let Some(bound) = front.and_then(Front::bound)
        {
            let serving = serde_json::json!({ "address": bound.to_string() });
            shown.tell("serving", &serving, || format!("serving on http://{bound}"))?;
            address = Some(bound);
        }
        for after in service.take_commanding(began) {
            service.shared.lines_commanded.fetch_add(1, Ordering::AcqRel);
            tell_commanding(plant, &after, shown)?;
        }
        if service.has_failed() {
            return Err(Failure::not_ok("a thread of the daemon ended"));
        }
        if let Some(refusal) = service.shared.refusal.lock().expect("nobody panics while holding it").clone()
        {
            return Err(Failure::NotOk(refusal));
        }
        let is_fenced = service.shared.is_fenced.load(Ordering::Acquire);
        let is_done = has_work && service.shared.is_finished.load(Ordering::Acquire);
        if interrupt.is_asked() || is_fenced || is_done {
            return Ok(());
        }
    }
}

/// Says that a line is commanded, in the words of the device: it showed the permit, and had taken a destination.
fn tell_commanding(plant: &Plant, after: &CommandingAfter, shown: Shown) -> Result<(), Failure> {
    let id = &plant.lines[usize::from(after.line.0)].id;
    let first_taken = after.first_taken.map(|span| span.as_millis());
    let after_ms = after.proven.as_millis().max(1);
    let permit_ms = after.permit_accepted.as_millis();
    let told = serde_json::json!({
        "line": id,
        "after_ms": after_ms,
        "permit_accepted_after_ms": permit_ms,
        "first_destination_taken_after_ms": first_taken,
    });
    shown.tell("commanding", &told, || {
        let taken = first_taken.map_or("no load awaited a destination".to_owned(), |span| {
            format!("first destination taken after {span} ms")
        });
        format!("commanding after {after_ms} ms: line {id}, permit accepted after {permit_ms} ms, {taken}")
    })
}
