//! Number "replay": how fast the journal of a 40 000 loads/h plant is followed from files (record decoding, core step,
//! comparison of every decision, fact and hash), and how long a start takes from the checkpoint that lies as far back
//! as the follower lets it: restore, checks of the newest segments, and replay of what is behind it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};
use wcs_engine::{Boot, EFFORT_MAX, Follower, Replay, boot};
use wcs_journal::{FileStorage, Options, Reader, Room, Storage, recover};
use wcs_sim::stack::Stack;
use wcs_types::{CORE_VERSION, MonoTime, Nanos, Plant, Seq};

use crate::virtual_time::{self, Work};

/// Replays `hours` of plant time; the journal lies in `dir` meanwhile.
pub(crate) fn measure(hours: u64, dir: &Path) -> Result<Value> {
    let (plant, simulated) = write_journal(Work::of_hours(hours), Some(hours), dir)?;
    let storage = FileStorage::open_read_only(dir)?;
    let last = recover(&storage)?.last_seq;
    let began = Instant::now();
    let mut replay = Replay::new(plant.clone(), CORE_VERSION);
    for entry in Reader::open(&storage, Seq(1), last)? {
        replay.follow(&entry?.record)?;
    }
    let wall = began.elapsed().as_secs_f64();
    ensure!(replay.records() == last.0, "every record is followed");
    let whole = time_boot(dir, &plant, Seq::NONE, last)?;
    let saved = Seq(last.0.saturating_sub(EFFORT_MAX));
    let (checkpoint_ms, checkpoint_size) = save(dir, &plant, saved)?;
    let restored = time_boot(dir, &plant, saved, last)?;
    std::fs::remove_dir_all(dir)?;
    Ok(json!({
        "records": last.0,
        "wall_seconds": wall,
        "records_per_second": last.0 as f64 / wall,
        "factor": simulated / wall,
        "start_whole_ms": whole,
        "start_restored_ms": restored,
        "start_replayed": last.0 - saved.0,
        "checkpoint_ms": checkpoint_ms,
        "checkpoint_size": checkpoint_size,
    }))
}

/// Hours within which any work is done.
const HOURS_MAX: u64 = 48;

/// Makes the journal in virtual time, of so many hours or until the work is done, and writes it to files; gives the
/// plant and its seconds.
pub(crate) fn write_journal(work: Work, hours: Option<u64>, dir: &Path) -> Result<(Plant, f64)> {
    let mut stack = Stack::new(virtual_time::setup(work)?)?;
    let limit = hours.unwrap_or(HOURS_MAX);
    let is_done = stack.run(MonoTime::ZERO + Nanos::from_secs(limit * 3_600))?;
    ensure!(is_done || hours.is_some(), "the work is not done");
    if !is_done {
        stack.drain()?;
    }
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    std::fs::create_dir_all(dir)?;
    let storage = stack.daemon().storage();
    for name in storage.list()? {
        let bytes = storage.bytes(&name).ok_or_else(|| anyhow!("{name} was listed"))?;
        std::fs::write(dir.join(name), bytes)?;
    }
    let simulated = stack.now().0 as f64 / 1e9;
    Ok((stack.daemon().engine().core().plant().clone(), simulated))
}

/// Milliseconds until a core stands at the end of the journal and can go on.
fn time_boot(dir: &Path, plant: &Plant, restored: Seq, last: Seq) -> Result<f64> {
    let began = Instant::now();
    let storage = FileStorage::open(dir)?;
    let options = Options { room: Room::default(), genesis: 1, trusted: Seq::NONE };
    let Boot { start, recovered, .. } = boot(storage, plant.clone(), options, |_| MonoTime::ZERO, |_| ())?;
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    ensure!((start.restored, recovered.last_seq) == (restored, last), "{start:?}");
    Ok(took)
}

/// Writes the checkpoint of one record; gives milliseconds and bytes.
fn save(dir: &Path, plant: &Plant, seq: Seq) -> Result<(f64, u64)> {
    let (mut follower, _) = Follower::start(FileStorage::open(dir)?, plant.clone())?;
    follower.follow(seq, usize::MAX)?;
    let began = Instant::now();
    ensure!(follower.checkpoint()?, "there was none");
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    Ok((took, std::fs::metadata(dir.join(wcs_journal::checkpoint_name(seq)))?.len()))
}
