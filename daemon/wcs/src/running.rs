//! `wcs run`: the headless daemon. Started again on the same data it goes on where it was.

use std::sync::atomic::Ordering;
use std::time::Duration;

use wcs_sim::faults::DiskStall;
use wcs_sim::supervisor::Supervisor;
use wcs_specs::load_plant;

use crate::arguments::RunOptions;
use crate::exit::Failure;
use crate::feed_source::{FeedSource, read_text};
use crate::history::read_history;
use crate::interrupt::Interrupt;
use crate::json_file::write_json;
use crate::service::Service;

const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn run(options: &RunOptions) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let interrupt = Interrupt::listen().map_err(Failure::not_ok)?;
    let plant = load_plant(&read_text(&options.plant)?, &options.plant.display().to_string())
        .map_err(Failure::bad_input)?;
    let batches = match &options.order.orders {
        Some(_) => FeedSource::open(&options.order)?.batches(&options.order)?,
        None => Vec::new(),
    };
    let has_work = !batches.is_empty();
    let supervisor = Supervisor::new(batches, options.quiet);
    let service = Service::start(&plant, &options.data, supervisor, DiskStall::default(), began)?;
    let ended = watch(&service, &interrupt, has_work);
    let fenced = service.shared.is_fenced.load(Ordering::Acquire);
    let end = service.stop()?;
    for (line, spec) in plant.lines.iter().enumerate() {
        tracing::info!(line, id = spec.id, batches = end.journal.batches, "stopped");
    }
    if fenced {
        return Err(Failure::Fenced("a newer owner commands the sorter; this process has stopped".into()));
    }
    ended?;
    if let Some(path) = &options.report {
        let tally = read_history(&options.data)?.tally;
        let finals = tally.loads.values().filter(|load| load.is_counted()).count();
        write_json(
            path,
            &serde_json::json!({
                "batches": tally.batches,
                "batches_ended": tally.batches_ended,
                "loads": { "seen": tally.loads.len(), "finals": finals, "recirculated": tally.recirculated },
                "chutes": { "rebound": tally.rebound },
                "short_pieces": tally.shorts.iter().map(|short| u64::from(short.pieces)).sum::<u64>(),
                "deadline": { "late": tally.late },
                "journal": { "records": tally.records, "durable_seq": end.journal.durable_seq.0 },
            }),
        )?;
    }
    Ok(())
}

fn watch(service: &Service, interrupt: &Interrupt, has_work: bool) -> Result<(), Failure> {
    let mut is_told = false;
    loop {
        std::thread::sleep(LOOK);
        let commanding = service.shared.commanding_after_ms.load(Ordering::Acquire);
        if commanding != 0 && !is_told {
            is_told = true;
            println!("commanding after {commanding} ms");
        }
        if service.has_failed() {
            return Err(Failure::not_ok("a thread of the daemon ended"));
        }
        if let Some(refusal) = service.shared.refusal.lock().expect("nobody panics while holding it").clone() {
            return Err(Failure::NotOk(refusal));
        }
        let is_fenced = service.shared.is_fenced.load(Ordering::Acquire);
        let is_done = has_work && service.shared.is_finished.load(Ordering::Acquire);
        if interrupt.is_asked() || is_fenced || is_done {
            return Ok(());
        }
    }
}
