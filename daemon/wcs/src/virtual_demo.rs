//! The demo in virtual time: the whole stack in one thread, as fast as it goes.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use wcs_journal::Storage;
use wcs_sim::ledger::LedgerWriter;
use wcs_sim::report::{JournalFigures, LinkFigures, Physical, Tally};
use wcs_sim::server::{FaultTargets, HostedSorter};
use wcs_sim::stack::{Stack, StackError, StackSetup, WireSetup};
use wcs_sim::supervisor::Supervisor;
use wcs_sim::world::Sorter;
use wcs_types::{MonoTime, Nanos};

use crate::arguments::DemoOptions;
use crate::demo::{Demo, QUIET};
use crate::exit::Failure;
use crate::fault_figures::fault_figures;
use crate::latency::percentiles;
use crate::replaying::verify_records;
use crate::reporting::{Figures, finish};
use crate::shown::Shown;

/// Time of one sync of the journal in virtual time.
const SYNC_TIME: Nanos = Nanos::from_micros(200);

pub(crate) fn run(options: &DemoOptions, demo: Demo, shown: Shown) -> Result<(), Failure> {
    let began = Instant::now();
    let physical = Rc::new(RefCell::new(Physical::default()));
    let targets = FaultTargets::default();
    let speed = demo.setup.speed;
    let quiet = Nanos(QUIET.0 / u64::from(speed));
    let sorter = Sorter::new(demo.setup.clone()).map_err(Failure::bad_input)?;
    let hosted = HostedSorter::new(sorter, demo.faults.clone(), targets.clone(), sink(options, &physical)?);
    let batches = demo.source.batches(&options.order)?;
    let setup = StackSetup {
        plant: demo.plant.clone(),
        sorter: hosted,
        targets,
        groups: demo.groups.groups.clone(),
        supervisor: Supervisor::new(batches, quiet),
        wire: WireSetup::default(),
        sync_time: SYNC_TIME,
        seed: options.order.seed,
        check_every: 1_000,
        checkpoint_every: 0,
    };
    let mut stack = Stack::new(setup).map_err(Failure::not_ok)?;
    let until = options.span.map_or(MonoTime(u64::MAX / 2), |span| MonoTime::ZERO + span);
    let is_done = stack.run(until).map_err(Failure::not_ok)?;
    if !is_done {
        stack.drain().map_err(Failure::not_ok)?;
    }
    let mut figures = figures(&mut stack, &demo)?;
    figures.simulated_seconds = stack.now().0 as f64 / 1e9 * f64::from(speed);
    figures.wall_seconds = began.elapsed().as_secs_f64();
    if let Some(data) = &options.data {
        keep_journal(&stack, data)?;
    }
    drop(stack);
    figures.physical = physical.take();
    finish(options, &demo, figures, shown)
}

/// Where the ledger of a single-threaded run goes: added up at once, and to a file where one is asked for.
fn sink(
    options: &DemoOptions,
    physical: &Rc<RefCell<Physical>>,
) -> Result<wcs_sim::server::LedgerSink, Failure> {
    let physical = Rc::clone(physical);
    let mut writer = match &options.ledger {
        Some(path) => {
            let place = |error| Failure::bad_input(format!("cannot write {}: {error}", path.display()));
            Some(LedgerWriter::new(std::fs::File::create(path).map_err(place)?))
        }
        None => None,
    };
    Ok(Box::new(move |event| {
        physical.borrow_mut().add(event);
        writer.as_mut().map_or(Ok(()), |writer| writer.write(event))
    }))
}

fn figures(stack: &mut Stack, demo: &Demo) -> Result<Figures, Failure> {
    let mut tally = Tally::default();
    let reader = stack.daemon().records().map_err(Failure::not_ok)?;
    let records = reader.map(|entry| entry.map(|entry| entry.record));
    let mut records = records.inspect(|record| {
        if let Ok(record) = record {
            tally.add(&demo.plant, record);
        }
    });
    let replay_verifies = verify_records(demo.plant.clone(), &mut records);
    drop(records);
    if let Err(failure) = &replay_verifies {
        eprintln!("wcs: {failure}");
    }
    stack
        .daemon()
        .engine()
        .core()
        .check_invariants()
        .map_err(|broken| Failure::not_ok(StackError::Invariant { at: stack.now(), broken }))?;
    let daemon = stack.daemon().figures();
    let journal = JournalFigures {
        records: tally.records,
        batches: daemon.batches,
        durable_seq: stack.daemon().durable_seq().0,
        fsync_us: wcs_sim::report::FsyncUs { p50: SYNC_TIME.as_micros(), p99: SYNC_TIME.as_micros() },
        stall_us_max: daemon.stall_max.as_micros(),
        follower: wcs_sim::report::FollowerFigures::default(),
    };
    let link = LinkFigures {
        evt_lost: daemon.evt_lost,
        window_full: daemon.window_full,
        induction_stops: daemon.induction_stops,
        reconnects: daemon.reconnects,
        stale_replies: stack.wire().stale_replies(),
    };
    let latency = daemon.latency_us.as_ref().map(percentiles).unwrap_or_default();
    let faults = fault_figures(stack.hosted());
    Ok(Figures {
        tally,
        physical: Physical::default(),
        latency,
        link,
        journal,
        faults,
        store: None,
        replay_verifies: replay_verifies.is_ok(),
        simulated_seconds: 0.0,
        wall_seconds: 0.0,
    })
}

/// Writes the journal of the memory disk to files, for whoever wants to look into it.
fn keep_journal(stack: &Stack, data: &Path) -> Result<(), Failure> {
    let dir = data.join("journal");
    if dir.exists() {
        let data = data.display();
        return Err(Failure::bad_input(format!(
            "{data} holds the journal of an earlier run: give another --data"
        )));
    }
    let place =
        |error: std::io::Error| Failure::bad_input(format!("cannot write {}: {error}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(place)?;
    let storage = stack.daemon().storage();
    for name in storage.list().map_err(Failure::not_ok)? {
        std::fs::write(dir.join(&name), storage.bytes(&name).unwrap_or_default()).map_err(place)?;
    }
    Ok(())
}
